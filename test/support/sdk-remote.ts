import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import { MemoryEventStore } from './event-store.ts';
import type { Message } from './json-rpc.ts';
import { closedAtTestEnd } from './lifetime.ts';
import { makeServer, type Observed } from './sdk-tools.ts';

export interface SdkRemoteOptions {
  /** No sessions: a server for each request. */
  stateless?: boolean;
  /** Answer with JSON in place of event streams. */
  json?: boolean;
  /** Keep events, so that a broken stream can be resumed after this many milliseconds. */
  resumeAfter?: number;
  tls?: { key: string; cert: string };
}

/** What runs before the server, such as an Express application. It may have read the body as `request.body`. */
export type Middleware = (
  request: IncomingMessage & { body?: unknown },
  response: ServerResponse,
  next: () => void,
) => void;

interface Seen {
  method: string;
  session: string | undefined;
  lastEventId: string | undefined;
  /** The JSON-RPC method of a POST. */
  rpc: string | undefined;
  message: Message | undefined;
  authorization: string | undefined;
}

/** The SDK's own Streamable HTTP server for the running test. */
export async function startSdkRemote(options: SdkRemoteOptions = {}): Promise<SdkRemote> {
  const remote = new SdkRemote(options);
  await remote.start();
  return closedAtTestEnd(remote);
}

export class SdkRemote implements Observed {
  readonly cancelled: string[] = [];
  readonly calls: string[] = [];
  readonly seen: Seen[] = [];
  readonly #options: SdkRemoteOptions;
  readonly #server: Server;
  readonly #sessions = new Map<string, StreamableHTTPServerTransport>();
  /** Requests that it does not pass on are in `seen` all the same. */
  middleware: Middleware = (_request, _response, next) => next();

  constructor(options: SdkRemoteOptions) {
    this.#options = options;
    this.#server = options.tls ? createTlsServer(options.tls) : createServer();
    this.#server.on('request', (request, response) => {
      this.#handle(request, response).catch(() => response.destroy());
    });
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get url(): string {
    return `${this.#options.tls ? 'https' : 'http'}://127.0.0.1:${this.port}/mcp`;
  }

  /** The requests with this JSON-RPC or HTTP method. */
  of(what: string): Seen[] {
    return this.seen.filter(({ rpc, method }) => rpc === what || method === what);
  }

  get sessions(): string[] {
    return [...this.#sessions.keys()];
  }

  async start(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
  }

  /** Forgets every session, as a restarted server does: the next request that names one gets 404. */
  async forgetSessions(): Promise<void> {
    const transports = [...this.#sessions.values()];
    this.#sessions.clear();
    for (const transport of transports) await transport.close();
  }

  /** Cuts every open connection; sessions and events stay. */
  cutConnections(): void {
    this.#server.closeAllConnections();
  }

  async close(): Promise<void> {
    await this.forgetSessions();
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    await closed;
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const seen: Seen = {
      method: request.method ?? '',
      session: request.headers['mcp-session-id'] as string | undefined,
      lastEventId: request.headers['last-event-id'] as string | undefined,
      rpc: undefined,
      message: undefined,
      authorization: request.headers.authorization,
    };
    this.seen.push(seen);
    await new Promise<void>((resolve) => this.middleware(request, response, resolve));
    const message = await messageOf(request);
    seen.rpc = message?.method;
    seen.message = message;
    const { session } = seen;
    const transport = session === undefined ? await this.#open(message) : this.#sessions.get(session);
    if (transport === undefined) {
      const error = { code: -32001, message: 'Session not found' };
      response.writeHead(404, { 'Content-Type': 'application/json' });
      response.end(JSON.stringify({ jsonrpc: '2.0', id: null, error }));
      return;
    }
    await transport.handleRequest(request, response, message);
  }

  async #open(message: Message | undefined): Promise<StreamableHTTPServerTransport | undefined> {
    const { stateless, json, resumeAfter } = this.#options;
    if (!stateless && message?.method !== 'initialize') return undefined;
    const transport: StreamableHTTPServerTransport = new StreamableHTTPServerTransport({
      enableJsonResponse: json ?? false,
      ...(stateless
        ? {}
        : {
            sessionIdGenerator: randomUUID,
            onsessioninitialized: (id: string) => void this.#sessions.set(id, transport),
            onsessionclosed: (id: string) => void this.#sessions.delete(id),
          }),
      ...(resumeAfter === undefined
        ? {}
        : { eventStore: new MemoryEventStore(), retryInterval: resumeAfter }),
    });
    // The cast: the SDK's own class does not fit its interface under exactOptionalPropertyTypes.
    await makeServer(this).connect(transport as Transport);
    return transport;
  }
}

async function messageOf(request: IncomingMessage & { body?: unknown }): Promise<Message | undefined> {
  if (request.body !== undefined) return request.body as Message;
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const body = Buffer.concat(chunks).toString('utf8');
  return body === '' ? undefined : (JSON.parse(body) as Message);
}
