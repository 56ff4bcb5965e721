import type { IncomingMessage } from 'node:http';

/** The status that a request gets which is no callback. */
export type Refusal = 204 | 403 | 404 | 405;

/** Where the receiver is reached, as a genuine callback names it. */
export interface Address {
  /** `127.0.0.1:port` or `localhost:port`. */
  authority: string;
  /** Begins with a slash. */
  path: string;
}

/** Longest values, in characters; all of it has to fit into the header limit anyway [43]. */
const longest = new Map([
  ['code', 4096],
  ['state', 1024],
  ['iss', 2048],
  ['error', 256],
]);
/** RFC 6749 appendix A.5 and A.11: visible ASCII and blanks. */
const visible = /^[\x20-\x7e]+$/;

/**
 * The checks on a request before anything in it is believed, in this order: method, path, Host, fetch metadata [29, 38,
 * 39]. A top-level navigation of a browser passes; what a page of another origin can make a browser send does not.
 *
 * @returns undefined where the request may be a callback
 */
export function refusalOf(request: IncomingMessage, { authority, path }: Address): Refusal | undefined {
  const { method, url = '', headers } = request;
  if (method !== 'GET' || headers.upgrade !== undefined) return 405;
  if (url === '/favicon.ico') return 204;
  // Compared as it came: an absolute-form target or dot segments are no callback.
  if (pathOf(url) !== path) return 404;
  // A name that an attacker lets point here (DNS rebinding) is not ours. Node would take the first of several.
  if (valuesOf(request, 'host').join() !== authority) return 403;
  return isNavigation(request) ? undefined : 403;
}

/**
 * The parameters of a callback, each there once and of a sound form [29].
 *
 * @returns undefined where they are not sound
 */
export function callbackParameters(url: string): URLSearchParams | undefined {
  const params = new URLSearchParams(url.slice(pathOf(url).length));
  const names = [...params.keys()];
  if (new Set(names).size !== names.length || names.some((name) => /[[\]\0]/.test(name))) return undefined;
  for (const [name, value] of params) if (!isSound(name, value)) return undefined;
  return params;
}

function isSound(name: string, value: string): boolean {
  const limit = longest.get(name);
  return limit === undefined ? !value.includes('\0') : value.length <= limit && visible.test(value);
}

function pathOf(url: string): string {
  const end = url.indexOf('?');
  return end < 0 ? url : url.slice(0, end);
}

/**
 * A link that the user follows, as far as the browser tells (W3C Fetch Metadata); older ones, and programs that play the
 * browser, tell nothing.
 */
function isNavigation(request: IncomingMessage): boolean {
  const { headers } = request;
  if (headers.origin !== undefined) return false;
  const {
    'sec-fetch-mode': mode = 'navigate',
    'sec-fetch-dest': destination,
    'sec-fetch-site': site,
  } = headers;
  // `fetch` of Node says `cors` and no more, and is no page's: browsers name the site and the destination as well.
  const isScript = mode === 'cors' && site === undefined && destination === undefined;
  if (mode !== 'navigate' && !isScript) return false;
  if ((destination ?? 'document') !== 'document') return false;
  return !['sec-purpose', 'purpose', 'x-moz'].some((name) => /prefetch|prerender/i.test(`${headers[name]}`));
}

function valuesOf({ rawHeaders }: IncomingMessage, name: string): string[] {
  return rawHeaders.filter((_, index) => index % 2 === 1 && rawHeaders[index - 1]?.toLowerCase() === name);
}
