import { describe, expect, test } from 'vitest';
import { type BridgeProcess, startBridge } from '../support/bridge-process.ts';
import { resultOf } from '../support/fake-answers.ts';
import type { EventStream } from '../support/fake-exchange.ts';
import { type FakeRemote, startFakeRemote } from '../support/fake-remote.ts';
import { initializeParams } from '../support/json-rpc.ts';
import { memoryOf } from '../support/processes.ts';
import { until } from '../support/wait.ts';

async function connected(): Promise<{ remote: FakeRemote; bridge: BridgeProcess; stream: EventStream }> {
  const remote = await startFakeRemote();
  const streams: EventStream[] = [];
  remote.on('GET', (exchange) => void streams.push(exchange.sse()));
  const bridge = startBridge(remote.url);
  await bridge.initialize({ capabilities: { sampling: {}, roots: {} } });
  return { remote, bridge, stream: await until('the GET stream', () => streams[0]) };
}

describe('answers that nobody waits for [T104, 86]', () => {
  test('an unknown id, a second answer and a late one are dropped; each request has one answer', async () => {
    const { remote, bridge } = await connected();
    remote.on('tools/call', (exchange) => {
      const stream = exchange.sse();
      stream.send(resultOf('stranger', {}));
      stream.send(resultOf(exchange.id, { first: true }));
      stream.send(resultOf(exchange.id, { second: true }));
      stream.end();
    });
    expect((await bridge.callTool('echo')).result).toEqual({ first: true });
    await bridge.request('tools/list');
    expect(bridge.messages).toHaveLength(3);
  });

  test("an answer to another request in flight does not take that one's place twice", async () => {
    const { remote, bridge } = await connected();
    let finishOther = () => {};
    remote.on('x/slow', (exchange) => {
      finishOther = () => exchange.result({ own: true });
    });
    remote.on('x/cross', (exchange) => {
      exchange
        .sse()
        .send(resultOf('slow', { stolen: true }))
        .send(resultOf(exchange.id, {}))
        .end();
    });
    bridge.send({ jsonrpc: '2.0', id: 'slow', method: 'x/slow' });
    await remote.next('x/slow');
    await bridge.request('x/cross');
    finishOther();
    await bridge.answer('slow');
    await bridge.request('tools/list');
    expect(bridge.messages.filter(({ id }) => id === 'slow')).toHaveLength(1);
  });
});

describe('requests of the server', () => {
  test('two with the same id reach the client under different ones, and each gets its answer [B-18]', async () => {
    const { remote, bridge, stream } = await connected();
    stream.send({ jsonrpc: '2.0', id: 1, method: 'roots/list' });
    const first = await bridge.nextMessage(({ method }) => method === 'roots/list');
    remote.on('tools/call', (exchange) => {
      exchange.sse().send({ jsonrpc: '2.0', id: 1, method: 'sampling/createMessage', params: {} });
    });
    bridge.send({ jsonrpc: '2.0', id: 'c', method: 'tools/call', params: { name: 'echo' } });
    const second = await bridge.nextMessage(({ method }) => method === 'sampling/createMessage');
    expect(second.id).not.toEqual(first.id);
    bridge.send({ jsonrpc: '2.0', id: second.id, result: { second: true } });
    bridge.send({ jsonrpc: '2.0', id: first.id, result: { first: true } });
    await remote.next('response', 2);
    const answers = remote.of('response').map(({ message }) => message);
    expect(answers).toContainEqual(resultOf(1, { second: true }));
    expect(answers).toContainEqual(resultOf(1, { first: true }));
  });

  test.each([0, -1, '', 'text', '1'])('the id %j comes back with its type', async (id) => {
    const { remote, bridge, stream } = await connected();
    stream.send({ jsonrpc: '2.0', id, method: 'roots/list' });
    const asked = await bridge.nextMessage(({ method }) => method === 'roots/list');
    bridge.send({ jsonrpc: '2.0', id: asked.id, error: { code: -1, message: 'no' } });
    const { message } = await remote.next('response');
    expect(message).toEqual({ jsonrpc: '2.0', id, error: { code: -1, message: 'no' } });
  });

  test('a second answer of the client is not sent', async () => {
    const { remote, bridge, stream } = await connected();
    stream.send({ jsonrpc: '2.0', id: 'q', method: 'roots/list' });
    const asked = await bridge.nextMessage(({ method }) => method === 'roots/list');
    bridge.send({ jsonrpc: '2.0', id: asked.id, result: { n: 1 } });
    bridge.send({ jsonrpc: '2.0', id: asked.id, result: { n: 2 } });
    await remote.next('response');
    await bridge.request('tools/list');
    expect(remote.of('response')).toHaveLength(1);
  });

  test('one whose id has the form of the bridge own ids does no harm [T104]', async () => {
    const { remote, bridge, stream } = await connected();
    stream.send({ jsonrpc: '2.0', id: 'q', method: 'roots/list' });
    const asked = await bridge.nextMessage(({ method }) => method === 'roots/list');
    stream.send({ jsonrpc: '2.0', id: asked.id, method: 'x/forged' });
    const forged = await bridge.nextMessage(({ method }) => method === 'x/forged');
    bridge.send({ jsonrpc: '2.0', id: forged.id, result: { to: 'forged' } });
    expect((await remote.next('response')).message).toEqual(resultOf(asked.id, { to: 'forged' }));
  });

  test('100,000 that the client never answers: memory stays bounded, the bridge works [T108]', async () => {
    const { bridge, stream } = await connected();
    for (let i = 0; i < 100_000; i += 1000) {
      const events = Array.from(
        { length: 1000 },
        (_, n) => `data: {"jsonrpc":"2.0","id":${i + n},"method":"roots/list"}\n\n`,
      );
      if (!(await stream.flood(events.join('')))) break;
    }
    expect(await bridge.request('tools/list', {}, 20_000)).toHaveProperty('result');
    expect(memoryOf(bridge.pid)?.peak ?? 0).toBeLessThan(256);
  });

  test('on the stream of initialize, before its answer: nothing breaks [T108, L-05]', async () => {
    const remote = await startFakeRemote();
    remote.on('initialize', (exchange) => {
      const stream = exchange.sse();
      stream.send({ jsonrpc: '2.0', id: 's', method: 'ping' });
      stream.send({ jsonrpc: '2.0', method: 'notifications/message', params: { level: 'info', data: 'x' } });
      stream.send(
        resultOf(exchange.id, {
          protocolVersion: '2025-11-25',
          capabilities: {},
          serverInfo: { name: 'f', version: '1' },
        }),
      );
      stream.end();
    });
    const bridge = startBridge(remote.url);
    expect(await bridge.request('initialize', initializeParams())).toHaveProperty('result');
    bridge.notify('notifications/initialized');
    expect(await bridge.request('tools/list')).toHaveProperty('result');
  });
});
