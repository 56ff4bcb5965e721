import { asDrawbridgeError } from '../errors.ts';
import type { Logger } from '../logger.ts';
import { type Answer, ownAnswer, type PendingRequest } from './pending-requests.ts';
import {
  listsPromised,
  type ProvisionalResult,
  provisionalResult,
  resultForLack,
} from './provisional-answers.ts';
import type { RememberedServer, ServerMemory } from './server-memory.ts';
import type { SessionRecovery } from './session-recovery.ts';

export interface ProvisionalContractOptions {
  /** The server's, as it is shown. */
  host: string;
  memory: ServerMemory | undefined;
  recovery: SessionRecovery;
  write: (message: string) => void;
  log: Logger;
}

/** What the client was told in the server's place, and how that is made good once the server has spoken. */
export class ProvisionalContract {
  readonly #options: ProvisionalContractOptions;
  /** Undefined where the server spoke in time. */
  #promised: ProvisionalResult | undefined;
  /** The catalogues of which the client has something other than the server's own. */
  readonly #substituted = new Set<string>();

  constructor(options: ProvisionalContractOptions) {
    this.#options = options;
  }

  /** Makes the answer to the client's `initialize`. */
  promise(request: PendingRequest): Answer {
    const { host, recovery } = this.#options;
    const { params } = JSON.parse(request.body.toString());
    const promised = provisionalResult(params, this.#remembered(), host);
    this.#promised = promised;
    for (const list of listsPromised(promised)) this.#substituted.add(list);
    recovery.promise(promised.protocolVersion);
    return ownAnswer(request.id, promised);
  }

  /** The client is given another catalogue than the server's. */
  substitute(list: string): void {
    this.#substituted.add(list);
  }

  /** The client begins anew. */
  forget(): void {
    this.#promised = undefined;
    this.#substituted.clear();
  }

  /** Tells the client to look at the catalogues again, as soon as it may be told anything. */
  tellChanges(): void {
    const { recovery, write } = this.#options;
    if (!recovery.isClientReady) return;
    for (const list of this.#substituted)
      write(JSON.stringify({ jsonrpc: '2.0', method: `notifications/${list}/list_changed` }));
    this.#substituted.clear();
  }

  /** A server that can do less than was promised breaks nothing: what it lacks is empty. */
  lack(method: string): Record<string, unknown> | undefined {
    const real = this.#options.recovery.contract;
    return this.#promised && real && resultForLack(method, this.#promised.capabilities, real.capabilities);
  }

  /** A session with the server stands. */
  compare(): void {
    const { recovery, log } = this.#options;
    const real = recovery.contract;
    if (!this.#promised || !real) return;
    const missing = Object.keys(this.#promised.capabilities).filter((name) => !(name in real.capabilities));
    const isOther = real.protocolVersion !== this.#promised.protocolVersion;
    if (isOther || missing.length > 0)
      log.info('the server is not quite what the client was told', { missing: missing.length, isOther });
  }

  #remembered(): RememberedServer | undefined {
    const { memory, log } = this.#options;
    try {
      return memory?.read();
    } catch (error) {
      log.warn('what is known of the server is not readable', { reason: asDrawbridgeError(error).reason });
      return undefined;
    }
  }
}
