import { describe, expect, test } from 'vitest';
import { followingBrowser, followSignIn } from '../support/browsers.ts';
import { isLinux } from '../support/prerequisites.ts';
import { linkIn, paramsOf, signInWorld, untilConnected } from '../support/sign-in-world.ts';
import { hasTerminal, startInTerminal, withoutTerminal } from '../support/terminal.ts';
import { until } from '../support/wait.ts';

const ssh = {
  BROWSER: undefined,
  SSH_CONNECTION: '192.0.2.7 50000 198.51.100.4 2222',
  SSH_TTY: '/dev/pts/9',
};

if (!hasTerminal) process.stdout.write(`skipped: the terminal of login, ${withoutTerminal}\n`);

describe.skipIf(!hasTerminal)('login on a terminal', () => {
  test('through the browser; what is pasted would do as well', async () => {
    const world = await signInWorld({ browser: followingBrowser({ delay: 1500 }) });
    const login = startInTerminal(['login', world.remote.url], world.setup.env);
    await login.shows('Opening your browser. If nothing opens, open this page yourself:');
    await login.shows(/paste the address that the browser ends at/);
    expect(await login.exitWithin(15_000)).toBe(0);
    expect(login.screen).toContain('Signed in to');
    await untilConnected(world.bridge());
  });

  test('the address is pasted while the loopback listens, however long it is', async () => {
    const world = await signInWorld({
      authorization: { redirect: (usual) => ({ ...usual, session_state: 'x'.repeat(5000) }) },
    });
    const login = startInTerminal(['login', world.remote.url], world.setup.env);
    await login.shows('paste the address');
    const { callback } = await followSignIn(linkIn(login.screen), { stopBeforeCallback: true });
    expect(callback?.length).toBeGreaterThan(5000);
    login.type('hello\r');
    await login.shows('That is not the answer to this sign-in');
    login.type(`${callback}\r`);
    expect(await login.exitWithin(15_000)).toBe(0);
    expect(login.screen).toContain('Signed in to');
  });

  test('over SSH: no browser, the command for the true port, and the paste [B.2 5]', async () => {
    const world = await signInWorld({ env: ssh });
    const login = startInTerminal(['login', world.remote.url], world.setup.env);
    await login.shows('never for somebody who asks you to');
    const { port } = new URL(paramsOf(linkIn(login.screen)).redirect_uri as string);
    expect(login.screen).toMatch(
      new RegExp(`^ {2}ssh -L ${port}:127\\.0\\.0\\.1:${port} -p 2222 \\S+@198\\.51\\.100\\.4\\r?$`, 'm'),
    );
    expect(login.screen).toContain('Open this page:');
    expect((await followSignIn(linkIn(login.screen))).result?.status).toBe(200);
    expect(await login.exitWithin(15_000)).toBe(0);
    expect(world.browser.opened).toEqual([]);
  });

  test('Ctrl-C ends it: code 130, the terminal is as it was', async () => {
    const world = await signInWorld({ env: ssh });
    const login = startInTerminal(['login', world.remote.url], world.setup.env);
    await login.shows('never for somebody who asks you to');
    login.type('\u0003');
    expect(await login.exitWithin(5000)).toBe(130);
  });

  test('--device-code counts down in one line; Ctrl-C ends it', async () => {
    const world = await signInWorld({ authorization: { device: {} } });
    const login = startInTerminal(['login', world.remote.url, '--device-code'], world.setup.env);
    await login.shows(/\rWaiting for the code to be entered \(4:5\d left, Ctrl-C ends it\)/);
    login.type('\u0003');
    expect(await login.exitWithin(5000)).toBe(130);
    expect(login.screen).toMatch(/\r\u001b\[K$/);
  });

  test('--with-token: the token is not shown, corrections are taken, and it is used', async () => {
    const world = await signInWorld({ protection: { isValid: (token) => token === 'pat-canary-1' } });
    const login = startInTerminal(['login', world.remote.url, '--with-token'], world.setup.env);
    await login.shows('Paste the token and press Enter; it is not shown: ');
    login.type('wrong\u0015pat-cannary\u007f\u007f\u007f\u007f');
    login.type('ary-1\r');
    expect(await login.exitWithin(15_000)).toBe(0);
    expect(login.screen).toContain('Stored the personal access token');
    expect(login.screen).not.toContain('canary');
    await untilConnected(world.bridge());
    expect(world.remote.credentials('tools/list').at(-1)).toBe('Bearer pat-canary-1');
  });

  test('--with-token: Ctrl-C ends it, nothing is stored', async () => {
    const world = await signInWorld();
    const login = startInTerminal(['login', world.remote.url, '--with-token'], world.setup.env);
    await login.shows('it is not shown: ');
    login.type('abc\u0003');
    expect(await login.exitWithin(5000)).toBe(130);
    expect(world.remote.remote.requests).toEqual([]);
  });
});

describe.skipIf(!isLinux)('login where nobody is', () => {
  const nobody: [string, Record<string, string | undefined>, RegExp][] = [
    ['without a display', {}, /no browser can be opened: /],
    ['over SSH', ssh, /this is a session over SSH/],
    ['in CI, though there is a display', { CI: 'true', DISPLAY: ':9' }, /this is a CI job/],
  ];

  test.each(nobody)('%s: code 4 at once, with the command to run [B.2 26]', async (_, env, why) => {
    const world = await signInWorld({ env: { BROWSER: undefined, ...env } });
    const login = world.login({ args: ['--profile', 'work'] });
    expect(await login.exitWithin(5000)).toBe(4);
    expect(login.stderr).toMatch(why);
    expect(login.stderr.trimEnd().split('\n')).toHaveLength(1);
    expect(login.stderr).toContain(
      `run: npx -y mcp-drawbridge login ${world.remote.url} --profile work --no-browser`,
    );
    expect([login.stdout, world.remote.remote.requests]).toEqual(['', []]);
  });

  test('with --no-browser all the same it waits, and says so in a log', async () => {
    const world = await signInWorld({ env: { BROWSER: undefined } });
    const login = world.login({ args: ['--no-browser'] });
    const { callback } = await followSignIn(await login.link(), { stopBeforeCallback: true });
    login.type(callback as string);
    expect(await login.exitWithin(10_000)).toBe(0);
    expect(login.stderr).not.toMatch(/[\r\u001b]/);
  });

  test('--json: the link goes to stderr', async () => {
    const world = await signInWorld({ browser: followingBrowser() });
    const login = world.login({ args: ['--json'] });
    expect(await login.exitWithin(15_000)).toBe(0);
    await until('the link', () => login.stderr.includes(world.browser.opened[0] as string));
    expect(JSON.parse(login.stdout)).toMatchObject({ schema: 'mcp-drawbridge/login', kind: 'oauth' });
    expect(login.stderr).toContain('Waiting for the sign-in in the browser, for 300 s at the most …');
  });
});
