import { createHash } from 'node:crypto';

/**
 * What mcp-remote tells connections apart by: the MD5 of the URL as it was typed and of all else that was given. Names of
 * its files begin with it, and the callback port is made of it.
 *
 * @param parts what was given besides, in the order of mcp-remote; what was not is left out
 */
export function mcpRemoteHash(url: string, parts: readonly (string | undefined)[]): string {
  return createHash('md5')
    .update([url, ...parts.filter((part) => part)].join('|'))
    .digest('hex');
}

/** As mcp-remote writes names and values; undefined where there are none. */
export function sortedJson(values: Readonly<Record<string, string>>): string | undefined {
  const names = Object.keys(values).sort();
  return names.length > 0 ? JSON.stringify(values, names) : undefined;
}

/** Headers as mcp-remote reads them, before it puts anything in the place of their variables. */
export function mcpRemoteHeaders(lines: readonly string[]): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const line of lines) {
    const [, name, value] = /^([A-Za-z0-9_-]+):\s*(.*)$/.exec(line) ?? [];
    if (name !== undefined && value !== undefined) headers[name] = value;
  }
  return headers;
}

/** The callback port that mcp-remote takes where none is given, from 3335 to 49150. */
export function mcpRemotePort(hash: string): number {
  return 3335 + (Number.parseInt(hash.slice(0, 4), 16) % 45_816);
}
