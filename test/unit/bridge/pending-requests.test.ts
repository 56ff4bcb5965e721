import { describe, expect, test, vi } from 'vitest';
import {
  type Answer,
  errorAnswer,
  PendingRequest,
  PendingRequests,
} from '../../../src/bridge/pending-requests.ts';
import { DrawbridgeError } from '../../../src/errors.ts';
import { askModern } from '../helpers/modern-stage.ts';
import { ask, resultAnswer } from '../helpers/pending.ts';

const timeout = new DrawbridgeError('timeout', 'Too late.');

describe('one answer for each request [87]', () => {
  const ways = {
    answer: ({ request }: ReturnType<typeof ask>) => request.answer(resultAnswer(1, 'a')),
    fail: ({ request }: ReturnType<typeof ask>) => request.fail(timeout),
    failRemotely: ({ request }: ReturnType<typeof ask>) => request.failRemotely('{"code":7,"message":"m"}'),
    cancel: ({ request }: ReturnType<typeof ask>) => request.cancel(),
  };

  for (const [first, doFirst] of Object.entries(ways)) {
    for (const [second, doSecond] of Object.entries(ways)) {
      test(`after ${first}, ${second} has no effect`, () => {
        const asked = ask('tools/list');
        doFirst(asked);
        expect(asked.request.settled).toBe(true);
        const answers = [...asked.answers];
        expect(answers).toHaveLength(1);
        doSecond(asked);
        expect(asked.answers).toEqual(answers);
      });
    }
  }

  test('a failure ends what is under way, after the client has its answer', () => {
    const asked = ask('tools/list');
    const abort = vi.fn(() => expect(asked.answers).toHaveLength(1));
    asked.request.abort = abort;
    asked.request.fail(timeout);
    expect(abort).toHaveBeenCalledExactlyOnceWith(timeout);
  });

  test('a second failure ends nothing', () => {
    const { request } = ask('tools/list');
    request.answer(resultAnswer(1, {}));
    request.abort = vi.fn();
    request.fail(timeout);
    expect(request.abort).not.toHaveBeenCalled();
  });
});

describe('whoever waits for the end of a request', () => {
  test.each(Object.keys({ answer: 1, fail: 1, cancel: 1 }))('is told of it: %s', async (way) => {
    const { request } = ask('initialize');
    let ended = false;
    const waiting = request.whenSettled().then(() => {
      ended = true;
    });
    await Promise.resolve();
    expect(ended).toBe(false);
    if (way === 'answer') request.answer(resultAnswer(1, {}));
    else if (way === 'fail') request.fail(timeout);
    else request.cancel();
    await waiting;
    await request.whenSettled();
  });
});

describe('what the answers say', () => {
  test("an error of the bridge's own names itself, under the id of the request", () => {
    const { request, answers } = ask('tools/list', { id: 'a' });
    request.fail(timeout);
    expect(answers).toEqual([
      {
        jsonrpc: '2.0',
        id: 'a',
        error: {
          code: -31000,
          message: 'Too late.',
          data: { source: 'mcp-drawbridge', reason: 'timeout' },
        },
      },
    ]);
  });

  test('an error of the remote goes through as it is, on one line, with the id of the request [85, M-32]', () => {
    const given: Answer[] = [];
    const request = new PendingRequest({ id: '9', method: 'x', body: '{}' }, undefined, (answer) => {
      if (answer) given.push(answer);
    });
    request.failRemotely('{ "code":-32000,\r\n"message":"m","data":{"n":12345678901234567890} }');
    expect(given.map(({ text }) => text)).toEqual([
      '{"jsonrpc":"2.0","id":"9","error":{ "code":-32000,  "message":"m","data":{"n":12345678901234567890} }}',
    ]);
    expect(given[0]?.message).toMatchObject({ kind: 'response', id: '9', error: { code: -32000 } });
  });

  test.each(['unauthorized', 'token-command-failed'] as const)(
    'a tool call that fails as %s is a tool result, so that the model reads it',
    (reason) => {
      const error = new DrawbridgeError(reason, 'Sign in first.');
      expect(JSON.parse(errorAnswer(1, error, 'tools/call').text.toString())).toEqual({
        jsonrpc: '2.0',
        id: 1,
        result: { content: [{ type: 'text', text: 'Sign in first.' }], isError: true },
      });
      expect(errorAnswer(1, error, 'tools/list').message).toHaveProperty('error');
    },
  );

  test('a tool call that fails otherwise is an error', () => {
    expect(errorAnswer(1, timeout, 'tools/call').message).toHaveProperty('error');
    expect(errorAnswer(null, timeout).message).toMatchObject({ id: null });
  });

  test('text and parsed message say the same', () => {
    for (const { text, message } of [errorAnswer(1, timeout), errorAnswer('x', timeout, 'tools/call')]) {
      const { kind: _, ...parts } = message;
      expect(JSON.parse(text.toString())).toEqual({ jsonrpc: '2.0', ...parts });
    }
  });
});

describe('the requests in flight', () => {
  test('a string and a number are different ids', () => {
    const pending = new PendingRequests();
    const number = ask('x', { id: 1 }).request;
    const text = ask('x', { id: '1' }).request;
    pending.add(number);
    pending.add(text);
    expect([pending.size, pending.get(1), pending.get('1')]).toEqual([2, number, text]);
    pending.remove(number);
    expect([pending.size, pending.get(1), pending.get('1')]).toEqual([1, undefined, text]);
  });

  test('can be gone through while they are being removed', () => {
    const pending = new PendingRequests();
    for (let id = 0; id < 5; id++) pending.add(ask('x', { id }).request);
    const seen = [];
    for (const request of pending) {
      seen.push(request.id);
      pending.remove(request);
    }
    expect([seen, pending.size]).toEqual([[0, 1, 2, 3, 4], 0]);
  });

  test('removing one that was replaced leaves the other', () => {
    const pending = new PendingRequests();
    const [before, after] = [ask('x').request, ask('x').request];
    pending.add(before);
    pending.add(after);
    pending.remove(before);
    expect(pending.get(1)).toBe(after);
  });

  const withToken = (progressToken: unknown, more: object = {}) =>
    ask('tools/call', { params: { _meta: { progressToken }, ...more } }).request;

  test.each(['token', 7, 0, ''])('the progress token %j is known while its request runs [L-32]', (token) => {
    const pending = new PendingRequests();
    const request = withToken(token);
    expect(pending.hasProgressToken(token)).toBe(false);
    pending.add(request);
    expect(pending.hasProgressToken(token)).toBe(true);
    expect(pending.hasProgressToken(typeof token === 'number' ? `${token}` : Number(token))).toBe(false);
    pending.remove(request);
    expect(pending.hasProgressToken(token)).toBe(false);
  });

  test.each([undefined, null, {}, [], true])('%j is no progress token', (token) => {
    const pending = new PendingRequests();
    pending.add(withToken(token));
    expect(pending.hasProgressToken(token)).toBe(false);
  });

  test('two requests with one token: it is known until the later one ends', () => {
    const pending = new PendingRequests();
    const [one, two] = [withToken('t'), withToken('t')];
    pending.add(one);
    pending.add(two);
    pending.remove(one);
    expect(pending.hasProgressToken('t')).toBe(true);
    pending.remove(two);
    expect(pending.hasProgressToken('t')).toBe(false);
  });

  test('the token of a task is known after its request, which only began it; a bounded number of them', () => {
    const pending = new PendingRequests();
    const add = (token: string): void => {
      const request = withToken(token, { task: {} });
      pending.add(request);
      pending.remove(request);
    };
    add('first');
    expect(pending.hasProgressToken('first')).toBe(true);
    for (let n = 0; n < 1024; n++) add(`t${n}`);
    expect(pending.hasProgressToken('first')).toBe(false);
    expect(pending.hasProgressToken('t1023')).toBe(true);
  });
});

describe('a request of a modern client', () => {
  const revision = 'io.modelcontextprotocol/protocolVersion';

  test.each([
    [{ _meta: { [revision]: '2026-07-28' } }, true],
    [{ _meta: { [revision]: '2099-01-01' } }, true],
    [{ _meta: { [revision]: null } }, true],
    [{ _meta: {} }, false],
    [{ _meta: null }, false],
    [{ _meta: [revision] }, false],
    [{ [revision]: '2026-07-28' }, false],
    [[], false],
    [undefined, false],
  ])('is told by what it says itself: %j [B-01, B-08]', (params, expected) => {
    expect(ask('tools/list', { params }).request.isModern).toBe(expected);
  });

  test('stays open only where it is a subscription, and modern [M-64]', () => {
    expect(askModern('subscriptions/listen').request.isLasting).toBe(true);
    expect(askModern('tools/call').request.isLasting).toBe(false);
    expect(ask('subscriptions/listen', { params: {} }).request.isLasting).toBe(false);
  });

  test('that is dropped gets no answer, and its exchange ends [M-42, M-44]', () => {
    const { request, answers } = askModern('tools/call');
    request.abort = vi.fn(() => expect(request.settled).toBe(true));
    request.drop(timeout);
    request.answer(resultAnswer(1, {}));
    expect(answers).toEqual([undefined]);
    expect(request.abort).toHaveBeenCalledExactlyOnceWith(timeout);
    askModern('tools/call').request.drop(timeout); // nothing is under way
  });
});
