import { describe, expect, test } from 'vitest';
import { followingBrowser, followSignIn } from '../support/browsers.ts';
import { isLinux } from '../support/prerequisites.ts';
import { signInWorld, toolText, untilConnected } from '../support/sign-in-world.ts';

describe.skipIf(!isLinux)('the grant is revoked under running bridges', () => {
  test('ten of them: one window, and all of them recover [T71, R7]', async () => {
    const world = await signInWorld({ browser: followingBrowser() });
    const { server, browser } = world;
    const bridges = Array.from({ length: 10 }, () => world.bridge());
    await Promise.all(bridges.map((bridge) => untilConnected(bridge)));
    expect(browser.opened).toHaveLength(1);
    await world.signInEnded();

    server.revokeAll();
    const answers = await Promise.all(
      bridges.map((bridge, text) => bridge.callTool('echo', { text }, 40_000)),
    );
    for (const [text, answer] of answers.entries()) expect(toolText(answer)).toBe(JSON.stringify({ text }));
    expect(browser.opened).toHaveLength(2);
    expect(server.grants('authorization_code')).toBe(2);
    expect([server.grants('refresh_token'), server.reuses]).toEqual([0, 0]);
    // The refresh token that is gone is spent by one of them, not by each.
    const refused = server.of('token').filter(({ params }) => params.grant_type === 'refresh_token');
    expect(refused).toHaveLength(1);
    expect(server.of('register')).toHaveLength(1);
  }, 120_000);

  test('those that ask for nothing meanwhile go on without a window when they do', async () => {
    const world = await signInWorld();
    const { server, browser } = world;
    const bridges = [world.bridge(), world.bridge()] as const;
    const connected = Promise.all(bridges.map((bridge) => untilConnected(bridge)));
    await followSignIn(await browser.nextOpened());
    await connected;
    server.revokeAll();
    const call = bridges[0].callTool('echo', { text: 1 }, 40_000);
    expect((await followSignIn(await browser.nextOpened(2))).result?.status).toBe(200);
    expect(await call).toHaveProperty('result');
    expect(toolText(await bridges[1].callTool('echo', { text: 2 }))).toBe('{"text":2}');
    expect(browser.opened).toHaveLength(2);
  }, 60_000);

  test('the access tokens only: a refresh, one for all, and no window', async () => {
    const world = await signInWorld({ browser: followingBrowser() });
    const { server, browser } = world;
    const bridges = Array.from({ length: 5 }, () => world.bridge());
    await Promise.all(bridges.map((bridge) => untilConnected(bridge)));
    server.expireAccessTokens();
    const answers = await Promise.all(bridges.map((bridge) => bridge.callTool('echo', { a: 1 }, 40_000)));
    for (const answer of answers) expect(toolText(answer)).toBe('{"a":1}');
    expect([server.grants('refresh_token'), server.reuses]).toEqual([1, 0]);
    expect(browser.opened).toHaveLength(1);
  }, 90_000);
});
