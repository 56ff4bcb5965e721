import { describe, expect, test } from 'vitest';
import { followingBrowser, followSignIn, recordingBrowser } from '../support/browsers.ts';
import { startFakeRemote } from '../support/fake-remote.ts';
import { initializeParams } from '../support/json-rpc.ts';
import { accepts, listeningAddresses } from '../support/listening-ports.ts';
import { isLinux } from '../support/prerequisites.ts';
import { openHandshake } from '../support/protected-remote.ts';
import { paramsOf, signInWorld, toolText, untilConnected, untilTools } from '../support/sign-in-world.ts';
import { until } from '../support/wait.ts';

const portOf = (url: string) => Number(new URL(paramsOf(url).redirect_uri as string).port);

describe.skipIf(!isLinux)('login', () => {
  test('signs in through the browser, and bridges need no window afterwards', async () => {
    const world = await signInWorld({ browser: followingBrowser() });
    const login = world.login();
    expect(await login.exitWithin(20_000)).toBe(0);
    expect(login.stderr).toContain(`Signed in to ${new URL(world.remote.url).host}`);
    expect(login.stdout).toBe(`${world.browser.opened[0]}\n`);
    await untilConnected(world.bridge());
    expect(world.browser.opened).toHaveLength(1);
    expect(world.server.grants()).toBe(1);
  });

  test('run again it replaces the sign-in, with another window', async () => {
    const world = await signInWorld({ browser: followingBrowser() });
    for (let run = 1; run <= 5; run++) expect(await world.login().exitWithin(20_000)).toBe(0);
    expect(world.browser.opened).toHaveLength(5);
    const bridge = world.bridge();
    await untilConnected(bridge);
    const token = world.remote.credentials('tools/list').at(-1)?.replace('Bearer ', '') as string;
    expect(token).toBe([...world.server.book.accessTokens.keys()].at(-1));
  });

  test('--no-browser: takes the redirect as it was pasted, and nothing else [A14, 45]', async () => {
    const world = await signInWorld();
    const login = world.login({ args: ['--no-browser'] });
    const url = await login.link();
    const { callback } = await followSignIn(url, { stopBeforeCallback: true });
    const genuine = new URL(callback as string);
    const wrongState = new URL(genuine);
    wrongState.searchParams.set('state', 'x'.repeat(43));
    const wrongIssuer = new URL(genuine);
    wrongIssuer.searchParams.set('iss', 'https://evil.example');
    const rejected = [
      'hello',
      '',
      `code=${genuine.searchParams.get('code')}x&y`,
      'http://127.0.0.1/callback',
      wrongState.href,
      wrongIssuer.href,
      `${'x'.repeat(20_000)}`,
    ];
    for (const text of rejected) login.type(text);
    const complaints = () => login.stderr.match(/not the answer to this sign-in/g)?.length ?? 0;
    await until('a word on each of them', () => complaints() === rejected.length - 1);
    expect(world.server.of('token')).toEqual([]);
    expect(login.stderr).not.toContain('evil.example');

    login.type(`  ${genuine.href}  `);
    expect(await login.exitWithin(10_000)).toBe(0);
    expect(world.browser.opened).toEqual([]);
    await untilConnected(world.bridge());
    expect(world.server.grants()).toBe(1);
  });

  test('--no-browser, also before the word: the query of the redirect is enough', async () => {
    const world = await signInWorld();
    const login = world.command(['--no-browser', 'login', world.remote.url]);
    const { callback } = await followSignIn(await login.link(), { stopBeforeCallback: true });
    login.type(new URL(callback as string).search);
    expect(await login.exitWithin(10_000)).toBe(0);
    await untilConnected(world.bridge());
  });

  test('--no-browser: the browser may come to the loopback all the same, and stdin may be closed', async () => {
    const world = await signInWorld();
    const login = world.login({ args: ['--no-browser'] });
    login.child.stdin.end();
    expect((await followSignIn(await login.link())).result?.status).toBe(200);
    expect(await login.exitWithin(10_000)).toBe(0);
  });

  test.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('%s while it waits: exit code %i, the port is free within 2 s [T45]', async (signal, code) => {
    const world = await signInWorld();
    const login = world.login();
    const url = await world.browser.nextOpened();
    expect(listeningAddresses([login.pid])).toContain(`127.0.0.1:${portOf(url)}`);
    login.kill(signal);
    expect(await login.exitWithin(3000)).toBe(code);
    expect(await accepts(portOf(url))).toBe(false);
  });

  test.each(['SIGINT', 'SIGTERM'] as const)('%s before there is anything to see', async (signal) => {
    const world = await signInWorld();
    world.server.on('metadata', (exchange) => exchange.hang());
    const login = world.login();
    await world.server.next('metadata', 1, 15_000);
    login.kill(signal);
    expect(await login.exitWithin(3000)).toBe(signal === 'SIGINT' ? 130 : 143);
    expect(world.browser.opened).toEqual([]);
  });

  test('a signal while the server does not answer ends it at once', async () => {
    const world = await signInWorld();
    const silent = await startFakeRemote({ gate: () => true });
    const login = world.login({ url: silent.url });
    await silent.next('tools/list', 1, 15_000);
    login.kill('SIGINT');
    expect(await login.exitWithin(3000)).toBe(130);
  });

  test('a server that does not answer: told within 15 s, code 3', async () => {
    const world = await signInWorld();
    const silent = await startFakeRemote({ gate: () => true });
    const login = world.login({ url: silent.url });
    expect(await login.exitWithin(30_000)).toBe(3);
    expect(login.stderr).toContain('did not answer within 15 s');
  });

  test('a server that wants no sign-in: said so, code 3', async () => {
    const world = await signInWorld();
    const open = await startFakeRemote({
      gate: (exchange) => {
        const isForeign = exchange.request.path !== '/mcp';
        if (isForeign) exchange.status(404);
        return isForeign;
      },
    });
    const login = world.login({ url: open.url });
    expect(await login.exitWithin(15_000)).toBe(3);
    expect(login.stderr).toContain('had not asked for a sign-in (HTTP 200): it may need none');
    expect(world.browser.opened).toEqual([]);
  });

  test('a server that leaves its lists open and names its metadata only in the challenge to the stream', async () => {
    const world = await signInWorld({
      browser: followingBrowser(),
      protection: { prmAt: 'challenge-only', publicMethods: openHandshake },
    });
    expect(await world.login().exitWithin(15_000)).toBe(0);
  });

  test.each([
    ['--header', 'Authorization: Bearer some-token'],
    ['--token-command', 'echo some-token'],
  ])('with %s there is nothing to sign in to: code 2', async (...args) => {
    const world = await signInWorld();
    const login = world.login({ args });
    expect(await login.exitWithin(15_000)).toBe(2);
    expect(login.stderr).not.toContain('some-token');
    expect(world.remote.remote.requests).toEqual([]);
  });

  test('nobody comes back: ends in time with code 4 and one sentence, the port is closed [A13, T43]', async () => {
    const world = await signInWorld();
    const login = world.login({ args: ['--sign-in-timeout', '2'] });
    const url = await world.browser.nextOpened();
    expect(await login.exitWithin(15_000)).toBe(4);
    expect(login.stderr).toMatch(/^mcp-drawbridge: Nobody finished the sign-in to .* within 2 s\.$/m);
    expect(await accepts(portOf(url))).toBe(false);
  });

  test('declined at the authorization server: code 4', async () => {
    const refused = { code: undefined, error: 'access_denied' };
    const world = await signInWorld({
      browser: followingBrowser(),
      authorization: { redirect: (usual) => ({ ...usual, ...refused }) },
    });
    const login = world.login();
    expect(await login.exitWithin(20_000)).toBe(4);
    expect(login.stderr).toContain('declined');
    expect((await world.browser.finished()).body).not.toContain('You are signed in');
  });

  test("an authorization server that can't be reached: code 3, no window", async () => {
    const world = await signInWorld();
    await world.server.stop();
    const login = world.login();
    expect(await login.exitWithin(30_000)).toBe(3);
    expect(world.browser.opened).toEqual([]);
  });

  test.each([
    ['is missing', () => '/nowhere/at/all'],
    ['exits with 1', () => recordingBrowser({ exitCode: 1 }).program],
    ['hangs', () => recordingBrowser({ hangs: true }).program],
  ])('the browser %s: the link is printed and leads to the end [T6]', async (what, program) => {
    const world = await signInWorld();
    const login = world.login({ env: { BROWSER: program() } });
    const url = await login.link();
    if (what !== 'hangs')
      await until('a word on it', () => login.stderr.includes('No browser could be opened'));
    expect((await followSignIn(url)).result?.status).toBe(200);
    expect(await login.exitWithin(10_000)).toBe(0);
    expect(login.stderr).toContain('Signed in');
  });

  test('a running bridge that was refused picks up a login in another terminal, with no restart', async () => {
    const world = await signInWorld();
    const bridge = world.bridge({ args: ['--no-browser'] });
    await bridge.initialize();
    const told = await bridge.callTool('sign_in', {}, 30_000);
    expect(toolText(told)).toContain(`login ${world.remote.url}`);
    expect(world.browser.opened).toEqual([]);

    const login = world.login();
    expect((await followSignIn(await world.browser.nextOpened())).result?.status).toBe(200);
    expect(await login.exitWithin(10_000)).toBe(0);
    await bridge.nextMessage(({ method }) => method === 'notifications/tools/list_changed', 15_000);
    await untilTools(bridge);
    expect(world.browser.opened).toHaveLength(1);
    expect(world.signInProcesses).toEqual([]);
  });

  test('bridges with a sign-in of their own under way are done when a login in a terminal is', async () => {
    const world = await signInWorld();
    const bridge = world.bridge();
    const handshake = bridge.initialize();
    const first = await world.browser.nextOpened();
    const login = world.login();
    const second = await login.link();
    expect(second).not.toBe(first);
    expect((await followSignIn(second)).result?.status).toBe(200);
    expect(await login.exitWithin(10_000)).toBe(0);
    await handshake;
    await untilTools(bridge);
    await world.signInEnded();
    expect(world.server.grants()).toBe(1);
  });

  test('bridges that start while a login is under way follow it: no window more', async () => {
    const world = await signInWorld();
    const login = world.login();
    const url = await world.browser.nextOpened();
    const bridges = [world.bridge(), world.bridge()];
    await Promise.all(bridges.map((bridge) => bridge.request('initialize', initializeParams())));
    expect((await followSignIn(url)).result?.status).toBe(200);
    expect(await login.exitWithin(10_000)).toBe(0);
    for (const bridge of bridges) {
      bridge.notify('notifications/initialized');
      await untilTools(bridge);
    }
    expect(world.browser.opened).toHaveLength(1);
    expect(world.server.grants()).toBe(1);
  });
});
