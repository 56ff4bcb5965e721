import { displayText } from '../../errors.ts';
import type { ClientId } from './client-ids.ts';
import { clients } from './client-table.ts';
import { backupsOf, configError, deleteConfigFile, readBackup, writeConfigFile } from './config-file.ts';
import { ConfigFault, type ServerEntry } from './config-format.ts';
import { type Configuration, openConfiguration, withText } from './configuration.ts';
import { isOurs } from './entry.ts';
import { textDiff } from './text-diff.ts';
import { realWorld, type World } from './world.ts';

/** How many backups are looked at for the state before `add`. */
const BACKUPS = 20;

export interface RemoveRequest {
  client: ClientId;
  name: string;
  configFile: string | undefined;
  force: boolean;
  dryRun: boolean;
}

/**
 * `remove`: takes an entry that starts the bridge out of the configuration of a client.
 *
 * @returns the exit code
 * @throws DrawbridgeError `client-config`
 */
export async function runRemove(request: RemoveRequest, world: World = realWorld()): Promise<number> {
  const { name } = request;
  const client = clients[request.client];
  const configuration = await openConfiguration(client, request.configFile, world);
  const { file, format } = configuration;
  const existing = withText(configuration, (text) => format.find(text, name));
  if (existing === undefined)
    throw configError(
      `${client.title} has no server "${displayText(name, 70)}" in its configuration`,
      file.path,
    );
  if (!isOurs(existing) && !request.force)
    throw configError(
      `"${displayText(name, 70)}" does not start mcp-drawbridge; --force removes it all the same`,
      file.path,
    );

  const after = await without(configuration, name, existing);
  const path = displayText(file.path, 400);
  if (request.dryRun) {
    world.print(
      textDiff({ text: file.text, path }, after === undefined ? { text: '' } : { text: after, path }),
    );
    return 0;
  }
  const backup =
    after === undefined
      ? await deleteConfigFile(file, world.now())
      : await writeConfigFile(file, after, world.now());
  world.say(`Removed "${name}" from ${client.title}: ${path}`);
  world.say(`As it was before: ${displayText(backup ?? '', 400)}`);
  world.say(`Restart ${client.title}, if it runs, so that it notices.`);
  return 0;
}

/**
 * The text without an entry: exactly what it was before `add`, if nothing else has happened since.
 *
 * @returns undefined where there was no file then
 */
async function without(
  configuration: Configuration,
  name: string,
  entry: ServerEntry,
): Promise<string | undefined> {
  const { file, format } = configuration;
  const isAddedTo = (text: string): boolean => {
    try {
      return format.find(text, name) === undefined && format.set(text, name, entry) === file.text;
    } catch (error) {
      if (error instanceof ConfigFault) return false;
      throw error;
    }
  };
  for (const backup of (await backupsOf(file)).slice(0, BACKUPS)) {
    const text = await readBackup(backup).catch(() => undefined);
    if (text?.startsWith(file.mark) && isAddedTo(text.slice(file.mark.length)))
      return text.slice(file.mark.length);
  }
  return isOurs(entry) && isAddedTo('')
    ? undefined
    : withText(configuration, (text) => format.remove(text, name));
}
