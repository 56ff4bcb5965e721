import type { OAuthHttp } from '../../platform/oauth-http.ts';
import { type CallbackHost, callbackHosts } from '../../settings.ts';

/** Where a loopback redirect is received; the port 0 stands for any. */
export interface Redirect {
  host: CallbackHost;
  port: number;
  path: string;
}

/** A document that does not come soon is done without, in milliseconds. */
const PATIENCE = 3_000;

/**
 * The loopback redirects that a client ID metadata document lists: whoever hosts one may have written it for another
 * program, mcp-remote above all, whose redirects are others than ours.
 *
 * @param url the document's, which is the client id
 * @returns none where it can't be read: the authorization server has the last word
 */
export async function documentRedirects(http: OAuthHttp, url: string): Promise<Redirect[]> {
  try {
    const headers = { Accept: 'application/json' };
    const { status, json } = await http.request(new URL(url), { method: 'GET', headers, timeout: PATIENCE });
    const listed = status === 200 ? json?.redirect_uris : undefined;
    return Array.isArray(listed) ? listed.flatMap(redirectOf) : [];
  } catch {
    return [];
  }
}

function redirectOf(text: unknown): Redirect[] {
  // As it stands: it will be compared as a text.
  const [, name, port = '0', path] =
    /^http:\/\/([a-z0-9.]+)(?::([1-9]\d{0,4}))?(\/[A-Za-z0-9._~/-]{0,128})$/.exec(String(text)) ?? [];
  const host = callbackHosts.find((one) => one === name);
  if (host === undefined || path === undefined || Number(port) > 65_535) return [];
  return [{ host, port: Number(port), path }];
}
