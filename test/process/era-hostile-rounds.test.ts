import { expect, test } from 'vitest';
import { form, legacyClient, modernRemote } from '../support/era-hostile.ts';
import { textResult } from '../support/fake-answers.ts';
import type { Exchange } from '../support/fake-exchange.ts';
import type { Message } from '../support/json-rpc.ts';

/** Modern servers that misuse multi round-trip requests toward a legacy client (checklist 2.6, 3.4.3). */

const ask = { method: 'elicitation/create', params: form };
const accepted = { action: 'accept', content: { name: 'Ada' } };

function required(more: object): object {
  return { resultType: 'input_required', ...more };
}

function times<T>(count: number, make: (index: number) => [string, T]): Record<string, T> {
  return Object.fromEntries(Array.from({ length: count }, (_, index) => make(index)));
}

/** The questions that the client has been asked. */
function questions(messages: Message[]): Message[] {
  return messages.filter(({ method, id }) => method !== undefined && id !== undefined);
}

const refused: [string, object][] = [
  ['neither questions nor a state [M-54]', required({})],
  ['questions that are an array [M-54]', required({ inputRequests: [ask] })],
  ['questions that are a text [M-54]', required({ inputRequests: 'name?' })],
  ['10,000 questions [B-49]', required({ inputRequests: times(10_000, (index) => [`q${index}`, ask]) })],
  ['a question of no kind [B-44]', required({ inputRequests: { a: ask, b: { method: 'tools/list' } } })],
  ['a question of the prototype [B-44]', required({ inputRequests: { a: { method: 'toString' } } })],
  ['a question that is null [B-44]', required({ inputRequests: { a: ask, b: null } })],
  ['a question whose method is none [B-44]', required({ inputRequests: { a: { method: [1] } } })],
  ['a type of an extension [M-28]', { resultType: 'task', taskId: '1' }],
  ['a type that is a number [M-28]', { resultType: 5, content: [] }],
  ['a type that is null [M-28]', { resultType: null, content: [] }],
];

test.each(refused)(
  'a call that is answered by %s fails, and the client is asked nothing',
  async (_, result) => {
    const remote = await modernRemote((exchange) => exchange.result(result));
    const bridge = await legacyClient(remote);
    const answer = await bridge.callTool('echo');
    expect(answer.error?.code).toBe(-31000);
    expect(answer.error?.message.length).toBeLessThanOrEqual(500);
    expect(questions(bridge.messages)).toEqual([]);
    expect(remote.of('tools/call')).toHaveLength(1);
    expect(await bridge.request('ping')).toHaveProperty('result');
  },
);

test('a kind that the client has not declared is not asked [B-44] [M-59]', async () => {
  const remote = await modernRemote((exchange) =>
    exchange.result(required({ inputRequests: { a: ask, b: { method: 'roots/list' } } })),
  );
  const bridge = await legacyClient(remote, { elicitation: {} });
  expect((await bridge.callTool('echo')).error?.message).toContain('roots/list');
  expect(questions(bridge.messages)).toEqual([]);
});

test('questions on a list are refused [M-53]', async () => {
  const remote = await modernRemote(() => {});
  remote.on('tools/list', (exchange) => exchange.result(required({ inputRequests: { a: ask } })));
  const bridge = await legacyClient(remote);
  expect(await bridge.request('tools/list')).toHaveProperty('error.code', -31000);
  expect(questions(bridge.messages)).toEqual([]);
});

test('rounds without end are ended, with questions [B-49] and without [M-58]', async () => {
  const endless = (questions: object) => (exchange: Exchange) =>
    exchange.result(required({ ...questions, requestState: 's' }));
  const remote = await modernRemote(endless({ inputRequests: { a: ask } }));
  remote.on('prompts/get', endless({})).on('resources/read', endless({ inputRequests: {} }));
  const bridge = await legacyClient(remote);
  const answers = Promise.all([
    bridge.callTool('echo'),
    bridge.request('prompts/get', { name: 'p' }),
    bridge.request('resources/read', { uri: 'a:b' }),
  ]);
  const isAsked = (message: Message) => message.method === 'elicitation/create';
  for (let round = 0; round < 10; round++) {
    const { id } = await bridge.nextMessage(isAsked);
    bridge.send({ jsonrpc: '2.0', id, result: accepted });
  }
  for (const { error } of await answers) expect(error?.message).toContain('more than 10 times');
  for (const method of ['tools/call', 'prompts/get', 'resources/read']) {
    expect(remote.of(method)).toHaveLength(11);
    const ids = new Set(remote.of(method).map(({ message }) => message?.id));
    expect(ids.size, 'an id for each').toBe(11);
  }
  const [first, last] = [remote.of('prompts/get')[0], remote.of('prompts/get')[10]];
  expect((last?.time ?? 0) - (first?.time ?? 0), 'paced').toBeGreaterThan(2_000);
});

test('a state of megabytes comes back byte for byte, escapes and all [M-55] [B-88]', async () => {
  const state = `"\\u0041\\/\\u00e9é\\ud83d\\ude00😀\\"\\\\${'\\u0000x'.repeat(700_000)}\\ud800"`;
  const remote = await modernRemote(({ response, id, request }) => {
    const isFirst = request.message?.params.requestState === undefined;
    const result = isFirst
      ? `{"resultType":"input_required","requestState" : ${state},"inputRequests":{"a":${JSON.stringify(ask)}}}`
      : JSON.stringify({ resultType: 'complete', ...textResult('done') });
    response.setHeader('Content-Type', 'application/json');
    response.end(`{"jsonrpc":"2.0","id":${JSON.stringify(id)},"result":${result}}`);
  });
  const bridge = await legacyClient(remote);
  const answered = bridge.callTool('echo', { big: 1 });
  const { id } = await bridge.nextMessage(({ method }) => method === 'elicitation/create');
  bridge.sendRaw(
    `{"jsonrpc":"2.0","id":"${id}","result":{"action":"accept","content":{"n":9007199254740993}}}\n`,
  );
  expect((await answered).result.content[0].text).toBe('done');
  const retry = (await remote.next('tools/call', 2)).body;
  expect(retry.includes(`"requestState":${state}`), 'state as it was').toBe(true);
  expect(retry).toContain('"n":9007199254740993');
  expect(bridge.stdout.lines.some((line) => line.includes('requestState'))).toBe(false);
});

test('keys of any kind come back with their own answers [M-55]', async () => {
  const keys = ['__proto__', '', 'constructor', '😀"\\\n', 'a', '\u2028', 'x'.repeat(10_000)];
  const inputRequests = `{${keys.map((key) => `${JSON.stringify(key)}:${JSON.stringify({ ...ask, params: { ...form, message: key } })}`).join(',')}}`;
  const remote = await modernRemote((exchange) => {
    if (exchange.request.message?.params.inputResponses)
      return exchange.result({ resultType: 'complete', ...textResult('done') });
    exchange.json(
      200,
      `{"jsonrpc":"2.0","id":${JSON.stringify(exchange.id)},"result":{"resultType":"input_required","inputRequests":${inputRequests}}}`,
    );
  });
  const bridge = await legacyClient(remote);
  const answered = bridge.callTool('echo');
  for (const key of keys) {
    const { id } = await bridge.nextMessage(
      ({ method, params }) => method === 'elicitation/create' && params.message === key,
    );
    bridge.send({ jsonrpc: '2.0', id, result: { action: 'accept', content: { key } } });
  }
  expect((await answered).result.content[0].text).toBe('done');
  const retry = await remote.next('tools/call', 2);
  const { inputResponses } = JSON.parse(retry.body).params;
  expect(Object.keys(inputResponses).sort()).toEqual([...keys].sort());
  for (const [key, answer] of Object.entries(inputResponses))
    expect(answer).toEqual({ action: 'accept', content: { key } });
  expect(retry.message?.params, 'no state where there was none').not.toHaveProperty('requestState');
});

test('answers twice, to nothing, or of wrong types do no harm [B-47] [B-48] [M-60]', async () => {
  const remote = await modernRemote((exchange) => {
    const isFirst = exchange.request.message?.params.inputResponses === undefined;
    exchange.result(
      isFirst
        ? required({ inputRequests: { a: ask, b: ask, c: ask } })
        : { resultType: 'complete', ...textResult('done') },
    );
  });
  const bridge = await legacyClient(remote);
  const answered = bridge.callTool('echo');
  const ids: unknown[] = [];
  for (let count = 0; count < 3; count++)
    ids.push((await bridge.nextMessage(({ method }) => method === 'elicitation/create')).id);
  bridge.send({ jsonrpc: '2.0', id: 'nobody', result: accepted });
  bridge.send({ jsonrpc: '2.0', id: ids[0], result: 'a text' });
  bridge.send({ jsonrpc: '2.0', id: ids[0], result: accepted });
  bridge.send({ jsonrpc: '2.0', id: ids[1], error: { code: -1, message: 'no' } });
  bridge.send({
    jsonrpc: '2.0',
    id: ids[2],
    result: { ...accepted, _meta: { a: 1 }, resultType: 'complete' },
  });
  bridge.send({ jsonrpc: '2.0', id: ids[2], result: accepted });
  expect((await answered).result.content[0].text).toBe('done');
  const responses = (await remote.next('tools/call', 2)).message?.params.inputResponses;
  expect(responses).toEqual({ a: { action: 'cancel' }, b: { action: 'cancel' }, c: accepted });
  expect(remote.of('response'), 'a response is never sent to a modern server [M-10]').toEqual([]);
});

test('a cancelled call takes its questions back and is not answered [B-41] [M-43]', async () => {
  const remote = await modernRemote((exchange) =>
    exchange.result(required({ inputRequests: { a: ask, b: ask }, requestState: 's' })),
  );
  const bridge = await legacyClient(remote);
  bridge.send({ jsonrpc: '2.0', id: 'call', method: 'tools/call', params: { name: 'echo' } });
  const first = await bridge.nextMessage(({ method }) => method === 'elicitation/create');
  const second = await bridge.nextMessage(({ method }) => method === 'elicitation/create');
  bridge.send({ jsonrpc: '2.0', id: first.id, result: accepted });
  bridge.notify('notifications/cancelled', { requestId: 'call' });
  const withdrawn = await bridge.nextMessage(({ method }) => method === 'notifications/cancelled');
  expect(withdrawn.params.requestId).toBe(second.id);
  bridge.send({ jsonrpc: '2.0', id: second.id, result: accepted });
  await bridge.request('ping');
  expect(bridge.messages.some(({ id, method }) => id === 'call' && method === undefined)).toBe(false);
  expect(remote.of('tools/call')).toHaveLength(1);
});

test("the requests of a modern server are nobody's [M-26] [M-46]", async () => {
  const remote = await modernRemote((exchange) => {
    const stream = exchange.sse();
    for (const method of ['elicitation/create', 'sampling/createMessage', 'roots/list', 'ping', 'x/y'])
      stream.send({ jsonrpc: '2.0', id: method, method, params: form });
    stream.send({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: exchange.id } });
    stream.send({ jsonrpc: '2.0', id: 'another', result: {} });
    stream.send({
      jsonrpc: '2.0',
      id: exchange.id,
      result: { resultType: 'complete', ...textResult('done') },
    });
    stream
      .send({ jsonrpc: '2.0', id: exchange.id, result: { resultType: 'complete', ...textResult('again') } })
      .end();
  });
  const bridge = await legacyClient(remote);
  expect((await bridge.callTool('echo')).result.content[0].text).toBe('done');
  expect(bridge.messages.filter(({ method }) => method !== undefined)).toEqual([]);
});
