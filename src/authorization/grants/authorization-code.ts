import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { DrawbridgeError } from '../../errors.ts';
import { NoAnswer, type OAuthHttp } from '../../platform/oauth-http.ts';
import type { Binding } from '../binding.ts';
import type { AuthorizationServerMetadata } from '../metadata.ts';
import { OAuthError, postForm, requestToken, type TokenClient, type TokenSet } from '../token-endpoint.ts';

const PUSH_TIMEOUT = 20_000;
const EXCHANGE_TIMEOUT = 30_000;
/** Longer ones are refused by browsers and servers alike [1]. */
const MAX_URL = 8192;

/** One authorization request on its way: what the answer is checked against. Held in memory only [28]. */
export interface AuthorizationRequest {
  url: string;
  state: string;
  verifier: string;
  server: AuthorizationServerMetadata;
  client: TokenClient;
  redirectUri: string;
  scope: string | undefined;
  resource: string | null;
  /** The key that the code and the tokens are bound to; undefined: none (RFC 9449 section 10). */
  binding?: Binding | undefined;
}

/**
 * Builds the authorization request (RFC 6749 section 4.1.1 with RFC 7636, 8707 and, where the server requires it, 9126).
 * Parameters that stand in the endpoint's own URL are kept, but for those that are set here [6].
 *
 * @param extra parameters of the user's or a provider's
 * @throws DrawbridgeError where a pushed request was refused
 */
export async function buildAuthorizationRequest(
  http: OAuthHttp,
  request: Omit<AuthorizationRequest, 'url' | 'state' | 'verifier'>,
  extra: Readonly<Record<string, string>>,
): Promise<AuthorizationRequest> {
  const { server, client, redirectUri, scope, resource, binding } = request;
  const state = randomBytes(32).toString('base64url');
  const verifier = randomBytes(32).toString('base64url');
  const parameters: Record<string, string> = {
    ...extra,
    response_type: 'code',
    client_id: client.id,
    redirect_uri: redirectUri,
    state,
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
    code_challenge_method: 'S256',
    ...(scope !== undefined && { scope }),
    ...(resource !== null && { resource }),
    ...(binding && { dpop_jkt: binding.dpop.thumbprint }),
  };
  const query = server.requiresPushedRequests ? await push(http, server, client, parameters) : parameters;
  const url = new URL(server.authorizationEndpoint ?? noSignIn(server.issuer));
  for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
  if (url.href.length > MAX_URL)
    throw new DrawbridgeError('authorization-server', 'The authorization request is longer than 8 KiB.');
  return { ...request, url: url.href, state, verifier };
}

function noSignIn(issuer: string): never {
  throw new DrawbridgeError(
    'sign-in-refused',
    `${new URL(issuer).host} signs no users in through a browser; give --device-code, or --client-credentials for a client that needs no user.`,
  );
}

async function push(
  http: OAuthHttp,
  { issuer, pushedAuthorizationRequestEndpoint: endpoint }: AuthorizationServerMetadata,
  client: TokenClient,
  parameters: Record<string, string>,
): Promise<Record<string, string>> {
  // Without it the browser would only be shown a refusal (RFC 9126 section 5).
  if (endpoint === undefined)
    throw new DrawbridgeError(
      'authorization-server',
      `${new URL(issuer).host} wants pushed authorization requests, and names no endpoint for them that can be used.`,
    );
  const answer = await postForm(http, endpoint, client, parameters, PUSH_TIMEOUT);
  const requestUri = answer.json?.request_uri;
  if ((answer.status !== 201 && answer.status !== 200) || typeof requestUri !== 'string')
    throw new OAuthError('the pushed authorization request', new URL(endpoint).host, answer);
  return { client_id: client.id, request_uri: requestUri };
}

/** What came back through the browser, once it is known to belong to the request. */
export type AuthorizationResponse = { code: string } | { error: string; description: string };

/**
 * Checks a callback against the request, in this order: state, then iss, then what it says (RFC 6749 section 4.1.2,
 * RFC 9207 section 2.4; MCP 2026-07-28, Authorization Response Validation).
 *
 * @param parameters each at most once
 * @returns undefined where it does not belong to the request: nothing in it is to be believed or shown [29-31]
 */
export function processAuthorizationResponse(
  parameters: URLSearchParams,
  request: AuthorizationRequest,
): AuthorizationResponse | undefined {
  if (!isSame(parameters.get('state') ?? '', request.state)) return undefined;
  const issuer = parameters.get('iss');
  if (issuer === null ? request.server.sendsIssuer : issuer !== request.server.issuer) return undefined;
  const error = parameters.get('error');
  if (error !== null) {
    const code = /^[\x20-\x21\x23-\x5b\x5d-\x7e]{1,64}$/.test(error) ? error : 'server_error';
    return { error: code, description: parameters.get('error_description') ?? '' };
  }
  const code = parameters.get('code');
  return code ? { code } : undefined;
}

/** In constant time, whatever the lengths. */
function isSame(given: string, expected: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(given), digest(expected));
}

/**
 * Redeems the code (RFC 6749 section 4.1.3). An answer is final; where none came, it is tried once more [33].
 *
 * @throws OAuthError, NoAnswer, or DrawbridgeError `authorization-server`
 */
export async function exchangeCode(
  http: OAuthHttp,
  request: AuthorizationRequest,
  code: string,
): Promise<TokenSet> {
  const { server, client, redirectUri, verifier, resource, binding } = request;
  const parameters = {
    grant_type: 'authorization_code',
    code,
    redirect_uri: redirectUri,
    code_verifier: verifier,
    ...(resource !== null && { resource }),
  };
  const exchange = (): Promise<TokenSet> =>
    requestToken(http, server.tokenEndpoint, { ...client, binding }, parameters, EXCHANGE_TIMEOUT);
  try {
    return await exchange();
  } catch (error) {
    if (!(error instanceof NoAnswer) || error.reason === 'timeout' || error.isUnusableAnswer) throw error;
    return await exchange();
  }
}
