import { describe, expect, test } from 'vitest';
import { deleteRegistration, revokeTokens } from '../../../src/authorization/revocation.ts';
import type { RegistrationRecord } from '../../../src/credentials/record.ts';
import { connectionRecord, ISSUER, publicClient, SERVER } from '../helpers/oauth-parts.ts';
import { noAnswer, ScriptedOAuthHttp } from '../helpers/scripted-oauth-http.ts';

const endpoint = `${ISSUER}/revoke`;
const record = connectionRecord({ revocationEndpoint: endpoint });

describe('revokeTokens (RFC 7009)', () => {
  test('sends each token with its type, as the client', async () => {
    const http = new ScriptedOAuthHttp().on(endpoint, {});
    expect(await revokeTokens(http.http, record, 1000)).toEqual({ kind: 'revoked' });
    expect(http.requests.map(({ form }) => form)).toEqual([
      { token: 'refresh-1', token_type_hint: 'refresh_token', client_id: 'client-1' },
      { token: 'access-1', token_type_hint: 'access_token', client_id: 'client-1' },
    ]);
  });

  test('only refresh tokens may be revocable (section 2.2.1)', async () => {
    const http = new ScriptedOAuthHttp().on(endpoint, ({ form }) =>
      form.token_type_hint === 'access_token'
        ? { status: 400, json: { error: 'unsupported_token_type' } }
        : {},
    );
    expect(await revokeTokens(http.http, record, 1000)).toEqual({ kind: 'revoked' });
  });

  test.each([undefined, 'http://as.example/revoke', 'https://127.0.0.1/revoke'])(
    'sends nothing to %s',
    async (revocationEndpoint) => {
      const http = new ScriptedOAuthHttp();
      const { kind } = await revokeTokens(http.http, { ...record, revocationEndpoint }, 1000);
      expect(kind).toBe(revocationEndpoint === undefined ? 'not-offered' : 'failed');
      expect(http.requests).toEqual([]);
    },
  );

  test.each([
    ['a refusal', { status: 401, json: { error: 'invalid_client', error_description: 'refresh-1' } }],
    ['an outage', { status: 503 }],
    ['silence', noAnswer(true, 'timeout')],
  ])('%s is told, never thrown, and quotes no token', async (_, answer) => {
    const http = new ScriptedOAuthHttp().on(endpoint, answer);
    const result = await revokeTokens(http.http, record, 1000);
    expect(result).toMatchObject({ kind: 'failed' });
    expect(JSON.stringify(result)).not.toContain('refresh-1');
  });
});

describe('deleteRegistration (RFC 7592 section 2.3)', () => {
  const uri = `${ISSUER}/register/client-1`;
  const registration: RegistrationRecord = {
    schema: 1,
    issuer: ISSUER,
    redirectUri: 'http://127.0.0.1:1/callback',
    client: publicClient,
    registrationAccessToken: 'registration-token',
    registrationClientUri: uri,
    registeredAt: 1,
  };

  test.each([
    [204, true],
    [404, true],
    [401, true],
    [405, false],
    [503, false],
  ])('status %i: %s', async (status, isGone) => {
    const http = new ScriptedOAuthHttp().on(uri, { status });
    expect(await deleteRegistration(http.http, registration, new URL(SERVER), 1000)).toBe(isGone);
    expect(http.requests).toMatchObject([
      { method: 'DELETE', headers: { Authorization: 'Bearer registration-token' } },
    ]);
  });

  test('silence, and a server that offers none', async () => {
    const http = new ScriptedOAuthHttp().on(uri, noAnswer(true));
    expect(await deleteRegistration(http.http, registration, new URL(SERVER), 1000)).toBe(false);
    const { registrationAccessToken: _left, ...rest } = registration;
    expect(await deleteRegistration(http.http, rest, new URL(SERVER), 1000)).toBe(false);
    expect(http.requests).toHaveLength(1);
  });
});
