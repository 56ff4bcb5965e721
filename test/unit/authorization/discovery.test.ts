import { describe, expect, test } from 'vitest';
import { Discovery } from '../../../src/authorization/discovery.ts';
import { ISSUER, metadataDocument, SERVER } from '../helpers/oauth-parts.ts';
import { noAnswer, ScriptedOAuthHttp } from '../helpers/scripted-oauth-http.ts';

const WELL_KNOWN = 'https://mcp.example/.well-known/oauth-protected-resource';
const FOR_PATH = `${WELL_KNOWN}/mcp`;
const resourceDocument = (more: object = {}) => ({
  json: { resource: SERVER, authorization_servers: [ISSUER], ...more },
});

const start = (server = SERVER) => {
  const http = new ScriptedOAuthHttp();
  return { http, discovery: new Discovery(http.http, new URL(server)) };
};

describe('protected resource metadata is looked for', () => {
  test('A-10: at the URL of the challenge, and nowhere else', async () => {
    const { http, discovery } = start();
    http.on('https://mcp.example/about.json', resourceDocument()).on(FOR_PATH, resourceDocument());
    const found = await discovery.protectedResource('https://mcp.example/about.json');
    expect(found).toEqual({ resource: SERVER, authorizationServers: [ISSUER], scopes: undefined });
    expect(http.places).toEqual(['https://mcp.example/about.json']);
  });

  test('A-10, A-11: then for the path of the server, and not at the root too', async () => {
    const { http, discovery } = start();
    http.on(FOR_PATH, resourceDocument()).on(WELL_KNOWN, resourceDocument());
    expect(await discovery.protectedResource(undefined)).toBeDefined();
    expect(http.places).toEqual([FOR_PATH]);
  });

  test('A-10: then at the root', async () => {
    const { http, discovery } = start();
    http.on(WELL_KNOWN, resourceDocument({ resource: 'https://mcp.example' }));
    expect((await discovery.protectedResource('https://mcp.example/gone'))?.resource).toBe(
      'https://mcp.example',
    );
    expect(http.places).toEqual(['https://mcp.example/gone', FOR_PATH, WELL_KNOWN]);
  });

  test('A-12: of a server at the root, once', async () => {
    const { http, discovery } = start('https://mcp.example/');
    expect(await discovery.protectedResource(undefined)).toBeUndefined();
    expect(http.places).toEqual([WELL_KNOWN]);
  });

  test('A-08, A-16: nowhere: there is none', async () => {
    const { discovery } = start();
    expect(await discovery.protectedResource(undefined)).toBeUndefined();
  });

  test('the same place twice is asked once', async () => {
    const { http, discovery } = start();
    await discovery.protectedResource(FOR_PATH);
    expect(http.places).toEqual([FOR_PATH, WELL_KNOWN]);
  });

  test('A-59: the query of the server, which may hold a key, is not repeated', async () => {
    const { http, discovery } = start(`${SERVER}?key=s3cret`);
    await discovery.protectedResource(undefined);
    expect(http.places).toEqual([FOR_PATH, WELL_KNOWN]);
  });

  test.each([
    'http://mcp.example/x',
    'http://127.0.0.1/x',
    'https://localhost/x',
    'javascript:x',
    'x',
    'https://u:p@h/',
  ])('the challenge names %s, which must not be used: it is passed over [2, 3, T8]', async (place) => {
    const { http, discovery } = start();
    http.on(FOR_PATH, resourceDocument());
    expect(await discovery.protectedResource(place)).toBeDefined();
    expect(http.places).toEqual([FOR_PATH]);
  });

  test('A-28, [9]: requests carry the protocol version, and no credential', async () => {
    const { http, discovery } = start();
    await discovery.protectedResource(undefined);
    for (const request of http.requests) {
      expect(request).toMatchObject({ method: 'GET', timeout: 10_000 });
      expect(request.headers).toEqual({ 'MCP-Protocol-Version': '2025-11-25' });
    }
  });
});

describe('a document that does not count', () => {
  test.each([
    ['404', { status: 404, json: {} }],
    ['HTML', { status: 200 }],
    ['without authorization servers', { json: { resource: SERVER } }],
    ['401', { status: 401, ...resourceDocument() }],
  ])('%s: the next place is asked', async (_what, answer) => {
    const { http, discovery } = start();
    http.on(FOR_PATH, answer).on(WELL_KNOWN, resourceDocument());
    expect(await discovery.protectedResource(undefined)).toBeDefined();
    expect(http.places).toEqual([FOR_PATH, WELL_KNOWN]);
  });

  test('A-20: a server that is broken is reported, not taken for one without metadata', async () => {
    const { http, discovery } = start();
    http.on(FOR_PATH, { status: 503 });
    await expect(discovery.protectedResource(undefined)).rejects.toMatchObject({
      reason: 'authorization-server',
      message: expect.stringContaining('https://mcp.example failed to give its protected resource metadata'),
    });
  });

  test('A-20: one that does not answer as well', async () => {
    const { http, discovery } = start();
    http.on(FOR_PATH, noAnswer(true, 'timeout'));
    await expect(discovery.protectedResource(undefined)).rejects.toMatchObject({ reason: 'timeout' });
  });

  // T16, M7
  test.each([
    'https://other.example/mcp',
    'https://mcp.example/mcp-evil',
    'https://mcp.example/mcp#x',
    'https://mcp.example/mcp\n',
  ])('T16: for the resource %j it is refused, with the way out', async (resource) => {
    const { http, discovery } = start();
    http.on(FOR_PATH, resourceDocument({ resource })).on(WELL_KNOWN, resourceDocument());
    const failure = discovery.protectedResource(undefined);
    await expect(failure).rejects.toMatchObject({ reason: 'authorization-server' });
    await expect(failure).rejects.toThrow(/The metadata of mcp\.example is for another resource, https:\/\//);
  });

  test('M7: the way out is --resource, and that is accepted then', async () => {
    const resource = 'https://api.example/mcp';
    const { http, discovery } = start();
    http.on(FOR_PATH, resourceDocument({ resource }));
    await expect(discovery.protectedResource(undefined)).rejects.toThrow(`give --resource ${resource}.`);
    expect((await discovery.protectedResource(undefined, resource))?.resource).toBe(resource);
    await expect(discovery.protectedResource(undefined, null)).rejects.toThrow('another resource');
  });

  test('what is more than a word to a shell is not offered to be typed', async () => {
    for (const resource of ['https://x.example/$(id)', 'https://x.example/ --header a', 'x; rm -rf /']) {
      const { http, discovery } = start();
      http.on(FOR_PATH, resourceDocument({ resource }));
      await expect(discovery.protectedResource(undefined)).rejects.not.toThrow('--resource');
    }
  });
});

describe('redirects of metadata [12, T10]', () => {
  test('to a public place are followed, three at most', async () => {
    const { http, discovery } = start();
    http
      .on(FOR_PATH, { status: 302, headers: { location: 'https://cdn.example/1' } })
      .on('https://cdn.example/1', { status: 307, headers: { location: '/2' } })
      .on('https://cdn.example/2', { status: 301, headers: { location: 'https://cdn.example/3' } })
      .on('https://cdn.example/3', resourceDocument());
    expect(await discovery.protectedResource(undefined)).toBeDefined();
    expect(http.places.length).toBe(4);
  });

  test('T10: to a place inside, or a fourth one, are not', async () => {
    for (const location of [
      'http://127.0.0.1/',
      'http://169.254.169.254/latest',
      'https://localhost/',
      'javascript:x',
      'https://u@h/',
    ]) {
      const { http, discovery } = start();
      http.on(FOR_PATH, { status: 302, headers: { location } });
      expect(await discovery.protectedResource(undefined)).toBeUndefined();
      expect(http.places).toEqual([FOR_PATH, WELL_KNOWN]);
    }
  });

  test('T10: a loop ends, and 304 or a redirect to nowhere is none', async () => {
    const { http, discovery } = start();
    http.on(FOR_PATH, { status: 302, headers: { location: FOR_PATH } }).on(WELL_KNOWN, { status: 304 });
    expect(await discovery.protectedResource(undefined)).toBeUndefined();
    expect(http.places).toEqual([FOR_PATH, FOR_PATH, FOR_PATH, FOR_PATH, WELL_KNOWN]);
  });

  test('T10: of authorization server metadata on the same origin only', async () => {
    const place = `${ISSUER}/.well-known/oauth-authorization-server`;
    const { http, discovery } = start();
    http
      .on(place, { status: 302, headers: { location: 'https://evil.example/metadata' } })
      .on('https://evil.example/metadata', { json: metadataDocument() });
    await expect(discovery.authorizationServer(ISSUER)).rejects.toThrow(
      'gives no authorization server metadata',
    );
    expect(http.places).not.toContain('https://evil.example/metadata');

    const inside = start();
    inside.http
      .on(place, { status: 302, headers: { location: '/metadata' } })
      .on(`${ISSUER}/metadata`, { json: metadataDocument() });
    expect((await inside.discovery.authorizationServer(ISSUER)).issuer).toBe(ISSUER);
  });

  test('[14]: all of an attempt come to eight requests at most', async () => {
    const { http, discovery } = start();
    http
      .on(FOR_PATH, { status: 302, headers: { location: FOR_PATH } })
      .on(WELL_KNOWN, { status: 302, headers: { location: WELL_KNOWN } });
    await discovery.protectedResource(undefined);
    await expect(discovery.authorizationServer(ISSUER)).rejects.toThrow('from one place to the next');
    expect(http.requests.length).toBe(8);
  });
});

describe('authorization server metadata', () => {
  const at = {
    oauth: (path = '') => `${ISSUER}/.well-known/oauth-authorization-server${path}`,
    openid: (path = '') => `${ISSUER}/.well-known/openid-configuration${path}`,
    appended: (path: string) => `${ISSUER}${path}/.well-known/openid-configuration`,
  };

  test('A-18: of an issuer without a path, in the two places of the specification', async () => {
    const { http, discovery } = start();
    http.on(at.openid(), { json: metadataDocument() });
    expect((await discovery.authorizationServer(ISSUER)).tokenEndpoint).toBe(`${ISSUER}/token`);
    expect(http.places).toEqual([at.oauth(), at.openid()]);
  });

  test('A-17: of an issuer with a path, in the three places, and never at the root', async () => {
    const issuer = `${ISSUER}/tenant/one`;
    const { http, discovery } = start();
    http
      .on(at.appended('/tenant/one'), { json: metadataDocument(issuer) })
      .on(at.oauth(), { json: metadataDocument() })
      .on(at.openid(), { json: metadataDocument() });
    expect((await discovery.authorizationServer(issuer)).issuer).toBe(issuer);
    expect(http.places).toEqual([
      at.oauth('/tenant/one'),
      at.openid('/tenant/one'),
      at.appended('/tenant/one'),
    ]);
  });

  test('A-17: the first that fits is taken, and no other asked', async () => {
    const { http, discovery } = start();
    http.on(at.oauth('/t'), { json: metadataDocument(`${ISSUER}/t`) });
    await discovery.authorizationServer(`${ISSUER}/t`);
    expect(http.places).toEqual([at.oauth('/t')]);
  });

  // T17
  test.each([
    `${ISSUER}/`,
    ISSUER.toUpperCase(),
    `${ISSUER}:443`,
    'https://as.example.evil.example',
    'https://evil.example',
  ])('A-19, T17: with the issuer %s it is discarded [19]', async (issuer) => {
    const { http, discovery } = start();
    http.on(at.oauth(), { json: metadataDocument(ISSUER, { issuer }) });
    await expect(discovery.authorizationServer(ISSUER)).rejects.toMatchObject({
      reason: 'authorization-server',
      message: expect.stringContaining('names another issuer'),
    });
    expect(http.places).toEqual([at.oauth(), at.openid()]);
  });

  test('A-19: a slash at the end is part of the issuer', async () => {
    const { http, discovery } = start();
    http.on(at.oauth(), { json: metadataDocument(ISSUER, { issuer: `${ISSUER}/` }) });
    expect((await discovery.authorizationServer(`${ISSUER}/`)).issuer).toBe(`${ISSUER}/`);
  });

  test('A-20: a mismatch in the first place, the right document in the second', async () => {
    const { http, discovery } = start();
    http
      .on(at.oauth(), { json: metadataDocument(ISSUER, { issuer: 'https://other.example' }) })
      .on(at.openid(), { json: metadataDocument() });
    expect((await discovery.authorizationServer(ISSUER)).issuer).toBe(ISSUER);
  });

  test('A-20: 5xx is reported at once, and so is no answer', async () => {
    const { http, discovery } = start();
    http.on(at.oauth(), { status: 502 }).on(at.openid(), { json: metadataDocument() });
    await expect(discovery.authorizationServer(ISSUER)).rejects.toThrow(
      'failed to give its metadata (HTTP 502)',
    );
    expect(http.places).toEqual([at.oauth()]);
    http.on(at.oauth(), noAnswer(false));
    await expect(discovery.authorizationServer(ISSUER)).rejects.toMatchObject({ reason: 'unreachable' });
  });

  test('T1, T5: endpoints that must not be used are told', async () => {
    const { http, discovery } = start();
    http.on(at.oauth(), {
      json: metadataDocument(ISSUER, { authorization_endpoint: 'javascript:alert(1)' }),
    });
    await expect(discovery.authorizationServer(ISSUER)).rejects.toThrow("endpoints that can't be used");
  });

  test.each([
    'http://as.example',
    'http://127.0.0.1:1',
    'https://localhost',
    'https://user@as.example',
    'https://as.example#x',
    'https://as.example?tenant=1',
    'javascript:alert(1)',
    'as.example',
    '',
    'https://as.example/\u001b[31m',
  ])('the issuer %j is never asked [1-3]', async (issuer) => {
    const { http, discovery } = start();
    await expect(discovery.authorizationServer(issuer)).rejects.toMatchObject({
      reason: 'authorization-server',
    });
    await expect(discovery.authorizationServer(issuer)).rejects.not.toThrow('\u001b');
    expect(http.requests).toEqual([]);
  });
});

describe('without protected resource metadata (MCP 2025-03-26)', () => {
  const origin = 'https://mcp.example';
  const place = `${origin}/.well-known/oauth-authorization-server`;

  test('A-25, A-26: the metadata of the origin, not of the path', async () => {
    const { http, discovery } = start();
    http.on(place, { json: metadataDocument(origin, { token_endpoint: `${origin}/oauth/token` }) });
    const found = await discovery.legacyAuthorizationServer();
    expect(found).toMatchObject({ issuer: origin, tokenEndpoint: `${origin}/oauth/token`, isAssumed: false });
    expect(http.places).toEqual([place]);
  });

  test('A-26: an issuer with the slash of an empty path is the same origin', async () => {
    const { http, discovery } = start();
    http.on(place, { json: metadataDocument(origin, { issuer: `${origin}/` }) });
    expect((await discovery.legacyAuthorizationServer()).issuer).toBe(`${origin}/`);
  });

  test('A-27, T14: no metadata: the default endpoints on the very origin, and nothing asked there yet', async () => {
    const { http, discovery } = start();
    const found = await discovery.legacyAuthorizationServer();
    expect(found).toMatchObject({ issuer: origin, tokenEndpoint: `${origin}/token`, isAssumed: true });
    expect(http.places.every((one) => one.startsWith(`${origin}/.well-known/`))).toBe(true);
  });

  test('A-19: the metadata of another issuer is no reason to assume anything', async () => {
    const { http, discovery } = start();
    http.on(place, { json: metadataDocument('https://evil.example') });
    await expect(discovery.legacyAuthorizationServer()).rejects.toThrow('names another issuer');
  });

  test('A-20: nor is a server that is broken', async () => {
    const { http, discovery } = start();
    http.on(place, { status: 500 });
    await expect(discovery.legacyAuthorizationServer()).rejects.toThrow('HTTP 500');
  });
});
