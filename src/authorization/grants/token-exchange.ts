import { DrawbridgeError, displayText } from '../../errors.ts';
import type { OAuthHttp } from '../../platform/oauth-http.ts';
import { jwtHeader } from '../jwt.ts';
import { requestGrant } from '../token-endpoint.ts';

/** Who asks a token endpoint. */
type TokenClient = Parameters<typeof requestGrant>[2];

export const TOKEN_EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange';
const ID_JAG = 'urn:ietf:params:oauth:token-type:id-jag';
const ID_TOKEN = 'urn:ietf:params:oauth:token-type:id_token';
/** The `typ` of an ID-JAG: what tells it from any other JWT of the same issuer. */
const ID_JAG_TYPE = 'oauth-id-jag+jwt';
const MAX_ASSERTION = 16 * 1024;

export interface ExchangeTerms {
  /** What the identity provider has signed the user in with. */
  idToken: string;
  /** The issuer of the authorization server that the assertion is for. */
  audience: string;
  /** The MCP server that the token will be for; null sends none. */
  resource: string | null;
  /** Undefined sends none. */
  scope: string | undefined;
}

/**
 * Asks the identity provider for an ID-JAG, its word to another authorization server that this user may use a server
 * there (RFC 8693 section 2; Identity Assertion JWT Authorization Grant, sections 4.3 and 4.4). It lives for minutes and
 * counts once: each token request takes a new one, and nothing keeps it.
 *
 * @param tokenEndpoint the identity provider's
 * @param client who we are there
 * @param timeout milliseconds
 * @returns the assertion for `requestByAssertion`; good for nothing else
 * @throws OAuthError, NoAnswer, or DrawbridgeError `authorization-server` where the answer is no ID-JAG
 */
export async function exchangeForIdJag(
  http: OAuthHttp,
  tokenEndpoint: string,
  client: TokenClient,
  { idToken, audience, resource, scope }: ExchangeTerms,
  timeout: number,
): Promise<string> {
  const parameters = {
    grant_type: TOKEN_EXCHANGE,
    requested_token_type: ID_JAG,
    audience,
    ...(resource !== null && { resource }),
    ...(scope !== undefined && { scope }),
    subject_token: idToken,
    subject_token_type: ID_TOKEN,
  };
  const json = await requestGrant(http, tokenEndpoint, client, parameters, timeout);
  return processIdJag(json, new URL(tokenEndpoint).host);
}

/**
 * An access token in the ID-JAG's place would be handed to another authorization server: what it is, is checked by all
 * three signs that it has (sections 4.4 and 3.1).
 */
function processIdJag(json: Record<string, unknown>, host: string): string {
  const { access_token: assertion, issued_token_type: issued, token_type: type } = json;
  const unusable = (why: string): never => {
    throw new DrawbridgeError(
      'authorization-server',
      `${host} gave no assertion for the server (ID-JAG): ${why}; your administrator has to allow that for this client.`,
    );
  };
  if (issued !== ID_JAG) return unusable(`its issued_token_type is ${inText(issued)}`);
  // Case doesn't matter (RFC 6749 section 5.1).
  if (typeof type !== 'string' || type.toUpperCase() !== 'N_A')
    return unusable(`its token_type is ${inText(type)} and not N_A`);
  if (typeof assertion !== 'string' || assertion.length > MAX_ASSERTION) return unusable('it is none');
  const header = jwtHeader(assertion);
  if (!header) return unusable('it is no JWT');
  const { typ } = header;
  // A media type may be written out (RFC 7515 section 4.1.9).
  const isIdJag = typeof typ === 'string' && typ.toLowerCase().replace(/^application\//, '') === ID_JAG_TYPE;
  return isIdJag ? assertion : unusable(`it is a JWT of the type ${inText(typ)}`);
}

function inText(value: unknown): string {
  return typeof value === 'string' ? displayText(value, 60) : 'missing';
}
