import { isAscii, isUtf8 } from 'node:buffer';

/** From this size on a message is passed on as the bytes that came; below, text is cheaper to gather and write. */
export const LARGE_MESSAGE = 64 * 1024;

/**
 * Text that is kept as the bytes it came in, in as many pieces: to join 16 MiB, or to make a string of them, takes as
 * long as to receive them.
 */
export class ByteText {
  /** The size in bytes. */
  readonly length: number;
  #pieces: readonly Buffer[];

  constructor(pieces: readonly Buffer[]) {
    this.#pieces = pieces;
    this.length = pieces.reduce((sum, piece) => sum + piece.length, 0);
  }

  get pieces(): readonly Buffer[] {
    return this.#pieces;
  }

  /** Whether it is valid UTF-8; after a true answer no character is cut between two pieces. */
  isUtf8(): boolean {
    if (this.#pieces.length > 1 && !this.#pieces.every(isAscii)) this.#pieces = [this.#join()];
    return this.#pieces.length !== 1 || isUtf8(this.#pieces[0] as Buffer);
  }

  /** The text; what is not valid UTF-8 comes out as replacement characters. */
  toString(): string {
    return this.#join().toString();
  }

  #join(): Buffer {
    return this.#pieces.length === 1 ? (this.#pieces[0] as Buffer) : Buffer.concat(this.#pieces, this.length);
  }
}

const SMALL_PIECE = 1024;

/** Adds a piece to others; small ones are joined, since each would keep the whole chunk that it was cut from. */
export function addPiece(pieces: Buffer[], piece: Buffer): void {
  if (piece.length === 0) return;
  const last = pieces[pieces.length - 1];
  if (last && last.length + piece.length <= SMALL_PIECE)
    pieces[pieces.length - 1] = Buffer.concat([last, piece]);
  else pieces.push(piece.length <= SMALL_PIECE ? Buffer.from(piece) : piece);
}

/** The text of a message: as a string, or as the bytes of a large one. */
export type MessageText = string | ByteText;
