import type { MessageText } from '../../byte-text.ts';
import { asDrawbridgeError, DrawbridgeError, displayText } from '../../errors.ts';
import { findMember } from '../../json-text.ts';
import {
  isObject,
  type JsonRpcMessage,
  type JsonRpcNotification,
  type JsonRpcRequest,
  type JsonRpcResponse,
  type JsonValue,
} from '../../jsonrpc.ts';
import type { Logger } from '../../logger.ts';
import type {
  Outcome,
  OutgoingRequest,
  RemoteSink,
  RemoteTransport,
  Session,
  TransportOptions,
} from '../../remote/transport.ts';
import type { Settings } from '../../settings.ts';
import { giveAnswer } from '../answer-matching.ts';
import { DeadlineWatch } from '../deadlines.ts';
import { Forwarder } from '../forwarder.ts';
import { type Answer, PendingRequest, PendingRequests } from '../pending-requests.ts';
import { RemoteEnd } from '../remote-end.ts';
import { SessionRecovery } from '../session-recovery.ts';
import { methodRow } from './modern-client-tables.ts';

export interface EngineOptions {
  createTransport: (options: TransportOptions) => RemoteTransport;
  transportOptions: Omit<TransportOptions, 'sink'>;
  settings: Pick<Settings, 'transport' | 'network' | 'sseFirst' | 'pingInterval'>;
  newId: () => string;
  log: Logger;
}

/** Who hears from the server. */
export interface EngineListener {
  onRequest(text: MessageText, request: JsonRpcRequest, origin: OutgoingRequest | undefined): void;
  onNotification(
    text: MessageText,
    notification: JsonRpcNotification,
    origin: OutgoingRequest | undefined,
  ): void;
  /** The session that was is no more: the server's requests in it can't be answered. */
  onSessionEnded(): void;
  /** A new session stands; these notifications tell what may have changed. */
  onRecovered(notifications: string[]): void;
  /** There will be no session of the same terms again. */
  onLostForGood(error: DrawbridgeError): void;
  /** Whether anybody waits for what the server says unasked. */
  readonly isListening: boolean;
  readonly blocked: boolean;
  whenReady(resume: () => void): void;
}

/** A legacy client of the server's, with a session of its own that is opened when the first request needs it. */
export class LegacyEngine implements RemoteSink {
  readonly #options: EngineOptions;
  readonly #listener: EngineListener;
  readonly #remote: RemoteEnd;
  readonly #recovery: SessionRecovery;
  readonly #forwarder: Forwarder;
  readonly #pending = new PendingRequests();
  /** The requests that the engine has made itself, which nobody else gives a time limit. */
  readonly #own = new Set<PendingRequest>();
  readonly #deadlines: DeadlineWatch;
  /** Requests that wait for a session. */
  readonly #waiting = new Set<OutgoingRequest>();
  #opening: PendingRequest | undefined;
  #listening: Promise<void> | undefined;
  readonly #greeted = new Set<() => void>();
  #welcome = '{}';
  /** How the last `initialize` failed. */
  #refusal: Outcome | undefined;
  #closed = false;

  /** @param initialize JSON of the request that opens the session */
  constructor(options: EngineOptions, initialize: string, listener: EngineListener) {
    const { createTransport, transportOptions, settings, newId, log } = options;
    this.#options = options;
    this.#listener = listener;
    this.#remote = new RemoteEnd(createTransport, { ...transportOptions, sink: this });
    this.#deadlines = new DeadlineWatch(this.#own, (request, error) => request.fail(error));
    this.#recovery = new SessionRecovery({
      transport: () => this.#remote.transport,
      sendOwn: (request) => this.#sendOwn(request),
      post: (message) => this.#forwarder.post(message),
      newId,
      requestTimeout: settings.network.requestTimeout,
      pingInterval: settings.pingInterval,
      // Some servers answer nothing before they have something to say: only calls wait for that.
      listen: async () => this.#openStream(),
      onSessionEnded: () => listener.onSessionEnded(),
      onRecovered: (notifications) => listener.onRecovered(notifications),
      onContractBroken: (error) => listener.onLostForGood(error),
      log,
    });
    this.#recovery.remember(initialize);
    this.#forwarder = new Forwarder({
      transport: () => this.#remote.transport,
      fallBack: settings.transport === 'auto' ? () => this.#remote.fallBack() : undefined,
      first: settings.sseFirst ? 'sse' : undefined,
      recovery: this.#recovery,
      log,
    });
  }

  /** What the server can do; empty before it has said so. */
  get capabilities(): Record<string, unknown> {
    return this.#recovery.contract?.capabilities ?? {};
  }

  /** The revision that the server has chosen. */
  get protocolVersion(): string | undefined {
    return this.#recovery.protocolVersion;
  }

  /** The text of the server's answer to `initialize`. */
  get welcome(): string {
    return this.#welcome;
  }

  /**
   * Sees to it that a session stands.
   *
   * @param asker the request that needs it: the one that is told while the user is asked to sign in
   * @returns done, or why there is none
   */
  async open(asker?: OutgoingRequest): Promise<Outcome> {
    if (asker) this.#waiting.add(asker);
    try {
      await this.#recovery.recover(undefined);
      return { kind: 'done' };
    } catch (error) {
      return this.#refusal ?? outcomeOf(asDrawbridgeError(error), false);
    } finally {
      if (asker) this.#waiting.delete(asker);
    }
  }

  /** Sees to it that the server says what it is; the rest of the opening goes on. @returns as `open` does */
  async greet(asker: OutgoingRequest): Promise<Outcome> {
    let greeted = (): void => {};
    const welcomed = new Promise<Outcome>((resolve) => {
      greeted = () => resolve({ kind: 'done' });
    });
    this.#greeted.add(greeted);
    try {
      return await Promise.race([this.open(asker), welcomed]);
    } finally {
      this.#greeted.delete(greeted);
    }
  }

  /** Brings a request to its answer, which it then has. @returns done, or why no session could be opened for it */
  async forward(request: PendingRequest): Promise<Outcome> {
    this.#pending.add(request);
    try {
      const opened = await this.open(request);
      // What the server asks in the course of a call may come on that stream.
      if (this.#listening && methodRow(request.method).mayAsk) await this.#listening;
      if (opened.kind === 'done' && !request.settled) await this.#forwarder.forward(request);
      return opened;
    } catch (error) {
      return this.#refusal ?? outcomeOf(asDrawbridgeError(error), false);
    } finally {
      this.#pending.remove(request);
    }
  }

  /**
   * Asks the server something in the bridge's own name; what that sets up is set up again in a later session.
   *
   * @throws DrawbridgeError where there is no answer
   */
  async ask(method: string, params: Record<string, JsonValue>): Promise<JsonRpcResponse> {
    const { newId, settings } = this.#options;
    const id = newId();
    const body = JSON.stringify({ jsonrpc: '2.0', id, method, params });
    let answer: Answer | undefined;
    const own = { id, method, params, body };
    const request = new PendingRequest(own, settings.network.requestTimeout, (given) => {
      answer = given;
    });
    this.#watch(request);
    const outcome = await Promise.race([this.forward(request), request.whenSettled()]);
    this.#own.delete(request);
    if (request.failure) throw request.failure;
    if (outcome && outcome.kind !== 'done') throw outcome.error;
    if (!answer) throw new DrawbridgeError('internal', `No answer came to ${method}.`);
    if (answer.message.result !== undefined) this.#recovery.note(method, params, body);
    return answer.message;
  }

  /** Sends what has no answer. Never rejects. */
  async post(body: string, method?: string): Promise<Outcome> {
    try {
      await this.#recovery.running?.catch(() => {});
      return await this.#forwarder.post({ body, method });
    } catch (error) {
      return outcomeOf(asDrawbridgeError(error), true);
    }
  }

  /** Opens the listening stream, where that was not to be had before. */
  listen(): void {
    this.#openStream();
  }

  #openStream(): void {
    const listening = this.#remote.transport.listen().then(() => {
      if (this.#listening === listening) this.#listening = undefined;
    });
    this.#listening = listening;
  }

  async close(timeout: number): Promise<void> {
    this.#closed = true;
    this.#recovery.close();
    this.#deadlines.stop();
    await this.#remote.transport.close(timeout);
  }

  // ---- from the server -------------------------------------------------------------------------------------------

  receive(text: MessageText, message: JsonRpcMessage, origin?: OutgoingRequest): void {
    switch (message.kind) {
      case 'response':
        if (this.#opening && message.id === this.#opening.id) this.#noteWelcome(text.toString(), message);
        if (!giveAnswer(this.#pending, text, message, origin as PendingRequest | undefined))
          this.#options.log.debug('answer to nothing that is asked, dropped');
        return;
      case 'request':
        return this.#listener.onRequest(text, message, origin);
      case 'notification':
        return this.#listener.onNotification(text, message, origin);
      case 'invalid':
        return this.#options.log.warn('message of the server dropped', { problem: message.problem });
    }
  }

  sessionLost(session: Session): void {
    // Without a subscription the next request finds it out soon enough.
    if (!this.#closed && this.#listener.isListening) void this.#recovery.reopen(session);
  }

  get blocked(): boolean {
    return this.#listener.blocked;
  }

  whenReady(resume: () => void): void {
    this.#listener.whenReady(resume);
  }

  // ---- both ------------------------------------------------------------------------------------------------------

  async #sendOwn(request: PendingRequest): Promise<Outcome> {
    const isOpening = request.method === 'initialize';
    this.#watch(request);
    this.#pending.add(request);
    if (isOpening) {
      this.#opening = request;
      this.#refusal = undefined;
      request.accompany(() => [...this.#waiting]);
    }
    try {
      const outcome = await this.#forwarder.sendOwn(request);
      if (isOpening && outcome.kind !== 'done') this.#refusal = outcome;
      return outcome;
    } finally {
      this.#pending.remove(request);
      this.#own.delete(request);
    }
  }

  #watch(request: PendingRequest): void {
    this.#own.add(request);
    this.#deadlines.start();
  }

  #noteWelcome(text: string, { error }: JsonRpcResponse): void {
    if (error === undefined) {
      this.#welcome = text;
      for (const tell of this.#greeted) tell();
      return;
    }
    const span = findMember(text, 'error');
    const { code, message } = isObject(error) ? error : {};
    const words = typeof message === 'string' ? `: ${displayText(message)}` : '';
    this.#refusal = {
      kind: 'failed',
      error: new DrawbridgeError('invalid-answer', `The server refused to open a session${words}.`),
      mayHaveRun: false,
      answer: span && { text: text.slice(span.start, span.end), code: Number(code) },
    };
  }
}

/** How sending ended that failed by an error: one that the user's credentials are the reason of stays that. */
export function outcomeOf(error: DrawbridgeError, mayHaveRun: boolean): Exclude<Outcome, { kind: 'done' }> {
  return error.exitCode === 4 ? { kind: 'challenged', error } : { kind: 'failed', error, mayHaveRun };
}
