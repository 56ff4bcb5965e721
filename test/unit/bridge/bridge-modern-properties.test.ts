import fc from 'fast-check';
import { expect, test } from 'vitest';
import { resultOf } from '../../support/fake-answers.ts';
import type { Exchange } from '../../support/fake-exchange.ts';
import { startFakeRemote } from '../../support/fake-remote.ts';
import { until } from '../../support/wait.ts';
import { startBridge } from '../helpers/bridge-harness.ts';
import { modernMeta } from '../helpers/modern-stage.ts';
import { transportOptions } from '../helpers/scripted-sink.ts';

const good = { resultType: 'complete', tools: [], content: [] };
const error = (code: number) => ({ jsonrpc: '2.0', error: { code, message: 'no' } });

/** What a server may do with a request; whether it may have run it. */
const behaviours: Record<string, { mayRun: boolean; act: (exchange: Exchange) => unknown }> = {
  json: { mayRun: true, act: (exchange) => exchange.result(good) },
  'sse, left open': { mayRun: true, act: (exchange) => exchange.sse().send(resultOf(exchange.id, good)) },
  'sse, ended early': { mayRun: true, act: (exchange) => exchange.sse().end() },
  'sse, cut': { mayRun: true, act: (exchange) => exchange.sse().raw('id: 1\ndata: {"jsonrpc"').drop() },
  'a cut connection': { mayRun: true, act: (exchange) => exchange.drop() },
  'a reset': { mayRun: true, act: (exchange) => exchange.reset() },
  202: { mayRun: true, act: (exchange) => exchange.status(202) },
  500: { mayRun: true, act: (exchange) => exchange.status(500) },
  html: { mayRun: true, act: (exchange) => exchange.body(200, '<html>') },
  'another id': { mayRun: true, act: (exchange) => exchange.json(200, resultOf('another', good)) },
  'no id': {
    mayRun: true,
    act: (exchange) => exchange.json(200, { jsonrpc: '2.0', id: null, result: good }),
  },
  'an error': { mayRun: true, act: (exchange) => exchange.error(-32603, 'no') },
  'a question': {
    mayRun: true,
    act: (exchange) => exchange.sse().send({ jsonrpc: '2.0', id: exchange.id, method: 'roots/list' }).end(),
  },
  404: { mayRun: false, act: (exchange) => exchange.status(404) },
  'wrong headers': { mayRun: false, act: (exchange) => exchange.json(400, error(-32020)) },
  'no capability': { mayRun: false, act: (exchange) => exchange.json(400, error(-32021)) },
  'no method': { mayRun: false, act: (exchange) => exchange.json(404, error(-32601)) },
  busy: { mayRun: false, act: (exchange) => exchange.status(503, { 'Retry-After': '0' }) },
};

test('each request gets exactly one answer, and a tool call runs once at most, whatever a server does [B-89, M-40]', async () => {
  const method = fc.constantFrom('tools/call', 'tools/list', 'resources/read', 'prompts/get', 'future/x');
  const behaviour = fc.constantFrom(...Object.keys(behaviours));
  const asked = fc.record({
    method,
    cancelled: fc.nat(5).map((one) => one === 0),
    acts: fc.array(behaviour, { minLength: 1, maxLength: 4 }),
  });
  await fc.assert(
    fc.asyncProperty(
      fc.array(asked, { minLength: 1, maxLength: 6 }),
      fc.boolean(),
      async (requests, isPinned) => {
        const server = await startFakeRemote();
        const left = requests.map(({ acts }) => [...acts]);
        const ran = new Map<number, number>();
        server.on('POST', (exchange) => {
          const { message } = exchange.request;
          // The bridge's own questions, to find out what the server is, and what its tools are.
          const at = message?.params?.number as number | undefined;
          const acts = at === undefined ? undefined : left[at];
          if (at === undefined || !acts) {
            if (message?.method !== 'server/discover') return exchange.result(good);
            return exchange.result({ ...good, supportedVersions: ['2026-07-28'], capabilities: {} });
          }
          const name = (acts.length > 1 ? acts.shift() : acts[0]) as string;
          const chosen = behaviours[name];
          if (chosen?.mayRun) ran.set(at, (ran.get(at) ?? 0) + 1);
          chosen?.act(exchange);
        });
        const { client } = await transportOptions(server);
        const bridge = startBridge({ client, era: isPinned ? 'modern' : 'auto' });
        const lines = requests.flatMap(({ method, cancelled }, number) => {
          const params = { name: 'x', uri: 'file:///x', number, _meta: modernMeta };
          const id = number % 2 === 0 ? number : `${number}`;
          const cancel = { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: id } };
          return [{ jsonrpc: '2.0', id, method, params }, ...(cancelled ? [cancel] : [])];
        });
        await bridge.client(...lines);
        const waited = requests.filter(({ cancelled }) => !cancelled).length;
        await until(
          'all answers',
          () => bridge.messages.filter(({ id }) => id !== undefined).length >= waited,
          8000,
        );
        await bridge.bridge.close(0);
        const ids = bridge.messages.map(({ id }) => id);
        expect(new Set(ids).size).toBe(ids.length);
        for (const message of bridge.messages) {
          expect(message.method).toBeUndefined();
          expect('result' in message).not.toBe('error' in message);
          expect([-32020]).not.toContain(message.error?.code);
        }
        expect(ids.toSorted()).toEqual(
          requests
            .flatMap(({ cancelled }, at) => (cancelled ? [] : [at % 2 === 0 ? at : `${at}`]))
            .toSorted(),
        );
        for (const [at, times] of ran) if (requests[at]?.method === 'tools/call') expect(times).toBe(1);
        await server.close();
      },
    ),
    { numRuns: 100 },
  );
}, 120_000);
