import { describe, expect, test } from 'vitest';
import { limitsFor } from '../../../src/bridge/limits.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

describe('limitsFor [L-23, L-24]', () => {
  const quick = [
    'initialize',
    'tools/list',
    'prompts/list',
    'resources/templates/list',
    'resources/read',
    'resources/subscribe',
    'prompts/get',
    'completion/complete',
    'logging/setLevel',
    'tasks/get',
  ];

  test.each(quick)('%s answers in a minute or not at all', (method) => {
    expect(limitsFor(method, undefined)).toEqual({ answer: MINUTE, stream: MINUTE, total: HOUR });
  });

  test.each(['tools/call', 'tasks/result', 'future/method', 'x/initialize', 'tools/listing', 'initialize/x'])(
    '%s may work for minutes in silence, and for hours with a stream',
    (method) => {
      expect(limitsFor(method, undefined)).toEqual({ answer: 5 * MINUTE, stream: HOUR, total: 24 * HOUR });
    },
  );

  test('a ping is answered soon, whatever is configured [L-07]', () => {
    for (const given of [undefined, HOUR])
      expect(limitsFor('ping', given).answer).toBeLessThanOrEqual(5 * SECOND);
  });

  test('a limit for the beginning of an answer leaves the rest as it is, and so the other way round', () => {
    expect(limitsFor('tools/call', { answer: 7 * SECOND })).toEqual({
      answer: 7 * SECOND,
      stream: HOUR,
      total: 24 * HOUR,
    });
    expect(limitsFor('tools/list', { stream: 24 * HOUR })).toEqual({
      answer: MINUTE,
      stream: 24 * HOUR,
      total: 24 * HOUR,
    });
  });

  test('--request-timeout is the limit for every method and phase', () => {
    for (const method of ['tools/list', 'tools/call'])
      expect(limitsFor(method, 7 * SECOND)).toMatchObject({ answer: 7 * SECOND, stream: 7 * SECOND });
  });
});

describe('limits of the modern methods', () => {
  test.each(['server/discover', 'tasks/get', 'tasks/update', 'tasks/cancel'])(
    '%s answers in a minute or not at all',
    (method) => {
      expect(limitsFor(method, undefined)).toEqual({ answer: MINUTE, stream: MINUTE, total: HOUR });
    },
  );

  test('a subscription is acknowledged soon, and then stays for as long as the client likes [M-65]', () => {
    for (const given of [undefined, 7 * SECOND])
      expect(limitsFor('subscriptions/listen', given)).toEqual({
        answer: given ?? MINUTE,
        stream: Number.POSITIVE_INFINITY,
        total: Number.POSITIVE_INFINITY,
      });
  });
});
