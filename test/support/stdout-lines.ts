import type { Readable } from 'node:stream';
import { faultOfLine, type Message } from './json-rpc.ts';

interface Waiter {
  fits: (message: Message) => boolean;
  resolve: (message: Message) => void;
}

/** Splits a stdout into lines, checks each one, and hands its messages to those who wait for them. */
export class StdoutLines {
  readonly lines: string[] = [];
  readonly messages: Message[] = [];
  readonly faults: string[] = [];
  /** Bytes read so far. */
  bytes = 0;
  readonly #untaken: Message[] = [];
  readonly #waiters: Waiter[] = [];
  readonly #answers = new Map<string | number, number>();
  #rest: Buffer[] = [];

  constructor(stream: Readable) {
    stream.on('data', (chunk: Buffer) => this.#read(chunk));
  }

  /** From now on a second answer with this id is a fault. */
  expectOnce(id: string | number): void {
    this.#answers.set(id, 0);
  }

  get answeredTwice(): (string | number)[] {
    return [...this.#answers].filter(([, count]) => count > 1).map(([id]) => id);
  }

  /** What came after the last line end. */
  get unfinished(): string {
    return Buffer.concat(this.#rest).toString();
  }

  take(fits: (message: Message) => boolean): Promise<Message> {
    const index = this.#untaken.findIndex(fits);
    if (index >= 0) return Promise.resolve(this.#untaken.splice(index, 1)[0] as Message);
    return new Promise((resolve) => this.#waiters.push({ fits, resolve }));
  }

  #read(chunk: Buffer): void {
    this.bytes += chunk.length;
    let start = 0;
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, start)) {
      this.#rest.push(chunk.subarray(start, end));
      this.#line(Buffer.concat(this.#rest));
      this.#rest = [];
      start = end + 1;
    }
    if (start < chunk.length) this.#rest.push(chunk.subarray(start));
  }

  #line(bytes: Buffer): void {
    const line = bytes.toString('utf8');
    this.lines.push(line);
    const fault = Buffer.from(line).equals(bytes) ? faultOfLine(line) : 'not UTF-8';
    if (fault !== undefined) {
      this.faults.push(`${fault}: ${line.slice(0, 200)}`);
      return;
    }
    const value = JSON.parse(line) as Message | Message[];
    for (const message of Array.isArray(value) ? value : [value]) this.#message(message);
  }

  #message(message: Message): void {
    this.messages.push(message);
    const { id } = message;
    if (message.method === undefined && id !== undefined && id !== null) {
      const count = this.#answers.get(id);
      if (count !== undefined) this.#answers.set(id, count + 1);
    }
    const index = this.#waiters.findIndex(({ fits }) => fits(message));
    if (index >= 0) this.#waiters.splice(index, 1)[0]?.resolve(message);
    else this.#untaken.push(message);
  }
}
