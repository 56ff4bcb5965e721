import { findOwnConnections } from '../credentials/apart.ts';
import type { StoredConnection } from '../credentials/record.ts';
import type { CredentialStore } from '../credentials/store.ts';
import { asDrawbridgeError } from '../errors.ts';
import type { Logger } from '../logger.ts';
import type { Settings } from '../settings.ts';

/** How often a running bridge looks whether another process has stored other credentials, in milliseconds. */
const LOOK_EVERY = 1_000;

/** Where the token in use comes from. */
export type Origin = 'stored' | 'refreshed' | 'signed-in';

/** The credentials that a connection uses at the moment: what is in the store of them, and how they have done so far. */
export class CredentialInUse {
  /** Undefined where there are none. */
  current: StoredConnection | undefined;
  /** The Authorization value made of it. */
  value: string | undefined;
  origin: Origin = 'stored';
  /** Whether the server has ever taken it. */
  wasAccepted = false;
  /** The refresh token that goes with it gives no other. */
  isEnded = false;
  /** It is, or was before it went from the store, a personal access token. */
  isPersonal = false;
  /** The issuer that the server names in place of the one of our credentials. */
  movedTo: string | undefined;
  /** The latest sign-in that was in the store when it was last read, epoch milliseconds. */
  knownUntil = 0;
  readonly #settings: Settings;
  readonly #store: CredentialStore;
  readonly #log: Logger;
  #stamp: string | undefined;
  #lookedAt = 0;

  constructor(settings: Settings, store: CredentialStore, log: Logger) {
    this.#settings = settings;
    this.#store = store;
    this.#log = log;
  }

  /**
   * Takes the latest credentials of this connection from the store.
   *
   * @returns whether they are others than before
   * @throws DrawbridgeError `credential-store`
   */
  load(): boolean {
    const { clientId, issuer = this.movedTo } = this.#settings.signIn;
    const all = this.#stored();
    this.knownUntil = all[0]?.record.signedInAt ?? 0;
    const latest = all.find(
      ({ record }) =>
        // Whoever stores a token wants it used, whichever client and issuer a sign-in would take.
        record.personalToken ||
        ((clientId === undefined || record.client.id === clientId) &&
          (issuer === undefined || record.issuer === issuer)),
    );
    this.#stamp = latest && this.#store.stamp('connection', latest.id);
    const before = this.value;
    const isKnown = latest?.id === this.current?.id && latest?.generation === this.current?.generation;
    // What could not be stored is newer than what is on the disk, until somebody writes there [66].
    if (!isKnown) this.#use(latest, 'stored');
    return this.value !== undefined && this.value !== before;
  }

  /** Takes what a refresh has given. */
  renewed(stored: StoredConnection, by: Origin): void {
    this.#use(stored, by);
    this.#stamp = this.#store.stamp('connection', stored.id);
  }

  /** Takes what a sign-in has left in the store. */
  signedIn(): void {
    this.movedTo = undefined;
    try {
      this.load();
    } catch (error) {
      this.#tell(error);
    }
    this.origin = 'signed-in';
  }

  /** Whether another process has stored or removed credentials; a look at the file's date, once a second at most. */
  look(): void {
    const now = performance.now();
    if (now - this.#lookedAt < LOOK_EVERY || !this.current) return;
    this.#lookedAt = now;
    try {
      const stamp = this.#store.stamp('connection', this.current.id);
      // A record may have gone before its stamp was taken: what is not there is never in use.
      if (stamp === undefined || stamp !== this.#stamp) this.load();
    } catch (error) {
      this.#tell(error);
    }
  }

  /** Whether anybody has signed in since. @param since epoch milliseconds */
  isReplaced(since: number): boolean {
    try {
      const [latest] = this.#stored();
      return latest !== undefined && latest.record.signedInAt > since;
    } catch {
      return false; // asked by timers; the next request tells of a store that can't be used
    }
  }

  #stored(): StoredConnection[] {
    const { url, signIn } = this.#settings;
    return findOwnConnections(this.#store, url.href, signIn);
  }

  #use(stored: StoredConnection | undefined, origin: Origin): void {
    const value = stored && `Bearer ${stored.record.accessToken}`;
    this.current = stored;
    if (value === this.value) return;
    this.value = value;
    this.origin = origin;
    this.wasAccepted = false;
    this.isEnded = false;
    if (!stored) return;
    this.isPersonal = stored.record.personalToken === true;
    const { accessToken, refreshToken, client } = stored.record;
    for (const secret of [accessToken, refreshToken, client.secret]) if (secret) this.#log.protect(secret);
  }

  #tell(error: unknown): void {
    this.#log.warn('stored credentials not read', { reason: asDrawbridgeError(error).reason });
  }
}
