import type { IncomingMessage } from 'node:http';
import { asDrawbridgeError, DrawbridgeError } from '../errors.ts';
import type { Exchange } from '../platform/http-client.ts';
import { decodedBody, readChunks } from './body.ts';
import { isEventStream } from './http-answer.ts';
import { deliver } from './message-reader.ts';
import { outcomeOfRefusal } from './refusal.ts';
import { commonHeaders, postHeaders, streamHeaders } from './request-headers.ts';
import { type ServerSentEvent, SseReader } from './sse-reader.ts';
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

/** How long the stream may take to name the endpoint for messages, in milliseconds. */
const ENDPOINT_TIMEOUT = 10_000;
/** A refresh, a sign-in and a step-up may each make another opening worth while. */
const MAX_OPENINGS = 4;

/**
 * The HTTP+SSE transport of the revision 2024-11-05: one stream from the server for all its messages, and a POST to
 * the endpoint that its first event names for each of ours. The stream is the session: when it ends, so does that.
 */
export class HttpSse implements RemoteTransport {
  readonly name = 'sse';
  readonly #options: TransportOptions;
  readonly #waiting = new Map<OutgoingRequest, (outcome: Outcome) => void>();
  #stream: Stream | undefined;
  #opening: Promise<Stream> | undefined;
  #session: Session | undefined;
  #closed = false;

  constructor(options: TransportOptions) {
    this.#options = options;
  }

  get session(): Session | undefined {
    return this.#session;
  }

  useSession(session: Session | undefined): void {
    this.#session = session;
  }

  /** The one stream of this transport is open from the start. */
  async listen(): Promise<void> {}

  async send(message: OutgoingMessage | OutgoingRequest): Promise<Outcome> {
    const request = isRequest(message) ? message : undefined;
    let exchange: Exchange | undefined;
    let timer: NodeJS.Timeout | undefined;
    try {
      if (!this.#stream && message.method !== 'initialize' && this.#session) {
        return { kind: 'session-expired', session: this.#session, error: this.#lost() };
      }
      const stream = this.#stream ?? (await this.#openOnce(request));
      if (request?.settled) return { kind: 'done' };
      const { client, authorizer, headers } = this.#options;
      const credential = await authorizer.credential();
      const common = commonHeaders(headers, this.#session, credential);
      const signer = authorizer.signer?.(credential);
      const posted = client.exchange('POST', stream.endpoint, postHeaders(common), message.body, signer);
      exchange = posted;
      // The answer comes by the stream: it may be there before the POST is accepted, and so may the stream's end.
      const answered = request && this.#awaitAnswer(request, stream, posted);
      if (!request) timer = setTimeout(() => posted.abort(this.#lost()), MESSAGE_TIMEOUT);
      const first = await (answered ? Promise.race([posted.response, answered]) : posted.response);
      if ('kind' in first) {
        posted.response.catch(() => {});
        posted.abort(this.#lost());
        return first;
      }
      if ((first.statusCode ?? 0) >= 400) {
        return await outcomeOfRefusal(first, this.#options, undefined, credential, request);
      }
      authorizer.accepted(credential);
      first.resume();
      request?.alive('stream');
      return (await answered) ?? { kind: 'done' };
    } catch (error) {
      const failure = this.#options.client.failure(error);
      exchange?.abort(failure);
      return { kind: 'failed', error: failure, mayHaveRun: exchange?.sent ?? false };
    } finally {
      clearTimeout(timer);
      if (request) {
        this.#waiting.delete(request);
        request.abort = undefined;
      }
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#session = undefined;
    this.#stream?.exchange.abort(new Error('closed'));
  }

  #awaitAnswer(request: OutgoingRequest, stream: Stream, posted: Exchange): Promise<Outcome> {
    return new Promise((resolve) => {
      this.#waiting.set(request, resolve);
      request.abort = (error) => {
        resolve({ kind: 'done' });
        posted.abort(error);
      };
      // It may have broken between its opening and now.
      if (stream.ended) resolve(this.#lostOutcome());
    });
  }

  /** @param request the first that needs it: the one that is told while its 401 is being dealt with */
  #openOnce(request: OutgoingRequest | undefined): Promise<Stream> {
    this.#opening ??= this.#openStream(request).finally(() => {
      this.#opening = undefined;
    });
    return this.#opening;
  }

  async #openStream(request: OutgoingRequest | undefined, tries = 1): Promise<Stream> {
    const { client, path, headers, authorizer } = this.#options;
    const credential = await authorizer.credential();
    const common = commonHeaders(headers, undefined, credential);
    const signer = authorizer.signer?.(credential);
    const exchange = client.exchange('GET', path, streamHeaders(common, undefined), undefined, signer);
    const stream: Stream = { exchange, endpoint: '', ended: false };
    const timer = setTimeout(() => exchange.abort(this.#noEndpoint()), ENDPOINT_TIMEOUT);
    try {
      const response = await exchange.response;
      if (response.statusCode !== 200 || !isEventStream(response)) {
        const outcome = await outcomeOfRefusal(response, this.#options, undefined, credential, request);
        if (outcome.kind === 'reauthorized' && tries < MAX_OPENINGS)
          return await this.#openStream(request, tries + 1);
        throw (response.statusCode ?? 0) >= 400 && outcome.kind !== 'done'
          ? outcome.error
          : this.#noEndpoint();
      }
      stream.endpoint = await this.#readUntilEndpoint(response, stream);
      if (stream.ended) throw this.#lost();
      this.#stream = stream;
      return stream;
    } catch (error) {
      exchange.abort(asDrawbridgeError(error));
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Resolves with the path of the endpoint; the reading goes on behind it for as long as the stream lasts. */
  #readUntilEndpoint(response: IncomingMessage, stream: Stream): Promise<string> {
    const { sink, maxMessageBytes, log } = this.#options;
    return new Promise((resolve, reject) => {
      let endpoint: string | undefined;
      const onEvent = ({ type, data }: ServerSentEvent): void => {
        if (endpoint === undefined) {
          if (type !== 'endpoint') throw this.#noEndpoint();
          endpoint = this.#endpointPath(data.toString());
          return resolve(endpoint);
        }
        if (type !== 'message' || data.length === 0) return;
        if (!deliver(data, sink)) log.warn('event is no JSON, dropped');
        for (const [request, settle] of this.#waiting) {
          if (request.settled) settle({ kind: 'done' });
        }
      };
      const reader = new SseReader({ onEvent, maxEventBytes: maxMessageBytes });
      decodedBody(response)
        .then((body) => readChunks(body, sink, (chunk) => reader.push(chunk)))
        .then(() => this.#noEndpoint())
        .catch((error: unknown) => this.#options.client.failure(error))
        .then((error) => {
          stream.ended = true;
          reject(error);
          if (this.#stream === stream) this.#streamEnded();
        });
    });
  }

  #streamEnded(): void {
    this.#stream = undefined;
    for (const settle of this.#waiting.values()) settle(this.#lostOutcome());
    const session = this.#session;
    if (session && !this.#closed) this.#options.sink.sessionLost(session);
  }

  /** Same origin only: the credential goes with every POST (MCP 2024-11-05, HTTP with SSE). */
  #endpointPath(data: string): string {
    const { client, path } = this.#options;
    const origin = new URL(client.target).origin;
    const base = new URL(path, origin);
    const url = URL.canParse(data, base.href) ? new URL(data, base) : undefined;
    if (url?.origin === origin) return url.pathname + url.search;
    throw new DrawbridgeError(
      'redirect-refused',
      `${client.target} wants messages sent to another origin${url ? ` (${url.host || url.protocol})` : ''}; that is refused.`,
      { url: client.target },
    );
  }

  #noEndpoint(): DrawbridgeError {
    const { target } = this.#options.client;
    return new DrawbridgeError(
      'invalid-answer',
      `${target} opened no HTTP+SSE stream; is this the URL of an MCP server?`,
      {
        url: target,
      },
    );
  }

  #lost(): DrawbridgeError {
    const { target } = this.#options.client;
    return new DrawbridgeError(
      'stream-lost',
      `${target} broke off the stream before its answer; the request may or may not have run.`,
      { url: target },
    );
  }

  #lostOutcome(): Outcome {
    return { kind: 'failed', error: this.#lost(), mayHaveRun: true };
  }
}

interface Stream {
  exchange: Exchange;
  /** Path and query of the endpoint for messages. */
  endpoint: string;
  ended: boolean;
}
