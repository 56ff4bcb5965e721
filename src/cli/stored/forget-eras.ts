import { rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { EraFile } from '../../bridge/era/era-file.ts';

/**
 * Forgets what was found out about a server. It is no secret, so that it may stay where it can't be deleted.
 *
 * @param folder where all that the program keeps is
 */
export function forgetEra(folder: string, server: string, profile: string): void {
  remove(new EraFile(folder, server, profile).path);
}

/** Forgets what was found out about any server. */
export function forgetAllEras(folder: string): void {
  remove(dirname(new EraFile(folder, '', '').path));
}

function remove(path: string): void {
  try {
    rmSync(path, { recursive: true, force: true });
  } catch {
    // Whoever reads it goes by what the server says in the end.
  }
}
