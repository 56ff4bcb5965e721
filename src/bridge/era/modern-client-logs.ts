import { asDrawbridgeError } from '../../errors.ts';
import { isObject } from '../../jsonrpc.ts';
import type { Logger } from '../../logger.ts';
import { sleep } from '../../platform/sleep.ts';
import type { OutgoingRequest } from '../../remote/transport.ts';
import { metaKeys, metaOf } from '../../revisions.ts';
import type { LegacyEngine } from './legacy-engine.ts';
import { severities } from './terms.ts';

/** How long the server may take to set a level before the request goes all the same, in milliseconds. */
const PATIENCE = 5_000;

/**
 * Log messages go to requests that ask for them, each at its own level; a legacy server knows one level for its whole
 * session (B-66).
 */
export class LogLevels {
  readonly #engine: LegacyEngine;
  readonly #log: Logger;
  /** The ranks in `severities` of what is asked for. */
  readonly #asked = new Map<OutgoingRequest, number>();
  #set: number | undefined;
  #setting: Promise<void> | undefined;

  constructor(engine: LegacyEngine, log: Logger) {
    this.#engine = engine;
    this.#log = log;
  }

  /** A request of the client's is under way. @returns whether it asks for log messages */
  begin(request: OutgoingRequest): boolean {
    const rank = severities.indexOf(metaOf(request.params)[metaKeys.logLevel]);
    if (rank < 0) return false;
    this.#asked.set(request, rank);
    return true;
  }

  end(request: OutgoingRequest): void {
    this.#asked.delete(request);
  }

  /** Has the server log at the most verbose level that is asked for. Never rejects. */
  async adjust(): Promise<void> {
    while (this.#setting) await this.#setting;
    const rank = Math.min(...this.#asked.values());
    if (!isObject(this.#engine.capabilities.logging) || !Number.isFinite(rank) || rank === this.#set) return;
    const setting = this.#setLevel(rank);
    this.#setting = Promise.race([setting, sleep(PATIENCE)]).finally(() => {
      this.#setting = undefined;
    });
    await this.#setting;
  }

  async #setLevel(rank: number): Promise<void> {
    this.#set = rank;
    try {
      await this.#engine.ask('logging/setLevel', { level: severities[rank] as string });
    } catch (error) {
      this.#log.warn('log level not set', { reason: asDrawbridgeError(error).reason });
      this.#set = undefined;
    }
  }

  /**
   * Whether anybody wants a log message.
   *
   * @param of the request on whose exchange it came; undefined: it may be anybody's
   */
  wants(params: unknown, of: OutgoingRequest | undefined): boolean {
    const rank = severities.indexOf(isObject(params) ? params.level : undefined);
    const asked = of ? [this.#asked.get(of) ?? Number.POSITIVE_INFINITY] : [...this.#asked.values()];
    return rank >= 0 && asked.some((least) => rank >= least);
  }
}
