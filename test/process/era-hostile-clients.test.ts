import { describe, expect, test } from 'vitest';
import type { BridgeProcess } from '../support/bridge-process.ts';
import {
  able,
  ask,
  callEcho,
  expectAlive,
  form,
  legacyRemote,
  modernClient,
  modernRemote,
  taken,
} from '../support/era-hostile.ts';
import { textResult } from '../support/fake-answers.ts';
import type { Exchange } from '../support/fake-exchange.ts';
import type { FakeRemote } from '../support/fake-remote.ts';
import { initializeParams, type Message } from '../support/json-rpc.ts';
import { modernParams } from '../support/modern-params.ts';
import { until } from '../support/wait.ts';

/** Clients that misbehave, or make use of all that they may. */

const VERSION = 'io.modelcontextprotocol/protocolVersion';
const CAPABILITIES = 'io.modelcontextprotocol/clientCapabilities';

/** A server that asks once in each call, and answers it with what it was answered. */
async function askingRemote(): Promise<FakeRemote> {
  const open = new Map<unknown, { exchange: Exchange; send: (result: object) => void }>();
  let count = 0;
  const remote = await legacyRemote((exchange) => {
    const id = `ask-${++count}`;
    const stream = exchange.sse();
    stream.send({ jsonrpc: '2.0', id, method: 'elicitation/create', params: form });
    stream.send({ jsonrpc: '2.0', id: `${id}b`, method: 'elicitation/create', params: form });
    const send = (result: object) => stream.send({ jsonrpc: '2.0', id: exchange.id, result }).end();
    open.set(`${id}b`, { exchange, send });
  });
  return remote.on('response', (exchange) => {
    exchange.status(202);
    const { id, result } = exchange.request.message ?? {};
    open.get(id)?.send(textResult(JSON.stringify(result)));
  });
}

function answersTo({ result }: Message): { requestState: string; inputResponses: Record<string, unknown> } {
  const keys = Object.keys(result.inputRequests);
  const answers = keys.map((key) => [key, { action: 'accept', content: { key } }]);
  return { requestState: result.requestState, inputResponses: Object.fromEntries(answers) };
}

describe('a retry', () => {
  test('under a state that is forged, used, foreign, or for another request runs nothing [B-61] [M-63]', async () => {
    const remote = await askingRemote();
    const [bridge, other] = [modernClient(remote), modernClient(remote, { secrets: [] })];
    const first = await callEcho(bridge);
    const good = answersTo(first);
    const foreign = answersTo(await callEcho(other));
    const state = good.requestState;
    const flipped = `${state.slice(0, -1)}${state.endsWith('A') ? 'B' : 'A'}`;
    const bad = [
      flipped,
      state.toLowerCase(),
      ` ${state}`,
      '',
      'x'.repeat(100_000),
      foreign.requestState,
      '__proto__',
    ];
    for (const requestState of [...bad, null, 5, {}, [state]])
      expect((await callEcho(bridge, { ...good, requestState })).error?.code, String(requestState)).toBe(
        -32602,
      );
    for (const changed of [{ name: 'other' }, { arguments: { a: 1 } }, { arguments: null }, { extra: 1 }])
      expect((await callEcho(bridge, { ...good, ...changed })).error?.code).toBe(-32602);
    expect((await ask(bridge, 'prompts/get', { name: 'echo', arguments: {}, ...good })).error?.code).toBe(
      -32602,
    );
    expect((await callEcho(bridge, { inputResponses: good.inputResponses })).error?.code).toBe(-32602);
    expect((await callEcho(bridge, good)).result.content[0].text).toContain('accept');
    expect((await callEcho(bridge, good)).error?.code, 'used').toBe(-32602);
    expect(taken(remote)).toHaveLength(2);
    expect(remote.of('response')).toHaveLength(2);
    expect(other.stdout.lines.join('')).not.toContain(state);
  });

  test('with answers that are missing, unknown or none is asked for the rest [B-64]', async () => {
    const remote = await askingRemote();
    const bridge = modernClient(remote);
    let answer = await callEcho(bridge);
    const [first, second] = Object.keys(answer.result.inputRequests) as [string, string];
    const accepted = { action: 'accept', content: {} };
    const rounds = [
      undefined,
      null,
      'x',
      [],
      { __proto__: accepted, unknown: accepted },
      { [first]: null, [second]: 'x' },
      { [first]: accepted, x: 1 },
    ];
    for (const inputResponses of rounds) {
      answer = await callEcho(bridge, { requestState: answer.result.requestState, inputResponses });
      expect(answer.result.resultType, JSON.stringify(inputResponses)).toBe('input_required');
    }
    expect(Object.keys(answer.result.inputRequests)).toEqual([second]);
    answer = await callEcho(bridge, {
      requestState: answer.result.requestState,
      inputResponses: { [second]: { error: { code: -1 }, resultType: 'complete' } },
    });
    expect(answer.result.content[0].text, 'what has no frame is passed on as it is').toBe(
      '{"error":{"code":-1}}',
    );
    expect(taken(remote)).toHaveLength(1);
    expect(remote.of('response')).toHaveLength(2);
  });
});

describe('what a request says of itself', () => {
  const metas: [unknown, number | undefined][] = [
    [{ [VERSION]: 5, [CAPABILITIES]: {} }, -32602],
    [{ [VERSION]: null, [CAPABILITIES]: {} }, -32602],
    [{ [VERSION]: ['2026-07-28'], [CAPABILITIES]: {} }, -32602],
    [{ [VERSION]: '2026-07-28' }, -32602],
    [{ [VERSION]: '2026-07-28', [CAPABILITIES]: [] }, -32602],
    [{ [VERSION]: '2026-07-28', [CAPABILITIES]: null }, -32602],
    [{ [VERSION]: '2031-01-01', [CAPABILITIES]: {} }, -32022],
    [{ [VERSION]: '2025-11-25', [CAPABILITIES]: {} }, -32022],
    [{ [VERSION]: '', [CAPABILITIES]: {} }, -32022],
    [{ [VERSION]: 'x'.repeat(100_000), [CAPABILITIES]: {} }, -32022],
    [{ [CAPABILITIES]: {} }, -32602],
    ['text', -32602],
    [[1], -32602],
    [null, -32602],
    [
      {
        [VERSION]: '2026-07-28',
        [CAPABILITIES]: { a: 1 },
        'io.modelcontextprotocol/clientInfo': 5,
        progressToken: {},
      },
      undefined,
    ],
  ];

  test.each([true, false])(
    'of wrong types is refused, what else there is goes on [M-05] [M-83] [B-08] (modern server: %s)',
    async (isModern) => {
      const remote = isModern
        ? await modernRemote((exchange) => exchange.result({ resultType: 'complete', ...textResult('done') }))
        : await legacyRemote((exchange) => exchange.result(textResult('done')));
      const bridge = modernClient(remote);
      for (const [_meta, code] of metas) {
        const answer = await bridge.request('tools/call', { name: 'echo', _meta });
        expect(answer.error?.code, JSON.stringify(_meta).slice(0, 200)).toBe(code);
        if (code === -32022) expect(answer.error?.data.supported).toEqual(['2026-07-28']);
      }
      expect(
        taken(remote).length + remote.of('tools/call').filter(({ headers }) => headers['mcp-method']).length,
      ).toBeLessThanOrEqual(2);
      expect(await bridge.request('tools/call')).toHaveProperty('error.code', -32602);
      expect(await bridge.request('ping'), 'the one that needs no word').toHaveProperty('result');
    },
  );

  test('may be nested 10,000 levels deep, and a call with such arguments may wait for the client', async () => {
    const remote = await askingRemote();
    const bridge = modernClient(remote);
    const deep = `${'{"a":'.repeat(10_000)}1${'}'.repeat(10_000)}`;
    const call = (id: number, more: object) =>
      JSON.stringify({
        jsonrpc: '2.0',
        id,
        method: 'tools/call',
        params: modernParams({ name: 'echo', arguments: '@', ...more }, able),
      }).replace('"@"', deep);
    const first = await bridge.ask(call(1, {}), 1);
    expect(first.result?.resultType, JSON.stringify(first).slice(0, 300)).toBe('input_required');
    const second = await bridge.ask(call(2, answersTo(first)), 2);
    expect(second.result.content[0].text).toContain('accept');
    const meta = `{"${VERSION}":"2026-07-28","${CAPABILITIES}":${deep},"io.modelcontextprotocol/clientInfo":${deep}}`;
    bridge.sendRaw(`{"jsonrpc":"2.0","method":"notifications/x","params":{"_meta":${meta}}}\n`);
    const line = `{"jsonrpc":"2.0","id":3,"method":"tools/list","params":{"_meta":${meta}}}`;
    expect((await bridge.ask(line, 3)).id).toBe(3);
    await expectAlive(bridge, true);
  });
});

describe('ids', () => {
  const ids = [0, '', '0', -1, 9007199254740991, 'x'.repeat(10_000), '😀', '__proto__', 'null'];

  test.each([true, false])(
    'of all kinds come back as they were (modern server: %s) [B-86]',
    async (isModern) => {
      const remote = isModern
        ? await modernRemote((exchange) => exchange.result({ resultType: 'complete', ...textResult('done') }))
        : await legacyRemote((exchange) => exchange.result(textResult('done')));
      const bridge = modernClient(remote);
      for (const id of ids) {
        bridge.stdout.expectOnce(id);
        bridge.send({ jsonrpc: '2.0', id, method: 'tools/call', params: modernParams({ name: 'echo' }) });
      }
      for (const id of ids) expect((await bridge.answer(id)).result.content[0].text).toBe('done');
      for (const id of ['null', '1.5', '9007199254740993', '[1]', '{}', 'true']) {
        const params = JSON.stringify(modernParams({ name: 'echo' }));
        const answer = await bridge.ask(
          `{"jsonrpc":"2.0","id":${id},"method":"tools/call","params":${params}}`,
          null,
        );
        expect(answer.error?.code, id).toBe(-32600);
      }
    },
  );

  test('that are in use are refused in whichever era, and do not mix the answers up [B-01] [M-84]', async () => {
    const held: Exchange[] = [];
    const remote = await legacyRemote((exchange) => void held.push(exchange));
    const bridge = modernClient(remote);
    await bridge.initialize();
    const call = { name: 'echo', arguments: {} };
    bridge.send({ jsonrpc: '2.0', id: 'same', method: 'tools/call', params: call });
    await until('the call', () => held.length === 1);
    const refused = await bridge.ask(
      JSON.stringify({ jsonrpc: '2.0', id: 'same', method: 'tools/call', params: modernParams(call) }),
      'same',
    );
    expect(refused.error?.code).toBe(-32600);
    const modern = callEcho(bridge);
    await until('the other call', () => held.length === 2);
    held[1]?.result(textResult('modern'));
    held[0]?.result(textResult('legacy'));
    expect((await modern).result).toMatchObject({ resultType: 'complete', content: [{ text: 'modern' }] });
    const legacy = await bridge.answer('same');
    expect(legacy.result).toEqual(textResult('legacy'));
    expect(new Set(held.map(({ request }) => request.headers['mcp-session-id'])).size, 'sessions').toBe(2);
  });
});

describe('1,000 requests at once, before the first answer', () => {
  async function flood(bridge: BridgeProcess, remote: FakeRemote): Promise<void> {
    const count = 1_000;
    let lines = '';
    for (let id = 0; id < count; id++) {
      bridge.stdout.expectOnce(`f${id}`);
      const params = modernParams({ name: 'echo', arguments: { id } });
      lines += `${JSON.stringify({ jsonrpc: '2.0', id: `f${id}`, method: 'tools/call', params })}\n`;
    }
    bridge.sendRaw(lines);
    for (let id = 0; id < count; id++) {
      const answer = await bridge.answer(`f${id}`);
      expect(answer.result?.content[0].text, JSON.stringify(answer)).toBe(JSON.stringify({ id }));
    }
    expect(remote.connections).toBeLessThan(300);
  }

  const echo = ({ request }: Exchange) => textResult(JSON.stringify(request.message?.params.arguments));

  test('of a modern server run once each', async () => {
    const remote = await modernRemote((exchange) =>
      exchange.result({ resultType: 'complete', ...echo(exchange) }),
    );
    await flood(modernClient(remote), remote);
    expect(remote.of('tools/call')).toHaveLength(1_000);
  });

  test('of a legacy server run once each, in one session', async () => {
    const remote = await legacyRemote((exchange) => exchange.result(echo(exchange)));
    await flood(modernClient(remote), remote);
    expect(taken(remote)).toHaveLength(1_000);
    expect(remote.sessions).toBe(1);
    expect(remote.requests.length, 'questions what the server is').toBeLessThan(2_000);
  });
});

test('cancelled at each moment, a request has no answer, and the next one has [M-44] [M-47]', async () => {
  const remotes = [
    await modernRemote((exchange) => exchange.sse().raw(': on it\n\n') && undefined),
    await askingRemote(),
  ];
  for (const remote of remotes) {
    const bridge = modernClient(remote);
    for (let ms = 0; ms < 60; ms += 4) {
      const id = `c${ms}`;
      bridge.send({ jsonrpc: '2.0', id, method: 'tools/call', params: modernParams({ name: 'echo' }, able) });
      await new Promise((resolve) => setTimeout(resolve, ms));
      const wasAnswered = bridge.messages.some((message) => message.id === id);
      bridge.notify('notifications/cancelled', { requestId: id });
      bridge.notify('notifications/cancelled', { requestId: id });
      bridge.notify('notifications/cancelled', { requestId: ms });
      bridge.notify('notifications/cancelled', modernParams({ requestId: { id } }));
      await expectAlive(bridge, true);
      const answers = bridge.messages.filter((message) => message.id === id);
      // One that was on its way when the client gave up may still come.
      expect(answers.length).toBeLessThanOrEqual(wasAnswered || answers[0]?.result ? 1 : 0);
    }
    expect(await ask(bridge, 'tools/list')).toHaveProperty('result');
  }
});

test('both eras interleaved in one process each get answers in their form [B-01] [B-02] [M-48]', async () => {
  const remote = await legacyRemote((exchange) => exchange.result(textResult('done')));
  const bridge = modernClient(remote);
  const discovered = ask(bridge, 'server/discover');
  const opened = bridge.request('initialize', initializeParams());
  expect((await discovered).result.supportedVersions).toEqual(['2026-07-28']);
  expect((await opened).result.protocolVersion).toBe('2025-11-25');
  bridge.notify('notifications/initialized');
  const all = await Promise.all(
    Array.from({ length: 40 }, (_, index) => (index % 2 ? callEcho(bridge) : bridge.callTool('echo'))),
  );
  all.forEach(({ result }, index) => {
    expect('resultType' in result).toBe(index % 2 === 1);
  });
  expect(taken(remote)).toHaveLength(40);
  const oversized = `{"jsonrpc":"2.0","id":"big","method":"tools/call","params":{"x":"${'x'.repeat(70 * 1024 * 1024)}"}}`;
  expect((await bridge.ask(oversized, 'big')).error?.code).toBe(-32600);
  await expectAlive(bridge, true);
});
