import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { bridgeFile } from '../support/bridge-command.ts';
import { expectBridgeError } from '../support/bridge-error.ts';
import { startBridge } from '../support/bridge-process.ts';
import { initializeResult } from '../support/fake-answers.ts';
import { startFakeRemote } from '../support/fake-remote.ts';
import { freePort } from '../support/free-port.ts';
import { initializeParams } from '../support/json-rpc.ts';
import { runNode } from '../support/run-command.ts';

describe('start-up', () => {
  test('sends nothing before the client speaks, and one request until initialize is answered [S1]', async () => {
    const remote = await startFakeRemote({ session: true });
    const bridge = startBridge(remote.url);
    await delay(400);
    expect(remote.requests).toEqual([]);
    await bridge.request('initialize', initializeParams());
    await delay(300);
    expect(remote.requests.map(({ method, message }) => [method, message?.method])).toEqual([
      ['POST', 'initialize'],
    ]);
    expect(remote.requests[0]?.headers['mcp-session-id']).toBeUndefined();
  });

  test('one initialize, one session, at most one GET stream, no probing [S1, L-12, L-19, L-45]', async () => {
    const remote = await startFakeRemote({ session: true });
    const bridge = startBridge(remote.url);
    await bridge.initialize();
    await bridge.request('tools/list');
    await remote.next('GET');
    await delay(300);
    expect(remote.of('initialize')).toHaveLength(1);
    expect(remote.of('GET')).toHaveLength(1);
    expect(remote.requests.every(({ path }) => path === '/mcp')).toBe(true);
    for (const { headers } of remote.of('POST')) {
      expect(headers.accept).toContain('application/json');
      expect(headers.accept).toContain('text/event-stream');
      expect(headers['content-type']).toMatch(/^application\/json/);
    }
    for (const { headers } of remote.requests.slice(1)) {
      expect(headers).toMatchObject({ 'mcp-session-id': 'session-1', 'mcp-protocol-version': '2025-11-25' });
    }
    expect(bridge.stderr).toBe('');
  });

  test('the version header is the one that the remote agreed to [L-19, L-20]', async () => {
    const remote = await startFakeRemote();
    remote.on('initialize', (exchange) =>
      exchange.result({ ...initializeResult({ jsonrpc: '2.0' }), protocolVersion: '2025-03-26' }),
    );
    const bridge = startBridge(remote.url);
    await bridge.initialize();
    await bridge.request('tools/list');
    expect(remote.of('tools/list')[0]?.headers['mcp-protocol-version']).toBe('2025-03-26');
  });

  test('the remote comes up 3 s late: the process stays, and the session works [S3]', async () => {
    const remote = await startFakeRemote();
    await remote.stop();
    const bridge = startBridge(remote.url);
    const first = bridge.request('initialize', initializeParams(), 40_000);
    await delay(3000);
    await remote.start();
    const answer = await first;
    if (answer.error !== undefined) {
      expectBridgeError(answer, 'unreachable');
      await bridge.initialize();
    } else bridge.notify('notifications/initialized');
    expect(await bridge.request('tools/list')).toHaveProperty('result');
  });

  test('the remote is down: an error that names it, in bounded time; the process lives and works later [S3]', async () => {
    const port = await freePort();
    const bridge = startBridge(`http://127.0.0.1:${port}/mcp`);
    const data = expectBridgeError(
      await bridge.request('initialize', initializeParams(), 40_000),
      'unreachable',
    );
    expect(String(data.url)).toContain(`127.0.0.1:${port}`);
    await startFakeRemote({ port });
    await bridge.initialize();
    expect(await bridge.request('tools/list')).toHaveProperty('result');
  });

  test('a host name that does not resolve: an error that names it [T78]', async () => {
    const bridge = startBridge('https://no-such-host.invalid/mcp');
    const answer = await bridge.request('initialize', initializeParams(), 40_000);
    expectBridgeError(answer, 'unreachable');
    expect(answer.error?.message).toContain('no-such-host.invalid');
  });

  test('ping is answered with {} where the remote cannot be reached [L-07]', async () => {
    const port = await freePort();
    const bridge = startBridge(`http://127.0.0.1:${port}/mcp`);
    expect(await bridge.request('ping', undefined, 5000)).toMatchObject({ result: {} });
  });

  test('initialize gets 503 with Retry-After 2: sent again after it, and answered [S4, 108]', async () => {
    const remote = await startFakeRemote();
    remote.once('initialize', (exchange) => exchange.status(503, { 'Retry-After': '2' }));
    const bridge = startBridge(remote.url);
    await bridge.initialize();
    const [first, second] = remote.of('initialize');
    const waited = (second?.time ?? 0) - (first?.time ?? 0);
    expect(waited).toBeGreaterThan(1900);
    expect(waited).toBeLessThan(6000);
  });

  test('GET and everything but POST hang: initialize and calls are answered all the same [S5]', async () => {
    const remote = await startFakeRemote();
    remote.on('GET', (exchange) => exchange.hang());
    const start = performance.now();
    const bridge = startBridge(remote.url);
    await bridge.initialize();
    expect(performance.now() - start).toBeLessThan(2000);
    await remote.next('GET');
    expect(await bridge.request('tools/list', undefined, 2000)).toHaveProperty('result');
  });

  test('a remote 100 ms away: one round trip to initialize [S6]', async () => {
    const remote = await startFakeRemote();
    remote.on('initialize', async (exchange) => {
      await delay(100);
      exchange.header('Mcp-Session-Id', 'one').result(initializeResult({ jsonrpc: '2.0' }));
    });
    const bridge = startBridge(remote.url);
    await bridge.request('initialize', initializeParams());
    expect(remote.requests).toHaveLength(1);
    expect(remote.connections).toBe(1);
  });

  test('server/discover that names no revision is refused at once before initialize, and nothing is sent [B-03, B-08]', async () => {
    const remote = await startFakeRemote();
    const bridge = startBridge(remote.url);
    const probe = '{"jsonrpc":"2.0","id":"server-discover-probe-1","method":"server/discover","params":{}}';
    expect((await bridge.ask(probe, 'server-discover-probe-1', 2000)).error?.code).toBe(-32602);
    expect(remote.requests).toEqual([]);
    await bridge.initialize();
  });

  test('messages sent in one piece with initialize wait for it', async () => {
    const remote = await startFakeRemote({ session: true });
    remote.once('initialize', async (exchange) => {
      await delay(300);
      exchange.header('Mcp-Session-Id', 'late').result(initializeResult({ jsonrpc: '2.0' }));
    });
    const bridge = startBridge(remote.url);
    const lines = [
      { jsonrpc: '2.0', id: 'i', method: 'initialize', params: initializeParams() },
      { jsonrpc: '2.0', method: 'notifications/initialized' },
      { jsonrpc: '2.0', id: 'l', method: 'tools/list' },
    ];
    bridge.sendRaw(lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
    expect(await bridge.answer('i')).toHaveProperty('result');
    expect(await bridge.answer('l')).toHaveProperty('result');
    expect(remote.of('tools/list')[0]?.headers['mcp-session-id']).toBe('late');
    const posts = remote.of('POST').map(({ message }) => message?.method);
    expect(posts.indexOf('notifications/initialized')).toBeLessThan(posts.indexOf('tools/list'));
  });
});

test.each(['18.20.4', '16.20.2', '12.22.12'])(
  'Node %s: one readable line and exit 1 [S10]',
  async (version) => {
    const script = `
    Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '${version}' } });
    Object.defineProperty(process, 'version', { value: 'v${version}' });
    require(${JSON.stringify(bridgeFile)});`;
    const { code, stderr, stdout } = await runNode(['-e', script, 'https://mcp.example.test/mcp']);
    expect(stdout).toBe('');
    expect(stderr.trimEnd().split('\n')).toHaveLength(1);
    expect(stderr).toMatch(/Node\.js 20/);
    expect(stderr).toContain(version);
    expect(code).toBe(1);
  },
);
