import type { RequestQueue } from './request-queue.ts';
import type { StdinReader } from './stdin-reader.ts';
import type { StdoutWriter } from './stdout-writer.ts';

export interface ThrottleOptions {
  stdin: StdinReader;
  stdout: StdoutWriter;
  queue: RequestQueue;
  /** Whether the client has been asked something: a running request may wait for its answer. */
  isClientAsked: () => boolean;
  isClosing: () => boolean;
}

/** Lets stdin rest while the client does not read, or asks more than can wait. */
export class Throttle {
  readonly #options: ThrottleOptions;

  constructor(options: ThrottleOptions) {
    this.#options = options;
  }

  look(): void {
    const { stdin, stdout, queue, isClientAsked, isClosing } = this.#options;
    const isFull = queue.isFull && !isClientAsked();
    if (!stdout.blocked && !isFull) return;
    stdin.pause();
    const resume = (): void => {
      if (!isClosing()) stdin.resume();
      this.look();
    };
    if (stdout.blocked) stdout.whenReady(resume);
    else queue.whenRoom(resume);
  }
}
