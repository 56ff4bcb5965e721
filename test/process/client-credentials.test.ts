import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { expectBridgeError } from '../support/bridge-error.ts';
import { runDoctor } from '../support/doctor.ts';
import { type MachineMethod, machineWorld, SECRET } from '../support/machine-world.ts';
import { callEcho, echoed, initialize } from '../support/oauth-stage.ts';
import { startOidcServer } from '../support/oidc-server.ts';

describe('client credentials with oidc-provider', () => {
  test.each<[MachineMethod, boolean]>([
    ['client_secret_basic', false],
    ['client_secret_post', false],
    ['RS256', false],
    ['PS256', true],
    ['ES256', false],
    ['ES256', true],
    ['EdDSA', true],
  ])(
    '[X-02, X-03, X-05, X-06] %s, JWK %s: a token without a user, and one for all that follow',
    async (method, isJwk) => {
      const world = await machineWorld(method, { isJwk });
      const bridge = await world.connect();
      expect((await callEcho(bridge)).result).toEqual(echoed);
      expect(world.server.of('grant')).toMatchObject([
        { clientId: 'machine', grantType: 'client_credentials', resource: world.url, scope: 'mcp:tools' },
      ]);
      bridge.closeStdin();
      await bridge.exitWithin(10_000);
      // The next start has it from the store: nothing is asked of anybody.
      world.remote.metadataRequests.splice(0);
      world.remote.refused.splice(0);
      const next = await world.connect();
      expect((await callEcho(next)).result).toEqual(echoed);
      expect([world.tokens, world.remote.metadataRequests, world.remote.refused]).toEqual([1, [], []]);
      expect(world.server.refusals).toEqual([]);
    },
  );

  test('[X-07] five bridges at once ask for one token', async () => {
    const world = await machineWorld('client_secret_basic');
    const bridges = await Promise.all(Array.from({ length: 5 }, () => world.connect()));
    for (const bridge of bridges) expect((await callEcho(bridge)).result).toEqual(echoed);
    expect(world.tokens).toBe(1);
  });

  test('[X-07] it is renewed ahead of its end, in one process for all, and no request waits or fails', async () => {
    const world = await machineWorld('ES256', { server: { accessTokenTtl: 6 } });
    const bridges = await Promise.all([world.connect(), world.connect()]);
    world.remote.refused.splice(0);
    for (const end = Date.now() + 9_000; Date.now() < end; await delay(300))
      for (const bridge of bridges) expect((await callEcho(bridge)).result).toEqual(echoed);
    expect(world.remote.refused).toEqual([]);
    // Of six seconds three are left when the next one is got.
    expect(world.tokens).toBeGreaterThanOrEqual(3);
    expect(world.tokens).toBeLessThanOrEqual(5);
  }, 60_000);

  test('one that has ended while nobody asked is renewed before the next request', async () => {
    const world = await machineWorld('client_secret_post', { server: { accessTokenTtl: 2 } });
    const bridge = await world.connect();
    await delay(2_500);
    world.remote.refused.splice(0);
    expect((await callEcho(bridge)).result).toEqual(echoed);
    expect(world.remote.refused).toEqual([]);
  });

  test('[X-07, 108] one that the server takes no longer is got anew, once for parallel requests', async () => {
    const world = await machineWorld('client_secret_basic');
    const bridge = await world.connect();
    world.refuse(world.used[0] as string);
    const answers = await Promise.all([callEcho(bridge), callEcho(bridge), callEcho(bridge)]);
    for (const answer of answers) expect(answer.result).toEqual(echoed);
    expect(world.tokens).toBe(2);
  });

  test('[108] a server that takes no token at all gets two, and the client a reason', async () => {
    const world = await machineWorld('client_secret_basic');
    const bridge = await world.connect();
    world.remote.protection.isValid = () => false;
    for (let request = 0; request < 4; request++)
      expectBridgeError(await bridge.request('resources/list'), 'unauthorized');
    expect(world.tokens).toBe(2);
  });

  test('a step-up asks the grant for both scopes, without a window', async () => {
    const world = await machineWorld('ES256', { protection: { scopes: ['mcp:tools'] } });
    const { server, remote } = world;
    const bridge = await world.connect();
    remote.protection.scopeNeeded = 'mcp:admin';
    remote.protection.isValid = (token) => {
      const isGood = server.verifyNow(token, remote.url);
      return isGood && world.used.indexOf(token) === 0 ? 'insufficient_scope' : isGood;
    };
    expect((await callEcho(bridge)).result).toEqual(echoed);
    expect(server.of('grant').map(({ scope }) => scope)).toEqual(['mcp:tools', 'mcp:tools mcp:admin']);
    bridge.closeStdin();
    await bridge.exitWithin(10_000);
    // It is kept, and asked for again.
    const next = await world.connect();
    expect((await callEcho(next)).result).toEqual(echoed);
    expect(world.tokens).toBe(2);
  });

  test('a server that always wants more gets no further', async () => {
    const world = await machineWorld('client_secret_basic', { protection: { scopes: ['mcp:tools'] } });
    const bridge = await world.connect();
    world.remote.protection.scopeNeeded = 'mcp:admin';
    world.remote.protection.isValid = () => 'insufficient_scope';
    for (let request = 0; request < 3; request++)
      expectBridgeError(await bridge.request('resources/list'), 'insufficient-scope');
    expect(world.tokens).toBeLessThanOrEqual(3);
  });

  test('a wrong secret is told, and not tried again at each request', async () => {
    const world = await machineWorld('client_secret_basic');
    const args = [...world.options.slice(0, -1), 'canary-wrong-secret'];
    const bridge = world.bridge('--client-secret', args.at(-1) as string);
    const { data, message } = (await initialize(bridge)).error ?? expect.unreachable();
    expect(data).toMatchObject({ reason: 'sign-in-refused' });
    expect(message).toContain('invalid_client');
    expect(message).toContain('--client-secret');
    await initialize(bridge);
    await initialize(bridge);
    expect(world.server.refusals).toHaveLength(1);
    expect(bridge.stderr + bridge.stdout.lines.join('')).not.toContain('canary-wrong-secret');
  });

  test('[X-01, 110] the first issuer is pinned: another one later gets nothing, and --issuer is named', async () => {
    const world = await machineWorld('client_secret_basic');
    const bridge = await world.connect();
    const other = await startOidcServer({ registration: false, machines: true });
    world.remote.protection.authorizationServers = [other.issuer];
    world.remote.protection.isValid = () => false;
    const { message } = (await bridge.request('resources/list')).error ?? expect.unreachable();
    expect(message).toContain(`--issuer ${other.issuer}`);
    expect(message).toContain('nothing was sent there');
    // A start with other scopes finds out anew where to go, and stops at the same place.
    const next = world.bridge('--scope', 'mcp:admin');
    expect((await initialize(next)).error?.message).toContain(`--issuer ${other.issuer}`);
    expect([other.events.filter(({ event }) => event !== 'listening')]).toEqual([[]]);
    const named = world.bridge('--issuer', other.issuer);
    expect((await initialize(named)).error?.message).toContain('invalid_client');
    expect(other.refusals).toHaveLength(1);
  });

  test('--token-endpoint, where nobody publishes any metadata', async () => {
    const world = await machineWorld('ES256', {
      protection: { prm: false, scopes: [] },
    });
    const args = ['--token-endpoint', `${world.server.issuer}/token`, '--scope', 'mcp:tools'];
    const bridge = await world.connect(...args);
    expect((await callEcho(bridge)).result).toEqual(echoed);
    expect(world.server.of('grant')).toMatchObject([{ resource: world.url, scope: 'mcp:tools' }]);
    const report = await runDoctor(world.url, { args: [...world.options, ...args], env: world.setup.env });
    expect(report.those('fail')).toEqual([]);
    expect(report.step('authorization-server').text).toContain('--token-endpoint');
    const without = world.bridge('--scope', 'mcp:tools', '--profile', 'other');
    const { message } = (await initialize(without)).error ?? expect.unreachable();
    expect(message).toContain('--token-endpoint');
  });

  test('--client-assertion-audience token-endpoint', async () => {
    const world = await machineWorld('RS256');
    await world.connect('--client-assertion-audience', 'token-endpoint');
    expect(world.tokens).toBe(1);
    const wrong = world.bridge('--client-assertion-audience', 'urn:somebody-else', '--profile', 'other');
    expectBridgeError(await initialize(wrong), 'sign-in-refused');
  });

  test('a key that is not there is told by its name, and works once it is', async () => {
    const world = await machineWorld('ES256');
    const bridge = world.bridge('--client-key', '/nonexistent/key.pem');
    const { data, message } = (await initialize(bridge)).error ?? expect.unreachable();
    expect(data).toMatchObject({ reason: 'usage' });
    expect(message).toContain("The file of --client-key can't be read (ENOENT): /nonexistent/key.pem");
    expect(world.server.refusals).toEqual([]);
  });
});

describe('the commands know it', () => {
  test('token gets one, prints it, and it is the one that bridges use', async () => {
    const world = await machineWorld('EdDSA');
    const first = await world.command('token');
    expect([first.code, first.stderr]).toEqual([0, '']);
    const second = await world.command('token');
    expect(second.stdout).toBe(first.stdout);
    await world.connect();
    expect(world.used).toEqual([first.stdout.trim()]);
    expect(world.tokens).toBe(1);
  });

  test('login gets another one', async () => {
    const world = await machineWorld('client_secret_basic');
    expect((await world.command('login')).code).toBe(0);
    const { code, stderr } = await world.command('login');
    expect(code, stderr).toBe(0);
    expect(stderr).toContain('it is renewed by itself');
    expect(world.tokens).toBe(2);
    const { stdout } = await world.command('login', ['--json']);
    expect(JSON.parse(stdout)).toMatchObject({ grant: 'client_credentials', refreshable: true });
  });

  test('status shows it as usable, though it has ended', async () => {
    const world = await machineWorld('client_secret_basic', { server: { accessTokenTtl: 1 } });
    await world.command('token');
    await delay(1_500);
    const { code, stdout } = await world.command('status', ['--json'], false);
    expect(code, stdout).toBe(0);
    expect(JSON.parse(stdout).connections).toMatchObject([
      {
        state: 'ok',
        usable: true,
        problem: null,
        grant: 'client_credentials',
        refreshable: true,
        client: { id: 'machine' },
      },
    ]);
    const { stdout: text } = await world.command('status', [], false);
    expect(text).toContain('client credentials');
  });

  test.each<MachineMethod>(['client_secret_post', 'ES256'])(
    'logout asks for its revocation as the client, though no option says who that is: %s',
    async (method) => {
      const world = await machineWorld(method);
      await world.command('token');
      const { code, stderr, stdout } = await world.command('logout', [], false);
      expect(code, stderr).toBe(0);
      // Its access tokens are JWTs, of which it revokes none (RFC 7009 section 2.2.1); the client is known to it.
      expect(stdout + stderr).toContain('offers no revocation');
      expect(stdout + stderr).not.toContain('invalid_client');
      expect((await world.command('status', [], false)).code).toBe(4);
    },
  );

  test('doctor gets one as a bridge would, and says so', async () => {
    const world = await machineWorld('RS256');
    const report = await runDoctor(world.url, {
      args: [...world.options],
      env: world.setup.env,
      secrets: [SECRET],
    });
    expect(report.those('fail')).toEqual([]);
    expect(report.step('credentials').facts).toMatchObject({ grant: 'client_credentials', canRefresh: true });
    expect(report.code).toBe(0);
    const wrong = await runDoctor(world.url, {
      args: [...world.options, '--client-id', 'nobody', '--profile', 'other'],
      env: world.setup.env,
    });
    expect(wrong.step('credentials')).toMatchObject({ status: 'fail', reason: 'sign-in-refused' });
    expect(wrong.code).not.toBe(0);
  });
});

test('what a user has signed in with is nothing to a machine, nor the other way round', async () => {
  const world = await machineWorld('client_secret_basic');
  await world.command('token');
  const { code, stderr } = await world.command('token', [], false);
  expect(code).toBe(4);
  expect(stderr).toContain('login');
});
