import { DrawbridgeError } from '../errors.ts';
import { SIGN_IN_PATIENCE } from './limits.ts';
import type { PendingRequest } from './pending-requests.ts';

/** Looks through the pending requests now and then, while there are any: cheaper than a timer for each. */
export class DeadlineWatch {
  readonly #requests: Iterable<PendingRequest>;
  readonly #onExpired: (request: PendingRequest, error: DrawbridgeError) => void;
  readonly #onChallenged: (request: PendingRequest, now: number) => void;
  #timer: NodeJS.Timeout | undefined;

  /** @param onChallenged told again and again of a request whose 401 or 403 is being dealt with */
  constructor(
    requests: Iterable<PendingRequest>,
    onExpired: (request: PendingRequest, error: DrawbridgeError) => void,
    onChallenged: (request: PendingRequest, now: number) => void = () => {},
  ) {
    this.#requests = requests;
    this.#onExpired = onExpired;
    this.#onChallenged = onChallenged;
  }

  start(): void {
    this.#timer ??= setInterval(() => this.#look(), 250);
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #look(): void {
    const now = performance.now();
    let any = false;
    for (const request of this.#requests) {
      any = true;
      const { challengedAt } = request;
      if (challengedAt !== undefined) {
        this.#onChallenged(request, now);
        // The server has answered; it is the user who is waited for.
        if (request.settled || challengedAt + SIGN_IN_PATIENCE > now) continue;
      }
      if (request.deadline > now) continue;
      const error = new DrawbridgeError(
        'timeout',
        `The server gave no sign of life to "${request.method.slice(0, 100)}" for too long; it may still be working on it (--request-timeout).`,
      );
      this.#onExpired(request, error);
    }
    if (!any) this.stop();
  }
}
