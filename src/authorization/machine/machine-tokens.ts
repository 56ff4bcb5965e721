import { askedFor, findOwnConnections } from '../../credentials/apart.ts';
import { connectionId } from '../../credentials/ids.ts';
import {
  type ConnectionRecord,
  connectionFileId,
  findConnections,
  type StoredConnection,
} from '../../credentials/record.ts';
import { asDrawbridgeError, type DrawbridgeError } from '../../errors.ts';
import { OAuthHttp } from '../../platform/oauth-http.ts';
import type { SignInSettings } from '../../settings.ts';
import { type Binding, chooseBinding } from '../binding.ts';
import { identityOf } from '../client-authentication.ts';
import { IssuerMemory } from '../issuer-memory.ts';
import { issuerNow } from '../issuer-now.ts';
import { covers, unite } from '../scopes.ts';
import { serves } from '../serves.ts';
import { type ChosenServer, pinBroken } from '../sign-in/choose-server.ts';
import { createTask, type SignInTask } from '../sign-in/task.ts';
import { SignInTerms } from '../sign-in/terms.ts';
import { ageOf } from '../token-age.ts';
import { OAuthError, type TokenClient } from '../token-endpoint.ts';
import { type Refreshed, TokenRefresher } from '../tokens.ts';
import { chooseMachineClient, chooseMachineServer } from './choose-machine-server.ts';
import type { MachineGrant } from './grant.ts';
import { MachineRenewer } from './machine-renewer.ts';
import type { GrantParts } from './open-grant.ts';
import { explainRefusal } from './refusals.ts';

/** After a refusal nobody is asked again for so long, in milliseconds [14]. */
const REST = 30_000;

/** What a token is to be got for. */
export interface Wish {
  challenge: SignInTask['challenge'];
  /** Scopes that were asked for before and are to be asked for again. */
  earlierScope?: string | undefined;
  /** Credentials that are there and do not do. */
  insufficient?: StoredConnection | undefined;
  /** What another process has got meanwhile is not taken either: a person wants another one. */
  isAnew?: boolean;
}

/** The tokens of a machine: found out where they are to be had, got, renewed and stored. Loaded when one is needed. */
export class MachineTokens {
  readonly #parts: GrantParts;
  readonly #grant: MachineGrant;
  readonly #http: OAuthHttp;
  /** What the user has named may be where the server could not send us. */
  readonly #grantHttp: OAuthHttp;
  readonly #renewer: TokenRefresher;
  #resting: { until: number; failed: Refreshed } | undefined;

  constructor(parts: GrantParts, grant: MachineGrant) {
    const { settings } = parts;
    const { url, network, signIn } = settings;
    this.#parts = parts;
    this.#grant = grant;
    this.#http = new OAuthHttp(url, network);
    const { tokenEndpoint } = signIn;
    this.#grantHttp =
      tokenEndpoint === undefined ? this.#http : new OAuthHttp(new URL(tokenEndpoint), network);
    this.#renewer = this.#refresher(undefined);
  }

  /**
   * Another token on the terms of the last one; as TokenRefresher.refresh. Where its server knows nothing of them any
   * more, they are found out anew.
   */
  async renew(known: StoredConnection, refused: string | undefined): Promise<Refreshed> {
    return this.#unlessResting(async () => {
      const result = await this.#renewer.refresh(known, refused);
      if (result.kind !== 'failed' || !(result.error instanceof OAuthError) || result.error.isPassing)
        return result;
      // No OAuth error: the token endpoint is somewhere else by now.
      if (result.error.code === '')
        return this.#obtain({
          challenge: {},
          earlierScope: known.record.requestedScope,
          insufficient: known,
        });
      return { kind: 'failed', error: explainRefusal(result.error) };
    });
  }

  /** A first token, or one on other terms. */
  async obtain(wish: Wish): Promise<Refreshed> {
    if (wish.insufficient) return this.#obtain(wish);
    return this.#unlessResting(() => this.#obtain(wish));
  }

  async #unlessResting(get: () => Promise<Refreshed>): Promise<Refreshed> {
    if (this.#resting && performance.now() < this.#resting.until) return this.#resting.failed;
    const result = await get();
    const isRefused =
      result.kind === 'failed' &&
      (result.error.reason === 'sign-in-refused' ||
        (result.error.reason === 'authorization-server' && !(Number(result.error.details.status) >= 500)));
    this.#resting = isRefused ? { until: performance.now() + REST, failed: result } : undefined;
    return result;
  }

  async #obtain(wish: Wish): Promise<Refreshed> {
    const { settings, folder, store, log } = this.#parts;
    const { url, signIn } = settings;
    const { challenge, earlierScope } = wish;
    try {
      const known = findConnections(store, url.href, signIn.profile);
      const own = findOwnConnections(store, url.href, signIn);
      const other = own.find(({ record }) => isEnough(record, signIn, wish));
      if (other) return { kind: 'renewed', stored: other, isStored: true };
      const task = createTask(settings, folder, {
        challenge,
        earlierScope,
        replaces: 0,
        opensWindow: false,
        isRequested: false,
      });
      const chosen = await chooseMachineServer(task, this.#http, known, this.#grant);
      const { authorizationServer } = chosen;
      const client = await chooseMachineClient(signIn, authorizationServer, this.#grant);
      const ours = known.filter(({ record }) => record.grant === this.#grant.kind);
      const binding = chooseBinding({ signIn, ...chosen, challenge, known: ours });
      const refresher = this.#refresher(binding);
      const memory = new IssuerMemory(store, authorizationServer.issuer, url.href);
      const terms = new SignInTerms(task, chosen, memory, log);
      for (;;) {
        const wanted = this.#template(task, chosen, client, terms, ours);
        const result = await refresher.refresh(wanted, undefined);
        if (result.kind !== 'failed' || !(result.error instanceof OAuthError)) return result;
        const { code, description, isPassing } = result.error;
        if (!isPassing && (await terms.leaveOut(code, description))) continue;
        return { kind: 'failed', error: explainRefusal(result.error) };
      }
    } catch (error) {
      return { kind: 'failed', error: asDrawbridgeError(error) };
    }
  }

  /** What the record will be, but for the token; of the generation that it replaces. */
  #template(
    { server, signIn }: SignInTask,
    { authorizationServer }: ChosenServer,
    client: TokenClient,
    { scope, resource }: SignInTerms,
    known: readonly StoredConnection[],
  ): StoredConnection {
    const { issuer, tokenEndpoint, revocationEndpoint } = authorizationServer;
    const now = Date.now();
    const record: ConnectionRecord = {
      schema: 1,
      server,
      profile: signIn.profile,
      issuer,
      resource,
      ...askedFor(signIn),
      client: identityOf(client),
      tokenEndpoint,
      tokenType: 'Bearer',
      accessToken: '',
      grant: this.#grant.kind,
      ...(this.#grant.identityProvider !== undefined && { identityProvider: this.#grant.identityProvider }),
      signedInAt: Math.max(now, (known[0]?.record.signedInAt ?? 0) + 1),
      obtainedAt: now,
      ...(revocationEndpoint !== undefined && { revocationEndpoint }),
      ...(scope !== undefined && { requestedScope: scope, scope }),
    };
    const id = connectionFileId(record);
    return { id, record, generation: known.find((stored) => stored.id === id)?.generation ?? 0 };
  }

  #refresher(binding: Binding | undefined): TokenRefresher {
    const { settings, store, log } = this.#parts;
    const renewer = new MachineRenewer(this.#grant, this.#grantHttp, settings.signIn, log, binding);
    return new TokenRefresher(store, renewer, connectionId(settings.url.href, settings.signIn.profile), log);
  }

  /**
   * Why a token that was just given is refused, where the server has moved to another authorization server meanwhile.
   *
   * @param metadataUrl `resource_metadata` of the challenge
   * @returns undefined where that is not so, or nothing can be learned
   */
  async moved(
    metadataUrl: string | undefined,
    { record }: StoredConnection,
  ): Promise<DrawbridgeError | undefined> {
    const { settings, log } = this.#parts;
    if (settings.signIn.tokenEndpoint !== undefined) return undefined;
    const issuer = await issuerNow(this.#http, settings, metadataUrl, record.issuer, log);
    return issuer === record.issuer ? undefined : pinBroken(issuer, record.issuer);
  }
}

/** Whether another process has got by now what is wished for. */
function isEnough(
  record: ConnectionRecord,
  signIn: SignInSettings,
  { challenge, insufficient, isAnew = false }: Wish,
): boolean {
  if (isAnew || !serves(record, signIn, undefined) || ageOf(record, Date.now()) === 'expired') return false;
  if (!insufficient) return true;
  const isOther = record.accessToken !== insufficient.record.accessToken;
  return isOther && covers(unite(record.requestedScope, record.scope), challenge.scope);
}
