import type { MessageText } from '../../byte-text.ts';
import type { DrawbridgeError } from '../../errors.ts';
import { classify, isObject, type JsonRpcNotification, type JsonRpcRequest } from '../../jsonrpc.ts';
import { Leg } from '../../remote/leg.ts';
import type { Outcome, OutgoingRequest, RemoteSink } from '../../remote/transport.ts';
import { type EngineListener, type EngineOptions, LegacyEngine } from './legacy-engine.ts';
import {
  discoverAnswer,
  factsOf,
  type ModernAnswer,
  requiresTask,
  type ServerFacts,
} from './modern-client-answers.ts';
import { emptyResult, refusal } from './modern-client-asks.ts';
import { Call, type CallHost } from './modern-client-call.ts';
import { LogLevels } from './modern-client-logs.ts';
import { initializeFor, withoutModernMeta } from './modern-client-requests.ts';
import { Subscriptions } from './modern-client-subscriptions.ts';
import { methodRow, serverNotifications, serverRequestRow } from './modern-client-tables.ts';
import type { Parking } from './parking.ts';

export interface SessionOptions extends EngineOptions {
  sink: RemoteSink;
  parking: Parking<Call>;
  /** There will be no such session again. */
  onLostForGood: (session: TranslatedSession) => void;
}

/** So many refusals are on their way at most: a server that floods us is not flooded with them. */
const MAX_REFUSALS = 64;
const MAX_TASK_TOOLS = 10_000;

/** A session with a legacy server, and the requests of modern clients that are served by it. */
export class TranslatedSession implements EngineListener, CallHost {
  readonly engine: LegacyEngine;
  readonly parking: Parking<Call>;
  readonly #options: SessionOptions;
  readonly #subscriptions: Subscriptions;
  readonly #logs: LogLevels;
  readonly #calls = new Set<Call>();
  /** By the ids under which the server knows them. */
  readonly #callsById = new Map<unknown, Call>();
  /** Names of tools that run as tasks only. */
  readonly #taskTools = new Set<unknown>();
  #facts: (ServerFacts & { welcome: string }) | undefined;
  #refusing = 0;

  /** @param params of the first request, which says what the client can do */
  constructor(options: SessionOptions, params: unknown) {
    this.#options = options;
    this.parking = options.parking;
    this.engine = new LegacyEngine(options, initializeFor(params), this);
    this.#subscriptions = new Subscriptions(this.engine, options.sink, options.log);
    this.#logs = new LogLevels(this.engine, options.log);
  }

  get facts(): ServerFacts {
    const { welcome } = this.engine;
    if (this.#facts?.welcome !== welcome) this.#facts = { ...factsOf(welcome), welcome };
    return this.#facts;
  }

  /** Serves a request that the modern era has. */
  async serve(request: OutgoingRequest): Promise<Outcome> {
    switch (methodRow(request.method).handling) {
      case 'listen':
        return this.#subscriptions.serve(request);
      case 'discover': {
        // Clients probe in a process that they kill at once: no window is opened for that (B-04).
        const opened = await this.engine.greet(new Leg(request, { mayAskUser: false }));
        if (opened.kind !== 'done' || request.settled) return opened;
        this.answer(request, discoverAnswer(request.id, this.engine.welcome, this.facts));
        return opened;
      }
      default:
        return new Call(this, request).start(request);
    }
  }

  /** Sends a notification of the client's on. */
  async notify(body: string, method: string | undefined): Promise<Outcome> {
    const opened = await this.engine.open();
    return opened.kind === 'done' ? this.engine.post(withoutModernMeta(body), method) : opened;
  }

  // ---- what a call needs -----------------------------------------------------------------------------------------

  newId(): string {
    return this.#options.newId();
  }

  track(id: string, call: Call): void {
    this.#calls.add(call);
    this.#callsById.set(id, call);
  }

  forget(call: Call): void {
    this.#calls.delete(call);
    for (const id of call.ids) this.#callsById.delete(id);
  }

  carried(request: OutgoingRequest): Promise<void> | undefined {
    return this.#logs.begin(request) ? this.#logs.adjust() : undefined;
  }

  left(request: OutgoingRequest): void {
    this.#logs.end(request);
  }

  answer(request: OutgoingRequest, { text, message }: ModernAnswer): void {
    this.#options.sink.receive(text, message, request);
  }

  isTask(params: unknown): boolean {
    return isObject(params) && this.#taskTools.has(params.name);
  }

  noteTask(params: unknown): void {
    if (isObject(params) && this.#taskTools.size < MAX_TASK_TOOLS) this.#taskTools.add(params.name);
  }

  noteTools(result: Record<string, unknown>): void {
    if (!this.facts.hasToolTasks || !Array.isArray(result.tools)) return;
    for (const tool of result.tools) {
      if (!isObject(tool)) continue;
      if (requiresTask(tool)) this.noteTask(tool);
      else this.#taskTools.delete(tool.name);
    }
  }

  // ---- from the server -------------------------------------------------------------------------------------------

  onRequest(text: MessageText, message: JsonRpcRequest, origin: OutgoingRequest | undefined): void {
    const { method } = message;
    if (method === 'ping') return this.#reply(emptyResult(text));
    const row = serverRequestRow(method);
    if (!row) return this.#reply(refusal(text, { code: -32601, message: `Method not found: ${method}` }));
    const call = origin ? this.#callsById.get(origin.id) : this.#onlyCall();
    const problem = call?.mayAsk
      ? call.ask(text, message)
      : {
          code: row.unattributed,
          message: `No request of the client's is there that ${method} could belong to.`,
        };
    if (problem) this.#reply(refusal(text, problem));
  }

  onNotification(text: MessageText, message: JsonRpcNotification, origin: OutgoingRequest | undefined): void {
    const { method, params } = message;
    const given = isObject(params) ? params : {};
    const call = origin && this.#callsById.get(origin.id);
    switch (serverNotifications.get(method)) {
      case 'progress': {
        const progress = this.#callsById.get(given.progressToken)?.progress(text.toString());
        if (progress !== undefined) this.#tell(progress);
        return;
      }
      case 'log':
        // What comes while a call waits for the client is nobody's.
        if (call && !call.request) return;
        if (this.#logs.wants(params, call?.request)) this.#tell(text);
        return;
      case 'list-changed':
        return this.#subscriptions.listChanged(method, text);
      case 'updated':
        return this.#subscriptions.updated(given.uri, text);
      case 'withdrawal':
        for (const one of this.#calls) if (one.withdraw(given.requestId)) return;
        return;
      case 'swallow':
        return;
      default:
        if (call?.request) this.#tell(text);
    }
  }

  onSessionEnded(): void {
    for (const call of [...this.#calls]) call.sessionEnded();
  }

  onRecovered(notifications: string[]): void {
    for (const text of notifications) {
      const { method } = JSON.parse(text) as { method: string };
      this.#subscriptions.listChanged(method, text);
    }
  }

  onLostForGood(error: DrawbridgeError): void {
    this.#subscriptions.endAll(error);
    this.#options.onLostForGood(this);
    void this.engine.close(0);
  }

  get isListening(): boolean {
    return this.#subscriptions.any;
  }

  get blocked(): boolean {
    return this.#options.sink.blocked;
  }

  whenReady(resume: () => void): void {
    this.#options.sink.whenReady(resume);
  }

  /** The call that a request of the server's must belong to which names none (B-65). */
  #onlyCall(): Call | undefined {
    const asking = [...this.#calls].filter(({ mayAsk }) => mayAsk);
    return asking.length === 1 ? asking[0] : undefined;
  }

  #reply(response: string): void {
    if (this.#refusing >= MAX_REFUSALS) return this.#options.log.warn('request of the server dropped');
    this.#refusing++;
    void this.engine.post(response).then(() => this.#refusing--);
  }

  #tell(text: MessageText): void {
    this.#options.sink.receive(text, classify(JSON.parse(text.toString())));
  }
}
