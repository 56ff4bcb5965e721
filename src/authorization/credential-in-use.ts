import { findOwnConnections } from '../credentials/apart.ts';
import type { ConnectionRecord, StoredConnection } from '../credentials/record.ts';
import type { CredentialStore } from '../credentials/store.ts';
import { asDrawbridgeError } from '../errors.ts';
import type { Logger } from '../logger.ts';
import type { RequestSigner } from '../platform/http-client.ts';
import type { Settings } from '../settings.ts';
import type { Dpop } from './dpop.ts';
import { serves } from './serves.ts';

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
  /** The key of a bound token, once it was needed. */
  #dpop: Dpop | undefined;

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
    const all = this.#stored();
    this.knownUntil = all[0]?.record.signedInAt ?? 0;
    const latest = all.find(({ record }) => serves(record, this.#settings.signIn, this.movedTo));
    this.#stamp = latest && this.#store.stamp('connection', latest.id);
    const before = this.value;
    const isKnown = latest?.id === this.current?.id && latest?.generation === this.current?.generation;
    // What could not be stored is newer than what is on the disk, until somebody writes there [66].
    if (!isKnown) this.#use(latest, 'stored');
    return this.value !== undefined && this.value !== before;
  }

  /** `value`, when it can be used: what proves the possession of its key is loaded where it is a bound token. */
  ready(): string | undefined | Promise<string | undefined> {
    return this.#isBound && this.#dpop === undefined ? this.#loadKey() : this.value;
  }

  /** As Authorizer.signer. */
  signer(credential: string | undefined): RequestSigner | undefined {
    if (this.#dpop === undefined || !this.#isBound || credential !== this.value) return undefined;
    return this.#dpop.signer(this.current?.record.accessToken);
  }

  get #isBound(): boolean {
    return this.value?.startsWith('DPoP ') ?? false;
  }

  /** @throws DrawbridgeError `credential-store` where it can't be used */
  async #loadKey(): Promise<string | undefined> {
    const { Dpop } = await import('./dpop.ts');
    const key = this.current?.record.dpopKey;
    if (this.#isBound && key) this.#dpop ??= new Dpop(key);
    return this.value;
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
    const value = stored && this.#valueOf(stored.record);
    this.current = stored;
    // A refresh leaves the key as it is, and what its server has said of proofs stays true.
    if (this.#dpop?.key.d !== stored?.record.dpopKey?.d) this.#dpop = undefined;
    if (value === this.value) return;
    this.value = value;
    this.origin = origin;
    this.wasAccepted = false;
    this.isEnded = false;
    if (!stored) return;
    this.isPersonal = stored.record.personalToken === true;
    const { accessToken, refreshToken, idToken, client, dpopKey } = stored.record;
    for (const secret of [accessToken, refreshToken, idToken, client.secret, dpopKey?.d])
      if (secret) this.#log.protect(secret);
  }

  #valueOf({ accessToken, tokenType, idToken, personalToken }: ConnectionRecord): string {
    const { useIdToken } = this.#settings.signIn;
    const usesIdToken = useIdToken && !personalToken && idToken !== undefined;
    return usesIdToken ? `Bearer ${idToken}` : `${tokenType} ${accessToken}`;
  }

  #tell(error: unknown): void {
    this.#log.warn('stored credentials not read', { reason: asDrawbridgeError(error).reason });
  }
}
