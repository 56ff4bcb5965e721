import type { SignInSettings } from '../../settings.ts';
import { requestToken, type TokenSet } from '../token-endpoint.ts';
import { GRANT_TIMEOUT, type GrantTarget, type MachineGrant } from './grant.ts';

const CLIENT_CREDENTIALS = 'client_credentials';

/**
 * Tokens of the client itself (RFC 6749 section 4.4; SEP-1046): its secret or its key is the whole grant, so that there
 * is no refresh token, and none is taken.
 */
export class ClientCredentials implements MachineGrant {
  readonly kind = CLIENT_CREDENTIALS;
  readonly #extra: Readonly<Record<string, string>>;

  /** @param signIn its `authorizeParams` go to the token request: some servers name the audience in a way of their own */
  constructor({ authorizeParams }: Pick<SignInSettings, 'authorizeParams'>) {
    this.#extra = authorizeParams;
  }

  obtain({ http, server, client, scope, resource }: GrantTarget): Promise<TokenSet> {
    const parameters = {
      ...this.#extra,
      grant_type: CLIENT_CREDENTIALS,
      ...(scope !== undefined && { scope }),
      ...(resource !== null && { resource }),
    };
    return requestToken(http, server.tokenEndpoint, client, parameters, GRANT_TIMEOUT);
  }
}
