import { spawn } from 'node:child_process';
import { CookieJar } from 'tough-cookie';
import { expect, test } from 'vitest';
import { chromium, chromiumBrowser, withoutChromium } from '../support/browsers.ts';
import { startFakeRemote } from '../support/fake-remote.ts';
import { initializeParams } from '../support/json-rpc.ts';
import { OAuthClient } from '../support/oauth-client.ts';
import { startOidcServer } from '../support/oidc-server.ts';
import { startProtectedSdkRemote } from '../support/protected-sdk-remote.ts';

/** The real parts that the sign-in is tested with, tried out without the bridge. */

test('oidc-provider signs a person in, and its tokens open the SDK server', async () => {
  const server = await startOidcServer();
  const remote = await startProtectedSdkRemote({ authorizationServer: server, scopes: ['mcp:tools'] });
  const { url } = remote;
  const call = (token?: string) =>
    fetch(url, {
      method: 'POST',
      headers: {
        'Content-Type': 'application/json',
        Accept: 'application/json, text/event-stream',
        ...(token !== undefined && { Authorization: `Bearer ${token}` }),
      },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'initialize', params: initializeParams() }),
    });
  const refused = await call();
  expect(refused.status).toBe(401);
  const prm = `${new URL(url).origin}/.well-known/oauth-protected-resource/mcp`;
  expect(refused.headers.get('www-authenticate')).toContain(`resource_metadata="${prm}"`);
  expect(await (await fetch(prm)).json()).toMatchObject({ authorization_servers: [server.issuer] });

  const client = await OAuthClient.register(server.issuer, url);
  const jar = new CookieJar();
  const first = await client.signIn('mcp:tools', { jar });
  expect((await call(first.access_token)).status).toBe(200);
  expect((await server.verify(first.access_token, url))?.scope).toBe('mcp:tools');
  expect(await server.verify(first.access_token, `${url}/other`)).toBeUndefined();

  await server.setAccessTokenTtl(7);
  const second = await client.refresh(first.refresh_token);
  expect(second.expires_in).toBe(7);
  expect((await call(second.access_token)).status).toBe(200);
  await expect(client.refresh(first.refresh_token)).rejects.toMatchObject({ error: 'invalid_grant' });
  expect(server.reuses).toBe(1);
  expect((await call(second.access_token)).status).toBe(401);

  const third = await client.signIn('mcp:tools', { jar });
  await server.revokeGrants();
  expect((await call(third.access_token)).status).toBe(401);
  await expect(client.refresh(third.refresh_token)).rejects.toMatchObject({ error: 'invalid_grant' });
  expect([server.registrations, server.authorizations]).toEqual([1, 2]);
  expect([server.grants('authorization_code'), server.grants('refresh_token')]).toEqual([2, 1]);
  await server.forgetClients();
  await expect(client.refresh(third.refresh_token)).rejects.toMatchObject({ error: 'invalid_client' });
});

test('oidc-provider takes an issuer with a path, pushed requests, unknown resources and a refusal', async () => {
  const server = await startOidcServer({
    path: '/tenant/one',
    par: 'required',
    resources: ['https://known.example/mcp'],
  });
  const client = await OAuthClient.register(server.issuer, 'https://known.example/mcp');
  const token = await client.signIn('mcp:tools');
  expect(await server.verify(token.access_token, 'https://known.example/mcp')).toBeDefined();
  await expect(client.signIn('mcp:tools', { deny: true })).rejects.toMatchObject({ error: 'access_denied' });
  await server.setResources([]);
  await expect(client.signIn('mcp:tools')).rejects.toMatchObject({ error: 'invalid_target' });
});

test.skipIf(chromium === undefined)(
  `Chromium logs in and consents${chromium ? '' : `: ${withoutChromium}`}`,
  async () => {
    const callback = await startFakeRemote();
    const page =
      '<!doctype html><title>Done</title><body style="background:#123456">You are signed in</body>';
    callback.on('GET', (exchange) =>
      exchange.body(200, page, {
        'Content-Type': 'text/html',
        'Content-Security-Policy': "default-src 'none'",
      }),
    );
    const redirectUri = `${callback.origin}/callback`;
    const client = {
      client_id: 'known',
      application_type: 'native',
      token_endpoint_auth_method: 'none',
      grant_types: ['authorization_code', 'refresh_token'],
      redirect_uris: [redirectUri],
    };
    const server = await startOidcServer({ clients: [client] });
    const params = new URLSearchParams({
      client_id: 'known',
      response_type: 'code',
      redirect_uri: redirectUri,
      code_challenge: 'x'.repeat(43),
      code_challenge_method: 'S256',
      state: 's',
      scope: 'mcp:tools',
      resource: 'https://mcp.example/mcp',
    });
    for (const deny of [false, true]) {
      const browser = chromiumBrowser({ deny, scripts: deny, colorScheme: 'dark' });
      const env = { PATH: process.env.PATH, HOME: process.env.HOME };
      spawn(browser.program, [`${server.issuer}/auth?${params}`], { env, stdio: 'ignore' });
      const visited = await browser.finished();
      expect(visited).toMatchObject({ title: 'Done', status: 200, text: 'You are signed in' });
      expect(new URL(visited.url).searchParams.has('error')).toBe(deny);
      // The inline style is against the policy: it is not applied, and Chromium says so.
      expect(browser.complaints.join()).toContain('Content Security Policy');
      expect(visited.style.backgroundColor).not.toBe('rgb(18, 52, 86)');
    }
    expect(callback.of('GET').some(({ headers }) => headers['sec-fetch-mode'] === 'navigate')).toBe(true);
  },
);
