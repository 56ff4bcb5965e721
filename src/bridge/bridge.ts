import type { MessageText } from '../byte-text.ts';
import { asDrawbridgeError, type DrawbridgeError } from '../errors.ts';
import {
  isObject,
  type JsonRpcMessage,
  type JsonRpcNotification,
  type JsonRpcRequest,
  type JsonRpcResponse,
  type MessageId,
} from '../jsonrpc.ts';
import type { Logger } from '../logger.ts';
import { sleep } from '../platform/sleep.ts';
import type { OutgoingRequest, RemoteSink, Session } from '../remote/transport.ts';
import { revisionNamedIn } from '../revisions.ts';
import type { BridgeOptions } from './bridge-options.ts';
import { ClientMessages } from './client-messages.ts';
import { DeadlineWatch } from './deadlines.ts';
import { ModernHook } from './era/modern-hook.ts';
import { Opening } from './era/opening.ts';
import { RemoteEra } from './era/remote-era.ts';
import { createTranslation } from './era/ways.ts';
import { Forwarder } from './forwarder.ts';
import { InitializeGate } from './initialize-gate.ts';
import { cancelled, createIdMaker, pong } from './message-text.ts';
import { Outbox } from './outbox.ts';
import { type Answer, errorAnswer, PendingRequest, PendingRequests } from './pending-requests.ts';
import { refusals } from './refusals.ts';
import { RemoteEnd } from './remote-end.ts';
import { RemoteMessages } from './remote-messages.ts';
import { RequestQueue } from './request-queue.ts';
import { ServerRequests } from './server-requests.ts';
import { CONFIRMATION_PATIENCE, SessionRecovery } from './session-recovery.ts';
import { opensLinks, SignInHook } from './sign-in-hook.ts';
import { StdinReader } from './stdin-reader.ts';
import { StdoutWriter } from './stdout-writer.ts';
import { Throttle } from './throttle.ts';
import { ToolFilter } from './tool-filter.ts';

export type { BridgeOptions } from './bridge-options.ts';

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
  readonly #signIn: SignInHook;
  readonly #throttle: Throttle;
  readonly #outbox: Outbox;
  readonly #remote: RemoteEnd;
  readonly #opening: Opening;
  readonly #modern: ModernHook;
  readonly #remoteMessages: RemoteMessages;
  readonly #newId = createIdMaker();
  #closing = false;
  #drainUntil = 0;

  constructor(options: BridgeOptions) {
    const { settings, client, authorizer, log } = options;
    const { url, headers, maxMessageBytes } = settings;
    const path = url.pathname + url.search;
    this.#options = options;
    this.#log = log;
    const era = new RemoteEra(settings.era, options.eraMemory);
    const transport = { client, path, headers, authorizer, sink: this, maxMessageBytes, log };
    const ways = { createTransport: options.createTransport, transport, settings, newId: this.#newId };
    const current = () => this.#remote.transport;
    this.#remote = new RemoteEnd(options.createTransport, transport, () => createTranslation(ways));
    this.#opening = new Opening({
      end: this.#remote,
      sink: this,
      era,
      newId: this.#newId,
      onTaken: () => {
        if (this.#recovery.isClientReady) this.#gate.listen();
      },
      log,
    });
    this.#toolFilter = new ToolFilter(settings.tools);
    this.#serverRequests = new ServerRequests(this.#newId);
    this.#remoteMessages = new RemoteMessages({
      pending: this.#pending,
      serverRequests: this.#serverRequests,
      write: (text) => this.#stdout.write(text),
      onAsked: () => {
        // The answer comes on stdin, whatever else waits there.
        if (!this.#closing && !this.#stdout.blocked) this.#stdin.resume();
      },
      refuse: (answer) => this.#outbox.refuse(answer),
      log,
    });
    this.#recovery = new SessionRecovery({
      transport: current,
      sendOwn: (request) => this.#sendOwn(request),
      post: (message) => this.#forwarder.post(message),
      newId: this.#newId,
      requestTimeout: settings.network.requestTimeout,
      pingInterval: settings.pingInterval,
      onSessionEnded: () => this.#remoteMessages.cancelServerRequests(),
      onRecovered: (notifications) => {
        for (const notification of notifications) this.#stdout.write(notification);
        this.#signIn.gate?.recovered();
      },
      onOpened: (result) => this.#signIn.remember(result),
      onContractBroken: (error) => options.onEnd(error),
      log,
    });
    this.#gate = new InitializeGate(current, this.#recovery, () => this.#opening.settling);
    this.#signIn = new SignInHook({
      target: options.client.target,
      initializeWait: settings.signIn.initializeWait,
      authorizer,
      memory: options.memory,
      recovery: this.#recovery,
      write: (message) => this.#stdout.write(message),
      resume: (request) => this.#queue.push(request),
      listen: () => this.#gate.listen(),
      onSignedIn: () => this.#modern.signedIn(),
      newId: this.#newId,
      log,
    });
    this.#forwarder = new Forwarder({
      transport: current,
      fallBack: settings.transport === 'auto' ? () => this.#remote.fallBack() : undefined,
      first: settings.sseFirst ? 'sse' : undefined,
      recovery: this.#recovery,
      opening: this.#opening,
      log,
    });
    this.#outbox = new Outbox({ forwarder: this.#forwarder, gate: this.#gate, log });
    this.#modern = new ModernHook({
      ways,
      era,
      authorizer,
      memory: options.memory,
      remember: (server) => this.#signIn.remember(server),
      pending: this.#pending,
      write: (text) => this.#stdout.write(text),
      flow: this,
      log,
    });
    this.#queue = new RequestQueue((request) => this.#process(request));
    this.#deadlines = new DeadlineWatch(
      this.#pending,
      (request, error) => this.#expire(request, error),
      (request, now) => this.#signIn.look(request, now),
    );
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
        this.#throttle.look();
      },
      onOversizedLine: (id, isRequest) => this.#refuseOversized(id, isRequest, messages),
      onEnd: () => options.onEnd('stdin-closed'),
    });
    this.#throttle = new Throttle({
      stdin: this.#stdin,
      stdout: this.#stdout,
      queue: this.#queue,
      isClientAsked: () => this.#serverRequests.any || this.#signIn.gate?.asksClient === true,
      isClosing: () => this.#closing,
    });
  }

  /** Cuts the waiting short where the bridge is already closing. */
  hurry(): void {
    this.#drainUntil = 0;
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
    this.#recovery.close();
    this.#signIn.gate?.close();
    for (const request of [...this.#pending]) {
      if (request.isLasting) request.drop(refusals.shuttingDown());
    }
    this.#drainUntil = performance.now() + patience;
    while (this.#pending.size + this.#outbox.size > 0 && performance.now() < this.#drainUntil)
      await sleep(10);
    this.#deadlines.stop();
    for (const request of [...this.#pending]) request.fail(refusals.shuttingDown());
    await Promise.all([this.#remote.transport.close(500), this.#modern.close(500)]);
    await this.#stdout.end(250);
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
    const { gate } = this.#signIn;
    const isOwnCall = gate?.isOwnCall(method, params) ?? false;
    const refusal = isOwnCall ? undefined : this.#answerOfOurOwn(request);
    if (refusal) return request.fail(refusal);
    this.#pending.add(request);
    this.#deadlines.start();
    if (request.isModern) {
      if (isOwnCall) gate?.callTool(request);
      else this.#enqueue(request);
    } else if (method === 'initialize') {
      this.#recovery.remember(body);
      this.#signIn.initialize(request, opensLinks(params));
      // A server may keep the stream of its answer open: the answer counts, not the end of that.
      void this.#forwarder.initialize(request).then(
        (error) => this.#signIn.initializeEnded(request, error),
        (error: unknown) => request.fail(asDrawbridgeError(error)),
      );
      this.#gate.hold(request.whenSettled());
    } else if (isOwnCall) {
      gate?.callTool(request);
    } else if (gate?.accept(request)) {
      return;
    } else if (method === 'ping' && this.#gate.isApart) {
      request.answer(pong(id));
    } else {
      this.#enqueue(request);
    }
  }

  #enqueue(request: PendingRequest): void {
    // A subscription stays open for as long as the client likes, so it takes no other request's place.
    if (request.isLasting) void this.#process(request);
    else if (this.#queue.isOverfull) request.fail(refusals.tooManyRequests());
    else this.#queue.push(request);
  }

  /** Requests that are not the remote's to answer. */
  #answerOfOurOwn({ method, params, body, isModern }: PendingRequest): DrawbridgeError | undefined {
    const isOpening = isModern || method === 'initialize' || method === 'ping';
    if (!isOpening && !this.#recovery.isBegun) return refusals.noWayIn();
    if (method === 'server/discover' && !isModern) return refusals.noDiscovery();
    if (method !== 'tools/call' || this.#toolFilter.allowsCall(body, params)) return undefined;
    return refusals.toolFiltered();
  }

  async #process(request: PendingRequest): Promise<void> {
    try {
      if (request.isModern) {
        await this.#modern.take(request);
      } else {
        await this.#gate.pass(request);
        // Its answer may have been the provisional one.
        if (this.#takesAside(request)) return;
        if (!request.settled) await this.#forwarder.forward(request);
      }
    } catch (error) {
      request.fail(asDrawbridgeError(error));
    }
    // A transport must not forget a request; if it does, the client is told rather than left waiting.
    if (!request.settled) request.fail(refusals.lostInBridge());
    this.#throttle.look();
  }

  #takesAside(request: PendingRequest): boolean {
    const { gate } = this.#signIn;
    return gate?.isClosed === true && !request.settled && gate.accept(request);
  }

  #acceptNotification(message: JsonRpcNotification, body: MessageText): void {
    const { method, params } = message;
    if (method === 'notifications/cancelled') return this.#cancel(params, body);
    if (revisionNamedIn(params) !== undefined) return this.#modern.notify(body, method);
    if (method === 'notifications/initialized') this.#recovery.clientReady(body);
    if (this.#signIn.gate?.acceptNotification(method)) return;
    const post = this.#outbox.post(body, method);
    if (method !== 'notifications/initialized') return;
    // Some servers refuse whatever overtakes this one; one that never accepts it is not waited for.
    const confirmed = post.then((outcome) => {
      this.#recovery.confirmed(body, outcome?.kind === 'done');
      this.#gate.listen();
    });
    this.#gate.hold(Promise.race([confirmed, sleep(CONFIRMATION_PATIENCE)]));
  }

  #cancel(params: unknown, body: MessageText): void {
    const id = isObject(params) ? params.requestId : undefined;
    const request = this.#pending.get(id as MessageId);
    // `initialize` can't be cancelled (MCP 2025-11-25, Cancellation); what is not in flight needs no word.
    if (!request || request.method === 'initialize') return;
    // What was refused for want of a sign-in is no work of the server's.
    const hasLeft = request.abort !== undefined && request.challengedAt === undefined;
    if (request.isModern) return request.drop(refusals.shuttingDown());
    request.cancel();
    if (!hasLeft) return;
    const post = this.#outbox.post(body, 'notifications/cancelled');
    // Closing a stream cancels nothing in this era, so it is closed after the server was told.
    void post.then(() => request.abort?.(refusals.shuttingDown()));
  }

  #acceptResponse(message: JsonRpcResponse, line: MessageText): void {
    if (this.#signIn.gate?.acceptResponse(message)) return;
    const body = this.#serverRequests.answer(message, line);
    if (body === undefined) return this.#log.debug('answer to nothing that was asked, dropped');
    void this.#outbox.post(body);
  }

  // ---- from the remote -------------------------------------------------------------------------------------------

  receive(text: MessageText, message: JsonRpcMessage, origin?: OutgoingRequest): void {
    this.#remoteMessages.receive(text, message, origin);
  }

  sessionLost(session: Session): void {
    if (this.#closing) return;
    void this.#recovery.reopen(session);
  }

  get blocked(): boolean {
    return this.#stdout.blocked;
  }

  whenReady(resume: () => void): void {
    this.#stdout.whenReady(resume);
  }

  /** Looks at an answer on its way to the client. */
  #onAnswer(request: PendingRequest, params: unknown, answer: Answer): Answer {
    const { text, message, isOurs } = answer;
    const { result } = message;
    if (request.failure) this.#signIn.gate?.failed(request.failure);
    if (isOurs && request.isModern) return this.#modern.inItsForm(answer, request.method);
    if (result === undefined || isOurs) return answer;
    if (request.method === 'initialize' && isObject(result)) {
      this.#recovery.opened(request, result);
      this.#opening.opened();
    } else if (request.method === 'tools/list') {
      this.#signIn.gate?.sawTools(params, result);
      return { text: this.#toolFilter.filterList(text, result), message };
    } else if (!request.isModern) this.#recovery.note(request.method, params, request.body);
    return answer;
  }

  // ---- both ------------------------------------------------------------------------------------------------------

  #expire(request: PendingRequest, error: DrawbridgeError): void {
    const { abort } = request;
    if (request.method === 'ping') {
      request.answer(pong(request.id));
      return abort?.(error);
    }
    request.fail(error);
    const hasLeft = abort !== undefined && request.challengedAt === undefined;
    if (hasLeft && request.method !== 'initialize' && !request.isModern)
      void this.#outbox.post(cancelled(request.id, 'Timed out'), 'notifications/cancelled');
  }

  async #sendOwn(request: PendingRequest): ReturnType<Forwarder['sendOwn']> {
    this.#pending.add(request);
    this.#deadlines.start();
    try {
      return await this.#forwarder.sendOwn(request);
    } finally {
      this.#pending.remove(request);
    }
  }

  /** A line over the limit may be the client's answer to the server, which then is told instead. */
  #refuseOversized(id: MessageId | null, isRequest: boolean, messages: ClientMessages): void {
    if (isRequest || id === null || !this.#serverRequests.has(id)) return messages.refuseOversized(id);
    const { text, message } = errorAnswer(id, refusals.tooLargeForServer());
    this.#acceptResponse(message, text);
  }
}
