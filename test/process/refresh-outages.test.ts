import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import type { EndpointExchange } from '../support/fake-authorization-server.ts';
import { callEcho, echoed, initialize, type OAuthStage, oauthStage } from '../support/oauth-stage.ts';
import { changeConnection, storedConnections } from '../support/stored-connection.ts';

async function expiredStage(...options: Parameters<typeof oauthStage>): Promise<OAuthStage> {
  const stage = await oauthStage(...options);
  await stage.signIn();
  stage.server.expireAccessTokens();
  return stage;
}

const outages: [string, (exchange: EndpointExchange) => void][] = [
  ['503 with HTML', (exchange) => exchange.body(503, '<h1>Busy</h1>', { 'Content-Type': 'text/html' })],
  ['500 and server_error', (exchange) => exchange.json(500, { error: 'server_error' })],
  ['400 and server_error', (exchange) => exchange.json(400, { error: 'server_error' })],
  ['400 and temporarily_unavailable', (exchange) => exchange.json(400, { error: 'temporarily_unavailable' })],
  ['429', (exchange) => exchange.status(429, { 'Retry-After': '1' })],
];

describe('while the token endpoint answers', () => {
  test.each(outages)(
    '%s for three seconds, nobody is asked; the call is answered after it [R3]',
    async (_name, fail) => {
      const stage = await expiredStage();
      const bridge = stage.bridge();
      const since = performance.now();
      stage.server.on('token', (exchange, usual) =>
        performance.now() - since < 3000 ? fail(exchange) : usual(),
      );
      expect(await initialize(bridge)).toHaveProperty('result');
      expect((await callEcho(bridge)).result).toEqual(echoed);
      expect([stage.server.grants('refresh_token'), stage.server.reuses, stage.windows]).toEqual([1, 0, 1]);
    },
  );

  test.each([
    ...outages.slice(0, 1),
    ['403 with HTML', (exchange: EndpointExchange) => exchange.body(403, '<h1>Blocked</h1>')],
    ['404', (exchange: EndpointExchange) => exchange.status(404)],
    ['200 with HTML', (exchange: EndpointExchange) => exchange.body(200, '<h1>Welcome</h1>')],
    ['a redirect', (exchange: EndpointExchange) => exchange.redirect(302, '/login')],
    ['a reset', (exchange: EndpointExchange) => exchange.reset()],
  ])('%s all the time, the error says so, and the refresh token is kept [R3]', async (_name, fail) => {
    const stage = await expiredStage();
    const bridge = stage.bridge();
    stage.server.on('token', fail);
    const { error } = await initialize(bridge);
    expect(['authorization-server', 'unreachable', 'rate-limited']).toContain(error?.data.reason);
    expect(stage.windows).toBe(1);
    expect(storedConnections(stage)[0]?.refreshToken).toBeDefined();
    stage.server.off('token');
    expect(await initialize(bridge)).toHaveProperty('result');
    expect([stage.server.grants('refresh_token'), stage.server.reuses, stage.windows]).toEqual([1, 0, 1]);
  });
});

describe('while the authorization server', () => {
  test('is not there for three seconds, nobody is asked; the call is answered after it [R3]', async () => {
    const stage = await expiredStage();
    await stage.server.stop();
    const answer = initialize(stage.bridge());
    await delay(3000);
    await stage.server.start();
    expect(await answer).toHaveProperty('result');
    expect([stage.server.grants('refresh_token'), stage.server.reuses, stage.windows]).toEqual([1, 0, 1]);
  });

  test('has a name that nobody knows, the error says so, and the refresh token is kept [R3]', async () => {
    const stage = await expiredStage();
    const [before] = storedConnections(stage);
    await changeConnection(stage, { tokenEndpoint: 'https://authorization-server.invalid/token' });
    const bridge = stage.bridge();
    expect((await initialize(bridge)).error?.data).toMatchObject({ reason: 'unreachable' });
    expect(storedConnections(stage)[0]?.refreshToken).toBe(before?.refreshToken);
    await changeConnection(stage, { tokenEndpoint: `${stage.server.issuer}/token` });
    expect(await initialize(bridge)).toHaveProperty('result');
    expect([stage.server.grants('refresh_token'), stage.windows]).toEqual([1, 1]);
  });

  test('is not there, the error says so; later it is tried anew [R3]', async () => {
    const stage = await expiredStage();
    await stage.server.stop();
    const bridge = stage.bridge();
    expect((await initialize(bridge)).error?.data).toMatchObject({ reason: 'unreachable' });
    await stage.server.start();
    expect(await initialize(bridge)).toHaveProperty('result');
    expect([stage.server.grants('refresh_token'), stage.windows]).toEqual([1, 1]);
  });

  test('never answers, the error comes within 15 s; the next call works once it answers [R4]', {
    timeout: 90_000,
  }, async () => {
    const stage = await expiredStage();
    stage.server.on('token', (exchange) => exchange.hang());
    const bridge = stage.bridge();
    const since = performance.now();
    expect((await initialize(bridge)).error?.data).toMatchObject({ reason: 'timeout' });
    expect(performance.now() - since).toBeLessThan(15_500);
    stage.server.off('token');
    expect(await initialize(bridge)).toHaveProperty('result');
    expect([stage.server.reuses, stage.windows]).toEqual([0, 1]);
  });
});
