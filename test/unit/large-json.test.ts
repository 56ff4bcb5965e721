import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ByteText } from '../../src/byte-text.ts';
import { parseLargeJson } from '../../src/large-json.ts';

const LONG = 64 * 1024;

/** What routing sees of a value: the same, its long strings empty. Escaped, 64 KiB may be as few as 10,922 characters. */
function withoutLongStrings(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value), (_key, part: unknown) =>
    typeof part === 'string' && part.length > 9_000 ? '' : part,
  );
}

function cut(text: string, sizes: readonly number[]): ByteText {
  const bytes = Buffer.from(text);
  const pieces: Buffer[] = [];
  for (let at = 0, turn = 0; at < bytes.length; turn++) {
    const size = sizes[turn % sizes.length] as number;
    pieces.push(bytes.subarray(at, at + size));
    at += size;
  }
  return new ByteText(pieces);
}

function outcome(parse: () => unknown): unknown {
  try {
    return { value: parse() };
  } catch (error) {
    return (error as Error).name;
  }
}

/** Content of every kind: plain, with escapes, nothing but backslashes, with \u escapes, not ASCII. */
const contents = [
  'plain text ',
  '\\"quoted\\" and \\n',
  '\\\\',
  '\\u00e9\\ud83d\\ude00',
  'é😀ü',
  '\\/\\b\\f\\r\\t',
];
const longString = fc
  .tuple(fc.constantFrom(...contents), fc.integer({ min: LONG, max: 3 * LONG }))
  .map(([content, length]) => content.repeat(Math.ceil(length / content.length)));
const sizes = fc.array(fc.oneof(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 4000, max: 2 * LONG })), {
  minLength: 1,
  maxLength: 4,
});

describe('parseLargeJson', () => {
  it('gives what JSON.parse gives, but for long strings, however the text is cut', () => {
    fc.assert(
      fc.property(longString, fc.json(), sizes, (content, small, cuts) => {
        const text = `{"id":7,"params":{"a":"${content}","b":${small}},"method":"x"}`;
        expect(parseLargeJson(cut(text, cuts))).toEqual(withoutLongStrings(JSON.parse(text)));
      }),
      { numRuns: 60 },
    );
  });

  it('refuses exactly what JSON.parse refuses', () => {
    const faults = ['"', '\\', '\\x', '\\u12', '\\u12g4', '\n', '\u0000', '"}', '{', '\\"', 'é'];
    fc.assert(
      fc.property(
        longString,
        fc.constantFrom(...faults),
        fc.double({ min: 0, max: 1 }),
        sizes,
        (content, fault, where, cuts) => {
          const at = Math.floor(content.length * where);
          const text = `{"id":7,"a":"${content.slice(0, at)}${fault}${content.slice(at)}"}`;
          const expected = outcome(() => withoutLongStrings(JSON.parse(text)));
          expect(outcome(() => parseLargeJson(cut(text, cuts)))).toEqual(expected);
        },
      ),
      { numRuns: 120 },
    );
  });

  it('refuses a text that ends within a string', () => {
    expect(() => parseLargeJson(cut(`{"a":"${'x'.repeat(LONG * 2)}`, [5000]))).toThrow(SyntaxError);
  });

  it('keeps an id and a method of any length', () => {
    const id = 'i'.repeat(2 * LONG);
    expect(parseLargeJson(cut(JSON.stringify({ id, method: 'm' }), [LONG]))).toEqual({ id, method: 'm' });
  });

  it('keeps strings up to the limit', () => {
    const value = { a: 'x'.repeat(LONG - 2), b: ['y'.repeat(1000), 'é'.repeat(1000)] };
    expect(parseLargeJson(cut(JSON.stringify(value), [777]))).toEqual(value);
  });
});

describe('ByteText', () => {
  it('knows UTF-8 whose characters are cut between pieces', () => {
    const bytes = Buffer.from('aé😀b');
    for (let at = 1; at < bytes.length; at++) {
      const text = new ByteText([bytes.subarray(0, at), bytes.subarray(at)]);
      expect(text.isUtf8()).toBe(true);
      expect(text.toString()).toBe('aé😀b');
      expect(text.length).toBe(bytes.length);
    }
  });

  it.each([[[0xff]], [[0xc3]], [[0x61, 0xc3, 0x28]], [[0xed, 0xa0, 0x80]], [[0xc0, 0xaf]]])(
    'refuses %j, which is not UTF-8',
    (bytes) => {
      expect(new ByteText([Buffer.from(bytes)]).isUtf8()).toBe(false);
      expect(new ByteText([Buffer.from('ab'), Buffer.from(bytes)]).isUtf8()).toBe(false);
    },
  );
});
