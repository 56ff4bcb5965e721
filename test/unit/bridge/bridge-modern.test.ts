import { describe, expect, test, vi } from 'vitest';
import { resultOf } from '../../support/fake-answers.ts';
import type { Exchange } from '../../support/fake-exchange.ts';
import { startFakeRemote } from '../../support/fake-remote.ts';
import { until } from '../../support/wait.ts';
import { type HarnessOptions, startBridge } from '../helpers/bridge-harness.ts';
import { modernMeta } from '../helpers/modern-stage.ts';
import { discovered } from '../helpers/scripted-modern.ts';
import { transportOptions } from '../helpers/scripted-sink.ts';

/** A bridge between a modern client and a modern server, which the test plays, over HTTP. */
async function startModern(options: HarnessOptions = {}) {
  const server = await startFakeRemote();
  server.on('server/discover', (exchange) => exchange.result({ resultType: 'complete', ...discovered }));
  const { client } = await transportOptions(server);
  const bridge = startBridge({ client, ...options });
  return Object.assign(bridge, {
    server,
    ask: (id: string | number, method: string, params: object = {}, _meta: object = modernMeta) =>
      bridge.client({ jsonrpc: '2.0', id, method, params: { ...params, _meta } }),
    heard: (count: number) =>
      until(`${count} messages`, () => bridge.lines.length >= count && bridge.messages),
    cancel: (requestId: unknown) =>
      bridge.client({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId } }),
  });
}

const hang = (exchange: Exchange) => void exchange.sse();

describe('a modern client', () => {
  test('needs no handshake, and each of its requests stands for itself [B-01, M-01]', async () => {
    const bridge = await startModern();
    await bridge.ask(1, 'server/discover');
    await bridge.ask('1', 'tools/list');
    const messages = await bridge.heard(2);
    expect(messages.find(({ id }) => id === 1).result.supportedVersions).toEqual(['2026-07-28']);
    expect(messages.find(({ id }) => id === '1').result.tools).toHaveLength(1);
    expect(bridge.remote.sent).toEqual([]);
  });

  test('may begin the legacy way after that, on the same pipe, and be both [B-01, B-02, B-08]', async () => {
    const bridge = await startModern();
    await bridge.ask(1, 'server/discover');
    await bridge.heard(1);
    await bridge.request(2, 'tools/list');
    expect(bridge.messages.at(-1)).toMatchObject({ id: 2, error: { code: -32602 } });
    bridge.server.on('initialize', (exchange) =>
      exchange.json(400, {
        jsonrpc: '2.0',
        id: exchange.id,
        error: { code: -32022, message: 'no', data: {} },
      }),
    );
    await bridge.handshake();
    await bridge.ask(3, 'tools/list');
    await until('the answer', () => bridge.messages.some(({ id, result }) => id === 3 && result));
    expect(bridge.server.of('tools/list')).toHaveLength(1);
  });

  test.each([
    [{ ...modernMeta, 'io.modelcontextprotocol/protocolVersion': '2099-01-01' }, -32022],
    [{ 'io.modelcontextprotocol/protocolVersion': '2026-07-28' }, -32602],
  ])('that says too little, or what nobody knows, is told so [M-05, B-81]', async (meta, code) => {
    const bridge = await startModern();
    await bridge.ask(1, 'tools/list', {}, meta);
    expect((await bridge.heard(1))[0].error.code).toBe(code);
    expect(bridge.server.requests).toEqual([]);
  });

  test('cancels by a notification, which closes the stream and goes no further [M-42, M-43, M-44]', async () => {
    const bridge = await startModern();
    await bridge.ask(0, 'server/discover');
    await bridge.heard(1);
    let closed = false;
    bridge.server.on('tools/call', (exchange) => {
      exchange.response.on('close', () => {
        closed = true;
      });
      exchange.sse();
    });
    await bridge.ask('c', 'tools/call', { name: 'echo' });
    await bridge.server.next('tools/call');
    await bridge.cancel('c');
    await until('the end of the stream', () => closed);
    for (const id of ['c', 'never', null, {}, 0]) await bridge.cancel(id);
    expect(bridge.lines).toHaveLength(1);
    expect(bridge.server.of('notifications/cancelled')).toEqual([]);
    expect(bridge.remote.sent).toEqual([]);
    // Its id is free again.
    bridge.server.on('tools/call', (exchange) => exchange.result({ resultType: 'complete', content: [] }));
    await bridge.ask('c', 'tools/call', { name: 'echo' });
    expect((await bridge.heard(2))[1]).toEqual(resultOf('c', { resultType: 'complete', content: [] }));
  });

  test('a request that takes too long is told so, and its stream is closed [L-23, M-43]', async () => {
    const bridge = await startModern({ requestTimeout: 300 });
    bridge.server.on('tools/call', hang);
    await bridge.ask(1, 'tools/call', { name: 'echo' });
    expect((await bridge.heard(1))[0].error.data.reason).toBe('timeout');
    expect(bridge.server.of('notifications/cancelled')).toEqual([]);
  });

  test('finds tools that are switched off neither in a list nor by a call', async () => {
    const bridge = await startModern({ tools: { allow: [], ignore: ['echo'] } });
    await bridge.ask(1, 'tools/call', { name: 'echo' });
    await bridge.ask(2, 'tools/list');
    const messages = await bridge.heard(2);
    expect(messages[0]).toMatchObject({ id: 1, error: { data: { reason: 'tool-filtered' } } });
    expect(messages[1].result).toMatchObject({ tools: [] });
    expect(bridge.server.of('tools/call')).toEqual([]);
  });

  test('the last requests are answered when it closes; a subscription ends without a word [B-89, M-88]', async () => {
    const bridge = await startModern();
    await bridge.ask(0, 'server/discover');
    await bridge.heard(1);
    bridge.server.on('tools/call', hang).on('subscriptions/listen', hang);
    await bridge.ask('l', 'subscriptions/listen', { notifications: { toolsListChanged: true } });
    await bridge.ask('c', 'tools/call', { name: 'echo' });
    await bridge.server.next('tools/call');
    await bridge.bridge.close(100);
    expect(bridge.messages.slice(1)).toMatchObject([
      { id: 'c', error: { data: { reason: 'shutting-down' } } },
    ]);
  });

  test("hundreds of subscriptions take no request's place [M-73, S-40]", async () => {
    const bridge = await startModern({ requestTimeout: 20_000 });
    await bridge.ask(0, 'server/discover');
    await bridge.heard(1);
    bridge.server.on('subscriptions/listen', hang);
    for (let at = 1; at <= 300; at++)
      await bridge.ask(`l${at}`, 'subscriptions/listen', { notifications: {} });
    await bridge.ask('t', 'tools/list');
    await until('the list', () => bridge.messages.some(({ id, result }) => id === 't' && result));
    for (let at = 1; at <= 300; at++) await bridge.cancel(`l${at}`);
    await vi.waitFor(() => expect(bridge.lines).toHaveLength(2));
  });
});
