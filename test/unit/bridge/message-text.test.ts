import { describe, expect, test } from 'vitest';
import { cancelled, createIdMaker, pong, withoutNullParams } from '../../../src/bridge/message-text.ts';
import type { JsonRpcNotification } from '../../../src/jsonrpc.ts';
import { byteText } from '../helpers/byte-chunks.ts';

describe('withoutNullParams', () => {
  const mend = (line: string): string => {
    const { method, params } = JSON.parse(line);
    const message: JsonRpcNotification = { kind: 'notification', method, params };
    expect(withoutNullParams(message, line)).toBe(withoutNullParams(message, byteText(line)).toString());
    return withoutNullParams(message, line).toString();
  };

  test.each([
    ['{"jsonrpc":"2.0","method":"x","params":null}', '{"jsonrpc":"2.0","method":"x","params":{}}'],
    ['{ "params" : null , "method":"x", "n":1e400 }', '{ "params" : {} , "method":"x", "n":1e400 }'],
    ['{"method":"é","p\\u0061rams":null}', '{"method":"é","p\\u0061rams":{}}'],
  ])('%s becomes %s', (line, expected) => {
    expect(mend(line)).toBe(expected);
  });

  test.each([
    '{"method":"x"}',
    '{"method":"x","params":{"params":null}}',
    '{"params":null,"method":"x","params":{}}',
    '{"method":"x","params":[null]}',
  ])('%s stays as it is [85]', (line) => {
    expect(mend(line)).toBe(line);
  });
});

test('a pong is an empty result, and its text says what its message says [L-07]', () => {
  const { text, message } = pong('a');
  expect(JSON.parse(text.toString())).toEqual({ jsonrpc: '2.0', id: 'a', result: {} });
  expect(message).toEqual({ kind: 'response', id: 'a', result: {} });
});

test('cancellations name the request [L-23, L-54]', () => {
  expect(JSON.parse(cancelled(7, 'because'))).toEqual({
    jsonrpc: '2.0',
    method: 'notifications/cancelled',
    params: { requestId: 7, reason: 'because' },
  });
});

test("ids of the bridge's own are unlike any other, and unlike each other [86]", () => {
  const makers = [createIdMaker(), createIdMaker()];
  const ids = makers.flatMap((make) => [make(), make(), make()]);
  expect(new Set(ids).size).toBe(6);
  for (const id of ids) expect(id).toMatch(/^drawbridge-[0-9a-f-]{36}-[1-3]$/);
});
