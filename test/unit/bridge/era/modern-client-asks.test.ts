import { expect, test } from 'vitest';
import { Asks } from '../../../../src/bridge/era/modern-client-asks.ts';

function add(asks: Asks, id: number, message = ''): boolean {
  const method = 'elicitation/create';
  const params = { message };
  const text = JSON.stringify({ jsonrpc: '2.0', id, method, params });
  return asks.add(text, { kind: 'request', id, method, params });
}

test('so many requests of the server are open at a time, and no more [B-60]', () => {
  const asks = new Asks();
  const added = Array.from({ length: 70 }, (_, id) => add(asks, id));
  expect(added.filter(Boolean)).toHaveLength(64);
  expect(asks.withdraw(3)).toBe(true);
  expect(add(asks, 100)).toBe(true);
});

test('so much text may they have together, and one alone may have more [B-60]', () => {
  const large = 'x'.repeat(30 * 1024 * 1024);
  const asks = new Asks();
  expect([0, 1, 2].map((id) => add(asks, id, large))).toEqual([true, true, false]);
  expect(add(asks, 3)).toBe(true);
  expect(add(new Asks(), 0, large.repeat(3))).toBe(true);
});
