import type { ByteText } from './byte-text.ts';
import { isObject } from './jsonrpc.ts';

/** A string of at least this length is content: nothing that a message is routed by is as long. */
const LONG_STRING = 64 * 1024;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const U = 0x75;
const AFTER_BACKSLASH = -1;
/** Content is looked at in windows that grow with the string, so that one that ends soon costs little. */
const SMALLEST_WINDOW = 4096;
const LARGEST_WINDOW = 64 * 1024;
/** What may follow a backslash, beside `u` (RFC 8259 section 7). */
const ESCAPED = new Set(Buffer.from('"\\/bfnrt'));

/**
 * Parses a large message as far as routing needs it: all of it is checked, but long strings come out empty. The rest
 * is left to JSON.parse, which would need three times as long for the whole, and two more copies of it.
 *
 * @param text valid UTF-8
 * @throws SyntaxError as JSON.parse does
 */
export function parseLargeJson(text: ByteText): unknown {
  const skeleton = new Skeleton();
  for (const piece of text.pieces) skeleton.push(piece);
  const value: unknown = JSON.parse(skeleton.end());
  // An id of such a length is odd and allowed.
  return isObject(value) && value.id === '' ? JSON.parse(text.toString()) : value;
}

/** Leaves the long strings of a JSON text out, after looking at every byte of them. */
class Skeleton {
  /** What stays; the last one may still grow. */
  readonly #kept: Buffer[] = [];
  #inString = false;
  /** Where an escape stands that is cut between two pieces. */
  #escape = 0;
  #stringLength = 0;
  /** Where the string that is being read began: the number of pieces kept before it, and the part of its own. */
  #mark: { pieces: number; head: Buffer } = { pieces: 0, head: Buffer.alloc(0) };

  push(piece: Buffer): void {
    let from = 0;
    for (let at = 0; at < piece.length; ) {
      if (this.#inString) {
        const end = this.#readString(piece, at);
        this.#stringLength += end - at;
        if (this.#stringLength > LONG_STRING) {
          this.#cut();
          from = this.#inString ? end : end - 1; // the closing quote stays
        }
        at = end;
      } else {
        const quote = piece.indexOf(QUOTE, at);
        if (quote === -1) break;
        this.#inString = true;
        this.#stringLength = 0;
        this.#mark = { pieces: this.#kept.length, head: piece.subarray(from, quote + 1) };
        at = quote + 1;
      }
    }
    if (from < piece.length) this.#kept.push(piece.subarray(from));
  }

  end(): string {
    if (this.#inString) throw new SyntaxError('A string has no end.');
    return Buffer.concat(this.#kept).toString();
  }

  /** Takes the string that is being read out of what is kept, all but its opening quote. */
  #cut(): void {
    const { pieces, head } = this.#mark;
    if (head.length === 0) return; // its beginning is cut already
    this.#kept.length = pieces;
    this.#kept.push(head);
    this.#mark = { pieces: 0, head: Buffer.alloc(0) };
  }

  /** @returns the index after the closing quote, or up to which the string has been read and goes on */
  #readString(piece: Buffer, start: number): number {
    const window = Math.min(LARGEST_WINDOW, Math.max(SMALLEST_WINDOW, this.#stringLength));
    const end = Math.min(piece.length, start + window);
    if (this.#stringLength >= SMALLEST_WINDOW && this.#escape === 0) {
      const skipped = skipContent(piece, start, end);
      if (skipped > start) return skipped;
    }
    let pending = this.#escape;
    for (let at = start; at < end; at++) {
      const byte = piece[at] as number;
      if (pending !== 0) {
        pending = nextInEscape(pending, byte);
      } else if (byte === QUOTE) {
        this.#inString = false;
        this.#escape = 0;
        return at + 1;
      } else if (byte === BACKSLASH) {
        pending = AFTER_BACKSLASH;
      } else if (byte < 0x20) {
        throw new SyntaxError('A string holds a control character.');
      }
    }
    this.#escape = pending;
    return end;
  }
}

/**
 * Passes over what is nothing but the inside of a string: the engine's own parser looks at it twice as fast as a loop.
 *
 * @returns the index from which on it must be looked at byte by byte
 */
function skipContent(piece: Buffer, start: number, limit: number): number {
  const end = endOfWholeEscapes(piece, start, limit);
  if (end <= start) return start;
  try {
    JSON.parse(`"${piece.toString('latin1', start, end)}"`);
    return end;
  } catch {
    return start; // the string ends here, or is faulty
  }
}

/** @returns an index close to `limit` at which no escape is cut, 6 bytes being the longest */
function endOfWholeEscapes(piece: Buffer, start: number, limit: number): number {
  let end = limit - 6;
  const backslash = piece.indexOf(BACKSLASH, Math.max(start, end - 6));
  if (backslash !== -1 && backslash < end) end = backslash;
  while (end > start && piece[end - 1] === BACKSLASH) end--;
  return end;
}

/** @returns how the escape goes on after this byte: the number of hexadecimal digits to come, 0 where it is over */
function nextInEscape(pending: number, byte: number): number {
  if (pending === AFTER_BACKSLASH) {
    if (byte === U) return 4;
    if (ESCAPED.has(byte)) return 0;
  } else if ((byte >= 0x30 && byte <= 0x39) || ((byte | 0x20) >= 0x61 && (byte | 0x20) <= 0x66)) {
    return pending - 1;
  }
  throw new SyntaxError('A string holds an unknown escape.');
}
