import { DrawbridgeError } from '../errors.ts';

const MAX_LENGTH = 2048;

/**
 * The MCP server's URL as the user typed it: https, or plain http to this machine or with `--allow-http`.
 * The checks come before parsing where the WHATWG parser would silently repair (tabs, line breaks, backslashes).
 *
 * @throws DrawbridgeError `usage`
 */
export function parseServerUrl(text: string, { allowHttp }: { allowHttp: boolean }): URL {
  if (text.length > MAX_LENGTH) fail(`is longer than ${MAX_LENGTH} characters`);
  if (/[\u0000-\u0020\u007f-\u00a0\\]/.test(text)) fail('holds a blank, a control character or a backslash');
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

/** Whether a URL points at this machine: 127.0.0.0/8, ::1, or localhost and its subdomains (RFC 6761 section 6.3). */
export function isLoopback(url: URL): boolean {
  const host = url.hostname;
  return /^127\.\d+\.\d+\.\d+$/.test(host) || host === '[::1]' || /(^|\.)localhost\.?$/.test(host);
}

function fail(problem: string): never {
  throw new DrawbridgeError('usage', `The server's URL ${problem}.`);
}
