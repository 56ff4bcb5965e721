import { describe, expect, test } from 'vitest';
import { followingBrowser, followSignIn, navigate } from '../support/browsers.ts';
import { isLinux } from '../support/prerequisites.ts';
import { protectedBy, signInWorld, untilConnected, untilTools } from '../support/sign-in-world.ts';
import { until } from '../support/wait.ts';

async function fiveBridges() {
  const world = await signInWorld({ browser: followingBrowser() });
  const bridges = Array.from({ length: 5 }, () => world.bridge());
  return { bridges, browser: world.browser, server: world.server };
}

describe.skipIf(!isLinux)('one sign-in for all bridges of a user', () => {
  test.each([
    [5, 401],
    [10, 405],
  ] as const)(
    '%i bridges at once, GET answered by %i: one window, one registration [A1, A2, T70]',
    async (count, getStatus) => {
      const world = await signInWorld({ browser: followingBrowser(), protection: { getStatus } });
      const bridges = Array.from({ length: count }, () => world.bridge());
      await Promise.all(bridges.map((bridge) => untilConnected(bridge)));
      const { browser, server } = world;
      expect(browser.opened).toHaveLength(1);
      expect(server.of('register')).toHaveLength(1);
      expect(server.of('authorize').map(({ params }) => params.state)).toHaveLength(1);
      expect([server.grants(), server.reuses]).toEqual([1, 0]);
      const answers = await Promise.all(bridges.map((bridge) => bridge.callTool('echo', { a: 1 })));
      for (const answer of answers) expect(answer).toHaveProperty('result');
    },
    90_000,
  );

  test('twenty times over: one window at the start, and one more when the grant is revoked [T70, T71]', async () => {
    for (let round = 0; round < 20; round++) {
      const { browser, server, ...world } = await fiveBridges();
      await Promise.all(world.bridges.map((bridge) => untilConnected(bridge)));
      expect([browser.opened.length, server.of('register').length]).toEqual([1, 1]);
      server.revokeAll();
      const answers = await Promise.all(world.bridges.map((bridge) => bridge.callTool('echo', {}, 40_000)));
      for (const answer of answers) expect(answer).toHaveProperty('result.content');
      expect([browser.opened.length, server.grants(), server.reuses]).toEqual([2, 2, 0]);
      for (const bridge of world.bridges) bridge.closeStdin();
    }
  }, 180_000);

  test('a single bridge, GET answered by 405, an instant browser [A3]', async () => {
    const world = await signInWorld({ browser: followingBrowser(), protection: { getStatus: 405 } });
    const bridge = world.bridge({ args: ['--initialize-wait', '20'] });
    const answer = await bridge.initialize();
    expect(answer.result.serverInfo.name).toBe('fake-remote');
    expect(world.browser.opened).toHaveLength(1);
    expect(bridge.stderr).toBe('');
  });

  test.each(['SIGKILL', 'SIGTERM'] as const)(
    '%s ends the process that signs in with its window open: one new window, the old callback is refused [T72]',
    async (signal) => {
      const world = await signInWorld();
      const bridges = [world.bridge(), world.bridge(), world.bridge()];
      const handshakes = bridges.map((bridge) => bridge.initialize());
      const first = await world.browser.nextOpened();
      process.kill(await world.signInProcess(), signal);
      const second = await world.browser.nextOpened(2, 20_000);
      await Promise.all(handshakes);

      const { callback: old } = await followSignIn(first, { stopBeforeCallback: true });
      const stale = new URL(old as string);
      stale.port = new URL(new URL(second).searchParams.get('redirect_uri') as string).port;
      expect((await navigate(stale.href)).status).toBe(400);
      expect(world.server.of('token')).toEqual([]);

      expect((await followSignIn(second)).result).toMatchObject({ status: 200 });
      await Promise.all(bridges.map((bridge) => untilTools(bridge)));
      expect(world.browser.opened).toHaveLength(2);
      expect(world.server.grants()).toBe(1);
    },
    90_000,
  );

  test('the login that bridges wait for is killed: one of them goes on with a window [T72]', async () => {
    const world = await signInWorld();
    const login = world.login();
    await world.browser.nextOpened();
    const bridges = [world.bridge(), world.bridge()];
    const handshakes = bridges.map((bridge) => bridge.initialize());
    await Promise.all(handshakes);
    expect(world.browser.opened).toHaveLength(1);
    login.kill('SIGKILL');
    const second = await world.browser.nextOpened(2, 20_000);
    expect((await followSignIn(second)).result).toMatchObject({ status: 200 });
    await Promise.all(bridges.map((bridge) => untilTools(bridge)));
    expect(world.browser.opened).toHaveLength(2);
  }, 90_000);

  test('three servers need a sign-in at once: one window at a time [T73]', async () => {
    const world = await signInWorld();
    const others = [await protectedBy(world.server), await protectedBy(world.server)];
    const bridges = [world.remote, ...others].map(({ url }) => world.bridge({ url }));
    const handshakes = bridges.map((bridge) => bridge.initialize());
    const seen = new Set<string>();
    let freedAt = 0;
    for (let window = 1; window <= 3; window++) {
      const url = await world.browser.nextOpened(window, 20_000);
      seen.add(new URL(url).searchParams.get('resource') as string);
      expect(world.browser.starts[window - 1]?.time).toBeGreaterThanOrEqual(freedAt);
      await Promise.all(handshakes);
      expect(world.browser.opened).toHaveLength(window);
      freedAt = Date.now();
      expect((await followSignIn(url)).result).toMatchObject({ status: 200 });
    }
    expect(seen.size).toBe(3);
    await Promise.all(bridges.map((bridge) => untilTools(bridge)));
    expect(world.browser.opened).toHaveLength(3);
    await until(
      'one registration for the authorization server',
      () => world.server.of('register').length === 1,
    );
  }, 90_000);
});
