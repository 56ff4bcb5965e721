import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseLargeJson } from '../../src/large-json.ts';
import { byteText } from './helpers/byte-chunks.ts';
import { jsonNodes, jsonSpace } from './helpers/json-document.ts';

const LONG = 70_000;

/** What is to come out: the value of JSON.parse, but for long strings, which are empty. All others here are short. */
function withoutLong(value: unknown): unknown {
  if (typeof value === 'string') return value.length > 1000 ? '' : value;
  if (Array.isArray(value)) return value.map(withoutLong);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, part]) => [withoutLong(key), withoutLong(part)]),
  );
}

const parse = (text: string, places: number[] = []): unknown => parseLargeJson(byteText(text, places));

/** The text of a string that is long in bytes, made of parts that are hard to cut. */
const longString = fc
  .array(
    fc.constantFrom(
      'x',
      'x'.repeat(5000),
      '\\\\',
      '\\"',
      '\\u00e9',
      '\\ud83d\\ude00',
      '\\n',
      '{',
      '\\":',
      'é',
      '😀',
    ),
    {
      minLength: 1,
      maxLength: 6,
    },
  )
  .map((parts) => parts.join(''))
  .map((part) => `"${part.repeat(Math.ceil(LONG / part.length))}"`);

/** Messages with long strings in any place, and cuts near what matters in them. */
const messages = fc
  .record({
    before: jsonNodes,
    key: fc.oneof(fc.constant('"result"'), longString),
    long: longString,
    after: jsonNodes,
    space: jsonSpace,
  })
  .map(
    ({ before, key, long, after, space }) =>
      `{"jsonrpc":"2.0",${space}"a":${before.text},${key}${space}:[${long},${after.text}],"id":7}`,
  );

/** Cuts anywhere, and cuts next to quotes and backslashes. */
const places = fc.array(fc.oneof(fc.nat(200_000), fc.constantFrom(-1, -2, -3, -4, -5, -6)), { maxLength: 8 });

function cutsIn(text: string, given: readonly number[]): number[] {
  return given.map((place) => {
    if (place >= 0) return place;
    const marks = ['"', '\\', '\\u', '\\\\', '\\":', '\\"'];
    return Math.max(0, text.lastIndexOf(marks[-place - 1] as string) - place - 2);
  });
}

describe('a large message', () => {
  test('is what JSON.parse makes of it, but for its long strings, however it is cut', () => {
    fc.assert(
      fc.property(messages, places, (text, given) => {
        expect(parse(text, cutsIn(text, given))).toEqual(withoutLong(JSON.parse(text)));
      }),
      { numRuns: 60 },
    );
  });

  test('is refused where JSON.parse refuses it, and only there', () => {
    const spoil = fc.record({
      at: fc.nat(300_000),
      put: fc.constantFrom(
        '',
        '"',
        '\\',
        '\n',
        '\u0000',
        '\u001f',
        '\\x',
        '\\u12',
        '\\u12G4',
        '{',
        ']',
        ',',
        '\\ud800',
        '\u007f',
      ),
      drop: fc.nat(3),
    });
    const accepted = (run: () => unknown): boolean => {
      try {
        run();
        return true;
      } catch (error) {
        expect(error).toBeInstanceOf(SyntaxError);
        return false;
      }
    };
    fc.assert(
      fc.property(messages, spoil, places, (text, { at, put, drop }, given) => {
        const start = at % (text.length + 1);
        const spoiled = Buffer.from(text.slice(0, start) + put + text.slice(start + drop)).toString();
        expect(accepted(() => parse(spoiled, cutsIn(spoiled, given)))).toBe(
          accepted(() => JSON.parse(spoiled)),
        );
      }),
      { numRuns: 100 },
    );
  });

  const long = 'x'.repeat(LONG);

  test.each([
    ['a long method', `{"jsonrpc":"2.0","id":1,"method":"${long}"}`, { jsonrpc: '2.0', id: 1, method: '' }],
    ['a long id, which is what it is', `{"id":"${long}","a":"${long}"}`, { id: long, a: long }],
    ['an empty id', `{"id":"","a":"${long}"}`, { id: '', a: long }],
    ['the last of two ids', `{"id":1,"a":"${long}","id":2}`, { id: 2, a: '' }],
    [
      '__proto__ as data',
      `{"__proto__":{"a":"${long}"},"id":1}`,
      JSON.parse('{"__proto__":{"a":""},"id":1}'),
    ],
    [
      'strings up to the limit',
      JSON.stringify({ a: 'x'.repeat(64 * 1024 - 2) }),
      { a: 'x'.repeat(64 * 1024 - 2) },
    ],
    ['a long id and a short method', `{"id":"${long}","method":"m"}`, { id: long, method: 'm' }],
    ['a long string alone', `"${long}"`, ''],
  ])('with %s', (_, text, value) => {
    for (const given of [[], [1], [30, 31, 32, 40_000], Array.from({ length: 200 }, (_each, n) => n)])
      expect(parse(text, given)).toEqual(value);
  });

  test('that ends within a string is refused', () => {
    for (const given of [[], [5000], [5, 69_000]]) {
      expect(() => parse(`{"a":"${long}`, given)).toThrow(SyntaxError);
      expect(() => parse(`{"a":"${long}\\"`, given)).toThrow(SyntaxError);
    }
  });

  test('with a long string that ends in backslashes, cut at each of them', () => {
    for (const count of [1, 2, 3, 7, 8]) {
      const text = `{"a":"${long}${'\\\\'.repeat(count)}","id":1}`;
      for (let back = 0; back < 30; back++)
        expect(parse(text, [text.length - back])).toEqual({ a: '', id: 1 });
    }
  });

  test('that is nothing but backslashes', () => {
    const text = `["${'\\\\'.repeat(LONG)}"]`;
    for (const given of [[], [LONG], [LONG + 1], [3, 5000, 5001, 20_000]])
      expect(parse(text, given)).toEqual(['']);
    for (const given of [[], [LONG], [LONG + 1]])
      expect(() => parse(`["${'\\'.repeat(LONG + 1)}"]`, given)).toThrow(SyntaxError);
  });
});

describe('the time it takes [100]', () => {
  const rows = (size: number, name: string) =>
    JSON.stringify({
      id: 1,
      result: Array.from({ length: size / 40 }, (_, id) => ({ id, name: `${name} ${id}`, tag: 'abc' })),
    });

  test.each([
    ['many short strings', rows(200_000, 'row')],
    ['many short strings that are not ASCII, so that it is one piece', rows(200_000, 'größe')],
    ['many strings with escapes', rows(200_000, '\\"')],
    ['one long string', JSON.stringify({ a: 'x'.repeat(2_000_000) })],
    ['one long string of escapes', JSON.stringify({ a: '"\\\n'.repeat(400_000) })],
  ])('is about that of JSON.parse for %s', (_, text) => {
    const pieces = byteText(
      text,
      Array.from({ length: text.length / 65_536 }, (_each, n) => n * 65_536),
    );
    pieces.isUtf8();
    const before = performance.now();
    parseLargeJson(pieces);
    expect(performance.now() - before).toBeLessThan(300);
  });
});
