import { describe, expect, test } from 'vitest';
import type { EndpointRequest } from '../support/fake-authorization-server.ts';
import { callEcho, echoed, initialize, type OAuthStage, oauthStage } from '../support/oauth-stage.ts';

const secret = 'canary-secret: with/odd+chars %&=';
const anyPort = ['http://127.0.0.1/callback'];
const documentUrl = 'https://client.example/mcp/client.json';
const registrations = ({ server }: OAuthStage): EndpointRequest[] => server.of('register');

describe('a client that was registered beforehand', () => {
  test('without a secret is named in each request, and nothing is registered', async () => {
    const client = { id: 'known', secret: undefined, method: 'none', redirectUris: anyPort };
    const stage = await oauthStage({ server: { clients: [client] } });
    const bridge = await stage.connect('--client-id', 'known');
    stage.server.expireAccessTokens();
    expect((await callEcho(bridge)).result).toEqual(echoed);
    expect(registrations(stage)).toEqual([]);
    expect(stage.server.of('token').map(({ params }) => params.client_id)).toEqual(['known', 'known']);
  });

  test.each([
    { method: 'client_secret_basic', supported: undefined },
    { method: 'client_secret_basic', supported: ['client_secret_post', 'client_secret_basic', 'none'] },
    { method: 'client_secret_post', supported: ['private_key_jwt', 'client_secret_post'] },
  ])('proves itself by $method where $supported is supported', async ({ method, supported }) => {
    const client = { id: 'known: one', secret, method, redirectUris: anyPort };
    const stage = await oauthStage({
      server: { clients: [client], metadata: { token_endpoint_auth_methods_supported: supported } },
    });
    stage.setup.env.CLIENT_SECRET = secret;
    const options = ['--client-id', 'known: one', '--client-secret', '${CLIENT_SECRET}'];
    const bridge = await stage.connect(...options);
    stage.server.expireAccessTokens();
    expect((await callEcho(bridge)).result).toEqual(echoed);
    expect(registrations(stage)).toEqual([]);
    const requests = stage.server.of('token');
    expect(requests).toHaveLength(2);
    for (const { headers, params } of requests) {
      expect(headers.authorization !== undefined).toBe(method === 'client_secret_basic');
      expect(params.client_secret !== undefined).toBe(method === 'client_secret_post');
    }
    expect(stage.setup.browser.opened.join()).not.toContain('canary');
  });

  test('belongs to the authorization server that it was used at first: another gets nothing of it [22]', async () => {
    const client = { id: 'known', secret, method: 'client_secret_basic', redirectUris: anyPort };
    const stage = await oauthStage({ server: { clients: [client] } });
    const other = await stage.addServer({ clients: [client] });
    const options = ['--client-id', 'known', '--client-secret', secret];
    await stage.signIn(...options);
    stage.remote.protection.authorizationServers = [other.issuer];
    stage.server.revokeAll();
    const answer = await initialize(stage.bridge(...options));
    expect(answer.error?.message).toContain(`--issuer ${other.issuer}`);
    expect(await stage.signInFails(4, ...options)).toContain(`--issuer ${other.issuer}`);
    expect(other.requests.filter(({ endpoint }) => endpoint !== 'metadata')).toEqual([]);
    expect(stage.windows).toBe(1);

    stage.remote.protection.isValid = other.isValid;
    await stage.signIn(...options, '--issuer', other.issuer);
    expect(stage.windows).toBe(2);
  });

  test('of another id is another sign-in', async () => {
    const clients = ['one', 'two'].map((id) => ({
      id,
      secret: undefined,
      method: 'none',
      redirectUris: anyPort,
    }));
    const stage = await oauthStage({ server: { clients } });
    await stage.signIn('--client-id', 'one');
    await stage.connect('--client-id', 'two');
    expect(stage.windows).toBe(2);
    await stage.connect('--client-id', 'two');
    expect(stage.windows).toBe(2);
  });

  test('with a secret that has changed uses the new one', async () => {
    const client = { id: 'known', secret, method: 'client_secret_post', redirectUris: anyPort };
    const stage = await oauthStage({
      server: {
        clients: [client],
        metadata: { token_endpoint_auth_methods_supported: ['client_secret_post'] },
      },
    });
    await stage.signIn('--client-id', 'known', '--client-secret', secret);
    stage.server.book.secrets.add('canary-renewed');
    client.secret = 'canary-renewed';
    stage.server.expireAccessTokens();
    const bridge = await stage.connect('--client-id', 'known', '--client-secret', 'canary-renewed');
    expect((await callEcho(bridge)).result).toEqual(echoed);
    expect(stage.windows).toBe(1);
  });
});

describe('--client-metadata-url', () => {
  test('is the client id where the authorization server reads such documents', async () => {
    const client = { id: documentUrl, secret: undefined, method: 'none', redirectUris: anyPort };
    const stage = await oauthStage({
      server: { clients: [client], metadata: { client_id_metadata_document_supported: true } },
    });
    const bridge = await stage.connect('--client-metadata-url', documentUrl);
    stage.server.expireAccessTokens();
    expect((await callEcho(bridge)).result).toEqual(echoed);
    expect(registrations(stage)).toEqual([]);
    expect(stage.authorizations.map(({ client_id }) => client_id)).toEqual([documentUrl]);
  });

  test('gives way to registration where it does not', async () => {
    const stage = await oauthStage();
    await stage.signIn('--client-metadata-url', documentUrl);
    expect(registrations(stage)).toHaveLength(1);
    expect(stage.authorizations[0]?.client_id).not.toBe(documentUrl);
  });

  test('suffices where there is no registration', async () => {
    const client = { id: documentUrl, secret: undefined, method: 'none', redirectUris: anyPort };
    const metadata = { client_id_metadata_document_supported: true, registration_endpoint: undefined };
    const stage = await oauthStage({ server: { clients: [client], metadata } });
    expect(await stage.signInFails(4)).toContain('--client-id');
    await stage.signIn('--client-metadata-url', documentUrl);
    expect(stage.windows).toBe(1);
  });
});

describe('registration', () => {
  test('is for a native client with one loopback redirect, and serves all connections to its issuer', async () => {
    const stage = await oauthStage();
    await stage.signIn();
    await stage.signIn('--profile', 'other');
    expect(registrations(stage)).toHaveLength(1);
    const [{ message } = { message: undefined }] = registrations(stage);
    expect(message).toMatchObject({
      application_type: 'native',
      token_endpoint_auth_method: 'none',
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      redirect_uris: [expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+\/callback$/)],
    });
    expect(new Set(stage.authorizations.map(({ redirect_uri }) => redirect_uri)).size).toBe(1);
  });

  test.each(['client_secret_basic', 'client_secret_post'])('with a secret for %s', async (method) => {
    const stage = await oauthStage({
      server: { metadata: { token_endpoint_auth_methods_supported: [method] }, exactRedirect: true },
    });
    const bridge = await stage.connect();
    stage.server.expireAccessTokens();
    expect((await callEcho(bridge)).result).toEqual(echoed);
    await stage.signIn();
    expect(registrations(stage)).toHaveLength(1);
  });

  test('names localhost where the address is refused, and remembers it', async () => {
    const stage = await oauthStage({ server: { refusesRedirect: (uri) => uri.includes('127.0.0.1') } });
    const bridge = await stage.connect();
    expect((await callEcho(bridge)).result).toEqual(echoed);
    expect(registrations(stage)).toHaveLength(2);
    expect(stage.authorizations[0]?.redirect_uri).toMatch(/^http:\/\/localhost:\d+\/callback$/);
    await stage.signIn();
    expect(registrations(stage)).toHaveLength(2);
  });

  test('that refuses every redirect ends the sign-in', async () => {
    const stage = await oauthStage({ server: { refusesRedirect: () => true } });
    expect(await stage.signInFails(3)).toContain('invalid_redirect_uri');
    expect(stage.windows).toBe(0);
  });

  test('whose secret has run out is made anew before it is used [A10]', async () => {
    const metadata = { token_endpoint_auth_methods_supported: ['client_secret_post'] };
    const stage = await oauthStage({
      server: { metadata, registration: { client_secret_expires_at: Math.floor(Date.now() / 1000) - 60 } },
    });
    await stage.signIn();
    await stage.signIn();
    expect(registrations(stage)).toHaveLength(2);
    expect(stage.windows).toBe(2);
  });

  test.each([
    ['JSON', { status: 400 }],
    ['HTML', { status: 404, type: 'text/html', body: '<h1>Unknown client</h1>' }],
    ['422', { status: 422, body: '{"error":"invalid_request"}' }],
  ])(
    'that is forgotten is made anew, and nobody sees the error page (%s) [A9]',
    async (_name, unknownClient) => {
      const stage = await oauthStage({ server: { unknownClient } });
      const bridge = await stage.connect();
      stage.server.forgetClients();
      stage.server.expireAccessTokens();
      expect((await callEcho(bridge)).result).toEqual(echoed);
      expect(registrations(stage)).toHaveLength(2);
      expect(stage.windows).toBe(2);
    },
  );

  test.each([
    ['another redirect', { redirect_uris: ['https://evil.example/callback'] }],
    ['a client id with a line break', { client_id: 'client\r\nX-Evil: 1' }],
    ['no client id', { client_id: undefined }],
    ['a client id that is a number', { client_id: 7 }],
    ['another way to prove itself', { token_endpoint_auth_method: 'private_key_jwt' }],
    ['a secret that is none', { token_endpoint_auth_method: 'client_secret_post', client_secret: undefined }],
  ])('that comes back with %s is not used [T117, 112]', async (_name, registration) => {
    const stage = await oauthStage({ server: { registration } });
    expect(await stage.signInFails(3)).toContain('client registration');
    expect(stage.windows).toBe(0);
    stage.server.options.registration = {};
    await stage.signIn();
  });

  test('does not follow a redirect [T117, 104]', async () => {
    const stage = await oauthStage();
    const other = await stage.addServer();
    stage.server.once('register', (exchange) => exchange.redirect(307, `${other.origin}/register`));
    await stage.signInFails(3);
    expect(other.requests).toEqual([]);
  });

  test('is not tried where there is none', async () => {
    const stage = await oauthStage({ server: { metadata: { registration_endpoint: undefined } } });
    const answer = await initialize(stage.bridge());
    expect(answer.error?.data.reason).toBe('sign-in-refused');
    expect(answer.error?.message).toContain('--client-id');
    expect(stage.windows).toBe(0);
  });
});

describe('pushed authorization requests', () => {
  test('are made where they are required', async () => {
    const stage = await oauthStage({ server: { par: 'required' }, protection: { scopes: ['a'] } });
    const bridge = await stage.connect();
    expect((await callEcho(bridge)).result).toEqual(echoed);
    expect(stage.server.of('par')[0]?.params).toMatchObject({
      response_type: 'code',
      code_challenge_method: 'S256',
      scope: 'a',
      resource: stage.url,
    });
    const [opened = ''] = stage.setup.browser.opened;
    expect([...new URL(opened).searchParams.keys()].sort()).toEqual(['client_id', 'request_uri']);
  });

  test('carry the proof of a client with a secret', async () => {
    const client = { id: 'known', secret, method: 'client_secret_basic', redirectUris: anyPort };
    const stage = await oauthStage({ server: { par: 'required', clients: [client] } });
    await stage.signIn('--client-id', 'known', '--client-secret', secret);
    expect(stage.server.of('par')[0]?.headers.authorization).toMatch(/^Basic /);
  });

  test('are not made where they are a choice', async () => {
    const stage = await oauthStage({ server: { par: 'optional' } });
    await stage.signIn();
    expect(stage.server.of('par')).toEqual([]);
  });

  test('of a client that is forgotten heal themselves before a window is opened', async () => {
    const stage = await oauthStage({ server: { par: 'required' } });
    await stage.signIn();
    stage.server.forgetClients();
    await stage.signIn();
    expect(stage.windows).toBe(2);
    expect(registrations(stage)).toHaveLength(2);
  });

  test.each([
    ['invalid_scope', { server: { par: 'required' as const }, protection: { scopes: ['a'] } }, 'scope'],
    ['invalid_target', { server: { par: 'required' as const } }, 'resource'],
  ])('that are refused by %s are repaired too', async (error, options, parameter) => {
    const stage = await oauthStage(options);
    stage.server.on('par', (exchange, usual) => {
      if (exchange.params[parameter] === undefined) usual();
      else exchange.json(400, { error });
    });
    await stage.signIn();
    expect(stage.windows).toBe(1);
    await stage.signIn();
    expect(stage.server.of('par').filter(({ params }) => params[parameter] !== undefined)).toHaveLength(1);
  });
});

describe('PKCE', () => {
  test.each([undefined, ['plain'], [], 'S256'])(
    'that the metadata list as %j is refused [T31, 32]',
    async (methods) => {
      const stage = await oauthStage({ server: { metadata: { code_challenge_methods_supported: methods } } });
      const answer = await initialize(stage.bridge());
      expect(answer.error?.data.reason).toBe('sign-in-refused');
      expect(answer.error?.message).toContain('--allow-missing-pkce');
      expect(stage.windows).toBe(0);
      expect(registrations(stage)).toEqual([]);
    },
  );

  test('is done all the same with --allow-missing-pkce', async () => {
    const stage = await oauthStage({ server: { metadata: { code_challenge_methods_supported: undefined } } });
    const bridge = await stage.connect('--allow-missing-pkce');
    expect((await callEcho(bridge)).result).toEqual(echoed);
    expect(stage.authorizations[0]).toMatchObject({ code_challenge_method: 'S256' });
  });
});
