import { DrawbridgeError } from '../errors.ts';

const MAX_LENGTH = 2048;
/** Blanks, controls and backslashes, which the WHATWG parser drops or turns round. */
const unsafe = /[\u0000-\u0020\u007f-\u00a0\\]/;

/**
 * The MCP server's URL as the user typed it: https, or plain http to this machine or with `--allow-http`.
 * The checks come before parsing where the WHATWG parser would silently repair (tabs, line breaks, backslashes).
 *
 * @throws DrawbridgeError `usage`
 */
export function parseServerUrl(text: string, { allowHttp }: { allowHttp: boolean }): URL {
  if (text.length > MAX_LENGTH) fail(`is longer than ${MAX_LENGTH} characters`);
  if (unsafe.test(text)) fail('holds a blank, a control character or a backslash');
  if (!URL.canParse(text)) fail('is not a URL; it should read https://host/path');
  const url = new URL(text);
  if (url.protocol !== 'https:' && url.protocol !== 'http:') fail('must begin with https://');
  if (url.username || url.password) fail('holds a user name or password; pass credentials with --header');
  if (url.hash || text.includes('#')) fail('has a fragment (#…)');
  if (url.protocol === 'http:' && !isLoopback(url) && !allowHttp) {
    fail(
      `is plain http to another machine (${url.hostname}); use https, or --allow-http if you trust the network`,
    );
  }
  return url;
}

/**
 * A URL that a server has named (metadata, endpoints): https, and plain http or this very machine only where the MCP
 * server is on it too ("loopback island") [1-3]. The text is checked before it is parsed, since a parser would repair it.
 *
 * @param server the MCP server's URL as the user typed it
 * @returns undefined where it must not be used
 */
export function parseNamedUrl(text: unknown, server: URL): URL | undefined {
  if (typeof text !== 'string' || text.length > MAX_LENGTH || unsafe.test(text) || text.includes('#'))
    return undefined;
  if (!/^https?:\/\//i.test(text) || !URL.canParse(text)) return undefined;
  const url = new URL(text);
  if (url.username || url.password || url.hostname === '') return undefined;
  if (isLoopback(url) && !isLoopback(server)) return undefined;
  const isIsland = isLoopback(server) && /^(127\.0\.0\.1|\[::1\]|(.*\.)?localhost)$/.test(url.hostname);
  return url.protocol === 'https:' || isIsland ? url : undefined;
}

/** Whether a URL points at this machine: 127.0.0.0/8, ::1, or localhost and its subdomains (RFC 6761 section 6.3). */
export function isLoopback(url: URL): boolean {
  const host = url.hostname;
  return /^127\.\d+\.\d+\.\d+$/.test(host) || host === '[::1]' || /(^|\.)localhost\.?$/.test(host);
}

function fail(problem: string): never {
  throw new DrawbridgeError('usage', `The server's URL ${problem}.`);
}
