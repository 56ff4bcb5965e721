import type { MessageText } from '../byte-text.ts';
import { DrawbridgeError } from '../errors.ts';
import { withId } from '../json-text.ts';
import type { JsonRpcMessage, JsonRpcResponse } from '../jsonrpc.ts';
import { metaKeys, metaOf } from '../revisions.ts';
import { isAnswerTo, Leg } from './leg.ts';
import { modernHeaders } from './mcp-headers.ts';
import { StreamableHttp } from './streamable-http.ts';
import { Subscription } from './subscription.ts';
import { ToolHeaders } from './tool-headers.ts';
import {
  isRequest,
  type ModernRemote,
  type Outcome,
  type OutgoingMessage,
  type OutgoingRequest,
  type RemoteSink,
  type TransportOptions,
} from './transport.ts';

export interface ModernHttpOptions extends TransportOptions {
  /** Makes an id that nobody else uses. */
  newId: () => string;
}

const HEADER_MISMATCH = -32020;
const MAX_PAGES = 100;
/** So many subscriptions may be open, each of which has a connection of its own. */
const MAX_SUBSCRIPTIONS = 512;

/** What may be asked again when the stream of the first answer broke (MCP 2026-07-28: a call may have run). */
const onlyReads =
  /^(server\/discover|prompts\/get|resources\/read|completion\/complete|tasks\/get|(tools|prompts|resources|resources\/templates)\/list)$/;

/** Streamable HTTP as of the revision 2026-07-28: no session, each message for itself. */
export class ModernHttp implements ModernRemote {
  readonly #options: ModernHttpOptions;
  readonly #http: StreamableHttp;
  readonly #tools: ToolHeaders;
  readonly #subscriptions = new Set<Subscription>();

  constructor(options: ModernHttpOptions) {
    const { sink, log } = options;
    this.#options = options;
    this.#tools = new ToolHeaders(log);
    const own: RemoteSink = {
      receive: (text, message, origin) => this.#receive(text, message, origin),
      sessionLost: () => {},
      get blocked() {
        return sink.blocked;
      },
      whenReady: (resume) => sink.whenReady(resume),
    };
    this.#http = new StreamableHttp({ ...options, sink: own });
  }

  async send(message: OutgoingMessage | OutgoingRequest): Promise<Outcome> {
    if (!isRequest(message)) {
      message.modernHeaders = modernHeaders(message.method ?? '', paramsOf(message.body));
      return this.#http.send(message);
    }
    if (message.method === 'subscriptions/listen') return this.#subscribe(message);
    let outcome = await this.#sendOnce(message);
    if (isHeaderMismatch(outcome) && message.method === 'tools/call' && (await this.#readTools(message))) {
      if (!message.settled) outcome = await this.#sendOnce(message);
    }
    if (wasLost(outcome) && onlyReads.test(message.method) && !message.settled)
      outcome = await this.#sendAnew(message);
    return this.#withoutMismatch(outcome);
  }

  signedIn(): void {
    for (const subscription of this.#subscriptions) subscription.goOn();
  }

  async close(timeout: number): Promise<void> {
    for (const subscription of this.#subscriptions) subscription.close();
    await this.#http.close(timeout);
  }

  #sendOnce(request: OutgoingRequest): Promise<Outcome> {
    const { method } = request;
    const parameters = method === 'tools/call' ? this.#tools.of(request.params) : undefined;
    const params = parameters && typeof request.body !== 'string' ? paramsOf(request.body) : request.params;
    request.modernHeaders = modernHeaders(method, params, parameters);
    return this.#http.send(request);
  }

  /** Asks once more, which is a new request with an id of its own. */
  async #sendAnew(request: OutgoingRequest): Promise<Outcome> {
    const id = this.#options.newId();
    const leg = new Leg(request, { id, body: withId(request.body.toString(), id) });
    const outcome = await leg.ending(this.#sendOnce(leg));
    if (!leg.answer) return outcome;
    this.#answer(leg.answer.text, leg.answer.message, request);
    return { kind: 'done' };
  }

  async #subscribe(request: OutgoingRequest): Promise<Outcome> {
    const { sink, newId, log } = this.#options;
    if (this.#subscriptions.size >= MAX_SUBSCRIPTIONS) {
      const message = 'Too many subscriptions are open; end one of them first.';
      return { kind: 'failed', error: new DrawbridgeError('overloaded', message), mayHaveRun: false };
    }
    const send = (leg: Leg) => leg.ending(this.#sendOnce(leg));
    const subscription = new Subscription({ request, send, sink, newId, log });
    this.#subscriptions.add(subscription);
    try {
      return this.#withoutMismatch(await subscription.run());
    } finally {
      this.#subscriptions.delete(subscription);
    }
  }

  /**
   * Reads all of the tools for what their headers are to be, since the request that the server has refused was made
   * from an old list, or from none (MCP 2026-07-28, Streamable HTTP, Client Behavior).
   *
   * @returns whether they could be read
   */
  async #readTools(request: OutgoingRequest): Promise<boolean> {
    const { newId, log } = this.#options;
    log.info('headers refused, reading the tools again');
    const given = metaOf(request.params);
    const _meta = Object.fromEntries(
      [metaKeys.protocolVersion, metaKeys.clientInfo, metaKeys.clientCapabilities].map((key) => [
        key,
        given[key],
      ]),
    );
    let cursor: unknown;
    for (let page = 0; page < MAX_PAGES; page++) {
      const id = newId();
      const method = 'tools/list';
      const params = { ...(cursor !== undefined && { cursor }), _meta };
      const body = JSON.stringify({ jsonrpc: '2.0', id, method, params });
      const leg = new Leg(request, { id, method, params, body });
      await leg.ending(this.#sendOnce(leg));
      const result = leg.answer?.message.result as { nextCursor?: unknown } | undefined;
      if (result === undefined) return false;
      cursor = result.nextCursor;
      // The empty text is a cursor like any other.
      if (cursor === undefined || cursor === null) return true;
    }
    return true;
  }

  #receive(given: MessageText, message: JsonRpcMessage, origin: OutgoingRequest | undefined): void {
    const { sink, log } = this.#options;
    if (message.kind === 'request')
      return log.warn('request of the server dropped: this protocol revision has none');
    if (message.kind !== 'response') {
      if (origin instanceof Leg && origin.onMessage) return origin.onMessage(given, message);
      // A server takes nothing back but a subscription (MCP 2026-07-28, Cancellation).
      if (message.kind === 'notification' && message.method === 'notifications/cancelled')
        return log.warn('cancellation by the server dropped');
      return sink.receive(given, message, origin instanceof Leg ? origin.request : origin);
    }
    // There is no other stream that a request could be answered on (MCP 2026-07-28, Receiving Messages).
    if (!origin || !isAnswerTo(origin, message)) return log.warn('answer to another request dropped');
    const read = origin.method === 'tools/list' ? this.#tools.read(given, message) : undefined;
    const { text, message: answer } = read ?? { text: given, message };
    if (origin instanceof Leg) origin.take(text, answer);
    else this.#answer(text, answer, origin);
  }

  /** Hands an answer over under the id that the request has. */
  #answer(text: MessageText, message: JsonRpcResponse, request: OutgoingRequest): void {
    const { id } = request;
    const own = message.id === id ? text : withId(text.toString(), id);
    this.#options.sink.receive(own, message.id === id ? message : { ...message, id }, request);
  }

  /** Headers are this transport's business, so the client could do nothing about what the server says of them. */
  #withoutMismatch(outcome: Outcome): Outcome {
    if (!isHeaderMismatch(outcome)) return outcome;
    const { target } = this.#options.client;
    const error = new DrawbridgeError(
      'invalid-answer',
      `${target} says that the headers of the request do not fit its body, which they do; does something on the way change headers?`,
      { url: target },
    );
    return { kind: 'failed', error, mayHaveRun: false };
  }
}

function isHeaderMismatch(outcome: Outcome): boolean {
  return outcome.kind === 'failed' && outcome.answer?.code === HEADER_MISMATCH;
}

/** Whether the answer was lost on its way, whatever the server did. */
function wasLost(outcome: Outcome): boolean {
  if (outcome.kind !== 'failed' || !outcome.mayHaveRun) return false;
  const { reason } = outcome.error;
  return reason === 'stream-lost' || reason === 'unreachable';
}

/** The parameters with their long strings, which routing has left out. */
function paramsOf(body: MessageText): unknown {
  return (JSON.parse(body.toString()) as { params?: unknown }).params;
}
