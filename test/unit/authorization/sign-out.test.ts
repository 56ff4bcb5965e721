import { setTimeout } from 'node:timers/promises';
import { beforeAll, describe, expect, test } from 'vitest';
import { CredentialInUse } from '../../../src/authorization/credential-in-use.ts';
import { connectionsIn, identityProvidersOf, signOut } from '../../../src/authorization/sign-out.ts';
import { LOCK_PATIENCE, recordLock } from '../../../src/authorization/stored-credentials.ts';
import { unusedRegistrations } from '../../../src/authorization/unused-registrations.ts';
import { connectionId, idOf } from '../../../src/credentials/ids.ts';
import type { RegistrationRecord } from '../../../src/credentials/record.ts';
import type { CredentialStore } from '../../../src/credentials/store.ts';
import {
  connectionRecord,
  ISSUER,
  newStore,
  publicClient,
  SERVER,
  settingsFor,
  storeConnection,
} from '../helpers/oauth-parts.ts';
import { recordingLogger } from '../helpers/recording-logger.ts';

const connection = connectionId(SERVER, 'default');
const nothingToEnd = async (): Promise<void> => {};

describe('signOut', () => {
  test('deletes the records of all issuers and of no other connection', async () => {
    const { store } = newStore();
    await storeConnection(store, connectionRecord());
    await storeConnection(store, connectionRecord({ issuer: 'https://old.example' }));
    const other = await storeConnection(store, connectionRecord({ profile: 'work' }));
    const { records, unread } = await signOut(store, connection, nothingToEnd);
    expect(records.map(({ issuer }) => issuer).sort()).toEqual([ISSUER, 'https://old.example']);
    expect([unread, store.list('connection')]).toEqual([0, [other.id]]);
    expect(connectionsIn(store)).toEqual([connectionId(SERVER, 'work')]);
  });

  test('deletes what it can not read', async () => {
    const { store } = newStore();
    const { id, generation } = await storeConnection(store, connectionRecord());
    await store.write('connection', id, { schema: 2 }, generation);
    const { records, unread } = await signOut(store, connection, nothingToEnd);
    expect([records, unread, store.list('connection')]).toEqual([[], 1, []]);
  });

  test('waits for a renewal, rules out an import before the deletion, and what comes late is refused [60]', async () => {
    const { store } = newStore();
    const { id, generation, record } = await storeConnection(store, connectionRecord());
    const lock = await store.lock(recordLock(connection), LOCK_PATIENCE);
    let filesThen: string[] = [];
    const done = signOut(store, connection, async () => {
      filesThen = store.list('connection');
    });
    const newer = await store.write('connection', id, { ...record, accessToken: 'access-2' }, generation);
    expect(store.list('connection')).toEqual([id]);
    await lock?.release();
    const { records } = await done;
    expect(records.map(({ accessToken }) => accessToken)).toEqual(['access-2']);
    expect(filesThen).toEqual([id]);
    await expect(store.write('connection', id, record, newer)).rejects.toMatchObject({ found: 0 });
    expect(store.list('connection')).toEqual([]);
  });
});

describe('a running bridge', () => {
  // It looks once a second, and the first second is that of this process.
  beforeAll(() => setTimeout(Math.max(0, 1100 - performance.now())));

  const inUseOf = (store: CredentialStore): CredentialInUse =>
    new CredentialInUse(settingsFor(), store, recordingLogger().log);

  test('drops credentials that are deleted', async () => {
    const { store } = newStore();
    await storeConnection(store, connectionRecord());
    const inUse = inUseOf(store);
    inUse.load();
    expect(inUse.value).toBe('Bearer access-1');
    await signOut(store, connection, nothingToEnd);
    inUse.look();
    expect([inUse.value, inUse.current]).toEqual([undefined, undefined]);
  });

  test('drops them also where they went between a renewal and its look at the file [60]', async () => {
    const { store } = newStore();
    const stored = await storeConnection(store, connectionRecord());
    const inUse = inUseOf(store);
    inUse.load();
    await signOut(store, connection, nothingToEnd);
    inUse.renewed({ ...stored, record: { ...stored.record, accessToken: 'access-2' } }, 'refreshed');
    expect(inUse.value).toBe('Bearer access-2');
    inUse.look();
    expect(inUse.value).toBeUndefined();
  });
});

describe('unusedRegistrations', () => {
  const registration: RegistrationRecord = {
    schema: 1,
    issuer: ISSUER,
    redirectUri: 'http://127.0.0.1:1/callback',
    client: publicClient,
    registeredAt: 1,
  };

  test('are those whose last connection is gone', async () => {
    const { store } = newStore();
    const id = idOf('registration', ISSUER);
    await store.write('client', id, registration, 0);
    await store.write('client', idOf('other'), { ...registration, issuer: 'https://other.example' }, 0);
    const gone = [connectionRecord()];
    const second = await storeConnection(store, connectionRecord({ profile: 'work' }));
    expect(unusedRegistrations(store, gone)).toEqual([]);
    await store.delete('connection', second.id);
    expect(unusedRegistrations(store, gone)).toMatchObject([{ id, server: new URL(SERVER) }]);
    expect(unusedRegistrations(store, undefined)).toHaveLength(2);
  });
});

describe('the identity provider that connections were used through', () => {
  const through = (server: string, more = {}) =>
    connectionRecord({ server, grant: 'enterprise', identityProvider: 'https://idp.example', ...more });

  test('is told once, with the other servers that are used through it', async () => {
    const { store } = newStore();
    const gone = [through(SERVER), through(SERVER, { issuer: 'https://old.example' })];
    expect(identityProvidersOf(store, gone)).toEqual([
      { server: 'https://idp.example/', profile: 'default', uses: 0 },
    ]);
    await storeConnection(store, through('https://two.example/mcp'));
    await storeConnection(store, through('https://two.example/mcp', { issuer: 'https://old.example' }));
    await storeConnection(store, through('https://three.example/mcp', { profile: 'work' }));
    await storeConnection(
      store,
      through('https://four.example/mcp', { identityProvider: 'https://idp2.example' }),
    );
    expect(identityProvidersOf(store, gone)).toEqual([
      { server: 'https://idp.example/', profile: 'default', uses: 1 },
    ]);
  });

  test('there is none for what was got otherwise', () => {
    expect(identityProvidersOf(newStore().store, [connectionRecord()])).toEqual([]);
  });
});
