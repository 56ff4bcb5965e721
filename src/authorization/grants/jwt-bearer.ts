import type { OAuthHttp } from '../../platform/oauth-http.ts';
import type { AuthorizationServerMetadata } from '../metadata.ts';
import { requestToken, type TokenSet } from '../token-endpoint.ts';

/** Who asks a token endpoint. */
type TokenClient = Parameters<typeof requestToken>[2];

/** What a JWT is handed in for. */
export interface AssertionTerms {
  /** Undefined sends none. */
  scope: string | undefined;
  /** The resource indicator (RFC 8707); null sends none. */
  resource: string | null;
  /** Parameters of the user's. */
  extra?: Readonly<Record<string, string>> | undefined;
}

/**
 * Asks for a token with a JWT that somebody else has issued as the grant (RFC 7523 section 2.1): a workload's own
 * (SEP-1933), or the ID-JAG of an identity provider. Sent once: a server that looks at `jti` takes it no second time.
 *
 * @param client how this program proves itself beside it; a workload's JWT needs no client
 * @param assertion stored nowhere, and masked where an error quotes it
 * @param timeout milliseconds
 * @throws OAuthError, NoAnswer, or DrawbridgeError `authorization-server` for an answer that can't be used
 */
export function requestByAssertion(
  http: OAuthHttp,
  server: Pick<AuthorizationServerMetadata, 'tokenEndpoint'>,
  client: TokenClient,
  assertion: string,
  { scope, resource, extra }: AssertionTerms,
  timeout: number,
): Promise<TokenSet> {
  const parameters = {
    ...extra,
    grant_type: JWT_BEARER,
    assertion,
    ...(scope !== undefined && { scope }),
    ...(resource !== null && { resource }),
  };
  return requestToken(http, server.tokenEndpoint, client, parameters, timeout);
}

export const JWT_BEARER = 'urn:ietf:params:oauth:grant-type:jwt-bearer';
