import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { initializeResult, usualResult } from './fake-answers.ts';
import { Exchange } from './fake-exchange.ts';
import type { Message } from './json-rpc.ts';
import { closedAtTestEnd } from './lifetime.ts';
import { until } from './wait.ts';

export interface RecordedRequest {
  method: string;
  path: string;
  headers: IncomingHttpHeaders;
  body: string;
  /** The body as JSON, where it is that. */
  message: Message | undefined;
  /** Milliseconds since the remote was made. */
  time: number;
}

export type Handler = (exchange: Exchange) => void | Promise<void>;

export interface FakeRemoteOptions {
  port?: number;
  /** The address to listen on, 127.0.0.1 by default. */
  host?: string;
  tls?: { key: string; cert: string };
  /** Hand out a session id with the answer to `initialize`. */
  session?: boolean;
  /** More capabilities for the answer to `initialize`. */
  capabilities?: Record<string, unknown>;
  /** Sees every request before its handler; true: it has answered, or will. */
  gate?: (exchange: Exchange) => boolean | Promise<boolean>;
}

/** A remote MCP server for the running test that behaves until told otherwise. */
export async function startFakeRemote(options: FakeRemoteOptions = {}): Promise<FakeRemote> {
  const remote = new FakeRemote(options);
  await remote.start();
  return closedAtTestEnd(remote);
}

/**
 * A scriptable remote. It keeps every request; handlers are looked up by the JSON-RPC method of a POST, then
 * `response` (an answer of the client) or the HTTP method. What has no handler gets a well-behaved answer.
 */
export class FakeRemote {
  readonly requests: RecordedRequest[] = [];
  readonly #options: FakeRemoteOptions;
  readonly #server: Server;
  readonly #handlers = new Map<string, Handler>();
  readonly #once = new Map<string, Handler[]>();
  readonly #sockets = new Set<Socket>();
  readonly #start = performance.now();
  #port: number;
  /** Connections accepted so far. */
  connections = 0;
  sessions = 0;

  constructor(options: FakeRemoteOptions) {
    this.#options = options;
    this.#port = options.port ?? 0;
    this.#server = options.tls ? createTlsServer(options.tls) : createServer();
    this.#server.on('request', (request, response) => {
      const chunks: Buffer[] = [];
      request.on('error', () => {});
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const body = Buffer.concat(chunks).toString('utf8');
        const record: RecordedRequest = {
          method: request.method ?? '',
          path: request.url ?? '',
          headers: request.headers,
          body,
          message: parsed(body),
          time: performance.now() - this.#start,
        };
        this.requests.push(record);
        void this.#answer(new Exchange(record, response));
      });
    });
    this.#server.on('connection', (socket: Socket) => {
      this.connections += 1;
      this.#sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => this.#sockets.delete(socket));
    });
    this.#server.on('tlsClientError', () => {});
  }

  /** Sets the handler for a JSON-RPC method, for `response`, or for `GET`, `DELETE`, `POST`. */
  on(what: string, handler: Handler): this {
    this.#handlers.set(what, handler);
    return this;
  }

  /** Sets a handler for the next such request only; several are used up in their order. */
  once(what: string, handler: Handler): this {
    this.#once.set(what, [...(this.#once.get(what) ?? []), handler]);
    return this;
  }

  get port(): number {
    return this.#port;
  }

  get origin(): string {
    const { tls, host = '127.0.0.1' } = this.#options;
    return `${tls ? 'https' : 'http'}://${host.includes(':') ? `[${host}]` : host}:${this.#port}`;
  }

  get url(): string {
    return `${this.origin}/mcp`;
  }

  /** The recorded requests of a JSON-RPC method, of `response`, or of an HTTP method. */
  of(what: string): RecordedRequest[] {
    return this.requests.filter((request) => kindsOf(request).includes(what));
  }

  /** Waits for the `count`th request of this kind. */
  async next(what: string, count = 1, ms = 5000): Promise<RecordedRequest> {
    return await until(`request ${count} of ${what}`, () => this.of(what)[count - 1], ms);
  }

  async start(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(this.#port, this.#options.host ?? '127.0.0.1', resolve);
    });
    this.#port = (this.#server.address() as AddressInfo).port;
  }

  /** Stops listening and cuts every connection; `start` brings it back on the same port. */
  async stop(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.cutConnections();
    await closed;
  }

  cutConnections(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async close(): Promise<void> {
    if (this.#server.listening) await this.stop();
  }

  async #answer(exchange: Exchange): Promise<void> {
    const { gate } = this.#options;
    if (gate && (await gate(exchange))) return;
    for (const kind of kindsOf(exchange.request)) {
      const handler = this.#once.get(kind)?.shift() ?? this.#handlers.get(kind);
      if (handler !== undefined) return await handler(exchange);
    }
    this.#behave(exchange);
  }

  #behave(exchange: Exchange): void {
    const { method, message } = exchange.request;
    if (method === 'GET') exchange.status(405);
    else if (method === 'DELETE') exchange.status(this.#options.session ? 200 : 405);
    else if (message?.method === undefined || message.id === undefined) exchange.status(202);
    else if (message.method === 'initialize') {
      this.sessions += 1;
      if (this.#options.session) exchange.header('Mcp-Session-Id', `session-${this.sessions}`);
      exchange.result(initializeResult(message, this.#options.capabilities));
    } else {
      const result = usualResult(message);
      if (result === undefined) exchange.error(-32601, 'Method not found');
      else exchange.result(result);
    }
  }
}

function kindsOf({ method, message }: RecordedRequest): string[] {
  if (message?.method !== undefined) return [message.method, method];
  return message?.id !== undefined ? ['response', method] : [method];
}

function parsed(body: string): Message | undefined {
  try {
    return JSON.parse(body) as Message;
  } catch {
    return undefined;
  }
}
