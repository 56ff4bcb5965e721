import type { Readable, Writable } from 'node:stream';
import type { Authorizer } from '../authorization/authorizer.ts';
import type { MessageText } from '../byte-text.ts';
import { asDrawbridgeError, DrawbridgeError } from '../errors.ts';
import {
  isObject,
  type JsonRpcMessage,
  type JsonRpcNotification,
  type JsonRpcRequest,
  type JsonRpcResponse,
  type MessageId,
} from '../jsonrpc.ts';
import type { Logger } from '../logger.ts';
import type { HttpClient } from '../platform/http-client.ts';
import { sleep } from '../remote/retry.ts';
import type {
  OutgoingRequest,
  RemoteSink,
  RemoteTransport,
  Session,
  TransportOptions,
} from '../remote/transport.ts';
import type { Settings } from '../settings.ts';
import { ClientMessages } from './client-messages.ts';
import { DeadlineWatch } from './deadlines.ts';
import { Forwarder } from './forwarder.ts';
import { InitializeGate } from './initialize-gate.ts';
import { cancellation, cancelled, pong, withId } from './message-text.ts';
import { type Answer, PendingRequest, PendingRequests } from './pending-requests.ts';
import { RequestQueue } from './request-queue.ts';
import { ServerRequests } from './server-requests.ts';
import { SessionRecovery } from './session-recovery.ts';
import { StdinReader } from './stdin-reader.ts';
import { StdoutWriter } from './stdout-writer.ts';
import { ToolFilter } from './tool-filter.ts';

export interface BridgeOptions {
  settings: Settings;
  client: HttpClient;
  authorizer: Authorizer;
  /** Makes the transport to begin with. */
  createTransport: (options: TransportOptions) => RemoteTransport;
  log: Logger;
  input: Readable;
  output: Writable;
  /** The client has gone: it closed its end, or the bridge can't go on. */
  onEnd: (cause: 'stdin-closed' | 'stdout-closed' | DrawbridgeError) => void;
}

/** The crossing: what comes on stdin goes to the remote, what the remote says goes to stdout. */
export class Bridge implements RemoteSink {
  readonly #options: BridgeOptions;
  readonly #log: Logger;
  readonly #stdin: StdinReader;
  readonly #stdout: StdoutWriter;
  readonly #pending = new PendingRequests();
  readonly #queue: RequestQueue;
  readonly #deadlines: DeadlineWatch;
  readonly #serverRequests: ServerRequests;
  readonly #toolFilter: ToolFilter;
  readonly #recovery: SessionRecovery;
  readonly #forwarder: Forwarder;
  readonly #gate: InitializeGate;
  /** Messages that have no answer and are still on their way. */
  readonly #posting = new Set<Promise<unknown>>();
  #transport: RemoteTransport;
  #lastId = 0;
  #idPrefix: string | undefined;
  #closing = false;

  constructor(options: BridgeOptions) {
    const { settings, log } = options;
    this.#options = options;
    this.#log = log;
    this.#transport = options.createTransport(this.#transportOptions());
    this.#toolFilter = new ToolFilter(settings.tools);
    this.#serverRequests = new ServerRequests(() => this.#newId());
    this.#recovery = new SessionRecovery({
      transport: () => this.#transport,
      sendOwn: (request) => this.#sendOwn(request),
      newId: () => this.#newId(),
      requestTimeout: settings.network.requestTimeout,
      onSessionEnded: () => this.#cancelServerRequests(),
      onRecovered: (notifications) => {
        for (const notification of notifications) this.#stdout.write(notification);
      },
      onContractBroken: (error) => options.onEnd(error),
      log,
    });
    this.#gate = new InitializeGate(() => this.#transport, this.#recovery);
    this.#forwarder = new Forwarder({
      transport: () => this.#transport,
      fallBack: settings.transport === 'auto' ? () => this.#fallBack() : undefined,
      recovery: this.#recovery,
      log,
    });
    this.#queue = new RequestQueue((request) => this.#process(request));
    this.#deadlines = new DeadlineWatch(this.#pending, (request, error) => this.#expire(request, error));
    this.#stdout = new StdoutWriter(options.output, () => options.onEnd('stdout-closed'));
    const messages = new ClientMessages(settings.maxMessageBytes, {
      onRequest: (request, body, deliver) => this.#acceptRequest(request, body, deliver),
      onNotification: (notification, body) => this.#acceptNotification(notification, body),
      onResponse: (response, body) => this.#acceptResponse(response, body),
      isInFlight: (id) => this.#pending.get(id) !== undefined,
      hasBatches: () => this.#recovery.protocolVersion === '2025-03-26',
      write: (text) => this.#stdout.write(text),
    });
    this.#stdin = new StdinReader(options.input, settings.maxMessageBytes, {
      onLine: (line) => {
        messages.read(line);
        this.#throttle();
      },
      onOversizedLine: (id) => messages.refuseOversized(id),
      onEnd: () => options.onEnd('stdin-closed'),
    });
  }

  /**
   * Ends the crossing: answers that are still to come are waited for, the session is ended, everything is written.
   *
   * @param patience how long to wait for running requests, in milliseconds
   */
  async close(patience: number): Promise<void> {
    if (this.#closing) return;
    this.#closing = true;
    this.#stdin.pause();
    const until = performance.now() + patience;
    while (this.#pending.size + this.#posting.size > 0 && performance.now() < until) await sleep(10);
    this.#deadlines.stop();
    for (const request of [...this.#pending]) {
      request.fail(
        new DrawbridgeError(
          'shutting-down',
          'The bridge is shutting down; the request may or may not have run.',
        ),
      );
    }
    await this.#transport.close(1_000);
    await this.#stdout.end(500);
  }

  // ---- from the client -------------------------------------------------------------------------------------------

  #acceptRequest(
    message: JsonRpcRequest,
    body: MessageText,
    deliver: (answer: Answer | undefined) => void,
  ): void {
    const { id, method, params } = message;
    const request: PendingRequest = new PendingRequest(
      { id, method, params, body },
      this.#options.settings.network.requestTimeout,
      (answer) => {
        this.#pending.remove(request);
        deliver(answer && this.#onAnswer(request, params, answer));
      },
    );
    const refusal = this.#answerOfOurOwn(method, params);
    if (refusal) return request.fail(refusal);
    this.#pending.add(request);
    this.#deadlines.start();
    if (method === 'initialize') {
      this.#recovery.remember(body);
      this.#gate.noteCapabilities(params);
      this.#gate.hold(
        this.#forwarder.initialize(request).catch((error) => request.fail(asDrawbridgeError(error))),
      );
    } else if (method === 'ping' && this.#gate.isApart) {
      request.answer(pong(id));
    } else {
      this.#queue.push(request);
    }
  }

  /** Requests that are not the remote's to answer. */
  #answerOfOurOwn(method: string, params: unknown): DrawbridgeError | undefined {
    // The probe of a client that also speaks the 2026-07-28 revision: this sends it to `initialize`.
    if (method === 'server/discover')
      return new DrawbridgeError('unknown-method', 'Method not found: server/discover');
    if (method !== 'tools/call' || !this.#toolFilter.isActive) return undefined;
    const name = isObject(params) ? params.name : undefined;
    if (typeof name === 'string' && this.#toolFilter.allows(name)) return undefined;
    return new DrawbridgeError(
      'tool-filtered',
      'This tool is switched off in the configuration (--allow-tool, --ignore-tool).',
    );
  }

  async #process(request: PendingRequest): Promise<void> {
    try {
      await this.#gate.pass(request);
      if (!request.settled) await this.#forwarder.forward(request);
    } catch (error) {
      request.fail(asDrawbridgeError(error));
    }
    // A transport must not forget a request; if it does, the client is told rather than left waiting.
    if (!request.settled) {
      request.fail(
        new DrawbridgeError('internal', 'The request was sent, and its answer was lost in the bridge.'),
      );
    }
    this.#throttle();
  }

  #acceptNotification(message: JsonRpcNotification, body: MessageText): void {
    const { method, params } = message;
    if (method === 'notifications/cancelled') return this.#cancel(params, body);
    const post = this.#afterGate(() => this.#forwarder.post({ body, method }));
    if (method !== 'notifications/initialized') return;
    // Some servers refuse whatever overtakes this one.
    this.#gate.hold(
      post.then((outcome) => {
        this.#recovery.confirmed(body, outcome?.kind === 'done');
        if (outcome?.kind === 'done') this.#gate.listen();
      }),
    );
  }

  #cancel(params: unknown, body: MessageText): void {
    const id = isObject(params) ? params.requestId : undefined;
    const request = this.#pending.get(id as MessageId);
    // `initialize` can't be cancelled (MCP 2025-11-25, Cancellation); what is not in flight needs no word.
    if (!request || request.method === 'initialize') return;
    const { abort } = request;
    request.cancel();
    if (!abort) return; // it has not left yet
    const post = this.#afterGate(() => this.#forwarder.post({ body, method: 'notifications/cancelled' }));
    // Closing a stream cancels nothing in this era, so it is closed after the server was told.
    void post.then(() => abort(new DrawbridgeError('shutting-down', 'Cancelled.')));
  }

  #acceptResponse(message: JsonRpcResponse, line: MessageText): void {
    const body = this.#serverRequests.answer(message, line);
    if (body === undefined) return this.#log.debug('answer to nothing that was asked, dropped');
    void this.#afterGate(() => this.#forwarder.post({ body, method: undefined }));
  }

  /** Sends what has no answer, in its turn. */
  #afterGate<T>(send: () => Promise<T>): Promise<T | undefined> {
    const gate = this.#gate.closed;
    const sent = (gate ? gate.then(send) : send()).catch((error: unknown) => {
      this.#log.warn('message not delivered', { reason: asDrawbridgeError(error).reason });
      return undefined;
    });
    this.#posting.add(sent);
    void sent.then(() => this.#posting.delete(sent));
    return sent;
  }

  // ---- from the remote -------------------------------------------------------------------------------------------

  receive(text: MessageText, message: JsonRpcMessage, origin?: OutgoingRequest): void {
    switch (message.kind) {
      case 'response':
        return this.#receiveResponse(text, message, origin as PendingRequest | undefined);
      case 'request': {
        const forClient = this.#serverRequests.add(message, text);
        if (forClient !== undefined) return this.#stdout.write(forClient);
        return this.#log.warn('too many open requests of the server, dropped');
      }
      case 'notification':
        return this.#receiveNotification(text, message);
      case 'invalid':
        return this.#log.warn('message of the server dropped', { problem: message.problem });
    }
  }

  sessionLost(session: Session): void {
    if (this.#closing) return;
    // Without a request waiting for it this may fail: the next request tries again.
    this.#recovery
      .recover(session)
      .catch((error) => this.#log.info('no new session yet', { reason: asDrawbridgeError(error).reason }));
  }

  get blocked(): boolean {
    return this.#stdout.blocked;
  }

  whenReady(resume: () => void): void {
    this.#stdout.whenReady(resume);
  }

  #receiveResponse(text: MessageText, message: JsonRpcResponse, origin: PendingRequest | undefined): void {
    const isOrigins = origin && String(message.id ?? origin.id) === String(origin.id);
    const request = isOrigins ? origin : message.id === null ? undefined : this.#pending.get(message.id);
    if (!request || request.settled) return this.#log.debug('answer to nothing that is asked, dropped');
    if (message.id === request.id) return request.answer({ text, message });
    // An error to what the server could not read has no id, and some servers make a string of a number.
    request.answer({ text: withId(text.toString(), request.id), message: { ...message, id: request.id } });
  }

  #receiveNotification(text: MessageText, { method, params }: JsonRpcNotification): void {
    if (
      method === 'notifications/progress' &&
      isObject(params) &&
      !this.#pending.hasProgressToken(params.progressToken)
    ) {
      return this.#log.debug('progress of nothing that is asked, dropped');
    }
    if (method !== 'notifications/cancelled' || !isObject(params)) return this.#stdout.write(text);
    const clientId = this.#serverRequests.cancel(params.requestId);
    if (clientId === params.requestId) this.#stdout.write(text);
    else if (clientId !== undefined)
      this.#stdout.write(cancelled(clientId, 'The server took the request back'));
  }

  /** Looks at an answer on its way to the client. */
  #onAnswer(request: PendingRequest, params: unknown, { text, message }: Answer): Answer {
    const { result } = message;
    if (result === undefined) return { text, message };
    if (request.method === 'initialize' && isObject(result)) this.#recovery.opened(request, result);
    else if (request.method === 'tools/list')
      return { text: this.#toolFilter.filterList(text, result), message };
    else this.#recovery.note(request.method, params, request.body);
    return { text, message };
  }

  // ---- both ------------------------------------------------------------------------------------------------------

  #expire(request: PendingRequest, error: DrawbridgeError): void {
    const wasSent =
      request.abort !== undefined && request.method !== 'initialize' && request.method !== 'ping';
    if (request.method === 'ping') request.answer(pong(request.id));
    else request.fail(error);
    if (wasSent) void this.#afterGate(() => this.#forwarder.post(cancellation(request.id)));
  }

  async #sendOwn(request: PendingRequest): ReturnType<Forwarder['sendOwn']> {
    this.#pending.add(request);
    try {
      return await this.#forwarder.sendOwn(request);
    } finally {
      this.#pending.remove(request);
    }
  }

  #cancelServerRequests(): void {
    for (const id of this.#serverRequests.cancelAll()) {
      this.#stdout.write(cancelled(id, 'The session with the server was lost'));
    }
  }

  async #fallBack(): Promise<() => void> {
    const before = this.#transport;
    const { HttpSse } = await import('../remote/http-sse.ts');
    this.#transport = new HttpSse(this.#transportOptions());
    return () => {
      void this.#transport.close(0);
      this.#transport = before;
    };
  }

  #transportOptions(): TransportOptions {
    const { settings, client, authorizer, log } = this.#options;
    const { url, headers, maxMessageBytes } = settings;
    return { client, path: url.pathname + url.search, headers, authorizer, sink: this, maxMessageBytes, log };
  }

  /** Stdin rests while the client does not read, or more is asked than can wait. */
  #throttle(): void {
    if (!this.#stdout.blocked && !this.#queue.isFull) return;
    this.#stdin.pause();
    const resume = (): void => {
      if (!this.#closing && !this.#queue.isFull) this.#stdin.resume();
    };
    if (this.#stdout.blocked) this.#stdout.whenReady(resume);
    else this.#queue.whenRoom(resume);
  }

  /** Ids of the bridge's own requests: no client and no server will think of the same. */
  #newId(): string {
    this.#idPrefix ??= crypto.randomUUID();
    return `drawbridge-${this.#idPrefix}-${++this.#lastId}`;
  }
}
