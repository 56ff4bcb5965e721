import { hostname } from 'node:os';
import { describe, expect, test } from 'vitest';
import { followSignIn } from '../support/browsers.ts';
import type { EndpointExchange } from '../support/fake-authorization-server.ts';
import { startOidcServer } from '../support/oidc-server.ts';
import { isLinux } from '../support/prerequisites.ts';
import { startProtectedRemote } from '../support/protected-remote.ts';
import { signInWorld, toolText, untilConnected } from '../support/sign-in-world.ts';
import { until } from '../support/wait.ts';

const DEVICE_CODE = 'urn:ietf:params:oauth:grant-type:device_code';
const html = (exchange: EndpointExchange, status: number) =>
  exchange.body(status, '<h1>Sorry</h1>', { 'Content-Type': 'text/html' });

/** A server with the device grant, and a `login --device-code` that has shown its code. */
async function shown(device: Record<string, unknown> = {}, args: string[] = []) {
  const world = await signInWorld({ authorization: { device } });
  const login = world.login({ args: ['--device-code', ...args] });
  await login.link();
  await until('the whole text', () => login.stderr.includes('Waiting for the code'));
  return { world, login };
}

/** The login that is refused what the server says of its code, and how. */
async function refused(device: Record<string, unknown>) {
  const world = await signInWorld({ authorization: { device } });
  const login = world.login({ args: ['--device-code'] });
  const code = await login.exitWithin(15_000);
  expect(world.server.of('token')).toEqual([]);
  expect(login.stdout).toBe('');
  return { code, stderr: login.stderr };
}

describe.skipIf(!isLinux)('login --device-code', () => {
  test('shows the page and the code, waits, and bridges are signed in [A14, 97]', async () => {
    const { world, login } = await shown();
    const { issuer } = world.server;
    expect(login.stdout).toBe(`${issuer}/activate\n`);
    expect(login.stderr).toMatch(/^ {2}Code: WDJB-MJHT$/m);
    expect(login.stderr).toContain(`  ${issuer}/activate?user_code=WDJB-MJHT\n`);
    expect(login.stderr).toContain(
      `You started this on ${hostname()}, to sign in to ${new URL(world.remote.url).host}.`,
    );
    expect(login.stderr).not.toContain('WARNING');
    const [registration] = world.server.of('register');
    expect(registration?.message).toMatchObject({
      grant_types: ['authorization_code', 'refresh_token', DEVICE_CODE],
      application_type: 'native',
    });
    const [device] = world.server.of('device');
    expect(device?.params).toMatchObject({ client_id: expect.any(String), resource: world.remote.url });

    world.server.decideDevices(true);
    expect(await login.exitWithin(10_000)).toBe(0);
    expect(login.stderr).toContain(`Signed in to ${new URL(world.remote.url).host}`);
    const [poll] = world.server.of('token');
    expect(poll?.params).toMatchObject({ grant_type: DEVICE_CODE, resource: world.remote.url });
    expect(world.browser.opened).toEqual([]);
    await untilConnected(world.bridge());
    expect(world.browser.opened).toEqual([]);
  });

  test('the registration is used again', async () => {
    const { world, login } = await shown();
    world.server.decideDevices(true);
    expect(await login.exitWithin(10_000)).toBe(0);
    world.server.on('device', (_exchange, usual) => {
      usual();
      world.server.decideDevices(true);
    });
    expect(await world.login({ args: ['--device-code'] }).exitWithin(10_000)).toBe(0);
    expect(world.server.of('register')).toHaveLength(1);
  });

  test('one that was forgotten is made anew', async () => {
    const { world, login } = await shown();
    world.server.decideDevices(true);
    expect(await login.exitWithin(10_000)).toBe(0);
    world.server.forgetClients();
    world.server.on('device', (_exchange, usual) => {
      usual();
      world.server.decideDevices(true);
    });
    expect(await world.login({ args: ['--device-code'] }).exitWithin(10_000)).toBe(0);
    expect(world.server.of('register')).toHaveLength(2);
  });

  test('a scope and a resource that are refused are left out', async () => {
    const world = await signInWorld({
      authorization: { device: {}, resources: [], scopes: ['x'] },
      protection: { scopeNeeded: 'unknown' },
    });
    const login = world.login({ args: ['--device-code'] });
    await login.link();
    expect(world.server.of('device').at(-1)?.params).toEqual({ client_id: expect.any(String) });
    world.server.decideDevices(true);
    expect(await login.exitWithin(10_000)).toBe(0);
  });

  test('slow_down, 503 with HTML, a broken connection and a proxy page: it polls on [A14, T114, 109]', async () => {
    const { world, login } = await shown();
    const { server } = world;
    const polls = server.of('token').length;
    server
      .once('token', (exchange) => html(exchange, 503))
      .once('token', (exchange) => exchange.drop())
      .once('token', (exchange) => html(exchange, 200))
      .once('token', (exchange) => exchange.json(400, { error: 'slow_down' }))
      .once('token', (_exchange, usual) => {
        server.decideDevices(true);
        usual();
      });
    expect(await login.exitWithin(30_000)).toBe(0);
    const times = server
      .of('token')
      .slice(polls)
      .map(({ time }) => time);
    const pauses = times.slice(1).map((time, index) => time - (times[index] as number));
    for (const pause of pauses.slice(0, 3)) expect(pause).toBeGreaterThan(900);
    expect(pauses.at(-1)).toBeGreaterThan(5900);
  });

  test('declined: code 4', async () => {
    const { world, login } = await shown();
    world.server.decideDevices(false);
    expect(await login.exitWithin(10_000)).toBe(4);
    expect(login.stderr).toMatch(/^mcp-drawbridge: The sign-in at .* was declined\.$/m);
  });

  test('expired, by the server or by the clock: code 4, and another run is advised', async () => {
    const { world, login } = await shown();
    world.server.on('token', (exchange) => exchange.json(400, { error: 'expired_token' }));
    expect(await login.exitWithin(10_000)).toBe(4);
    expect(login.stderr).toMatch(/has expired before anybody entered it; run the command again/);
    const second = await shown({ expires_in: 2 });
    expect(await second.login.exitWithin(10_000)).toBe(4);
    expect(second.login.stderr).toMatch(/has expired/);
  });

  test('--sign-in-timeout ends it: code 4', async () => {
    const { login } = await shown({}, ['--sign-in-timeout', '2']);
    expect(await login.exitWithin(10_000)).toBe(4);
    expect(login.stderr).toMatch(/^mcp-drawbridge: Nobody finished the sign-in to .* within 2 s\.$/m);
  });

  test.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('%s while it waits: code %i', async (signal, code) => {
    const { login } = await shown({ interval: 60 });
    login.kill(signal);
    expect(await login.exitWithin(3000)).toBe(code);
  });

  test.each([
    ['a code with an escape sequence', { user_code: '\u001b]0;x\u0007ABCD' }],
    ['a code with a line break', { user_code: 'ABCD\nEFGH' }],
    ['a code with letters that look like others', { user_code: 'АВCD' }],
    ['a code of 33 characters', { user_code: 'x'.repeat(33) }],
    ['a code that is no text', { user_code: 12_345 }],
    ['no device code', { device_code: undefined }],
    ['plain http to another host', { verification_uri: 'http://as.example/activate' }],
    ['a script for an address', { verification_uri: 'javascript:alert(1)' }],
    ['an address with a line break', { verification_uri: 'https://as.example/\nhttps://evil.example' }],
    ['no address', { verification_uri: undefined }],
  ])('%s is not shown, and nobody polls: code 3 [T114, 97]', async (_, device) => {
    const { code, stderr } = await refused(device);
    expect(code).toBe(3);
    expect(stderr).toMatch(/^mcp-drawbridge: .* gave a device code that can't be used: /m);
    expect(stderr).not.toContain('\u001b');
    expect(stderr).not.toContain('evil.example');
  });

  test('a page of another site is shown with a warning; a complete address elsewhere is not shown [97]', async () => {
    const { world, login } = await shown({
      verification_uri: 'https://activate.example/device',
      verification_uri_complete: 'https://evil.example/?user_code=WDJB-MJHT',
    });
    expect(login.stdout).toBe('https://activate.example/device\n');
    expect(login.stderr).toContain('WARNING: this page belongs to activate.example, not to 127.0.0.1:');
    expect(login.stderr).not.toContain('evil.example');
    world.server.decideDevices(true);
    expect(await login.exitWithin(10_000)).toBe(0);
  });

  test('a server without it: said so, code 4', async () => {
    const world = await signInWorld();
    const login = world.login({ args: ['--device-code'] });
    expect(await login.exitWithin(10_000)).toBe(4);
    expect(login.stderr).toContain('offers no sign-in by device code; leave out --device-code');
  });

  test('another one for the same connection is refused while the first one polls [109]', async () => {
    const { world, login } = await shown();
    const second = world.login({ args: ['--device-code'] });
    expect(await second.exitWithin(10_000)).toBe(4);
    expect(second.stderr).toContain('Another process is signing in');
    expect(world.server.of('device')).toHaveLength(1);
    world.server.decideDevices(true);
    expect(await login.exitWithin(10_000)).toBe(0);
  });

  test('--json: the page goes to stderr, and stdout is one document', async () => {
    const world = await signInWorld({ authorization: { device: {} } });
    world.server.on('device', (_exchange, usual) => {
      usual();
      world.server.decideDevices(true);
    });
    const login = world.login({ args: ['--device-code', '--json'] });
    expect(await login.exitWithin(10_000)).toBe(0);
    expect(login.stderr).toContain('/activate\n');
    expect(JSON.parse(login.stdout)).toEqual({
      schema: 'mcp-drawbridge/login',
      version: 1,
      server: world.remote.url,
      profile: 'default',
      kind: 'oauth',
      grant: null,
      issuer: world.server.issuer,
      account: null,
      scopes: null,
      resource: world.remote.url,
      expiresAt: expect.stringMatching(/^\d{4}-.*Z$/),
      refreshable: true,
    });
  });

  test('a bridge with --device-code opens nothing, does not poll, and says which command signs in', async () => {
    const world = await signInWorld({ authorization: { device: {} } });
    const bridge = world.bridge({ args: ['--device-code'] });
    await bridge.initialize();
    const told = toolText(await bridge.callTool('sign_in', {}, 30_000));
    expect(told).toContain(`login ${world.remote.url} --device-code`);
    expect([world.browser.opened, world.server.of('device'), world.signInProcesses]).toEqual([[], [], []]);
    const login = world.login({ args: ['--device-code'] });
    await login.link();
    world.server.decideDevices(true);
    expect(await login.exitWithin(10_000)).toBe(0);
    await bridge.nextMessage(({ method }) => method === 'notifications/tools/list_changed', 15_000);
    expect(world.browser.opened).toEqual([]);
  });

  test('with oidc-provider: the code is entered, the user signs in and consents', async () => {
    const server = await startOidcServer({ device: true });
    const remote = await startProtectedRemote({
      isValid: () => true,
      authorizationServers: [server.issuer],
      scopes: ['mcp:tools'],
    });
    const world = await signInWorld();
    const login = world.login({ url: remote.url, args: ['--device-code', '--json'] });
    const page = await until(
      'the page',
      () => /^ {2}(http\S+user_code=\S+)$/m.exec(login.stderr)?.[1],
      15_000,
    );
    const { result } = await followSignIn(page);
    expect(result?.status).toBe(200);
    expect(await login.exitWithin(20_000)).toBe(0);
    const granted = JSON.parse(login.stdout);
    expect(granted).toMatchObject({ kind: 'oauth', issuer: server.issuer, refreshable: true });
    expect(granted.scopes).toContain('mcp:tools');
    expect(server.grants(DEVICE_CODE)).toBe(1);
  });
});
