import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { classify, isMessageId, isObject } from '../../src/jsonrpc.ts';

/** Parsed, as every message is before it is classified: literals would not show what `__proto__` does. */
const of = (json: string) => classify(JSON.parse(json));

describe('classify', () => {
  test.each([
    ['{"jsonrpc":"2.0","id":1,"method":"ping"}', { id: 1, method: 'ping', params: undefined }],
    ['{"jsonrpc":"2.0","id":"a","method":"x","params":{"b":1}}', { id: 'a', method: 'x', params: { b: 1 } }],
    ['{"jsonrpc":"2.0","id":"","method":""}', { id: '', method: '', params: undefined }],
    ['{"jsonrpc":"2.0","id":0,"method":"x","params":[1]}', { id: 0, method: 'x', params: [1] }],
    ['{"jsonrpc":"2.0","id":-5,"method":"x","params":null}', { id: -5, method: 'x', params: null }],
    ['{"jsonrpc":"2.0","id":9007199254740991,"method":"x"}', { id: 2 ** 53 - 1, method: 'x' }],
    ['{"jsonrpc":"2.0","id":1,"method":"future/thing","new":true}', { id: 1, method: 'future/thing' }],
  ])('%s is a request', (json, expected) => {
    expect(of(json)).toMatchObject({ kind: 'request', ...expected });
  });

  test.each([
    ['{"jsonrpc":"2.0","method":"notifications/initialized"}', 'notifications/initialized'],
    ['{"jsonrpc":"2.0","method":"x","params":{}}', 'x'],
    // What looks like a request only through a prototype is none.
    ['{"jsonrpc":"2.0","method":"x","__proto__":{"id":1}}', 'x'],
  ])('%s is a notification', (json, method) => {
    expect(of(json)).toMatchObject({ kind: 'notification', method });
  });

  test.each([
    ['{"jsonrpc":"2.0","id":1,"result":{}}', { id: 1, result: {} }],
    ['{"jsonrpc":"2.0","id":"a","result":null}', { id: 'a', result: null }],
    [
      '{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"m"}}',
      { id: 1, error: { code: 1, message: 'm' } },
    ],
    ['{"jsonrpc":"2.0","id":null,"error":{"code":1,"message":"m"}}', { id: null }],
    ['{"jsonrpc":"2.0","error":{"code":1,"message":"m"}}', { id: null }],
  ])('%s is a response', (json, expected) => {
    expect(of(json)).toMatchObject({ kind: 'response', ...expected });
  });

  test.each([
    ['null', null, 'not a JSON object'],
    ['7', null, 'not a JSON object'],
    ['"x"', null, 'not a JSON object'],
    ['[]', null, 'not a JSON object'],
    ['{}', null, '"jsonrpc"'],
    ['{"id":1,"method":"x"}', 1, '"jsonrpc"'],
    ['{"jsonrpc":2.0,"id":1,"method":"x"}', 1, '"jsonrpc"'],
    ['{"jsonrpc":"1.0","id":"a","method":"x"}', 'a', '"jsonrpc"'],
    ['{"jsonrpc":"2.0","id":1,"method":7}', 1, '"method"'],
    ['{"jsonrpc":"2.0","id":1,"method":null}', 1, '"method"'],
    ['{"jsonrpc":"2.0","id":1,"method":"x","params":"y"}', 1, '"params"'],
    ['{"jsonrpc":"2.0","id":1,"method":"x","params":0}', 1, '"params"'],
    ['{"jsonrpc":"2.0","id":1,"method":"x","result":{}}', 1, 'both'],
    ['{"jsonrpc":"2.0","id":1,"method":"x","error":{}}', 1, 'both'],
    ['{"jsonrpc":"2.0","id":null,"method":"x"}', null, '"id"'],
    ['{"jsonrpc":"2.0","id":1.5,"method":"x"}', null, '"id"'],
    ['{"jsonrpc":"2.0","id":true,"method":"x"}', null, '"id"'],
    ['{"jsonrpc":"2.0","id":{},"method":"x"}', null, '"id"'],
    ['{"jsonrpc":"2.0","id":[1],"method":"x"}', null, '"id"'],
    ['{"jsonrpc":"2.0","id":9007199254740992,"method":"x"}', null, '"id"'],
    ['{"jsonrpc":"2.0","id":1}', 1, 'neither a method'],
    ['{"jsonrpc":"2.0","id":1,"result":{},"error":{}}', 1, 'neither a method'],
    ['{"jsonrpc":"2.0","id":1.5,"result":{}}', null, '"id"'],
    ['{"jsonrpc":"2.0","id":false,"error":{}}', null, '"id"'],
    ['{"__proto__":{"jsonrpc":"2.0"},"id":1,"method":"x"}', 1, '"jsonrpc"'],
  ])('%s is invalid, to be answered with id %s [82, 83, L-10]', (json, id, problem) => {
    const message = of(json);
    expect(message).toMatchObject({ kind: 'invalid', id });
    expect(message.kind === 'invalid' && message.problem).toContain(problem);
  });

  test('takes any JSON value without throwing, and gives ids that can be answered with [82]', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.jsonValue(),
          fc.record(
            {
              jsonrpc: fc.constantFrom<unknown>('2.0', '1.0', 2),
              id: fc.jsonValue(),
              method: fc.jsonValue(),
              params: fc.jsonValue(),
              result: fc.jsonValue(),
              error: fc.jsonValue(),
            },
            { requiredKeys: [] },
          ),
        ),
        (value) => {
          const message = classify(value);
          expect(['request', 'notification', 'response', 'invalid']).toContain(message.kind);
          if ('id' in message && message.id !== null) expect(isMessageId(message.id)).toBe(true);
          if (message.kind === 'request') expect(isObject(value) && value.id).toBe(message.id);
        },
      ),
    );
  });
});

test.each([
  [{}, true],
  [{ a: 1 }, true],
  [null, false],
  [[], false],
  ['x', false],
  [undefined, false],
])('isObject(%j) is %s', (value, expected) => {
  expect(isObject(value)).toBe(expected);
});
