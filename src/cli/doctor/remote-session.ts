import { type Challenge, FixedCredentials } from '../../authorization/authorizer.ts';
import { suggestsOlderTransport } from '../../bridge/forwarder.ts';
import { createIdMaker } from '../../bridge/message-text.ts';
import { PendingRequest } from '../../bridge/pending-requests.ts';
import { RemoteEnd } from '../../bridge/remote-end.ts';
import { DrawbridgeError } from '../../errors.ts';
import { isObject, type JsonRpcResponse } from '../../jsonrpc.ts';
import type { Logger } from '../../logger.ts';
import type { HttpClient } from '../../platform/http-client.ts';
import { isModernError } from '../../remote/http-answer.ts';
import { isHeaderSafe } from '../../remote/request-headers.ts';
import { StreamableHttp } from '../../remote/streamable-http.ts';
import type { Outcome, RemoteSink, RemoteTransport, TransportOptions } from '../../remote/transport.ts';
import type { Settings } from '../../settings.ts';
import { version } from '../../version.ts';
import { atOnce, PATIENCE } from './ask-server.ts';

/** The newest revision that the bridge itself speaks. */
const PROTOCOL_VERSION = '2025-11-25';

/** How a request ended. */
export type Reply =
  | { kind: 'answer'; message: JsonRpcResponse }
  /** 401 or 403. */
  | { kind: 'refused'; challenge: Challenge }
  /** By a server that knows only revisions from 2026-07-28 on. */
  | { kind: 'modern' }
  | { kind: 'failed'; error: DrawbridgeError };

/** One credential, as it is: a refusal is noted, and nothing is done about it. */
class OneCredential extends FixedCredentials {
  refusal: Challenge | undefined;
  readonly #value: string | undefined;

  constructor(value: string | undefined) {
    super();
    this.#value = value;
  }

  override credential(): string | undefined {
    return this.#value;
  }

  override async challenged(challenge: Challenge): Promise<DrawbridgeError> {
    this.refusal = challenge;
    return challenge.error;
  }
}

/** A session with the server by the bridge's own transports, from `initialize` to its end. */
export class RemoteSession {
  readonly #authorizer: OneCredential;
  readonly #end: RemoteEnd;
  readonly #requests = new Set<PendingRequest>();
  readonly #newId = createIdMaker();
  readonly #mayFallBack: boolean;
  readonly #log: Logger;

  private constructor(
    { url, headers, maxMessageBytes, transport }: Settings,
    client: HttpClient,
    credential: string | undefined,
    Transport: new (options: TransportOptions) => RemoteTransport,
    log: Logger,
  ) {
    this.#log = log;
    this.#authorizer = new OneCredential(credential);
    const sink: RemoteSink = {
      ...atOnce,
      receive: (text, message) => {
        if (message.kind !== 'response') return; // what the server wants of a client is not looked at
        for (const request of this.#requests)
          if (request.id === message.id) request.answer({ text, message });
      },
      sessionLost: () => {},
    };
    this.#end = new RemoteEnd((options) => new Transport(options), {
      client,
      path: url.pathname + url.search,
      headers: { ...headers },
      authorizer: this.#authorizer,
      sink,
      maxMessageBytes,
      log,
    });
    this.#mayFallBack = transport === 'auto' && this.transport === 'http';
  }

  /**
   * @param credential the Authorization value; undefined sends none but those of the user's own headers
   * @param first the transport to begin with
   */
  static async create(
    settings: Settings,
    client: HttpClient,
    credential: string | undefined,
    first: RemoteTransport['name'],
    log: Logger,
  ): Promise<RemoteSession> {
    const Transport = first === 'sse' ? (await import('../../remote/http-sse.ts')).HttpSse : StreamableHttp;
    return new RemoteSession(settings, client, credential, Transport, log);
  }

  /** The transport in use. */
  get transport(): RemoteTransport['name'] {
    return this.#end.transport.name;
  }

  /** Whether the server has given a session id. */
  get hasId(): boolean {
    return this.#end.transport.session?.id !== undefined;
  }

  /** Opens the session, by the older transport where the server does not know the newer. */
  async initialize(): Promise<Reply> {
    const clientInfo = { name: 'mcp-drawbridge', version };
    const params = { protocolVersion: PROTOCOL_VERSION, capabilities: {}, clientInfo };
    const first = await this.#send('initialize', params);
    const { outcome } = first;
    if (outcome.kind === 'done' || !this.#mayFallBack || !suggestsOlderTransport(outcome))
      return this.#opened(first);
    const goBack = await this.#end.fallBack();
    const second = await this.#send('initialize', params);
    if (second.outcome.kind === 'done' || second.outcome.kind === 'challenged') return this.#opened(second);
    goBack();
    return this.#opened(first);
  }

  /** Sends a request within the session. */
  async request(method: string): Promise<Reply> {
    return this.#replyOf(await this.#send(method, {}));
  }

  /** Ends the session at the server, for which it has `timeout` milliseconds. */
  async close(timeout: number): Promise<void> {
    await this.#end.transport.close(timeout);
  }

  async #opened(sent: Sent): Promise<Reply> {
    const reply = this.#replyOf(sent);
    if (reply.kind !== 'answer' || !isObject(reply.message.result)) return reply;
    const { protocolVersion } = reply.message.result;
    const { transport } = this.#end;
    const { sessionId: id } = sent.request;
    if (id !== undefined) this.#log.protect(id);
    const isSafe = typeof protocolVersion === 'string' && isHeaderSafe(protocolVersion);
    transport.useSession({ id, protocolVersion: isSafe ? protocolVersion : undefined });
    const body = '{"jsonrpc":"2.0","method":"notifications/initialized"}';
    await transport.send({ body, method: 'notifications/initialized' });
    return reply;
  }

  async #send(method: string, params: object): Promise<Sent> {
    const id = this.#newId();
    const body = JSON.stringify({ jsonrpc: '2.0', id, method, params });
    let answer: JsonRpcResponse | undefined;
    const request = new PendingRequest({ id, method, params, body }, undefined, (given) => {
      answer = given?.message;
    });
    const timer = setTimeout(() => request.fail(slow(method)), PATIENCE);
    this.#requests.add(request);
    this.#authorizer.refusal = undefined;
    try {
      const outcome = await this.#end.transport.send(request);
      return { request, outcome, answer };
    } finally {
      clearTimeout(timer);
      this.#requests.delete(request);
    }
  }

  #replyOf({ request, outcome, answer }: Sent): Reply {
    const { refusal } = this.#authorizer;
    if (refusal) return { kind: 'refused', challenge: refusal };
    if (request.failure) return { kind: 'failed', error: request.failure };
    if (outcome.kind === 'failed' && outcome.answer) {
      const { text, code } = outcome.answer;
      if (isModernError(outcome.answer)) return { kind: 'modern' };
      return {
        kind: 'answer',
        message: { kind: 'response', id: request.id, error: { ...JSON.parse(text), code } },
      };
    }
    if (outcome.kind !== 'done') return { kind: 'failed', error: outcome.error };
    if (answer === undefined) return { kind: 'failed', error: slow(request.method) };
    const { error } = answer;
    const isModern = isObject(error) && isModernError({ text: '', code: Number(error.code) });
    return isModern ? { kind: 'modern' } : { kind: 'answer', message: answer };
  }
}

interface Sent {
  request: PendingRequest;
  outcome: Outcome;
  answer: JsonRpcResponse | undefined;
}

function slow(method: string): DrawbridgeError {
  return new DrawbridgeError('timeout', `The server did not answer "${method}" within ${PATIENCE / 1000} s.`);
}
