import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import type { BridgeProcess } from '../support/bridge-process.ts';
import {
  able,
  ask,
  callEcho,
  expectAlive,
  legacyClient,
  legacyRemote,
  modernClient,
  modernRemote,
} from '../support/era-hostile.ts';
import { textResult } from '../support/fake-answers.ts';
import type { EventStream, Exchange } from '../support/fake-exchange.ts';
import { discoverResult } from '../support/fake-modern.ts';
import type { FakeRemote } from '../support/fake-remote.ts';
import type { Message } from '../support/json-rpc.ts';
import { modernParams } from '../support/modern-params.ts';
import { until } from '../support/wait.ts';

/** Servers and clients that misuse subscriptions (checklist 2.7, B-34, B-35, B-67, B-82). */

const ACKNOWLEDGED = 'notifications/subscriptions/acknowledged';
const CHANGED = 'notifications/tools/list_changed';
const SUBSCRIPTION = 'io.modelcontextprotocol/subscriptionId';
const everything = { tools: { listChanged: true }, resources: { subscribe: true, listChanged: true } };

/** A remote that offers all, and takes a subscription so. */
async function listenedRemote(
  listen: (stream: EventStream, exchange: Exchange) => void,
): Promise<FakeRemote> {
  const remote = await modernRemote((exchange) =>
    exchange.result({ resultType: 'complete', ...textResult('done') }),
  );
  return remote
    .on('server/discover', (exchange) => exchange.result({ ...discoverResult(), capabilities: everything }))
    .on('subscriptions/listen', (exchange) => listen(exchange.sse(), exchange));
}

function notification({ id }: Exchange, method: string, params: object = {}): object {
  return { jsonrpc: '2.0', method, params: { ...params, _meta: { [SUBSCRIPTION]: id } } };
}

function acknowledge(exchange: Exchange, more: object = {}): object {
  const { notifications } = exchange.request.message?.params ?? {};
  return notification(exchange, ACKNOWLEDGED, { notifications: { ...notifications, ...more } });
}

function listen(
  bridge: BridgeProcess,
  id: string | number,
  filter: object = { toolsListChanged: true },
): void {
  const params = modernParams({ notifications: filter }, able);
  bridge.send({ jsonrpc: '2.0', id, method: 'subscriptions/listen', params });
}

function named(messages: Message[], method: string): Message[] {
  return messages.filter((message) => message.method === method);
}

/** What the bridge tells of one subscription. */
function of(id: unknown, messages: Message[]): Message[] {
  return messages.filter(({ params }) => params?._meta?.[SUBSCRIPTION] === id);
}

describe('an acknowledgement', () => {
  test('that never comes holds nobody up [B-34]', async () => {
    const remote = await listenedRemote((stream, exchange) => {
      stream.send(notification(exchange, CHANGED));
    });
    const [legacy, modern] = [await legacyClient(remote), modernClient(remote)];
    listen(modern, 'mine');
    const before = performance.now();
    await Promise.all([legacy.callTool('echo'), callEcho(modern)]);
    expect(performance.now() - before).toBeLessThan(3_000);
    expect(named([...legacy.messages, ...modern.messages], CHANGED), 'nothing before it [M-65]').toEqual([]);
  });

  test('given twice, and for more than was asked, is given once, and nobody hears of what is not theirs [M-67] [M-72]', async () => {
    const more = { promptsListChanged: true, resourceSubscriptions: ['a:b', 'other:secret'], x: [1] };
    const streams: EventStream[] = [];
    const remote = await listenedRemote((stream, exchange) => {
      streams.push(stream.send(acknowledge(exchange, more)).send(acknowledge(exchange, more)));
    });
    const [legacy, modern] = [await legacyClient(remote), modernClient(remote)];
    listen(modern, 7, { toolsListChanged: true, resourceSubscriptions: ['a:b'] });
    await modern.nextMessage(({ method }) => method === ACKNOWLEDGED);
    await remote.next('subscriptions/listen', 2);
    expect(await legacy.request('resources/subscribe', { uri: 'a:b' })).toHaveProperty('result');
    for (const stream of streams) stream.drop();
    await modern.nextMessage(({ method }) => method === 'notifications/resources/updated');
    await legacy.nextMessage(({ method }) => method === 'notifications/resources/updated');
    await delay(100);
    const all = [...legacy.messages, ...modern.messages];
    expect(named(all, ACKNOWLEDGED)).toHaveLength(1);
    const uris = named(all, 'notifications/resources/updated').map(({ params }) => params.uri);
    expect(new Set(uris)).toEqual(new Set(['a:b']));
    expect(of(7, modern.messages).length, 'all under the id of the client [M-66] [B-82]').toBe(
      modern.messages.length,
    );
  });
});

describe('a server that ends every subscription at once', () => {
  const ends: [string, (stream: EventStream, exchange: Exchange) => void][] = [
    ['before it agrees', (stream) => stream.end()],
    ['when it has agreed', (stream, exchange) => stream.send(acknowledge(exchange)).end()],
    ['by a reset', (stream, exchange) => stream.send(acknowledge(exchange)).reset()],
    [
      'by a result',
      (stream, exchange) =>
        stream
          .send(acknowledge(exchange))
          .send({ jsonrpc: '2.0', id: exchange.id, result: { resultType: 'complete' } })
          .end(),
    ],
    [
      'by a cancellation',
      (stream, exchange) =>
        stream.send(acknowledge(exchange)).send({
          jsonrpc: '2.0',
          method: 'notifications/cancelled',
          params: { requestId: exchange.id, _meta: { [SUBSCRIPTION]: exchange.id } },
        }),
    ],
  ];

  test('is asked ever more rarely, however it does that [M-71] [Q-02]', async () => {
    await Promise.all(
      ends.map(async ([how, end]) => {
        const remote = await listenedRemote(end);
        const [legacy, modern] = [await legacyClient(remote), modernClient(remote)];
        listen(modern, 1);
        await remote.next('subscriptions/listen', 2);
        await delay(2_500);
        expect(remote.of('subscriptions/listen').length, how).toBeLessThan(30);
        expect(remote.connections, how).toBeLessThan(40);
        const isEnd = ({ id, method }: Message) => id === 1 || method === 'notifications/cancelled';
        const ends = modern.messages.filter(isEnd);
        expect(ends.length, 'a result or a cancellation, never both').toBeLessThanOrEqual(1);
        await Promise.all([expectAlive(legacy, false), expectAlive(modern, true)]);
      }),
    );
  });
});

test('a flood on a subscription is passed on in its order, and the bridge goes on [M-68]', async () => {
  const count = 30_000;
  const remote = await listenedRemote(async (stream, exchange) => {
    stream.send(acknowledge(exchange));
    const padding = 'x'.repeat(500);
    for (let index = 0; index < count; index++) {
      const message = notification(exchange, CHANGED, { index, padding });
      if (!(await stream.flood(`data: ${JSON.stringify(message)}\n\n`))) return;
    }
  });
  const bridge = modernClient(remote);
  listen(bridge, 'flood');
  await callEcho(bridge);
  await bridge.nextMessage(({ params }) => params?.index === count - 1, 9_000);
  const indexes = named(bridge.messages, CHANGED).map(({ params }) => params.index);
  expect(indexes).toEqual(Array.from({ length: count }, (_, index) => index));
});

test("a message under another id than its subscription's comes under the right one [M-66]", async () => {
  const remote = await listenedRemote((stream, exchange) => {
    stream.send(acknowledge(exchange));
    for (const id of ['other', 5, null, { a: 1 }])
      stream.send({ jsonrpc: '2.0', method: CHANGED, params: { _meta: { [SUBSCRIPTION]: id } } });
    for (const params of [undefined, [1], {}]) stream.send({ jsonrpc: '2.0', method: CHANGED, params });
    stream.send({ jsonrpc: '2.0', id: 3, method: 'elicitation/create', params: {} });
    stream.send({
      jsonrpc: '2.0',
      method: 'notifications/progress',
      params: { progressToken: 1, progress: 1 },
    });
    stream.send(notification(exchange, 'notifications/last'));
  });
  const bridge = modernClient(remote);
  listen(bridge, '1');
  listen(bridge, 1);
  for (const id of ['1', 1])
    await bridge.nextMessage(
      ({ method, params }) => method === 'notifications/last' && params._meta[SUBSCRIPTION] === id,
    );
  for (const id of ['1', 1]) {
    const changes = named(of(id, bridge.messages), CHANGED);
    expect(changes.length).toBeGreaterThanOrEqual(6);
  }
  const methods = new Set(bridge.messages.map(({ method }) => method));
  expect(methods).toEqual(new Set([ACKNOWLEDGED, CHANGED, 'notifications/last']));
});

describe('200 subscriptions of one client', () => {
  function open(bridge: BridgeProcess): void {
    for (let id = 100; id < 300; id++) listen(bridge, id);
  }
  function taken(bridge: BridgeProcess): number {
    const answered = bridge.messages.filter(({ id, error }) => error !== undefined && Number(id) >= 100);
    return named(bridge.messages, ACKNOWLEDGED).length + answered.length;
  }
  function cancel(bridge: BridgeProcess): void {
    for (let requestId = 100; requestId < 300; requestId++)
      bridge.notify('notifications/cancelled', { requestId });
  }

  test('each have a stream of a modern server, closed when they end [M-43] [M-73]', async () => {
    const streams: EventStream[] = [];
    const remote = await listenedRemote((stream, exchange) => {
      streams.push(stream.send(acknowledge(exchange)));
    });
    const bridge = modernClient(remote);
    await ask(bridge, 'server/discover');
    open(bridge);
    await until('acknowledgements', () => taken(bridge) === 200);
    await callEcho(bridge);
    expect(remote.connections).toBeLessThan(210);
    for (let id = 300; id < 700; id++) listen(bridge, id);
    await until('the answers to those that are too many', () => taken(bridge) === 600);
    expect(streams, 'as many as there is room for').toHaveLength(512);
    for (let requestId = 300; requestId < 700; requestId++)
      bridge.notify('notifications/cancelled', { requestId });
    cancel(bridge);
    await until('the ends of all streams', () => streams.every(({ closed }) => closed));
    const answers = bridge.messages.filter(({ id }) => Number(id) >= 100);
    expect(answers.map(({ error }) => error?.data.reason)).toEqual(Array(88).fill('overloaded'));
  });

  test('share the one stream of a legacy server, as far as there is room [B-67]', async () => {
    const streams: EventStream[] = [];
    const remote = await legacyRemote((exchange) => exchange.result(textResult('done')));
    remote.on('GET', (exchange) => {
      streams.push(exchange.sse());
    });
    const bridge = modernClient(remote);
    await ask(bridge, 'server/discover');
    open(bridge);
    await until('answers', () => taken(bridge) === 200);
    expect(remote.connections).toBeLessThan(10);
    streams.at(-1)?.send({ jsonrpc: '2.0', method: CHANGED });
    const open64 = named(bridge.messages, ACKNOWLEDGED).length;
    await until('a copy for each', () => named(bridge.messages, CHANGED).length === open64);
    cancel(bridge);
    await callEcho(bridge);
    streams.at(-1)?.send({ jsonrpc: '2.0', method: CHANGED });
    await callEcho(bridge);
    expect(named(bridge.messages, CHANGED).length, 'nothing more for what was cancelled').toBe(open64);
  });
});

describe('a subscription to 3,000 resources of a legacy server', () => {
  test('asks for as many as may be, and not for all at once [B-67]', async () => {
    let open = 0;
    let most = 0;
    const remote = await legacyRemote(() => {}, { capabilities: { resources: { subscribe: true } } });
    const hold = async (exchange: Exchange) => {
      most = Math.max(most, ++open);
      await delay(2);
      open--;
      exchange.result({});
    };
    remote.on('resources/subscribe', hold).on('resources/unsubscribe', hold);
    const bridge = modernClient(remote);
    const resourceSubscriptions = Array.from({ length: 3_000 }, (_, index) => `a:${index}`);
    listen(bridge, 'all', { resourceSubscriptions });
    const acknowledged = await bridge.nextMessage(({ method }) => method === ACKNOWLEDGED);
    expect(acknowledged.params.notifications.resourceSubscriptions).toHaveLength(1024);
    bridge.notify('notifications/cancelled', { requestId: 'all' });
    await until('the end of all', () => remote.of('resources/unsubscribe').length === 1024);
    expect(most).toBeLessThan(64);
    expect(remote.connections).toBeLessThan(80);
  });

  test('with a session that is lost again and again opens new ones ever more rarely [B-71]', async () => {
    const remote = await legacyRemote((exchange) => exchange.result(textResult('done')));
    const seen = new Set<unknown>();
    remote.on('GET', (exchange) => {
      const id = exchange.request.headers['mcp-session-id'];
      if (seen.has(id)) return exchange.status(404);
      seen.add(id);
      exchange.sse().raw(': here\n\n').end();
    });
    const bridge = modernClient(remote);
    listen(bridge, 'all', { toolsListChanged: true });
    await bridge.nextMessage(({ method }) => method === ACKNOWLEDGED);
    await delay(2_500);
    expect(remote.of('initialize').length).toBeLessThan(15);
    expect(remote.of('initialize').length).toBeGreaterThan(1);
    await callEcho(bridge);
  });
});
