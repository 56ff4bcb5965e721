import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { networkError } from './network-errors.ts';

/**
 * The addresses of a URL's host, as a connection would find them.
 *
 * @returns undefined where the host is an address itself
 * @throws DrawbridgeError `unreachable` where the name is not known, or nobody could be asked
 */
export async function lookUpHost(url: URL, ipv4Only: boolean): Promise<string[] | undefined> {
  const host = url.hostname.replace(/^\[|\]$/g, '');
  if (isIP(host)) return undefined;
  try {
    const found = await lookup(host, { all: true, ...(ipv4Only && { family: 4 }) });
    return found.map(({ address }) => address);
  } catch (error) {
    throw networkError(error, url.host);
  }
}
