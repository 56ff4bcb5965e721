import {
  type ConnectionRecord,
  parseConnectionRecord,
  type StoredConnection,
} from '../credentials/record.ts';
import { type CredentialStore, GenerationConflict, type Stored } from '../credentials/store.ts';
import { asDrawbridgeError, DrawbridgeError } from '../errors.ts';
import type { Logger } from '../logger.ts';
import { NoAnswer, type OAuthHttp } from '../platform/oauth-http.ts';
import { sleep } from '../platform/sleep.ts';
import type { Binding } from './binding.ts';
import { invalidTargetError } from './providers.ts';
import { LOCK_PATIENCE, lifeOf, recordLock } from './stored-credentials.ts';
import { ageOf } from './token-age.ts';
import { OAuthError, requestToken, type TokenSet } from './token-endpoint.ts';

/** A refresh that has no answer by then is over, in milliseconds [68]. */
const TIMEOUT = 28_000;
/** What passes by is tried again for so long, in milliseconds. */
const PATIENCE = 10_000;
const FIRST_PAUSE = 500;
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

/**
 * The refresh as one transaction across all processes of the user: lock, read again, adopt what another has renewed or
 * refresh, store, and only then give it out (OAuth 2.1 section 4.3; DESIGN rules 3, 4 and 6). The only place that
 * spends a refresh token.
 */
export class TokenRefresher {
  readonly #store: CredentialStore;
  readonly #http: OAuthHttp;
  readonly #connection: string;
  readonly #secret: string | undefined;
  readonly #log: Logger;
  /** Kept for the nonces of its authorization server. */
  #binding: Binding | undefined;

  /**
   * @param connection the connection's id, whose lock is taken
   * @param secret `--client-secret` as it is now: it may have been renewed since the sign-in
   */
  constructor(
    store: CredentialStore,
    http: OAuthHttp,
    connection: string,
    secret: string | undefined,
    log: Logger,
  ) {
    this.#store = store;
    this.#http = http;
    this.#connection = connection;
    this.#secret = secret;
    this.#log = log;
  }

  /**
   * @param known the credentials to renew
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
    const found = this.#read(known.id);
    if (!found) return { kind: 'ended' }; // signed out meanwhile
    // What could not be stored is newer than what is on the disk, until somebody writes there.
    const current = found.generation === known.generation ? known : found;
    const { record } = current;
    const isAnother =
      refused === undefined
        ? record.accessToken !== known.record.accessToken
        : refused !== record.accessToken && refused !== record.idToken;
    if (isAnother && ageOf(record, Date.now()) !== 'expired') return renewed(current);
    if (record.refreshToken === undefined) return { kind: 'ended' };
    // Says "spent, outcome unknown" should this process die; and proves at full size that the store can be written [66, 67].
    const intent = await this.#write(current, { ...record, refreshPending: true });
    let tokens: TokenSet;
    try {
      tokens = await this.#request(record, record.refreshToken);
    } catch (error) {
      return await this.#failed(intent, error);
    }
    const next = withTokens(intent.record, tokens);
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

  async #request(record: ConnectionRecord, refreshToken: string): Promise<TokenSet> {
    const giveUpAt = performance.now() + PATIENCE;
    const isConfigured = record.client.source === 'configured' && this.#secret !== undefined;
    const client = {
      ...record.client,
      ...(isConfigured && { secret: this.#secret }),
      binding: await this.#bindingOf(record),
    };
    let parameters: Record<string, string> = {
      grant_type: 'refresh_token',
      refresh_token: refreshToken,
      ...(record.resource !== null && { resource: record.resource }),
    };
    for (let pause = FIRST_PAUSE, lost = 0; ; pause *= 2) {
      try {
        return await requestToken(this.#http, record.tokenEndpoint, client, parameters, TIMEOUT);
      } catch (error) {
        const refusesResource =
          error instanceof OAuthError && invalidTargetError(error.code, error.description);
        if (refusesResource && parameters.resource !== undefined) {
          const { resource: _left, ...rest } = parameters;
          parameters = rest;
          continue;
        }
        const isLost = error instanceof NoAnswer && error.sent;
        if (isLost) lost++;
        const isPassing = error instanceof OAuthError ? error.isPassing : error instanceof NoAnswer;
        // An answer that got lost may have spent the token: once more is what a server's grace allows for [67].
        const isFinal = error instanceof NoAnswer && (error.reason === 'timeout' || error.isUnusableAnswer);
        const mayRepeat = isPassing && lost <= 1 && !isFinal;
        if (!mayRepeat || performance.now() + pause > giveUpAt) throw error;
        this.#log.info('token not renewed, trying again', { reason: asDrawbridgeError(error).reason });
        await sleep(pause);
      }
    }
  }

  /** What was bound once is never renewed as a bearer token. */
  async #bindingOf({ tokenType, dpopKey }: ConnectionRecord): Promise<Binding | undefined> {
    if (tokenType !== 'DPoP' || !dpopKey) return undefined;
    const { Dpop } = await import('./dpop.ts');
    if (this.#binding?.dpop.key.d !== dpopKey.d)
      this.#binding = { dpop: new Dpop(dpopKey), isRequired: true };
    return this.#binding;
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
function withTokens(record: ConnectionRecord, tokens: TokenSet): ConnectionRecord {
  const now = Date.now();
  if (record.idToken !== undefined && tokens.idToken === undefined) {
    // None need come (OpenID Connect Core section 12.2). What renews everything but that is not tried again.
    const { refreshPending: _pending, refreshToken: _useless, ...rest } = record;
    return { ...rest, accessToken: tokens.accessToken };
  }
  const { refreshPending: _pending, expiresAt: _old, ...rest } = record;
  return {
    ...rest,
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
