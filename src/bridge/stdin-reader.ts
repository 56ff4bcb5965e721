import type { Readable } from 'node:stream';
import { addPiece, ByteText } from '../byte-text.ts';
import { isMessageId, type MessageId } from '../jsonrpc.ts';

export interface StdinHandlers {
  /** One line without its end, never empty. */
  onLine(line: ByteText): void;
  /** A line over the limit was skipped; `id` is the message's where it could be made out. */
  onOversizedLine(id: MessageId | null, isRequest: boolean): void;
  onEnd(): void;
}

const LF = 10;
const CR = 13;
/** Of a line that is too long, so much of both ends is kept to find the request's id in. */
const KEPT = 4096;

/**
 * Cuts stdin into lines (MCP stdio transport). A line over the limit is let pass without being kept, and the next one
 * is read as if nothing had happened.
 */
export class StdinReader {
  readonly #input: Readable;
  readonly #handlers: StdinHandlers;
  readonly #maxBytes: number;
  #pieces: Buffer[] = [];
  #bytes = 0;
  #skipping: { head: Buffer; tail: Buffer } | undefined;
  #first = true;
  #ended = false;

  /** @param maxBytes the longest line that is taken */
  constructor(input: Readable, maxBytes: number, handlers: StdinHandlers) {
    this.#input = input;
    this.#handlers = handlers;
    this.#maxBytes = maxBytes;
    input.on('data', (chunk: Buffer) => this.#push(chunk));
    input.on('end', () => this.#end());
    // The client died: what it still had to say is not to be had.
    input.on('error', () => this.#end());
    input.on('close', () => this.#end());
  }

  pause(): void {
    this.#input.pause();
  }

  resume(): void {
    this.#input.resume();
  }

  #push(chunk: Buffer): void {
    let start = 0;
    for (let end = chunk.indexOf(LF); end !== -1; end = chunk.indexOf(LF, start)) {
      this.#keep(chunk.subarray(start, end));
      this.#finishLine();
      start = end + 1;
    }
    if (start < chunk.length) this.#keep(chunk.subarray(start));
  }

  #keep(piece: Buffer): void {
    if (this.#skipping) {
      this.#skipping.tail = Buffer.concat([this.#skipping.tail, piece.subarray(-KEPT)]).subarray(-KEPT);
      return;
    }
    addPiece(this.#pieces, piece);
    this.#bytes += piece.length;
    if (this.#bytes <= this.#maxBytes) return;
    const line = Buffer.concat(this.#pieces, this.#bytes);
    this.#skipping = { head: Buffer.from(line.subarray(0, KEPT)), tail: Buffer.from(line.subarray(-KEPT)) };
    this.#pieces = [];
  }

  #finishLine(): void {
    const skipped = this.#skipping;
    if (skipped) {
      this.#skipping = undefined;
      this.#bytes = 0;
      const [start, end] = [skipped.head.toString(), skipped.tail.toString()];
      this.#handlers.onOversizedLine(findId(start, end), /"method"\s*:/.test(start + end));
      return;
    }
    const pieces = this.#pieces;
    this.#pieces = [];
    this.#bytes = 0;
    if (this.#first && (pieces[0]?.length ?? 3) < 3) pieces.splice(0, pieces.length, Buffer.concat(pieces));
    const [head] = pieces;
    // Some Windows programs begin with a byte order mark.
    if (this.#first && head?.[0] === 0xef && head[1] === 0xbb && head[2] === 0xbf)
      pieces[0] = head.subarray(3);
    this.#first = false;
    const tail = pieces[pieces.length - 1];
    if (tail?.[tail.length - 1] === CR) pieces[pieces.length - 1] = tail.subarray(0, -1);
    const isBlank = pieces.every((piece) => piece.every((byte) => byte === 0x20 || byte === 0x09));
    if (!isBlank) this.#handlers.onLine(new ByteText(pieces));
  }

  #end(): void {
    if (this.#ended) return;
    this.#ended = true;
    if (this.#bytes > 0) this.#finishLine(); // a last line without its end
    this.#handlers.onEnd();
  }
}

const STRING = '"(?:[^"\\\\]|\\\\.)*"';
const ID = `"id"\\s*:\\s*(${STRING}|-?\\d+)`;
const HEAD = new RegExp(`^\\s*\\{(?:\\s*"(?:jsonrpc|method)"\\s*:\\s*${STRING}\\s*,)*\\s*${ID}\\s*,`);
const TAIL = new RegExp(`,\\s*${ID}\\s*(?:,\\s*"jsonrpc"\\s*:\\s*"2\\.0"\\s*)?\\}\\s*$`);

/** The id of a message of which only the two ends are known: it stands before the long member or after it. */
function findId(head: string, tail: string): MessageId | null {
  const text = HEAD.exec(head)?.[1] ?? TAIL.exec(tail)?.[1];
  if (text === undefined) return null;
  try {
    const id: unknown = JSON.parse(text);
    return isMessageId(id) ? id : null;
  } catch {
    return null;
  }
}
