import type { OutgoingHttpHeaders, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { resultOf, sseEvent } from './fake-answers.ts';
import type { RecordedRequest } from './fake-remote.ts';

/** One request at the fake remote, and the ways to answer it, good and bad. */
export class Exchange {
  readonly request: RecordedRequest;
  readonly response: ServerResponse;

  constructor(request: RecordedRequest, response: ServerResponse) {
    this.request = request;
    this.response = response;
    response.on('error', () => {});
  }

  /** The id of the JSON-RPC request that came. */
  get id(): string | number | null | undefined {
    return this.request.message?.id;
  }

  header(name: string, value: string | string[]): this {
    this.response.setHeader(name, value);
    return this;
  }

  result(result: unknown): void {
    this.json(200, resultOf(this.id, result));
  }

  error(code: number, message: string, data?: unknown): void {
    this.json(200, { jsonrpc: '2.0', id: this.id, error: { code, message, data } });
  }

  json(status: number, body: unknown, headers: OutgoingHttpHeaders = {}): void {
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    this.body(status, text, { 'Content-Type': 'application/json', ...headers });
  }

  body(status: number, body: string | Buffer, headers: OutgoingHttpHeaders = {}): void {
    this.response.writeHead(status, { 'Content-Length': Buffer.byteLength(body), ...headers });
    this.response.end(body);
  }

  status(status: number, headers: OutgoingHttpHeaders = {}): void {
    this.response.writeHead(status, headers).end();
  }

  redirect(status: number, location: string): void {
    this.status(status, { Location: location });
  }

  /** Opens an event stream and gives its writer. */
  sse(headers: OutgoingHttpHeaders = {}): EventStream {
    this.response.writeHead(200, { 'Content-Type': 'text/event-stream', ...headers });
    this.response.flushHeaders();
    return new EventStream(this.response);
  }

  /** A result as the only event of a stream. */
  sseResult(result: unknown): void {
    this.sse().send(resultOf(this.id, result)).end();
  }

  /** Cuts the connection with a TCP reset. */
  reset(): void {
    (this.response.socket as Socket | null)?.resetAndDestroy();
  }

  /** Ends the connection without an answer. */
  drop(): void {
    this.response.socket?.destroy();
  }

  /** Keeps the connection open and never answers. */
  hang(): void {}

  /** Writes raw bytes on the connection, one piece every `ms` milliseconds, past the HTTP server. */
  async drip(pieces: Iterable<string | Buffer>, ms: number): Promise<void> {
    const socket = this.response.socket;
    for (const piece of pieces) {
      if (socket === null || socket.destroyed) return;
      socket.write(piece);
      await delay(ms);
    }
  }
}

/** The sending side of an event stream. */
export class EventStream {
  readonly #response: ServerResponse;

  constructor(response: ServerResponse) {
    this.#response = response;
  }

  get closed(): boolean {
    return this.#response.destroyed || this.#response.writableEnded;
  }

  send(data: unknown, fields: Parameters<typeof sseEvent>[1] = {}): this {
    return this.raw(sseEvent(data, fields));
  }

  raw(bytes: string | Buffer): this {
    this.#response.write(bytes);
    return this;
  }

  /** Writes and waits until the connection takes more; false once it is closed. */
  async flood(bytes: string | Buffer): Promise<boolean> {
    if (this.closed) return false;
    if (this.#response.write(bytes)) return true;
    await new Promise<void>((resolve) => {
      const done = () => {
        this.#response.off('drain', done).off('close', done);
        resolve();
      };
      this.#response.on('drain', done).on('close', done);
    });
    return !this.closed;
  }

  end(): void {
    this.#response.end();
  }

  /** Cuts the connection, once what was written has had the time to arrive. */
  drop(): void {
    setTimeout(() => this.#response.socket?.destroy(), 50);
  }

  /** As `drop`, with a TCP reset. */
  reset(): void {
    setTimeout(() => (this.#response.socket as Socket | null)?.resetAndDestroy(), 50);
  }
}
