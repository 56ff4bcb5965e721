import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import {
  answerAuthorization,
  answerDevice,
  answerMetadata,
  answerPushed,
  answerRegistration,
  answerRevocation,
  answerToken,
  type Changes,
  type Desk,
  type Fields,
} from './fake-authorization-answers.ts';
import { Exchange } from './fake-exchange.ts';
import type { RecordedRequest } from './fake-remote.ts';
import { type Client, GrantBook } from './grant-book.ts';
import { closedAtTestEnd } from './lifetime.ts';
import type { Certificate } from './tls.ts';
import { until } from './wait.ts';

export type Endpoint =
  | 'metadata'
  | 'register'
  | 'par'
  | 'authorize'
  | 'device'
  | 'token'
  | 'revoke'
  | 'other';

/** Answers in place of the server, or lets it answer as usual, later or after all. */
export type Override = (exchange: EndpointExchange, usual: () => void) => void | Promise<void>;

export interface FakeAuthorizationServerOptions {
  port?: number;
  /** The address to listen on, 127.0.0.1 by default. */
  host?: string;
  tls?: Certificate;
  /** The path of the issuer, none by default. */
  path?: string;
  /** The paths of the metadata; by default only that of RFC 8414. Empty: there is none. */
  metadataAt?: string[];
  metadata?: Changes;
  registration?: Changes;
  /** The scope that a person grants when asked; undefined: they refuse. By default all that was asked for. */
  consent?: (params: Record<string, string>) => string | undefined;
  /** The parameters of the redirect back to the client. */
  redirect?: Changes;
  /** The token response. */
  tokens?: Changes;
  /** It has the device grant; the device authorization response. Codes wait for `decideDevices`. */
  device?: Changes;
  /** Redirect URIs that can't be registered. */
  refusesRedirect?: (uri: string) => boolean;
  /** A loopback redirect has to have the very port that was registered. */
  exactRedirect?: boolean;
  /** What an authorization request must have. */
  requires?: ('resource' | 'scope')[];
  /** The resources and scopes that are known, all by default; another is `invalid_target` or `invalid_scope`. */
  resources?: string[];
  scopes?: string[];
  par?: 'optional' | 'required';
  /** How an authorization request of an unknown client is refused: 400 with JSON by default. */
  unknownClient?: { status?: number; type?: string; body?: string };
  /** Seconds that an access token is valid, 3600 by default. */
  accessTokenTtl?: number;
  /** False: a refresh token stays the same and may be used again. */
  rotates?: boolean;
  clients?: Client[];
}

export interface EndpointRequest extends RecordedRequest {
  endpoint: Endpoint;
  /** The query, or the form of the body. */
  params: Record<string, string>;
}

/** One request at the authorization server. */
export class EndpointExchange extends Exchange {
  declare readonly request: EndpointRequest;

  get params(): Record<string, string> {
    return this.request.params;
  }

  /** The body as a JSON object; empty where it is none. */
  get fields(): Fields {
    return (this.request.message as Fields | undefined) ?? {};
  }
}

/** An authorization server for the running test that behaves until told otherwise, and consents to everything. */
export async function startFakeAuthorizationServer(
  options: FakeAuthorizationServerOptions = {},
): Promise<FakeAuthorizationServer> {
  const server = new FakeAuthorizationServer(options);
  await server.start();
  return closedAtTestEnd(server);
}

/**
 * A scriptable authorization server that keeps every request. `options` may be changed while it runs; `on` and `once`
 * take over a whole endpoint. What it issues it checks: PKCE, client authentication, one use of codes and of rotated
 * refresh tokens. To live on the origin of an MCP server (2025-03-26) it is made without `start` and handed to that.
 */
export class FakeAuthorizationServer implements Desk {
  readonly options: FakeAuthorizationServerOptions;
  readonly requests: EndpointRequest[] = [];
  readonly book = new GrantBook();
  /** Refresh tokens that came a second time after their rotation. */
  reuses = 0;
  origin = '';
  readonly #granted: string[] = [];
  readonly #handlers = new Map<Endpoint, Override>();
  readonly #once = new Map<Endpoint, Override[]>();
  readonly #sockets = new Set<Socket>();
  readonly #start = performance.now();
  #server: Server | undefined;
  #port: number;

  constructor(options: FakeAuthorizationServerOptions = {}) {
    this.options = options;
    this.#port = options.port ?? 0;
    for (const client of options.clients ?? []) this.#addClient(client);
  }

  get issuer(): string {
    return this.origin + (this.options.path ?? '');
  }

  on(endpoint: Endpoint, handler: Override): this {
    this.#handlers.set(endpoint, handler);
    return this;
  }

  /** From now on as usual. */
  off(endpoint: Endpoint): this {
    this.#handlers.delete(endpoint);
    this.#once.delete(endpoint);
    return this;
  }

  /** For the next such request only; several are used up in their order. */
  once(endpoint: Endpoint, handler: Override): this {
    this.#once.set(endpoint, [...(this.#once.get(endpoint) ?? []), handler]);
    return this;
  }

  of(endpoint: Endpoint): EndpointRequest[] {
    return this.requests.filter((request) => request.endpoint === endpoint);
  }

  async next(endpoint: Endpoint, count = 1, ms = 5000): Promise<EndpointRequest> {
    return await until(`request ${count} of ${endpoint}`, () => this.of(endpoint)[count - 1], ms);
  }

  /** Token requests that were answered with tokens, all or those of one grant type. */
  grants(type?: string): number {
    return this.#granted.filter((one) => type === undefined || one === type).length;
  }

  granted(type: string): void {
    this.#granted.push(type);
  }

  reused(): void {
    this.reuses += 1;
  }

  /** Whether an access token is good at this moment; what a protected resource has to ask. */
  isValid = (token: string): boolean => this.book.isValid(token);

  scopesOf(token: string): string[] {
    return this.book.accessTokens.get(token)?.scope.split(' ').filter(Boolean) ?? [];
  }

  /** Ends the access tokens, not the grants: the next request gets 401, and a refresh helps. */
  expireAccessTokens(): void {
    for (const token of this.book.accessTokens.values()) token.expires = 0;
  }

  revokeAll(): void {
    this.book.revokeAll();
  }

  /** What people say on their other devices to the codes that wait. */
  decideDevices(isApproved: boolean): void {
    for (const code of this.book.deviceCodes.values()) code.decision ??= isApproved ? 'approved' : 'denied';
  }

  forgetClients(): void {
    this.book.clients.clear();
  }

  /** Everything that must be seen nowhere: what it issued, and the verifiers it was sent. */
  secretsSeen(): string[] {
    const verifiers = this.requests.map(({ params }) => params.code_verifier);
    return [...this.book.secrets, ...verifiers.filter((text) => text !== undefined)];
  }

  /** The `state` of every authorization request; a link that is shown to the user has one too. */
  statesSeen(): string[] {
    return this.requests.flatMap(({ params }) => params.state ?? []);
  }

  async start(): Promise<void> {
    const { tls, host = '127.0.0.1' } = this.options;
    const server = tls ? createTlsServer(tls) : createServer();
    this.#server = server;
    server.on('request', (request, response) => this.#receive(request, response));
    server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => this.#sockets.delete(socket));
    });
    server.on('tlsClientError', () => {});
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(this.#port, host, resolve);
    });
    this.#port = (server.address() as AddressInfo).port;
    const name = host.includes(':') ? `[${host}]` : host;
    this.origin = `${tls ? 'https' : 'http'}://${name}:${this.#port}`;
  }

  /** Stops listening and cuts every connection; `start` brings it back on the same port. */
  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (server === undefined) return;
    const closed = new Promise((resolve) => server.close(resolve));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  close(): Promise<void> {
    return this.stop();
  }

  /** Answers a request that another server has read, where its path is one of ours. */
  take(request: RecordedRequest, response: ServerResponse): boolean {
    const endpoint = this.#endpointOf(new URL(request.path, 'http://unused.example').pathname);
    if (endpoint === 'other') return false;
    this.#handle(request, endpoint, response);
    return true;
  }

  #addClient(client: Client): void {
    this.book.clients.set(client.id, client);
    if (client.secret !== undefined) this.book.secrets.add(client.secret);
  }

  #receive(request: IncomingMessage, response: ServerResponse): void {
    const chunks: Buffer[] = [];
    request.on('error', () => {});
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const body = Buffer.concat(chunks).toString('utf8');
      const path = request.url ?? '';
      const record: RecordedRequest = {
        method: request.method ?? '',
        path,
        headers: request.headers,
        body,
        message: undefined,
        time: performance.now() - this.#start,
      };
      if (!this.take(record, response)) this.#handle(record, 'other', response);
    });
  }

  #handle(request: RecordedRequest, endpoint: Endpoint, response: ServerResponse): void {
    const record = { ...request, message: jsonOf(request.body), endpoint, params: paramsOf(request) };
    this.requests.push(record);
    const exchange = new EndpointExchange(record, response);
    const usual = () => this.#behave(exchange, endpoint);
    const handler = this.#once.get(endpoint)?.shift() ?? this.#handlers.get(endpoint);
    if (handler === undefined) usual();
    else void handler(exchange, usual);
  }

  #endpointOf(pathname: string): Endpoint {
    const { path = '', metadataAt = [`/.well-known/oauth-authorization-server${path}`] } = this.options;
    if (metadataAt.includes(pathname)) return 'metadata';
    const name = pathname.startsWith(`${path}/`) ? pathname.slice(path.length + 1) : '';
    return (
      (['register', 'par', 'authorize', 'device', 'token', 'revoke'] as const).find((one) => one === name) ??
      'other'
    );
  }

  #behave(exchange: EndpointExchange, endpoint: Endpoint): void {
    const isRead = endpoint === 'metadata' || endpoint === 'authorize';
    if (endpoint === 'other') exchange.status(404);
    else if (exchange.request.method !== (isRead ? 'GET' : 'POST')) exchange.status(405);
    else answers[endpoint](this, exchange);
  }
}

const answers = {
  metadata: answerMetadata,
  register: answerRegistration,
  par: answerPushed,
  authorize: answerAuthorization,
  device: answerDevice,
  token: answerToken,
  revoke: answerRevocation,
};

function paramsOf({ method, path, body, headers }: RecordedRequest): Record<string, string> {
  const isForm = headers['content-type']?.startsWith('application/x-www-form-urlencoded');
  if (method === 'POST') return isForm ? Object.fromEntries(new URLSearchParams(body)) : {};
  return Object.fromEntries(new URL(path, 'http://unused.example').searchParams);
}

function jsonOf(body: string): RecordedRequest['message'] {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}
