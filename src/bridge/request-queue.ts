import type { PendingRequest } from './pending-requests.ts';

/** So many requests are with the remote at a time; each takes a connection. */
const MAX_RUNNING = 256;
const MAX_RUNNING_BYTES = 64 * 1024 * 1024;
const MAX_WAITING = 4096;
const MAX_WAITING_BYTES = 64 * 1024 * 1024;
/** Past this many times the bounds, nothing more is taken in: the client does not wait for anything. */
const OVERFULL = 4;

/**
 * Lets a bounded number of requests run and keeps the rest in order. Only requests wait here: an answer of the client's
 * must pass, since a running request may depend on it.
 */
export class RequestQueue {
  readonly #run: (request: PendingRequest) => Promise<void>;
  #waiting: PendingRequest[] = [];
  #waitingBytes = 0;
  #running = 0;
  #runningBytes = 0;
  #whenRoom: (() => void) | undefined;

  constructor(run: (request: PendingRequest) => Promise<void>) {
    this.#run = run;
  }

  get isFull(): boolean {
    return this.#waiting.length >= MAX_WAITING || this.#waitingBytes > MAX_WAITING_BYTES;
  }

  get isOverfull(): boolean {
    return (
      this.#waiting.length >= MAX_WAITING * OVERFULL || this.#waitingBytes > MAX_WAITING_BYTES * OVERFULL
    );
  }

  /** Calls back once when no more requests wait than may. */
  whenRoom(resume: () => void): void {
    this.#whenRoom = resume;
  }

  push(request: PendingRequest): void {
    if (this.#waiting.length === 0 && this.#hasRoomFor(request)) {
      void this.#start(request);
      return;
    }
    this.#waiting.push(request);
    this.#waitingBytes += request.body.length;
  }

  #hasRoomFor(request: PendingRequest): boolean {
    if (this.#running === 0) return true;
    return this.#running < MAX_RUNNING && this.#runningBytes + request.body.length <= MAX_RUNNING_BYTES;
  }

  async #start(request: PendingRequest): Promise<void> {
    this.#running++;
    this.#runningBytes += request.body.length;
    await this.#run(request);
    this.#running--;
    this.#runningBytes -= request.body.length;
    for (let [next] = this.#waiting; next && this.#hasRoomFor(next); [next] = this.#waiting) {
      this.#waiting.shift();
      this.#waitingBytes -= next.body.length;
      void this.#start(next);
    }
    if (this.#whenRoom && !this.isFull) {
      const resume = this.#whenRoom;
      this.#whenRoom = undefined;
      resume();
    }
  }
}
