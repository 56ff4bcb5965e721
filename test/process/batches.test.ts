import { describe, expect, test } from 'vitest';
import { type BridgeProcess, startBridge } from '../support/bridge-process.ts';
import { resultOf } from '../support/fake-answers.ts';
import { type FakeRemote, startFakeRemote } from '../support/fake-remote.ts';
import type { Message } from '../support/json-rpc.ts';
import { until } from '../support/wait.ts';

async function connected(protocolVersion: string): Promise<{ remote: FakeRemote; bridge: BridgeProcess }> {
  const remote = await startFakeRemote();
  const bridge = startBridge(remote.url);
  await bridge.initialize({ protocolVersion });
  await remote.next('GET');
  return { remote, bridge };
}

const request = (id: unknown, method: string, params = {}) => ({ jsonrpc: '2.0', id, method, params });

const arrays = (bridge: BridgeProcess) =>
  bridge.stdout.lines.filter((line) => line.startsWith('[')).map((line) => JSON.parse(line) as Message[]);

describe('a batch of the client in a session of 2025-03-26 [T95, L-61, L-63, I3]', () => {
  test('its answers come as one array, notifications get none', async () => {
    const { remote, bridge } = await connected('2025-03-26');
    bridge.send([
      request('a', 'tools/list'),
      { jsonrpc: '2.0', method: 'notifications/roots/list_changed' },
      request('b', 'tools/call', { name: 'echo', arguments: { n: 1 } }),
    ]);
    const [answers] = await until('an array', () => arrays(bridge).length > 0 && arrays(bridge));
    expect(answers?.map(({ id }) => id).toSorted()).toEqual(['a', 'b']);
    await remote.next('notifications/roots/list_changed');
    expect(arrays(bridge)).toHaveLength(1);
    expect(bridge.messages).toHaveLength(3);
  });

  test('of notifications only gets no answer', async () => {
    const { remote, bridge } = await connected('2025-03-26');
    bridge.send([{ jsonrpc: '2.0', method: 'notifications/roots/list_changed' }]);
    await remote.next('notifications/roots/list_changed');
    await bridge.request('tools/list');
    expect(bridge.messages).toHaveLength(2);
  });

  test('with a broken element: that one is answered -32600, the others run', async () => {
    const { bridge } = await connected('2025-03-26');
    bridge.send([request('a', 'tools/list'), 1, request('b', 'tools/list')]);
    const [answers] = await until('an array', () => arrays(bridge).length > 0 && arrays(bridge));
    expect(answers).toHaveLength(3);
    expect(answers?.find(({ id }) => id === null)?.error?.code).toBe(-32600);
    expect(answers?.find(({ id }) => id === 'a')).toHaveProperty('result');
  });

  test('with the same id twice: one answer and one refusal', async () => {
    const { bridge } = await connected('2025-03-26');
    bridge.send([request('a', 'tools/list'), request('a', 'tools/list')]);
    const [answers] = await until('an array', () => arrays(bridge).length > 0 && arrays(bridge));
    expect(answers).toHaveLength(2);
    expect(answers?.filter(({ error }) => error?.code === -32600)).toHaveLength(1);
  });

  test('that holds initialize is refused [L-62]', async () => {
    const { remote, bridge } = await connected('2025-03-26');
    bridge.send([request('a', 'initialize', { protocolVersion: '2025-03-26' })]);
    expect((await bridge.nextMessage(({ error }) => error !== undefined)).error?.code).toBe(-32600);
    expect(remote.of('initialize')).toHaveLength(1);
  });

  test('that is empty is answered -32600, as one object', async () => {
    const { bridge } = await connected('2025-03-26');
    expect(await bridge.ask('[]', null)).toMatchObject({ error: { code: -32600 } });
    expect(arrays(bridge)).toEqual([]);
  });
});

describe.each(['2024-11-05', '2025-06-18', '2025-11-25'])('a batch in a session of %s [L-64]', (version) => {
  test('is answered -32600 and not forwarded, and the next request works', async () => {
    const { remote, bridge } = await connected(version);
    bridge.send([request('a', 'tools/list'), request('b', 'tools/list')]);
    expect((await bridge.answer(null)).error?.code).toBe(-32600);
    expect(await bridge.request('tools/list')).toHaveProperty('result');
    expect(remote.of('tools/list')).toHaveLength(1);
  });
});

test('a batch before initialize is answered -32600', async () => {
  const remote = await startFakeRemote();
  const bridge = startBridge(remote.url);
  bridge.send([request('a', 'tools/list')]);
  expect((await bridge.answer(null)).error?.code).toBe(-32600);
  expect(remote.requests).toEqual([]);
});

describe('batches of the server in a session of 2025-03-26 [L-61, L-65]', () => {
  test('an array as JSON body', async () => {
    const { remote, bridge } = await connected('2025-03-26');
    const notice = { jsonrpc: '2.0', method: 'notifications/message', params: { data: 'with it' } };
    remote.on('tools/call', (exchange) => exchange.json(200, [notice, resultOf(exchange.id, { ok: 1 })]));
    expect((await bridge.callTool('echo')).result).toEqual({ ok: 1 });
    await bridge.nextMessage(({ params }) => params?.data === 'with it');
  });

  test('an array in the data of an event', async () => {
    const { remote, bridge } = await connected('2025-03-26');
    const notice = { jsonrpc: '2.0', method: 'notifications/message', params: { data: 'with it' } };
    remote.on('tools/call', (exchange) =>
      exchange
        .sse()
        .send([notice, resultOf(exchange.id, { ok: 1 })])
        .end(),
    );
    expect((await bridge.callTool('echo')).result).toEqual({ ok: 1 });
    await bridge.nextMessage(({ params }) => params?.data === 'with it');
  });
});
