import { dirname, resolve } from 'node:path';
import { DrawbridgeError, displayText } from '../../errors.ts';
import type { Client } from './client-table.ts';
import { type ConfigFile, configError, createFolder, isThere, readConfigFile } from './config-file.ts';
import { ConfigFault, type ConfigFormat } from './config-format.ts';
import { jsonConfig } from './json-config.ts';
import type { ConfigLocation } from './place.ts';
import { tomlConfig } from './toml-config.ts';
import type { World } from './world.ts';

/** A client's configuration, read, and the way to change it. */
export interface Configuration {
  location: ConfigLocation;
  file: ConfigFile;
  format: ConfigFormat;
}

/**
 * @param named the user's choice in place of the client's own file
 * @throws DrawbridgeError `client-config`
 */
export async function openConfiguration(
  client: Client,
  named: string | undefined,
  { place }: World,
): Promise<Configuration> {
  const location = named === undefined ? client.location(place) : chosenLocation(named);
  const format = client.format === 'toml' ? tomlConfig(client.container) : jsonConfig(client);
  return { location, file: await readConfigFile(location.file), format };
}

/**
 * Creates the folder of a configuration, where what it lies in is there.
 *
 * @returns whether it was missing
 * @throws DrawbridgeError `client-config`
 */
export async function ensureFolder(client: Client, { file, anchor }: ConfigLocation): Promise<boolean> {
  if (isThere(dirname(file))) return false;
  if (!isThere(anchor))
    throw configError(`${client.title} has no configuration here: this folder is missing`, anchor);
  await createFolder(dirname(file));
  return true;
}

/**
 * Does something with the text of a configuration.
 *
 * @throws DrawbridgeError `client-config` with line and column where that is broken
 */
export function withText<T>({ file }: Configuration, work: (text: string) => T): T {
  try {
    return work(file.text);
  } catch (error) {
    if (!(error instanceof ConfigFault)) throw error;
    const { position } = error;
    const where = position ? `, line ${position.line}, column ${position.column}` : '';
    throw new DrawbridgeError(
      'client-config',
      `The configuration can't be changed and is left as it is: ${displayText(error.message, 150)}${where}, in ${displayText(file.path, 250)}`,
      {},
      error,
    );
  }
}

/** One folder may be missing, such as .vscode in a project. */
function chosenLocation(named: string): ConfigLocation {
  const file = resolve(named);
  return { file, anchor: dirname(dirname(file)) };
}
