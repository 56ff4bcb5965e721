import { describe, expect, test } from 'vitest';
import { callEcho, echoed, oauthStage } from '../support/oauth-stage.ts';
import { storedConnections } from '../support/stored-connection.ts';

const documentUrl = 'https://client.example/mcp/client.json';

describe('a server that now names another authorization server [R9, T18, T19]', () => {
  test.each([
    { client: 'registered without a secret', method: 'none', options: [] as string[] },
    { client: 'registered with a secret', method: 'client_secret_post', options: [] },
    { client: 'of a metadata document', method: 'none', options: ['--client-metadata-url', documentUrl] },
  ])('gets a sign-in there; nothing of a client $client goes there', async ({ method, options }) => {
    const metadata = {
      token_endpoint_auth_methods_supported: [method],
      client_id_metadata_document_supported: options.length > 0,
    };
    const document = {
      id: documentUrl,
      secret: undefined,
      method: 'none',
      redirectUris: ['http://127.0.0.1/callback'],
    };
    const stage = await oauthStage({ server: { metadata, clients: [document] } });
    await stage.signIn(...options);
    const other = await stage.addServer({ metadata, clients: [document] });
    const first = stage.server;
    stage.remote.protection.authorizationServers = [other.issuer];
    stage.remote.protection.isValid = other.isValid;
    const before = first.requests.length;

    const bridge = await stage.connect(...options);
    expect((await callEcho(bridge)).result).toEqual(echoed);
    expect(stage.windows).toBe(2);
    expect(first.requests).toHaveLength(before);
    const sent = JSON.stringify(other.requests);
    for (const secret of first.book.secrets) expect(sent).not.toContain(secret);
    const ids = [...first.book.clients.keys()].filter((id) => id !== documentUrl);
    for (const id of ids) expect(sent).not.toContain(id);
    expect(other.of('token').map(({ params }) => params.grant_type)).toEqual(['authorization_code']);

    // What was there is kept, and serves when the server names the first one again.
    expect(storedConnections(stage).map(({ issuer }) => issuer)).toEqual([other.issuer, first.issuer]);
    stage.remote.protection.authorizationServers = [first.issuer];
    stage.remote.protection.isValid = first.isValid;
    first.expireAccessTokens();
    const later = await stage.connect(...options);
    expect((await callEcho(later)).result).toEqual(echoed);
    expect(stage.windows).toBe(2);
    expect(first.grants('refresh_token')).toBe(1);
  });

  test('and the old one is gone for good: the token that has ended leads to the new one', async () => {
    const stage = await oauthStage({ server: { tokens: { expires_in: 1 } } });
    await stage.signIn();
    const other = await stage.addServer();
    stage.remote.protection.authorizationServers = [other.issuer];
    stage.remote.protection.isValid = other.isValid;
    await stage.server.stop();
    const bridge = await stage.connect();
    expect((await callEcho(bridge)).result).toEqual(echoed);
    expect(stage.windows).toBe(2);
    expect(storedConnections(stage)[0]?.issuer).toBe(other.issuer);
  });

  test('while the token is only old: the refresh goes to where the token is from', async () => {
    const stage = await oauthStage({ server: { tokens: { expires_in: 1 } } });
    await stage.signIn();
    stage.server.options.tokens = {};
    const other = await stage.addServer();
    stage.remote.protection.authorizationServers = [other.issuer];
    await stage.connect();
    expect(stage.server.grants('refresh_token')).toBe(1);
    expect(other.requests).toEqual([]);
    expect(stage.windows).toBe(1);
  });

  test('beside the one of before: that one is used on', async () => {
    const stage = await oauthStage();
    await stage.signIn();
    const other = await stage.addServer();
    stage.remote.protection.authorizationServers = [other.issuer, stage.server.issuer];
    stage.server.expireAccessTokens();
    await stage.connect();
    expect(stage.server.grants('refresh_token')).toBe(1);
    expect(other.requests).toEqual([]);
  });
});

test('two profiles with two clients have separate tokens [R10]', async () => {
  const clients = ['one', 'two'].map((id) => ({
    id,
    secret: undefined,
    method: 'none',
    redirectUris: ['http://127.0.0.1/callback'],
  }));
  const stage = await oauthStage({ server: { clients } });
  const one = await stage.connect('--client-id', 'one');
  const two = await stage.connect('--client-id', 'two', '--profile', 'second');
  stage.server.expireAccessTokens();
  expect((await callEcho(one)).result).toEqual(echoed);
  expect((await callEcho(two)).result).toEqual(echoed);
  const refreshes = stage.server.of('token').filter(({ params }) => params.grant_type === 'refresh_token');
  expect(refreshes.map(({ params }) => params.client_id).sort()).toEqual(['one', 'two']);
  expect([stage.server.reuses, stage.windows]).toEqual([0, 2]);
});
