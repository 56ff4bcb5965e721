import { describe, expect, test } from 'vitest';
import { DrawbridgeError } from '../../../src/errors.ts';
import type { JsonRpcResponse } from '../../../src/jsonrpc.ts';
import { isAnswerTo, Leg } from '../../../src/remote/leg.ts';
import type { Outcome } from '../../../src/remote/transport.ts';
import { ask } from '../helpers/pending.ts';

const response = (id: JsonRpcResponse['id'], result: unknown = {}): JsonRpcResponse => ({
  kind: 'response',
  id,
  result,
});

describe('a leg', () => {
  test("is its request's in all that it has not of its own", () => {
    const { request } = ask('tools/call', { id: 7, params: { name: 'x' } });
    const same = new Leg(request);
    expect([same.id, same.method, same.params, same.body]).toEqual([
      7,
      'tools/call',
      request.params,
      request.body,
    ]);
    const other = new Leg(request, {
      id: 'own',
      method: 'tools/list',
      params: undefined,
      body: '{}',
      mayAskUser: false,
    });
    expect([other.id, other.method, other.params, other.body, other.mayAskUser]).toEqual([
      'own',
      'tools/list',
      undefined,
      '{}',
      false,
    ]);
    expect(new Leg(other).mayAskUser).toBe(false);
  });

  test('keeps its answer from the request; what comes after that is of no interest', async () => {
    const { request, answers } = ask('tools/list');
    const leg = new Leg(request);
    // Some servers never end the stream.
    const sent = new Promise<never>(() => {});
    const ended = leg.ending(sent);
    leg.take('first', response(1));
    leg.take('second', response(1));
    expect(await ended).toEqual({ kind: 'done' });
    expect(await leg.ending(sent)).toEqual({ kind: 'done' });
    expect([leg.answer?.text, leg.settled, request.settled, answers]).toEqual(['first', true, false, []]);
  });

  test('without an answer it ends as sending it does', async () => {
    const error = new DrawbridgeError('unreachable', 'Gone.');
    const outcome: Outcome = { kind: 'failed', error, mayHaveRun: false };
    expect(await new Leg(ask('tools/list').request).ending(Promise.resolve(outcome))).toBe(outcome);
  });

  test('is over with its request, and takes no answer then [M-44]', () => {
    const { request } = ask('tools/list');
    const leg = new Leg(request);
    request.cancel();
    leg.take('late', response(1));
    expect([leg.settled, leg.answer]).toEqual([true, undefined]);
  });

  test('what is no answer goes where that of the leg before it went', () => {
    const heard: string[] = [];
    const outer = new Leg(ask('x').request, { onMessage: (text) => heard.push(text.toString()) });
    new Leg(outer, { id: 'own' }).onMessage?.('{}', { kind: 'notification', method: 'n', params: {} });
    expect(heard).toEqual(['{}']);
    expect(new Leg(ask('x').request).onMessage).toBeUndefined();
  });

  test('tells its request of each sign of life', () => {
    const { request } = ask('x');
    const leg = new Leg(request);
    const before = request.deadline;
    leg.postpone(1_000);
    expect(request.deadline).toBe(before + 1_000);
    leg.challengedAt = 5;
    expect([request.challengedAt, leg.challengedAt]).toEqual([5, 5]);
  });
});

describe('ending an exchange [M-43]', () => {
  test('ending the request ends what is under way for it, however many legs lie between', () => {
    const { request } = ask('x');
    const ended: string[] = [];
    new Leg(new Leg(request)).abort = () => ended.push('inner');
    request.abort?.(new Error('x') as never);
    expect(ended).toEqual(['inner']);
  });

  test('a stream that is closed late leaves the next one tied', () => {
    const { request } = ask('x');
    const [first, second] = [new Leg(request), new Leg(request)];
    const next = () => {};
    first.abort = () => {};
    second.abort = next;
    first.abort = undefined;
    expect(request.abort).toBe(next);
    second.abort = undefined;
    expect(request.abort).toBeUndefined();
  });
});

test.each([
  [1, 1, true],
  [1, '1', true],
  ['1', 1, true],
  [1, null, true],
  [1, 2, false],
  ['a', 'A', false],
])('a request %j: a response of id %j on its exchange answers it: %s [M-32]', (id, of, expected) => {
  expect(isAnswerTo(ask('x', { id }).request, response(of))).toBe(expected);
});
