/**
 * Why the keychain can't be used. `unavailable`: there is none, or no way to it. `locked`: the user has to unlock it.
 * `silent`: it does not answer. `denied`: it or the user has refused. `failed`: anything else.
 */
export const keychainProblems = ['unavailable', 'locked', 'silent', 'denied', 'failed'] as const;
export type KeychainProblem = (typeof keychainProblems)[number];

/** The name under which all that is ours stands in the keychain. */
export const SERVICE = 'mcp-drawbridge';

/** The keychain can't be used; never that an item is not there. */
export class KeychainError extends Error {
  readonly problem: KeychainProblem;

  /** @param detail what the system said, without any secret */
  constructor(problem: KeychainProblem, detail: string) {
    super(detail);
    this.problem = problem;
  }
}

/** The keychain of the user's login. Every method rejects with a KeychainError, in bounded time. */
export interface Keychain {
  /** The secret of an account of ours; undefined: it is there and can be read, and has no such item. */
  read(account: string): Promise<string | undefined>;
  /** Creates an item after a trial with another one (write, read, delete), and reads it back. */
  create(account: string, secret: string): Promise<void>;
  /** Removes an item; one that is not there is no error. */
  remove(account: string): Promise<void>;
}
