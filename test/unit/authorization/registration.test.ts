import { describe, expect, test } from 'vitest';
import {
  chooseAuthMethod,
  isAlive,
  RegistrationRefused,
  register,
} from '../../../src/authorization/registration.ts';
import type { RegistrationRecord } from '../../../src/credentials/record.ts';
import { ISSUER, publicClient, SERVER, serverMetadata } from '../helpers/oauth-parts.ts';
import { noAnswer, ScriptedOAuthHttp } from '../helpers/scripted-oauth-http.ts';

const ENDPOINT = `${ISSUER}/register`;
const REDIRECT = 'http://127.0.0.1:4711/callback';
type Answer = Parameters<ScriptedOAuthHttp['on']>[1];

function start(answers: Answer[], { scope, offered }: { scope?: string; offered?: string[] } = {}) {
  const http = new ScriptedOAuthHttp().on(ENDPOINT, ...answers);
  const server = serverMetadata({ tokenEndpointAuthMethods: offered });
  return { http, record: register(http.http, server, REDIRECT, scope, new URL(SERVER)) };
}
const answered = (json: Record<string, unknown>, options?: Parameters<typeof start>[1]) =>
  start([{ status: 201, json: { client_id: 'c', redirect_uris: [REDIRECT], ...json } }], options).record;

describe('the request (RFC 7591)', () => {
  test('A-39, A-40: native, with refresh tokens, for the very redirect', async () => {
    const { http, record } = start([{ status: 201, json: { client_id: 'c' } }]);
    await record;
    expect(http.requests[0]).toMatchObject({ method: 'POST', url: ENDPOINT, timeout: 20_000 });
    expect(http.requests[0]?.headers).toEqual({ 'Content-Type': 'application/json' });
    // M1: without a scope there is none here either.
    expect(http.requests[0]?.json).toEqual({
      client_name: 'mcp-drawbridge',
      application_type: 'native',
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      redirect_uris: [REDIRECT],
      token_endpoint_auth_method: 'none',
    });
  });

  test('with the scope; without it where that is what is refused', async () => {
    const refusal = { status: 400, json: { error: 'invalid_client_metadata' } };
    const { http, record } = start([refusal, { status: 201, json: { client_id: 'c' } }], { scope: 'a b' });
    await record;
    expect(http.requests.map(({ json }) => json.scope)).toEqual(['a b', undefined]);
  });

  test('A-41: refused over the redirect: no other try here, and it is known for that', async () => {
    for (const json of [
      { error: 'invalid_redirect_uri' },
      { error: 'invalid_client_metadata', error_description: 'Redirect URIs must use https' },
    ]) {
      const { http, record } = start([{ status: 400, json }], { scope: 'a' });
      const error = await record.catch((thrown) => thrown);
      expect(error).toBeInstanceOf(RegistrationRefused);
      expect([error.isAboutRedirect, http.requests.length]).toEqual([true, 1]);
    }
  });

  test.each([
    [{ status: 400, json: { error: 'invalid_client_metadata' } }, 'invalid_client_metadata'],
    [{ status: 401 }, 'HTTP 401'],
    [{ status: 500 }, 'HTTP 500'],
    // T117: a redirect is not followed.
    [{ status: 302, headers: { location: 'https://evil.example' } }, 'HTTP 302'],
    [{ status: 200 }, 'HTTP 200'],
  ])('A-41: %j is a refusal that is told', async (answer, message) => {
    const { http, record } = start([answer]);
    await expect(record).rejects.toMatchObject({
      reason: 'authorization-server',
      isAboutRedirect: false,
      message: expect.stringContaining(message),
    });
    expect(http.places).toEqual([ENDPOINT]);
  });

  test('no answer is handed on', async () => {
    await expect(start([noAnswer(false)]).record).rejects.toMatchObject({ reason: 'unreachable' });
  });

  test('no endpoint: what the user can do', async () => {
    const http = new ScriptedOAuthHttp();
    const server = serverMetadata({ registrationEndpoint: undefined });
    await expect(register(http.http, server, REDIRECT, undefined, new URL(SERVER))).rejects.toMatchObject({
      reason: 'sign-in-refused',
      message: expect.stringContaining('--client-id'),
    });
  });
});

describe('A-42: what counts is the answer', () => {
  test('a public client', async () => {
    const before = Date.now();
    const { registeredAt, ...record } = await answered({ client_id: 'other id' }, { scope: 'a' });
    expect(registeredAt).toBeGreaterThanOrEqual(before);
    expect(record).toEqual({
      schema: 1,
      issuer: ISSUER,
      redirectUri: REDIRECT,
      client: { id: 'other id', authMethod: 'none', source: 'registered' },
      scope: 'a',
    });
  });

  test.each([
    [{ client_secret: 's', token_endpoint_auth_method: 'client_secret_post' }, 'client_secret_post'],
    [{ client_secret: 's', token_endpoint_auth_method: 'client_secret_basic' }, 'client_secret_basic'],
    [{ client_secret: 's', token_endpoint_auth_method: 'none' }, 'none'],
    [{ client_secret: '', token_endpoint_auth_method: null }, 'none'],
  ])('with %j it proves itself by %s', async (json, authMethod) => {
    const { client } = await answered(json);
    expect(client.authMethod).toBe(authMethod);
    expect(client.secret).toBe(authMethod === 'none' ? undefined : 's');
  });

  test('a secret without a method, where a secret was asked for', async () => {
    const { client } = await answered({ client_secret: 's' }, { offered: ['client_secret_post'] });
    expect(client).toMatchObject({ authMethod: 'client_secret_post', secret: 's' });
  });

  test('A10: the end of the secret is kept, 0 means never', async () => {
    const json = { client_secret: 's', token_endpoint_auth_method: 'client_secret_post' };
    expect(
      (await answered({ ...json, client_secret_expires_at: 1_900_000_000 })).client.secretExpiresAt,
    ).toBe(1_900_000_000_000);
    expect((await answered({ ...json, client_secret_expires_at: 0 })).client.secretExpiresAt).toBeUndefined();
  });

  test('the management endpoint is kept with its token, where both are sound', async () => {
    const json = { registration_client_uri: 'https://as.example/c/1', registration_access_token: 't0ken' };
    expect(await answered(json)).toMatchObject({
      registrationClientUri: 'https://as.example/c/1',
      registrationAccessToken: 't0ken',
    });
    for (const bad of [
      { ...json, registration_client_uri: 'http://as.example/c' },
      { ...json, registration_access_token: 'a\r\nb' },
      { registration_client_uri: 'https://as.example/c/1' },
    ]) {
      const record = await answered(bad);
      expect([record.registrationClientUri, record.registrationAccessToken]).toEqual([undefined, undefined]);
    }
  });

  test.each([
    [{ client_id: undefined }, 'no client id'],
    [{ client_id: '' }, 'no client id'],
    [{ client_id: 7 }, 'no client id'],
    // T117
    [{ client_id: 'a\r\nb' }, 'no client id'],
    [{ client_id: 'x'.repeat(2049) }, 'no client id'],
    [{ client_secret: 's\n' }, 'its secret has characters'],
    [{ client_secret: 7 }, 'its secret has characters'],
    [{ redirect_uris: ['https://evil.example/callback'] }, 'for another redirect'],
    [{ redirect_uris: [] }, 'for another redirect'],
    [{ token_endpoint_auth_method: 'private_key_jwt' }, 'another way of authentication'],
    [{ token_endpoint_auth_method: 'client_secret_basic' }, 'wants a secret and gave none'],
  ])('T117: %j can not be used', async (json, why) => {
    await expect(answered(json)).rejects.toMatchObject({
      reason: 'authorization-server',
      message: expect.stringContaining(why),
    });
    await expect(answered(json)).rejects.not.toThrow(/evil|xxx/);
  });
});

test.each<[string[] | undefined, boolean, string]>([
  [undefined, false, 'none'],
  [['none', 'client_secret_basic'], false, 'none'],
  [['client_secret_post', 'client_secret_basic'], false, 'client_secret_basic'],
  [['client_secret_post'], false, 'client_secret_post'],
  [['private_key_jwt'], false, 'none'],
  [undefined, true, 'client_secret_basic'],
  [['client_secret_post', 'none'], true, 'client_secret_post'],
  [['client_secret_post', 'client_secret_basic'], true, 'client_secret_basic'],
  [['none'], true, 'none'],
  [['private_key_jwt'], true, 'client_secret_basic'],
])('A-43: of %j, with a secret: %s, it is %s', (offered, hasSecret, method) => {
  expect(chooseAuthMethod(offered, hasSecret)).toBe(method);
});

test('A10: a registration lives as long as its secret, but for a minute', () => {
  const alive = (secretExpiresAt?: number) =>
    isAlive({ client: { ...publicClient, secretExpiresAt } } as RegistrationRecord);
  expect(alive()).toBe(true);
  expect(alive(Date.now() + 120_000)).toBe(true);
  expect(alive(Date.now() + 30_000)).toBe(false);
  expect(alive(Date.now() - 1)).toBe(false);
});
