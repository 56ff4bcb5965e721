import { expect, test } from 'vitest';
import { navigate } from '../../support/browsers.ts';
import {
  FakeAuthorizationServer,
  startFakeAuthorizationServer,
} from '../../support/fake-authorization-server.ts';
import { OAuthClient } from '../../support/oauth-client.ts';
import { openHandshake, startProtectedRemote } from '../../support/protected-remote.ts';

const resource = 'https://mcp.example/mcp';

test('a client signs in, refreshes and revokes; everything is counted and every secret known', async () => {
  const server = await startFakeAuthorizationServer();
  const client = await OAuthClient.register(server.issuer, resource);
  const first = await client.signIn('a b');
  expect(first).toMatchObject({ token_type: 'bearer', expires_in: 3600, scope: 'a b' });
  expect(server.isValid(first.access_token)).toBe(true);
  expect(server.scopesOf(first.access_token)).toEqual(['a', 'b']);
  server.expireAccessTokens();
  expect(server.isValid(first.access_token)).toBe(false);
  const second = await client.refresh(first.refresh_token);
  expect(server.isValid(second.access_token)).toBe(true);
  await client.revoke(second.refresh_token as string);
  expect(server.isValid(second.access_token)).toBe(false);
  expect(server.of('register')).toHaveLength(1);
  expect([server.grants(), server.grants('refresh_token'), server.reuses]).toEqual([2, 1, 0]);
  const { code, code_verifier } = server.of('token')[0]?.params ?? {};
  const secrets = [first.access_token, first.refresh_token, second.access_token, code, code_verifier];
  expect(server.secretsSeen()).toEqual(expect.arrayContaining(secrets));
  expect(server.statesSeen()).toHaveLength(1);
  expect(server.of('authorize')[0]?.params).toMatchObject({ resource, scope: 'a b' });
});

test('a refresh token that comes twice ends its grant', async () => {
  const server = await startFakeAuthorizationServer();
  const client = await OAuthClient.register(server.issuer);
  const first = await client.signIn();
  const second = await client.refresh(first.refresh_token);
  await expect(client.refresh(first.refresh_token)).rejects.toMatchObject({ error: 'invalid_grant' });
  await expect(client.refresh(second.refresh_token)).rejects.toMatchObject({ error: 'invalid_grant' });
  expect(server.isValid(second.access_token)).toBe(false);
  expect(server.reuses).toBe(1);
});

test('it wants what it was told to want', async () => {
  const server = await startFakeAuthorizationServer({ par: 'required', requires: ['resource', 'scope'] });
  const client = await OAuthClient.register(server.issuer, resource);
  await expect(client.signIn()).rejects.toMatchObject({ error: 'invalid_scope' });
  await expect(client.signIn('a')).resolves.toHaveProperty('access_token');
  server.options.resources = ['https://other.example'];
  await expect(client.signIn('a')).rejects.toMatchObject({ error: 'invalid_target' });
  expect(server.of('par')).toHaveLength(3);
});

test('every answer can be changed, once or always', async () => {
  const server = await startFakeAuthorizationServer({
    path: '/tenant',
    registration: { client_secret_expires_at: 1 },
    redirect: { iss: undefined },
    tokens: ({ refresh_token, ...usual }) => ({ ...usual, expires_in: 'x' }),
    refusesRedirect: (uri) => uri.includes('localhost'),
  });
  server.once('token', (exchange) => exchange.body(503, '<h1>later</h1>', { 'Content-Type': 'text/html' }));
  const client = await OAuthClient.register(server.issuer);
  expect(client.client).toMatchObject({ client_secret_expires_at: 1 });
  await expect(client.signIn()).rejects.toThrow(/iss/);
  server.options.redirect = {};
  await expect(client.signIn()).rejects.toThrow();
  await expect(client.signIn()).rejects.toThrow(/expires_in/);
  server.once('token', (_exchange, usual) => void setTimeout(usual, 50));
  server.options.tokens = {};
  await expect(client.signIn()).resolves.toHaveProperty('refresh_token');
  server.forgetClients();
  await expect(client.refresh('x')).rejects.toMatchObject({ error: 'invalid_client' });
  const metadata = await navigate(`${server.origin}/.well-known/openid-configuration/tenant`);
  expect(metadata.status).toBe(404);
});

test('a protected remote tells where to sign in, and what is missing', async () => {
  const server = await startFakeAuthorizationServer();
  const { url, origin, credentials, refused, protection } = await startProtectedRemote({
    authorizationServers: [server.issuer],
    isValid: server.isValid,
    publicMethods: openHandshake,
    scopeNeeded: 'read',
  });
  const prm = `${origin}/.well-known/oauth-protected-resource/mcp`;
  const post = (method: string, token?: string) =>
    fetch(url, {
      method: 'POST',
      headers: {
        'Content-Type': 'application/json',
        ...(token !== undefined && { Authorization: `Bearer ${token}` }),
      },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, method }),
    });
  expect((await post('tools/list')).status).toBe(200);
  const missing = await post('tools/call');
  expect(missing.status).toBe(401);
  expect(missing.headers.get('www-authenticate')).toBe(
    `Bearer realm="mcp", scope="read", resource_metadata="${prm}"`,
  );
  expect(await (await fetch(prm)).json()).toMatchObject({
    resource: url,
    authorization_servers: [server.issuer],
  });
  expect((await fetch(url)).status).toBe(401);
  const client = await OAuthClient.register(server.issuer, url);
  const { access_token: token } = await client.signIn();
  expect((await post('tools/call', token)).status).toBe(200);
  protection.isValid = () => 'insufficient_scope';
  expect((await post('tools/call', token)).status).toBe(403);
  expect(credentials('tools/call')).toEqual([undefined, `Bearer ${token}`, `Bearer ${token}`]);
  expect(refused.map(({ problem }) => problem)).toEqual(['missing', 'missing', 'insufficient_scope']);
});

test('an authorization server can live on the origin of the remote', async () => {
  const own = new FakeAuthorizationServer();
  const { origin, url } = await startProtectedRemote({ own, isValid: own.isValid, prm: false });
  expect((await fetch(`${origin}/.well-known/oauth-protected-resource/mcp`)).status).toBe(404);
  const client = await OAuthClient.register(origin, url);
  const { access_token } = await client.signIn();
  expect(own.isValid(access_token)).toBe(true);
});
