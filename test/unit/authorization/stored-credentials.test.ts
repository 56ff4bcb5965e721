import { describe, expect, test, vi } from 'vitest';
import type { AuthorizationRequest } from '../../../src/authorization/grants/authorization-code.ts';
import { put, recordLock, saveSignIn } from '../../../src/authorization/stored-credentials.ts';
import type { TokenSet } from '../../../src/authorization/token-endpoint.ts';
import { connectionId } from '../../../src/credentials/ids.ts';
import { findConnections } from '../../../src/credentials/record.ts';
import {
  connectionRecord,
  ISSUER,
  newStore,
  publicClient,
  SERVER,
  serverMetadata,
  signInTask,
  storeConnection,
} from '../helpers/oauth-parts.ts';

const tokens: TokenSet = {
  accessToken: 'new',
  expiresIn: 60,
  refreshToken: 'r',
  scope: 'a',
  tokenType: 'Bearer',
  idToken: undefined,
};
const request = (more: Partial<AuthorizationRequest> = {}): AuthorizationRequest => ({
  url: '',
  state: 'the-state',
  verifier: 'the-verifier',
  server: serverMetadata({ revocationEndpoint: `${ISSUER}/revoke` }),
  client: publicClient,
  redirectUri: 'http://127.0.0.1:1/callback',
  scope: 'a b',
  resource: SERVER,
  ...more,
});

describe('what a sign-in has given', () => {
  test('is stored with all that a refresh needs without discovery [19, 21]', async () => {
    const { store } = newStore();
    const before = Date.now();
    const record = await saveSignIn(store, signInTask(), request(), tokens);
    const { signedInAt, obtainedAt, expiresAt, ...rest } = record;
    expect(rest).toEqual({
      schema: 1,
      server: SERVER,
      profile: 'default',
      issuer: ISSUER,
      resource: SERVER,
      client: publicClient,
      tokenEndpoint: `${ISSUER}/token`,
      revocationEndpoint: `${ISSUER}/revoke`,
      tokenType: 'Bearer',
      accessToken: 'new',
      refreshToken: 'r',
      requestedScope: 'a b',
      scope: 'a',
    });
    expect(signedInAt).toBeGreaterThanOrEqual(before);
    expect([obtainedAt, expiresAt]).toEqual([signedInAt, signedInAt + 60_000]);
    expect(findConnections(store, SERVER, 'default').map((found) => found.record)).toEqual([record]);
    // [56]: state and verifier are never on the disk.
    expect(JSON.stringify(record)).not.toMatch(/the-state|the-verifier/);
  });

  test('A-83: without a scope in the answer, what was granted is what was asked for', async () => {
    const { store } = newStore();
    const answer = { ...tokens, scope: undefined, expiresIn: undefined, refreshToken: undefined };
    const asked = await saveSignIn(store, signInTask(), request(), answer);
    expect([asked.scope, asked.requestedScope]).toEqual(['a b', 'a b']);
    expect(asked).not.toHaveProperty('expiresAt');
    expect(asked).not.toHaveProperty('refreshToken');
    const nothing = await saveSignIn(store, signInTask(), request({ scope: undefined }), answer);
    expect(nothing).not.toHaveProperty('scope');
    expect(nothing).not.toHaveProperty('requestedScope');
  });

  test('replaces what there was of the same issuer, as whatever client and for whatever resource', async () => {
    const { store } = newStore();
    await storeConnection(store, connectionRecord());
    await storeConnection(store, connectionRecord({ client: { ...publicClient, id: 'pruned' } }));
    await storeConnection(store, connectionRecord({ resource: null }));
    await saveSignIn(store, signInTask(), request(), tokens);
    expect(findConnections(store, SERVER, 'default').map(({ record }) => record.accessToken)).toEqual([
      'new',
    ]);
  });

  test('but keeps those that were asked for otherwise: two tenants of one server', async () => {
    const { store } = newStore();
    const tenants = ['https://one.example/', 'https://two.example/'];
    for (const resource of [...tenants, ...tenants]) {
      const answer = { ...tokens, accessToken: `for ${resource}` };
      await saveSignIn(store, signInTask({ signIn: { resource } }), request({ resource }), answer);
    }
    await saveSignIn(store, signInTask(), request(), tokens);
    expect(findConnections(store, SERVER, 'default').map(({ record }) => record.accessToken)).toEqual([
      'new',
      ...tenants.map((resource) => `for ${resource}`).reverse(),
    ]);
  });

  test('[27]: but keeps those of another issuer, and of another profile (R10)', async () => {
    const { store } = newStore();
    await storeConnection(store, connectionRecord({ issuer: 'https://old.example', accessToken: 'old' }));
    await storeConnection(store, connectionRecord({ profile: 'work', accessToken: 'work' }));
    await saveSignIn(store, signInTask(), request(), tokens);
    expect(findConnections(store, SERVER, 'default').map(({ record }) => record.accessToken)).toEqual([
      'new',
      'old',
    ]);
    expect(findConnections(store, SERVER, 'work').map(({ record }) => record.accessToken)).toEqual(['work']);
  });

  test('under the lock of the record, which a refresh takes too [57]', async () => {
    const { store } = newStore();
    const name = recordLock(connectionId(SERVER, 'default'));
    const lock = await store.lock(name, 0);
    const saved = saveSignIn(store, signInTask(), request(), tokens);
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(findConnections(store, SERVER, 'default')).toEqual([]);
    await lock?.release();
    await saved;
    const again = await store.lock(name, 0);
    expect(again).toBeDefined();
    await again?.release();
  });

  test('where the lock is not to be had, that is told', async () => {
    const { store } = newStore();
    vi.spyOn(store, 'lock').mockResolvedValue(undefined);
    await expect(saveSignIn(store, signInTask(), request(), tokens)).rejects.toMatchObject({
      reason: 'credential-store',
    });
  });
});

test('the last word counts, whoever else writes', async () => {
  const { store } = newStore();
  const id = 'a'.repeat(64);
  await Promise.all([1, 2, 3].map((value) => put(store, 'memory', id, value)));
  expect(await put(store, 'memory', id, 'last')).toBe(store.read('memory', id)?.generation);
  expect(store.read('memory', id)?.value).toBe('last');
});

test('another fault of the store is no reason to try again', async () => {
  const { store } = newStore();
  const write = vi.spyOn(store, 'write').mockRejectedValue(new Error('disk full'));
  await expect(put(store, 'memory', 'a'.repeat(64), 1)).rejects.toThrow('disk full');
  expect(write.mock.calls.length).toBe(1);
});
