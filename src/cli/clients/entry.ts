import type { Client } from './client-table.ts';
import type { ServerEntry } from './config-format.ts';

/** What cmd does not take for text, outside quotes or inside. */
const metacharacters = /[&|<>^"]/;

/**
 * The entry that starts a bridge.
 *
 * @param words the server's URL and the options, as the bridge is to get them
 */
export function createEntry(
  client: Client,
  words: readonly string[],
  platform: NodeJS.Platform,
): ServerEntry {
  const npx = ['npx', '-y', 'mcp-drawbridge', ...words];
  const isWrapped = platform === 'win32' && client.onWindows === 'wrap';
  const [command = '', ...args] = isWrapped ? ['cmd', '/c', ...npx] : npx;
  return { ...(client.typed && { type: 'stdio' }), command, args };
}

/** Whether two entries start the same; what a client or the user has added (env, disabled, …) does not count. */
export function startsTheSame(a: ServerEntry, b: ServerEntry): boolean {
  return a.command === b.command && JSON.stringify(a.args ?? []) === JSON.stringify(b.args ?? []);
}

/** Whether an entry starts this program, in whatever way. */
export function isOurs({ command, args }: ServerEntry): boolean {
  const words = [command, ...(Array.isArray(args) ? args : [])];
  return words.some(
    (word) => typeof word === 'string' && /(^|[\\/])mcp-drawbridge(@[^\\/]*|\.js)?$/.test(word),
  );
}

/** The entry that replaces another: one of ours keeps what was added to it. */
export function replacement(old: ServerEntry, entry: ServerEntry): ServerEntry {
  return isOurs(old) ? { ...old, ...entry } : entry;
}

/** The words that a shell between the client and the bridge would take apart; only Windows has one there. */
export function unsafeWords(client: Client, words: readonly string[], platform: NodeJS.Platform): string[] {
  if (platform !== 'win32' || client.onWindows === 'direct') return [];
  return words.filter((word) => metacharacters.test(word));
}
