import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import type { BridgeProcess } from '../support/bridge-process.ts';
import { initializeResult } from '../support/fake-answers.ts';
import { callEcho, echoed, initialize, type OAuthStage, oauthStage } from '../support/oauth-stage.ts';
import { changeConnection, storedConnections } from '../support/stored-connection.ts';

const times = <T>(count: number, make: () => T): T[] => Array.from({ length: count }, make);

/** One refresh that was granted, none that was a reuse, no window but that of the first sign-in. */
function expectOneRefresh({ server, ...stage }: OAuthStage, windows: number): void {
  expect([server.grants('refresh_token'), server.reuses], JSON.stringify(stage.others)).toEqual([1, 0]);
  expect(server.of('token')).toHaveLength(2);
  expect(windows).toBe(1);
}

async function signedInStage(...options: Parameters<typeof oauthStage>): Promise<OAuthStage> {
  const stage = await oauthStage(...options);
  await stage.signIn();
  return stage;
}

/** A server that keeps a session is one of the legacy era, and needs no second look. */
function keepSession({ remote }: OAuthStage): void {
  remote.remote.on('initialize', (exchange) =>
    exchange.header('Mcp-Session-Id', 'one').result(initializeResult({ jsonrpc: '2.0' })),
  );
}

describe('a warm start', () => {
  test('with a token that is good makes one request for initialize, and no other', async () => {
    const stage = await signedInStage();
    keepSession(stage);
    const before = [stage.remote.remote.requests.length, stage.server.requests.length];
    const bridge = stage.bridge();
    expect(await initialize(bridge)).toHaveProperty('result');
    expect([stage.remote.remote.requests.length, stage.server.requests.length]).toEqual([
      (before[0] ?? 0) + 1,
      before[1],
    ]);
  });

  test('with a token that is over makes one request more: the refresh', async () => {
    const stage = await signedInStage();
    await changeConnection(stage, { expiresAt: Date.now() - 60_000 });
    keepSession(stage);
    const before = [stage.remote.remote.requests.length, stage.server.requests.length];
    expect(await initialize(stage.bridge())).toHaveProperty('result');
    expect([stage.remote.remote.requests.length, stage.server.requests.length]).toEqual([
      (before[0] ?? 0) + 1,
      (before[1] ?? 0) + 1,
    ]);
    expectOneRefresh(stage, stage.windows);
    expect(stage.remote.credentials('initialize').at(-1)).toBe(
      `Bearer ${storedConnections(stage)[0]?.accessToken}`,
    );
  });

  test('with a token that will soon be over does not wait for the next one', async () => {
    const stage = await signedInStage();
    await changeConnection(stage, { obtainedAt: Date.now() - 3_550_000, expiresAt: Date.now() + 50_000 });
    let answer: (() => void) | undefined;
    stage.server.on('token', (_exchange, usual) => {
      answer = usual;
    });
    const bridge = stage.bridge();
    expect(await initialize(bridge)).toHaveProperty('result');
    await stage.server.next('token', 2);
    expect((await callEcho(bridge)).result).toEqual(echoed);
    answer?.();
    const renewed = async (): Promise<boolean> => {
      await callEcho(bridge);
      return new Set(stage.remote.credentials('tools/call')).size === 2;
    };
    while (!(await renewed())) await delay(50);
    expectOneRefresh(stage, stage.windows);
  });
});

describe('parallel calls of one bridge', () => {
  test.each([5, 50])(
    'make one refresh when the token is refused, and all are answered: %d [R1, T75]',
    async (count) => {
      const stage = await signedInStage();
      const bridge = await stage.connect();
      stage.server.expireAccessTokens();
      const answers = await Promise.all(times(count, () => callEcho(bridge)));
      for (const { result } of answers) expect(result).toEqual(echoed);
      expectOneRefresh(stage, stage.windows);
    },
  );

  test('make one refresh when the token is over [T75]', async () => {
    const stage = await signedInStage();
    await changeConnection(stage, { expiresAt: Date.now() - 1 });
    const bridge = stage.bridge();
    bridge.sendRaw(`${JSON.stringify({ jsonrpc: '2.0', id: 'i', method: 'initialize', params: {} })}\n`);
    const answers = await Promise.all(times(50, () => callEcho(bridge)));
    for (const { result } of answers) expect(result).toEqual(echoed);
    expectOneRefresh(stage, stage.windows);
  });

  test('of a token that is over as soon as it is given make no loop [T69]', async () => {
    const stage = await signedInStage({ server: { tokens: { expires_in: 1 } } });
    const bridge = await stage.connect();
    for (let calls = 0; calls < 3; calls++) expect((await callEcho(bridge)).result).toEqual(echoed);
    // The sign-in's, and then no more than there were requests.
    expect(stage.server.of('token').length).toBeLessThanOrEqual(1 + stage.remote.remote.requests.length);
    expect([stage.server.reuses, stage.windows]).toEqual([0, 1]);
  });
});

describe('several bridges', () => {
  const start = (stage: OAuthStage, count: number): BridgeProcess[] => times(count, () => stage.bridge());
  const connected = async (bridges: BridgeProcess[]): Promise<void> => {
    const answers = await Promise.all(bridges.map((bridge) => initialize(bridge)));
    for (const answer of answers) expect(answer).toHaveProperty('result');
  };

  test('that run make one refresh when the token is refused [R2]', async () => {
    const stage = await signedInStage();
    const bridges = start(stage, 5);
    await connected(bridges);
    stage.server.expireAccessTokens();
    const answers = await Promise.all(bridges.flatMap((bridge) => times(5, () => callEcho(bridge))));
    for (const { result } of answers) expect(result).toEqual(echoed);
    expectOneRefresh(stage, stage.windows);
  });

  test.each([
    ['the token is over', { expiresAt: 1 }],
    ['the token is refused though its time is not over', {}],
    ['the token is refused and has no known life', { expiresAt: undefined }],
    ['the clock was a day behind', { expiresAt: Date.now() + 86_400_000 }],
    ['the clock is a day ahead', { expiresAt: Date.now() - 86_400_000 }],
  ])('ten that start at once make one refresh where %s [T61, T62, T63, T69]', async (_name, changes) => {
    const stage = await signedInStage();
    const life = 'expiresAt' in changes && changes.expiresAt === undefined ? undefined : 3600;
    stage.server.options.tokens = { expires_in: life };
    await changeConnection(stage, changes);
    stage.server.expireAccessTokens();
    await connected(start(stage, 10));
    expectOneRefresh(stage, stage.windows);
  });

  test('ten wait for a refresh that takes five seconds [T64]', async () => {
    const stage = await signedInStage();
    stage.server.expireAccessTokens();
    stage.server.on('token', (_exchange, usual) => void setTimeout(usual, 5000));
    await connected(start(stage, 10));
    expectOneRefresh(stage, stage.windows);
  });

  // The long one: 25 s of waiting.
  test('ten tell their clients when a refresh takes 25 seconds, and make no other [T64]', {
    timeout: 90_000,
  }, async () => {
    const stage = await signedInStage();
    stage.server.expireAccessTokens();
    stage.server.on('token', (_exchange, usual) => void setTimeout(usual, 25_000));
    const bridges = start(stage, 10);
    const begun = performance.now();
    const answers = await Promise.all(bridges.map((bridge) => initialize(bridge)));
    expect(performance.now() - begun).toBeLessThan(20_000);
    for (const { error } of answers) expect(error?.data).toMatchObject({ reason: 'timeout' });
    await connected(bridges);
    expectOneRefresh(stage, stage.windows);
  });

  test('one that gets invalid_grant takes what another has stored meanwhile [T74]', async () => {
    const stage = await signedInStage();
    stage.server.expireAccessTokens();
    let isFirst = true;
    stage.server.on('token', async (exchange, usual) => {
      if (!isFirst) return usual();
      isFirst = false;
      // Somebody whom the lock does not reach, such as another machine with the same home, is quicker.
      const { body, headers, path } = exchange.request;
      const contentType = String(headers['content-type']);
      const response = await fetch(stage.server.origin + path, {
        method: 'POST',
        headers: { 'Content-Type': contentType },
        body,
      });
      const tokens = (await response.json()) as { access_token: string; refresh_token: string };
      const { access_token: accessToken, refresh_token: refreshToken } = tokens;
      await changeConnection(stage, { accessToken, refreshToken, obtainedAt: Date.now() });
      exchange.json(400, { error: 'invalid_grant' });
    });
    const bridge = stage.bridge();
    await connected([bridge]);
    const [stored] = storedConnections(stage);
    expect(stage.remote.credentials('initialize').at(-1)).toBe(`Bearer ${stored?.accessToken}`);
    expect(stored?.refreshToken).toBeDefined();
    expect([stage.server.grants('refresh_token'), stage.server.reuses, stage.windows]).toEqual([1, 0, 1]);
  });
});
