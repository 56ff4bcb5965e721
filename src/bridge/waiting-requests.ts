import type { PendingRequest } from './pending-requests.ts';
import { refusals } from './refusals.ts';

const MAX_WAITING = 1024;
const MAX_WAITING_BYTES = 64 * 1024 * 1024;

/** Requests that wait for the user, in their order; each leaves when it is answered or cancelled. */
export class WaitingRequests {
  readonly #requests = new Set<PendingRequest>();
  #bytes = 0;

  /** Takes a request in, or fails it where there is no room. */
  add(request: PendingRequest): void {
    if (this.#requests.size >= MAX_WAITING || this.#bytes > MAX_WAITING_BYTES)
      return request.fail(refusals.tooManyRequests());
    request.challengedAt = performance.now();
    this.#requests.add(request);
    this.#bytes += request.body.length;
    void request.whenSettled().then(() => this.#remove(request));
  }

  /** Lets all of them go. */
  takeAll(): PendingRequest[] {
    const requests = [...this.#requests];
    for (const request of requests) this.#remove(request);
    return requests.filter(({ settled }) => !settled);
  }

  #remove(request: PendingRequest): void {
    if (!this.#requests.delete(request)) return;
    this.#bytes -= request.body.length;
    request.challengedAt = undefined;
    request.alive('body'); // its time begins now
  }
}
