import { describe, expect, test } from 'vitest';
import type { Exchange } from '../support/fake-exchange.ts';
import { startFakeRemote } from '../support/fake-remote.ts';
import { callEcho, echoed, oauthStage } from '../support/oauth-stage.ts';

const prmPath = '/.well-known/oauth-protected-resource';
const asPath = '/.well-known/oauth-authorization-server';
const oidcPath = '/.well-known/openid-configuration';

describe('the protected resource metadata', () => {
  test('is read from the URL of the challenge, and then from nowhere else', async () => {
    const stage = await oauthStage({ protection: { prmAt: 'challenge-only' } });
    const bridge = await stage.connect();
    expect((await callEcho(bridge)).result).toEqual(echoed);
    expect(stage.remote.metadataRequests.map(({ path }) => path)).toEqual(['/about/protection.json']);
    expect(stage.windows).toBe(1);
  });

  test('is found for the path of the server where the challenge names none (AuthPlane)', async () => {
    const stage = await oauthStage({ protection: { prmAt: 'path', challenge: 'Bearer realm="mcp"' } });
    const bridge = await stage.connect();
    expect((await callEcho(bridge)).result).toEqual(echoed);
    expect(stage.remote.metadataRequests.map(({ path }) => path)).toEqual([`${prmPath}/mcp`]);
    expect(stage.remote.metadataRequests[0]?.headers['mcp-protocol-version']).toBe('2025-11-25');
  });

  test('is found at the root, after the path was asked for', async () => {
    const stage = await oauthStage({ protection: { prmAt: 'root', challenge: 'Bearer' } });
    await stage.connect();
    expect(stage.remote.metadataRequests.map(({ path }) => path)).toEqual([`${prmPath}/mcp`, prmPath]);
  });

  test('is looked for at the root where the URL of the challenge has none', async () => {
    const stage = await oauthStage({
      protection: {
        prmAt: 'root',
        challenge: () => `Bearer resource_metadata="${stage.remote.origin}/gone"`,
      },
    });
    stage.remote.remote.on('GET', (exchange) => exchange.status(404));
    await stage.connect();
    expect(stage.remote.metadataRequests.at(-1)?.path).toBe(prmPath);
  });

  test('follows redirects to other places, but to none that must not be asked [T10, 12]', async () => {
    const island = await startFakeRemote({ host: '127.0.0.2' });
    const pages = await startFakeRemote();
    const challenge = `Bearer resource_metadata="${pages.origin}/moved"`;
    const stage = await oauthStage({ protection: { prm: false, challenge } });
    const moves: Record<string, string> = { '/moved': '/moved-on' };
    pages.on('GET', (exchange) => {
      const to = moves[exchange.request.path];
      if (to !== undefined) return exchange.redirect(302, to);
      exchange.json(200, { resource: stage.url, authorization_servers: [stage.server.issuer] });
    });
    await stage.signIn();
    expect(pages.requests.map(({ path }) => path)).toEqual(['/moved', '/moved-on']);

    // Nothing is found: the server's own origin is next, which refuses to register anybody.
    moves['/moved'] = `${island.origin}/secret`;
    await stage.signInFails(3);
    expect(island.connections).toBe(0);
    moves['/moved'] = '/moved-on';
    moves['/moved-on'] = '/moved';
    await stage.signInFails(3);
    expect(pages.requests.length).toBeLessThan(10);
  });

  test('that can not be read for now is no reason to go elsewhere, nor to open a window', async () => {
    const pages = await startFakeRemote();
    pages.on('GET', (exchange) => exchange.body(503, '<h1>busy</h1>'));
    const challenge = `Bearer resource_metadata="${pages.origin}/busy"`;
    const stage = await oauthStage({ protection: { prm: false, challenge } });
    expect(await stage.signInFails(3)).toContain('failed to give its protected resource metadata');
    expect(stage.server.requests).toEqual([]);
    expect(stage.windows).toBe(0);
  });
});

describe('the authorization server metadata', () => {
  test.each([
    { path: '', metadataAt: [oidcPath], places: [asPath, oidcPath] },
    {
      path: '/tenant',
      metadataAt: ['/tenant/.well-known/openid-configuration'],
      places: [`${asPath}/tenant`, `${oidcPath}/tenant`, '/tenant/.well-known/openid-configuration'],
    },
    { path: '/tenant/one', metadataAt: undefined, places: [`${asPath}/tenant/one`] },
  ])('is found for the issuer $path in the order of MCP 2025-11-25', async ({ path, metadataAt, places }) => {
    const stage = await oauthStage({ server: { path, ...(metadataAt && { metadataAt }) } });
    await stage.signIn();
    const asked = stage.server.requests.filter((request) => request.path.includes('.well-known'));
    expect(asked.map((request) => request.path)).toEqual(places);
    for (const { headers } of asked) expect(headers['mcp-protocol-version']).toBe('2025-11-25');
  });

  test('of the root is not that of an issuer with a path', async () => {
    const stage = await oauthStage({ server: { path: '/tenant', metadataAt: [asPath, oidcPath] } });
    expect(await stage.signInFails(3)).toContain('gives no authorization server metadata');
    expect(stage.server.of('metadata')).toEqual([]);
    expect(stage.server.of('register')).toEqual([]);
  });

  test('is refused where it names another issuer [T17, 19]', async () => {
    const stage = await oauthStage();
    for (const issuer of [
      'https://other.example',
      `${stage.server.issuer}/`,
      stage.server.issuer.toUpperCase(),
    ]) {
      stage.server.options.metadata = { issuer };
      expect(await stage.signInFails(3)).toContain('names another issuer');
    }
    expect(stage.windows).toBe(0);
    expect(stage.server.requests.every(({ path }) => path.includes('.well-known'))).toBe(true);
  });

  test('is not read from where a redirect to another origin leads, nor round in a circle [T10, 12]', async () => {
    const stage = await oauthStage();
    const other = await stage.addServer();
    stage.server.on('metadata', (exchange) => exchange.redirect(302, `${other.origin}${asPath}`));
    await stage.signInFails(3);
    expect(other.requests).toEqual([]);
    stage.server.on('metadata', (exchange) => exchange.redirect(302, asPath));
    await stage.signInFails(3);
    expect(stage.server.of('metadata').length).toBeLessThan(10);
    stage.server.off('metadata').once('metadata', (exchange) => exchange.redirect(307, `${asPath}?again`));
    await stage.signIn();
  });

  test.each([
    [
      'HTML',
      (exchange: Exchange) => exchange.body(200, '<html>Welcome</html>', { 'Content-Type': 'text/html' }),
    ],
    ['an array', (exchange: Exchange) => exchange.json(200, [1, 2])],
    [
      '10,000 levels',
      (exchange: Exchange) => exchange.json(200, `${'{"a":'.repeat(1e4)}1${'}'.repeat(1e4)}`),
    ],
    ['300 KB', (exchange: Exchange) => exchange.json(200, { issuer: 'x'.repeat(300_000) })],
    ['a gzip bomb', (exchange: Exchange) => exchange.json(200, '{}', { 'Content-Encoding': 'gzip' })],
    ['no endpoints', (exchange: Exchange) => exchange.json(200, { issuer: 'x', token_endpoint: 7 })],
    ['a status of 500', (exchange: Exchange) => exchange.status(500)],
    ['a reset', (exchange: Exchange) => exchange.reset()],
  ])('as %s ends the sign-in with a sentence, and no window [T11, 13]', async (_name, answer) => {
    const stage = await oauthStage();
    stage.server.on('metadata', answer);
    const bridge = stage.bridge();
    const answered = await bridge.request('initialize', {}, 30_000);
    expect(answered.error?.data).toMatchObject({ source: 'mcp-drawbridge' });
    expect(['authorization-server', 'unreachable', 'too-large', 'invalid-answer']).toContain(
      answered.error?.data.reason,
    );
    expect(stage.windows).toBe(0);
    expect(stage.server.requests.every(({ path }) => path.includes('.well-known'))).toBe(true);
  });

  test('that drips in is given up after ten seconds [T11, 13]', async () => {
    const stage = await oauthStage();
    const drops = function* (): Generator<string> {
      yield 'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 5000\r\n\r\n{';
      for (let n = 0; n < 30; n++) yield ' ';
    };
    stage.server.on('metadata', (exchange) => exchange.drip(drops(), 1000));
    const start = performance.now();
    const bridge = stage.bridge();
    const answered = await bridge.request('initialize', {}, 30_000);
    expect(answered.error?.data.reason).toBe('timeout');
    expect(performance.now() - start).toBeGreaterThan(9000);
    expect(stage.windows).toBe(0);
  });
});

describe('without protected resource metadata (MCP 2025-03-26)', () => {
  test('the metadata on the origin of the server are taken (Pipe2.ai)', async () => {
    const stage = await oauthStage({ sharesOrigin: true, protection: { prm: false, challenge: 'Bearer' } });
    const bridge = await stage.connect();
    expect((await callEcho(bridge)).result).toEqual(echoed);
    expect(stage.windows).toBe(1);
    expect(stage.server.of('metadata')).toHaveLength(1);
    // The resource indicator is sent all the same [T21, 23].
    expect(stage.authorizations.at(-1)?.resource).toBe(stage.url);
  });

  test('their issuer may end in a slash, and may be no other', async () => {
    const stage = await oauthStage({
      sharesOrigin: true,
      protection: { prm: false },
      server: { metadata: (usual) => ({ ...usual, issuer: `${usual.issuer}/` }) },
    });
    stage.server.options.redirect = { iss: `${stage.server.issuer}/` };
    await stage.signIn();
    stage.server.options.metadata = { issuer: 'https://elsewhere.example' };
    expect(await stage.signInFails(3)).toContain('another issuer');
  });

  test('the default endpoints are taken where there are no metadata at all', async () => {
    const stage = await oauthStage({
      sharesOrigin: true,
      protection: { prm: false, challenge: () => undefined },
      server: { metadataAt: [], redirect: { iss: undefined } },
    });
    const bridge = await stage.connect();
    expect((await callEcho(bridge)).result).toEqual(echoed);
    const paths = stage.server.requests.map(({ path }) => path.split('?')[0]);
    expect(paths).toEqual(['/register', '/authorize', '/token']);
    expect(stage.authorizations[0]).toMatchObject({ code_challenge_method: 'S256' });
  });

  test('a server that fails just then gets no registration, and nobody a window', async () => {
    const stage = await oauthStage({ sharesOrigin: true, protection: { prm: false } });
    stage.server.on('metadata', (exchange) => exchange.status(502));
    expect(await stage.signInFails(3)).toContain('HTTP 502');
    expect(stage.server.of('register')).toEqual([]);
    expect(stage.windows).toBe(0);
  });
});
