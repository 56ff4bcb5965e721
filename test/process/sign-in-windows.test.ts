import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { expectBridgeError } from '../support/bridge-error.ts';
import { followingBrowser, followSignIn, recordingBrowser } from '../support/browsers.ts';
import { initializeParams } from '../support/json-rpc.ts';
import { accepts } from '../support/listening-ports.ts';
import { isLinux } from '../support/prerequisites.ts';
import {
  linkIn,
  paramsOf,
  signInWorld,
  toolText,
  untilConnected,
  untilTools,
} from '../support/sign-in-world.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { until } from '../support/wait.ts';

/** Nobody waits long here, but long enough for a slow machine to tell the link in that time. */
const args = ['--sign-in-timeout', '6', '--initialize-wait', '0.5'];

describe.skipIf(!isLinux)('the windows that a bridge opens', () => {
  test('nobody comes back: the client hears in time which command to run, the port is closed, and no second window opens [A13, 7]', async () => {
    const world = await signInWorld();
    const bridge = world.bridge({ args: ['--sign-in-timeout', '2', '--initialize-wait', '30'] });
    const answer = await bridge.request('initialize', initializeParams(), 20_000);
    expectBridgeError(answer, 'sign-in-timeout');
    expect(answer.error?.message).toContain(`mcp-drawbridge login ${world.remote.url}`);
    const [url = ''] = world.browser.opened;
    expect(await accepts(Number(new URL(paramsOf(url).redirect_uri as string).port))).toBe(false);
    await world.signInEnded();

    // The same bridge tells the command, another one has a link.
    const again = await bridge.request('initialize', initializeParams());
    expectBridgeError(again, 'sign-in-needed', 'sign-in-timeout');
    const next = world.bridge({ args: ['--initialize-wait', '1'] });
    await next.initialize();
    const link = linkIn(toolText(await next.callTool('sign_in', {}, 20_000)));
    expect(next.stderr).toContain(link);
    expect(world.browser.opened).toHaveLength(1);
    expect((await followSignIn(link)).result?.status).toBe(200);
    await untilTools(next);
    await untilConnected(world.bridge());
    expect(world.browser.opened).toHaveLength(1);
  }, 90_000);

  test('nobody comes back: those that waited for the sign-in of another bridge hear the same, and can begin anew', async () => {
    const world = await signInWorld();
    const bridges = [world.bridge({ args }), world.bridge({ args }), world.bridge({ args })];
    await Promise.all(bridges.map((bridge) => bridge.initialize()));
    const calls = await Promise.all(bridges.map((bridge) => bridge.callTool('echo', {}, 20_000)));
    for (const call of calls) {
      expect(call.result?.isError).toBe(true);
      expect(toolText(call)).toContain(`mcp-drawbridge login ${world.remote.url}`);
    }
    await world.signInEnded();
    // The tool is the user's own wish: it has a link, for all of them the same.
    const told = await Promise.all(bridges.map((bridge) => bridge.callTool('sign_in', {}, 20_000)));
    const links = new Set(told.map((answer) => linkIn(toolText(answer))));
    expect(links.size).toBe(1);
    expect(world.browser.opened).toHaveLength(1);
    expect((await followSignIn([...links][0] as string)).result?.status).toBe(200);
    await Promise.all(bridges.map((bridge) => untilTools(bridge)));
  }, 90_000);

  test('refused by the user: no second window, and a login in a terminal may open one [7]', async () => {
    let isRefused = true;
    const world = await signInWorld({
      browser: followingBrowser(),
      authorization: {
        redirect: (usual) => (isRefused ? { ...usual, code: undefined, error: 'access_denied' } : usual),
      },
    });
    const bridge = world.bridge({ args: ['--initialize-wait', '30'] });
    const answer = await bridge.request('initialize', initializeParams(), 20_000);
    expectBridgeError(answer, 'sign-in-refused');
    await world.signInEnded();
    const others = [
      world.bridge({ args: ['--initialize-wait', '1'] }),
      world.bridge({ args: ['--initialize-wait', '1'] }),
    ];
    await Promise.all(others.map((other) => other.initialize()));
    const told = await Promise.all(others.map((other) => other.callTool('sign_in', {}, 20_000)));
    expect(new Set(told.map((answer) => linkIn(toolText(answer)))).size).toBe(1);
    expect(world.browser.opened).toHaveLength(1);

    isRefused = false;
    const login = world.login();
    expect(await login.exitWithin(20_000)).toBe(0);
    expect(world.browser.opened).toHaveLength(2);
    await Promise.all(others.map((other) => untilTools(other)));
    expect(world.browser.opened).toHaveLength(2);
  }, 90_000);

  test('three windows in an hour, then only a link [7]', async () => {
    const world = await signInWorld({ browser: followingBrowser() });
    const bridge = world.bridge();
    await untilConnected(bridge);
    for (let window = 2; window <= 3; window++) {
      world.server.revokeAll();
      expect(await bridge.callTool('echo', {}, 20_000)).toHaveProperty('result');
      expect(world.browser.opened).toHaveLength(window);
    }
    world.server.revokeAll();
    const call = bridge.callTool('echo', {}, 20_000);
    const link = await until('the link', () => /http:\S+\/authorize[^\s"]+/.exec(bridge.stderr)?.[0], 15_000);
    expect(world.browser.opened).toHaveLength(3);
    expect((await followSignIn(link)).result?.status).toBe(200);
    expect(await call).toHaveProperty('result');
    expect(world.browser.opened).toHaveLength(3);
  }, 90_000);

  test.each([
    ['is missing', () => '/nowhere/at/all'],
    ['exits with 1', () => recordingBrowser({ exitCode: 1 }).program],
    ['hangs', () => recordingBrowser({ hangs: true }).program],
  ])(
    'the browser %s: the link is told, the client is answered, the sign-in goes on [T6, 77]',
    async (what, program) => {
      const world = await signInWorld({ env: { BROWSER: program() } });
      const bridge = world.bridge({ args: ['--initialize-wait', '1'] });
      await bridge.initialize();
      expect(await bridge.request('ping')).toHaveProperty('result');
      const link = linkIn(toolText(await bridge.callTool('sign_in', {}, 30_000)));
      expect(bridge.stderr.includes(link), 'printed where no browser opened').toBe(what !== 'hangs');
      expect((await followSignIn(link)).result?.status).toBe(200);
      await untilTools(bridge);
    },
    60_000,
  );

  test('--no-browser: nothing is opened, the command is told, nothing listens', async () => {
    const world = await signInWorld();
    const bridge = world.bridge({ args: ['--no-browser', '--initialize-wait', '1', '--profile', 'work'] });
    await bridge.initialize();
    const told = toolText(await bridge.callTool('sign_in', {}, 30_000));
    expect(told).toContain(`mcp-drawbridge login ${world.remote.url} --profile work`);
    expect(world.signInProcesses).toEqual([]);
    expect(world.browser.opened).toEqual([]);
    expect(world.server.requests).toEqual([]);
  }, 60_000);

  test('a probe for server/discover, and one that only begins to speak, open no window', async () => {
    const world = await signInWorld();
    const probe = world.bridge();
    const answer = await probe.request('server/discover', { _meta: {} });
    expect(answer.error?.code).toBe(-32602);
    probe.closeStdin();
    expect((await probe.exitWithin(5000)).code).toBe(0);
    const silent = world.bridge();
    silent.closeStdin();
    expect((await silent.exitWithin(5000)).code).toBe(0);
    expect(world.browser.opened).toEqual([]);
    expect(world.server.requests).toEqual([]);
    expect(world.signInProcesses).toEqual([]);
  });

  test('a probe of a modern client, and one after it, are answered without a window [B-03, B-04, B-06]', async () => {
    const world = await signInWorld();
    const bridge = world.bridge();
    const _meta = {
      'io.modelcontextprotocol/protocolVersion': '2026-07-28',
      'io.modelcontextprotocol/clientCapabilities': {},
    };
    for (let tries = 0; tries < 2; tries++) {
      const { result } = await bridge.request('server/discover', { _meta }, 4000);
      expect(result).toMatchObject({ supportedVersions: ['2026-07-28'], resultType: 'complete', ttlMs: 0 });
    }
    bridge.closeStdin();
    expect((await bridge.exitWithin(5000)).code).toBe(0);
    expect(world.browser.opened).toEqual([]);
    expect(world.signInProcesses).toEqual([]);
  });

  test('a store that can not be written: told before the user is asked for anything [66, K2]', async () => {
    const world = await signInWorld();
    const file = join(tempFolder(), 'file');
    writeFileSync(file, '');
    const bridge = world.bridge({
      env: { MCP_DRAWBRIDGE_HOME: join(file, 'home') },
      args: ['--initialize-wait', '20'],
    });
    const answer = await bridge.request('initialize', initializeParams(), 25_000);
    expectBridgeError(answer, 'credential-store');
    expect(world.browser.opened).toEqual([]);
    const login = world.login({ env: { MCP_DRAWBRIDGE_HOME: join(file, 'home') } });
    expect(await login.exitWithin(10_000)).toBe(5);
    expect(world.browser.opened).toEqual([]);
  }, 60_000);

  test('no window opens for what is no refusal: an authorization server that fails, or is not there', async () => {
    const world = await signInWorld();
    world.server.on('metadata', (exchange) =>
      exchange.body(503, '<h1>busy</h1>', { 'Content-Type': 'text/html' }),
    );
    const bridge = world.bridge({ args: ['--initialize-wait', '20'] });
    const answer = await bridge.request('initialize', initializeParams(), 25_000);
    expectBridgeError(answer, 'authorization-server', 'unreachable');
    expect(answer.error?.message).not.toContain('busy');
    expect(world.browser.opened).toEqual([]);
  }, 60_000);
});
