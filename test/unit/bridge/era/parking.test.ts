import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { bindingOf, canonical, Parking } from '../../../../src/bridge/era/parking.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const released: string[] = [];
const call = (name: string) => ({ name, release: () => void released.push(name) });
afterEach(() => void released.splice(0));

describe('a parked call [B-61] [M-63]', () => {
  test('is given out once, for its own state and request', () => {
    const parking = new Parking<ReturnType<typeof call>>();
    const state = parking.park(call('a'), 'b');
    for (const [given, binding] of [
      [`${state}x`, 'b'],
      [state.slice(1), 'b'],
      [state, 'c'],
      [undefined, 'b'],
      [{ toString: () => state }, 'b'],
    ])
      expect(parking.claim(given, binding as string)).toBeUndefined();
    expect(parking.claim(state, 'b')?.name).toBe('a');
    expect(parking.claim(state, 'b')).toBeUndefined();
    expect(released).toEqual([]);
  });

  test('has a state of 32 random bytes, another each time', () => {
    const parking = new Parking();
    const states = Array.from({ length: 100 }, () => parking.park(call('a'), 'b'));
    expect(new Set(states).size).toBe(100);
    for (const state of states) expect(Buffer.from(state, 'base64url')).toHaveLength(32);
    parking.close();
  });

  test('is given up after ten minutes, when there is no room, and at the end [B-63]', () => {
    const parking = new Parking(undefined, 2);
    const states = ['a', 'b', 'c'].map((name) => parking.park(call(name), 'x'));
    expect(released).toEqual(['a']);
    vi.advanceTimersByTime(10 * 60_000 - 1);
    const last = parking.park(call('d'), 'x');
    expect(released).toEqual(['a', 'b']);
    vi.advanceTimersByTime(1);
    expect(released).toEqual(['a', 'b', 'c']);
    expect(states.map((state) => parking.claim(state, 'x'))).toEqual([undefined, undefined, undefined]);
    parking.close();
    parking.close();
    expect(released).toEqual(['a', 'b', 'c', 'd']);
    expect(parking.claim(last, 'x')).toBeUndefined();
  });
});

describe('what a retry has in common with its request', () => {
  test('is all but what is new with each round', () => {
    const first = { name: 'a', arguments: { x: 1, y: [{ b: 1, a: 2 }] }, _meta: { progressToken: 1 } };
    const retry = {
      inputResponses: {},
      requestState: 's',
      _meta: {},
      arguments: { y: [{ a: 2, b: 1 }], x: 1 },
      name: 'a',
    };
    expect(bindingOf('tools/call', retry)).toBe(bindingOf('tools/call', first));
    expect(bindingOf('prompts/get', retry)).not.toBe(bindingOf('tools/call', first));
    expect(bindingOf('tools/call', undefined)).not.toBe(bindingOf('tools/call', {}));
  });

  test('two values are alike where they differ in the order of keys only', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), (a, b) => {
        const [one, other] = [JSON.parse(JSON.stringify(a)), JSON.parse(JSON.stringify(b))];
        expect(canonical(one) === canonical(other)).toBe(equals(one, other));
        expect(canonical(reversed(one))).toBe(canonical(one));
      }),
    );
  });

  test('values may be nested deeper than calls can be', () => {
    const nest = (inner: string) => JSON.parse(`${'[{"a":'.repeat(20_000)}${inner}${'}]'.repeat(20_000)}`);
    expect(canonical(nest('1'))).toBe(canonical(nest('1')));
    expect(canonical(nest('1'))).not.toBe(canonical(nest('2')));
  });

  test('no key is special', () => {
    expect(canonical(JSON.parse('{"__proto__":1}'))).not.toBe(canonical({}));
    expect(canonical({ pairs: [['a', 1]] })).not.toBe(canonical({ a: 1 }));
  });
});

function equals(a: unknown, b: unknown): boolean {
  try {
    expect(a).toStrictEqual(b);
    return true;
  } catch {
    return false;
  }
}

function reversed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reversed);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).reverse();
  return Object.fromEntries(entries.map(([key, part]) => [key, reversed(part)]));
}
