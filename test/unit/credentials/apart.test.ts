import { describe, expect, test } from 'vitest';
import { askedFor, findOwnConnections, isAlike, signInId } from '../../../src/credentials/apart.ts';
import { connectionId } from '../../../src/credentials/ids.ts';
import type { ConnectionRecord } from '../../../src/credentials/record.ts';
import type { CredentialStore } from '../../../src/credentials/store.ts';
import type { SignInSettings } from '../../../src/settings.ts';
import {
  connectionRecord,
  newStore,
  SERVER,
  signInSettings,
  storeConnection,
} from '../helpers/oauth-parts.ts';

const ONE = 'https://tenant1.example/';
const TWO = 'https://tenant2.example/';

let time = 0;
/** Stores a sign-in that was asked for so. */
function signedIn(
  store: CredentialStore,
  accessToken: string,
  signIn: Partial<SignInSettings> = {},
  more: Partial<ConnectionRecord> = {},
) {
  const asked = askedFor(signInSettings(signIn));
  const resource = signIn.resource === undefined ? SERVER : signIn.resource;
  const record = connectionRecord({ accessToken, resource, ...asked, signedInAt: ++time, ...more });
  return storeConnection(store, record);
}

const tokensFor = (store: CredentialStore, signIn: Partial<SignInSettings> = {}) =>
  findOwnConnections(store, SERVER, signInSettings(signIn)).map(({ record }) => record.accessToken);

describe('sign-ins to one server are kept apart', () => {
  test('by the resource that is asked for', async () => {
    const { store } = newStore();
    await signedIn(store, 'plain');
    await signedIn(store, 'one', { resource: ONE });
    await signedIn(store, 'two', { resource: TWO });
    expect(tokensFor(store, { resource: ONE })).toEqual(['one']);
    expect(tokensFor(store, { resource: TWO })).toEqual(['two']);
    expect(tokensFor(store, { resource: 'https://tenant3.example/' })).toEqual([]);
    // Not the latest, but the one that was asked for alike.
    expect(tokensFor(store)).toEqual(['plain']);
    expect(tokensFor(store, { resource: null })).toEqual(['plain']);
    expect(tokensFor(store, { profile: 'work' })).toEqual([]);
  });

  test('who asks for nothing takes what there is, and for a resource one that is found by metadata does', async () => {
    const { store } = newStore();
    await signedIn(store, 'one', { resource: ONE });
    await signedIn(store, 'two', { resource: TWO });
    expect(tokensFor(store)).toEqual(['two', 'one']);
    const other = newStore().store;
    await signedIn(other, 'plain');
    expect(tokensFor(other, { resource: SERVER })).toEqual(['plain']);
  });

  test('by parameters, unless the kept one was made without any', async () => {
    const { store } = newStore();
    const alice = { authorizeParams: { login_hint: 'alice', audience: 'a' } };
    const bob = { authorizeParams: { audience: 'a', login_hint: 'bob' } };
    await signedIn(store, 'plain');
    expect(tokensFor(store, alice)).toEqual(['plain']);
    await signedIn(store, 'alice', alice);
    await signedIn(store, 'bob', bob);
    expect(tokensFor(store, { authorizeParams: { audience: 'a', login_hint: 'alice' } })).toEqual(['alice']);
    expect(tokensFor(store, bob)).toEqual(['bob']);
    expect(tokensFor(store)).toEqual(['plain']);
  });

  test('a personal token is for all', async () => {
    const { store } = newStore();
    await signedIn(store, 'one', { resource: ONE });
    await signedIn(store, 'personal', {}, { resource: null, personalToken: true });
    for (const resource of [ONE, TWO, undefined]) expect(tokensFor(store, { resource })[0]).toBe('personal');
  });
});

test('a sign-in under way is another one where other things are asked for', () => {
  const ids = [
    {},
    { resource: ONE },
    { resource: TWO },
    { authorizeParams: { a: 'b' } },
    { profile: 'work' },
  ].map((signIn) => signInId(SERVER, signInSettings(signIn)));
  expect(new Set(ids).size).toBe(ids.length);
  expect(ids[0]).toBe(connectionId(SERVER, 'default'));
  expect(signInId(SERVER, signInSettings({ resource: null }))).toBe(ids[0]);
  for (const id of ids) expect(id).toMatch(/^[0-9a-f]{32}$/);
});

test('a new sign-in takes the place of one that was asked for alike only', () => {
  const plain = connectionRecord();
  const one = connectionRecord({ resource: ONE, isResourceChosen: true });
  const asks = (signIn: Partial<SignInSettings>) => signInSettings(signIn);
  expect([isAlike(plain, asks({})), isAlike(plain, asks({ resource: ONE }))]).toEqual([true, false]);
  expect([isAlike(one, asks({ resource: ONE })), isAlike(one, asks({ resource: TWO }))]).toEqual([
    true,
    false,
  ]);
  expect(isAlike(one, asks({}))).toBe(false);
});
