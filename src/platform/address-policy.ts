import { type LookupAddress, lookup } from 'node:dns';
import { BlockList, isIP, type LookupFunction } from 'node:net';
import { DrawbridgeError } from '../errors.ts';

/** Which addresses a host that a server has named may have. */
export type AddressPolicy = 'public' | 'private-too';

const linkLocal = new BlockList();
linkLocal.addSubnet('169.254.0.0', 16); // cloud metadata services live here
linkLocal.addSubnet('fe80::', 10, 'ipv6');
linkLocal.addSubnet('64:ff9b::a9fe:0', 112, 'ipv6'); // 169.254.0.0/16 through NAT64
linkLocal.addAddress('fd00:ec2::254', 'ipv6'); // the metadata service of one cloud, on a private address

// IANA's special-purpose registries (RFC 6890): what is not another machine of the Internet.
const internal = new BlockList();
for (const [network, prefix] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
] as const)
  internal.addSubnet(network, prefix);
for (const [network, prefix] of [
  ['::', 96], // ::1, and IPv4 addresses in the old embedded form
  ['64:ff9b::', 96],
  ['64:ff9b:1::', 48],
  ['100::', 64],
  ['2001::', 23],
  ['2002::', 16],
  ['fc00::', 7],
  ['fec0::', 10],
  ['ff00::', 8],
] as const)
  internal.addSubnet(network, prefix, 'ipv6');

/**
 * Whether a connection to an address is allowed. Link-local addresses never are; loopback, private, shared and
 * multicast ones only where the MCP server itself is on such a network [10].
 *
 * @param address an IPv4 or IPv6 address, without brackets
 */
export function isAllowedAddress(address: string, policy: AddressPolicy): boolean {
  // `::ffff:10.0.0.1` is 10.0.0.1; BlockList looks through the mapped form by itself.
  const family = isIP(address) === 6 ? 'ipv6' : 'ipv4';
  if (linkLocal.check(address, family)) return false;
  return policy === 'private-too' || !internal.check(address, family);
}

/**
 * A look-up for `net.connect` that gives allowed addresses only: the address that was checked is the one that is
 * connected to, whatever the name resolves to a moment later [10].
 *
 * @param resolve the system's look-up, replaced in tests
 */
export function guardedLookup(policy: AddressPolicy, resolve: typeof lookup = lookup): LookupFunction {
  return (hostname, options, callback) => {
    resolve(hostname, { ...options, all: true }, (error, addresses: LookupAddress[]) => {
      if (error) return callback(error, []);
      const allowed = addresses.filter(({ address }) => isAllowedAddress(address, policy));
      const [first] = allowed;
      if (!first) return callback(addressRefused(hostname), []);
      if (options.all) callback(null, allowed);
      else callback(null, first.address, first.family);
    });
  };
}

export function addressRefused(host: string): DrawbridgeError {
  return new DrawbridgeError(
    'authorization-server',
    `The server names the host ${host.slice(0, 100)}, which is an address of this machine or network; nothing is sent there.`,
  );
}

/**
 * The policy that holds for what a server names: its own neighbours are allowed to a server on a private network.
 *
 * @param url the MCP server's URL
 */
export async function addressPolicyFor(url: URL, resolve: typeof lookup = lookup): Promise<AddressPolicy> {
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const isPrivate = (address: string): boolean => !isAllowedAddress(address, 'public');
  if (isIP(host)) return isPrivate(host) ? 'private-too' : 'public';
  if (/(^|\.)localhost\.?$/.test(host)) return 'private-too';
  const addresses = await new Promise<LookupAddress[]>((done) => {
    resolve(host, { all: true }, (error, found) => done(error ? [] : found));
  });
  return addresses.length > 0 && addresses.every(({ address }) => isPrivate(address))
    ? 'private-too'
    : 'public';
}
