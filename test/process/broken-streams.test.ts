import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { expectBridgeError } from '../support/bridge-error.ts';
import { type BridgeProcess, startBridge } from '../support/bridge-process.ts';
import { resultOf, sseEvent, textResult } from '../support/fake-answers.ts';
import type { EventStream, Exchange } from '../support/fake-exchange.ts';
import { type FakeRemote, startFakeRemote } from '../support/fake-remote.ts';

async function connected(args: string[] = []): Promise<{ remote: FakeRemote; bridge: BridgeProcess }> {
  const remote = await startFakeRemote({ session: true });
  const bridge = startBridge(remote.url, { args });
  await bridge.initialize();
  await remote.next('GET');
  return { remote, bridge };
}

const progress = {
  jsonrpc: '2.0',
  method: 'notifications/progress',
  params: { progressToken: 1, progress: 1 },
};

describe('a call whose stream breaks before its answer, without event ids [T1, T2, T79, L-42]', () => {
  test.each<[string, (exchange: Exchange) => void]>([
    ['cut after one event', (x) => x.sse().send(progress).drop()],
    ['cut before any event', (x) => x.sse().drop()],
    ['reset after one event', (x) => x.sse().send(progress).reset()],
    ['ended cleanly after one event', (x) => x.sse().send(progress).end()],
    ['ended cleanly with nothing', (x) => x.sse().end()],
    [
      'ended in the middle of its answer',
      (x) =>
        x
          .sse()
          .raw(sseEvent(resultOf(x.id, {})).slice(0, 20))
          .end(),
    ],
  ])('%s: an error at once, and the call is not sent again', async (_, treat) => {
    const { remote, bridge } = await connected();
    remote.on('tools/call', treat);
    expectBridgeError(await bridge.callTool('echo', {}, 5000), 'stream-lost');
    expect(remote.of('tools/call')).toHaveLength(1);
    expect(await bridge.request('tools/list')).toHaveProperty('result');
  });
});

describe('a connection that breaks in other places [T79, 87]', () => {
  test.each<[string, (exchange: Exchange) => void]>([
    ['reset before any answer', (x) => x.reset()],
    ['closed before any answer', (x) => x.drop()],
    [
      'closed in the middle of the headers',
      (x) => void x.drip(['HTTP/1.1 200 OK\r\nContent-Ty'], 10).then(() => x.drop()),
    ],
    ['no HTTP at all', (x) => void x.drip(['SSH-2.0-OpenSSH\r\n'], 10).then(() => x.drop())],
    [
      'reset in the middle of JSON',
      (x) => {
        x.response.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': 1000 });
        x.response.write('{"jsonrpc":"2.0","id":', () => x.reset());
      },
    ],
    [
      'ended before its Content-Length',
      (x) => {
        x.response.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': 1000 });
        x.response.write(JSON.stringify(resultOf(x.id, {})), () => x.drop());
      },
    ],
  ])('%s: one error, the call is not sent again', async (_, treat) => {
    const { remote, bridge } = await connected();
    remote.on('tools/call', treat);
    expectBridgeError(
      await bridge.callTool('echo', {}, 10_000),
      'unreachable',
      'stream-lost',
      'invalid-answer',
    );
    expect(remote.of('tools/call')).toHaveLength(1);
    expect(await bridge.request('tools/list')).toHaveProperty('result');
  });

  test('a kept-alive connection that the remote closed while idle costs no call', async () => {
    const { remote, bridge } = await connected();
    for (let round = 0; round < 3; round++) {
      remote.cutConnections();
      await delay(100);
      expect(await bridge.callTool('echo', { round })).toHaveProperty('result');
    }
  });
});

describe('a remote that takes its time [T80, T81, 107, L-23]', () => {
  test.each<[string, (exchange: Exchange) => void]>([
    ['never answers', (x) => x.hang()],
    [
      'stalls in the middle of JSON',
      (x) => void x.response.writeHead(200, { 'Content-Type': 'application/json' }).write('{"jsonrpc"'),
    ],
    ['opens a stream and is silent', (x) => void x.sse()],
    [
      'sends one byte of its headers a second',
      (x) => void x.drip('HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n', 1000),
    ],
  ])('%s: --request-timeout ends it, and the remote is told', async (_, treat) => {
    const { remote, bridge } = await connected(['--request-timeout', '2']);
    remote.on('tools/call', treat);
    const start = performance.now();
    expectBridgeError(await bridge.callTool('echo'), 'timeout');
    expect(performance.now() - start).toBeGreaterThan(1500);
    expect(performance.now() - start).toBeLessThan(5000);
    const cancelled = await remote.next('notifications/cancelled');
    expect(cancelled.message?.params.requestId).toBe(remote.of('tools/call')[0]?.message?.id);
    expect(await bridge.request('tools/list')).toHaveProperty('result');
  });

  test('an answer that comes after the deadline is dropped', async () => {
    const { remote, bridge } = await connected(['--request-timeout', '1']);
    let stream: EventStream | undefined;
    remote.on('tools/call', (exchange) => {
      stream = exchange.sse();
    });
    expectBridgeError(await bridge.callTool('echo'), 'timeout');
    stream?.send(resultOf(remote.of('tools/call')[0]?.message?.id, textResult('too late'))).end();
    expect(await bridge.request('tools/list')).toHaveProperty('result');
    expect(JSON.stringify(bridge.messages)).not.toContain('too late');
  });

  test('a connection that is not accepted: --connect-timeout ends it', async () => {
    // 192.0.2.0/24 is set aside for documentation: packets to it get no answer, or an error at once.
    const bridge = startBridge('https://192.0.2.1/mcp', { args: ['--connect-timeout', '1'] });
    const answer = await bridge.request('initialize', { protocolVersion: '2025-11-25' }, 40_000);
    expectBridgeError(answer, 'unreachable');
  });
});

describe('a cancelled call', () => {
  test('is not answered, and its late answer is dropped [B-89, L-60]', async () => {
    const { remote, bridge } = await connected();
    let stream: EventStream | undefined;
    remote.on('tools/call', (exchange) => {
      stream = exchange.sse();
    });
    bridge.send({ jsonrpc: '2.0', id: 'c', method: 'tools/call', params: { name: 'echo' } });
    await remote.next('tools/call');
    bridge.notify('notifications/cancelled', { requestId: 'c', reason: 'enough' });
    const cancelled = await remote.next('notifications/cancelled');
    expect(cancelled.message?.params.requestId).toBe('c');
    stream?.send(resultOf('c', textResult('too late'))).end();
    expect(await bridge.request('tools/list')).toHaveProperty('result');
    expect(bridge.messages.filter(({ id }) => id === 'c').length).toBeLessThanOrEqual(1);
  });
});
