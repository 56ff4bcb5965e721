import { isUtf8 } from 'node:buffer';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { addPiece, ByteText } from '../../src/byte-text.ts';
import { byteText, cuts } from './helpers/byte-chunks.ts';

describe('text in pieces of bytes', () => {
  test('is the same text, of the same size, however it is cut', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 40 }), cuts, (text, places) => {
        const whole = Buffer.from(text);
        const pieces = byteText(text, places);
        expect([pieces.toString(), pieces.length]).toEqual([whole.toString(), whole.length]);
      }),
    );
  });

  test('is valid UTF-8 or not, however it is cut; where it is, no character is cut afterwards [84]', () => {
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 20 }).map((array) => Buffer.from(array)),
      fc.string({ unit: 'grapheme', maxLength: 20 }).map((text) => Buffer.from(text)),
    );
    fc.assert(
      fc.property(bytes, cuts, (whole, places) => {
        const text = byteText(whole, places);
        expect(text.isUtf8()).toBe(isUtf8(whole));
        if (isUtf8(whole)) expect(text.pieces.every((piece) => isUtf8(piece))).toBe(true);
        expect(Buffer.concat(text.pieces)).toEqual(whole);
        expect(text.length).toBe(whole.length);
      }),
      { numRuns: 500 },
    );
  });

  test('may be of no piece at all', () => {
    const text = new ByteText([]);
    expect([text.toString(), text.length, text.isUtf8()]).toEqual(['', 0, true]);
  });
});

describe('gathering pieces', () => {
  test('keeps every byte in its place', () => {
    const piece = fc.oneof(fc.integer({ min: 0, max: 20 }), fc.integer({ min: 900, max: 3000 }));
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 30 }), (sizes) => {
        const pieces: Buffer[] = [];
        const all = sizes.map((size, index) => Buffer.alloc(size, index));
        for (const each of all) addPiece(pieces, each);
        expect(Buffer.concat(pieces)).toEqual(Buffer.concat(all));
      }),
    );
  });

  test('a small piece does not hold on to the large chunk that it was cut from [80]', () => {
    const pieces: Buffer[] = [];
    const chunk = Buffer.alloc(1024 * 1024, 'x');
    for (let at = 0; at < 5000; at++) addPiece(pieces, chunk.subarray(at, at + 1));
    expect(pieces.length).toBeLessThan(10);
    expect(pieces.every(({ buffer }) => buffer !== chunk.buffer)).toBe(true);
  });

  test('a large piece is not copied', () => {
    const pieces: Buffer[] = [];
    const piece = Buffer.alloc(100_000);
    addPiece(pieces, piece);
    expect(pieces[0]).toBe(piece);
  });
});
