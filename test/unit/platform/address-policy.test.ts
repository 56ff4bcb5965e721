import type { lookup } from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';
import { describe, expect, test } from 'vitest';
import { addressPolicyFor, guardedLookup, isAllowedAddress } from '../../../src/platform/address-policy.ts';

/** A name server with one answer to everything, and the names that were asked for. */
function resolver(...addresses: string[]): { resolve: typeof lookup; asked: string[] } {
  const asked: string[] = [];
  const resolve = (name: string, _options: object, done: (...given: unknown[]) => void): void => {
    asked.push(name);
    if (addresses.length === 0) done(Object.assign(new Error('not found'), { code: 'ENOTFOUND' }));
    else
      done(
        null,
        addresses.map((address) => ({ address, family: isIP(address) })),
      );
  };
  return { resolve: resolve as unknown as typeof lookup, asked };
}

/** What net.connect is given for a name. */
function look(guarded: LookupFunction, all: boolean): Promise<unknown> {
  return new Promise((resolve, reject) => {
    guarded('as.example', { all } as Parameters<LookupFunction>[1], (error, address, family) =>
      error ? reject(error) : resolve(all ? address : [address, family]),
    );
  });
}

describe('an address that a server names [10]', () => {
  test.each([
    '93.184.216.34',
    '8.8.8.8',
    '172.32.0.1',
    '192.0.1.1',
    '100.128.0.1',
    '11.0.0.1',
    '2606:4700::1111',
    '::ffff:8.8.8.8',
  ])('%s is open to all', (address) => {
    expect(isAllowedAddress(address, 'public')).toBe(true);
  });

  test.each([
    '127.0.0.1',
    '127.255.0.1',
    '0.0.0.0',
    '0.1.2.3',
    '10.0.0.1',
    '172.16.0.1',
    '172.31.255.255',
    '192.168.1.1',
    '100.64.0.1',
    '198.18.0.1',
    '224.0.0.1',
    '255.255.255.255',
    '::',
    '::1',
    '::7f00:1',
    'fc00::1',
    'fd12:3456::1',
    'ff02::1',
    '64:ff9b::10.0.0.1',
    '2002:7f00:1::',
    '::ffff:127.0.0.1',
    '::ffff:7f00:1',
    '::ffff:192.168.0.1',
  ])('%s is for a server on a private network only', (address) => {
    expect(isAllowedAddress(address, 'public')).toBe(false);
    expect(isAllowedAddress(address, 'private-too')).toBe(true);
  });

  test.each([
    '169.254.169.254',
    '169.254.0.1',
    '::ffff:169.254.169.254',
    '64:ff9b::169.254.169.254',
    'fe80::1',
    'fe80::1%1',
    'febf::1',
    'fd00:ec2::254',
  ])('%s never is', (address) => {
    expect(isAllowedAddress(address, 'public')).toBe(false);
    expect(isAllowedAddress(address, 'private-too')).toBe(false);
  });
});

describe('the guarded look-up [10, T9]', () => {
  test('gives the allowed addresses only, of one look-up', async () => {
    const { resolve, asked } = resolver('10.0.0.1', '93.184.216.34', '::1', '2606:4700::1111');
    const guarded = guardedLookup('public', resolve);
    expect(await look(guarded, true)).toEqual([
      { address: '93.184.216.34', family: 4 },
      { address: '2606:4700::1111', family: 6 },
    ]);
    expect(await look(guarded, false)).toEqual(['93.184.216.34', 4]);
    expect(asked).toEqual(['as.example', 'as.example']);
  });

  test.each(['127.0.0.1', '10.0.0.1', '169.254.169.254', '::ffff:127.0.0.1', '::1'])(
    'T8: a name that is %s is refused, and the sentence says so without the address',
    async (address) => {
      const guarded = guardedLookup('public', resolver(address).resolve);
      for (const all of [true, false]) {
        await expect(look(guarded, all)).rejects.toMatchObject({
          reason: 'authorization-server',
          message: expect.stringContaining('as.example'),
        });
      }
    },
  );

  test('hands on that the name is not known', async () => {
    const guarded = guardedLookup('public', resolver().resolve);
    await expect(look(guarded, true)).rejects.toMatchObject({ code: 'ENOTFOUND' });
  });

  test('hands on the wanted family', () => {
    let seen: unknown;
    const resolve = ((_name: string, options: object) => {
      seen = options;
    }) as unknown as typeof lookup;
    guardedLookup('public', resolve)('as.example', { family: 4, all: false }, () => {});
    expect(seen).toEqual({ family: 4, all: true });
  });
});

describe('whose neighbours are allowed', () => {
  const policy = (url: string, ...addresses: string[]) =>
    addressPolicyFor(new URL(url), resolver(...addresses).resolve);

  test.each([
    ['https://93.184.216.34/mcp', 'public'],
    ['http://127.0.0.1:3000/mcp', 'private-too'],
    ['http://[::1]/mcp', 'private-too'],
    ['https://192.168.1.5/mcp', 'private-too'],
    ['https://[::ffff:10.0.0.1]/mcp', 'private-too'],
    ['https://0177.0.0.1/mcp', 'private-too'],
    ['https://2130706433/mcp', 'private-too'],
    ['http://localhost/mcp', 'private-too'],
    ['http://mcp.localhost/mcp', 'private-too'],
  ])('%s: %s', async (url, expected) => {
    expect(await policy(url, '93.184.216.34')).toBe(expected);
  });

  test('of a name, all addresses have to be private', async () => {
    expect(await policy('https://mcp.corp/', '10.0.0.1', 'fd00::1')).toBe('private-too');
    expect(await policy('https://mcp.corp/', '10.0.0.1', '93.184.216.34')).toBe('public');
    expect(await policy('https://notlocalhost/', '93.184.216.34')).toBe('public');
  });

  test('a name that is not known counts as public', async () => {
    expect(await policy('https://mcp.example/')).toBe('public');
  });
});
