import { describe, expect, test, vi } from 'vitest';
import type { Call } from '../../../../src/bridge/era/modern-client-call.ts';
import { Parking } from '../../../../src/bridge/era/parking.ts';
import { DrawbridgeError } from '../../../../src/errors.ts';
import type { Session } from '../../../../src/remote/transport.ts';
import { until } from '../../../support/wait.ts';
import {
  type Any,
  allCapabilities,
  error,
  result,
  type Stage,
  setStage,
  settled,
} from '../../helpers/modern-client-stage.ts';

const form = (id: unknown, more: object = {}) => ({
  id,
  method: 'elicitation/create',
  params: { message: 'Name?', requestedSchema: { type: 'object' }, ...more },
});
const sampling = (id: unknown) => ({
  id,
  method: 'sampling/createMessage',
  params: { messages: [], maxTokens: 1 },
});
const accepted = { action: 'accept', content: { name: 'Ada' } };

/** A tool call that the server has asked something in, and its first answer. */
async function parked(stage: Stage, ...questions: object[]) {
  const held = stage.hold('tools/call');
  const asked = stage.ask('tools/call', { name: 'a', arguments: { x: 1 } });
  const upstream = await until('the call', () => held[0]);
  for (const question of questions) stage.server.says(question, upstream);
  const answer = await stage.answered(asked);
  return {
    asked,
    answer,
    upstream: upstream as (typeof held)[0],
    state: answer.result.requestState as string,
  };
}

function retry(stage: Stage, state: unknown, inputResponses: object, more: object = {}) {
  return stage.ask('tools/call', {
    name: 'a',
    arguments: { x: 1 },
    requestState: state,
    inputResponses,
    ...more,
  });
}

const finish = (stage: Stage, upstream: Any) =>
  stage.server.says({ id: upstream.id, result: { content: [] } }, upstream);
const notRunAgain = (outcome: Any) => {
  expect(outcome.error.toJsonRpcError().code).toBe(-32602);
  expect(outcome.error.message).toContain('not run again');
};

describe('a request of the server in the course of a call [B-60]', () => {
  test.each([
    ['tools/call', { name: 'a' }],
    ['prompts/get', { name: 'a' }],
    ['resources/read', { uri: 'a:b' }],
  ])('%s: becomes its answer, and the retry its continuation [M-53]', async (method, params) => {
    const stage = setStage();
    const held = stage.hold(method);
    const asked = stage.ask(method, params);
    await stage.arrived(method);
    stage.server.says(
      form('s1', { elicitationId: 'e', task: {}, _meta: { progressToken: 1, a: 2 } }),
      held[0],
    );
    const { id, result: given } = await stage.answered(asked);
    expect(id).toBe(1);
    expect(given).toMatchObject({
      resultType: 'input_required',
      inputRequests: {
        'request-1': {
          method: 'elicitation/create',
          params: { message: 'Name?', requestedSchema: { type: 'object' }, _meta: { a: 2 } },
        },
      },
      _meta: { 'io.modelcontextprotocol/serverInfo': { name: 's' } },
    });
    expect(Object.keys(given.inputRequests['request-1'].params)).not.toContain('elicitationId');
    expect(given.requestState).toMatch(/^[\w-]{43}$/);
    expect(await asked.ended).toEqual({ kind: 'done' });
    expect(held[0]?.settled).toBe(false);

    const again = stage.ask(method, {
      ...params,
      inputResponses: { 'request-1': accepted },
      requestState: given.requestState,
    });
    await settled();
    expect(stage.server.responseTo('s1').result).toEqual(accepted);
    stage.server.says({ id: held[0]?.id, result: { content: [] } }, held[0]);
    expect((await stage.answered(again)).result.resultType).toBe('complete');
    expect(stage.server.of(method)).toHaveLength(1);
  });

  test('several of one turn go out together, and a later one in another round [B-60]', async () => {
    const stage = setStage();
    const { answer, upstream, state } = await parked(stage, form(1), sampling('1'), {
      id: 2,
      method: 'roots/list',
    });
    expect(Object.keys(answer.result.inputRequests)).toEqual(['request-1', 'request-2', 'request-3']);
    expect(answer.result.inputRequests['request-3']).toEqual({ method: 'roots/list', params: {} });
    const sampled = { role: 'assistant', content: { type: 'text', text: 'x' }, model: 'm' };
    const second = retry(stage, state, {
      'request-1': accepted,
      'request-2': sampled,
      'request-3': { roots: [] },
      'request-9': { a: 1 },
    });
    await settled();
    expect(stage.server.responseTo(1).result).toEqual(accepted);
    expect(stage.server.responseTo('1').result).toEqual(sampled);
    expect(stage.server.responseTo(2).result).toEqual({ roots: [] });
    stage.server.says(form(3), upstream);
    const next = (await stage.answered(second)).result;
    expect(Object.keys(next.inputRequests)).toEqual(['request-4']);
    expect(next.requestState).not.toBe(state);
    const third = retry(stage, next.requestState, { 'request-4': accepted });
    finish(stage, upstream);
    expect((await stage.answered(third)).result.resultType).toBe('complete');
  });

  test('an answer goes up as it was written [B-88]', async () => {
    const stage = setStage();
    const { state } = await parked(stage, form(1));
    const params = `{"name":"a","arguments":{"x":1},"requestState":"${state}","inputResponses":{"request-1":{"action":"accept", "content":{"n":12345678901234567890}}}}`;
    stage.send(`{"jsonrpc":"2.0","id":9,"method":"tools/call","params":${params}}`);
    await settled();
    expect(stage.server.texts.at(-1)).toBe(
      '{"jsonrpc":"2.0","id":1,"result":{"action":"accept", "content":{"n":12345678901234567890}}}',
    );
  });

  test('a final result that came meanwhile is kept for the retry', async () => {
    const stage = setStage();
    const { upstream, state } = await parked(stage, form(1));
    finish(stage, upstream);
    expect(await stage.answered(retry(stage, state, { 'request-1': accepted }))).toMatchObject({
      result: { resultType: 'complete', content: [] },
    });
  });

  test('one that the server takes back before it went out stops nothing; one that is out is not answered', async () => {
    const stage = setStage();
    const withdraw = (requestId: unknown) =>
      stage.server.says({ method: 'notifications/cancelled', params: { requestId } });
    const held = stage.hold('tools/call');
    const asked = stage.ask('tools/call', { name: 'a', arguments: { x: 1 } });
    await stage.arrived('tools/call');
    stage.server.says(form(1), held[0]);
    withdraw(1);
    await settled(40);
    expect(asked.answer).toBeUndefined();
    stage.server.says(form(2), held[0]);
    const { requestState } = (await stage.answered(asked)).result;
    withdraw(2);
    const again = retry(stage, requestState, { 'request-2': accepted });
    await settled();
    expect(stage.server.responseTo(2)).toBeUndefined();
    finish(stage, held[0]);
    expect((await stage.answered(again)).result.resultType).toBe('complete');
  });

  test('progress finds the request that now carries the call, and nobody while it is parked [B-87]', async () => {
    const stage = setStage();
    const held = stage.hold('tools/call');
    const asked = stage.ask('tools/call', { name: 'a' }, allCapabilities, { progressToken: 'p' });
    const { params } = await stage.arrived('tools/call');
    const { progressToken } = params._meta;
    const progress = (value: number) =>
      stage.server.says(
        { method: 'notifications/progress', params: { progressToken, progress: value } },
        held[0],
      );
    progress(1);
    stage.server.says(form(1), held[0]);
    const { requestState } = (await stage.answered(asked)).result;
    progress(2);
    const more = { requestState, inputResponses: { 'request-1': accepted } };
    const again = stage.ask('tools/call', { name: 'a', ...more }, allCapabilities, { progressToken: 5 });
    progress(3);
    finish(stage, held[0]);
    await again.ended;
    progress(4);
    expect(stage.told.map(({ params }) => params)).toEqual([
      { progressToken: 'p', progress: 1 },
      { progressToken: 5, progress: 3 },
    ]);
  });
});

describe('the state [B-61] [M-63]', () => {
  test('one that is unknown, used, of another request or none at all: the tool is not run again', async () => {
    const stage = setStage();
    const { state, upstream } = await parked(stage, form(1));
    const answers = { 'request-1': accepted };
    notRunAgain(await retry(stage, 'guessed', answers).ended);
    notRunAgain(await retry(stage, undefined, answers).ended);
    notRunAgain(await retry(stage, state, answers, { arguments: { x: 2 } }).ended);
    notRunAgain(
      await stage.ask('prompts/get', { name: 'a', arguments: { x: 1 }, requestState: state }).ended,
    );
    const good = retry(stage, state, answers);
    notRunAgain(await retry(stage, state, answers).ended);
    finish(stage, upstream);
    await good.ended;
    notRunAgain(await retry(stage, state, answers).ended);
    expect(stage.server.of('tools/call')).toHaveLength(1);
  });

  test('elsewhere these names are parameters like others', async () => {
    const stage = setStage();
    await stage.get('x/y', { requestState: 'a', inputResponses: {} });
    expect(stage.server.of('x/y')[0].params).toEqual({ requestState: 'a', inputResponses: {} });
  });

  test('a retry without some of the answers is asked for those [B-64]', async () => {
    const stage = setStage();
    const { state } = await parked(stage, form(1), form(2));
    const again = retry(stage, state, { 'request-2': accepted, 'request-1': 'no object' });
    const given = (await stage.answered(again)).result;
    expect(Object.keys(given.inputRequests)).toEqual(['request-1']);
    expect(stage.server.responseTo(2).result).toEqual(accepted);
    expect(stage.server.responseTo(1)).toBeUndefined();
  });
});

describe('nobody comes back [B-63]', () => {
  const expectGivenUp = async (stage: Stage, upstream: Any) => {
    await vi.waitFor(() => expect(stage.server.of('notifications/cancelled')).toHaveLength(1));
    expect(stage.server.responseTo(1).result).toEqual({ action: 'cancel' });
    expect(stage.server.responseTo(2).error.code).toBe(-32603);
    expect(stage.server.of('notifications/cancelled')[0].params.requestId).toBe(upstream.id);
    expect(upstream.settled).toBe(true);
  };

  test('the server is told when the time is over', async () => {
    const stage = setStage({ parking: new Parking<Call>(50) });
    const { state, upstream } = await parked(stage, form(1), sampling(2));
    await expectGivenUp(stage, upstream);
    notRunAgain(await retry(stage, state, {}).ended);
  });

  test('the server is told when others need the room', async () => {
    const stage = setStage({ parking: new Parking<Call>(60_000, 1) });
    const first = await parked(stage, form(1), sampling(2));
    const held = stage.hold('tools/call');
    const asked = stage.ask('tools/call', { name: 'b' });
    await stage.arrived('tools/call', 2);
    stage.server.says(form(3), held[0]);
    await stage.answered(asked);
    await expectGivenUp(stage, first.upstream);
  });

  test('the server is told when the client cancels, before a question goes out and in a retry', async () => {
    const stage = setStage();
    const held = stage.hold('tools/call');
    const asked = stage.ask('tools/call', { name: 'a' });
    await stage.arrived('tools/call');
    stage.server.says(form(1), held[0]);
    stage.server.says(sampling(2), held[0]);
    stage.cancel(asked);
    await expectGivenUp(stage, held[0]);
    expect(await asked.ended).toEqual({ kind: 'done' });
    expect(asked.answer).toBeUndefined();

    const { state, upstream } = await parked(stage, form(7));
    const again = retry(stage, state, { 'request-1': accepted });
    await settled();
    stage.cancel(again);
    await again.ended;
    await vi.waitFor(() => expect(stage.server.of('notifications/cancelled')).toHaveLength(2));
    expect(stage.server.of('notifications/cancelled')[1].params.requestId).toBe(upstream.id);
  });

  test('a request that is cancelled before it has left needs no word', async () => {
    const stage = setStage();
    const asked = stage.ask('tools/call', { name: 'a' });
    stage.cancel(asked);
    expect(await asked.ended).toEqual({ kind: 'done' });
    await settled(20);
    expect(stage.server.of('tools/call')).toHaveLength(0);
    expect(stage.server.of('notifications/cancelled')).toHaveLength(0);
  });
});

describe('a session that is gone [B-62] [B-71]', () => {
  const expired = (stage: Stage) =>
    ({
      kind: 'session-expired',
      session: stage.server.session as Session,
      error: new DrawbridgeError('http-status', 'Gone.'),
    }) as const;

  test('fails what waits for answers, and says that it may have run', async () => {
    const stage = setStage();
    const { state } = await parked(stage, form(1));
    stage.handlers.set('tools/list', () => {
      stage.handlers.delete('tools/list');
      return expired(stage);
    });
    expect((await stage.get('tools/list')).result.resultType).toBe('complete');
    const outcome: Any = await retry(stage, state, { 'request-1': accepted }).ended;
    expect(outcome.error.reason).toBe('session-lost');
    expect(outcome.error.message).toContain('may have run');
    expect(stage.server.of('tools/call')).toHaveLength(1);
    expect(stage.server.responseTo(1)).toBeUndefined();
  });

  test('a request that the server did not take is made in the new one', async () => {
    const stage = setStage();
    stage.handlers.set('tools/call', () => {
      stage.handlers.delete('tools/call');
      return expired(stage);
    });
    expect((await stage.get('tools/call', { name: 'a' })).result.resultType).toBe('complete');
    expect(stage.server.of('initialize')).toHaveLength(2);
  });

  test('an answer that the server does not take fails the call', async () => {
    const stage = setStage();
    const { state } = await parked(stage, form(1));
    stage.server.taken = expired(stage);
    const outcome: Any = await retry(stage, state, { 'request-1': accepted }).ended;
    expect(outcome.kind).toBe('failed');
  });
});

describe('a request of the server that the client can not be asked', () => {
  const asks = async (stage: Stage, method: string, declared: object, question: Any) => {
    const held = stage.hold(method);
    const asked = stage.ask(method, { name: 'a' }, declared);
    await stage.arrived(method);
    stage.server.says(question, held[0]);
    await settled(30);
    const refused = stage.server.responseTo(question.id)?.error?.code;
    if (held[0]) stage.server.says({ id: held[0].id, result: {} }, held[0]);
    await asked.ended;
    return refused;
  };
  const page = {
    id: 1,
    method: 'elicitation/create',
    params: { mode: 'url', url: 'https://a.test', message: 'm' },
  };
  const withTools = { id: 1, method: 'sampling/createMessage', params: { tools: [] } };

  test.each<[string, object, Any, number | undefined]>([
    ['form, none declared', {}, form(1), -32601],
    ['form, with {}', { elicitation: {} }, form(1), undefined],
    ['form, url only', { elicitation: { url: {} } }, form(1), -32602],
    ['page, form only', { elicitation: { form: {} } }, page, -32602],
    ['page, with {}', { elicitation: {} }, page, -32602],
    ['page, declared', { elicitation: { url: {} } }, page, undefined],
    ['sampling, none declared', {}, sampling(1), -32601],
    ['sampling with tools, not declared', { sampling: {} }, withTools, -32602],
    ['sampling with tools, declared', { sampling: { tools: {} } }, withTools, undefined],
    ['roots, none declared', {}, { id: 1, method: 'roots/list' }, -32601],
    ['unknown', allCapabilities, { id: 1, method: 'tasks/get' }, -32601],
  ])('%s [B-58] [M-59] [B-75]', async (_, declared, question, refused) => {
    expect(await asks(setStage(), 'tools/call', declared, question)).toBe(refused);
  });

  test.each<[Any, number]>([
    [form(1), -32602],
    [sampling(1), -32602],
    [{ id: 1, method: 'roots/list' }, -32601],
  ])('in the course of a request that may not ask: refused [M-53] [B-65]', async (question, code) => {
    expect(await asks(setStage(), 'tools/list', allCapabilities, question)).toBe(code);
  });

  test('right after the handshake, or with two calls in flight: refused [B-65]', async () => {
    const stage = setStage();
    await stage.get('server/discover');
    stage.server.says({ id: 1, method: 'roots/list' });
    stage.server.says(form(2));
    stage.hold('tools/call');
    stage.ask('tools/call', { name: 'a' });
    stage.ask('tools/call', { name: 'b' });
    await stage.arrived('tools/call', 2);
    stage.server.says(form(3));
    await settled();
    expect([1, 2, 3].map((id) => stage.server.responseTo(id).error.code)).toEqual([-32601, -32602, -32602]);
  });

  test('without a link to a request it belongs to the only one there is [B-65]', async () => {
    const stage = setStage();
    stage.hold('tools/call');
    stage.hold('tools/list');
    stage.ask('tools/list');
    const asked = stage.ask('tools/call', { name: 'a' });
    await stage.arrived('tools/call');
    stage.server.says(form(1));
    expect((await stage.answered(asked)).result.resultType).toBe('input_required');
  });

  test('a ping is answered', async () => {
    const stage = setStage();
    await stage.get('server/discover');
    stage.server.says({ id: 12, method: 'ping' });
    await settled();
    expect(stage.server.responseTo(12)).toEqual({ jsonrpc: '2.0', id: 12, result: {} });
  });
});

describe('sampled content toward an older server [B-74]', () => {
  test.each<[string, Any, Any]>([
    ['2025-06-18', [{ type: 'text', text: 'x' }], { type: 'text', text: 'x' }],
    ['2025-06-18', { type: 'text', text: 'x' }, { type: 'text', text: 'x' }],
    [
      '2025-06-18',
      [
        { type: 'text', text: 'x' },
        { type: 'text', text: 'y' },
      ],
      undefined,
    ],
    ['2025-06-18', [], undefined],
    ['2025-03-26', { type: 'tool_use' }, undefined],
    ['2025-11-25', [{ type: 'tool_use' }], [{ type: 'tool_use' }]],
  ])('%s: %j', async (protocolVersion, content, expected) => {
    const stage = setStage({ welcome: { protocolVersion } });
    const { state } = await parked(stage, sampling(1));
    retry(stage, state, { 'request-1': { role: 'assistant', content, model: 'm', resultType: 'complete' } });
    await settled();
    const response = stage.server.responseTo(1);
    if (expected === undefined) expect(response.error.code).toBe(-32603);
    else expect(response.result).toEqual({ role: 'assistant', content: expected, model: 'm' });
  });
});

describe('pages that must be visited first [B-68]', () => {
  const needed = error(-32042, {
    elicitations: [
      { mode: 'url', elicitationId: 'e', url: 'https://a.test/', message: 'Sign in' },
      { mode: 'odd' },
    ],
  });
  const demanded = async (stage: Stage, method = 'tools/call') => {
    stage.handlers.set(method, () => needed);
    return stage.get(method, { name: 'a', arguments: { x: 1 } });
  };

  test('are shown, and the call is made again when the user has agreed', async () => {
    const stage = setStage();
    const first = await demanded(stage);
    expect(first.result.inputRequests).toEqual({
      'request-1': {
        method: 'elicitation/create',
        params: { mode: 'url', message: 'Sign in', url: 'https://a.test/' },
      },
    });
    stage.handlers.set('tools/call', () => result({ content: [] }));
    const again = retry(stage, first.result.requestState, { 'request-1': { action: 'accept' } });
    expect((await stage.answered(again)).result.resultType).toBe('complete');
    const [one, two] = stage.server.of('tools/call');
    expect(two.params).toEqual(one.params);
    expect(two.id).not.toBe(one.id);
  });

  test.each(['decline', 'cancel'])('%s ends the call without another', async (action) => {
    const stage = setStage();
    const { requestState } = (await demanded(stage)).result;
    const again = await stage.answered(retry(stage, requestState, { 'request-1': { action } }));
    expect(again.result).toMatchObject({ isError: true, resultType: 'complete' });
    expect(stage.server.of('tools/call')).toHaveLength(1);
    const prompt = (await demanded(stage, 'prompts/get')).result;
    const state = { requestState: prompt.requestState, inputResponses: { 'request-1': { action } } };
    expect(
      (await stage.get('prompts/get', { name: 'a', arguments: { x: 1 }, ...state })).error,
    ).toBeDefined();
  });

  test('not without end', async () => {
    const stage = setStage();
    let answer = await demanded(stage);
    for (let round = 1; round <= 8; round++) {
      const key = `request-${round}`;
      answer = await stage.answered(
        retry(stage, answer.result.requestState, { [key]: { action: 'accept' } }),
      );
    }
    expect(answer.error).toMatchObject({ code: -32603, data: { originalCode: -32042 } });
    expect(stage.server.of('tools/call')).toHaveLength(9);
  });

  test('for a client that can not show them: it lacks a capability', async () => {
    const stage = setStage();
    stage.handlers.set('tools/call', () => needed);
    const answer = await stage.get('tools/call', { name: 'a' }, { elicitation: {} });
    expect(answer.error).toMatchObject({
      code: -32021,
      data: { requiredCapabilities: { elicitation: { url: {} } } },
    });
  });

  test('none in it: an inner error', async () => {
    const stage = setStage();
    stage.handlers.set('tools/call', () => error(-32042, { elicitations: [] }));
    expect((await stage.get('tools/call', { name: 'a' })).error.code).toBe(-32603);
  });
});
