import type { IncomingMessage } from 'node:http';
import type { MessageText } from '../byte-text.ts';
import { asDrawbridgeError, DrawbridgeError } from '../errors.ts';
import type { Exchange, Headers } from '../platform/http-client.ts';
import { sleep } from '../platform/sleep.ts';
import { decodedBody, readBody, readChunks } from './body.ts';
import { isEventStream } from './http-answer.ts';
import { ListeningStream } from './listening-stream.ts';
import { deliver } from './message-reader.ts';
import { outcomeOfRefusal } from './refusal.ts';
import { commonHeaders, isHeaderSafe, postHeaders, streamHeaders } from './request-headers.ts';
import { backoff, clampRetry } from './retry.ts';
import { SseReader } from './sse-reader.ts';
import {
  isRequest,
  MESSAGE_TIMEOUT,
  type Outcome,
  type OutgoingMessage,
  type OutgoingRequest,
  type RemoteTransport,
  type Session,
  type TransportOptions,
} from './transport.ts';

/** A stream should end after its answer; if it does not, it is cut after this, so that the connection is free. */
const STREAM_END_GRACE = 2_000;
const MAX_RESUME_FAILURES = 6;

/** The Streamable HTTP transport, client side (MCP 2025-03-26 to 2025-11-25, Transports). */
export class StreamableHttp implements RemoteTransport {
  readonly name = 'http';
  readonly #options: TransportOptions;
  readonly #open = new Set<Exchange>();
  #session: Session | undefined;
  #listening: ListeningStream | undefined;
  #made: { session: Session | undefined; credential: string | undefined; headers: Headers } | undefined;

  constructor(options: TransportOptions) {
    this.#options = options;
  }

  get session(): Session | undefined {
    return this.#session;
  }

  useSession(session: Session | undefined): void {
    this.#listening?.close();
    this.#listening = undefined;
    this.#session = session;
  }

  async listen(): Promise<void> {
    if (!this.#session) return;
    if (this.#listening) this.#listening.restart();
    else this.#listening = new ListeningStream(this.#options, this.#session);
    await this.#listening.settled;
  }

  async send(message: OutgoingMessage | OutgoingRequest): Promise<Outcome> {
    const { modernHeaders } = message;
    // `initialize` opens a session, so it is never sent in one (MCP 2025-11-25, Session Management).
    const session = message.method === 'initialize' || modernHeaders ? undefined : this.#session;
    const request = isRequest(message) ? message : undefined;
    let exchange: Exchange | undefined;
    let timer: NodeJS.Timeout | undefined;
    try {
      const pending = this.#options.authorizer.credential();
      const credential = typeof pending === 'object' ? await pending : pending;
      if (request?.settled) return { kind: 'done' };
      const common = this.#postHeaders(session, credential);
      const headers = modernHeaders ? { ...common, ...modernHeaders } : common;
      exchange = this.#track(this.#exchange('POST', headers, credential, message.body));
      if (request) request.abort = (error) => exchange?.abort(error);
      else timer = setTimeout(() => exchange?.abort(this.#notTaken()), MESSAGE_TIMEOUT);

      const response = await exchange.response;
      const status = response.statusCode ?? 0;
      if (status >= 400) return await outcomeOfRefusal(response, this.#options, session, credential, request);
      this.#options.authorizer.accepted(credential);
      if (!request) {
        // 202 is what should come; some servers send 200 and a body that nobody asked for.
        if (isEventStream(response)) response.destroy();
        else response.resume();
        return { kind: 'done' };
      }
      if (request.method === 'initialize') request.sessionId = sessionIdOf(response);
      request.alive('body');
      return isEventStream(response)
        ? await this.#followStream(response, request, session)
        : await this.#readAnswer(response, request);
    } catch (error) {
      const failure = this.#asError(error);
      exchange?.abort(failure); // what is refused after its headers must not stay open
      return { kind: 'failed', error: failure, mayHaveRun: exchange?.sent ?? false };
    } finally {
      clearTimeout(timer);
      if (exchange) this.#open.delete(exchange);
      if (request) request.abort = undefined;
    }
  }

  /** They are the same from message to message, as long as session and credential are. */
  #postHeaders(session: Session | undefined, credential: string | undefined): Headers {
    const made = this.#made;
    if (made && made.session === session && made.credential === credential) return made.headers;
    const headers = postHeaders(commonHeaders(this.#options.headers, session, credential));
    this.#made = { session, credential, headers };
    return headers;
  }

  async close(timeout: number): Promise<void> {
    this.#listening?.close();
    const session = this.#session;
    this.#session = undefined;
    const ended = session?.id === undefined ? undefined : this.#endSession(session);
    await Promise.race([ended, sleep(timeout)]);
    for (const exchange of this.#open)
      exchange.abort(new DrawbridgeError('shutting-down', 'The bridge is shutting down.'));
  }

  async #endSession(session: Session): Promise<void> {
    try {
      const credential = await this.#options.authorizer.credential();
      const headers = commonHeaders(this.#options.headers, session, credential);
      const response = await this.#exchange('DELETE', headers, credential).response;
      response.resume(); // 405: this server ends sessions by itself
    } catch (error) {
      this.#options.log.debug('session not ended', { reason: asDrawbridgeError(error).reason });
    }
  }

  async #readAnswer(response: IncomingMessage, request: OutgoingRequest): Promise<Outcome> {
    const { sink, maxMessageBytes } = this.#options;
    const body = await readBody(await decodedBody(response), maxMessageBytes, sink, () =>
      request.alive('body'),
    );
    const isJson = body.length > 0 && deliver(body, sink, request);
    if (request.settled) return { kind: 'done' };
    const what = body.length === 0 ? 'nothing' : isJson ? 'JSON that does not answer the request' : 'no JSON';
    return { kind: 'failed', error: this.#invalidAnswer(response, what), mayHaveRun: true };
  }

  /** Reads a request's stream until its answer has come, through as many connections as that takes. */
  async #followStream(
    first: IncomingMessage,
    request: OutgoingRequest,
    session: Session | undefined,
  ): Promise<Outcome> {
    const cursor: Cursor = { id: undefined, retry: undefined };
    request.alive('stream');
    let response = first;
    for (let failures = 0; ; ) {
      const before = cursor.id;
      const error = await this.#readStream(response, request, cursor);
      if (request.settled) return { kind: 'done' };
      if (error?.reason === 'too-large') return { kind: 'failed', error, mayHaveRun: true };
      if (request.modernHeaders) return this.#streamLost('which this protocol revision can not resume');
      if (cursor.id === undefined) return this.#streamLost('and gave no event id to resume it by');
      // A clean end after an event id is polling: the request is still running (MCP 2025-11-25, item 6).
      failures = cursor.id !== before || !error ? 0 : failures + 1;
      const resumed = await this.#resume(request, session, cursor, failures);
      if ('kind' in resumed) return resumed;
      response = resumed;
    }
  }

  async #resume(
    request: OutgoingRequest,
    session: Session | undefined,
    cursor: Cursor,
    failures: number,
  ): Promise<IncomingMessage | Outcome> {
    const { authorizer, headers, log } = this.#options;
    for (let tries = failures + 1; tries <= MAX_RESUME_FAILURES; tries++) {
      const waiting = new AbortController();
      request.abort = () => waiting.abort();
      await sleep(cursor.retry ?? backoff(tries), waiting.signal);
      if (request.settled) return { kind: 'done' };
      const credential = await authorizer.credential();
      const common = commonHeaders(headers, session, credential);
      const exchange = this.#track(this.#exchange('GET', streamHeaders(common, cursor.id), credential));
      request.abort = (error) => exchange.abort(error);
      try {
        const response = await exchange.response;
        const status = response.statusCode ?? 0;
        log.debug('stream resumed', { method: request.method, status });
        if (status === 200 && isEventStream(response)) return response;
        const outcome = await outcomeOfRefusal(response, this.#options, session, credential, request);
        // The request may have run: a new session is for the next one.
        if (outcome.kind === 'session-expired') this.#options.sink.sessionLost(outcome.session);
        if (outcome.kind === 'reauthorized') request.alive('stream');
        const isPassing = outcome.kind === 'busy' || outcome.kind === 'reauthorized' || status >= 500;
        if (!isPassing) return this.#streamLost(`and answered ${status} to resuming it`);
      } catch (error) {
        log.debug('stream not resumed', { method: request.method, reason: asDrawbridgeError(error).reason });
      } finally {
        this.#open.delete(exchange);
      }
      if (request.settled) return { kind: 'done' };
    }
    return this.#streamLost('and it could not be resumed');
  }

  /** @returns the error that ended the stream; undefined after a clean end */
  async #readStream(
    response: IncomingMessage,
    request: OutgoingRequest,
    cursor: Cursor,
  ): Promise<DrawbridgeError | undefined> {
    const { sink, maxMessageBytes, log } = this.#options;
    let grace: NodeJS.Timeout | undefined;
    const reader = new SseReader({
      maxEventBytes: maxMessageBytes,
      onRetry: (milliseconds) => {
        cursor.retry = clampRetry(milliseconds);
      },
      onEvent: ({ type, data }) => {
        if (type !== 'message' || data.length === 0) return;
        request.alive('stream');
        if (!deliver(data, sink, request)) log.warn('event is no JSON, dropped', { method: request.method });
        if (request.settled) grace ??= setTimeout(() => response.destroy(), STREAM_END_GRACE);
      },
    });
    try {
      await readChunks(await decodedBody(response), sink, (chunk) => {
        reader.push(chunk);
        // What can't be put into a header can't be resumed by.
        if (reader.lastEventId !== undefined)
          cursor.id = isHeaderSafe(reader.lastEventId) ? reader.lastEventId : undefined;
      });
      return undefined;
    } catch (error) {
      response.destroy();
      return this.#asError(error);
    } finally {
      clearTimeout(grace);
    }
  }

  #exchange(method: string, headers: Headers, credential: string | undefined, body?: MessageText): Exchange {
    const { client, path, authorizer } = this.#options;
    return client.exchange(method, path, headers, body, authorizer.signer?.(credential));
  }

  #track(exchange: Exchange): Exchange {
    this.#open.add(exchange);
    return exchange;
  }

  #asError(error: unknown): DrawbridgeError {
    return this.#options.client.failure(error);
  }

  #notTaken(): DrawbridgeError {
    const { target } = this.#options.client;
    return new DrawbridgeError('timeout', `${target} did not take a message in time.`, { url: target });
  }

  #invalidAnswer(response: IncomingMessage, what: string): DrawbridgeError {
    const { client } = this.#options;
    const status = response.statusCode ?? 0;
    return new DrawbridgeError(
      'invalid-answer',
      `${client.target} answered with ${what} (HTTP ${status}); is this the URL of an MCP server?`,
      { status, url: client.target },
    );
  }

  #streamLost(how: string): Outcome {
    const { target } = this.#options.client;
    const error = new DrawbridgeError(
      'stream-lost',
      `${target} broke off the stream before its answer, ${how}; the request may or may not have run.`,
      { url: target },
    );
    return { kind: 'failed', error, mayHaveRun: true };
  }
}

/** Where a stream stands: its last event id, and the wait in milliseconds that the server asked for. */
interface Cursor {
  id: string | undefined;
  retry: number | undefined;
}

function sessionIdOf(response: IncomingMessage): string | undefined {
  const id = response.headers['mcp-session-id'];
  if (id === undefined) return undefined;
  if (typeof id === 'string' && isHeaderSafe(id)) return id;
  throw new DrawbridgeError(
    'invalid-answer',
    'The server gave a session id with characters that no header may have.',
  );
}
