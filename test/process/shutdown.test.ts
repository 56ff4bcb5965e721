import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { expectBridgeError } from '../support/bridge-error.ts';
import { type BridgeProcess, startBridge } from '../support/bridge-process.ts';
import { textResult } from '../support/fake-answers.ts';
import { type FakeRemote, startFakeRemote } from '../support/fake-remote.ts';
import { initializeParams } from '../support/json-rpc.ts';

async function connected(): Promise<{ remote: FakeRemote; bridge: BridgeProcess }> {
  const remote = await startFakeRemote({ session: true });
  const bridge = startBridge(remote.url);
  await bridge.initialize();
  await remote.next('notifications/initialized');
  return { remote, bridge };
}

function expectSessionEnded(remote: FakeRemote): void {
  const ends = remote.of('DELETE');
  expect(ends).toHaveLength(1);
  expect(ends[0]?.headers).toMatchObject({
    'mcp-session-id': 'session-1',
    'mcp-protocol-version': '2025-11-25',
  });
}

describe('the client closes stdin', () => {
  test('idle: the session is ended, exit 0 within 2 s [S2, L-08, L-55]', async () => {
    const { remote, bridge } = await connected();
    bridge.closeStdin();
    const { code, ms } = await bridge.exitWithin(5000);
    expect(code).toBe(0);
    expect(ms).toBeLessThan(2000);
    expectSessionEnded(remote);
    expect(bridge.stderr).toBe('');
  });

  test('an answer that comes within 2 s still reaches the client [I5]', async () => {
    const { remote, bridge } = await connected();
    remote.on('tools/call', async (exchange) => {
      await delay(800);
      exchange.result(textResult('in the last moment'));
    });
    const call = bridge.callTool('echo');
    await remote.next('tools/call');
    bridge.closeStdin();
    expect(await call).toHaveProperty('result.content.0.text', 'in the last moment');
    expect((await bridge.exitWithin(5000)).code).toBe(0);
    expectSessionEnded(remote);
  });

  test('a call that never ends is answered with an error, exit 0 after 2 s [I5, 87]', async () => {
    const { remote, bridge } = await connected();
    remote.on('tools/call', (exchange) => exchange.hang());
    const call = bridge.callTool('echo');
    await remote.next('tools/call');
    bridge.closeStdin();
    const { code, ms } = await bridge.exitWithin(6000);
    expect(code).toBe(0);
    expect(ms).toBeGreaterThan(1500);
    expect(ms).toBeLessThan(4000);
    expectBridgeError(await call, 'shutting-down');
    expectSessionEnded(remote);
  });

  test('a line without its end is not acted on in silence [T99]', async () => {
    const { bridge } = await connected();
    bridge.sendRaw('{"jsonrpc":"2.0","id":77,"method":"tools/list"');
    bridge.closeStdin();
    expect((await bridge.exitWithin(5000)).code).toBe(0);
  });

  test('a whole last line without a line end is answered', async () => {
    const { bridge } = await connected();
    bridge.sendRaw('{"jsonrpc":"2.0","id":77,"method":"tools/list"}');
    bridge.closeStdin();
    expect(await bridge.answer(77)).toHaveProperty('result');
    expect((await bridge.exitWithin(5000)).code).toBe(0);
  });

  test('before the remote has answered initialize: exits within 4 s', async () => {
    const remote = await startFakeRemote();
    remote.on('initialize', (exchange) => exchange.hang());
    const bridge = startBridge(remote.url);
    bridge.send({ jsonrpc: '2.0', id: 1, method: 'initialize', params: initializeParams() });
    await remote.next('initialize');
    bridge.closeStdin();
    expect((await bridge.exitWithin(4000)).code).toBe(0);
    expect(remote.of('notifications/cancelled')).toEqual([]);
  });

  test('at once, without a word: exit 0, nothing is sent', async () => {
    const remote = await startFakeRemote();
    const bridge = startBridge(remote.url);
    bridge.closeStdin();
    expect((await bridge.exitWithin(3000)).code).toBe(0);
    expect(remote.requests).toEqual([]);
  });

  test('without a session there is no DELETE [L-46]', async () => {
    const remote = await startFakeRemote();
    const bridge = startBridge(remote.url);
    await bridge.initialize();
    bridge.closeStdin();
    expect((await bridge.exitWithin(3000)).code).toBe(0);
    expect(remote.of('DELETE')).toEqual([]);
  });

  test.each([
    ['never answered', (remote: FakeRemote) => remote.on('DELETE', (exchange) => exchange.hang())],
    ['answered with 405', (remote: FakeRemote) => remote.on('DELETE', (exchange) => exchange.status(405))],
    ['reset', (remote: FakeRemote) => remote.on('DELETE', (exchange) => exchange.reset())],
  ])('a DELETE that is %s does not hold it up [L-55]', async (_, script) => {
    const { remote, bridge } = await connected();
    script(remote);
    bridge.closeStdin();
    const { code, ms } = await bridge.exitWithin(6000);
    expect(code).toBe(0);
    expect(ms).toBeLessThan(3500);
    expect(bridge.stderr).toBe('');
  });
});

describe.each([
  ['SIGTERM', 143],
  ['SIGINT', 130],
  ['SIGHUP', 129],
] as const)('%s', (signal, code) => {
  test(`ends the session and exits ${code} within 2 s [S2, T100]`, async () => {
    const { remote, bridge } = await connected();
    bridge.kill(signal);
    const exit = await bridge.exitWithin(5000);
    expect(exit.code).toBe(code);
    expect(exit.ms).toBeLessThan(2000);
    expectSessionEnded(remote);
    expect(bridge.stderr).toBe('');
  });

  test('with a call in flight: the call is answered, the session ended', async () => {
    const { remote, bridge } = await connected();
    remote.on('tools/call', (exchange) => exchange.hang());
    const call = bridge.callTool('echo');
    await remote.next('tools/call');
    bridge.kill(signal);
    const exit = await bridge.exitWithin(6000);
    expect(exit.code).toBe(code);
    expect(exit.ms).toBeLessThan(4000);
    expectBridgeError(await call, 'shutting-down');
    expectSessionEnded(remote);
  });
});

test('SIGTERM in the same moment as the end of stdin: one clean end', async () => {
  const { remote, bridge } = await connected();
  bridge.closeStdin();
  bridge.kill('SIGTERM');
  expect([0, 143]).toContain((await bridge.exitWithin(4000)).code);
  expectSessionEnded(remote);
});

test('stdout closed by the client: ends within 2 s of the next message, and the session with it [T99, 80]', async () => {
  const { remote, bridge } = await connected();
  bridge.child.stdout.destroy();
  bridge.send({ jsonrpc: '2.0', id: 50, method: 'tools/list' });
  bridge.send({ jsonrpc: '2.0', id: 51, method: 'tools/list' });
  const { code, signal } = await bridge.exitWithin(4000);
  expect(signal).toBeNull();
  expect(code).not.toBeNull();
  expectSessionEnded(remote);
  expect(bridge.stderr).not.toMatch(/at .*:\d+:\d+/);
});
