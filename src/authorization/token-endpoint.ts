import type { ClientIdentity, TokenType } from '../credentials/record.ts';
import { DrawbridgeError, displayText } from '../errors.ts';
import type { OAuthAnswer, OAuthHttp } from '../platform/oauth-http.ts';
import type { Binding } from './binding.ts';
import { jwtClaims } from './jwt.ts';

/** An authorization server's own refusal (RFC 6749 section 5.2). */
export class OAuthError extends DrawbridgeError {
  /** `error`, e.g. `invalid_grant`; empty where the answer was no OAuth error. */
  readonly code: string;
  readonly status: number;
  readonly description: string;

  /** @param what what was refused, e.g. "the refresh" */
  constructor(what: string, host: string, { status, json }: Pick<OAuthAnswer, 'status' | 'json'>) {
    const code =
      typeof json?.error === 'string' && /^[\x20\x21\x23-\x5b\x5d-\x7e]{1,64}$/.test(json.error)
        ? json.error
        : '';
    const description = typeof json?.error_description === 'string' ? json.error_description : '';
    const detail = code ? `: ${code}${description && ` (${displayText(description)})`}` : ` (HTTP ${status})`;
    super('authorization-server', `${host} refused ${what}${detail}.`, { status });
    this.code = code;
    this.status = status;
    this.description = description;
  }

  /** Whether the same request may succeed a little later. */
  get isPassing(): boolean {
    return (
      this.status >= 500 ||
      this.status === 429 ||
      this.code === 'server_error' ||
      this.code === 'temporarily_unavailable'
    );
  }
}

/** Who asks a token endpoint: the client, and what signs for it where a key proves it. */
export interface TokenClient extends ClientIdentity {
  /**
   * Signs an assertion for one request (RFC 7523 section 2.2); with the method private_key_jwt, and never without it.
   *
   * @throws DrawbridgeError `usage` where the key can't be used
   */
  assert?: (() => Promise<string>) | undefined;
  /** The key that what is granted is to be bound to (RFC 9449 section 5). */
  binding?: Binding | undefined;
}

/** What a token endpoint gave (RFC 6749 section 5.1). */
export interface TokenSet {
  accessToken: string;
  /** DPoP: it is bound to the key that was given. */
  tokenType: TokenType;
  /** Seconds, 1 to 31,536,000; undefined where none was given that makes sense [34]. */
  expiresIn: number | undefined;
  refreshToken: string | undefined;
  scope: string | undefined;
  /** OpenID Connect Core section 3.1.3.3; a JWT. */
  idToken: string | undefined;
}

const MAX_TOKEN = 16 * 1024;
const YEAR = 31_536_000;

/**
 * Asks a token endpoint; the client proves who it is in the way that it was registered with.
 *
 * @param parameters `grant_type` and what goes with it
 * @param timeout milliseconds
 * @throws OAuthError, NoAnswer, or DrawbridgeError `authorization-server` for an answer that can't be used
 */
export async function requestToken(
  http: OAuthHttp,
  endpoint: string,
  client: TokenClient,
  parameters: Readonly<Record<string, string>>,
  timeout: number,
): Promise<TokenSet> {
  const json = await requestGrant(http, endpoint, client, parameters, timeout);
  return parseTokenSet(json, new URL(endpoint).host, client.binding);
}

/** What is refused, in words, by `grant_type`; any other is a sign-in. */
const inWords: Readonly<Record<string, string>> = {
  refresh_token: 'to renew the token',
  client_credentials: 'a token for this client',
  'urn:ietf:params:oauth:grant-type:jwt-bearer': 'a token for the assertion',
  'urn:ietf:params:oauth:grant-type:token-exchange': 'the access to this server',
};

/** As `requestToken`, but what the answer holds is the caller's to check. @returns the answer to a granted request */
export async function requestGrant(
  http: OAuthHttp,
  endpoint: string,
  client: TokenClient,
  parameters: Readonly<Record<string, string>>,
  timeout: number,
): Promise<Record<string, unknown>> {
  const send = (more?: Readonly<Record<string, string>>): Promise<OAuthAnswer> =>
    postForm(http, endpoint, client, parameters, timeout, more);
  const answer = await (client.binding ? client.binding.dpop.send('POST', endpoint, send) : send());
  if (answer.status === 200 && answer.json && answer.json.error === undefined) return answer.json;
  const what = inWords[parameters.grant_type ?? ''] ?? 'the sign-in';
  throw new OAuthError(what, new URL(endpoint).host, withoutSecrets(answer, client, parameters));
}

/**
 * Sends a form with the client's authentication (RFC 6749 section 2.3.1), for the endpoints that want it.
 *
 * @param more headers in addition
 */
export async function postForm(
  http: OAuthHttp,
  endpoint: string,
  client: TokenClient,
  parameters: Readonly<Record<string, string>>,
  timeout: number,
  more: Readonly<Record<string, string>> = {},
): Promise<OAuthAnswer> {
  const form = new URLSearchParams(parameters);
  const headers: Record<string, string> = { 'Content-Type': 'application/x-www-form-urlencoded', ...more };
  if (client.authMethod === 'client_secret_basic' && client.secret !== undefined) {
    const pair = `${formEncode(client.id)}:${formEncode(client.secret)}`;
    headers.Authorization = `Basic ${Buffer.from(pair).toString('base64')}`;
  } else {
    // A workload may have none (SEP-1933).
    if (client.id !== '') form.set('client_id', client.id);
    if (client.authMethod === 'client_secret_post' && client.secret !== undefined)
      form.set('client_secret', client.secret);
    if (client.authMethod === 'private_key_jwt' && client.assert) {
      form.set('client_assertion_type', 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer');
      form.set('client_assertion', await client.assert());
    }
  }
  return http.request(new URL(endpoint), { method: 'POST', headers, body: form.toString(), timeout });
}

const secretParameters = [
  'code',
  'code_verifier',
  'refresh_token',
  'device_code',
  'assertion',
  'subject_token',
  'client_assertion',
] as const;

/** Some servers quote in their refusal what they were sent. */
function withoutSecrets(
  { status, json }: OAuthAnswer,
  { secret }: ClientIdentity,
  parameters: Readonly<Record<string, string>>,
): Pick<OAuthAnswer, 'status' | 'json'> {
  const description = json?.error_description;
  if (typeof description !== 'string') return { status, json };
  const sent = secretParameters.map((name) => parameters[name]);
  const clean = [...sent, secret].reduce<string>(
    (text, value) => (value ? text.replaceAll(value, '…') : text),
    description,
  );
  // The client's own assertion, and whatever else is a JWT.
  const cleanest = clean.replace(/\beyJ[\w-]+\.[\w-]+\.[\w-]*/g, '…');
  return { status, json: { ...json, error_description: cleanest } };
}

function parseTokenSet(json: Record<string, unknown>, host: string, binding: Binding | undefined): TokenSet {
  const { access_token: accessToken, token_type: type, expires_in: expiresIn, refresh_token, scope } = json;
  const { id_token } = json;
  const unusable = (why: string): never => {
    throw new DrawbridgeError('authorization-server', `${host} gave a token that can't be used: ${why}.`);
  };
  // RFC 6750 section 2.1, and more: what else fits into a header.
  if (typeof accessToken !== 'string' || !/^[\x21-\x7e]+$/.test(accessToken)) return unusable('it is none');
  if (accessToken.length > MAX_TOKEN) return unusable('it is larger than 16 KiB');
  // RFC 6749 section 5.1: in any case. Where none is told it is what it always was.
  const named = type === undefined ? 'bearer' : String(type).toLowerCase();
  const isBound = named === 'dpop' && binding !== undefined;
  if (!isBound && named !== 'bearer')
    return unusable(binding ? 'its type is unknown' : 'its type is not Bearer');
  if (!isBound && binding?.isRequired)
    return unusable('it is not bound to a key (DPoP), as it has to be; to do without: --dpop off');
  const isTime = Number.isInteger(expiresIn) && (expiresIn as number) >= 1 && (expiresIn as number) <= YEAR;
  const isToken = (value: unknown): value is string =>
    typeof value === 'string' && value.length <= MAX_TOKEN && /^[\x20-\x7e]+$/.test(value);
  return {
    accessToken,
    tokenType: isBound ? 'DPoP' : 'Bearer',
    expiresIn: isTime ? (expiresIn as number) : undefined,
    refreshToken: isToken(refresh_token) ? refresh_token : undefined,
    scope: typeof scope === 'string' && /^[\x20-\x7e]*$/.test(scope) ? scope.trim() : undefined,
    idToken: isToken(id_token) && jwtClaims(id_token) ? id_token : undefined,
  };
}

/** application/x-www-form-urlencoded of one value. */
function formEncode(text: string): string {
  return new URLSearchParams([['', text]]).toString().slice(1);
}
