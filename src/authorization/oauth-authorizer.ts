import { signInId } from '../credentials/apart.ts';
import type { StoredConnection } from '../credentials/record.ts';
import type { CredentialStore } from '../credentials/store.ts';
import { asDrawbridgeError, DrawbridgeError, displayText } from '../errors.ts';
import type { Logger } from '../logger.ts';
import type { RequestSigner } from '../platform/http-client.ts';
import { sleep } from '../platform/sleep.ts';
import type { Settings } from '../settings.ts';
import type { Authorizer, AuthorizerListener, Challenge, SignIn } from './authorizer.ts';
import { type BearerChallenge, bearerChallenge, proofError } from './challenge.ts';
import { CredentialInUse } from './credential-in-use.ts';
import { personalTokenRefused } from './personal-token.ts';
import { proofRefused } from './proof-refused.ts';
import type { Renewal } from './renewal.ts';
import { covers, unite } from './scopes.ts';
import { SignInAttempts } from './sign-in/attempts.ts';
import { loginCommand } from './sign-in/command.ts';
import { neededError, PendingSignIn } from './sign-in/pending-sign-in.ts';
import { createTask, type SignInTask, secretsOf } from './sign-in/task.ts';
import { StepUps } from './step-ups.ts';
import { ageOf } from './token-age.ts';
import type { Refreshed } from './tokens.ts';

/** A request waits so long for a refresh that hangs, in milliseconds; the refresh itself goes on [68]. */
const REFRESH_PATIENCE = 13_000;
const STORED_SOON = 2_000;
/** After a sign-in that the user did not finish, requests don't begin another for so long, in milliseconds [7]. */
const REST = 300_000;
/** A server that can't be signed in at is not asked again for so long, in milliseconds [14]. */
const UNREADY_FOR = 30_000;
/** How often the store is looked at while nobody is signed in, in milliseconds. */
const LOOK_EVERY = 1_000;

/**
 * The OAuth client of a connection: keeps its access token fresh, and answers challenges by another process's token, by
 * a refresh, by a step-up, and last by a sign-in. One at a time of each, whatever the number of requests.
 */
export class OAuthAuthorizer implements Authorizer {
  clientOpensLinks = false;
  listener: AuthorizerListener | undefined;
  readonly #settings: Settings;
  readonly #folder: string;
  readonly #log: Logger;
  readonly #connection: string;
  readonly #store: CredentialStore;
  readonly #attempts: SignInAttempts;
  readonly #inUse: CredentialInUse;
  readonly #stepUps = new StepUps();
  readonly #command: string;
  #loadedRenewal: Promise<Renewal> | undefined;
  #refreshing: { since: number; done: Promise<Refreshed> } | undefined;
  #recovering: Promise<Recovery> | undefined;
  #signIn: PendingSignIn | undefined;
  #challenge: SignInTask['challenge'] = {};
  #watch: NodeJS.Timeout | undefined;
  #restUntil = 0;

  /**
   * @param folder where `store` is, for the process that signs in
   * @throws DrawbridgeError `credential-store`
   */
  constructor(settings: Settings, folder: string, store: CredentialStore, log: Logger) {
    this.#settings = settings;
    this.#folder = folder;
    this.#log = log;
    const { url, signIn } = settings;
    this.#connection = signInId(url.href, signIn);
    this.#store = store;
    this.#attempts = new SignInAttempts(this.#store, this.#connection);
    this.#command = loginCommand(settings);
    if (signIn.clientSecret !== undefined) log.protect(signIn.clientSecret);
    // Honoured; the token goes to this server all the same, and to nobody else [24].
    if (signIn.resource && new URL(signIn.resource).origin !== url.origin)
      log.warn('tokens are asked for a resource of another origin', {
        resource: displayText(signIn.resource),
      });
    this.#inUse = new CredentialInUse(settings, store, log);
    this.#inUse.load();
  }

  get signIn(): SignIn | undefined {
    return this.#signIn;
  }

  credential(): string | undefined | Promise<string | undefined> {
    this.#inUse.look();
    const { current, isEnded } = this.#inUse;
    if (!current) return undefined;
    const age = ageOf(current.record, Date.now());
    if (age === 'fresh' || current.record.refreshToken === undefined || isEnded) return this.#inUse.ready();
    const refreshed = this.#refresh(undefined);
    // It still works: nobody waits for the next one.
    return age === 'due' ? this.#inUse.ready() : this.#settle(refreshed).then(() => this.#inUse.ready());
  }

  signer(credential: string | undefined): RequestSigner | undefined {
    return this.#inUse.signer(credential);
  }

  accepted(used: string | undefined): void {
    if (used === this.#inUse.value) this.#inUse.wasAccepted = true;
  }

  async challenged(challenge: Challenge): Promise<DrawbridgeError | undefined> {
    const { status, header, used, error, mayAskUser } = challenge;
    const said = bearerChallenge(header);
    if (status === 403) {
      if (said.error !== 'insufficient_scope' || used === undefined) return error;
      if (used !== this.#inUse.value) return undefined;
      if (this.#inUse.isPersonal) return insufficient(this.#settings.url, said.scope, error);
      return mayAskUser ? this.#stepUp(said, error) : error;
    }
    if (used !== this.#inUse.value && this.#inUse.value !== undefined) return undefined;
    const problem = used?.startsWith('DPoP ') ? proofError(header) : undefined;
    // What is wrong with a proof no sign-in mends; what can be repaired of it was.
    if (problem === 'use_dpop_nonce' || problem === 'invalid_dpop_proof')
      return proofRefused(this.#settings.url, problem);
    this.#challenge = { resourceMetadata: said.resourceMetadata, scope: said.scope, dpop: said.dpop };
    this.#recovering ??= this.#recover(used, said.resourceMetadata).finally(() => {
      this.#recovering = undefined;
    });
    const recovery = await this.#recovering;
    if (recovery === 'renewed') return undefined;
    if (recovery instanceof DrawbridgeError) return recovery;
    if (!mayAskUser) return error;
    const failure = await this.#ask(this.#inUse.current?.record.requestedScope);
    if (!failure) return undefined;
    return new DrawbridgeError(
      failure.reason,
      failure.message,
      { ...error.details, ...failure.details },
      failure,
    );
  }

  beginSignIn(): SignIn {
    return this.#begin(this.#inUse.current?.record.requestedScope);
  }

  async close(): Promise<void> {
    clearInterval(this.#watch);
    this.#signIn?.leave();
    // A token that was rotated must be on the disk, or the next start has a spent one [65].
    if (this.#refreshing) await Promise.race([this.#refreshing.done, sleep(STORED_SOON)]);
  }

  // ---- refresh ---------------------------------------------------------------------------------------------------

  #refresh(refused: string | undefined): { since: number; done: Promise<Refreshed> } {
    const current = this.#inUse.current as StoredConnection;
    this.#refreshing ??= {
      since: performance.now(),
      done: this.#renew(current, refused).then((result) => {
        this.#refreshing = undefined;
        if (result.kind === 'renewed') {
          const isOurs = result.stored.record.accessToken !== current.record.accessToken;
          this.#inUse.renewed(result.stored, isOurs ? 'refreshed' : 'stored');
        }
        this.#inUse.isEnded = result.kind === 'ended';
        return result;
      }),
    };
    return this.#refreshing;
  }

  async #renew(current: StoredConnection, refused: string | undefined): Promise<Refreshed> {
    try {
      return await (await this.#renewal()).refresh(current, refused);
    } catch (error) {
      return { kind: 'failed', error: asDrawbridgeError(error) };
    }
  }

  #renewal(): Promise<Renewal> {
    this.#loadedRenewal ??= import('./renewal.ts').then(
      ({ Renewal }) => new Renewal(this.#settings, this.#store, this.#log),
    );
    return this.#loadedRenewal;
  }

  /** Waits for a refresh, but not for ever. */
  async #settle(refreshing: { since: number; done: Promise<Refreshed> }): Promise<string | undefined> {
    const result = await this.#patiently(refreshing);
    if (result.kind === 'renewed') return this.#inUse.value;
    if (result.kind === 'failed') {
      const { current } = this.#inUse;
      // An authorization server that is gone for good would never be asked for a challenge that tells so.
      const mayHaveMoved = result.error.reason === 'unreachable' && current !== undefined;
      if (mayHaveMoved && (await this.#hasMoved(undefined, current))) return this.#inUse.value;
      throw result.error;
    }
    this.#inUse.load();
    // Though its time is over: the server's challenge says how to go on.
    return this.#inUse.value;
  }

  async #patiently({ since, done }: { since: number; done: Promise<Refreshed> }): Promise<Refreshed> {
    // One that hangs already is awaited to its end: the next try must not overtake it.
    const isOld = performance.now() - since > REFRESH_PATIENCE / 2;
    const result = await Promise.race([done, sleep(isOld ? 2 * REFRESH_PATIENCE : REFRESH_PATIENCE)]);
    if (!result) return { kind: 'failed', error: slow(this.#inUse.current) };
    if (!isOld || result.kind !== 'failed' || !this.#inUse.current) return result;
    return this.#patiently(this.#refresh(undefined));
  }

  // ---- 401 -------------------------------------------------------------------------------------------------------

  /** What can be done without the user. */
  async #recover(used: string | undefined, metadataUrl: string | undefined): Promise<Recovery> {
    try {
      // It may have been made since.
      await this.#store.unlock();
      const inUse = this.#inUse;
      const renewal = await this.#renewal();
      if (inUse.load() && inUse.value !== used) return 'renewed';
      const { current } = inUse;
      if (inUse.isPersonal) return personalTokenRefused(this.#settings, current?.record, inUse.wasAccepted);
      if (!current) return (await renewal.adopt(metadataUrl)) && inUse.load() ? 'renewed' : 'sign-in';
      if (used === undefined) return 'sign-in';
      if (await this.#hasMoved(metadataUrl, current))
        return inUse.value === undefined ? 'sign-in' : 'renewed';
      // A refresh that was under way may have ended meanwhile.
      if (inUse.value !== undefined && inUse.value !== used) return 'renewed';
      if (inUse.origin === 'signed-in' && !inUse.wasAccepted) return this.#uselessToken();
      if (inUse.origin === 'refreshed' && !inUse.wasAccepted) return 'sign-in';
      if (current.record.refreshToken === undefined || inUse.isEnded) return 'sign-in';
      const result = await this.#patiently(this.#refresh(used.slice(used.indexOf(' ') + 1)));
      if (result.kind === 'failed') return result.error;
      return result.kind === 'renewed' ? 'renewed' : 'sign-in';
    } catch (error) {
      return asDrawbridgeError(error);
    }
  }

  /**
   * Whether the server now names another authorization server than the one of these credentials. Nothing of the old
   * one's goes to the new one [27]; what is in use then are credentials of an earlier time there, or none.
   */
  async #hasMoved(metadataUrl: string | undefined, { record }: StoredConnection): Promise<boolean> {
    const issuer = await (await this.#renewal()).issuerNow(metadataUrl, record.issuer);
    if (issuer === record.issuer) return false;
    this.#log.warn('the server now names another authorization server', { issuer: displayText(issuer) });
    this.#inUse.movedTo = issuer;
    this.#inUse.load();
    return true;
  }

  #uselessToken(): DrawbridgeError {
    const { host } = this.#settings.url;
    const isBound = this.#inUse.current?.record.tokenType === 'DPoP';
    const hint = isBound ? '; or it takes no bound tokens after all (--dpop off)' : '';
    return new DrawbridgeError(
      'unauthorized',
      `${host} refuses the very token that the sign-in has just given; it may be for another audience (see --resource) or lack a permission (--scope)${hint}.`,
      { status: 401 },
    );
  }

  // ---- step-up ---------------------------------------------------------------------------------------------------

  /** More scopes are needed (MCP 2025-11-25, Step-Up Authorization Flow). */
  async #stepUp(
    { scope, resourceMetadata, dpop }: BearerChallenge,
    error: DrawbridgeError,
  ): Promise<DrawbridgeError | undefined> {
    // Whatever it asks for, only its end tells whether more is needed: parallel requests are one try.
    if (this.#signIn) return this.#signIn.settled;
    const { requestedScope, scope: granted } = (this.#inUse.current as StoredConnection).record;
    const wanted = unite(requestedScope, granted, scope);
    const isPointless =
      this.#settings.signIn.scope !== undefined ||
      scope === undefined ||
      covers(unite(requestedScope, granted), scope) ||
      !this.#stepUps.mayTry(scope);
    if (isPointless) return insufficient(this.#settings.url, scope, error);
    this.#challenge = { resourceMetadata, scope, dpop };
    const failure = await this.#ask(wanted);
    if (failure) this.#stepUps.refuse(scope);
    return failure;
  }

  // ---- sign-in ---------------------------------------------------------------------------------------------------

  /** Asks the user, unless that has just been done in vain: the next one to ask is the user. */
  async #ask(earlierScope: string | undefined): Promise<DrawbridgeError | undefined> {
    if (this.#signIn) return this.#signIn.settled;
    if (performance.now() < this.#restUntil) return neededError(this.#settings.url, this.#command);
    return this.#unready() ?? this.#begin(earlierScope).settled;
  }

  /** Why there could be no sign-in a moment ago, if that is so. */
  #unready(): DrawbridgeError | undefined {
    try {
      return this.#attempts.unreadySince(Date.now() - UNREADY_FOR);
    } catch (error) {
      return asDrawbridgeError(error);
    }
  }

  #begin(earlierScope: string | undefined): PendingSignIn {
    if (this.#signIn) return this.#signIn;
    const { signIn } = this.#settings;
    // Not what is stored by now: what came since the last look is what we want.
    const replaces = this.#inUse.knownUntil;
    const task = createTask(this.#settings, this.#folder, {
      challenge: this.#challenge,
      earlierScope,
      replaces,
      opensWindow: signIn.browser && !signIn.deviceCode && !this.clientOpensLinks,
      isRequested: false,
    });
    const pending = new PendingSignIn({
      task,
      connection: this.#connection,
      store: this.#store,
      attempts: this.#attempts,
      isDone: () => this.#inUse.isReplaced(replaces),
      command: this.#command,
      secrets: [...secretsOf(this.#settings), ...(task.secrets ?? [])],
      log: this.#log,
    });
    this.#signIn = pending;
    clearInterval(this.#watch);
    void pending.settled.then((failure) => this.#ended(failure, replaces));
    this.listener?.signInStarted(pending);
    return pending;
  }

  #ended(failure: DrawbridgeError | undefined, replaces: number): void {
    this.#signIn = undefined;
    if (!failure) return this.#signedIn();
    const level = failure.reason === 'shutting-down' ? 'debug' : 'warn';
    this.#log[level]('not signed in', { reason: failure.reason });
    // Where nobody was asked, the reason itself is told again, with what would help.
    const wasAsked = /^sign-in-(refused|timeout)$/.test(failure.reason) && !this.#unready();
    if (wasAsked) this.#restUntil = performance.now() + REST;
    // A sign-in in a terminal is found while nobody asks for anything, too.
    clearInterval(this.#watch);
    this.#watch = setInterval(() => {
      if (this.#signIn || !this.#inUse.isReplaced(replaces)) return;
      clearInterval(this.#watch);
      this.#signedIn();
    }, LOOK_EVERY);
    this.#watch.unref();
  }

  #signedIn(): void {
    this.#restUntil = 0;
    this.#inUse.signedIn();
    this.listener?.signedIn();
  }
}

/** What came of a challenge without the user: try again, ask the user, or tell the client. */
type Recovery = 'renewed' | 'sign-in' | DrawbridgeError;

function slow(current: StoredConnection | undefined): DrawbridgeError {
  const host = current ? new URL(current.record.tokenEndpoint).host : 'The authorization server';
  return new DrawbridgeError(
    'timeout',
    `${host} does not answer the renewal of the token; try again in a moment.`,
  );
}

function insufficient(url: URL, scope: string | undefined, { details }: DrawbridgeError): DrawbridgeError {
  const what = scope === undefined ? 'a permission' : `the permission "${scope.slice(0, 200)}"`;
  return new DrawbridgeError(
    'insufficient-scope',
    `${url.host} wants ${what} for this, which your sign-in does not have; it may be that your account may not have it.`,
    details,
  );
}
