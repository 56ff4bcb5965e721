import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { runBridge, startBridge } from '../support/bridge-process.ts';
import { followingBrowser } from '../support/browsers.ts';
import { startFakeRemote } from '../support/fake-remote.ts';
import { startFakeSseRemote } from '../support/fake-sse-remote.ts';
import { freePort, isFree } from '../support/free-port.ts';
import { initializeParams } from '../support/json-rpc.ts';
import { isLinux } from '../support/prerequisites.ts';
import { runCommand } from '../support/run-command.ts';
import { paramsOf, signInWorld, untilConnected } from '../support/sign-in-world.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { until } from '../support/wait.ts';

const localhost = process.platform === 'win32' ? '127.0.0.1' : 'localhost';

/** The one that mcp-remote makes of a URL where nothing else is given. */
function derivedPort(url: string): number {
  const hash = createHash('md5').update(url).digest('hex');
  return 3335 + (Number.parseInt(hash.slice(0, 4), 16) % 45_816);
}

describe.skipIf(!isLinux)('the redirect of a configuration of mcp-remote', () => {
  test('the port after the URL is that of the redirect, with the host and the path that mcp-remote has', async () => {
    const world = await signInWorld({ browser: followingBrowser() });
    const port = await freePort();
    await untilConnected(world.bridge({ args: [String(port)] }));
    const [opened = ''] = world.browser.opened;
    expect(paramsOf(opened).redirect_uri).toBe(`http://${localhost}:${port}/oauth/callback`);
    expect(await world.browser.finished()).toMatchObject({ status: 200 });
  });

  test('--host and --callback-path change them', async () => {
    const world = await signInWorld({ browser: followingBrowser() });
    const port = await freePort();
    const args = [String(port), '--host', '127.0.0.1', '--callback-path', '/custom/callback'];
    await untilConnected(world.bridge({ args }));
    const [opened = ''] = world.browser.opened;
    expect(paramsOf(opened).redirect_uri).toBe(`http://127.0.0.1:${port}/custom/callback`);
  });

  test.each(['client_secret_basic', 'client_secret_post'])(
    'a static client signs in by the redirect that is registered for it, and %s',
    async (method) => {
      const secret = 'canary-static-secret-0815';
      const client = { id: 'static', secret, method, redirectUris: [] as string[] };
      const makeWorld = () =>
        signInWorld({
          browser: followingBrowser(),
          authorization: { clients: [client], exactRedirect: true },
        });
      let world = await makeWorld();
      // The port follows from the URL, and a connection of another program may have it just now.
      while (!(await isFree(derivedPort(world.remote.url)))) world = await makeWorld();
      const info = { client_id: 'static', client_secret: '${SECRET}', token_endpoint_auth_method: method };
      const args = ['--static-oauth-client-info', JSON.stringify(info)];
      client.redirectUris.push(`http://${localhost}:${derivedPort(world.remote.url)}/oauth/callback`);
      await untilConnected(world.bridge({ args, env: { SECRET: secret } }));
      expect(world.server.of('register')).toEqual([]);
      const [token] = world.server.of('token');
      expect(token?.headers.authorization?.startsWith('Basic ') ?? false).toBe(method.endsWith('basic'));
    },
  );

  test('static metadata is what is registered, and its scope is asked for', async () => {
    const world = await signInWorld({ browser: followingBrowser() });
    const file = join(tempFolder(), 'metadata.json');
    const metadata = {
      client_name: 'Mine',
      software_id: '7',
      scope: 'mcp.read',
      redirect_uris: ['http://x.example/'],
    };
    writeFileSync(file, JSON.stringify(metadata));
    await untilConnected(world.bridge({ args: ['--static-oauth-client-metadata', `@${file}`] }));
    const [registration] = world.server.of('register');
    const body = JSON.parse(registration?.body ?? '{}');
    expect(body).toMatchObject({ client_name: 'Mine', software_id: '7' });
    expect(body.redirect_uris).toEqual([expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+\/callback$/)]);
    expect(paramsOf(world.browser.opened[0] ?? '').scope?.split(' ')).toContain('mcp.read');
  });

  test('--auth-success-url is where the browser ends, and it learns nothing of the sign-in', async () => {
    const world = await signInWorld({ browser: followingBrowser() });
    const done = 'https://you.example/done';
    await untilConnected(world.bridge({ args: ['--auth-success-url', done] }));
    const { status, headers, body } = await world.browser.finished();
    expect({ status, location: headers.location, body }).toEqual({ status: 302, location: done, body: '' });
    expect(headers['referrer-policy']).toBe('no-referrer');
  });

  test('--auth-success-url is not for a sign-in that fails', async () => {
    const world = await signInWorld({ browser: followingBrowser() });
    world.server.on('token', (exchange) => exchange.json(400, { error: 'invalid_grant' }));
    const bridge = world.bridge({ args: ['--auth-success-url', 'https://you.example/done'] });
    await bridge.request('initialize', initializeParams());
    expect(await world.browser.finished()).toMatchObject({ status: 400 });
  });

  test('two tenants of one server, told apart by --resource, sign in each for itself', async () => {
    const world = await signInWorld({ browser: followingBrowser() });
    const tenants = ['https://tenant1.example/', 'https://tenant2.example/'];
    const entry = (resource: string) => world.bridge({ args: ['--resource', resource, '--debug'] });
    for (const tenant of tenants) await untilConnected(entry(tenant));
    expect(world.browser.opened.map((url) => paramsOf(url).resource)).toEqual(tenants);
    expect(world.server.grants()).toBe(2);
    const used = new Set(world.remote.credentials('tools/list').filter(Boolean));
    expect(used.size).toBe(2);
    for (const tenant of tenants) await untilConnected(entry(tenant));
    expect(world.browser.opened).toHaveLength(2);
    expect(new Set(world.remote.credentials('tools/list').filter(Boolean))).toEqual(used);
  }, 90_000);

  test('login takes them as a bridge does', async () => {
    const world = await signInWorld({ browser: followingBrowser() });
    const port = await freePort();
    const login = world.login({ args: [String(port), '--auth-timeout', '60', '--silent'] });
    expect(await login.exitWithin(30_000)).toBe(0);
    expect(paramsOf(world.browser.opened[0] ?? '').redirect_uri).toContain(`:${port}/oauth/callback`);
  });
});

describe('transports', () => {
  test.each(['sse-first', 'sse-only'])('%s begins with HTTP+SSE', async (strategy) => {
    const { remote, url } = await startFakeSseRemote();
    const bridge = startBridge(url, { args: ['--transport', strategy] });
    await bridge.initialize();
    expect(await bridge.callTool('echo', { a: 1 })).toHaveProperty('result');
    expect(remote.requests[0]?.method).toBe('GET');
    expect(remote.of('POST').every(({ path }) => path.startsWith('/message'))).toBe(true);
  });

  test.each([404, 405])('sse-first goes on by Streamable HTTP after %i', async (status) => {
    const remote = await startFakeRemote();
    remote.on('GET', (exchange) => exchange.status(status));
    const bridge = startBridge(remote.url, { args: ['--transport', 'sse-first'] });
    await bridge.initialize();
    expect(await bridge.callTool('echo', { a: 1 })).toHaveProperty('result');
    expect(remote.requests.slice(0, 2).map(({ method }) => method)).toEqual(['GET', 'POST']);
  });

  test('http-only does not fall back, http-first does', async () => {
    const { url } = await startFakeSseRemote();
    const first = startBridge(url, { args: ['--transport', 'http-first'] });
    await first.initialize();
    const only = startBridge(url, { args: ['--transport', 'http-only'] });
    expect(await only.request('initialize', {})).toHaveProperty('error');
  });
});

describe('the rest', () => {
  test('--ignore-tool hides a tool and refuses to call it', async () => {
    const remote = await startFakeRemote();
    remote.on('tools/list', (exchange) =>
      exchange.result({
        tools: ['echo', 'deleteTask'].map((name) => ({ name, inputSchema: { type: 'object' } })),
      }),
    );
    const bridge = startBridge(remote.url, { args: ['--silent', '--ignore-tool', 'DELETE*'] });
    await bridge.initialize();
    const { result } = await bridge.request('tools/list');
    expect(result.tools.map(({ name }: { name: string }) => name)).toEqual(['echo']);
    await bridge.callTool('deleteTask');
    expect(remote.of('tools/call')).toEqual([]);
  });

  test("--keep-alive with --ping-interval pings, and what the server says to that is the bridge's own", async () => {
    const remote = await startFakeRemote();
    const bridge = startBridge(remote.url, { args: ['--keep-alive', '--ping-interval', '0.2'] });
    await bridge.initialize();
    await until('three pings', () => remote.of('ping').length >= 3);
    expect(bridge.stdout.lines.filter((line) => line.includes('drawbridge-'))).toEqual([]);
    remote.on('ping', (exchange) => exchange.status(500));
    const { length } = remote.of('ping');
    await until('more pings', () => remote.of('ping').length >= length + 2);
    expect(await bridge.callTool('echo')).toHaveProperty('result');
    expect(bridge.stderr).toBe('');
  });

  test('--silent says nothing where all else is said, --debug all of it, in a file too', async () => {
    const home = join(tempFolder(), 'home');
    const remote = await startFakeRemote();
    const silent = startBridge(remote.url, { args: ['--silent'], env: { MCP_DRAWBRIDGE_HOME: home } });
    await silent.initialize();
    remote.on('notifications/roots/list_changed', (exchange) => exchange.status(500));
    silent.notify('notifications/roots/list_changed');
    await until('the notification', () => remote.of('notifications/roots/list_changed').length > 0);
    expect(await silent.callTool('echo')).toHaveProperty('result');
    expect(silent.stderr).toBe('');
    expect(existsSync(join(home, 'logs'))).toBe(false);
    const args = ['--debug', '--silent', '--enable-proxy'];
    const debug = startBridge(remote.url, { args, env: { MCP_DRAWBRIDGE_HOME: home } });
    await debug.initialize();
    await until('a line', () => debug.stderr.includes('always honoured'));
    const [file = ''] = readdirSync(join(home, 'logs'));
    expect(file).toMatch(/^127\.0\.0\.1-[0-9a-f]{8}\.log$/);
    expect(readFileSync(join(home, 'logs', file), 'utf8')).toContain('always honoured');
  });

  test('--header and its file, --allow-http, --ipv4 and --disable-cookies are ours as well', async () => {
    const remote = await startFakeRemote();
    const file = join(tempFolder(), 'headers.txt');
    writeFileSync(file, '# of the server\nX-File: ${TWO}\n', { mode: 0o600 });
    const args = ['--header', 'X-One:${ONE}', '--header-file', file, '--allow-http', '--ipv4'];
    const bridge = runBridge({
      args: [remote.url, ...args, '--disable-cookies', '--enable-proxy'],
      env: { ONE: '1', TWO: '2' },
    });
    await bridge.initialize();
    expect(remote.requests[0]?.headers).toMatchObject({ 'x-one': '1', 'x-file': '2' });
  });

  test('what contradicts itself ends with one line and code 2', async () => {
    const url = 'https://mcp.example.test/mcp';
    for (const args of [
      ['--debug', '--log-level', 'warn'],
      ['--host', '0.0.0.0'],
    ]) {
      const { code, stderr, stdout } = await runCommand([url, ...args]);
      expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
      expect(stderr.trimEnd().split('\n')).toHaveLength(1);
    }
  });
});
