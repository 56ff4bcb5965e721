import type { Authorizer, SignIn } from '../authorization/authorizer.ts';
import { asDrawbridgeError, type DrawbridgeError } from '../errors.ts';
import { isObject, type JsonRpcResponse } from '../jsonrpc.ts';
import type { Logger } from '../logger.ts';
import { SIGN_IN_PATIENCE } from './limits.ts';
import { LinkRequest } from './link-request.ts';
import { pong } from './message-text.ts';
import { ownAnswer, type PendingRequest, toolAnswer } from './pending-requests.ts';
import { emptyResult, SIGN_IN_TOOL, signInToolList } from './provisional-answers.ts';
import { ProvisionalContract } from './provisional-contract.ts';
import { refusals } from './refusals.ts';
import type { ServerMemory } from './server-memory.ts';
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
  /** Told whenever credentials are there that were not. */
  onSignedIn: () => void;
  newId: () => string;
  log: Logger;
}

/** The exit code that errors about the user's credentials have. */
const NOT_SIGNED_IN = 4;

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
  readonly #contract: ProvisionalContract;
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
    const { target, authorizer, memory, recovery, write, newId, log } = options;
    this.#options = options;
    this.#host = new URL(target).host;
    this.#command = `npx mcp-drawbridge login ${target}`;
    this.#contract = new ProvisionalContract({ host: this.#host, memory, recovery, write, log });
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
    void signIn.settled.then((error) => error && this.#signInFailed(error, signIn));
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
    this.#contract.tellChanges();
  }

  /** @param failed which one it was; undefined: none had begun */
  #signInFailed(error: DrawbridgeError, failed?: SignIn): void {
    const { signIn } = this.#options.authorizer;
    const goesOn = signIn !== undefined && signIn !== failed;
    if (this.#state !== 'provisional' || goesOn) return;
    this.#options.log.info('sign-in failed', { reason: error.reason });
    this.#state = 'failed';
    for (const request of this.#waiting.takeAll()) request.fail(error);
  }

  /** A request has failed in the bridge, perhaps since nobody is signed in any more. */
  failed({ exitCode }: DrawbridgeError): void {
    if (exitCode === NOT_SIGNED_IN) this.#isSignedIn = false;
  }

  // ---- what becomes of `initialize` ------------------------------------------------------------------------------

  /** The client begins anew. */
  initialize(request: PendingRequest): void {
    this.#initialize = request;
    this.#state = 'aside';
    this.#contract.forget();
    this.#confirmedEarly = false;
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
    this.#options.log.info('initialize answered before the sign-in');
    const answer = this.#contract.promise(request);
    this.#state = 'provisional';
    this.#offersTool = true;
    request.answer(answer);
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
    const isRefused = error.exitCode === NOT_SIGNED_IN;
    this.#options.log.info('signed in, but no session yet', { reason: error.reason });
    this.failed(error);
    // Another sign-in may be under way already; where nothing is, the next request begins the session.
    this.#state = !isRefused ? 'aside' : this.#options.authorizer.signIn ? 'provisional' : 'failed';
    if (this.#state !== 'provisional') {
      for (const request of this.#waiting.takeAll()) request.fail(error);
    }
    return error;
  }

  /** A session with the server stands, the first one or another. */
  recovered(): void {
    this.#contract.compare();
    this.#contract.tellChanges();
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
      const result = this.#contract.lack(method);
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
    if (!this.isClosed) this.#contract.tellChanges();
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
      const isDue = waited >= initializeWait && (request.isModern || !this.isClosed);
      const nothing = request.isModern ? emptyResult(request.method) : undefined;
      if (isDue && request.method === 'tools/list') this.#offerTool(request);
      else if (isDue && nothing) request.answer(ownAnswer(request.id, nothing));
      else if (waited >= SIGN_IN_PATIENCE) request.fail(this.#needed());
    }
  }

  #offerTool(request: PendingRequest): void {
    this.#offersTool = true;
    this.#serverHasTool = false;
    this.#contract.substitute('tools');
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
    this.#offersTool = true; // the text names it
    const { signIn } = this.#options.authorizer;
    if (signIn?.link !== undefined) signIn.shown();
    return signInNeeded(this.#host, signIn?.link, this.#command);
  }
}
