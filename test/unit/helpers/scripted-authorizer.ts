import type {
  Authorizer,
  AuthorizerListener,
  Challenge,
  SignIn,
} from '../../../src/authorization/authorizer.ts';
import { DrawbridgeError } from '../../../src/errors.ts';
import { isRequest } from '../../../src/remote/transport.ts';
import { settle } from './bridge-harness.ts';
import type { Step } from './scripted-transport.ts';

export const LINK = 'https://login.test/authorize?client_id=1&state=abc';
export const COMMAND = 'npx mcp-drawbridge login https://a.test/mcp --profile work';

/** A sign-in that goes on as the test says. */
export class ScriptedSignIn implements SignIn {
  link: string | undefined;
  windowOpened = false;
  readonly command = COMMAND;
  readonly linked: Promise<void>;
  readonly settled: Promise<DrawbridgeError | undefined>;
  /** What the bridge asked of it. */
  readonly calls: string[] = [];
  #setLinked: () => void = () => {};
  #settle: (error: DrawbridgeError | undefined) => void = () => {};

  constructor() {
    this.linked = new Promise((resolve) => {
      this.#setLinked = resolve;
    });
    this.settled = new Promise((resolve) => {
      this.#settle = resolve;
    });
  }

  async give(link: string | undefined, windowOpened = false): Promise<void> {
    this.link = link;
    this.windowOpened = windowOpened;
    this.#setLinked();
    await settle();
  }

  end(error?: DrawbridgeError): void {
    this.#settle(error);
    this.#setLinked();
  }

  shown(): void {
    this.calls.push('shown');
  }

  openWindow(): void {
    this.calls.push('openWindow');
  }

  cancel(isRefusal: boolean): void {
    this.calls.push(isRefusal ? 'decline' : 'cancel');
  }
}

/** Nobody is signed in until the test says so; a challenge waits for that. */
export class ScriptedAuthorizer implements Authorizer {
  token: string | undefined;
  signIn: ScriptedSignIn | undefined;
  clientOpensLinks = false;
  listener: AuthorizerListener | undefined;
  readonly challenges: Challenge[] = [];
  /** All sign-ins so far. */
  readonly signIns: ScriptedSignIn[] = [];
  /** Whether a challenge begins a sign-in; else it waits for one, or for `fail`. */
  begins = true;
  readonly #waiting = new Set<(error: DrawbridgeError | undefined) => void>();

  credential(): string | undefined {
    return this.token;
  }

  accepted(): void {}

  challenged(challenge: Challenge): Promise<DrawbridgeError | undefined> {
    this.challenges.push(challenge);
    if (this.begins) this.beginSignIn();
    return new Promise((resolve) => this.#waiting.add(resolve));
  }

  beginSignIn(): ScriptedSignIn {
    if (this.signIn) return this.signIn;
    this.signIn = new ScriptedSignIn();
    this.signIns.push(this.signIn);
    this.listener?.signInStarted(this.signIn);
    return this.signIn;
  }

  /** The user signs in, here or elsewhere. */
  async succeed(): Promise<void> {
    this.token = 'Bearer t';
    this.#end(undefined);
    this.listener?.signedIn();
    await settle();
  }

  async fail(reason: 'sign-in-refused' | 'sign-in-timeout' | 'authorization-server'): Promise<void> {
    this.#end(new DrawbridgeError(reason, `It failed: ${reason}.`));
    await settle();
  }

  async close(): Promise<void> {}

  #end(error: DrawbridgeError | undefined): void {
    const { signIn } = this;
    this.signIn = undefined;
    for (const resolve of this.#waiting) resolve(error);
    this.#waiting.clear();
    signIn?.end(error);
  }

  /** A step of a remote that refuses whoever is not signed in, and then goes on with `step`. */
  guard(step: Step): Step {
    return async (message, session) => {
      if (this.token !== undefined) return step(message, session);
      const error = new DrawbridgeError('unauthorized', 'Sign in.', { status: 401 });
      const request = isRequest(message) ? message : undefined;
      if (request) {
        request.challengedAt = performance.now();
        request.abort = () => {};
      }
      const final = await this.challenged({
        status: 401,
        header: undefined,
        error,
        used: undefined,
        mayAskUser: true,
      });
      if (request) request.challengedAt = undefined;
      return final ? { kind: 'challenged', error: final } : { kind: 'reauthorized', error };
    };
  }
}
