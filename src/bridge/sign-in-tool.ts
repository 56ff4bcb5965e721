import type { Authorizer, SignIn } from '../authorization/authorizer.ts';
import type { DrawbridgeError } from '../errors.ts';
import { sleep } from '../platform/sleep.ts';
import { SIGN_IN_PATIENCE } from './limits.ts';
import { type PendingRequest, toolAnswer } from './pending-requests.ts';
import { signInNeeded, unfinished } from './sign-in-texts.ts';

export interface SignInToolOptions {
  /** The server's, as it is shown. */
  host: string;
  authorizer: Authorizer;
  isSignedIn: () => boolean;
  /** Hears of a sign-in that may have begun with the call. */
  started: (signIn: SignIn) => void;
  /** Opens the session with the server where that waited for the sign-in; gives the reason why there is none. */
  open: () => Promise<DrawbridgeError | undefined>;
  /** Signs in from a terminal. */
  command: () => string;
  write: (message: string) => void;
}

/** So long is a sign-in watched before the model is told for the first time that the user has something to do. */
const FIRST_PATIENCE = 10_000;
/** The tool has ways to end in time of its own; the watch over all requests is only behind them. */
const MARGIN = 10_000;

/** The tool `sign_in`, which the bridge offers while the server's own can't be had. */
export class SignInTool {
  readonly #options: SignInToolOptions;
  /** The sign-in of which the model knows what the user is to do. */
  #told: SignIn | undefined;

  constructor(options: SignInToolOptions) {
    this.#options = options;
  }

  /** Answers a call; the client may cancel it, which does not end the sign-in. */
  async call(request: PendingRequest): Promise<void> {
    const { host, authorizer, isSignedIn, started, command } = this.#options;
    request.deadline = performance.now() + SIGN_IN_PATIENCE + MARGIN;
    if (isSignedIn())
      return this.#finish(request, performance.now() + SIGN_IN_PATIENCE, 'You are signed in.');
    const signIn = authorizer.signIn ?? authorizer.beginSignIn();
    if (!signIn)
      return request.answer(toolAnswer(request.id, signInNeeded(host, undefined, command()).message, true));
    started(signIn);

    const isFirst = this.#told !== signIn;
    const until = performance.now() + (isFirst ? FIRST_PATIENCE : SIGN_IN_PATIENCE);
    const isLinked = (await within(request, signIn.linked, until)) !== undefined;
    this.#tellProgress(request, signIn);
    // Nobody has shown the user anything yet: the model is told at once what there is to do, a link or a command.
    const isForUserToOpen = !signIn.windowOpened && !authorizer.clientOpensLinks;
    const ended = await within(request, signIn.settled, isFirst && isForUserToOpen ? 0 : until);
    if (!ended) {
      if (request.settled) return;
      if (isLinked) this.#told = signIn;
      if (signIn.link !== undefined) signIn.shown();
      const text = unfinished(host, signIn, authorizer.clientOpensLinks);
      return request.answer(toolAnswer(request.id, text, false));
    }
    if (ended.value) return request.answer(toolAnswer(request.id, ended.value.message, true));
    await this.#finish(request, until, 'Signed in.');
  }

  async #finish(request: PendingRequest, until: number, news: string): Promise<void> {
    const opened = await within(request, this.#options.open(), until);
    const failure = opened?.value;
    const text = failure
      ? `${news} But the server can't be used yet: ${failure.message}`
      : `${news} The server's tools ${opened ? 'are available now' : 'will be available in a moment'}.`;
    request.answer(toolAnswer(request.id, text, failure !== undefined));
  }

  #tellProgress({ progressToken, settled }: PendingRequest, { link }: SignIn): void {
    if (progressToken === undefined || link === undefined || settled) return;
    const params = { progressToken, progress: 0, message: `Open this link to sign in: ${link}` };
    this.#options.write(JSON.stringify({ jsonrpc: '2.0', method: 'notifications/progress', params }));
  }
}

/**
 * Waits for a promise as long as anybody waits for the request.
 *
 * @param until on the clock of `performance.now()`
 * @returns undefined where it has not come in time
 */
async function within<T>(
  request: PendingRequest,
  promise: Promise<T>,
  until: number,
): Promise<{ value: T } | undefined> {
  const over = new AbortController();
  void request.whenSettled().then(() => over.abort());
  const left = until - performance.now();
  // A turn is left for what has come already.
  const turn = () => new Promise<void>((resolve) => void setImmediate(resolve));
  const timeout = (left > 0 ? sleep(left, over.signal) : turn()).then(() => undefined);
  try {
    return await Promise.race([promise.then((value) => ({ value })), timeout]);
  } finally {
    over.abort();
  }
}
