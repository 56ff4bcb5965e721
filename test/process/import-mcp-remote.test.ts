import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, onTestFinished, test } from 'vitest';
import { bridgeEnvironment } from '../support/bridge-command.ts';
import { followingBrowser, followSignIn } from '../support/browsers.ts';
import { initializeParams } from '../support/json-rpc.ts';
import { mcpRemoteFiles } from '../support/mcp-remote-files.ts';
import { OAuthClient } from '../support/oauth-client.ts';
import { isLinux } from '../support/prerequisites.ts';
import { protectedBy, type SignInWorld, signInWorld, untilConnected } from '../support/sign-in-world.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { until } from '../support/wait.ts';

/** Fetched by the bench (`npm run bench`); the tests work without it. */
const cache = fileURLToPath(new URL('../../.cache/bench', import.meta.url));
const program = join(cache, 'node_modules', 'mcp-remote', 'dist', 'proxy.js');

/** The files of mcp-remote after a sign-in at the world's authorization server. */
async function signedInBefore(
  { server, remote }: SignInWorld,
  run = '0.15.1',
  changes: Record<string, unknown> = {},
): Promise<ReturnType<typeof mcpRemoteFiles> & { env: { MCP_REMOTE_CONFIG_DIR: string } }> {
  const signedIn = await OAuthClient.register(server.issuer, remote.url);
  const { access_token, refresh_token, expires_in = 0 } = await signedIn.signIn();
  const issuer = run === '0.15.1' ? { issuer: server.issuer } : {};
  const expiry = run === '0.15.1' ? { expires_at: Date.now() + expires_in * 1000 } : {};
  const files = mcpRemoteFiles(run, {
    url: remote.url,
    tokens: { access_token, refresh_token, expires_in, scope: undefined, ...issuer, ...expiry, ...changes },
    client: { client_id: signedIn.client.client_id, ...issuer },
  });
  // What the client of the test has done is not what the bridge does.
  server.requests.length = 0;
  return { ...files, env: { MCP_REMOTE_CONFIG_DIR: files.folder } };
}

function refreshes({ server }: Pick<SignInWorld, 'server'>): (string | undefined)[] {
  return server.of('token').map(({ params }) => params.refresh_token);
}

describe.skipIf(!isLinux)('who has signed in with mcp-remote', () => {
  test('does not sign in again', async () => {
    const world = await signInWorld();
    const files = await signedInBefore(world);
    const before = files.snapshot();
    const bridge = world.bridge({ env: files.env, args: ['--log-level', 'trace'] });
    expect((await bridge.initialize()).result.serverInfo.name).toBe('fake-remote');
    expect((await bridge.callTool('echo', { text: 'hello' })).result).toBeDefined();
    expect(world.remote.credentials('tools/call')).toEqual([`Bearer ${files.tokens.access_token}`]);
    expect(world.browser.opened).toEqual([]);
    expect(world.server.requests.map(({ endpoint }) => endpoint)).toEqual(['metadata']);
    expect(files.snapshot()).toEqual(before);
    expect(bridge.stderr).toContain('sign-in of mcp-remote imported');

    // From now on it is ours.
    await untilConnected(world.bridge());
    expect(world.browser.opened).toEqual([]);
  });

  test('does not either when the access token has ended: ten bridges renew it once', async () => {
    const world = await signInWorld();
    const files = await signedInBefore(world, '0.15.1', { expires_at: Date.now() - 60_000 });
    world.server.expireAccessTokens();
    const before = files.snapshot();
    const bridges = Array.from({ length: 10 }, () => world.bridge({ env: files.env }));
    await Promise.all(bridges.map((bridge) => untilConnected(bridge)));
    expect(refreshes(world)).toEqual([files.tokens.refresh_token]);
    expect(world.server.of('token')[0]?.params.client_id).toBe(files.client.client_id);
    expect(world.server.reuses).toBe(0);
    expect(world.browser.opened).toEqual([]);
    expect(files.snapshot()).toEqual(before);
  });

  test('signs in by one window when all of it has ended', async () => {
    const world = await signInWorld();
    const files = await signedInBefore(world, '0.15.1', { expires_at: Date.now() - 60_000 });
    world.server.revokeAll();
    const bridge = world.bridge({ env: files.env });
    bridge.send({ jsonrpc: '2.0', id: 'i', method: 'initialize', params: initializeParams() });
    await followSignIn(await world.browser.nextOpened());
    await world.signInEnded();
    expect(refreshes(world)).toEqual([files.tokens.refresh_token, undefined]);
    expect(world.browser.opened).toHaveLength(1);
  });

  test('with a version that kept no issuer: the access token is used, the refresh token goes nowhere', async () => {
    const world = await signInWorld();
    const files = await signedInBefore(world, '0.1.29');
    const bridge = world.bridge({ env: files.env });
    await untilConnected(bridge);
    expect(world.browser.opened).toEqual([]);
    world.server.expireAccessTokens();
    bridge.send({ jsonrpc: '2.0', id: 'later', method: 'tools/list' });
    await followSignIn(await world.browser.nextOpened());
    await world.signInEnded();
    expect(refreshes(world)).toEqual([undefined]);
  });

  test('at a server that now names another authorization server: nothing of it goes there [27]', async () => {
    const world = await signInWorld();
    const files = await signedInBefore(world);
    const other = (await signInWorld()).server;
    world.remote.protection.authorizationServers = [other.issuer];
    const bridge = world.bridge({ env: files.env });
    bridge.send({ jsonrpc: '2.0', id: 'i', method: 'initialize', params: initializeParams() });
    const link = new URL(await world.browser.nextOpened());
    expect(link.origin).toBe(other.origin);
    const sent = JSON.stringify(other.requests);
    for (const secret of [files.tokens.access_token, files.tokens.refresh_token, files.client.client_id])
      expect(sent).not.toContain(secret as string);
    expect(world.remote.credentials('initialize')).toEqual([undefined]);
  });

  test('has one account there, so another profile signs in', async () => {
    const world = await signInWorld();
    const files = await signedInBefore(world);
    const bridge = world.bridge({ env: files.env, args: ['--profile', 'work'] });
    bridge.send({ jsonrpc: '2.0', id: 'i', method: 'initialize', params: initializeParams() });
    await world.browser.nextOpened();
    expect(world.remote.credentials('initialize')).toEqual([undefined]);
  });

  test.skipIf(!existsSync(program))(
    `by mcp-remote itself${existsSync(program) ? '' : ' (skipped: the bench has not fetched it)'}`,
    async () => {
      const world = await signInWorld();
      const folder = join(tempFolder(), 'mcp-auth');
      const env = { MCP_REMOTE_CONFIG_DIR: folder, BROWSER: followingBrowser().program, HOME: tempFolder() };
      const mcpRemote = spawn(process.execPath, [program, world.remote.url], { env: bridgeEnvironment(env) });
      onTestFinished(() => void mcpRemote.kill('SIGKILL'));
      let output = '';
      mcpRemote.stdout.setEncoding('utf8').on('data', (text: string) => {
        output += text;
      });
      const request = { jsonrpc: '2.0', id: 1, method: 'initialize', params: initializeParams() };
      mcpRemote.stdin.write(`${JSON.stringify(request)}\n`);
      await until('the answer of mcp-remote', () => output.includes('"id":1'), 30_000);
      mcpRemote.kill('SIGKILL');
      world.server.expireAccessTokens();

      await untilConnected(world.bridge({ env: { MCP_REMOTE_CONFIG_DIR: folder } }));
      expect(world.server.grants('refresh_token')).toBe(1);
      expect(world.server.of('register')).toHaveLength(1);
      expect(world.browser.opened).toEqual([]);
    },
  );
});

describe.skipIf(!isLinux)('who has not', () => {
  test('is asked for no more than before, whatever else lies there', async () => {
    const world = await signInWorld();
    const other = await protectedBy(world.server);
    const files = mcpRemoteFiles('0.15.1', { url: other.url });
    const bridge = world.bridge({ env: { MCP_REMOTE_CONFIG_DIR: files.folder } });
    bridge.send({ jsonrpc: '2.0', id: 'i', method: 'initialize', params: initializeParams() });
    await followSignIn(await world.browser.nextOpened());
    await world.signInEnded();
    expect(world.remote.metadataRequests).toHaveLength(1);
    expect(world.server.of('metadata')).toHaveLength(1);
  });
});
