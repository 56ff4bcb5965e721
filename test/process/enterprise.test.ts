import { generateKeyPairSync } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { decodeJwt } from 'jose';
import { describe, expect, test } from 'vitest';
import { followSignIn, recordingBrowser } from '../support/browsers.ts';
import { enterpriseWorld } from '../support/enterprise-world.ts';
import { initialize } from '../support/oauth-stage.ts';
import { isLinux } from '../support/prerequisites.ts';
import { toolsOf, toolText, untilTools } from '../support/sign-in-world.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { until } from '../support/wait.ts';

const echoed = { content: [{ type: 'text', text: '{"a":1}' }] };

describe.skipIf(!isLinux)('enterprise-managed authorization', () => {
  test('[X-09, X-10, X-11, X-13] sign-in at the identity provider, exchange, grant: in one window', async () => {
    const world = await enterpriseWorld({ protection: { scopes: ['mcp:tools'] } });
    const bridge = await world.connect();
    expect((await bridge.callTool('echo', { a: 1 })).result).toEqual(echoed);
    expect(world.windows).toHaveLength(1);
    expect(world.windows[0]).toContain(world.idp.issuer);
    const { scope, resource } = Object.fromEntries(new URL(world.windows[0] ?? '').searchParams);
    expect([scope, resource]).toEqual(['openid offline_access', undefined]);
    expect(world.idp.of('exchange')).toMatchObject([
      { clientId: 'desktop', audience: world.server.issuer, resource: world.urlOf(), scope: 'mcp:tools' },
    ]);
    expect(world.server.of('assertion')).toMatchObject([
      { clientId: 'mcp-client', resource: world.urlOf(), scope: 'mcp:tools' },
    ]);
    // Nobody was sent to the server's own authorization server.
    expect([world.server.authorizations, world.server.refusals, world.idp.refusals]).toEqual([0, [], []]);
  });

  test('[X-09] two servers, five bridges: one window, one sign-in for all', async () => {
    const world = await enterpriseWorld({ remotes: 2 });
    const bridges = await Promise.all([0, 1, 0, 1, 0].map((remote) => world.connect([], remote)));
    for (const bridge of bridges) expect((await bridge.callTool('echo', { a: 1 })).result).toEqual(echoed);
    expect(world.windows).toHaveLength(1);
    expect(world.idp.authorizations).toBe(1);
    // One token for each server, whatever the number of bridges.
    expect(world.counts).toEqual({ exchanges: 2, assertions: 2 });
  });

  test('[X-09] a server that is added later opens no window, nor does the next start', async () => {
    const world = await enterpriseWorld({ remotes: 2 });
    (await world.connect()).closeStdin();
    (await world.connect([], 1)).closeStdin();
    await world.connect();
    expect(world.windows).toHaveLength(1);
    expect(world.counts).toEqual({ exchanges: 2, assertions: 2 });
  });

  test('profiles have a sign-in of their own each', async () => {
    const world = await enterpriseWorld();
    await world.connect();
    await world.connect(['--profile', 'work']);
    expect(world.windows).toHaveLength(2);
  });

  test('[X-15] a token that has ended is got anew ahead of time, each by an assertion of its own', async () => {
    const world = await enterpriseWorld({ server: { accessTokenTtl: 4 } });
    const bridge = await world.connect();
    await until('three tokens', async () => {
      expect((await bridge.callTool('echo', { a: 1 })).result).toEqual(echoed);
      return world.counts.assertions >= 3;
    });
    expect(new Set(world.server.of('assertion').map(({ assertion }) => assertion)).size).toBe(
      world.counts.assertions,
    );
    expect(world.windows).toHaveLength(1);
    expect(world.idp.grants('refresh_token')).toBe(0);
  });

  test('[X-16] an ID token that has ended is renewed by the session there, without a window', async () => {
    const world = await enterpriseWorld({ idp: { idTokenTtl: 3 }, server: { accessTokenTtl: 4 } });
    const bridge = await world.connect();
    await until('two ID tokens', async () => {
      expect((await bridge.callTool('echo', { a: 1 })).result).toEqual(echoed);
      return new Set(world.idp.of('exchange').map(({ subjectToken }) => subjectToken)).size >= 2;
    });
    expect(world.windows).toHaveLength(1);
    expect(world.idp.grants('refresh_token')).toBeGreaterThan(0);
    expect(world.idp.reuses).toBe(0);
  });

  test('[X-16] where no refresh token is there, the user signs in at the identity provider again', async () => {
    const world = await enterpriseWorld({
      refreshes: false,
      idp: { idTokenTtl: 3 },
      server: { accessTokenTtl: 3 },
    });
    const bridge = await world.connect();
    await world.untilAllHasEnded();
    expect((await bridge.callTool('echo', { a: 1 }, 30_000)).result).toEqual(echoed);
    expect(world.windows).toHaveLength(2);
    expect(world.server.authorizations).toBe(0);
  });

  test('[X-16] a session that the identity provider has ended: the user signs in there again', async () => {
    const world = await enterpriseWorld({ idp: { idTokenTtl: 3 }, server: { accessTokenTtl: 3 } });
    const bridge = await world.connect();
    await world.idp.revokeGrants();
    await world.untilAllHasEnded();
    expect((await bridge.callTool('echo', { a: 1 }, 30_000)).result).toEqual(echoed);
    expect(world.windows).toHaveLength(2);
  });

  test('[X-13] the client may prove itself by a key at the authorization server', async () => {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const keyFile = join(tempFolder(), 'client.pem');
    writeFileSync(keyFile, privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 });
    const world = await enterpriseWorld({
      server: {
        clients: [
          {
            client_id: 'mcp-client',
            token_endpoint_auth_method: 'private_key_jwt',
            token_endpoint_auth_signing_alg: 'ES256',
            jwks: { keys: [{ ...publicKey.export({ format: 'jwk' }), alg: 'ES256', use: 'sig' }] },
            redirect_uris: [],
            response_types: [],
            grant_types: ['urn:ietf:params:oauth:grant-type:jwt-bearer'],
          },
        ],
      },
    });
    world.secrets.MCP_DRAWBRIDGE_CLIENT_SECRET = undefined;
    const bridge = await world.connect(['--client-key', keyFile]);
    expect((await bridge.callTool('echo', { a: 1 })).result).toEqual(echoed);
    expect(world.counts).toEqual({ exchanges: 1, assertions: 1 });
  });

  test('a token that the server no longer takes is got anew once', async () => {
    const world = await enterpriseWorld();
    const bridge = await world.connect();
    world.revoked.add(world.server.of('assertion')[0]?.accessToken ?? '');
    expect((await bridge.callTool('echo', { a: 1 })).result).toEqual(echoed);
    expect(world.counts).toEqual({ exchanges: 2, assertions: 2 });
    expect(world.windows).toHaveLength(1);
  });

  test('more scopes are asked for with another assertion, and no window', async () => {
    const world = await enterpriseWorld({ protection: { scopeNeeded: 'mcp:tools' } });
    const [remote] = world.remotes;
    const bridge = await world.connect();
    const { protection } = remote ?? expect.unreachable();
    protection.scopeNeeded = 'mcp:admin';
    const { isValid } = protection;
    protection.isValid = (token, request) =>
      isValid(token, request) &&
      (String(decodeJwt(token).scope).includes('mcp:admin') || 'insufficient_scope');
    expect((await bridge.callTool('echo', { a: 1 })).result).toEqual(echoed);
    expect(world.server.of('assertion').map(({ scope }) => scope)).toEqual([
      'mcp:tools',
      'mcp:tools mcp:admin',
    ]);
    expect(world.windows).toHaveLength(1);
  });

  test.each(['access_denied', 'invalid_target', 'invalid_scope', 'invalid_grant'])(
    '[X-16] the company says no (%s): a clear error, no other way, no second window',
    async (policy) => {
      const world = await enterpriseWorld();
      await world.idp.setPolicy(policy);
      const { error } = await initialize(world.bridge());
      const { host } = new URL(world.idp.issuer);
      expect(error?.message).toContain(`Your identity provider, ${host}, does not allow you to use`);
      expect(error?.message).toContain(`${policy} (not by our rules)`);
      expect(error?.data).toMatchObject({ source: 'mcp-drawbridge', reason: 'sign-in-refused' });
      expect((await initialize(world.bridge())).error?.message).toBe(error?.message);
      expect(world.windows).toHaveLength(1);
      expect([world.server.authorizations, world.counts.assertions]).toEqual([0, 0]);
      // Nor is anything of that kind used as a token.
      expect(world.remotes[0]?.credentials('initialize').filter(Boolean)).toEqual([]);
    },
  );

  test('[X-16] the company says no to a renewal: calls say so, and work again when it says yes', async () => {
    const world = await enterpriseWorld();
    const bridge = await world.connect();
    await world.idp.setPolicy('access_denied');
    world.revoked.add(world.server.of('assertion')[0]?.accessToken ?? '');
    const refused = await bridge.callTool('echo', { a: 1 });
    expect(toolText(refused)).toContain('does not allow you to use');
    expect(refused.result.isError).toBe(true);
    expect(world.windows).toHaveLength(1);
    await world.idp.setPolicy(undefined);
    (await world.connect()).closeStdin();
    expect((await bridge.callTool('echo', { a: 1 })).result).toEqual(echoed);
    expect(world.windows).toHaveLength(1);
  });

  test.each([
    { token_type: 'Bearer' },
    { issued_token_type: 'urn:ietf:params:oauth:token-type:access_token' },
    { access_token: 'canary-opaque' },
  ])('[X-12] an answer that is no ID-JAG goes to nobody: %s', async (changes) => {
    const world = await enterpriseWorld();
    await world.idp.setExchangeAnswer(changes);
    const { error } = await initialize(world.bridge());
    expect(error?.message).toContain('gave no assertion for the server (ID-JAG)');
    expect(error?.message).not.toContain('canary');
    expect(world.remotes[0]?.credentials('initialize').filter(Boolean)).toEqual([]);
    expect(world.counts.assertions).toBe(0);
  });

  test('[X-15] an assertion that is refused is shown nowhere, and nothing else is tried', async () => {
    // The authorization server trusts somebody else, and quotes what it was sent.
    const world = await enterpriseWorld({ server: { trusts: 'http://127.0.0.1:1' } });
    const { error } = await initialize(world.bridge());
    expect(error?.message).toContain(
      `${new URL(world.server.issuer).host} refused a token for the assertion`,
    );
    expect(error?.message).toContain('invalid_grant');
    expect([world.windows.length, world.server.authorizations]).toEqual([1, 0]);
  });

  test('[X-16] the identity provider has a bad moment: it is asked again, and no window opens for it', async () => {
    const world = await enterpriseWorld();
    const bridge = await world.connect();
    world.revoked.add(world.server.of('assertion')[0]?.accessToken ?? '');
    await world.idp.setPolicy('temporarily_unavailable');
    const call = bridge.callTool('echo', { a: 1 }, 40_000);
    await until('a second try', () => world.idp.of('exchange').length >= 3);
    await world.idp.setPolicy(undefined);
    expect((await call).result).toEqual(echoed);
    expect(world.windows).toHaveLength(1);
  });

  test('[T120] neither the sign-in nor the browser gets a secret of either client', async () => {
    const world = await enterpriseWorld();
    Object.assign(world.setup.env, { PLAIN: 'canary-mcp-secret', SIMPLE: 'canary-idp-secret' });
    await world.connect(['--client-secret', '${PLAIN}', '--idp-client-secret', '${SIMPLE}']);
    const [{ env = {} } = {}] = world.setup.browser.starts;
    expect(Object.keys(env)).toContain('PATH');
    expect(JSON.stringify(env)).not.toContain('canary');
  });

  test('nothing is stored with --store memory, and it works all the same', async () => {
    const world = await enterpriseWorld();
    const bridge = await world.connect(['--store', 'memory']);
    expect((await bridge.callTool('echo', { a: 1 })).result).toEqual(echoed);
    expect(JSON.parse((await world.command(['status', '--json'], [])).stdout).connections).toEqual([]);
  });

  test('the client does not wait: sign_in gives the link there, and the tools appear when the user is done', async () => {
    const world = await enterpriseWorld({ browser: recordingBrowser() });
    const bridge = world.bridge(['--initialize-wait', '1']);
    expect((await bridge.initialize()).result.serverInfo.name).not.toBe('fake-remote');
    expect(toolsOf(await bridge.request('tools/list'))).toEqual(['sign_in']);
    const asked = bridge.callTool('sign_in', {});
    const link = await world.setup.browser.nextOpened();
    expect(link).toContain(world.idp.issuer);
    expect((await followSignIn(link)).result).toMatchObject({ status: 200 });
    expect((await asked).result.isError ?? false).toBe(false);
    await untilTools(bridge);
    expect((await bridge.callTool('echo', { a: 1 })).result).toEqual(echoed);
    expect(world.windows).toHaveLength(1);
  });

  test('the client opens links itself: it is asked to open the one of the identity provider', async () => {
    const world = await enterpriseWorld({ browser: recordingBrowser() });
    const bridge = world.bridge(['--initialize-wait', '1']);
    await bridge.initialize({ capabilities: { elicitation: { url: {} } } });
    const request = await until('the request to open a link', () =>
      bridge.stdout.lines
        .map((line) => JSON.parse(line))
        .find(({ method }) => method === 'elicitation/create'),
    );
    expect(request.params.url).toContain(world.idp.issuer);
    expect(world.windows).toEqual([]);
  });
});

describe.skipIf(!isLinux)('the ID token from a file', () => {
  test('[X-09] is read at each use, and nobody is asked to sign in', async () => {
    const world = await enterpriseWorld();
    (await world.connect()).closeStdin();
    const idToken = world.idp.of('exchange')[0]?.subjectToken ?? '';
    const idTokenFile = join(tempFolder(), 'id-token');
    writeFileSync(idTokenFile, 'not yet');
    const options = ['--profile', 'file', '--id-token-file', idTokenFile];
    const { error } = await initialize(world.bridge(options));
    expect(error?.message).toContain('--id-token-file holds no JWT');
    writeFileSync(idTokenFile, idToken);
    const bridge = await world.connect(options);
    world.revoked.add(world.server.of('assertion')[1]?.accessToken ?? '');
    expect((await bridge.callTool('echo', { a: 1 })).result).toEqual(echoed);
    expect(world.windows).toHaveLength(1);
    expect(world.counts).toEqual({ exchanges: 3, assertions: 3 });
  });

  test('--idp-token-endpoint: without the metadata of the identity provider', async () => {
    const world = await enterpriseWorld();
    (await world.connect()).closeStdin();
    const idTokenFile = join(tempFolder(), 'id-token');
    writeFileSync(idTokenFile, world.idp.of('exchange')[0]?.subjectToken ?? '');
    const endpoint = ['--idp-token-endpoint', `${world.idp.issuer}/token`, '--idp-client-id', 'desktop'];
    const options = [...endpoint, '--client-id', 'mcp-client', '--id-token-file', idTokenFile];
    const { code, stderr } = await world.command(['login', world.urlOf(), '--profile', 'file'], options);
    expect(code, stderr).toBe(0);
    expect(world.windows).toHaveLength(1);
  });
});
