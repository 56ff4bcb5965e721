import { DrawbridgeError } from '../errors.ts';
import type { Logger } from '../logger.ts';
import { type Challenge, FixedCredentials } from './authorizer.ts';
import { jwtExpiry } from './jwt.ts';
import { runForSecret } from './secret-command.ts';
import { ageOf } from './token-age.ts';

/** How long a program is left alone that was run for another token, in milliseconds. */
const REST = 10_000;

/**
 * Bearer tokens from a program of the user's, a secret manager's command line for instance. It runs without a shell,
 * once at the start, ahead of the end of a token that tells it (a JWT), and when the server refuses what it gave; never
 * twice at the same time.
 */
export class TokenCommand extends FixedCredentials {
  readonly #command: readonly string[];
  readonly #log: Logger;
  #current: Promise<string> | undefined;
  #value: string | undefined;
  /** When the token in use was printed, and when it ends by its own word (epoch milliseconds). */
  #life: { obtainedAt: number; expiresAt: number | undefined } = { obtainedAt: 0, expiresAt: undefined };
  /** Programs keep their tokens too: one that prints the old one is not run at each request. */
  #restUntil = 0;
  /** It was fetched because the last one was refused, and has not been accepted yet. */
  #isUntried = false;
  readonly #closed = new AbortController();

  /** @param command the program and its arguments */
  constructor(command: readonly string[], log: Logger) {
    super();
    this.#command = command;
    this.#log = log;
  }

  /** @throws DrawbridgeError `token-command-failed` */
  override credential(): string | Promise<string> {
    if (this.#value === undefined) return this.#run();
    const age = ageOf(this.#life, Date.now());
    if (age === 'fresh' || performance.now() < this.#restUntil) return this.#value;
    const value = this.#value;
    const renewing = this.#run().finally(() => {
      this.#restUntil = performance.now() + REST;
    });
    if (age === 'expired') return renewing;
    // It still works: nobody waits for the next one.
    renewing.catch((error: DrawbridgeError) => this.#log.warn('token not renewed', { reason: error.reason }));
    return value;
  }

  override accepted(used: string | undefined): void {
    if (used === this.#value) this.#isUntried = false;
  }

  override async challenged({ status, used, error }: Challenge): Promise<DrawbridgeError | undefined> {
    if (status !== 401) return error;
    // One run anew for each refusal: what that gives and is refused as well is no reason for a third [108].
    const isPointless = used === this.#value && this.#isUntried;
    if (used === this.#value) this.#value = undefined;
    if (isPointless) {
      this.#isUntried = false;
      return error;
    }
    const value = await this.credential();
    this.#isUntried = value !== used;
    return value === used ? error : undefined;
  }

  /** Ends the command where it still runs. */
  override async close(): Promise<void> {
    this.#closed.abort();
  }

  #run(): Promise<string> {
    this.#current ??= this.#read().finally(() => {
      this.#current = undefined;
    });
    return this.#current;
  }

  async #read(): Promise<string> {
    const [program] = this.#command as [string, ...string[]];
    const token = (await runForSecret('token command', this.#command, this.#closed.signal)).trim();
    // The characters that a header may carry, RFC 6750 section 2.1 and what providers in fact issue.
    if (!/^[\x21-\x7e]+$/.test(token)) {
      throw new DrawbridgeError(
        'token-command-failed',
        `The token command "${program}" printed no token, or more than one line.`,
      );
    }
    this.#log.protect(token);
    this.#log.debug('token command run', { program });
    this.#life = { obtainedAt: Date.now(), expiresAt: jwtExpiry(token) };
    this.#value = `Bearer ${token}`;
    return this.#value;
  }
}
