import fc from 'fast-check';
import { ByteText, type MessageText } from '../../../src/byte-text.ts';

/** Places to cut a piece of bytes at; `cutAt` takes them modulo its length. */
export const cuts: fc.Arbitrary<number[]> = fc.array(fc.nat(2000), { maxLength: 12 });

/** Cuts bytes at any places; some chunks may be empty. */
export function cutAt(bytes: Buffer, places: readonly number[]): Buffer[] {
  const ends = [...places.map((place) => place % (bytes.length + 1)), bytes.length].sort((a, b) => a - b);
  return ends.map((end, index) => bytes.subarray(ends[index - 1] ?? 0, end));
}

/** The same as a message of bytes, in as many pieces. */
export function byteText(text: string | Buffer, places: readonly number[] = []): ByteText {
  return new ByteText(cutAt(Buffer.from(text), places));
}

/** The bytes of a message. */
export function bytesOf(text: MessageText): Buffer {
  return typeof text === 'string' ? Buffer.from(text) : Buffer.concat(text.pieces);
}
