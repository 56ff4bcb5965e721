import { describe, expect, test } from 'vitest';
import { Batch } from '../../../src/bridge/batch.ts';
import { byteText } from '../helpers/byte-chunks.ts';
import { resultAnswer } from '../helpers/pending.ts';

function makeBatch() {
  const lines: string[] = [];
  return { lines, batch: new Batch((line) => lines.push(line)) };
}

describe('the answers to a batch [L-63, L-65]', () => {
  test('come as one line, when all are there, in the order in which they came', () => {
    const { lines, batch } = makeBatch();
    const [one, two, three] = [batch.expect(), batch.expect(), batch.expect()];
    batch.complete();
    three(resultAnswer(3, 'c'));
    one(resultAnswer(1, 'a'));
    expect(lines).toEqual([]);
    two(resultAnswer(2, 'b'));
    expect(lines).toHaveLength(1);
    expect(JSON.parse(lines[0] as string)).toEqual([
      { jsonrpc: '2.0', id: 3, result: 'c' },
      { jsonrpc: '2.0', id: 1, result: 'a' },
      { jsonrpc: '2.0', id: 2, result: 'b' },
    ]);
  });

  test('wait until the batch is read to its end, also where all are there before', () => {
    const { lines, batch } = makeBatch();
    batch.expect()(resultAnswer(1, {}));
    expect(lines).toEqual([]);
    batch.expect()(resultAnswer(2, {}));
    batch.complete();
    expect(JSON.parse(lines[0] as string)).toHaveLength(2);
  });

  test('do not wait for a request that was cancelled', () => {
    const { lines, batch } = makeBatch();
    const [one, two] = [batch.expect(), batch.expect()];
    batch.complete();
    one(undefined);
    two(resultAnswer(2, {}));
    expect(JSON.parse(lines[0] as string)).toHaveLength(1);
  });

  test('are no line at all where there is none: notifications only', () => {
    const { lines, batch } = makeBatch();
    const one = batch.expect();
    batch.complete();
    one(undefined);
    expect(lines).toEqual([]);
  });

  test('keep their text byte for byte [85]', () => {
    const { lines, batch } = makeBatch();
    const text = '{ "jsonrpc":"2.0","id":1, "result":{"n":12345678901234567890} }';
    batch.expect()({ text: byteText(text, [20]), message: { kind: 'response', id: 1 } });
    batch.complete();
    expect(lines).toEqual([`[${text}]`]);
  });
});
