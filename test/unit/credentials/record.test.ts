import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { connectionId } from '../../../src/credentials/ids.ts';
import {
  type ConnectionRecord,
  connectionFileId,
  findConnections,
  parseConnectionRecord,
  parseRegistrationRecord,
  type RegistrationRecord,
} from '../../../src/credentials/record.ts';
import { CredentialStore } from '../../../src/credentials/store.ts';
import { tempFolder } from '../../support/temp-folder.ts';

const connection: ConnectionRecord = {
  schema: 1,
  server: 'https://mcp.example/mcp',
  profile: 'default',
  issuer: 'https://as.example',
  resource: 'https://mcp.example/mcp',
  client: {
    id: 'c',
    secret: 's',
    secretExpiresAt: 5,
    authMethod: 'client_secret_basic',
    source: 'registered',
  },
  tokenEndpoint: 'https://as.example/token',
  revocationEndpoint: 'https://as.example/revoke',
  accessToken: 'a',
  tokenType: 'Bearer',
  idToken: 'i',
  expiresAt: 1,
  refreshToken: 'r',
  grant: 'enterprise',
  identityProvider: 'https://idp.example',
  scope: 'one two',
  requestedScope: 'one',
  signedInAt: 2,
  obtainedAt: 3,
  refreshPending: false,
};
const registration: RegistrationRecord = {
  schema: 1,
  issuer: 'https://as.example',
  redirectUri: 'http://127.0.0.1:1/callback',
  client: { id: 'c', authMethod: 'none', source: 'registered' },
  scope: 'one',
  registrationAccessToken: 't',
  registrationClientUri: 'https://as.example/register/c',
  registeredAt: 1,
};

describe.each([
  {
    name: 'a connection',
    whole: connection as object,
    parse: parseConnectionRecord as (value: unknown) => unknown,
    optional: [
      'revocationEndpoint',
      'idToken',
      'expiresAt',
      'refreshToken',
      'grant',
      'identityProvider',
      'scope',
      'requestedScope',
      'refreshPending',
    ],
  },
  {
    name: 'a registration',
    whole: registration as object,
    parse: parseRegistrationRecord as (value: unknown) => unknown,
    optional: ['scope', 'registrationAccessToken', 'registrationClientUri'],
  },
])('the record of $name', ({ whole, parse, optional }) => {
  test('is taken as it is, with what a later version has added', () => {
    const later = { ...whole, dpopJwk: { kty: 'EC' } };
    expect(parse(JSON.parse(JSON.stringify(later)))).toEqual(later);
  });

  test.each(Object.keys(whole))('of another type in "%s" is none', (member) => {
    for (const wrong of [{}, [], Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(parse({ ...whole, [member]: wrong })).toBeUndefined();
    }
    if (member !== 'resource') expect(parse({ ...whole, [member]: null })).toBeUndefined();
    if (member === 'identityProvider') expect(parse({ ...whole, [member]: 'no URL' })).toBeUndefined();
    const { [member as keyof typeof whole]: _, ...rest } = whole;
    expect(parse(rest) !== undefined).toBe(optional.includes(member));
  });

  test.each([
    { id: 1 },
    { id: undefined },
    { secret: 1 },
    { secretExpiresAt: 'soon' },
    { authMethod: 'tls_client_auth' },
    { authMethod: undefined },
    { source: 'found' },
  ])('with a client of %j is none', (change) => {
    const { client } = whole as { client: object };
    expect(parse({ ...whole, client: { ...client, ...change } })).toBeUndefined();
  });

  test('of a later schema is none, and anything else makes no exception', () => {
    expect(parse({ ...whole, schema: 2 })).toBeUndefined();
    fc.assert(fc.property(fc.jsonValue(), (value) => void expect(parse(value)).toBeUndefined()));
  });
});

test('a record without a resource is one', () => {
  expect(parseConnectionRecord({ ...connection, resource: null })).toBeDefined();
});

describe('ids', () => {
  test('are hex, and one for each server and profile, resource, issuer and client [50]', () => {
    const changes: Partial<ConnectionRecord>[] = [
      {},
      { server: 'https://mcp.example/mcp/' },
      { profile: 'work' },
      { resource: null },
      { resource: '' },
      { issuer: 'https://as.example/' },
      { client: { ...connection.client, id: 'd' } },
      { grant: 'workload' },
      { authorizeParams: '{"audience":"x"}' },
      { grant: undefined },
    ];
    const ids = changes.map((change) => connectionFileId({ ...connection, ...change }));
    for (const id of ids) expect(id).toMatch(/^[0-9a-f]{32}-[0-9a-f]{32}$/);
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids[0]?.startsWith(`${connectionId(connection.server, connection.profile)}-`)).toBe(true);
  });
});

test('the records of a connection are found, the latest sign-in first, and no other', async () => {
  const store = CredentialStore.open(tempFolder());
  const save = async (change: Partial<ConnectionRecord>): Promise<void> => {
    const record = { ...connection, ...change };
    await store.write('connection', connectionFileId(record), record, 0);
  };
  await save({ signedInAt: 1 });
  await save({ signedInAt: 3, issuer: 'https://new.example' });
  await save({ signedInAt: 2, resource: null });
  await save({ profile: 'work' });
  await save({ server: 'https://other.example/mcp' });
  await store.write('connection', `${connectionId(connection.server, 'default')}-00`, { schema: 2 }, 0);
  const found = findConnections(store, connection.server, 'default');
  expect(found.map(({ record }) => record.signedInAt)).toEqual([3, 2, 1]);
  const [latest] = found;
  expect(latest?.id).toBe(connectionFileId(latest?.record as ConnectionRecord));
  expect(store.read('connection', latest?.id as string)?.generation).toBe(latest?.generation);
  expect(findConnections(CredentialStore.open(tempFolder()), connection.server, 'default')).toEqual([]);
});
