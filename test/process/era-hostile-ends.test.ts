import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import type { BridgeProcess } from '../support/bridge-process.ts';
import {
  able,
  ask,
  callEcho,
  form,
  legacyClient,
  legacyRemote,
  modernClient,
  modernRemote,
  taken,
} from '../support/era-hostile.ts';
import type { EventStream } from '../support/fake-exchange.ts';
import { discoverResult } from '../support/fake-modern.ts';
import type { FakeRemote } from '../support/fake-remote.ts';
import { initializeParams } from '../support/json-rpc.ts';
import { modernParams } from '../support/modern-params.ts';
import { until } from '../support/wait.ts';

/** Ends of the bridge at bad moments: it is gone soon, and the server knows (checklist B-51, B-62, B-63, M-43). */

const SOON = 2_500;

/** A legacy server that asks in its calls and is silent after that. */
async function askingRemote(): Promise<FakeRemote> {
  const remote = await legacyRemote((exchange) => {
    exchange
      .sse()
      .send({ jsonrpc: '2.0', id: `q${taken(remote).length}`, method: 'elicitation/create', params: form });
  });
  return remote.on('GET', (exchange) => void exchange.sse());
}

function listen(bridge: BridgeProcess, id: string): void {
  const params = modernParams({ notifications: { toolsListChanged: true } }, able);
  bridge.send({ jsonrpc: '2.0', id, method: 'subscriptions/listen', params });
}

const ends: [string, (bridge: BridgeProcess) => void][] = [
  ['SIGTERM', (bridge) => bridge.kill('SIGTERM')],
  ['the end of stdin', (bridge) => bridge.closeStdin()],
];

describe.each(ends)('%s', (_, end) => {
  test('with calls that wait for the client and open subscriptions, before a legacy server', async () => {
    const remote = await askingRemote();
    const bridge = modernClient(remote);
    for (let count = 0; count < 5; count++) await callEcho(bridge);
    for (let index = 0; index < 20; index++) listen(bridge, `listen-${index}`);
    await until(
      'acknowledgements',
      () => bridge.messages.filter(({ method }) => method !== undefined).length === 20,
    );
    end(bridge);
    const { code, ms } = await bridge.exitWithin(10_000);
    expect(ms).toBeLessThan(SOON);
    expect([0, 143], 'no crash').toContain(code);
    expect(remote.of('notifications/cancelled'), 'each call is cancelled [B-63]').toHaveLength(5);
    const replies = remote.of('response').map(({ message }) => message?.result);
    expect(replies).toEqual(Array.from({ length: 5 }, () => ({ action: 'cancel' })));
    expect(remote.of('DELETE')).toHaveLength(1);
    expect(taken(remote)).toHaveLength(5);
    expect(bridge.messages.filter(({ id }) => String(id).startsWith('listen-'))).toEqual([]);
  });

  test('with open subscriptions and calls, before a modern server', async () => {
    const streams: EventStream[] = [];
    const hold = (exchange: { sse(): EventStream }) => void streams.push(exchange.sse().raw(': on it\n\n'));
    const remote = await modernRemote(hold);
    remote.on('subscriptions/listen', hold);
    const bridge = modernClient(remote);
    await ask(bridge, 'server/discover');
    for (let index = 0; index < 50; index++) listen(bridge, `listen-${index}`);
    await until('streams', () => streams.length === 50);
    end(bridge);
    expect((await bridge.exitWithin(10_000)).ms).toBeLessThan(SOON);
    await until('the ends of all streams', () => streams.every(({ closed }) => closed));
  });

  test('with questions of a modern server before a legacy client [B-51]', async () => {
    const remote = await modernRemote((exchange) =>
      exchange.result({
        resultType: 'input_required',
        inputRequests: { a: { method: 'elicitation/create', params: form } },
      }),
    );
    remote.on('server/discover', (exchange) =>
      exchange.result({ ...discoverResult(), capabilities: { tools: { listChanged: true } } }),
    );
    remote.on('subscriptions/listen', (exchange) => void exchange.sse());
    const bridge = await legacyClient(remote);
    bridge.send({ jsonrpc: '2.0', id: 'call', method: 'tools/call', params: { name: 'echo' } });
    await bridge.nextMessage(({ method }) => method === 'elicitation/create');
    const before = performance.now();
    end(bridge);
    await bridge.exitWithin(10_000);
    expect(performance.now() - before).toBeLessThan(6_000);
    expect(remote.of('tools/call')).toHaveLength(1);
    expect(
      bridge.messages.filter(({ id, method }) => id === 'call' && method === undefined).length,
    ).toBeLessThanOrEqual(1);
  });
});

test('the end of stdin at each moment: what has an answer gets it, and nothing runs twice [B-89]', async () => {
  const legacy = await legacyRemote((exchange) => exchange.result({ content: [] }));
  const modern = await modernRemote((exchange) => exchange.result({ resultType: 'complete', content: [] }));
  const moments = [0, 5, 10, 20, 40, 60, 80, 100, 130, 160];
  for (const remote of [legacy, modern]) {
    await Promise.all(
      moments.map(async (ms) => {
        const bridge = modernClient(remote);
        bridge.stdout.expectOnce('modern');
        bridge.stdout.expectOnce('legacy');
        const call = { name: 'echo', arguments: {} };
        bridge.send({ jsonrpc: '2.0', id: 'modern', method: 'tools/call', params: modernParams(call) });
        bridge.send({ jsonrpc: '2.0', id: 'init', method: 'initialize', params: initializeParams() });
        bridge.send({ jsonrpc: '2.0', id: 'legacy', method: 'tools/call', params: call });
        listen(bridge, 'listen');
        await delay(ms);
        bridge.closeStdin();
        await bridge.exitWithin(9_000);
        for (const id of ['modern', 'init', 'legacy'])
          expect(
            bridge.messages.filter((message) => message.id === id),
            `${id} after ${ms} ms`,
          ).toHaveLength(1);
      }),
    );
  }
  expect(taken(legacy).length).toBeLessThanOrEqual(2 * moments.length);
  expect(modern.of('tools/call').length).toBeLessThanOrEqual(2 * moments.length);
});

test('after a restart a retry finds nothing to go on with, and nothing is run again [B-62] [M-88]', async () => {
  const remote = await askingRemote();
  const first = modernClient(remote);
  const { requestState } = (await callEcho(first)).result;
  first.kill('SIGKILL');
  await first.exitWithin(2_000);
  const second = modernClient(remote);
  const answer = await callEcho(second, {
    requestState,
    inputResponses: { 'request-1': { action: 'accept' } },
  });
  expect(answer.error?.code).toBe(-32602);
  expect(taken(remote)).toHaveLength(1);
});

test('a server that is gone when the client asks for an end holds nothing up', async () => {
  const remote = await askingRemote();
  const bridge = modernClient(remote);
  await callEcho(bridge);
  remote.on('POST', (exchange) => exchange.hang()).on('DELETE', (exchange) => exchange.hang());
  for (const what of ['response', 'notifications/cancelled']) remote.on(what, (exchange) => exchange.hang());
  bridge.kill('SIGTERM');
  expect((await bridge.exitWithin(10_000)).ms).toBeLessThan(SOON);
});
