import type { ConnectionRecord, RegistrationRecord } from '../credentials/record.ts';
import { asDrawbridgeError, DrawbridgeError } from '../errors.ts';
import type { OAuthHttp } from '../platform/oauth-http.ts';
import { parseNamedUrl } from '../platform/url-policy.ts';
import { withProof } from './client-authentication.ts';
import { OAuthError, postForm, type TokenClient } from './token-endpoint.ts';

/** What came of a revocation. `not-offered`: the authorization server has no endpoint for it. */
export type Revocation =
  | { kind: 'revoked' }
  | { kind: 'not-offered' }
  | { kind: 'failed'; error: DrawbridgeError };

/**
 * Revokes the refresh token and the access token at the authorization server that they are of (RFC 7009), as the client
 * that they were given to. Never throws.
 *
 * @param timeout for both together, in milliseconds
 */
export async function revokeTokens(
  http: OAuthHttp,
  record: ConnectionRecord,
  timeout: number,
): Promise<Revocation> {
  const { server, revocationEndpoint, refreshToken, accessToken } = record;
  const client = withProof(record.client, { clientSecret: undefined, clientKey: undefined }, record);
  if (revocationEndpoint === undefined) return { kind: 'not-offered' };
  try {
    if (!parseNamedUrl(revocationEndpoint, new URL(server)))
      throw new DrawbridgeError('authorization-server', 'Its revocation endpoint must not be used.');
    const revoke = (token: string, hint: string): Promise<boolean> =>
      revokeToken(http, client, revocationEndpoint, token, hint, timeout);
    // At once: of a server that hangs neither is the one that was not even tried.
    const [isRefreshRevoked, isAccessRevoked] = await Promise.all([
      refreshToken === undefined ? false : revoke(refreshToken, 'refresh_token'),
      revoke(accessToken, 'access_token'),
    ]);
    if (isRefreshRevoked || isAccessRevoked) return { kind: 'revoked' };
    return { kind: 'not-offered' };
  } catch (error) {
    return { kind: 'failed', error: asDrawbridgeError(error) };
  }
}

/** @returns false where the server does not revoke tokens of this type (RFC 7009 section 2.2.1) */
async function revokeToken(
  http: OAuthHttp,
  client: TokenClient,
  revocationEndpoint: string,
  token: string,
  hint: string,
  timeout: number,
): Promise<boolean> {
  const parameters = { token, token_type_hint: hint };
  const { status, json } = await postForm(http, revocationEndpoint, client, parameters, timeout);
  if (status === 200) return true;
  if (json?.error === 'unsupported_token_type') return false;
  // Its description may quote the token.
  const said = json && { error: json.error };
  throw new OAuthError('to revoke the tokens', new URL(revocationEndpoint).host, { status, json: said });
}

/**
 * Deletes a client that this program has registered (RFC 7592 section 2.3). Never throws.
 *
 * @param server the MCP server that it was registered for
 * @returns whether it is gone; false also where the authorization server offers no such thing
 */
export async function deleteRegistration(
  http: OAuthHttp,
  { registrationClientUri, registrationAccessToken }: RegistrationRecord,
  server: URL,
  timeout: number,
): Promise<boolean> {
  const url = parseNamedUrl(registrationClientUri, server);
  if (!url || registrationAccessToken === undefined) return false;
  const headers = { Authorization: `Bearer ${registrationAccessToken}` };
  try {
    const { status } = await http.request(url, { method: 'DELETE', headers, timeout });
    // 401: the token, and so the client, is not known any more.
    return status === 204 || status === 200 || status === 401 || status === 404;
  } catch {
    return false;
  }
}
