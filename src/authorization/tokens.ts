import {
  type ConnectionRecord,
  parseConnectionRecord,
  type StoredConnection,
} from '../credentials/record.ts';
import { type CredentialStore, GenerationConflict, type Stored } from '../credentials/store.ts';
import { asDrawbridgeError, DrawbridgeError } from '../errors.ts';
import type { Logger } from '../logger.ts';
import type { Binding } from './binding.ts';
import { LOCK_PATIENCE, lifeOf, recordLock, typeOf } from './stored-credentials.ts';
import { ageOf } from './token-age.ts';
import { OAuthError, type TokenSet } from './token-endpoint.ts';

/** How often it is tried to store what could not be stored, in milliseconds [66]. */
const STORE_AGAIN = 5_000;

/** How a refresh ended. */
export type Refreshed =
  /** There is another access token; `isStored` is false where it could not be written yet. */
  | { kind: 'renewed'; stored: StoredConnection; isStored: boolean }
  /** The grant is gone: only the user can give a new one. */
  | { kind: 'ended' }
  /** It can be tried again later; nothing is lost. */
  | { kind: 'failed'; error: DrawbridgeError };

/** What a renewal has got. */
export interface Obtained {
  tokens: TokenSet;
  /** What was offered for them to be bound to; undefined: nothing. */
  binding: Binding | undefined;
}

/** By what tokens are got anew, without the user. */
export interface Renewer {
  /**
   * What it sends counts once: that is written down first, and a refusal ends the grant. Where not, there may be a first
   * time as well: no record yet, or none any more.
   */
  readonly spends: boolean;
  canRenew(record: ConnectionRecord): boolean;
  /** @throws OAuthError, NoAnswer, or another DrawbridgeError */
  request(record: ConnectionRecord): Promise<Obtained>;
}

/**
 * The refresh as one transaction across all processes of the user: lock, read again, adopt what another has renewed or
 * refresh, store, and only then give it out (OAuth 2.1 section 4.3; DESIGN rules 3, 4 and 6). The only place that
 * spends a refresh token, or uses the grant of a machine.
 */
export class TokenRefresher {
  readonly #store: CredentialStore;
  readonly #renewer: Renewer;
  readonly #connection: string;
  readonly #log: Logger;

  /** @param connection the connection's id, whose lock is taken */
  constructor(store: CredentialStore, renewer: Renewer, connection: string, log: Logger) {
    this.#store = store;
    this.#renewer = renewer;
    this.#connection = connection;
    this.#log = log;
  }

  /**
   * @param known the credentials to renew; of the generation 0, what is known before the first ones
   * @param refused an access token that the server no longer takes; undefined where it is only old
   */
  async refresh(known: StoredConnection, refused: string | undefined): Promise<Refreshed> {
    let lock: Awaited<ReturnType<CredentialStore['lock']>>;
    try {
      lock = await this.#store.lock(recordLock(this.#connection), LOCK_PATIENCE);
    } catch (error) {
      return { kind: 'failed', error: asDrawbridgeError(error) };
    }
    if (!lock) return { kind: 'failed', error: busy() };
    try {
      return await this.#transact(known, refused);
    } catch (error) {
      return isGone(error) ? { kind: 'ended' } : { kind: 'failed', error: asDrawbridgeError(error) };
    } finally {
      await lock.release();
    }
  }

  async #transact(known: StoredConnection, refused: string | undefined): Promise<Refreshed> {
    const { spends } = this.#renewer;
    const found = this.#read(known.id) ?? (spends ? undefined : { ...known, generation: 0 });
    if (!found) return { kind: 'ended' }; // signed out meanwhile
    // What could not be stored is newer than what is on the disk, until somebody writes there.
    const current = found.generation === known.generation ? known : found;
    const { record } = current;
    const isAnother =
      refused === undefined
        ? record.accessToken !== known.record.accessToken
        : refused !== record.accessToken && refused !== record.idToken;
    if (isAnother && ageOf(record, Date.now()) !== 'expired') return renewed(current);
    if (!this.#renewer.canRenew(record)) return { kind: 'ended' };
    // Says "spent, outcome unknown" should this process die; and proves at full size that the store can be written [66, 67].
    const intent = spends ? await this.#write(current, { ...record, refreshPending: true }) : current;
    let obtained: Obtained;
    try {
      obtained = await this.#renewer.request(record);
    } catch (error) {
      return spends ? await this.#failed(intent, error) : { kind: 'failed', error: asDrawbridgeError(error) };
    }
    const next = withTokens(intent.record, obtained);
    try {
      return renewed(await this.#write(intent, next));
    } catch (error) {
      if (isGone(error)) throw error;
      // The old token is spent: the new one must not be lost, though it can be kept in memory only for now.
      this.#log.warn('renewed token not stored', { reason: asDrawbridgeError(error).reason });
      const unstored = { ...intent, record: next };
      this.#storeLater(unstored);
      return renewed(unstored, false);
    }
  }

  /** Tries until it is stored, or somebody else has written or removed the record. */
  #storeLater(unstored: StoredConnection): void {
    const timer = setTimeout(() => {
      this.#write(unstored, unstored.record).catch((error: unknown) => {
        const { reason } = asDrawbridgeError(error);
        if (reason === 'credential-store' && !(error instanceof GenerationConflict))
          this.#storeLater(unstored);
      });
    }, STORE_AGAIN);
    timer.unref();
  }

  async #failed(intent: StoredConnection, error: unknown): Promise<Refreshed> {
    if (!(error instanceof OAuthError) || error.isPassing)
      return { kind: 'failed', error: asDrawbridgeError(error) };
    if (error.code === 'invalid_grant') {
      const current = this.#read(intent.id);
      // Somebody whom the lock does not reach may have stored a newer one (a folder that two machines share) [64, 71].
      if (current && current.record.accessToken !== intent.record.accessToken) return renewed(current);
      this.#log.info('refresh token no longer valid');
      const { refreshToken: _spent, refreshPending: _pending, ...rest } = intent.record;
      if (current) await this.#write(current, rest).catch(() => {});
      return { kind: 'ended' };
    }
    this.#log.warn('token not renewed', { error: error.code, status: error.status });
    // Refused for another reason: the grant may stand, so it is kept (DESIGN rule 3). A registration that is gone heals
    // by a sign-in; a client of the user's own does not, nor does what no authorization server has said.
    const isHealed =
      error.code !== '' && !/dpop/.test(error.code) && intent.record.client.source === 'registered';
    return isHealed ? { kind: 'ended' } : { kind: 'failed', error };
  }

  #read(id: string): StoredConnection | undefined {
    const stored: Stored<unknown> | undefined = this.#store.read('connection', id);
    const record = stored && parseConnectionRecord(stored.value);
    return record && { id, generation: stored.generation, record };
  }

  async #write({ id, generation }: StoredConnection, record: ConnectionRecord): Promise<StoredConnection> {
    return { id, generation: await this.#store.write('connection', id, record, generation), record };
  }
}

function renewed(stored: StoredConnection, isStored = true): Refreshed {
  return { kind: 'renewed', stored, isStored };
}

/** What a refresh leaves out stays as it was (RFC 6749 section 6). */
function withTokens(record: ConnectionRecord, { tokens, binding }: Obtained): ConnectionRecord {
  const now = Date.now();
  if (record.idToken !== undefined && tokens.idToken === undefined) {
    // None need come (OpenID Connect Core section 12.2). What renews everything but that is not tried again.
    const { refreshPending: _pending, refreshToken: _useless, ...rest } = record;
    return { ...rest, accessToken: tokens.accessToken };
  }
  const { refreshPending: _pending, expiresAt: _old, dpopKey: _key, ...rest } = record;
  return {
    ...rest,
    ...typeOf(tokens, binding),
    accessToken: tokens.accessToken,
    obtainedAt: now,
    ...(tokens.refreshToken !== undefined && { refreshToken: tokens.refreshToken }),
    ...lifeOf(tokens, record.idToken !== undefined, now),
    ...(tokens.scope !== undefined && { scope: tokens.scope }),
  };
}

function busy(): DrawbridgeError {
  return new DrawbridgeError(
    'authorization-server',
    'Another process is renewing the token and is not done with it; try again in a moment.',
  );
}

/** The user has signed out meanwhile: what was renewed is not to come back [60]. */
function isGone(error: unknown): boolean {
  return error instanceof GenerationConflict && error.found === 0;
}
