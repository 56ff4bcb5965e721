import type { MessageText } from '../../byte-text.ts';
import { asDrawbridgeError } from '../../errors.ts';
import { isObject, type JsonRpcMessage, type JsonRpcResponse, type MessageId } from '../../jsonrpc.ts';
import type { Logger } from '../../logger.ts';
import { sleep } from '../../platform/sleep.ts';
import { Leg } from '../../remote/leg.ts';
import {
  isRequest,
  type ModernRemote,
  type Outcome,
  type OutgoingMessage,
  type OutgoingRequest,
  type RemoteSink,
  type RemoteTransport,
  type Session,
} from '../../remote/transport.ts';
import { LATEST_MODERN } from '../../revisions.ts';
import { type Answer, ownAnswer } from '../pending-requests.ts';
import { refusals } from '../refusals.ts';
import { ClientInputs } from './input-rounds.ts';
import { Call, type Conversation } from './legacy-client-call.ts';
import { discover } from './legacy-client-discover.ts';
import { initializeResultOf } from './legacy-client-initialize.ts';
import { Listen } from './legacy-client-listen.ts';
import { ClientSelf, type RequestMeta } from './legacy-client-meta.ts';
import { ClientSubscriptions } from './legacy-client-subscriptions.ts';
import { notificationsKept, requests } from './legacy-client-tables.ts';
import { severities } from './terms.ts';

export interface LegacyClientOptions {
  /** Makes the way to the server; what comes by it goes to the given sink. */
  createRemote: (sink: RemoteSink) => ModernRemote;
  /** The client's side. */
  sink: RemoteSink;
  /** Names a server that does not name itself. */
  host: string;
  newId: () => string;
  log: Logger;
}

const LISTEN_PATIENCE = 1_000;

/**
 * A modern server as a legacy client sees it: to the client's side it is a transport to a server of the client's own
 * era, and each message that comes or goes is put into the other form.
 */
export class LegacyClientTranslation implements RemoteTransport, RemoteSink, Conversation {
  readonly name = 'http';
  readonly remote: ModernRemote;
  readonly sink: RemoteSink;
  readonly inputs: ClientInputs;
  readonly newId: () => string;
  readonly log: Logger;
  readonly #host: string;
  readonly #subscriptions: ClientSubscriptions;
  readonly #calls = new Map<MessageId, Call>();
  #self = new ClientSelf(undefined);
  #version: string = LATEST_MODERN;
  #logLevel: string | undefined;
  #meta: RequestMeta | undefined;
  #session: Session | undefined;

  constructor({ createRemote, sink, host, newId, log }: LegacyClientOptions) {
    this.sink = sink;
    this.newId = newId;
    this.log = log;
    this.#host = host;
    this.inputs = new ClientInputs(sink, newId);
    this.#subscriptions = new ClientSubscriptions({
      remote: () => this.remote,
      sink,
      meta: () => this.meta,
      newId,
      log,
    });
    this.remote = createRemote(this);
  }

  get self(): ClientSelf {
    return this.#self;
  }

  get meta(): RequestMeta {
    this.#meta ??= this.#self.meta(this.#version, this.#logLevel);
    return this.#meta;
  }

  /**
   * Goes on with a conversation that the same server has opened in the legacy way, if it is of the modern era as well.
   *
   * @param initialize the client's request, JSON
   * @param initializeResult what the server answered, parsed
   * @param asking stands for the question that is put to the server: to fail it is to give up
   * @returns why it is not, or can't be told; undefined: this is the transport to go on with
   */
  async takeOver(
    initialize: string,
    initializeResult: unknown,
    asking: OutgoingRequest,
  ): Promise<Outcome | undefined> {
    const revision = isObject(initializeResult) ? initializeResult.protocolVersion : undefined;
    this.#begin(initialize, typeof revision === 'string' ? revision : undefined);
    return this.probe(asking);
  }

  // ---- from the client -------------------------------------------------------------------------------------------

  async send(message: OutgoingMessage | OutgoingRequest): Promise<Outcome> {
    try {
      if (isRequest(message)) return await this.#request(message);
      if (message.method === undefined) return this.#takeAnswer(message.body);
      return await this.#notify(message, message.method);
    } catch (error) {
      return { kind: 'failed', error: asDrawbridgeError(error), mayHaveRun: true };
    }
  }

  #request(request: OutgoingRequest): Promise<Outcome> | Outcome {
    const { id, method, params } = request;
    switch (Object.hasOwn(requests, method) ? requests[method] : 'relay') {
      case 'initialize':
        return this.#initialize(request);
      case 'ping':
        return this.#answer(request, ownAnswer(id, {}));
      case 'set-level':
        return this.#setLevel(request, isObject(params) ? params.level : undefined);
      case 'subscribe':
      case 'unsubscribe':
        return this.#subscribe(request, isObject(params) ? params.uri : undefined);
      case 'unknown':
        return this.#answer(request, this.#error(id, -32601, `Method not found: ${method}`));
      default:
        return this.#call(request);
    }
  }

  async #call(request: OutgoingRequest): Promise<Outcome> {
    const call = new Call(request, this);
    this.#calls.set(request.id, call);
    try {
      return await call.run();
    } finally {
      if (this.#calls.get(request.id) === call) this.#calls.delete(request.id);
    }
  }

  async #initialize(request: OutgoingRequest): Promise<Outcome> {
    this.#begin(request.body.toString(), undefined);
    const found = await discover(this, request);
    if ('kind' in found) return found;
    this.#learn(found.version, found.result);
    const { id } = request;
    const json = initializeResultOf(found.text, found.result, this.#self.revision, this.#host);
    const text = `{"jsonrpc":"2.0","id":${JSON.stringify(id)},"result":${json}}`;
    return this.#answer(request, { text, message: { kind: 'response', id, result: JSON.parse(json) } });
  }

  #setLevel(request: OutgoingRequest, level: unknown): Outcome {
    if (!severities.includes(level))
      return this.#answer(request, this.#error(request.id, -32602, 'Unknown log level'));
    this.#logLevel = String(level);
    this.#meta = undefined;
    return this.#answer(request, ownAnswer(request.id, {}));
  }

  async #subscribe(request: OutgoingRequest, uri: unknown): Promise<Outcome> {
    const { id, method } = request;
    if (typeof uri !== 'string') return this.#answer(request, this.#error(id, -32602, 'The uri is missing'));
    if (method === 'resources/unsubscribe') {
      await this.#subscriptions.unsubscribe(uri, request);
      return this.#answer(request, ownAnswer(id, {}));
    }
    const end = await this.#subscriptions.subscribe(uri, request);
    if (request.settled) return { kind: 'done' };
    if (end === 'granted') return this.#answer(request, ownAnswer(id, {}));
    if (end !== 'refused') return end;
    return this.#answer(
      request,
      this.#error(id, -32602, 'The server has no updates of this resource', { uri }),
    );
  }

  async #notify(message: OutgoingMessage, method: string): Promise<Outcome> {
    const value = JSON.parse(message.body.toString()) as { params?: unknown };
    if (method === 'notifications/cancelled') {
      const id = isObject(value.params) ? value.params.requestId : undefined;
      this.#calls.get(id as MessageId)?.stop(refusals.shuttingDown());
    }
    if (notificationsKept.has(method)) return { kind: 'done' };
    const body = this.meta.into(message.body.toString(), value.params);
    return this.remote.send({ body, method });
  }

  #takeAnswer(body: MessageText): Outcome {
    if (!this.inputs.take(body.toString())) this.log.debug('answer to nothing that was asked, dropped');
    return { kind: 'done' };
  }

  // ---- the session -----------------------------------------------------------------------------------------------

  get session(): Session | undefined {
    return this.#session;
  }

  useSession(session: Session | undefined): void {
    if (session === undefined) this.#subscriptions.end();
    this.#session = session;
  }

  async listen(): Promise<void> {
    await Promise.race([this.#subscriptions.open(), sleep(LISTEN_PATIENCE)]);
  }

  async close(timeout: number): Promise<void> {
    this.useSession(undefined);
    for (const call of [...this.#calls.values()]) call.stop(refusals.shuttingDown());
    await this.remote.close(timeout);
  }

  // ---- from the server -------------------------------------------------------------------------------------------

  receive(text: MessageText, message: JsonRpcMessage, origin?: OutgoingRequest): void {
    if (message.kind === 'response') return this.#receiveAnswer(text, message, origin);
    if (origin instanceof Leg && origin.onMessage) return origin.onMessage(text, message);
    // A modern server asks nothing by itself, and who asks in its name is not passed on.
    if (message.kind !== 'notification') return this.log.warn('message of the server dropped');
    if (!this.#subscriptions.receive(text, message)) this.sink.receive(text, message);
  }

  sessionLost(): void {}

  get blocked(): boolean {
    return this.sink.blocked;
  }

  whenReady(resume: () => void): void {
    this.sink.whenReady(resume);
  }

  #receiveAnswer(text: MessageText, message: JsonRpcResponse, origin: OutgoingRequest | undefined): void {
    if (origin instanceof Leg) origin.take(text, message);
    else if (origin instanceof Listen) origin.take(message);
    else this.log.debug('answer to nothing that is asked, dropped');
  }

  // ---- both ------------------------------------------------------------------------------------------------------

  /** Asks anew what the server is. @returns why that is not known now; undefined: it is as modern as it was */
  async probe(request: OutgoingRequest): Promise<Outcome | undefined> {
    const found = await discover(this, request);
    // What it says to this is no answer to the request that led here.
    if ('kind' in found) return found.kind === 'failed' ? { ...found, answer: undefined } : found;
    this.#learn(found.version, found.result);
    return undefined;
  }

  #begin(initialize: string, revision: string | undefined): void {
    this.#self = new ClientSelf(initialize, revision);
    this.#logLevel = undefined;
    this.#meta = undefined;
  }

  #learn(version: string, discovered: Record<string, unknown>): void {
    this.#version = version;
    this.#meta = undefined;
    this.#subscriptions.offered(discovered.capabilities);
  }

  #answer(request: OutgoingRequest, { text, message }: Answer): Outcome {
    this.sink.receive(text, message, request);
    return { kind: 'done' };
  }

  #error(id: MessageId, code: number, message: string, data?: Record<string, unknown>): Answer {
    const error = { code, message, ...(data && { data }) };
    return {
      text: JSON.stringify({ jsonrpc: '2.0', id, error }),
      message: { kind: 'response', id, error },
    };
  }
}
