import { describe, expect, test } from 'vitest';
import { serves } from '../../../src/authorization/serves.ts';
import type { ConnectionRecord } from '../../../src/credentials/record.ts';
import type { SignInSettings } from '../../../src/settings.ts';
import { connectionRecord, ISSUER, SERVER, signInSettings } from '../helpers/oauth-parts.ts';

const machine = {
  grant: 'client_credentials',
  client: { id: 'me', source: 'configured', authMethod: 'client_secret_basic', secret: 's' },
  requestedScope: 'a b',
} satisfies Partial<ConnectionRecord>;
const asMachine: Partial<SignInSettings> = { grant: 'client-credentials', clientId: 'me', clientSecret: 's' };

describe('kept credentials serve where they are such as the settings ask for', () => {
  test.each<[string, Partial<ConnectionRecord>, Partial<SignInSettings>, boolean]>([
    ['a sign-in', {}, {}, true],
    ['a sign-in, for another client', {}, { clientId: 'other' }, false],
    ['a sign-in at another issuer', {}, { issuer: 'https://other.example' }, false],
    ['a sign-in with other scopes: the user is not asked again for that', {}, { scope: 'x' }, true],
    ['a sign-in, for a machine', {}, asMachine, false],
    ['a sign-in as the same client, for a machine', { client: machine.client }, asMachine, false],
    ['a machine, for a user', machine, { clientId: 'me' }, false],
    ['a machine', machine, asMachine, true],
    ['a machine of another kind', { ...machine, grant: 'workload' }, asMachine, false],
    ['a machine that asks for the same', machine, { ...asMachine, scope: 'a b' }, true],
    ['a machine that asks for something else', machine, { ...asMachine, scope: 'a' }, false],
    ['a machine at the same resource', machine, { ...asMachine, resource: SERVER }, true],
    ['a machine at another resource', machine, { ...asMachine, resource: 'urn:x' }, false],
    ['a machine without a resource', machine, { ...asMachine, resource: null }, false],
    ['a machine at another endpoint', machine, { ...asMachine, tokenEndpoint: 'https://x.test/t' }, false],
    ['a machine with a parameter more', machine, { ...asMachine, authorizeParams: { audience: 'x' } }, false],
    [
      'a machine with a parameter less',
      { ...machine, authorizeParams: '{"audience":"x"}' },
      asMachine,
      false,
    ],
    ['a personal token', { personalToken: true }, { clientId: 'other' }, true],
    ['a personal token, for a machine', { personalToken: true }, asMachine, false],
    ['an access token, where an ID token is wanted', {}, { useIdToken: true }, false],
    ['an ID token', { idToken: 'x.y.z' }, { useIdToken: true }, true],
    ['a bearer token, where bound ones are demanded', {}, { dpop: 'on' }, false],
    ['a bound token', { tokenType: 'DPoP' }, { dpop: 'on' }, true],
    ['a bound token, where none is wanted', { tokenType: 'DPoP' }, { dpop: 'off' }, false],
  ])('%s', (_name, record, signIn, expected) => {
    expect(serves(connectionRecord(record), signInSettings(signIn), undefined)).toBe(expected);
  });

  test('of the issuer that the server has moved to', () => {
    expect(serves(connectionRecord(), signInSettings(), 'https://other.example')).toBe(false);
    expect(serves(connectionRecord(), signInSettings({ issuer: ISSUER }), 'https://other.example')).toBe(
      true,
    );
  });
});
