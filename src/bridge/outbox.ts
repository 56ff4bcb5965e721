import type { MessageText } from '../byte-text.ts';
import { asDrawbridgeError } from '../errors.ts';
import type { Logger } from '../logger.ts';
import type { Outcome } from '../remote/transport.ts';
import type { Forwarder } from './forwarder.ts';
import type { InitializeGate } from './initialize-gate.ts';

const MAX_REFUSALS = 64;

export interface OutboxOptions {
  forwarder: Forwarder;
  gate: InitializeGate;
  log: Logger;
}

/** The messages to a legacy remote that have no answer: notifications, and answers to what it has asked. */
export class Outbox {
  readonly #options: OutboxOptions;
  readonly #posting = new Set<Promise<unknown>>();

  constructor(options: OutboxOptions) {
    this.#options = options;
  }

  /** How many are still on their way. */
  get size(): number {
    return this.#posting.size;
  }

  /** Sends one in its turn. Never rejects. @returns undefined where that failed */
  post(body: MessageText, method?: string): Promise<Outcome | undefined> {
    const { forwarder, gate, log } = this.#options;
    const send = () => forwarder.post({ body, method });
    const { closed } = gate;
    const sent = (closed ? closed.then(send) : send()).catch((error: unknown) => {
      log.warn('message not delivered', { reason: asDrawbridgeError(error).reason });
      return undefined;
    });
    this.#posting.add(sent);
    void sent.then(() => this.#posting.delete(sent));
    return sent;
  }

  /** Refuses what the remote asks. @returns false where a remote floods us, which is not flooded in return */
  refuse(answer: MessageText): boolean {
    if (this.#posting.size >= MAX_REFUSALS) return false;
    void this.post(answer);
    return true;
  }
}
