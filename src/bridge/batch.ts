import type { Answer } from './pending-requests.ts';

/** Gathers the answers to a JSON-RPC batch into the one line that answers it (JSON-RPC 2.0 section 6). */
export class Batch {
  readonly #write: (line: string) => void;
  readonly #answers: string[] = [];
  #open = 1;

  constructor(write: (line: string) => void) {
    this.#write = write;
  }

  /** @returns what to call with the answer of one more request of the batch; undefined where there will be none */
  expect(): (answer: Answer | undefined) => void {
    this.#open++;
    return (answer) => {
      if (answer) this.#answers.push(answer.text.toString());
      this.#close();
    };
  }

  /** All of the batch has been read. */
  complete(): void {
    this.#close();
  }

  #close(): void {
    // A batch of notifications only has no answer at all.
    if (--this.#open === 0 && this.#answers.length > 0) this.#write(`[${this.#answers.join(',')}]`);
  }
}
