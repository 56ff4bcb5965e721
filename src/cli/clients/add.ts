import { DrawbridgeError, displayText } from '../../errors.ts';
import { buildSettings } from '../build-settings.ts';
import type { OptionValues } from '../options.ts';
import type { ClientId } from './client-ids.ts';
import { type Client, clients } from './client-table.ts';
import { configError, writeConfigFile } from './config-file.ts';
import { ensureFolder, openConfiguration, withText } from './configuration.ts';
import { createEntry, replacement, startsTheSame, unsafeWords } from './entry.ts';
import { textDiff } from './text-diff.ts';
import { variablesHint, warningsFor } from './warnings.ts';
import { realWorld, type World } from './world.ts';

export interface AddRequest {
  client: ClientId;
  /** How the client is to call the server. */
  name: string;
  url: string;
  /** The options of the bridge as they were given, word by word. */
  words: readonly string[];
  /** The same, parsed. */
  given: OptionValues;
  configFile: string | undefined;
  force: boolean;
  dryRun: boolean;
}

/**
 * `add`: writes an entry that starts the bridge into the configuration of a client.
 *
 * @returns the exit code
 * @throws DrawbridgeError `usage`, `client-config`
 */
export async function runAdd(request: AddRequest, world: World = realWorld()): Promise<number> {
  const { name, url, given } = request;
  const client = clients[request.client];
  checkName(client, name);
  buildSettings(url, given, anyVariable);

  const words = [url, ...request.words];
  const entry = createEntry(client, words, world.place.platform);
  const configuration = await openConfiguration(client, request.configFile, world);
  const { file, format, location } = configuration;
  const existing = withText(configuration, (text) => format.find(text, name));
  if (existing && startsTheSame(existing, entry)) {
    world.say(`"${name}" is already there, just so: ${displayText(file.path, 400)}`);
    return 0;
  }
  if (existing && !request.force)
    throw configError(`"${name}" is already there and starts something else; --force replaces it`, file.path);
  const after = withText(configuration, (text) =>
    format.set(text, name, existing ? replacement(existing, entry) : entry),
  );

  for (const warning of warnings(client, request, words, world)) world.say(`Note: ${warning}`);
  if (request.dryRun) {
    const path = displayText(file.path, 400);
    world.print(textDiff({ text: file.text, ...(file.bytes && { path }) }, { text: after, path }));
    return 0;
  }
  if (await ensureFolder(client, location))
    world.say(
      `Note: The folder of ${client.title} was missing and has been created; is ${client.title} installed?`,
    );
  const backup = await writeConfigFile(file, after, world.now());
  world.say(`Added "${name}" to ${client.title}: ${displayText(file.path, 400)}`);
  if (backup !== undefined) world.say(`As it was before: ${displayText(backup, 400)}`);
  const hint = variablesHint(client, words);
  if (hint !== undefined) world.say(hint);
  world.say(client.next);
  return 0;
}

/** @throws DrawbridgeError `usage` */
function checkName({ title, names, namesAre }: Client, name: string): void {
  if (!names.test(name))
    throw new DrawbridgeError('usage', `A server's name in ${title} must be 1 to 64 ${namesAre}.`);
}

function warnings(
  client: Client,
  { name, url, given }: AddRequest,
  words: string[],
  { place }: World,
): string[] {
  const { nameAdvice } = client;
  return [
    ...(nameAdvice?.when.test(name) ? [nameAdvice.say] : []),
    ...warningsFor(client, url, given),
    ...unsafeWords(client, words, place.platform).map(
      (word) =>
        `Windows starts npx through cmd, which may take the & | < > ^ or " in ${word === url ? "the server's URL" : `"${displayText(word.split(/[=:]/)[0] ?? '', 40)}…"`} for its own.`,
    ),
  ];
}

/**
 * The options are checked as they will be read in the client, whose variables are not those here: each has some value,
 * and none sets an option.
 */
const anyVariable: NodeJS.ProcessEnv = new Proxy<NodeJS.ProcessEnv>(
  {},
  {
    get: (_, name) => someValue(name),
    getOwnPropertyDescriptor: (_, name) => {
      const value = someValue(name);
      return value === undefined
        ? undefined
        : { value, configurable: true, enumerable: true, writable: true };
    },
  },
);

function someValue(name: string | symbol): string | undefined {
  return typeof name === 'symbol' || /^(MCP_DRAWBRIDGE|MCP_REMOTE|NODE)_/.test(name) ? undefined : 'value';
}
