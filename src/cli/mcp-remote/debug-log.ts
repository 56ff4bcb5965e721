import { accessSync, constants, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { idOf } from '../../credentials/ids.ts';
import { stateFolder } from '../../platform/paths.ts';

/**
 * `--debug`: mcp-remote logs all to stderr, and to a file of the connection's in its own folder; so does a bridge here.
 * Without a folder that can be written to it is stderr alone.
 *
 * @param words what else is given
 * @param command undefined for a bridge
 * @param notes where the file is told
 */
export async function debugLogWords(
  words: readonly string[],
  url: string | undefined,
  command: string | undefined,
  env: NodeJS.ProcessEnv,
  notes: string[],
): Promise<string[]> {
  const level = '--log-level=debug';
  const hasFile = env.MCP_DRAWBRIDGE_LOG_FILE || words.some((word) => /^--log-file(=|$)/.test(word));
  if (command !== undefined || hasFile || url === undefined || !URL.canParse(url)) return [level];
  try {
    const folder = join(await stateFolder(env), 'logs');
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    accessSync(folder, constants.W_OK);
    const host = new URL(url).hostname.replace(/[^\w.-]/g, '_').slice(0, 100);
    const file = join(folder, `${host}-${idOf('log', url).slice(0, 8)}.log`);
    notes.push(`--debug logs to ${file} as well`);
    return [level, `--log-file=${file}`];
  } catch {
    return [level];
  }
}
