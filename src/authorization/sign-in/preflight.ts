import type { OAuthAnswer, OAuthHttp } from '../../platform/oauth-http.ts';
import type { AuthorizationRequest } from '../grants/authorization-code.ts';

const TIMEOUT = 5_000;

/**
 * Asks for the authorization page once without the user: a server that has pruned our registration shows an error page
 * there, from which nobody gets on.
 *
 * @returns whether the client seems to be unknown there (RFC 6749 section 4.1.2.1)
 */
export async function isForgotten(
  http: OAuthHttp,
  { url, redirectUri, server }: AuthorizationRequest,
): Promise<boolean> {
  if (server.requiresPushedRequests) return false; // the pushed request has been accepted
  let answer: OAuthAnswer;
  try {
    answer = await http.request(new URL(url), { method: 'GET', timeout: TIMEOUT });
  } catch {
    return false;
  }
  const { status, headers } = answer;
  if ([400, 401, 403, 404, 422].includes(status)) return true;
  if (!headers.location?.startsWith(redirectUri)) return false;
  const error = new URL(headers.location).searchParams.get('error') ?? '';
  return error === 'invalid_client' || error === 'unauthorized_client';
}
