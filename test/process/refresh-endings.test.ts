import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import type { EventStream } from '../support/fake-exchange.ts';
import { startFakeRemote } from '../support/fake-remote.ts';
import { callEcho, echoed, initialize, type OAuthStage, oauthStage } from '../support/oauth-stage.ts';
import { changeConnection, storedConnections } from '../support/stored-connection.ts';
import { until } from '../support/wait.ts';

async function expiredStage(...options: Parameters<typeof oauthStage>): Promise<OAuthStage> {
  const stage = await oauthStage(...options);
  await stage.signIn();
  stage.server.expireAccessTokens();
  return stage;
}

describe('a refresh that is refused', () => {
  test('by invalid_grant offers one sign-in to all bridges and calls [R7]', async () => {
    const stage = await oauthStage();
    await stage.signIn();
    const bridges = [await stage.connect(), await stage.connect(), await stage.connect()];
    stage.server.revokeAll();
    const calls = bridges.flatMap((bridge) => [callEcho(bridge), callEcho(bridge), callEcho(bridge)]);
    for (const { result } of await Promise.all(calls)) expect(result).toEqual(echoed);
    expect(stage.windows).toBe(2);
    expect(stage.server.of('register')).toHaveLength(1);
    const refreshes = stage.server.of('token').filter(({ params }) => params.grant_type === 'refresh_token');
    expect(refreshes).toHaveLength(1);
    expect(stage.server.grants('authorization_code')).toBe(2);
  });

  test('by invalid_grant when nobody is there tells the client, and tries no more [R7]', async () => {
    const stage = await oauthStage();
    await stage.signIn();
    stage.server.revokeAll();
    const bridge = stage.bridge('--no-browser');
    const open = { jsonrpc: '2.0', id: 'i', method: 'initialize', params: {} };
    bridge.send(open);
    await stage.server.next('token', 2, 20_000);
    await until('the refresh token gone', () => storedConnections(stage)[0]?.refreshToken === undefined);
    const again = stage.bridge('--no-browser');
    again.send(open);
    await until(
      'a request of the second bridge',
      () => stage.remote.credentials('initialize').length >= 2,
      20_000,
    );
    expect(stage.windows).toBe(1);
    // The first one sees a sign-in in a terminal, without a restart.
    await stage.signIn();
    expect(await bridge.answer('i', 30_000)).toHaveProperty('result');
    expect(await again.answer('i', 30_000)).toHaveProperty('result');
    expect(stage.server.of('token')).toHaveLength(3);
  });

  test('by invalid_client of a client that was registered makes a new one, in one sign-in', async () => {
    const stage = await expiredStage();
    stage.server.forgetClients();
    const bridge = await stage.connect();
    expect((await callEcho(bridge)).result).toEqual(echoed);
    expect(stage.server.of('register')).toHaveLength(2);
    expect(stage.windows).toBe(2);
  });

  test("by invalid_client of the user's own client is told, and nothing is forgotten", async () => {
    const client = {
      id: 'known',
      secret: undefined,
      method: 'none',
      redirectUris: ['http://127.0.0.1/callback'],
    };
    const stage = await oauthStage({ server: { clients: [client] } });
    await stage.signIn('--client-id', 'known');
    stage.server.expireAccessTokens();
    stage.server.forgetClients();
    const bridge = stage.bridge('--client-id', 'known');
    expect((await initialize(bridge)).error?.message).toContain('invalid_client');
    stage.server.book.clients.set('known', client);
    expect(await initialize(bridge)).toHaveProperty('result');
    expect(stage.windows).toBe(1);
  });
});

describe('a refresh that is granted', () => {
  test('without refresh token, scope and expiry keeps the old ones [M10]', async () => {
    const stage = await expiredStage({
      protection: { scopes: ['a'] },
      server: {
        rotates: false,
        tokens: ({ access_token, ...usual }, { grant_type }) =>
          grant_type === 'refresh_token' ? { access_token } : { access_token, ...usual },
      },
    });
    const bridge = await stage.connect();
    const [before] = storedConnections(stage);
    for (let renewals = 1; renewals <= 3; renewals++) {
      expect((await callEcho(bridge)).result).toEqual(echoed);
      expect(stage.server.grants('refresh_token')).toBe(renewals);
      stage.server.expireAccessTokens();
    }
    const [after] = storedConnections(stage);
    expect(after).toMatchObject({ refreshToken: before?.refreshToken, scope: 'a', requestedScope: 'a' });
    expect(after).not.toHaveProperty('expiresAt');
    expect(stage.windows).toBe(1);
  });

  test('after two hours of sleep comes before the first call, and the stream is opened anew [R8]', async () => {
    const stage = await oauthStage();
    const streams: EventStream[] = [];
    stage.remote.remote.on('GET', (exchange) => void streams.push(exchange.sse()));
    await stage.signIn();
    const bridge = await stage.connect();
    await until('the listening stream', () => streams.length === 1);
    // What a sleep leaves behind: a token whose time is over, and connections that are gone.
    await changeConnection(stage, { obtainedAt: Date.now() - 10_800_000, expiresAt: Date.now() - 7_200_000 });
    stage.server.expireAccessTokens();
    await delay(1100); // the store is looked at once a second
    stage.remote.remote.cutConnections();
    expect((await callEcho(bridge)).result).toEqual(echoed);
    await until('another listening stream', () => streams.length === 2, 20_000);
    const refused = stage.remote.refused.filter(({ request }) => request.headers.authorization !== undefined);
    expect(refused).toEqual([]);
    expect([stage.server.grants('refresh_token'), stage.server.reuses, stage.windows]).toEqual([1, 0, 1]);
  });

  test('while the server is asked who authorizes for it is no reason to sign in', async () => {
    const pages = await startFakeRemote();
    const challenge = `Bearer resource_metadata="${pages.origin}/about"`;
    const stage = await oauthStage({ protection: { challenge } });
    const about = (): object => ({ resource: stage.url, authorization_servers: [stage.server.issuer] });
    pages.once('GET', (exchange) => exchange.json(200, about()));
    await stage.signIn();
    // Renewed ahead of its time, while the server refuses it already: its clock is ahead.
    const [before] = storedConnections(stage);
    await changeConnection(stage, { obtainedAt: Date.now() - 3_550_000, expiresAt: Date.now() + 50_000 });
    stage.server.expireAccessTokens();
    let release: (() => void) | undefined;
    stage.server.once('token', (_exchange, usual) => {
      release = usual;
    });
    pages.on('GET', (exchange) => exchange.json(200, about()));
    pages.once('GET', async (exchange) => {
      await until('the refresh', () => release, 20_000);
      release?.();
      await until(
        'the token',
        () => storedConnections(stage)[0]?.accessToken !== before?.accessToken,
        20_000,
      );
      await delay(300);
      exchange.json(200, about());
    });
    const bridge = await stage.connect();
    expect((await callEcho(bridge)).result).toEqual(echoed);
    expect([stage.server.grants('refresh_token'), stage.server.reuses, stage.windows]).toEqual([1, 0, 1]);
  });

  test('gives a token that is refused as well: one sign-in is offered, and no more refreshes [T84]', async () => {
    const stage = await oauthStage();
    await stage.signIn();
    stage.remote.protection.isValid = () => false;
    const bridge = stage.bridge();
    const { error } = await initialize(bridge);
    expect(error?.data.reason).toBe('unauthorized');
    expect(stage.server.grants('refresh_token')).toBe(1);
    expect(stage.windows).toBe(2);
  });
});
