import { createHash } from 'node:crypto';
import {
  calculateJwkThumbprint,
  decodeJwt,
  decodeProtectedHeader,
  EmbeddedJWK,
  importJWK,
  jwtVerify,
} from 'jose';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { Dpop, generateDpopKey, type ProofSigner } from '../../../src/authorization/dpop.ts';
import { parseConnectionRecord } from '../../../src/credentials/record.ts';
import { connectionRecord } from '../helpers/oauth-parts.ts';

const URL_OF_MCP = 'https://mcp.example/mcp';
const NOW = 1_700_000_000_000;
const key = generateDpopKey();

afterEach(() => vi.useRealTimers());

const proofOf = (signer: ProofSigner, url = URL_OF_MCP, method = 'POST'): string =>
  signer.headers(method, url).DPoP as string;
const claimsOf = (signer: ProofSigner, url?: string) => decodeJwt(proofOf(signer, url));
const dpopChallenge = (error: string) => ({ 'www-authenticate': `DPoP error="${error}", algs="ES256"` });
const dateOf = (time: number): string => new Date(time).toUTCString();

describe('a proof (RFC 9449 section 4.2) [X-18, X-20, X-21]', () => {
  test('every claim, as jose has it', async () => {
    const before = Math.floor(Date.now() / 1000);
    const proof = proofOf(new Dpop(key).signer('the-token'), `${URL_OF_MCP}?key=1#part`, 'DELETE');
    const { payload, protectedHeader } = await jwtVerify(proof, EmbeddedJWK, { typ: 'dpop+jwt' });
    const { d: _private, ...publicKey } = key;
    expect(protectedHeader).toEqual({ typ: 'dpop+jwt', alg: 'ES256', jwk: publicKey });
    expect(payload).toEqual({
      jti: expect.stringMatching(/^[\w-]{36}$/),
      htm: 'DELETE',
      htu: URL_OF_MCP,
      iat: expect.any(Number),
      ath: createHash('sha256').update('the-token').digest('base64url'),
    });
    expect(payload.iat).toBeGreaterThanOrEqual(before);
    expect(payload.iat).toBeLessThanOrEqual(Date.now() / 1000);
  });

  test('the example of the RFC: its token has its hash (section 7.1)', () => {
    const signer = new Dpop(key).signer('Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU');
    expect(claimsOf(signer).ath).toBe('fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo');
  });

  test('to an authorization server has no ath', () => {
    expect(claimsOf(new Dpop(key).signer())).not.toHaveProperty('ath');
  });

  test('no two have the same jti, not even of one exchange', () => {
    const dpop = new Dpop(key);
    const signer = dpop.signer('t');
    const ids = Array.from({ length: 500 }, (_, at) => claimsOf(at % 2 ? signer : dpop.signer('t')).jti);
    expect(new Set(ids).size).toBe(500);
  });

  test.each([
    ['https://a.example/mcp?x=1', 'https://a.example/mcp'],
    ['https://a.example/mcp#x', 'https://a.example/mcp'],
    ['https://a.example/?x=1?y\n#z', 'https://a.example/'],
    ['http://127.0.0.1:8080/a%20b/', 'http://127.0.0.1:8080/a%20b/'],
  ])('of %j has the htu %s', (url, htu) => {
    expect(claimsOf(new Dpop(key).signer('t'), url).htu).toBe(htu);
  });

  test('the private key never leaves, nor does it with JSON', () => {
    const dpop = new Dpop(key);
    const proof = proofOf(dpop.signer('t'));
    expect(decodeProtectedHeader(proof).jwk).not.toHaveProperty('d');
    expect(Buffer.from(proof, 'base64url').toString()).not.toContain(key.d);
    expect(JSON.stringify(dpop.signer('t'))).toBe('{}');
  });
});

describe('a key', () => {
  test('is another each time, and one that others can use', async () => {
    expect(generateDpopKey().d).not.toBe(generateDpopKey().d);
    await expect(importJWK({ ...key }, 'ES256')).resolves.toBeDefined();
  });

  test('its thumbprint is that of RFC 7638 (dpop_jkt)', async () => {
    for (let tries = 0; tries < 5; tries++) {
      const one = generateDpopKey();
      expect(new Dpop(one).thumbprint).toBe(await calculateJwkThumbprint({ ...one }, 'sha256'));
    }
  });

  test('survives being stored', () => {
    const record = connectionRecord({ tokenType: 'DPoP', dpopKey: key });
    const read = parseConnectionRecord(JSON.parse(JSON.stringify(record)));
    expect(read?.dpopKey).toEqual(key);
    expect(new Dpop(read?.dpopKey ?? generateDpopKey()).thumbprint).toBe(new Dpop(key).thumbprint);
  });

  test.each([
    ['none', undefined],
    ['one of another curve', { ...key, crv: 'P-384' }],
    ['one without its private part', { ...key, d: undefined }],
    ['one with a part too short', { ...key, d: 'AA' }],
    ['a text', 'key'],
  ])('a record of a bound token with %s is none', (_name, dpopKey) => {
    const record = { ...connectionRecord({ tokenType: 'DPoP' }), dpopKey };
    expect(parseConnectionRecord(record)).toBeUndefined();
  });

  test('that is no point of the curve is told of, without itself', () => {
    const make = () => new Dpop({ ...key, x: 'A'.repeat(43) });
    expect(make).toThrow(/sign in again/);
    expect(make).not.toThrow(key.d);
  });
});

describe('nonces (RFC 9449 sections 8 and 9) [X-22]', () => {
  test('are taken from any answer, and used from then on', () => {
    const dpop = new Dpop(key);
    const first = dpop.signer('t');
    expect(claimsOf(first)).not.toHaveProperty('nonce');
    expect(first.repeats(200, { 'dpop-nonce': 'n1' })).toBe(false);
    expect(claimsOf(dpop.signer('t')).nonce).toBe('n1');
    expect(first.repeats(500, { 'dpop-nonce': 'n2' })).toBe(false);
    expect(claimsOf(dpop.signer('other')).nonce).toBe('n2');
  });

  test('belong to an origin, and to the role that its server has', () => {
    const dpop = new Dpop(key);
    const note = (token: string | undefined, url: string, nonce: string): void => {
      const signer = dpop.signer(token);
      signer.headers('POST', url);
      signer.repeats(200, { 'dpop-nonce': nonce });
    };
    note('t', 'https://one.example/mcp', 'resource');
    note(undefined, 'https://one.example/token', 'issuer');
    note('t', 'https://two.example/mcp', 'another');
    const nonceFor = (token: string | undefined, url: string) => claimsOf(dpop.signer(token), url).nonce;
    expect(nonceFor('t', 'https://one.example/other')).toBe('resource');
    expect(nonceFor(undefined, 'https://one.example/par')).toBe('issuer');
    expect(nonceFor('t', 'https://two.example/')).toBe('another');
    expect(nonceFor(undefined, 'https://two.example/')).toBeUndefined();
    expect(nonceFor('t', 'https://one.example:8443/')).toBeUndefined();
  });

  test('one that is asked for repeats the request, once', () => {
    const signer = new Dpop(key).signer('t');
    proofOf(signer);
    const ask = (nonce: string) =>
      signer.repeats(401, { ...dpopChallenge('use_dpop_nonce'), 'dpop-nonce': nonce });
    expect(ask('n1')).toBe(true);
    expect(claimsOf(signer).nonce).toBe('n1');
    expect(ask('n2')).toBe(false);
  });

  test('of a token endpoint: by its error, with 400', () => {
    const signer = new Dpop(key).signer();
    proofOf(signer);
    expect(signer.repeats(400, { 'dpop-nonce': 'n1' }, 'invalid_grant')).toBe(false);
    expect(signer.repeats(400, { 'dpop-nonce': 'n2' }, 'use_dpop_nonce')).toBe(true);
  });

  test.each([
    ['none', undefined],
    ['an empty one', ''],
    ['one with a blank', 'a b'],
    ['two', 'one, two'],
    ['one with a quote', 'a"b'],
    ['one with a backslash', 'a\\b'],
    ['one beyond ASCII', 'ä'],
    ['one of 2 KiB', 'x'.repeat(2048)],
  ])('%s is not used, and repeats nothing', (_name, nonce) => {
    const dpop = new Dpop(key);
    const signer = dpop.signer('t');
    proofOf(signer);
    const headers = {
      ...dpopChallenge('use_dpop_nonce'),
      ...(nonce !== undefined && { 'dpop-nonce': nonce }),
    };
    expect(signer.repeats(401, headers)).toBe(false);
    expect(claimsOf(dpop.signer('t'))).not.toHaveProperty('nonce');
  });

  test('the one that was refused repeats nothing', () => {
    const dpop = new Dpop(key);
    const first = dpop.signer('t');
    proofOf(first);
    first.repeats(200, { 'dpop-nonce': 'same' });
    const signer = dpop.signer('t');
    proofOf(signer);
    expect(signer.repeats(401, { ...dpopChallenge('use_dpop_nonce'), 'dpop-nonce': 'same' })).toBe(false);
  });

  test.each([200, 202, 403, 404, 500])('nothing is repeated after %i', (status) => {
    const signer = new Dpop(key).signer('t');
    proofOf(signer);
    expect(signer.repeats(status, { ...dpopChallenge('use_dpop_nonce'), 'dpop-nonce': 'n' })).toBe(false);
  });

  test('a Bearer challenge asks for no nonce', () => {
    const signer = new Dpop(key).signer('t');
    proofOf(signer);
    const headers = { 'www-authenticate': 'Bearer error="use_dpop_nonce"', 'dpop-nonce': 'n' };
    expect(signer.repeats(401, headers)).toBe(false);
  });
});

describe('clocks (RFC 9449 section 11.1) [X-26]', () => {
  const at = (signer: ProofSigner): number => Number(claimsOf(signer).iat) * 1000;

  test.each([600_000, -600_000, 4_000])('%i ms ahead is put right once a proof was refused', (ahead) => {
    vi.useFakeTimers({ now: NOW });
    const dpop = new Dpop(key);
    const signer = dpop.signer('t');
    expect(at(signer)).toBe(NOW);
    const headers = { ...dpopChallenge('invalid_dpop_proof'), date: dateOf(NOW + ahead) };
    expect(signer.repeats(401, headers)).toBe(true);
    expect(at(signer)).toBe(NOW + ahead);
    expect(signer.repeats(401, headers)).toBe(false);
    expect(at(dpop.signer('t'))).toBe(NOW + ahead);
    // Another server's clock is another matter.
    expect(Number(claimsOf(dpop.signer('t'), 'https://two.example/').iat) * 1000).toBe(NOW);
  });

  test.each([
    ['the clocks agree', dateOf(NOW + 1_000)],
    ['nothing tells the time', undefined],
    ['what tells it is nonsense', 'yesterday'],
  ])('where %s, nothing is repeated', (_name, date) => {
    vi.useFakeTimers({ now: NOW });
    const signer = new Dpop(key).signer('t');
    proofOf(signer);
    const headers = { ...dpopChallenge('invalid_dpop_proof'), ...(date !== undefined && { date }) };
    expect(signer.repeats(401, headers)).toBe(false);
    expect(at(signer)).toBe(NOW);
  });

  test('a token that is refused has other reasons, unless the clock is far off', () => {
    vi.useFakeTimers({ now: NOW });
    const signer = new Dpop(key).signer('t');
    proofOf(signer);
    const refuse = (ahead: number) =>
      signer.repeats(401, { ...dpopChallenge('invalid_token'), date: dateOf(NOW + ahead) });
    expect(refuse(10_000)).toBe(false);
    expect(refuse(120_000)).toBe(true);
    expect(refuse(240_000)).toBe(false);
  });

  test('that was put right is put right again when it changes', () => {
    vi.useFakeTimers({ now: NOW });
    const dpop = new Dpop(key);
    const refused = (): boolean => {
      const signer = dpop.signer('t');
      proofOf(signer);
      return signer.repeats(401, { ...dpopChallenge('invalid_dpop_proof'), date: dateOf(NOW + 600_000) });
    };
    expect(refused()).toBe(true);
    expect(refused()).toBe(false);
    vi.setSystemTime(NOW + 600_000);
    expect(refused()).toBe(true);
    expect(at(dpop.signer('t'))).toBe(NOW + 600_000);
  });

  test('a nonce and the clock are repaired in one exchange, and nothing more', () => {
    vi.useFakeTimers({ now: NOW });
    const signer = new Dpop(key).signer('t');
    const refuse = (error: string, nonce: string) => {
      proofOf(signer);
      const date = dateOf(NOW + 600_000);
      return signer.repeats(401, { ...dpopChallenge(error), date, 'dpop-nonce': nonce });
    };
    expect(refuse('invalid_dpop_proof', 'a')).toBe(true);
    expect(refuse('use_dpop_nonce', 'b')).toBe(true);
    expect(refuse('invalid_dpop_proof', 'c')).toBe(false);
    expect(refuse('use_dpop_nonce', 'd')).toBe(false);
  });
});
