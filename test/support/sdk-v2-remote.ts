import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type NodeIncomingMessageLike, toNodeHandler } from '@modelcontextprotocol/node';
import {
  createMcpHandler,
  type McpHttpHandler,
  type PerRequestResponseMode,
} from '@modelcontextprotocol/server';
import type { Message } from './json-rpc.ts';
import { closedAtTestEnd } from './lifetime.ts';
import { makeV2Server, type ObservedV2 } from './sdk-v2-tools.ts';

interface SdkV2RemoteOptions {
  /** Serve clients of the revisions before 2026-07-28 too, each request by itself: the SDK's default. */
  dual?: boolean;
  /** How a request is answered: with JSON, with an event stream, or as it needs (the default). */
  answers?: PerRequestResponseMode;
}

interface Seen {
  method: string;
  /** The headers whose names begin with `mcp-`, and `accept`, `last-event-id`, `authorization`. */
  headers: Record<string, string>;
  /** The JSON-RPC method of a POST. */
  rpc: string | undefined;
  message: Message | undefined;
}

/** The server of the SDK's second version, of the revision 2026-07-28, for the running test. */
export async function startSdkV2Remote(options: SdkV2RemoteOptions = {}): Promise<SdkV2Remote> {
  const remote = new SdkV2Remote(options);
  await remote.start();
  return closedAtTestEnd(remote);
}

class SdkV2Remote implements ObservedV2 {
  readonly cancelled: string[] = [];
  readonly calls: string[] = [];
  readonly addedTools: string[] = [];
  readonly seen: Seen[] = [];
  readonly #server: Server = createServer();
  readonly #handler: McpHttpHandler;

  constructor({ dual, answers }: SdkV2RemoteOptions) {
    this.#handler = createMcpHandler(() => makeV2Server(this), {
      legacy: dual ? 'stateless' : 'reject',
      responseMode: answers ?? 'auto',
      maxRequestBodySize: 64 * 1024 * 1024,
    });
    const handle = toNodeHandler(this.#handler);
    this.#server.on('request', (request, response) => {
      this.#handle(request, response, handle).catch(() => response.destroy());
    });
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/mcp`;
  }

  /** The requests with this JSON-RPC or HTTP method. */
  of(what: string): Seen[] {
    return this.seen.filter(({ rpc, method }) => rpc === what || method === what);
  }

  toolsChanged(): void {
    this.#handler.notify.toolsChanged();
  }

  resourceUpdated(uri: string): void {
    this.#handler.notify.resourceUpdated(uri);
  }

  async start(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
  }

  /** Cuts every open connection, those of subscriptions too. */
  cutConnections(): void {
    this.#server.closeAllConnections();
  }

  async close(): Promise<void> {
    await this.#handler.close();
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    await closed;
  }

  async #handle(
    request: IncomingMessage,
    response: ServerResponse,
    handle: ReturnType<typeof toNodeHandler>,
  ): Promise<void> {
    const seen: Seen = {
      method: request.method ?? '',
      headers: kept(request.headers),
      rpc: undefined,
      message: undefined,
    };
    this.seen.push(seen);
    const message = await messageOf(request);
    seen.rpc = message?.method;
    seen.message = message;
    // The cast: Node's own class does not fit the SDK's interface under exactOptionalPropertyTypes.
    await handle(request as NodeIncomingMessageLike, response, message);
  }
}

function kept(headers: IncomingMessage['headers']): Record<string, string> {
  const names = /^(mcp-.*|accept|last-event-id|authorization)$/;
  const entries = Object.entries(headers).filter(([name]) => names.test(name));
  return Object.fromEntries(entries.map(([name, value]) => [name, String(value)]));
}

async function messageOf(request: IncomingMessage): Promise<Message | undefined> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const body = Buffer.concat(chunks).toString('utf8');
  return body === '' ? undefined : (JSON.parse(body) as Message);
}
