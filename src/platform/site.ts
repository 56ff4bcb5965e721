import { getPublicSuffix } from 'tough-cookie';

/** Whether two URLs belong to the same site: the same host, or the same name below a public suffix. */
export function isSameSite(one: URL, other: URL): boolean {
  if (one.hostname === other.hostname) return true;
  const [first, second] = [siteOf(one), siteOf(other)];
  return first !== undefined && first === second;
}

/** The registrable domain; undefined for an address, and for a name that has none. */
function siteOf({ hostname }: URL): string | undefined {
  if (/^\[|^[\d.]+$/.test(hostname)) return undefined;
  return getPublicSuffix(hostname, { allowSpecialUseDomain: true, ignoreError: true });
}
