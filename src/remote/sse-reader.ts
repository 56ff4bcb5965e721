import { addPiece, ByteText, type MessageText } from '../byte-text.ts';
import { DrawbridgeError } from '../errors.ts';

export interface ServerSentEvent {
  /** The event's type; "message" where the stream names none. */
  type: string;
  /** Text, or the bytes of it where they are many. */
  data: MessageText;
  /** The last event id of the stream at this event; undefined before the first. */
  id: string | undefined;
}

export interface SseReaderOptions {
  onEvent: (event: ServerSentEvent) => void;
  /** Called with the milliseconds of a `retry:` field. */
  onRetry?: (milliseconds: number) => void;
  /** An event larger than this many bytes fails the stream. */
  maxEventBytes: number;
}

const LF = 10;
const CR = 13;
/** A line that is longer than this is kept as bytes: making text of it and bytes again takes longer than reading it. */
const LONG_LINE = 256 * 1024;

/**
 * Reads server-sent events (WHATWG HTML, section 9.2.6).
 *
 * Bytes are looked at once, for line ends, and decoded once for all the whole lines of a chunk; an unfinished line is
 * kept as it came. A parser that joins strings chunk by chunk takes 25 times as long for an event of 16 MiB.
 */
export class SseReader {
  readonly #options: SseReaderOptions;
  #unfinished: Buffer[] = [];
  #unfinishedBytes = 0;
  #atStart = true;
  #endedWithCr = false;
  #type = '';
  #data: MessageText | undefined;
  #dataLength = 0;
  #id: string | undefined;
  /** An id counts when its event is whole: resuming by that of a broken one would skip it. */
  #nextId: string | undefined;

  constructor(options: SseReaderOptions) {
    this.#options = options;
  }

  /** @throws DrawbridgeError `too-large` */
  push(chunk: Buffer): void {
    const end = Math.max(chunk.lastIndexOf(LF), chunk.lastIndexOf(CR)) + 1;
    if (end === 0) return this.#keep(chunk);
    const lines = this.#finish(chunk.subarray(0, end));
    this.#readLines(lines.toString());
    if (end < chunk.length) this.#keep(chunk.subarray(end));
  }

  /** @returns whole lines: what was unfinished, with what ends it */
  #finish(head: Buffer): Buffer {
    const pieces = this.#unfinished;
    if (pieces.length === 0) return head;
    const isLong = this.#unfinishedBytes > LONG_LINE && pieces[0]?.toString('latin1', 0, 6) === 'data: ';
    this.#unfinished = [];
    this.#unfinishedBytes = 0;
    if (!isLong || this.#data !== undefined) return Buffer.concat([...pieces, head]);
    const lineEnd = head.findIndex((byte) => byte === LF || byte === CR);
    const [first, ...rest] = pieces as [Buffer, ...Buffer[]];
    this.#data = new ByteText([first.subarray(6), ...rest, head.subarray(0, lineEnd)]);
    this.#dataLength = this.#data.length;
    this.#endedWithCr = head[lineEnd] === CR;
    return head.subarray(lineEnd + 1);
  }

  #keep(bytes: Buffer): void {
    addPiece(this.#unfinished, bytes);
    this.#unfinishedBytes += bytes.length;
    this.#checkSize(this.#unfinishedBytes + this.#dataLength);
  }

  /** @param text whole lines, each with its end */
  #readLines(text: string): void {
    let at = 0;
    if (this.#atStart && text.charCodeAt(0) === 0xfeff) at = 1;
    this.#atStart = false;
    // A CRLF may be cut between two chunks: the LF then belongs to the line that is already read.
    if (this.#endedWithCr && text.charCodeAt(at) === LF) at++;
    if (text.length > 0) this.#endedWithCr = text.charCodeAt(text.length - 1) === CR;

    let cr = text.indexOf('\r', at);
    while (at < text.length) {
      const lf = text.indexOf('\n', at);
      if (cr !== -1 && (lf === -1 || cr < lf)) {
        this.#readLine(text, at, cr);
        at = lf === cr + 1 ? lf + 1 : cr + 1;
        cr = text.indexOf('\r', at);
      } else {
        this.#readLine(text, at, lf);
        at = lf + 1;
      }
    }
  }

  #readLine(text: string, start: number, end: number): void {
    if (start === end) return this.#dispatch();
    const line = text.slice(start, end);
    const colon = line.indexOf(':');
    if (colon === 0) return; // a comment, sent to keep the connection alive
    if (colon === -1) return this.#readField(line, '');
    const valueStart = line.charCodeAt(colon + 1) === 0x20 ? colon + 2 : colon + 1;
    this.#readField(line.slice(0, colon), line.slice(valueStart));
  }

  #readField(name: string, value: string): void {
    switch (name) {
      case 'data':
        // The first line's size is bounded by the chunks it came in; each further one costs something, empty or not.
        this.#dataLength += this.#data === undefined ? value.length : Buffer.byteLength(value) + 1;
        this.#data = this.#data === undefined ? value : `${this.#data}\n${value}`;
        this.#checkSize(this.#dataLength);
        break;
      case 'event':
        this.#type = value;
        break;
      case 'id':
        if (!value.includes('\0')) this.#nextId = value;
        break;
      case 'retry':
        if (/^\d+$/.test(value)) this.#options.onRetry?.(Number(value));
        break;
    }
  }

  #dispatch(): void {
    const type = this.#type || 'message';
    const data = this.#data;
    this.#id = this.#nextId;
    this.#type = '';
    this.#data = undefined;
    this.#dataLength = 0;
    // Without data nothing is dispatched, but an id has been noted: the priming event of MCP 2025-11-25.
    if (data !== undefined) this.#options.onEvent({ type, data, id: this.#id });
  }

  /** The last event id that the stream has given so far. */
  get lastEventId(): string | undefined {
    return this.#id;
  }

  #checkSize(bytes: number): void {
    if (bytes <= this.#options.maxEventBytes) return;
    throw new DrawbridgeError(
      'too-large',
      `The server sent an event larger than ${this.#options.maxEventBytes / 1024 / 1024} MiB (--max-message-size).`,
    );
  }
}
