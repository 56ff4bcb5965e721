import { describe, expect, test } from 'vitest';
import type { FakeAuthorizationServer } from '../support/fake-authorization-server.ts';
import { startFakeRemote } from '../support/fake-remote.ts';
import { callEcho, echoed, initialize, oauthStage } from '../support/oauth-stage.ts';

describe('of several authorization servers', () => {
  test('the first that can be used is taken; the others get nothing [T23, 25]', async () => {
    const stage = await oauthStage();
    const broken = await stage.addServer({ metadata: { issuer: 'https://other.example' } });
    const gone = await stage.addServer({ metadataAt: [] });
    const last = await stage.addServer();
    stage.remote.protection.authorizationServers = [broken, gone, stage.server, last].map(
      ({ issuer }) => issuer,
    );
    const bridge = await stage.connect();
    expect((await callEcho(bridge)).result).toEqual(echoed);
    for (const { requests } of [broken, gone])
      expect(requests.every(({ path }) => path.includes('.well-known'))).toBe(true);
    expect(last.requests).toEqual([]);
  });

  test('the one that the credentials are of stays the first [25]', async () => {
    const stage = await oauthStage();
    await stage.signIn();
    const other = await stage.addServer();
    stage.remote.protection.authorizationServers = [other.issuer, stage.server.issuer];
    stage.server.expireAccessTokens();
    const bridge = await stage.connect();
    expect((await callEcho(bridge)).result).toEqual(echoed);
    stage.server.revokeAll();
    expect((await callEcho(bridge)).result).toEqual(echoed);
    expect(other.requests).toEqual([]);
    expect(stage.windows).toBe(2);
  });

  test('one that is not there, or fails, gives way to the next', async () => {
    const stage = await oauthStage();
    const failing = await stage.addServer();
    failing.on('metadata', (exchange) => exchange.status(503));
    const gone = await stage.addServer();
    await gone.stop();
    stage.remote.protection.authorizationServers = [failing.issuer, gone.issuer, stage.server.issuer];
    await stage.signIn();
    expect(stage.server.grants('authorization_code')).toBe(1);
  });

  test.each([
    ['fails', (server: FakeAuthorizationServer) => server.on('metadata', (exchange) => exchange.status(503))],
    ['is not there', (server: FakeAuthorizationServer) => server.stop()],
  ])('the one that the credentials are of gives way to no other while it %s', async (_name, fail) => {
    const stage = await oauthStage();
    await stage.signIn();
    const other = await stage.addServer();
    stage.remote.protection.authorizationServers = [other.issuer, stage.server.issuer];
    await fail(stage.server);
    await stage.signInFails(3);
    expect(other.requests).toEqual([]);
    expect(stage.windows).toBe(1);
  });

  test('the one that --issuer names is taken, whatever is listed', async () => {
    const stage = await oauthStage();
    const other = await stage.addServer();
    stage.remote.protection.isValid = other.isValid;
    await stage.signIn('--issuer', other.issuer);
    expect(stage.server.requests).toEqual([]);
    const bridge = await stage.connect('--issuer', other.issuer);
    expect((await callEcho(bridge)).result).toEqual(echoed);
    expect(stage.windows).toBe(1);
  });

  test('--issuer does without metadata of the resource', async () => {
    const stage = await oauthStage({ protection: { prm: false, challenge: 'Bearer' } });
    await stage.signIn('--issuer', stage.server.issuer);
    expect(stage.authorizations.at(-1)?.resource).toBe(stage.url);
  });
});

describe('endpoints', () => {
  test.each([
    'authorization_endpoint',
    'token_endpoint',
    'registration_endpoint',
    'pushed_authorization_request_endpoint',
  ])('over http on another machine are not asked for anything: %s [T5, 3]', async (name) => {
    const island = await startFakeRemote({ host: '127.0.0.2' });
    const stage = await oauthStage({ server: { par: 'required' } });
    stage.server.options.metadata = { [name]: `${island.origin}/endpoint` };
    const { code, stderr } = await stage.login();
    expect([3, 4], stderr).toContain(code);
    expect(island.connections).toBe(0);
    expect(stage.windows).toBe(0);
    expect(stage.server.of('token')).toEqual([]);
  });

  test.each([
    'javascript:alert(1)',
    'file:///etc/passwd',
    'data:text/html,x',
    'vscode://x/y',
    'ms-msdt:/id',
    '\\\\host\\x',
    '--flag',
    'https://user:pw@127.0.0.1/authorize',
    'https://127.0.0.1/autho\trize',
    'https://127.0.0.1/authorize#x',
    `https://127.0.0.1/${'x'.repeat(10_000)}`,
    7,
    null,
  ])('%j is none to open [T1, T3, T4]', async (endpoint) => {
    const stage = await oauthStage({ server: { metadata: { authorization_endpoint: endpoint } } });
    expect(await stage.signInFails(3)).toContain("endpoints that can't be used");
    expect(stage.windows).toBe(0);
    expect(stage.server.of('register')).toEqual([]);
  });

  test('parameters that stand in one already do not replace ours, and others stay [T7, 6]', async () => {
    const stage = await oauthStage();
    const { issuer } = stage.server;
    const planted =
      'state=x&state=y&redirect_uri=https://evil.example/&client_id=evil&tenant=one&code_challenge=z';
    stage.server.options.metadata = { authorization_endpoint: `${issuer}/authorize?${planted}` };
    await stage.signIn();
    const [opened = ''] = stage.setup.browser.opened;
    const { searchParams } = new URL(opened);
    for (const name of ['state', 'redirect_uri', 'client_id', 'code_challenge', 'tenant', 'response_type'])
      expect(searchParams.getAll(name), name).toHaveLength(1);
    expect(opened).not.toContain('evil');
    expect(searchParams.get('tenant')).toBe('one');
  });

  test('that have moved get nothing of the old ones by a refresh [T20]', async () => {
    const stage = await oauthStage();
    await stage.signIn();
    const other = await stage.addServer();
    stage.server.options.metadata = { token_endpoint: `${other.origin}/token` };
    stage.server.expireAccessTokens();
    const bridge = await stage.connect();
    expect((await callEcho(bridge)).result).toEqual(echoed);
    expect(other.requests).toEqual([]);
    expect(stage.server.grants('refresh_token')).toBe(1);
  });
});

describe('what is sent', () => {
  test("to others than the server has none of the user's headers [T13, 9, 89]", async () => {
    const stage = await oauthStage({ server: { par: 'required' } });
    const headers = ['--header', 'X-Api-Key: canary-key', '--header', 'Cookie: canary-cookie'];
    const bridge = await stage.connect(...headers);
    expect((await callEcho(bridge)).result).toEqual(echoed);
    stage.server.expireAccessTokens();
    expect((await callEcho(bridge)).result).toEqual(echoed);
    const seen = [...stage.server.requests, ...stage.remote.metadataRequests];
    expect(new Set(stage.server.requests.map(({ endpoint }) => endpoint))).toEqual(
      new Set(['metadata', 'register', 'par', 'authorize', 'token']),
    );
    expect(seen.filter((request) => JSON.stringify(request).includes('canary-key'))).toEqual([]);
    expect(seen.filter((request) => JSON.stringify(request).includes('canary-cookie'))).toEqual([]);
    for (const { headers: fields } of stage.remote.metadataRequests)
      expect(fields.authorization).toBeUndefined();
    expect(stage.remote.remote.of('tools/call').at(-1)?.headers['x-api-key']).toBe('canary-key');
  });

  test.each([
    [
      'two challenges, the first of another scheme',
      (url: string) => `Negotiate, Bearer resource_metadata="${url}"`,
    ],
    ['an unterminated quote', () => 'Bearer realm="mcp, resource_metadata="x'],
    ['two Bearer challenges', (url: string) => `Bearer realm="a", Bearer resource_metadata="${url}"`],
    ['a long parameter', (url: string) => `Bearer realm="${'x'.repeat(10_000)}", resource_metadata="${url}"`],
    ['a URL without quotes', (url: string) => `bearer resource_metadata=${url}`],
    ['a URL of another kind', () => 'Bearer resource_metadata="javascript:alert(1)"'],
  ])('is found out from a challenge with %s [T15, 17]', async (_name, challenge) => {
    const stage = await oauthStage();
    const url = `${stage.remote.origin}/.well-known/oauth-protected-resource/mcp`;
    stage.remote.protection.challenge = challenge(url);
    const bridge = stage.bridge();
    expect(await initialize(bridge)).toHaveProperty('result');
    expect(stage.windows).toBe(1);
  });
});
