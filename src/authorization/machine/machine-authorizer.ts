import type { StoredConnection } from '../../credentials/record.ts';
import { asDrawbridgeError, DrawbridgeError } from '../../errors.ts';
import type { RequestSigner } from '../../platform/http-client.ts';
import { sleep } from '../../platform/sleep.ts';
import type { Authorizer, AuthorizerListener, Challenge, SignIn } from '../authorizer.ts';
import { type BearerChallenge, bearerChallenge, proofError } from '../challenge.ts';
import { CredentialInUse } from '../credential-in-use.ts';
import { proofRefused } from '../proof-refused.ts';
import { covers, unite } from '../scopes.ts';
import { StepUps } from '../step-ups.ts';
import { ageOf } from '../token-age.ts';
import type { Refreshed } from '../tokens.ts';
import type { MachineGrant } from './grant.ts';
import type { MachineTokens } from './machine-tokens.ts';
import type { GrantParts } from './open-grant.ts';

/** A request waits so long for a token; getting it goes on [68]. */
const PATIENCE = 25_000;
const STORED_SOON = 2_000;
/** A fresh token that the server refuses is not replaced by another one so soon, in milliseconds [108]. */
const REST = 30_000;

/**
 * Tokens without the user: got when the server first asks for one, kept like those of a sign-in, and renewed ahead of
 * their end by the grant itself. No window is ever opened, but for a grant that has a part of the user's: the sign-in at
 * a company's identity provider.
 */
export class MachineAuthorizer implements Authorizer {
  readonly #parts: GrantParts;
  readonly #inUse: CredentialInUse;
  readonly #stepUps = new StepUps();
  #loaded: Promise<{ tokens: MachineTokens; grant: MachineGrant }> | undefined;
  #user: Authorizer | undefined;
  #clientOpensLinks = false;
  #listener: AuthorizerListener | undefined;
  /** What is being got, for whomever wants it. */
  #getting: Promise<Refreshed> | undefined;
  #steppingUp: Promise<DrawbridgeError | undefined> | undefined;
  #uselessUntil = 0;

  /** @throws DrawbridgeError `credential-store` */
  constructor(parts: GrantParts) {
    const { settings, store, log } = parts;
    const { clientSecret } = settings.signIn;
    if (clientSecret !== undefined) log.protect(clientSecret);
    this.#parts = parts;
    this.#inUse = new CredentialInUse(settings, store, log);
    this.#inUse.load();
  }

  credential(): string | undefined | Promise<string | undefined> {
    this.#inUse.look();
    const { current } = this.#inUse;
    // The server's challenge says where a first one is to be had, and for what.
    if (!current) return undefined;
    const age = ageOf(current.record, Date.now());
    if (age === 'fresh') return this.#inUse.ready();
    const renewing = this.#renew(current, undefined);
    // It still works: nobody waits for the next one.
    return age === 'due' ? this.#inUse.ready() : this.#settle(renewing);
  }

  signer(credential: string | undefined): RequestSigner | undefined {
    return this.#inUse.signer(credential);
  }

  accepted(used: string | undefined): void {
    if (used === this.#inUse.value) this.#inUse.wasAccepted = true;
  }

  async challenged(challenge: Challenge): Promise<DrawbridgeError | undefined> {
    const { status, header, used, error } = challenge;
    const { value } = this.#inUse;
    const said = bearerChallenge(header);
    if (status === 403) {
      if (said.error !== 'insufficient_scope' || used === undefined) return error;
      if (used !== value) return undefined;
      this.#steppingUp ??= this.#stepUp(said, challenge).finally(() => {
        this.#steppingUp = undefined;
      });
      return this.#steppingUp;
    }
    if (used !== value && value !== undefined) return undefined;
    const problem = used?.startsWith('DPoP ') ? proofError(header) : undefined;
    if (problem === 'use_dpop_nonce' || problem === 'invalid_dpop_proof')
      return proofRefused(this.#parts.settings.url, problem);
    return this.#recover(said, challenge);
  }

  get signIn(): SignIn | undefined {
    return this.#user?.signIn;
  }

  beginSignIn(): SignIn | undefined {
    return this.#user?.beginSignIn();
  }

  get clientOpensLinks(): boolean {
    return this.#clientOpensLinks;
  }

  set clientOpensLinks(value: boolean) {
    this.#clientOpensLinks = value;
    if (this.#user) this.#user.clientOpensLinks = value;
  }

  get listener(): AuthorizerListener | undefined {
    return this.#listener;
  }

  set listener(value: AuthorizerListener | undefined) {
    this.#listener = value;
    if (this.#user) this.#user.listener = value;
  }

  async close(): Promise<void> {
    if (this.#getting) await Promise.race([this.#getting, sleep(STORED_SOON)]);
    await this.#user?.close();
  }

  // ---- tokens ----------------------------------------------------------------------------------------------------

  #renew(current: StoredConnection, refused: string | undefined): Promise<Refreshed> {
    return this.#get((tokens) => tokens.renew(current, refused));
  }

  /** One at a time, for all requests that want one. */
  #get(how: (tokens: MachineTokens) => Promise<Refreshed>): Promise<Refreshed> {
    this.#getting ??= this.#run(how).finally(() => {
      this.#getting = undefined;
    });
    return this.#getting;
  }

  async #run(how: (tokens: MachineTokens) => Promise<Refreshed>): Promise<Refreshed> {
    const before = this.#inUse.current?.record.accessToken;
    try {
      const { tokens } = await this.#load();
      const result = await how(tokens);
      if (result.kind === 'renewed') {
        const isOurs = result.stored.record.accessToken !== before;
        this.#inUse.renewed(result.stored, isOurs ? 'refreshed' : 'stored');
      }
      if (result.kind === 'failed') this.#parts.log.warn('no token', { reason: result.error.reason });
      return result;
    } catch (error) {
      return { kind: 'failed', error: asDrawbridgeError(error) };
    }
  }

  #load(): Promise<{ tokens: MachineTokens; grant: MachineGrant }> {
    this.#loaded ??= Promise.all([import('./open-grant.ts'), import('./machine-tokens.ts')])
      .then(async ([{ openGrant }, { MachineTokens }]) => {
        const grant = await openGrant(this.#parts);
        this.#user = grant.user;
        if (this.#user) {
          this.#user.clientOpensLinks = this.#clientOpensLinks;
          this.#user.listener = this.#listener;
        }
        return { grant, tokens: new MachineTokens(this.#parts, grant) };
      })
      .catch((error: unknown) => {
        this.#loaded = undefined;
        throw error;
      });
    return this.#loaded;
  }

  /** Waits for a token, but not for ever. @throws DrawbridgeError why there is none */
  async #settle(getting: Promise<Refreshed>): Promise<string | undefined> {
    const result = await patiently(getting);
    // Though its time is over: the server's challenge leads to the user.
    const leadsToUser = result.kind === 'failed' && this.#isForUser(result.error);
    if (result.kind === 'failed' && !leadsToUser) throw result.error;
    if (result.kind === 'ended') this.#inUse.load();
    return this.#inUse.ready();
  }

  #isForUser({ reason }: DrawbridgeError): boolean {
    return reason === 'sign-in-needed' && this.#user !== undefined;
  }

  // ---- challenges ------------------------------------------------------------------------------------------------

  async #recover(said: BearerChallenge, challenge: Challenge): Promise<DrawbridgeError | undefined> {
    const { used } = challenge;
    const inUse = this.#inUse;
    try {
      await this.#parts.store.unlock();
      if (inUse.load() && inUse.value !== used) return undefined;
      const { current } = inUse;
      if (current && inUse.origin === 'refreshed' && !inUse.wasAccepted) {
        // Another one would be refused as well, but perhaps not for ever.
        this.#uselessUntil ||= performance.now() + REST;
        if (performance.now() < this.#uselessUntil) return await this.#uselessToken(said, current);
      }
      this.#uselessUntil = 0;
      const refused = used?.slice(used.indexOf(' ') + 1);
      return await this.#orAskUser(challenge, () =>
        current ? this.#renew(current, refused) : this.#get((tokens) => tokens.obtain({ challenge: said })),
      );
    } catch (error) {
      return asDrawbridgeError(error);
    }
  }

  /** @returns undefined where there is a token now */
  async #orAskUser(
    challenge: Challenge,
    get: () => Promise<Refreshed>,
  ): Promise<DrawbridgeError | undefined> {
    const result = await patiently(get());
    if (result.kind !== 'failed') return undefined;
    if (!this.#isForUser(result.error) || !this.#user) return result.error;
    if (!challenge.mayAskUser) return challenge.error;
    const failure = await this.#user.challenged({ ...challenge, status: 401, error: result.error });
    if (failure) return failure;
    const second = await patiently(get());
    return second.kind === 'failed' ? second.error : undefined;
  }

  /** More scopes are needed (MCP 2025-11-25, Step-Up Authorization Flow): the grant is asked for all of them. */
  async #stepUp(
    { scope, resourceMetadata, dpop }: BearerChallenge,
    challenge: Challenge,
  ): Promise<DrawbridgeError | undefined> {
    const current = this.#inUse.current as StoredConnection;
    const { requestedScope, scope: granted } = current.record;
    const isPointless =
      this.#parts.settings.signIn.scope !== undefined ||
      scope === undefined ||
      covers(unite(requestedScope, granted), scope) ||
      !this.#stepUps.mayTry(scope);
    if (isPointless) return this.#insufficient(scope, challenge.error);
    const wish = {
      challenge: { resourceMetadata, scope, dpop },
      earlierScope: unite(requestedScope, granted),
      insufficient: current,
    };
    // What is under way has other terms.
    await this.#getting;
    const failure = await this.#orAskUser(challenge, () => this.#get((tokens) => tokens.obtain(wish)));
    if (failure) this.#stepUps.refuse(scope);
    return failure;
  }

  #insufficient(scope: string | undefined, { details }: DrawbridgeError): DrawbridgeError {
    const what = scope === undefined ? 'a permission' : `the permission "${scope.slice(0, 200)}"`;
    const { host } = this.#parts.settings.url;
    return new DrawbridgeError(
      'insufficient-scope',
      `${host} wants ${what} for this, which the token does not have; whoever runs its authorization server has to allow it, or --scope has to name it.`,
      details,
    );
  }

  async #uselessToken(said: BearerChallenge, current: StoredConnection): Promise<DrawbridgeError> {
    const { tokens } = await this.#load();
    const { host } = this.#parts.settings.url;
    return (
      (await tokens.moved(said.resourceMetadata, current)) ??
      new DrawbridgeError(
        'unauthorized',
        `${host} refuses the very token that ${new URL(current.record.issuer).host} has just given; it may be for another audience (see --resource) or lack a permission (--scope).`,
        { status: 401 },
      )
    );
  }
}

async function patiently(getting: Promise<Refreshed>): Promise<Refreshed> {
  const slow = new DrawbridgeError(
    'timeout',
    'The authorization server gives no token in time; try again in a moment.',
  );
  return (await Promise.race([getting, sleep(PATIENCE)])) ?? { kind: 'failed', error: slow };
}
