import type { ConnectionRecord } from '../credentials/record.ts';
import { asDrawbridgeError } from '../errors.ts';
import type { Logger } from '../logger.ts';
import { NoAnswer, type OAuthHttp } from '../platform/oauth-http.ts';
import { sleep } from '../platform/sleep.ts';
import type { SignInSettings } from '../settings.ts';
import type { Binding } from './binding.ts';
import { withProof } from './client-authentication.ts';
import { invalidTargetError } from './providers.ts';
import { OAuthError, requestToken, type TokenSet } from './token-endpoint.ts';
import type { Obtained, Renewer } from './tokens.ts';

/** A refresh that has no answer by then is over, in milliseconds [68]. */
const TIMEOUT = 28_000;
/** What passes by is tried again for so long, in milliseconds. */
const PATIENCE = 10_000;
const FIRST_PAUSE = 500;

/** Renews tokens by the refresh token of their record (RFC 6749 section 6). */
export class RefreshGrant implements Renewer {
  readonly spends = true;
  readonly #http: OAuthHttp;
  readonly #signIn: Pick<SignInSettings, 'clientSecret' | 'clientKey'>;
  readonly #log: Logger;
  readonly #bindings = new KeptBindings();

  /** @param signIn what proves the client now: it may have been renewed since the sign-in */
  constructor(http: OAuthHttp, signIn: Pick<SignInSettings, 'clientSecret' | 'clientKey'>, log: Logger) {
    this.#http = http;
    this.#signIn = signIn;
    this.#log = log;
  }

  canRenew({ refreshToken }: ConnectionRecord): boolean {
    return refreshToken !== undefined;
  }

  async request(record: ConnectionRecord): Promise<Obtained> {
    const binding = await this.#bindings.of(record);
    const client = { ...withProof(record.client, this.#signIn, record), binding };
    let parameters: Record<string, string> = {
      grant_type: 'refresh_token',
      refresh_token: record.refreshToken as string,
      ...(record.resource !== null && { resource: record.resource }),
    };
    const request = async (): Promise<TokenSet> => {
      try {
        return await requestToken(this.#http, record.tokenEndpoint, client, parameters, TIMEOUT);
      } catch (error) {
        const refusesResource =
          error instanceof OAuthError && invalidTargetError(error.code, error.description);
        if (!refusesResource || parameters.resource === undefined) throw error;
        const { resource: _left, ...rest } = parameters;
        parameters = rest;
        return request();
      }
    };
    return { tokens: await requestPatiently(request, this.#log), binding };
  }
}

/**
 * Asks again for a while where what went wrong may pass by. An answer that got lost may have spent what was sent: once
 * more is what a server's grace allows for [67].
 */
export async function requestPatiently(request: () => Promise<TokenSet>, log: Logger): Promise<TokenSet> {
  const giveUpAt = performance.now() + PATIENCE;
  for (let pause = FIRST_PAUSE, lost = 0; ; pause *= 2) {
    try {
      return await request();
    } catch (error) {
      const isLost = error instanceof NoAnswer && error.sent;
      if (isLost) lost++;
      const isPassing = error instanceof OAuthError ? error.isPassing : error instanceof NoAnswer;
      const isFinal = error instanceof NoAnswer && (error.reason === 'timeout' || error.isUnusableAnswer);
      const mayRepeat = isPassing && lost <= 1 && !isFinal;
      if (!mayRepeat || performance.now() + pause > giveUpAt) throw error;
      log.info('token not renewed, trying again', { reason: asDrawbridgeError(error).reason });
      await sleep(pause);
    }
  }
}

/** The keys that records are bound to, kept for the nonces of their authorization servers (RFC 9449 section 8). */
export class KeptBindings {
  #binding: Binding | undefined;

  /** What was bound once is never renewed as a bearer token. */
  async of({ tokenType, dpopKey }: ConnectionRecord): Promise<Binding | undefined> {
    if (tokenType !== 'DPoP' || !dpopKey) return undefined;
    const { Dpop } = await import('./dpop.ts');
    if (this.#binding?.dpop.key.d !== dpopKey.d)
      this.#binding = { dpop: new Dpop(dpopKey), isRequired: true };
    return this.#binding;
  }
}
