import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { DrawbridgeError } from '../../errors.ts';
import type { CallbackHost } from '../../settings.ts';
import { callbackParameters, refusalOf } from './callback-request.ts';
import { encodeForOpening } from './open-browser.ts';
import { type PageFacts, type PageName, renderPage, statusOf, styleSource } from './pages.ts';

/** What the browser is shown. */
export type CallbackReply =
  | { kind: 'page'; page: PageName; facts?: PageFacts }
  | { kind: 'redirect'; url: string }
  /** `state` or `iss` did not match: the browser is told so, and the sign-in goes on. */
  | { kind: 'ignored' };

export interface CallbackOptions {
  host: CallbackHost;
  /** 0: any that is free. */
  port: number;
  /** Begins with a slash, and holds no "?". */
  path: string;
  /** Is handed what has passed every check but those of `state` and `iss`, which are its own and come first. */
  onCallback(params: URLSearchParams): CallbackReply | Promise<CallbackReply>;
}

const MAX_SOCKETS = 8;
const MAX_HEADER_BYTES = 8 * 1024;
const MAX_REQUESTS = 50;
/** How long a request may take to come in whole. */
const REQUEST_TIME = 5_000;
/** How long the browser waits for the result of the token exchange [41]. */
const REPLY_TIME = 10_000;
/** How long an answer may take to be fetched, and `close` to wait for those under way. */
const DELIVERY_TIME = 2_000;
const PORT_TRIES = 20;

/** On everything that is sent [40]. */
const headers = {
  'Content-Security-Policy': `default-src 'none'; style-src ${styleSource}; frame-ancestors 'none'; base-uri 'none'; form-action 'none'`,
  'X-Frame-Options': 'DENY',
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
  'Cache-Control': 'no-store',
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
  Connection: 'close',
} as const;

/**
 * The loopback receiver of one sign-in (RFC 8252 section 7.3). Only a browser's navigation to the one path, with sound
 * parameters, reaches `onCallback`; everything else gets its refusal and changes nothing.
 */
export class CallbackServer {
  /** What to register and to send as `redirect_uri`. */
  readonly redirectUri: string;
  readonly port: number;
  readonly #authority: string;
  readonly #options: CallbackOptions;
  readonly #servers: readonly Server[];
  /** The open connections, oldest first, and whether a whole request has come on each. */
  readonly #sockets = new Map<Socket, { isAnswering: boolean; timer: NodeJS.Timeout }>();
  #requests = 0;

  /**
   * Starts listening. For `localhost` that is 127.0.0.1 and ::1, since a browser may take either: half a name would leave
   * the other half to somebody else [36].
   *
   * @throws DrawbridgeError `sign-in-refused` where the port can't be had
   */
  static async listen(options: CallbackOptions): Promise<CallbackServer> {
    for (let tries = 1; ; tries++) {
      const servers: Server[] = [];
      try {
        const first = await listen('127.0.0.1', options.port, servers);
        if (options.host === 'localhost') await listenOnIPv6(first, servers);
        return new CallbackServer(options, servers, first);
      } catch (error) {
        for (const server of servers) server.close();
        const { code = 'unknown problem' } = error as NodeJS.ErrnoException;
        if (options.port !== 0 || code !== 'EADDRINUSE' || tries === PORT_TRIES)
          throw cannotListen(options, code);
      }
    }
  }

  private constructor(options: CallbackOptions, servers: readonly Server[], port: number) {
    this.#options = options;
    this.#servers = servers;
    this.port = port;
    // A browser leaves the default port of http out of both.
    this.#authority = port === 80 ? options.host : `${options.host}:${port}`;
    this.redirectUri = `http://${options.host}:${port}${options.path}`;
    for (const server of servers) {
      server.on('connection', (socket: Socket) => this.#admit(socket));
      server.on('request', (request, response) => void this.#answer(request, response));
      server.on('checkExpectation', (request, response) => void this.#answer(request, response));
      server.on('clientError', (_error, socket) => this.#refuseUnread(socket as Socket));
    }
  }

  /**
   * The port refuses from now on. What is being answered is answered first; it is waited for, two seconds at most, so
   * this must not be awaited within `onCallback`.
   */
  async close(): Promise<void> {
    const closed = Promise.all(
      this.#servers.map((server) => new Promise((resolve) => server.close(resolve))),
    );
    for (const [socket, { isAnswering }] of this.#sockets) if (!isAnswering) socket.destroy();
    let timer: NodeJS.Timeout | undefined;
    const patience = new Promise((resolve) => {
      timer = setTimeout(resolve, DELIVERY_TIME);
    });
    await Promise.race([closed, patience]);
    clearTimeout(timer);
  }

  /** One more than there may be: the oldest that has sent no whole request makes way for it, so a browser gets in [43]. */
  #admit(socket: Socket): void {
    if (this.#sockets.size >= MAX_SOCKETS) {
      const idle = [...this.#sockets].find(([, { isAnswering }]) => !isAnswering);
      if (idle === undefined) return void socket.destroy();
      this.#drop(idle[0]);
    }
    const timer = setTimeout(() => socket.destroy(), REQUEST_TIME);
    this.#sockets.set(socket, { isAnswering: false, timer });
    socket.on('error', () => socket.destroy());
    socket.once('close', () => this.#drop(socket));
  }

  #drop(socket: Socket): void {
    clearTimeout(this.#sockets.get(socket)?.timer);
    this.#sockets.delete(socket);
    socket.destroy();
  }

  /** Gives a connection so many milliseconds more, in which it can't be made to make way. */
  #extend(socket: Socket, milliseconds: number): void {
    const entry = this.#sockets.get(socket);
    if (!entry) return;
    clearTimeout(entry.timer);
    const timer = setTimeout(() => socket.destroy(), milliseconds);
    this.#sockets.set(socket, { isAnswering: true, timer });
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    // The body of a request, where it has one, is of no interest; it is read so that the answer is not lost by a reset.
    request.resume();
    this.#extend(request.socket, REPLY_TIME + DELIVERY_TIME);
    response.sendDate = false;
    const isTooMany = ++this.#requests > MAX_REQUESTS;
    const refusal = refusalOf(request, { authority: this.#authority, path: this.#options.path });
    const params = refusal ? undefined : callbackParameters(request.url ?? '');
    const reply = params && (await this.#ask(params));
    this.#extend(request.socket, DELIVERY_TIME);
    if (reply?.kind === 'page') return sendPage(response, reply.page, reply.facts);
    if (reply?.kind === 'redirect') return sendRedirect(response, reply.url);
    if (isTooMany) return sendPage(response, 'too-many');
    if (refusal) return sendStatus(response, refusal);
    sendPage(response, 'unknown-callback');
  }

  /** The reply of the sign-in, or what stands in for one that is late or fails. */
  async #ask(params: URLSearchParams): Promise<CallbackReply> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<CallbackReply>((resolve) => {
      timer = setTimeout(() => resolve({ kind: 'page', page: 'still-working' }), REPLY_TIME);
    });
    try {
      const reply = await Promise.race([this.#options.onCallback(params), late]);
      return reply.kind === 'redirect' ? { ...reply, url: encodeForOpening(reply.url) } : reply;
    } catch {
      return { kind: 'page', page: 'failed', facts: { reason: 'unexpected' } };
    } finally {
      clearTimeout(timer);
    }
  }

  /** What is no HTTP request, or too large a one: there is nothing to answer to, but to say so. */
  #refuseUnread(socket: Socket): void {
    if (!socket.writable || this.#sockets.get(socket)?.isAnswering !== false) return void socket.destroy();
    this.#requests++;
    this.#extend(socket, DELIVERY_TIME);
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
    socket.end(`HTTP/1.1 400 Bad Request\r\n${lines.join('')}Content-Length: 0\r\n\r\n`);
  }
}

/** Adds a server that listens, and gives its port. */
function listen(address: string, port: number, servers: Server[]): Promise<number> {
  const server = createServer({
    maxHeaderSize: MAX_HEADER_BYTES,
    // A missing Host is refused as a wrong one is.
    requireHostHeader: false,
  });
  servers.push(server);
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host: address, port }, () => {
      server.off('error', reject);
      // An error of accepting (too many open files) ends nothing: the next one may get in.
      server.on('error', () => {});
      resolve((server.address() as AddressInfo).port);
    });
  });
}

/** Where this machine has no ::1 at all, nobody else can listen there either. */
async function listenOnIPv6(port: number, servers: Server[]): Promise<void> {
  try {
    await listen('::1', port, servers);
  } catch (error) {
    servers.pop();
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'EADDRNOTAVAIL' && code !== 'EAFNOSUPPORT') throw error;
  }
}

function cannotListen({ host, port }: CallbackOptions, code: string): DrawbridgeError {
  const why =
    code === 'EADDRINUSE' ? 'another program uses it' : code === 'EACCES' ? 'it is not allowed' : code;
  const message =
    port === 0
      ? `The sign-in can not listen for the browser on ${host}: ${why}.`
      : `The sign-in can not listen on port ${port} of ${host}: ${why}. Free the port, or choose another with --callback-port.`;
  return new DrawbridgeError('sign-in-refused', message);
}

function sendPage(response: ServerResponse, page: PageName, facts?: PageFacts): void {
  const html = Buffer.from(renderPage(page, facts));
  response.writeHead(statusOf(page), {
    ...headers,
    'Content-Type': 'text/html; charset=utf-8',
    'Content-Length': html.length,
  });
  response.end(html);
}

function sendRedirect(response: ServerResponse, url: string): void {
  response.writeHead(302, { ...headers, Location: url, 'Content-Length': 0 }).end();
}

function sendStatus(response: ServerResponse, status: number): void {
  const more = status === 405 ? { Allow: 'GET' } : {};
  const length = status === 204 ? {} : { 'Content-Length': 0 };
  response.writeHead(status, { ...headers, ...more, ...length }).end();
}
