import { describe, expect, test } from 'vitest';
import { chooseServer } from '../../../../src/authorization/sign-in/choose-server.ts';
import { type ConnectionRecord, connectionFileId } from '../../../../src/credentials/record.ts';
import type { SignInSettings } from '../../../../src/settings.ts';
import { connectionRecord, ISSUER, metadataDocument, SERVER, signInTask } from '../../helpers/oauth-parts.ts';
import { noAnswer, ScriptedOAuthHttp } from '../../helpers/scripted-oauth-http.ts';

const RESOURCE_METADATA = 'https://mcp.example/.well-known/oauth-protected-resource/mcp';
const OTHER = 'https://other.example';
const metadataOf = (issuer: string) => `${issuer}/.well-known/oauth-authorization-server`;

/** An MCP server whose metadata names these authorization servers; each has metadata of its own. */
function network(issuers: string[], changes: Record<string, Record<string, unknown>> = {}) {
  const http = new ScriptedOAuthHttp().on(RESOURCE_METADATA, {
    json: { resource: SERVER, authorization_servers: issuers, scopes_supported: ['a'] },
  });
  for (const issuer of [ISSUER, OTHER, ...issuers])
    http.on(metadataOf(issuer), { json: metadataDocument(issuer, changes[issuer]) });
  return http;
}

const known = (...records: Partial<ConnectionRecord>[]) =>
  records.map((more) => {
    const record = connectionRecord(more);
    return { id: connectionFileId(record), generation: 1, record };
  });

const choose = (http: ScriptedOAuthHttp, signIn: Partial<SignInSettings> = {}, of = known()) =>
  chooseServer(signInTask({ signIn }), http.http, of);
const issuerOf = async (chosen: ReturnType<typeof choose>) => (await chosen).authorizationServer.issuer;

describe('the authorization server to sign in at', () => {
  test('the one that the metadata names, which are given along', async () => {
    const { authorizationServer, resource } = await choose(network([ISSUER]));
    expect(authorizationServer.tokenEndpoint).toBe(`${ISSUER}/token`);
    expect(resource).toEqual({ resource: SERVER, authorizationServers: [ISSUER], scopes: ['a'] });
  });

  test("the challenge's URL leads to the metadata (A-10)", async () => {
    const http = network([ISSUER]).on('https://mcp.example/about', {
      json: { resource: SERVER, authorization_servers: [OTHER] },
    });
    const challenge = { resourceMetadata: 'https://mcp.example/about' };
    const { authorizationServer } = await chooseServer(signInTask({ challenge }), http.http, []);
    expect(authorizationServer.issuer).toBe(OTHER);
  });

  test('[25]: of several the first that can be used', async () => {
    expect(await issuerOf(choose(network([OTHER, ISSUER])))).toBe(OTHER);
    const broken = network([OTHER, ISSUER]).on(metadataOf(OTHER), { status: 500 });
    expect(await issuerOf(choose(broken))).toBe(ISSUER);
    const silent = network([OTHER, ISSUER]).on(metadataOf(OTHER), noAnswer(false));
    expect(await issuerOf(choose(silent))).toBe(ISSUER);
    const forged = network(['http://127.0.0.1:1', 'javascript:x', ISSUER]);
    expect(await issuerOf(choose(forged))).toBe(ISSUER);
  });

  test('for a device code: the one that has it, where PKCE is of no use', async () => {
    const has = { device_authorization_endpoint: `${OTHER}/device`, code_challenge_methods_supported: [] };
    const http = network([ISSUER, OTHER], { [OTHER]: has });
    const { authorizationServer } = await choose(http, { deviceCode: true });
    expect(authorizationServer.deviceAuthorizationEndpoint).toBe(`${OTHER}/device`);
    await expect(choose(network([ISSUER]), { deviceCode: true })).rejects.toMatchObject({
      reason: 'sign-in-refused',
      message: expect.stringContaining(
        'as.example offers no sign-in by device code; leave out --device-code',
      ),
    });
    const forged = network([ISSUER], {
      [ISSUER]: { device_authorization_endpoint: 'http://as.example/device' },
    });
    await expect(choose(forged, { deviceCode: true })).rejects.toMatchObject({ reason: 'sign-in-refused' });
  });

  test('[25]: the one whose credentials are kept comes first', async () => {
    const http = network([OTHER, ISSUER]);
    expect(await issuerOf(choose(http, {}, known({ issuer: ISSUER })))).toBe(ISSUER);
    expect(http.places).not.toContain(metadataOf(OTHER));
  });

  test('T23: [bad, good]: bad gets a request for its metadata and nothing else', async () => {
    const http = network([OTHER, ISSUER], { [OTHER]: { code_challenge_methods_supported: undefined } });
    expect(await issuerOf(choose(http))).toBe(ISSUER);
    const atBad = http.requests.filter(({ url }) => url.startsWith(OTHER));
    expect(atBad.map(({ method, body }) => [method, body])).toEqual([['GET', undefined]]);
  });

  test('none that can be used: the first reason is told', async () => {
    const http = network([OTHER, ISSUER])
      .on(metadataOf(OTHER), { status: 500 })
      .on(metadataOf(ISSUER), { status: 404 });
    await expect(choose(http)).rejects.toThrow(`${OTHER} failed to give its metadata (HTTP 500)`);
  });

  test('no more than three are tried', async () => {
    const many = [1, 2, 3, 4, 5].map((number) => `https://as${number}.example`);
    const http = network(many);
    for (const issuer of many) http.on(metadataOf(issuer), { status: 500 });
    await expect(choose(http)).rejects.toThrow('as1.example');
    expect(http.places).not.toContain(metadataOf('https://as4.example'));
  });

  test('--issuer is taken whatever the metadata lists; they still give resource and scopes', async () => {
    const http = network([OTHER]);
    const { authorizationServer, resource } = await choose(http, { issuer: ISSUER });
    expect([authorizationServer.issuer, resource?.scopes]).toEqual([ISSUER, ['a']]);
    expect(http.places).not.toContain(metadataOf(OTHER));
  });

  test('M7: --resource is why the metadata of another resource may be used', async () => {
    const resource = 'https://api.example';
    const http = network([ISSUER]).on(RESOURCE_METADATA, {
      json: { resource, authorization_servers: [ISSUER] },
    });
    await expect(choose(http)).rejects.toThrow(`--resource ${resource}`);
    expect(await issuerOf(choose(http, { resource }))).toBe(ISSUER);
  });
});

describe('without protected resource metadata (MCP 2025-03-26)', () => {
  test('A-25, A-26: the metadata of the own origin', async () => {
    const http = new ScriptedOAuthHttp().on(metadataOf('https://mcp.example'), {
      json: metadataDocument('https://mcp.example'),
    });
    const { authorizationServer, resource } = await choose(http);
    expect([authorizationServer.issuer, authorizationServer.isAssumed, resource]).toEqual([
      'https://mcp.example',
      false,
      undefined,
    ]);
  });

  test('A-27, A-29: without any, the default endpoints; PKCE can not be asked for there', async () => {
    const { authorizationServer } = await choose(new ScriptedOAuthHttp());
    expect(authorizationServer).toMatchObject({
      isAssumed: true,
      registrationEndpoint: 'https://mcp.example/register',
    });
  });

  test('--issuer holds there as well', async () => {
    const http = new ScriptedOAuthHttp().on(metadataOf(ISSUER), { json: metadataDocument() });
    expect(await issuerOf(choose(http, { issuer: ISSUER }))).toBe(ISSUER);
  });
});

describe('PKCE [32, T31]', () => {
  test.each([undefined, [], ['plain'], 'S256', ['s256']])(
    'A-21, A-22: with %j it is refused',
    async (methods) => {
      const http = network([ISSUER], { [ISSUER]: { code_challenge_methods_supported: methods } });
      await expect(choose(http)).rejects.toMatchObject({
        reason: 'sign-in-refused',
        message: expect.stringMatching(/as\.example .*PKCE.* --allow-missing-pkce/),
      });
      expect(await issuerOf(choose(http, { allowMissingPkce: true }))).toBe(ISSUER);
    },
  );

  test('A-21: metadata of the own origin are no excuse', async () => {
    const http = new ScriptedOAuthHttp().on(metadataOf('https://mcp.example'), {
      json: metadataDocument('https://mcp.example', { code_challenge_methods_supported: undefined }),
    });
    await expect(choose(http)).rejects.toThrow('PKCE');
  });

  test('of a provider that is known to leave it out, that is said', async () => {
    const issuer = 'https://login.microsoftonline.com/tenant/v2.0';
    const http = network([issuer]).on(
      'https://login.microsoftonline.com/.well-known/oauth-authorization-server/tenant/v2.0',
      { json: metadataDocument(issuer, { code_challenge_methods_supported: undefined }) },
    );
    await expect(choose(http)).rejects.toThrow('Entra ID does it all the same: give --allow-missing-pkce.');
  });
});

describe('a client of the user’s own stays with its issuer [22]', () => {
  const client = { id: 'mine', source: 'configured', authMethod: 'client_secret_post', secret: 's' } as const;
  const pinned = known({ client });

  test('T19, A-49: another one that is named is an error with the way out, and nothing is sent there', async () => {
    const http = network([OTHER]);
    await expect(choose(http, { clientId: 'mine', clientSecret: 's' }, pinned)).rejects.toMatchObject({
      reason: 'sign-in-refused',
      message: expect.stringMatching(/other\.example.*as\.example.*--issuer https:\/\/other\.example/),
    });
    expect(http.requests.every(({ method }) => method === 'GET')).toBe(true);
  });

  test('with --issuer the user has said so', async () => {
    expect(await issuerOf(choose(network([OTHER]), { clientId: 'mine', issuer: OTHER }, pinned))).toBe(OTHER);
  });

  test('the same one, another client, and a first sign-in are no such case', async () => {
    expect(await issuerOf(choose(network([ISSUER]), { clientId: 'mine' }, pinned))).toBe(ISSUER);
    expect(await issuerOf(choose(network([OTHER]), { clientId: 'new' }, pinned))).toBe(OTHER);
    expect(await issuerOf(choose(network([OTHER]), { clientId: 'mine' }))).toBe(OTHER);
  });

  test('T18, [27]: one that registers by itself may follow the server', async () => {
    expect(await issuerOf(choose(network([OTHER]), {}, known({})))).toBe(OTHER);
  });
});

describe('a server that registers nobody (A-32, A-33)', () => {
  const closed = (more: Record<string, unknown> = {}) =>
    network([ISSUER], { [ISSUER]: { registration_endpoint: undefined, ...more } });

  test('wants a client id', async () => {
    await expect(choose(closed())).rejects.toMatchObject({
      reason: 'sign-in-refused',
      message: expect.stringContaining('--client-id'),
    });
    expect(await issuerOf(choose(closed(), { clientId: 'mine' }))).toBe(ISSUER);
  });

  test('or takes a client ID metadata document, where the user has one', async () => {
    const takes = closed({ client_id_metadata_document_supported: true });
    await expect(choose(takes)).rejects.toThrow('--client-id');
    expect(await issuerOf(choose(takes, { clientMetadataUrl: 'https://me.example/c' }))).toBe(ISSUER);
    await expect(choose(closed(), { clientMetadataUrl: 'https://me.example/c' })).rejects.toThrow(
      '--client-id',
    );
  });
});
