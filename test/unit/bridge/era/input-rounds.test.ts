import { afterEach, describe, expect, test, vi } from 'vitest';
import type { Message } from '../../../support/json-rpc.ts';
import { until } from '../../../support/wait.ts';
import { failed, LegacyClientStage, type ModernExchange } from '../../helpers/scripted-modern.ts';

afterEach(() => {
  vi.useRealTimers();
});

async function opened(over: Record<string, unknown> = {}): Promise<LegacyClientStage> {
  const stage = new LegacyClientStage();
  await stage.initialize(over);
  stage.exchanges.length = 0;
  stage.received.length = 0;
  return stage;
}

const form = {
  method: 'elicitation/create',
  params: { mode: 'form', message: 'name?', requestedSchema: { type: 'object', properties: {} } },
};
const link = {
  method: 'elicitation/create',
  params: { mode: 'url', message: 'go', url: 'https://example.com/go' },
};
const sampling = {
  method: 'sampling/createMessage',
  params: { messages: [{ role: 'user', content: { type: 'text', text: 'hi' } }], maxTokens: 5 },
};
const roots = { method: 'roots/list' };

const asks = (inputRequests: unknown, requestState?: unknown) => (exchange: ModernExchange) =>
  exchange.answer({ resultType: 'input_required', inputRequests, requestState });
const answers = (exchange: ModernExchange) => exchange.answer({ content: [] });

/** The questions that the client has got. */
const asked = (stage: LegacyClientStage, count = 1): Promise<Message[]> =>
  until('questions', () => {
    const questions = stage.received.filter(({ id, method }) => id !== undefined && method !== undefined);
    return questions.length >= count && questions;
  });

describe('questions of the server', () => {
  test('become requests to the client, and the answers go into a new request [B-43, B-44, B-47, M-55, M-56]', async () => {
    const stage = await opened();
    stage.on('tools/call', asks({ who: form, model: sampling, where: roots }, 'state'), answers);
    const { ended } = stage.start('tools/call', { name: 't', arguments: { a: 1 } }, { id: 'mine' });
    const questions = await asked(stage, 3);
    expect(questions.map(({ method, params }) => ({ method, params }))).toEqual([
      form,
      sampling,
      { method: 'roots/list', params: undefined },
    ]);
    expect(new Set(questions.map(({ id }) => id)).size).toBe(3);
    const replies = [
      { action: 'accept', content: { name: 'Ann' }, _meta: { a: 1 } },
      {
        role: 'assistant',
        content: { type: 'text', text: 'yo' },
        model: 'm',
        stopReason: 'endTurn',
        resultType: 'complete',
      },
      { roots: [{ uri: 'file:///a' }] },
    ];
    for (const [index, result] of replies.entries()) await stage.reply(questions[index]?.id, { result });
    const { answer } = await ended;
    expect(answer).toEqual({ jsonrpc: '2.0', id: 'mine', result: { content: [] } });
    const [first, second] = stage.got('tools/call');
    expect(first?.message.params).not.toHaveProperty('inputResponses');
    expect(second?.message.params).toEqual({
      ...first?.message.params,
      inputResponses: {
        who: { action: 'accept', content: { name: 'Ann' } },
        model: {
          role: 'assistant',
          content: { type: 'text', text: 'yo' },
          model: 'm',
          stopReason: 'endTurn',
        },
        where: { roots: [{ uri: 'file:///a' }] },
      },
      requestState: 'state',
    });
    expect(second?.message.id).not.toBe('mine');
  });

  test('the state goes back as it was written, and big numbers of an answer too [M-55, B-88]', async () => {
    const stage = await opened();
    const state = String.raw`"a\u0062\/\u00e9 \ud83d\ude00"`;
    stage.on(
      'tools/call',
      (exchange) =>
        exchange.answerText(
          `{"resultType":"input_required","inputRequests":{"k":${JSON.stringify(form)}},"requestState": ${state} }`,
        ),
      answers,
    );
    const { ended } = stage.start('tools/call', { name: 't' });
    const [question] = await asked(stage);
    await stage.translation.send({
      method: undefined,
      body: `{"jsonrpc":"2.0","id":${JSON.stringify(question?.id)},"result":{"action":"accept","content":{"n":12345678901234567890}}}`,
    });
    await ended;
    const text = stage.got('tools/call')[1]?.text;
    expect(text).toContain(`"requestState":${state}`);
    expect(text).toContain('"inputResponses":{"k":{"action":"accept","content":{"n":12345678901234567890}}}');
  });

  test('each round forgets the ones before, in its answers and in its state [M-57, M-55]', async () => {
    const stage = await opened();
    stage.on('prompts/get', asks({ a: form }, 's1'), asks({ b: form }), answers);
    const { ended } = stage.start('prompts/get', { name: 'p' });
    for (let round = 1; round <= 2; round++) {
      const questions = await asked(stage, round);
      await stage.reply(questions[round - 1]?.id, { result: { action: 'decline' } });
    }
    await ended;
    const [, second, third] = stage.got('prompts/get').map(({ message }) => message.params);
    expect(second).toMatchObject({ inputResponses: { a: { action: 'decline' } }, requestState: 's1' });
    expect(third.inputResponses).toEqual({ b: { action: 'decline' } });
    expect(third).not.toHaveProperty('requestState');
  });

  test('rounds of two requests do not meet [M-57]', async () => {
    const stage = await opened();
    stage.on('tools/call', (exchange) =>
      exchange.message.params.inputResponses
        ? exchange.answer({ content: [exchange.message.params.inputResponses] })
        : asks({ k: form }, exchange.message.params.name)(exchange),
    );
    const first = stage.start('tools/call', { name: 'one' });
    const second = stage.start('tools/call', { name: 'two' });
    const questions = await asked(stage, 2);
    await stage.reply(questions[1]?.id, { result: { action: 'accept', content: { x: 2 } } });
    await stage.reply(questions[0]?.id, { result: { action: 'accept', content: { x: 1 } } });
    expect((await first.ended).answer?.result.content[0].k.content.x).toBe(1);
    expect((await second.ended).answer?.result.content[0].k.content.x).toBe(2);
    const retries = stage
      .got('tools/call')
      .slice(2)
      .map(({ message }) => message.params);
    expect(retries.map(({ name, requestState }) => [name, requestState]).sort()).toEqual([
      ['one', 'one'],
      ['two', 'two'],
    ]);
  });

  test.each(['tools/list', 'completion/complete', 'com.example/x'])(
    'are invalid on %s [M-53]',
    async (method) => {
      const stage = await opened();
      stage.on(method, asks({ k: form }));
      expect((await stage.ask(method)).outcome).toMatchObject({ error: { reason: 'invalid-answer' } });
    },
  );

  test('that are none at all are invalid [M-54]', async () => {
    const stage = await opened();
    stage.on('tools/call', asks(undefined));
    expect((await stage.ask('tools/call')).outcome).toMatchObject({ error: { reason: 'invalid-answer' } });
  });
});

describe('a kind of question that the client was not declared to know [B-44, M-59]', () => {
  test.each<[string, object, object]>([
    ['sampling', {}, sampling],
    ['tools in sampling', { sampling: {} }, { ...sampling, params: { ...sampling.params, tools: [] } }],
    ['roots', { sampling: {} }, roots],
    ['a form', { elicitation: { url: {} } }, form],
    ['a link', { elicitation: {} }, link],
    ['another mode', { elicitation: { form: {}, url: {} } }, { ...form, params: { mode: 'odd' } }],
    ['another method', { elicitation: {} }, { method: 'tools/call' }],
    ['no method', { elicitation: {} }, {}],
    ['one of a name that every object has', { elicitation: {} }, { method: 'toString' }],
  ])('%s', async (_, capabilities, question) => {
    const stage = await opened({ capabilities });
    stage.on('tools/call', asks({ fine: form, odd: question }));
    expect((await stage.ask('tools/call')).outcome).toMatchObject({ error: { reason: 'invalid-answer' } });
    expect(stage.received).toEqual([]);
  });

  test('an empty elicitation capability means forms', async () => {
    const stage = await opened({ capabilities: { elicitation: {} } });
    stage.on('tools/call', asks({ k: { method: 'elicitation/create', params: { message: 'x' } } }));
    stage.start('tools/call');
    await asked(stage);
  });
});

describe('a link to open [B-45, B-46]', () => {
  async function withLink(action: string): Promise<{ stage: LegacyClientStage; elicitationId: unknown }> {
    const stage = await opened();
    stage.on('tools/call', asks({ k: link }, 's'), answers);
    const { ended } = stage.start('tools/call');
    const [question] = await asked(stage);
    expect(question?.params).toEqual({
      ...link.params,
      elicitationId: expect.stringMatching(/^[0-9a-f-]{36}$/),
    });
    await stage.reply(question?.id, { result: { action } });
    await ended;
    return { stage, elicitationId: question?.params.elicitationId };
  }

  test('has an id of the bridge, and the client is told when it was of use, before the answer', async () => {
    const { stage, elicitationId } = await withLink('accept');
    const last = stage.received.slice(-2);
    expect(last[0]).toMatchObject({
      method: 'notifications/elicitation/complete',
      params: { elicitationId },
    });
    expect(last[1]?.result).toBeDefined();
  });

  test('that was not opened is not completed', async () => {
    const { stage } = await withLink('decline');
    expect(stage.heard('notifications/elicitation/complete')).toEqual([]);
  });
});

describe('an error of the client [B-48]', () => {
  test('to an elicitation is a cancel', async () => {
    const stage = await opened();
    stage.on('tools/call', asks({ k: form }), answers);
    const { ended } = stage.start('tools/call');
    const [question] = await asked(stage);
    await stage.reply(question?.id, { error: { code: -32603, message: 'no window' } });
    await ended;
    expect(stage.got('tools/call')[1]?.message.params.inputResponses).toEqual({ k: { action: 'cancel' } });
  });

  test.each([sampling, roots])(
    'to $method ends the request, and open questions are taken back',
    async (question) => {
      for (const method of ['tools/call', 'prompts/get']) {
        const stage = await opened();
        stage.on(method, asks({ a: question, b: form }));
        const { ended } = stage.start(method);
        const [first, second] = await asked(stage, 2);
        await stage.reply(first?.id, { error: { code: -1, message: 'The user said no' } });
        const { answer } = await ended;
        const { result, error } = answer as Message;
        expect(method === 'tools/call' ? result.content[0].text : error?.message).toContain(
          'The user said no',
        );
        expect(method === 'tools/call' ? result.isError : error?.code).toBe(
          method === 'tools/call' ? true : -32603,
        );
        expect(stage.heard('notifications/cancelled').map(({ params }) => params.requestId)).toEqual([
          second?.id,
        ]);
        expect(stage.got(method)).toHaveLength(1);
      }
    },
  );
});

describe('bounds [B-49, B-50]', () => {
  test('a server that only wants to be asked again is, at a pace [M-58]', async () => {
    const stage = await opened();
    stage.on('tools/call', asks(undefined, 's1'), asks(undefined, 's2'), answers);
    const started = performance.now();
    expect((await stage.ask('tools/call')).answer?.result).toBeDefined();
    expect(performance.now() - started).toBeGreaterThanOrEqual(490);
    const params = stage.got('tools/call').map(({ message }) => message.params);
    expect(params.map(({ requestState }) => requestState)).toEqual([undefined, 's1', 's2']);
    expect(params.some((one) => 'inputResponses' in one)).toBe(false);
  });

  test('it is asked ten times again at most', async () => {
    vi.useFakeTimers();
    const stage = await opened();
    stage.on('tools/call', asks(undefined, 's'));
    const { ended } = stage.start('tools/call');
    await vi.advanceTimersByTimeAsync(10_000);
    expect((await ended).outcome).toMatchObject({ error: { reason: 'invalid-answer' } });
    expect(stage.got('tools/call')).toHaveLength(11);
  });

  test('nobody answers for ten minutes: the request fails, its question is taken back', async () => {
    vi.useFakeTimers();
    const stage = await opened();
    stage.on('tools/call', asks({ k: form }));
    const { ended } = stage.start('tools/call');
    await vi.advanceTimersByTimeAsync(10 * 60_000 + 1);
    expect((await ended).answer?.result.isError).toBe(true);
    expect(stage.heard('notifications/cancelled')).toHaveLength(1);
  });

  test('the request is kept alive meanwhile, also before a client that waits for progress [B-38]', async () => {
    vi.useFakeTimers({
      toFake: ['setTimeout', 'setInterval', 'performance', 'clearTimeout', 'clearInterval'],
    });
    const stage = await opened();
    stage.on(
      'tools/call',
      (exchange) => {
        exchange.notify('notifications/progress', { progressToken: 1, progress: 2 });
        return asks({ k: form })(exchange);
      },
      (exchange) => {
        for (const progress of [1, 2, 3])
          exchange.notify('notifications/progress', { progressToken: 1, progress });
        return answers(exchange);
      },
    );
    const { request, ended } = stage.start('tools/call', { _meta: { progressToken: 1 } });
    await vi.advanceTimersByTimeAsync(65_000);
    expect(request.deadline - performance.now()).toBeGreaterThan(60_000);
    const question = stage.received.find(({ method }) => method === 'elicitation/create');
    await stage.reply(question?.id, { result: { action: 'cancel' } });
    await ended;
    const values = stage.heard('notifications/progress').map(({ params }) => params.progress);
    expect(values).toHaveLength(5);
    expect(values).toEqual([...values].sort((a, b) => a - b));
    expect(values[4]).toBe(3);
  });

  test('without a progress token nothing is made up', async () => {
    vi.useFakeTimers();
    const stage = await opened();
    stage.on('tools/call', asks({ k: form }));
    stage.start('tools/call');
    await vi.advanceTimersByTimeAsync(65_000);
    expect(stage.heard('notifications/progress')).toEqual([]);
  });
});

describe('the end of a request in the middle of a round [B-41]', () => {
  test('takes the questions back, and nothing more is sent or answered', async () => {
    const stage = await opened();
    stage.on('tools/call', asks({ a: form, b: form }));
    const { request, ended } = stage.start('tools/call');
    const questions = await asked(stage, 2);
    await stage.reply(questions[0]?.id, { result: { action: 'cancel' } });
    await stage.cancel(request);
    expect((await ended).outcome).toEqual({ kind: 'done' });
    expect(stage.heard('notifications/cancelled').map(({ params }) => params.requestId)).toEqual([
      questions[1]?.id,
    ]);
    expect(stage.got('tools/call')).toHaveLength(1);
    await stage.reply(questions[1]?.id, { result: { action: 'cancel' } });
    expect(stage.exchanges).toHaveLength(1);
  });

  test('between two rounds closes the stream that is open then', async () => {
    const stage = await opened();
    stage.on('tools/call', asks({ a: form }), (exchange) => exchange.untilAborted());
    const { request, ended } = stage.start('tools/call');
    const [question] = await asked(stage);
    await stage.reply(question?.id, { result: { action: 'accept', content: {} } });
    await until('the second request', () => stage.got('tools/call').length === 2);
    await stage.cancel(request);
    await ended;
    expect(stage.got('tools/call')[1]?.aborted).toBe(true);
  });

  test('the end of the bridge ends the waiting [B-51]', async () => {
    const stage = await opened();
    stage.on('tools/call', asks({ a: form }));
    const { request, ended } = stage.start('tools/call');
    await asked(stage);
    request.cancel();
    await stage.translation.close(10);
    await ended;
  });
});

test('a failure after the client was asked is its answer: nobody asks a second time', async () => {
  const stage = await opened();
  stage.on('prompts/get', asks({ a: form }), () => failed(undefined));
  const { ended } = stage.start('prompts/get');
  const [question] = await asked(stage);
  await stage.reply(question?.id, { result: { action: 'accept', content: {} } });
  const { outcome, answer } = await ended;
  expect(outcome).toEqual({ kind: 'done' });
  expect(answer?.error?.data).toMatchObject({ reason: 'unreachable' });
});

describe('too many questions', () => {
  const many = (count: number) =>
    Object.fromEntries(Array.from({ length: count }, (_, key) => [`q${key}`, form]));

  test('in one answer are none, and the call fails [B-49]', async () => {
    const stage = await opened();
    stage.on('tools/call', asks(many(65)));
    const { outcome } = await stage.ask('tools/call');
    expect(outcome).toMatchObject({ kind: 'failed', error: { reason: 'invalid-answer' } });
    expect(stage.received.filter(({ method }) => method !== undefined)).toEqual([]);
  });

  test('of several calls are asked as far as there is room, and again when there is [B-49]', async () => {
    const stage = await opened();
    stage.on('tools/call', ...Array.from({ length: 5 }, () => asks(many(64))));
    const calls = [1, 2, 3, 4].map((id) => stage.start('tools/call', {}, { id }));
    await asked(stage, 256);
    const { outcome } = await stage.ask('tools/call', {}, { id: 5 });
    expect(outcome.kind).toBe('done');
    expect(stage.received.at(-1)?.result).toMatchObject({ isError: true });
    expect(calls).toHaveLength(4);
  });
});

describe('a client of 2025-06-18 [3.4.4]', () => {
  const property = (schema: unknown) => ({
    method: 'elicitation/create',
    params: {
      message: 'x',
      requestedSchema: { type: 'object', properties: { p: schema, q: { type: 'string' } } },
    },
  });

  test('gets choices with titles in its own form', async () => {
    const stage = await opened({ protocolVersion: '2025-06-18' });
    const oneOf = [
      { const: 'a', title: 'A' },
      { const: 'b', title: 'B' },
    ];
    stage.on('tools/call', asks({ k: property({ type: 'string', title: 'P', oneOf }) }));
    stage.start('tools/call');
    const [question] = await asked(stage);
    expect(question?.params.requestedSchema.properties).toEqual({
      p: { type: 'string', title: 'P', enum: ['a', 'b'], enumNames: ['A', 'B'] },
      q: { type: 'string' },
    });
  });

  test('is not asked for several choices at once: that is a cancel', async () => {
    const stage = await opened({ protocolVersion: '2025-06-18' });
    stage.on('tools/call', asks({ k: property({ type: 'array', items: { enum: ['a'] } }) }), answers);
    await stage.ask('tools/call');
    expect(stage.received.some(({ method }) => method === 'elicitation/create')).toBe(false);
    expect(stage.got('tools/call')[1]?.message.params.inputResponses).toEqual({ k: { action: 'cancel' } });
  });

  test.each([
    ['one block is taken out of its array', 1, true],
    ['several are no valid question', 2, false],
  ])('in sampling %s', async (_, count, isFine) => {
    const stage = await opened({ protocolVersion: '2025-06-18' });
    const content = Array.from({ length: count }, () => ({ type: 'text', text: 'hi' }));
    const question = { ...sampling, params: { maxTokens: 1, messages: [{ role: 'user', content }] } };
    stage.on('tools/call', asks({ k: question }));
    const { ended } = stage.start('tools/call');
    if (isFine) {
      const [got] = await asked(stage);
      expect(got?.params.messages).toEqual([{ role: 'user', content: content[0] }]);
    } else expect((await ended).outcome).toMatchObject({ error: { reason: 'invalid-answer' } });
  });
});

test('a client of 2024-11-05 hears of audio by text, in questions too [3.4.4]', async () => {
  const stage = await opened({ protocolVersion: '2024-11-05' });
  const content = { type: 'audio', data: 'AA', mimeType: 'audio/wav' };
  stage.on(
    'tools/call',
    asks({ k: { ...sampling, params: { maxTokens: 1, messages: [{ role: 'user', content }] } } }),
  );
  stage.start('tools/call');
  const [question] = await asked(stage);
  expect(question?.params.messages[0].content.type).toBe('text');
});
