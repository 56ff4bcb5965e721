import type { DrawbridgeError } from '../errors.ts';
import type { RequestSigner } from '../platform/http-client.ts';

/** What a 401 or 403 said, and about what. */
export interface Challenge {
  /** 401 or 403. */
  status: number;
  /** The WWW-Authenticate fields, joined by ", "; undefined where there was none. */
  header: string | undefined;
  /** What the client is told if nothing helps. */
  error: DrawbridgeError;
  /** The Authorization value that the request carried. */
  used: string | undefined;
  /** Whether the user may be asked to sign in for it: not for the listening stream, nor for the end of a session. */
  mayAskUser: boolean;
}

/** A credential for each request, an answer to each challenge. Nothing else in the program deals with a 401 or 403. */
export interface Authorizer {
  /**
   * The value of the Authorization header; undefined sends none. A plain value where it is at hand: no turn is lost.
   *
   * @throws DrawbridgeError where there should be one and it can't be had
   */
  credential(): string | undefined | Promise<string | undefined>;
  /**
   * What signs the requests of one exchange that carry this credential, as `credential` has given it (RFC 9449 section 7);
   * undefined, or no such member, where it goes as it is.
   */
  signer?(credential: string | undefined): RequestSigner | undefined;
  /** A request with this credential was not refused. */
  accepted(used: string | undefined): void;
  /**
   * The server refused a request. Takes as long as a refresh or a sign-in does.
   *
   * @returns undefined where the request is to be sent again, else what the client is to be told
   */
  challenged(challenge: Challenge): Promise<DrawbridgeError | undefined>;
  /** The sign-in that is under way; undefined while none is. */
  readonly signIn: SignIn | undefined;
  /** Starts or joins a sign-in though no request was refused; undefined where this kind of credential has none. */
  beginSignIn(): SignIn | undefined;
  /** Whether the client opens links itself (URL-mode elicitation): then no window is opened by the bridge. */
  clientOpensLinks: boolean;
  listener: AuthorizerListener | undefined;
  /** The bridge ends: a refresh that is being stored is waited for, at most two seconds. */
  close(): Promise<void>;
}

export interface AuthorizerListener {
  signInStarted(signIn: SignIn): void;
  /** Credentials are there that were not: by a sign-in of ours, of another bridge's, or in a terminal. */
  signedIn(): void;
}

/** A sign-in under way, here or in another process of the user's. */
export interface SignIn {
  /** The URL that the user opens; undefined until it is known, and where only another process knows it. */
  readonly link: string | undefined;
  /** Whether a browser window was opened for it. */
  readonly windowOpened: boolean;
  /** Resolves when `link` is known, or the sign-in settled. */
  readonly linked: Promise<void>;
  /** How it ended; undefined: signed in. Never rejects. */
  readonly settled: Promise<DrawbridgeError | undefined>;
  /** The command that signs in from a terminal, for texts. */
  readonly command: string;
  /** The link has reached the user: the sign-in is not to end with the client. */
  shown(): void;
  /** Opens the window after all: the client could not. */
  openWindow(): void;
  /**
   * Ends it.
   *
   * @param isRefusal the user has said no, rather than nothing: then nobody is asked again so soon
   */
  cancel(isRefusal: boolean): void;
}

/** For servers that need no sign-in, or whose credential is one of the user's own headers: a 401 is reported. */
export class FixedCredentials implements Authorizer {
  readonly signIn: SignIn | undefined = undefined;
  clientOpensLinks = false;
  listener: AuthorizerListener | undefined;

  credential(): string | undefined | Promise<string | undefined> {
    return undefined;
  }

  accepted(_used: string | undefined): void {}

  async challenged({ error }: Challenge): Promise<DrawbridgeError | undefined> {
    return error;
  }

  beginSignIn(): SignIn | undefined {
    return undefined;
  }

  async close(): Promise<void> {}
}
