import { asDrawbridgeError, type DrawbridgeError } from '../errors.ts';
import type { RequestSigner } from '../platform/http-client.ts';
import type { Authorizer, AuthorizerListener, Challenge, SignIn } from './authorizer.ts';

/**
 * Stands for the OAuth client until there is a credential or a challenge: servers that want no sign-in are spared its
 * loading at each start.
 */
export class LazyAuthorizer implements Authorizer {
  readonly #load: () => Promise<Authorizer>;
  #loading: Promise<Authorizer> | undefined;
  /** Looks whether there are credentials; undefined when that is known. */
  #starting: Promise<Authorizer | undefined> | undefined;
  #inner: Authorizer | undefined;
  #clientOpensLinks = false;
  #listener: AuthorizerListener | undefined;

  /**
   * @param load makes the real one; called once
   * @param isSignedIn whether there are credentials for this connection, so that the real one is needed at once
   */
  constructor(load: () => Promise<Authorizer>, isSignedIn: Promise<boolean> | undefined) {
    this.#load = load;
    this.#starting = isSignedIn
      ?.then((is) => (is ? this.#real() : undefined))
      // What does not load is told to the request that is challenged; the server may want nothing.
      .catch(() => undefined)
      .finally(() => {
        this.#starting = undefined;
      });
  }

  get signIn(): SignIn | undefined {
    return this.#inner?.signIn;
  }

  get clientOpensLinks(): boolean {
    return this.#clientOpensLinks;
  }

  set clientOpensLinks(value: boolean) {
    this.#clientOpensLinks = value;
    if (this.#inner) this.#inner.clientOpensLinks = value;
  }

  get listener(): AuthorizerListener | undefined {
    return this.#listener;
  }

  set listener(value: AuthorizerListener | undefined) {
    this.#listener = value;
    if (this.#inner) this.#inner.listener = value;
  }

  credential(): string | undefined | Promise<string | undefined> {
    if (this.#inner) return this.#inner.credential();
    return this.#starting?.then((inner) => inner?.credential());
  }

  signer(credential: string | undefined): RequestSigner | undefined {
    return this.#inner?.signer?.(credential);
  }

  accepted(used: string | undefined): void {
    this.#inner?.accepted(used);
  }

  async challenged(challenge: Challenge): Promise<DrawbridgeError | undefined> {
    try {
      return await (await this.#real()).challenged(challenge);
    } catch (error) {
      return asDrawbridgeError(error);
    }
  }

  beginSignIn(): SignIn | undefined {
    return this.#inner?.beginSignIn();
  }

  async close(): Promise<void> {
    await this.#inner?.close();
  }

  #real(): Promise<Authorizer> {
    this.#loading ??= this.#load().then(
      (inner) => {
        inner.clientOpensLinks = this.#clientOpensLinks;
        inner.listener = this.#listener;
        this.#inner = inner;
        return inner;
      },
      (error: unknown) => {
        // The user may unlock the keychain before the next request.
        this.#loading = undefined;
        throw error;
      },
    );
    return this.#loading;
  }
}
