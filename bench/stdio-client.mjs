// The local client. It must cost less than any bridge, or it would be what is measured: raw pipes, lines found
// as bytes, nothing parsed that is large, and one write for all that became ready in the same turn.
import { initializeParams, modernMeta, SMALL } from './messages.mjs';
import { kill, start, stop } from './processes.mjs';

const NEWLINE = 10;

export class StdioClient {
  #child;
  #calls = new Map();
  #lastId = 0;
  #pieces = [];
  #length = 0;
  #notifications = 0;
  #awaited;
  #failure;
  /** The `_meta` of each request; undefined: the client is of the era before. */
  meta;

  constructor(command, args, env) {
    this.startedAt = performance.now();
    this.#child = start(command, args, { env });
    this.#child.stdout.on('data', (chunk) => this.#read(chunk));
    this.#child.ended.then(({ reason }) => this.#fail(`the bridge ${reason}`));
  }

  get pid() {
    return this.#child.pid;
  }

  #fail(reason) {
    this.#failure ??= new Error(`${reason}. ${this.#child.lastError()}`.trim());
    for (const { reject } of this.#calls.values()) reject(this.#failure);
    this.#awaited?.reject(this.#failure);
    this.#calls.clear();
  }

  #read(chunk) {
    let from = 0;
    for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, from)) {
      this.#keep(chunk.subarray(from, end));
      this.#line();
      from = end + 1;
    }
    if (from < chunk.length) this.#keep(chunk.subarray(from));
  }

  // Of a large line only its ends are kept: holding all of it would make the client's collector part of the figure.
  #keep(piece) {
    this.#length += piece.length;
    if (this.#length > SMALL && this.#pieces.length > 1) this.#pieces = [this.#pieces[0], piece];
    else this.#pieces.push(piece);
  }

  #line() {
    const pieces = this.#pieces;
    const length = this.#length;
    this.#pieces = [];
    this.#length = 0;
    if (this.#awaited && length <= SMALL && this.#countNotification(pieces)) return;
    if (length <= SMALL) {
      const bytes = pieces.length === 1 ? pieces[0] : Buffer.concat(pieces);
      this.#deliver(JSON.parse(bytes.latin1Slice()), length);
      return;
    }
    const ends = pieces[0].latin1Slice(0, 200) + pieces.at(-1).subarray(-200).latin1Slice();
    this.#deliver({ id: Number(/"id":(\d+)/.exec(ends)?.[1]) }, length);
  }

  // Parsing 20,000 notifications would cost more than the fastest bridge needs to carry them.
  #countNotification(pieces) {
    const head = pieces.length === 1 ? pieces[0] : Buffer.concat(pieces);
    if (!head.includes('"notifications/message"')) return false;
    this.#notifications += 1;
    if (this.#notifications === this.#awaited.count) this.#awaited.resolve();
    return true;
  }

  #deliver(message, length) {
    const call = this.#calls.get(message.id);
    if (!call) return;
    this.#calls.delete(message.id);
    if (message.error) call.reject(new Error(`answered with an error: ${JSON.stringify(message.error)}`));
    else call.resolve({ result: message.result, length });
  }

  // What several calls write in one turn leaves with one system call.
  #write(pieces) {
    const { stdin } = this.#child;
    if (!stdin.writableCorked) {
      stdin.cork();
      process.nextTick(() => stdin.uncork());
    }
    for (const piece of pieces) stdin.write(piece);
  }

  request(method, params) {
    const id = this.nextId();
    const own = this.meta ? { ...params, _meta: this.meta } : params;
    return this.requestBytes(id, [`${JSON.stringify({ jsonrpc: '2.0', id, method, params: own })}\n`]);
  }

  nextId() {
    this.#lastId += 1;
    return this.#lastId;
  }

  requestBytes(id, pieces) {
    if (this.#failure) return Promise.reject(this.#failure);
    return new Promise((resolve, reject) => {
      this.#calls.set(id, { resolve, reject });
      this.#write(pieces);
    });
  }

  notify(method) {
    this.#write([`${JSON.stringify({ jsonrpc: '2.0', method })}\n`]);
  }

  /** Resolves when that many log notifications have arrived. */
  notifications(count) {
    this.#notifications = 0;
    return new Promise((resolve, reject) => {
      this.#awaited = { count, resolve, reject };
    }).finally(() => {
      this.#awaited = undefined;
    });
  }

  /** Milliseconds from the start of the process to the answer to `initialize`. */
  async initialize() {
    await this.request('initialize', initializeParams);
    const elapsed = performance.now() - this.startedAt;
    this.notify('notifications/initialized');
    return elapsed;
  }

  /** Begins as a client of the revision 2026-07-28, and goes on as one. */
  async discover() {
    this.meta = modernMeta;
    await this.request('server/discover', {});
  }

  /** Makes what is waited for fail. */
  abort(reason) {
    this.#fail(reason);
    kill(this.#child);
  }

  close() {
    return stop(this.#child);
  }
}
