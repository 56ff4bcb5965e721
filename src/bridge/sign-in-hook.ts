import { type AuthorizerListener, FixedCredentials, type SignIn } from '../authorization/authorizer.ts';
import { asDrawbridgeError, type DrawbridgeError } from '../errors.ts';
import { isObject } from '../jsonrpc.ts';
import type { PendingRequest } from './pending-requests.ts';
import type { RememberedServer } from './server-memory.ts';
import type { SignInGate, SignInGateOptions } from './sign-in-gate.ts';

/** Where the sign-in gate is hung up once a sign-in is heard of: most bridges never load it. */
export class SignInHook implements AuthorizerListener {
  readonly #options: SignInGateOptions;
  #gate: SignInGate | undefined;
  #loading: Promise<SignInGate> | undefined;
  #initialize: PendingRequest | undefined;

  constructor(options: SignInGateOptions) {
    this.#options = options;
    options.authorizer.listener = this;
  }

  get gate(): SignInGate | undefined {
    return this.#gate;
  }

  signInStarted(signIn: SignIn): void {
    this.#withGate((gate) => gate.started(signIn));
  }

  signedIn(): void {
    this.#options.onSignedIn();
    if (this.#loading) this.#withGate((gate) => gate.signedIn());
    else this.#options.listen();
  }

  /** The client opens its session; `opensLinks` says whether it can be asked to open a link. */
  initialize(request: PendingRequest, opensLinks: boolean): void {
    this.#options.authorizer.clientOpensLinks = opensLinks;
    this.#initialize = request;
    this.#gate?.initialize(request);
  }

  /** The server's answer to an `initialize` is kept where nobody could have it without a credential. */
  remember(result: RememberedServer): void {
    const { authorizer, memory, log } = this.#options;
    if (!memory) return;
    try {
      const credential = authorizer.credential();
      if (credential === undefined) return;
      if (typeof credential === 'object') credential.catch(() => {});
      memory.remember(result);
    } catch (error) {
      log.debug('server not remembered', { reason: asDrawbridgeError(error).reason });
    }
  }

  /** @see SignInGate.look */
  look(request: PendingRequest, now: number): void {
    if (this.#gate) return this.#gate.look(request, now);
    const { authorizer } = this.#options;
    if (request !== this.#initialize && !authorizer.signIn) return;
    // A token command may take its time too; there is nothing that the user could sign in to.
    if (authorizer instanceof FixedCredentials) return;
    this.#withGate((gate) => gate.look(request, performance.now()));
  }

  initializeEnded(request: PendingRequest, error: DrawbridgeError | undefined): void {
    this.#gate?.initializeEnded(request, error);
  }

  #withGate(use: (gate: SignInGate) => void): void {
    this.#loading ??= this.#load();
    this.#loading.then(use).catch((error: unknown) => {
      this.#options.log.error('sign-in gate failed', { reason: asDrawbridgeError(error).reason });
    });
  }

  async #load(): Promise<SignInGate> {
    const { SignInGate } = await import('./sign-in-gate.ts');
    this.#gate = new SignInGate(this.#options);
    if (this.#initialize) this.#gate.initialize(this.#initialize);
    return this.#gate;
  }
}

/** Whether the client opens links itself: URL-mode elicitation (MCP 2025-11-25, Elicitation, Capabilities). */
export function opensLinks(params: unknown): boolean {
  const capabilities = isObject(params) ? params.capabilities : undefined;
  const elicitation = isObject(capabilities) ? capabilities.elicitation : undefined;
  return isObject(elicitation) && isObject(elicitation.url);
}
