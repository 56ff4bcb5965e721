import { afterEach, describe, expect, test, vi } from 'vitest';
import { type Answer, PendingRequest } from '../../../../src/bridge/pending-requests.ts';
import { ByteText } from '../../../../src/byte-text.ts';
import { DrawbridgeError } from '../../../../src/errors.ts';
import type { Leg } from '../../../../src/remote/leg.ts';
import type { Outcome } from '../../../../src/remote/transport.ts';
import { until } from '../../../support/wait.ts';
import { discovered, failed, LegacyClientStage } from '../../helpers/scripted-modern.ts';

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

describe('an answer', () => {
  test.each([7, '7', 'a', 0])('has the id of the request, with its type: %j [B-86]', async (id) => {
    const stage = await opened();
    stage.on('tools/list', (exchange) => exchange.answerText('{"resultType":"complete","tools":[]}'));
    const { text } = await stage.ask('tools/list', {}, { id });
    expect(text).toBe(`{"jsonrpc":"2.0","id":${JSON.stringify(id)},"result":{"tools":[]}}`);
  });

  test('without a resultType is complete [M-28]', async () => {
    const stage = await opened();
    stage.on('tools/call', (exchange) => exchange.answerText('{"content":[]}'));
    expect((await stage.ask('tools/call')).answer?.result).toEqual({ content: [] });
  });

  test.each(['task', 'odd', 7, null])('of another type is no valid one: %j [M-28]', async (resultType) => {
    const stage = await opened();
    stage.on('tools/call', (exchange) => exchange.answer({ resultType }));
    expect((await stage.ask('tools/call')).outcome).toMatchObject({
      kind: 'failed',
      error: { reason: 'invalid-answer' },
    });
  });

  test('to an unknown request comes through, and the request was sent with _meta [B-20]', async () => {
    const stage = await opened();
    stage.on('com.example/x', (exchange) => exchange.answer({ a: 1 }));
    expect((await stage.ask('com.example/x', { b: 2 })).answer?.result).toEqual({ a: 1 });
    expect(stage.exchanges[0]?.message.params).toMatchObject({ b: 2, _meta: {} });
  });

  test('params.task is taken out of a call, and of nothing else', async () => {
    const stage = await opened();
    await stage.ask('tools/call', { name: 't', task: { ttl: 1 } });
    await stage.ask('com.example/x', { task: 1 });
    expect(stage.exchanges.map(({ message }) => message.params.task)).toEqual([undefined, 1]);
  });
});

describe('what a server says while it works', () => {
  test('comes through, progress only as long as it rises [B-38]', async () => {
    const stage = await opened();
    stage.on('tools/call', (exchange) => {
      for (const progress of [1, 3, 2, 3, 4])
        exchange.notify('notifications/progress', { progressToken: 'p', progress });
      exchange.notify('notifications/message', { level: 'info', data: 'x' });
      exchange.notify('notifications/cancelled', { requestId: 1 });
      return exchange.answer();
    });
    await stage.ask('tools/call', { _meta: { progressToken: 'p' } });
    expect(stage.heard('notifications/progress').map(({ params }) => params.progress)).toEqual([1, 3, 4]);
    expect(stage.heard('notifications/message')).toHaveLength(1);
    expect(stage.heard('notifications/cancelled')).toEqual([]);
  });
});

describe('an error', () => {
  const ways: [string, (code: number, data?: unknown) => Parameters<LegacyClientStage['on']>[1]][] = [
    ['as an answer', (code, data) => (exchange) => exchange.error(code, 'no', data)],
    ['as a refusal', (code, data) => () => failed(400, { code, data })],
  ];

  describe.each(ways)('%s', (_, give) => {
    test.each([-32700, -32600, -32601, -32602, -32603, -32000, -32019, 17])(
      '%i passes [3.7]',
      async (code) => {
        const stage = await opened();
        stage.on('tools/call', give(code, { any: 1 }));
        const { answer } = await stage.ask('tools/call', {}, { id: 'x' });
        expect(answer).toMatchObject({ id: 'x', error: { code, message: 'no', data: { any: 1 } } });
      },
    );

    test('-32602 for the resource that was asked for is -32002 [B-42]', async () => {
      const stage = await opened();
      stage.on('resources/read', give(-32602, { uri: 'test://a', more: 1 }));
      const { answer } = await stage.ask('resources/read', { uri: 'test://a' });
      expect(answer?.error).toEqual({ code: -32002, message: 'no', data: { uri: 'test://a', more: 1 } });
      expect((await stage.ask('resources/read', { uri: 'test://b' })).answer?.error?.code).toBe(-32602);
      stage.on('prompts/get', give(-32602, { uri: 'test://a' }));
      expect((await stage.ask('prompts/get', { uri: 'test://a' })).answer?.error?.code).toBe(-32602);
    });

    test('-32021 names the capability: to the model for a tool, else as an internal error [B-39, B-54]', async () => {
      const stage = await opened();
      const data = { requiredCapabilities: { sampling: {} } };
      stage.on('tools/call', give(-32021, data));
      const { answer } = await stage.ask('tools/call');
      expect(answer?.result.isError).toBe(true);
      expect(answer?.result.content[0].text).toContain('sampling');
      stage.on('prompts/get', give(-32021, data));
      expect((await stage.ask('prompts/get')).answer?.error).toMatchObject({ code: -32603, data });
    });

    test('-32020 is the fault of the bridge [B-40]', async () => {
      const stage = await opened();
      stage.on('tools/call', give(-32020));
      const { answer } = await stage.ask('tools/call');
      expect(answer?.error).toMatchObject({ code: -31000, data: { reason: 'invalid-answer' } });
    });

    test('-32022 is asked about, and the request sent once more under a new id [B-40]', async () => {
      const stage = await opened();
      stage.on('tools/call', give(-32022, { supported: ['2026-07-28'] }), (exchange) => exchange.answer());
      const { answer } = await stage.ask('tools/call', {}, { id: 5 });
      expect(answer).toEqual({ jsonrpc: '2.0', id: 5, result: {} });
      expect(stage.exchanges.map(({ message }) => message.method)).toEqual([
        'tools/call',
        'server/discover',
        'tools/call',
      ]);
      expect(stage.exchanges[2]?.message.id).not.toBe(5);
    });

    test('-32022 again is a failure, and so is another era [B-40]', async () => {
      const stage = await opened();
      stage.on('tools/call', give(-32022));
      expect((await stage.ask('tools/call')).outcome).toMatchObject({ error: { reason: 'invalid-answer' } });
      stage.on('server/discover', () => failed(404));
      expect((await stage.ask('tools/call')).outcome).toMatchObject({ error: { reason: 'other-era' } });
    });
  });
});

describe('a failure of the transport [B-89, B-90]', () => {
  test('goes up as it is', async () => {
    const stage = await opened();
    stage.on('tools/call', () => failed(500));
    expect((await stage.ask('tools/call')).outcome).toEqual(failed(500));
    const challenged = { kind: 'challenged', error: new DrawbridgeError('unauthorized', 'x') } as const;
    stage.on('tools/call', () => challenged);
    expect((await stage.ask('tools/call')).outcome).toBe(challenged);
  });

  test('a busy server has been asked patiently: it is a failure', async () => {
    const stage = await opened();
    const error = new DrawbridgeError('rate-limited', 'later');
    stage.on('tools/call', () => ({ kind: 'busy', retryAfter: undefined, error }));
    expect((await stage.ask('tools/call')).outcome).toEqual({ kind: 'failed', error, mayHaveRun: false });
  });

  test('another credential is tried at once', async () => {
    const stage = await opened();
    const error = new DrawbridgeError('unauthorized', 'x');
    stage.on(
      'tools/call',
      () => ({ kind: 'reauthorized', error }),
      (exchange) => exchange.answer(),
    );
    expect((await stage.ask('tools/call')).answer?.result).toEqual({});
  });

  test('no answer at all is one too', async () => {
    const stage = await opened();
    stage.on('tools/call', () => ({ kind: 'done' }));
    expect((await stage.ask('tools/call')).outcome).toMatchObject({ error: { reason: 'internal' } });
  });
});

describe('a cancelled request', () => {
  test('has its stream closed, and nothing is sent or answered [B-41, M-43, M-44]', async () => {
    const stage = await opened();
    stage.on('tools/call', (exchange) => exchange.untilAborted());
    const { request, ended } = stage.start('tools/call');
    await stage.cancel(request);
    expect((await ended).outcome).toEqual({ kind: 'done' });
    expect(stage.exchanges).toHaveLength(1);
    expect(stage.exchanges[0]?.aborted).toBe(true);
    expect(stage.received).toEqual([]);
    expect(request.abort).toBeUndefined();
  });

  test('that runs out of time is closed as well', async () => {
    const stage = await opened();
    stage.on('tools/call', (exchange) => exchange.untilAborted());
    const { request, ended } = stage.start('tools/call');
    request.fail(new DrawbridgeError('timeout', 'x'));
    await ended;
    expect(stage.exchanges[0]?.aborted).toBe(true);
  });
});

test('the answer counts where the stream stays open', async () => {
  const stage = await opened();
  stage.on('tools/call', (exchange) => {
    exchange.answer();
    return exchange.untilAborted();
  });
  expect((await stage.ask('tools/call')).answer?.result).toEqual({});
});

test('what the server offers is asked for anew with the capabilities of today [B-40]', async () => {
  const stage = await opened();
  stage.on('server/discover', (exchange) => exchange.answer({ ...discovered, capabilities: {} }));
  stage.on(
    'tools/call',
    () => failed(400, { code: -32022 }),
    (exchange) => exchange.answer(),
  );
  await stage.ask('tools/call');
  await stage.translation.listen();
  expect(stage.got('subscriptions/listen')).toEqual([]);
});

test('a request that was sent once more can be cancelled all the same [B-40, B-41]', async () => {
  const stage = await opened();
  stage.on(
    'tools/call',
    () => failed(400, { code: -32022 }),
    (exchange) => exchange.untilAborted(),
  );
  const { request, ended } = stage.start('tools/call');
  await until('the second try', () => stage.got('tools/call').length === 2);
  await stage.cancel(request);
  await ended;
  expect(stage.got('tools/call')[1]?.aborted).toBe(true);
});

test('an error on several lines is one line for the client', async () => {
  const stage = await opened();
  const text = '{\n  "code": -32603,\r\n  "message": "no"\n}';
  stage.on('tools/call', () => ({ ...(failed(400) as object), answer: { text, code: -32603 } }) as Outcome);
  const answer = await stage.ask('tools/call');
  expect(answer.answer?.error?.code).toBe(-32603);
  expect(answer.text).not.toMatch(/[\r\n]/);
});

test('the part of a capability that is missing is named [B-39]', async () => {
  const stage = await opened();
  stage.on('tools/call', (exchange) =>
    exchange.error(-32021, 'no', { requiredCapabilities: { elicitation: { url: {} } } }),
  );
  expect((await stage.ask('tools/call')).answer?.result.content[0].text).toContain('elicitation.url');
});

test('what comes as bytes goes as bytes, in both directions', async () => {
  const stage = await opened();
  const answer =
    '{"jsonrpc":"2.0","id":1,"result":{"resultType":"complete","content":[{"type":"text","text":"\u00e9\u20ac"}]}}';
  stage.on('tools/call', ({ request }) => {
    const { result } = JSON.parse(answer);
    (request as Leg).take(new ByteText([Buffer.from(answer)]), { kind: 'response', id: 1, result });
    return { kind: 'done' };
  });
  const params = { name: 't', arguments: { a: '\u00e9\u20ac' } };
  const body = new ByteText([
    Buffer.from(JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params })),
  ]);
  let given: Answer | undefined;
  const request = new PendingRequest({ id: 1, method: 'tools/call', params, body }, undefined, (one) => {
    given = one;
  });
  await stage.translation.send(request);
  expect(stage.exchanges[0]?.request?.body).toBeInstanceOf(ByteText);
  expect(stage.exchanges[0]?.message.params.arguments).toEqual(params.arguments);
  expect(given?.text).toBeInstanceOf(ByteText);
  expect(JSON.parse(String(given?.text)).result).toEqual({
    content: [{ type: 'text', text: '\u00e9\u20ac' }],
  });
});
