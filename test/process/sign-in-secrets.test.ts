import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { followSignIn, recordingBrowser } from '../support/browsers.ts';
import { initializeParams } from '../support/json-rpc.ts';
import { listeningAddresses } from '../support/listening-ports.ts';
import { isLinux } from '../support/prerequisites.ts';
import { signInWorld, untilConnected, untilTools } from '../support/sign-in-world.ts';
import { until } from '../support/wait.ts';

const read = (pid: number, name: string) => readFileSync(`/proc/${pid}/${name}`, 'latin1');

describe.skipIf(!isLinux)('what other processes can see of a sign-in', () => {
  test('neither argv nor the environment of the sign-in process and the browser hold a secret [T120, 4, 122]', async () => {
    const secret = 'canary-configured-secret';
    const canaries = {
      ACME: secret,
      PLAIN: 'canary-header-value',
      MCP_DRAWBRIDGE_PASSPHRASE: 'canary-passphrase',
      NPM_TOKEN: 'canary-npm-token',
      AWS_SECRET_ACCESS_KEY: 'canary-aws-key',
    };
    const client = {
      id: 'known',
      secret,
      method: 'client_secret_basic',
      redirectUris: ['http://127.0.0.1/callback'],
    };
    const world = await signInWorld({
      browser: recordingBrowser({ hangs: true }),
      env: canaries,
      authorization: { clients: [client] },
    });
    const args = [
      '--client-id',
      'known',
      '--client-secret',
      '${ACME}',
      '--header',
      'X-Api-Key: key ${PLAIN}',
    ];
    const bridge = world.bridge({ args });
    bridge.send({ jsonrpc: '2.0', id: 'i', method: 'initialize', params: initializeParams() });
    const url = await world.browser.nextOpened();
    const signIn = await world.signInProcess();
    const [{ pid: browser = 0, env: browserEnvironment = {} } = {}] = world.browser.starts;
    for (const pid of [signIn, browser]) {
      expect(read(pid, 'cmdline'), `argv of ${pid}`).not.toContain('canary');
      expect(read(pid, 'environ'), `environment of ${pid}`).not.toContain('canary');
    }
    expect(read(bridge.pid, 'cmdline')).not.toContain('canary');
    expect(JSON.stringify(browserEnvironment)).not.toContain('canary');
    expect(url).not.toContain('canary');

    // The browser has no stream of ours and not the socket that the code comes to.
    expect([0, 1, 2].map((fd) => readlinkSync(`/proc/${browser}/fd/${fd}`))).toEqual(
      Array(3).fill('/dev/null'),
    );
    expect(listeningAddresses([browser])).toEqual([]);
    // What this test runner itself was given goes through all of them.
    const given = socketsAndPipes(process.pid);
    const ours = socketsAndPipes(signIn).filter((one) => !given.includes(one));
    expect(socketsAndPipes(browser).filter((one) => ours.includes(one))).toEqual([]);

    expect((await followSignIn(url)).result?.status).toBe(200);
    await bridge.answer('i', 15_000);
    bridge.notify('notifications/initialized');
    await untilTools(bridge);
    // The user's header went to the server and to nobody else [9].
    expect(world.remote.remote.of('tools/list').at(-1)?.headers['x-api-key']).toBe('key canary-header-value');
    for (const { headers, body } of [...world.server.requests, ...world.remote.metadataRequests])
      expect(JSON.stringify(headers) + body).not.toContain('canary-header-value');
  }, 60_000);

  test('no process of the bridge hands a secret on in the clear, whatever the level of the log', async () => {
    const world = await signInWorld();
    const bridge = world.bridge({ args: ['--log-level', 'trace'] });
    const connected = untilConnected(bridge);
    expect((await followSignIn(await world.browser.nextOpened())).result?.status).toBe(200);
    await connected;
    world.server.expireAccessTokens();
    expect(await bridge.callTool('echo')).toHaveProperty('result');
    world.server.revokeAll();
    const call = bridge.callTool('echo', {}, 20_000);
    expect((await followSignIn(await world.browser.nextOpened(2))).result?.status).toBe(200);
    expect(await call).toHaveProperty('result');
    await until('something in the log', () => bridge.stderr.includes('debug'));
    const login = world.login({ args: ['--log-level', 'trace'] });
    expect((await followSignIn(await world.browser.nextOpened(3))).result?.status).toBe(200);
    expect(await login.exitWithin(10_000)).toBe(0);
    world.expectNoSecrets();
  }, 60_000);
});

function socketsAndPipes(pid: number): string[] {
  return readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
    try {
      const target = readlinkSync(`/proc/${pid}/fd/${fd}`);
      return /^(socket|pipe):/.test(target) ? [target] : [];
    } catch {
      return [];
    }
  });
}
