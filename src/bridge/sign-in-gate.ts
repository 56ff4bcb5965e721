import type { Authorizer, SignIn } from '../authorization/authorizer.ts';
import { asDrawbridgeError, type DrawbridgeError } from '../errors.ts';
import { isObject, type JsonRpcResponse } from '../jsonrpc.ts';
import type { Logger } from '../logger.ts';
import { SIGN_IN_PATIENCE } from './limits.ts';
import { LinkRequest } from './link-request.ts';
import { pong } from './message-text.ts';
import { ownAnswer, type PendingRequest, toolAnswer } from './pending-requests.ts';
import {
  emptyResult,
  listsPromised,
  type ProvisionalResult,
  provisionalResult,
  resultForLack,
  SIGN_IN_TOOL,
  signInToolList,
} from './provisional-answers.ts';
import { refusals } from './refusals.ts';
import type { RememberedServer, ServerMemory } from './server-memory.ts';
import type { SessionRecovery } from './session-recovery.ts';
import { signInNeeded } from './sign-in-texts.ts';
import { SignInTool } from './sign-in-tool.ts';
import { WaitingRequests } from './waiting-requests.ts';

export interface SignInGateOptions {
  /** Origin and path of the MCP server. */
  target: string;
  /** How long `initialize` is held, in milliseconds. */
  initializeWait: number;
  authorizer: Authorizer;
  memory: ServerMemory | undefined;
  recovery: SessionRecovery;
  write: (message: string) => void;
  /** Sends a request that has waited on its way. */
  resume: (request: PendingRequest) => void;
  /** Opens the listening stream, where a session stands and it is not open. */
  listen: () => void;
  newId: () => string;
  log: Logger;
}

/**
 * Stands in the server's place while nobody is signed in. A client does not wait for a human: what can be answered
 * without the server is, what can't waits for a while, and when the user has signed in the session is opened with the
 * client's own words and the client hears that everything has changed. Loaded with the first sign-in.
 */
export class SignInGate {
  readonly #options: SignInGateOptions;
  readonly #host: string;
  readonly #tool: SignInTool;
  readonly #links: LinkRequest;
  /**
   * `aside`: the server speaks for itself. `provisional`: the client has an answer to `initialize` that is not the
   * server's. `failed`: so it has, and no sign-in is under way. `opening`: signed in, the handshake with the server runs.
   */
  #state: 'aside' | 'provisional' | 'failed' | 'opening' = 'aside';
  #opening: Promise<DrawbridgeError | undefined> | undefined;
  /** What the client was told in the server's place; undefined where the server spoke in time. */
  #promised: ProvisionalResult | undefined;
  /** The catalogues that the client has in a provisional form. */
  readonly #toldFalsely = new Set<string>();
  readonly #waiting = new WaitingRequests();
  readonly #followed = new WeakSet<SignIn>();
  #command: string;
  #isSignedIn = false;
  /** Whether the client knows `sign_in` as a tool of ours, and whether the server has one of that name. */
  #offersTool = false;
  #serverHasTool = false;
  /** The server was given a confirmation in the client's name. */
  #confirmedEarly = false;
  #initialize: PendingRequest | undefined;

  constructor(options: SignInGateOptions) {
    const { target, authorizer, recovery, write, newId, log } = options;
    this.#options = options;
    this.#host = new URL(target).host;
    this.#command = `npx mcp-drawbridge login ${target}`;
    const common = { host: this.#host, authorizer, write };
    this.#links = new LinkRequest({ ...common, isClientReady: () => recovery.isClientReady, newId, log });
    this.#tool = new SignInTool({
      ...common,
      isSignedIn: () => this.#isSignedIn,
      started: (signIn) => this.started(signIn),
      open: () => this.#open(),
      command: () => this.#command,
    });
  }

  /** Whether requests are not the server's to answer for now. */
  get isClosed(): boolean {
    return this.#state !== 'aside';
  }

  /** Whether an answer of the client's to a question of ours is awaited. */
  get asksClient(): boolean {
    return this.#links.isOpen;
  }

  // ---- what the authorizer says ----------------------------------------------------------------------------------

  started(signIn: SignIn): void {
    if (this.#followed.has(signIn)) return;
    this.#followed.add(signIn);
    this.#isSignedIn = false;
    this.#command = signIn.command;
    if (this.#state === 'failed') this.#state = 'provisional';
    void signIn.settled.then((error) => error && this.#signInFailed(error));
    if (!this.#options.authorizer.clientOpensLinks) return;
    void this.#links.ask(signIn);
    void signIn.linked.then(() => {
      // The client is asked nothing before it has confirmed, and confirms nothing before it has an answer.
      const isHeld = this.#initialize?.challengedAt !== undefined;
      if (this.#initialize && isHeld && signIn.link !== undefined)
        this.#answerProvisionally(this.#initialize);
    });
  }

  signedIn(): void {
    this.#isSignedIn = true;
    if (this.isClosed) return void this.#open();
    this.#options.listen();
    this.#tellChanges();
  }

  #signInFailed(error: DrawbridgeError): void {
    if (this.#state !== 'provisional' || this.#options.authorizer.signIn) return;
    this.#options.log.info('sign-in failed', { reason: error.reason });
    this.#state = 'failed';
    for (const request of this.#waiting.takeAll()) request.fail(error);
  }

  // ---- what becomes of `initialize` ------------------------------------------------------------------------------

  /** The client begins anew. */
  initialize(request: PendingRequest): void {
    this.#initialize = request;
    this.#state = 'aside';
    this.#promised = undefined;
    this.#confirmedEarly = false;
    this.#toldFalsely.clear();
    for (const waiting of this.#waiting.takeAll()) waiting.fail(this.#needed());
  }

  /**
   * The client's `initialize` has come back from the server.
   *
   * @param error why there was no answer of the server's; undefined also where nobody waited for one any more
   */
  initializeEnded(request: PendingRequest, error: DrawbridgeError | undefined): void {
    if (request !== this.#initialize || !this.isClosed) return;
    if (error) this.#signInFailed(error);
    else void this.#open();
  }

  #answerProvisionally(request: PendingRequest): void {
    if (request.settled) return;
    const { recovery, log } = this.#options;
    const { params } = JSON.parse(request.body.toString());
    const promised = provisionalResult(params, this.#remembered(), this.#host);
    log.info('initialize answered before the sign-in');
    this.#promised = promised;
    for (const list of listsPromised(promised)) this.#toldFalsely.add(list);
    this.#state = 'provisional';
    this.#offersTool = true;
    recovery.promise(promised.protocolVersion);
    request.answer(ownAnswer(request.id, promised));
  }

  #remembered(): RememberedServer | undefined {
    const { memory, log } = this.#options;
    try {
      return memory?.read();
    } catch (error) {
      log.warn('what is known of the server is not readable', { reason: asDrawbridgeError(error).reason });
      return undefined;
    }
  }

  /** Opens the session that the client believes to have. @returns why there is none */
  #open(): Promise<DrawbridgeError | undefined> {
    const { recovery } = this.#options;
    if (this.#opening) return this.#opening;
    if (!this.isClosed && !recovery.canBegin) return Promise.resolve(undefined);
    this.#state = 'opening';
    this.#confirmedEarly = !recovery.isClientReady;
    this.#opening = recovery
      .recover(undefined)
      .then(
        () => this.#opened(),
        (error: unknown) => this.#notOpened(asDrawbridgeError(error)),
      )
      .finally(() => {
        this.#opening = undefined;
      });
    return this.#opening;
  }

  #opened(): undefined {
    this.#state = 'aside';
    this.#isSignedIn = true;
    for (const request of this.#waiting.takeAll()) {
      if (!this.accept(request)) this.#options.resume(request);
    }
  }

  #notOpened(error: DrawbridgeError): DrawbridgeError {
    const isRefused = error.exitCode === 4;
    this.#options.log.info('signed in, but no session yet', { reason: error.reason });
    if (isRefused) this.#isSignedIn = false;
    // Another sign-in may be under way already; where nothing is, the next request begins the session.
    this.#state = !isRefused ? 'aside' : this.#options.authorizer.signIn ? 'provisional' : 'failed';
    if (this.#state !== 'provisional') {
      for (const request of this.#waiting.takeAll()) request.fail(error);
    }
    return error;
  }

  /** A session with the server stands, the first one or another. */
  recovered(): void {
    const { recovery, log } = this.#options;
    const real = recovery.contract;
    if (this.#promised && real && this.#toldFalsely.size > 0) {
      const missing = Object.keys(this.#promised.capabilities).filter((name) => !(name in real.capabilities));
      const isOther = real.protocolVersion !== this.#promised.protocolVersion;
      if (isOther || missing.length > 0)
        log.info('the server is not quite what the client was told', { missing: missing.length, isOther });
    }
    this.#tellChanges();
  }

  #tellChanges(): void {
    if (!this.#options.recovery.isClientReady) return;
    for (const list of this.#toldFalsely)
      this.#options.write(JSON.stringify({ jsonrpc: '2.0', method: `notifications/${list}/list_changed` }));
    this.#toldFalsely.clear();
  }

  // ---- what the client says --------------------------------------------------------------------------------------

  /** Whether a request is a call of the tool that the bridge offers itself. */
  isOwnCall(method: string, params: unknown): boolean {
    if (method !== 'tools/call' || !isObject(params) || params.name !== SIGN_IN_TOOL) return false;
    const isSignedOut = this.isClosed || this.#options.authorizer.signIn !== undefined;
    return isSignedOut || (this.#offersTool && !this.#serverHasTool);
  }

  callTool(request: PendingRequest): void {
    this.#tool.call(request).catch((error: unknown) => {
      request.answer(toolAnswer(request.id, asDrawbridgeError(error).message, true));
    });
  }

  /** @returns whether the request is taken care of; if not, it is the server's to answer */
  accept(request: PendingRequest): boolean {
    const { id, method } = request;
    if (this.#state === 'aside') {
      const real = this.#options.recovery.contract;
      const result =
        this.#promised && real && resultForLack(method, this.#promised.capabilities, real.capabilities);
      if (result) request.answer(ownAnswer(id, result));
      return result !== undefined;
    }
    const result = method === 'tools/list' ? signInToolList(this.#host) : emptyResult(method);
    if (method === 'ping') request.answer(pong(id));
    else if (this.#state === 'opening' || !result) this.#hold(request);
    else {
      if (method === 'logging/setLevel') this.#options.recovery.note(method, undefined, request.body);
      request.answer(ownAnswer(id, result));
    }
    return true;
  }

  /** @returns whether a notification of the client's goes no further */
  acceptNotification(method: string): boolean {
    if (method !== 'notifications/initialized') return this.isClosed;
    const isConfirmed = this.isClosed || this.#confirmedEarly;
    this.#confirmedEarly = false;
    this.#links.clientReady();
    if (!this.isClosed) this.#tellChanges();
    return isConfirmed;
  }

  acceptResponse(response: JsonRpcResponse): boolean {
    return this.#links.take(response);
  }

  #hold(request: PendingRequest): void {
    if (this.#state === 'failed') return request.fail(this.#needed());
    this.#waiting.add(request);
  }

  // ---- what takes its time ---------------------------------------------------------------------------------------

  /**
   * Looks at a request whose 401 or 403 is being dealt with, or that waits here.
   *
   * @param now on the clock of `performance.now()`
   */
  look(request: PendingRequest, now: number): void {
    const { authorizer, initializeWait } = this.#options;
    if (request.settled || request.challengedAt === undefined) return;
    const waited = now - request.challengedAt;
    if (request === this.#initialize) {
      if (now - request.since >= initializeWait) this.#answerProvisionally(request);
    } else if (request.method === 'ping') {
      request.answer(pong(request.id));
    } else if (authorizer.signIn || this.isClosed) {
      if (request.method === 'tools/list' && !this.isClosed && waited >= initializeWait)
        this.#offerTool(request);
      else if (waited >= SIGN_IN_PATIENCE) request.fail(this.#needed());
    }
  }

  #offerTool(request: PendingRequest): void {
    this.#offersTool = true;
    this.#serverHasTool = false;
    this.#toldFalsely.add('tools');
    request.answer(ownAnswer(request.id, signInToolList(this.#host)));
  }

  /** The server has listed its tools, or a page of them. */
  sawTools(params: unknown, result: unknown): void {
    const tools = isObject(result) && Array.isArray(result.tools) ? result.tools : [];
    const isFirstPage = !isObject(params) || params.cursor === undefined;
    if (isFirstPage) this.#serverHasTool = false;
    if (tools.some((tool) => isObject(tool) && tool.name === SIGN_IN_TOOL)) this.#serverHasTool = true;
  }

  /** The bridge ends: nobody signs in any more for what waits here. */
  close(): void {
    for (const request of this.#waiting.takeAll()) request.fail(refusals.shuttingDown());
  }

  #needed(): DrawbridgeError {
    return signInNeeded(this.#host, this.#options.authorizer.signIn?.link, this.#command);
  }
}
