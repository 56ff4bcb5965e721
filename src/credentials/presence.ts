import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { connectionId } from './ids.ts';

/**
 * Whether credentials are kept for a connection, told from the names of files alone: a start without any is spared the
 * loading of what could open them.
 *
 * @param folder of the credential store
 */
export function hasCredentials(folder: string, server: string, profile: string): boolean {
  const prefix = `${connectionId(server, profile)}-`;
  try {
    return readdirSync(join(folder, 'connections')).some((name) => name.startsWith(prefix));
  } catch {
    return false; // where it can't be read, the store will say why once it is needed
  }
}
