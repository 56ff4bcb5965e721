import { createHash, randomBytes } from 'node:crypto';
import { displayText } from '../../errors.ts';
import { consentHeaders, consentPage } from './consent-page.ts';
import type { Incoming, LoopbackListener } from './loopback-listener.ts';

const CODE_LIFE = 60_000;
const ACCESS_TOKEN_LIFE = 600_000;
export const demoScope = 'greet';
const scopes = [demoScope, 'offline_access'];

interface Registration {
  name: string;
  redirectUris: string[];
}

interface AuthorizationRequest {
  clientId: string;
  redirectUri: string;
  state: string | undefined;
  scope: string;
  resource: string | undefined;
  challenge: string;
}

interface Grant extends AuthorizationRequest {
  revoked: boolean;
  /** When the code was given out; it serves once, within a minute. */
  codeExpires: number;
  redeemed: boolean;
  /** The one refresh token that is valid. */
  refreshToken: string | undefined;
}

/**
 * A small OAuth 2.1 authorization server for public clients: dynamic registration (RFC 7591), PKCE with S256 (RFC 7636),
 * resource indicators (RFC 8707), the issuer in the response (RFC 9207), rotating refresh tokens, revocation (RFC 7009).
 * All it knows is in memory. The user is whoever presses the button.
 */
export class DemoAuthorizationServer {
  readonly issuer: string;
  readonly registrations = new Map<string, Registration>();
  /** What was asked for at the authorization endpoint so far. */
  readonly authorizations: { scope: string; resource: string | undefined; redirectUri: string }[] = [];
  /** Resolves when the user has pressed Deny. */
  readonly denied: Promise<void>;
  readonly #resource: string;
  #onDenied: () => void = () => {};
  readonly #pending = new Map<string, AuthorizationRequest>();
  readonly #codes = new Map<string, Grant>();
  readonly #accessTokens = new Map<string, { grant: Grant; expires: number }>();
  readonly #refreshTokens = new Map<string, Grant>();

  /** @param resource the identifier of the one protected resource that tokens are issued for */
  constructor(listener: LoopbackListener, resource: string) {
    this.issuer = listener.origin;
    this.#resource = resource;
    this.denied = new Promise((resolve) => {
      this.#onDenied = resolve;
    });
    listener.handler = (incoming) => this.#handle(incoming);
  }

  /** Every token that was ever issued. */
  get tokens(): string[] {
    return [...this.#accessTokens.keys(), ...this.#refreshTokens.keys()];
  }

  /** The scopes of an access token that is good for the resource; undefined where it is not. */
  scopesOf(accessToken: string): string[] | undefined {
    const found = this.#accessTokens.get(accessToken);
    if (!found || found.grant.revoked || found.expires <= Date.now()) return undefined;
    return found.grant.resource === this.#resource ? found.grant.scope.split(' ') : undefined;
  }

  /** Makes every access token one that has expired. */
  expireAccessTokens(): void {
    for (const token of this.#accessTokens.values()) token.expires = 0;
  }

  /** Where the user would be sent back to, had they pressed Deny behind this link. */
  denialOf(link: string): string {
    const { redirect_uri: redirectUri = '', state } = Object.fromEntries(new URL(link).searchParams);
    return this.#answer({ redirectUri, state }, { error: 'access_denied' });
  }

  #handle(incoming: Incoming): void {
    const { request, url } = incoming;
    switch (`${request.method} ${url.pathname}`) {
      case 'GET /.well-known/oauth-authorization-server':
        return sendJson(incoming, 200, this.#metadata());
      case 'POST /register':
        return this.#register(incoming);
      case 'GET /authorize':
        return this.#authorize(incoming);
      case 'POST /decision':
        return this.#decide(incoming);
      case 'POST /token':
        return this.#token(incoming);
      case 'POST /revoke':
        return this.#revoke(incoming);
      default:
        incoming.response.writeHead(404).end();
    }
  }

  #metadata(): object {
    return {
      issuer: this.issuer,
      authorization_endpoint: `${this.issuer}/authorize`,
      token_endpoint: `${this.issuer}/token`,
      registration_endpoint: `${this.issuer}/register`,
      revocation_endpoint: `${this.issuer}/revoke`,
      scopes_supported: scopes,
      response_types_supported: ['code'],
      response_modes_supported: ['query'],
      grant_types_supported: ['authorization_code', 'refresh_token'],
      token_endpoint_auth_methods_supported: ['none'],
      revocation_endpoint_auth_methods_supported: ['none'],
      code_challenge_methods_supported: ['S256'],
      authorization_response_iss_parameter_supported: true,
    };
  }

  #register(incoming: Incoming): void {
    let metadata: { redirect_uris?: unknown; client_name?: unknown } | null = null;
    try {
      metadata = JSON.parse(incoming.body);
    } catch {
      // Told below.
    }
    const uris = metadata?.redirect_uris;
    if (!Array.isArray(uris) || uris.length === 0 || uris.length > 5 || !uris.every(isLoopbackRedirect))
      return sendError(incoming, 'invalid_redirect_uri', 'only http on the loopback is registered here');
    const clientId = randomText();
    const name = typeof metadata?.client_name === 'string' ? displayText(metadata.client_name, 60) : '';
    this.registrations.set(clientId, { name: name || 'A client', redirectUris: uris });
    sendJson(incoming, 201, {
      ...metadata,
      client_id: clientId,
      client_id_issued_at: Math.floor(Date.now() / 1000),
      token_endpoint_auth_method: 'none',
    });
  }

  #authorize(incoming: Incoming): void {
    const { response, url } = incoming;
    const given = single(url.searchParams);
    const client = this.registrations.get(given?.client_id ?? '');
    const redirectUri = given?.redirect_uri ?? '';
    // RFC 6749 section 4.1.2.1: nobody is redirected to where nobody registered.
    if (!given || !client || !isRegistered(redirectUri, client.redirectUris))
      return void response
        .writeHead(400, textHeaders)
        .end('The client or its redirect URI is not known here.\n');
    const request: AuthorizationRequest = {
      clientId: given.client_id as string,
      redirectUri,
      state: given.state,
      scope: given.scope ?? '',
      resource: given.resource,
      challenge: given.code_challenge ?? '',
    };
    const fault = this.#faultOf(request, given);
    if (fault) return redirect(incoming, this.#answer(request, fault));
    this.authorizations.push({ scope: request.scope, resource: request.resource, redirectUri });
    const id = randomText();
    this.#pending.set(id, request);
    const { scope, resource = '' } = request;
    response
      .writeHead(200, consentHeaders(redirectUri))
      .end(consentPage({ id, clientName: client.name, scope, resource, redirectUri }));
  }

  #faultOf(request: AuthorizationRequest, given: Record<string, string>): Record<string, string> | undefined {
    const fault = (error: string, description: string) => ({ error, error_description: description });
    if (given.response_type !== 'code') return fault('unsupported_response_type', 'only code is');
    if (given.code_challenge_method !== 'S256' || !/^[\w-]{43}$/.test(request.challenge))
      return fault('invalid_request', 'PKCE with S256 is required');
    if (request.scope !== '' && !request.scope.split(' ').every((scope) => scopes.includes(scope)))
      return fault('invalid_scope', `the scopes are ${scopes.join(' and ')}`);
    if (request.resource !== undefined && request.resource !== this.#resource)
      return fault('invalid_target', 'that resource is not known here');
    return undefined;
  }

  #decide(incoming: Incoming): void {
    const { request: message, response, body } = incoming;
    const given = single(new URLSearchParams(body));
    const request = this.#pending.get(given?.request ?? '');
    const origin = message.headers.origin;
    if (!request || (origin !== undefined && origin !== this.issuer))
      return void response
        .writeHead(400, textHeaders)
        .end('This request was decided already, or is not known.\n');
    this.#pending.delete(given?.request as string);
    if (given?.decision !== 'approve') {
      this.#onDenied();
      return redirect(incoming, this.#answer(request, { error: 'access_denied' }));
    }
    const code = randomText();
    this.#codes.set(code, {
      ...request,
      revoked: false,
      codeExpires: Date.now() + CODE_LIFE,
      redeemed: false,
      refreshToken: undefined,
    });
    redirect(incoming, this.#answer(request, { code }));
  }

  /** The redirect URI with an authorization response; `iss` is always in it (RFC 9207). */
  #answer(
    { redirectUri, state }: Pick<AuthorizationRequest, 'redirectUri' | 'state'>,
    parameters: Record<string, string>,
  ): string {
    const url = new URL(redirectUri);
    const all = { ...parameters, ...(state === undefined ? {} : { state }), iss: this.issuer };
    for (const [name, value] of Object.entries(all)) url.searchParams.set(name, value);
    return url.href;
  }

  #token(incoming: Incoming): void {
    const given = single(new URLSearchParams(incoming.body));
    if (!given) return sendError(incoming, 'invalid_request', 'a parameter is there twice');
    incoming.entry.about = given.grant_type ?? '';
    if (!this.registrations.has(given.client_id ?? ''))
      return sendError(incoming, 'invalid_client', 'the client is not known', 401);
    if (given.grant_type === 'authorization_code') return this.#redeem(incoming, given);
    if (given.grant_type === 'refresh_token') return this.#refresh(incoming, given);
    sendError(incoming, 'unsupported_grant_type', 'authorization_code and refresh_token are supported');
  }

  #redeem(incoming: Incoming, given: Record<string, string>): void {
    const grant = this.#codes.get(given.code ?? '');
    const refuse = (why: string): void => sendError(incoming, 'invalid_grant', why);
    if (!grant || grant.clientId !== given.client_id) return refuse('the code is not known');
    if (grant.redeemed || grant.revoked) {
      grant.revoked = true; // RFC 6749 section 4.1.2: a code that comes twice was stolen once
      return refuse('the code was used before');
    }
    grant.redeemed = true;
    if (grant.codeExpires <= Date.now()) return refuse('the code has expired');
    if (given.redirect_uri !== undefined && given.redirect_uri !== grant.redirectUri)
      return refuse('the redirect URI is another one');
    const challenge = createHash('sha256')
      .update(given.code_verifier ?? '')
      .digest('base64url');
    if (challenge !== grant.challenge) return refuse('the code verifier is wrong');
    if (given.resource !== undefined && given.resource !== grant.resource)
      return sendError(incoming, 'invalid_target', 'the code was given out for another resource');
    this.#issue(incoming, grant);
  }

  #refresh(incoming: Incoming, given: Record<string, string>): void {
    const token = given.refresh_token ?? '';
    const grant = this.#refreshTokens.get(token);
    if (!grant || grant.clientId !== given.client_id || grant.revoked)
      return sendError(incoming, 'invalid_grant', 'the refresh token is not known');
    if (grant.refreshToken !== token) {
      grant.revoked = true; // RFC 9700 section 4.14.2: of two who have a spent token, one is a thief
      return sendError(incoming, 'invalid_grant', 'the refresh token was used before');
    }
    if (given.resource !== undefined && given.resource !== grant.resource)
      return sendError(incoming, 'invalid_target', 'the grant is for another resource');
    this.#issue(incoming, grant);
  }

  #issue(incoming: Incoming, grant: Grant): void {
    const accessToken = randomText();
    this.#accessTokens.set(accessToken, { grant, expires: Date.now() + ACCESS_TOKEN_LIFE });
    if (grant.scope.split(' ').includes('offline_access')) {
      grant.refreshToken = randomText();
      this.#refreshTokens.set(grant.refreshToken, grant);
    }
    sendJson(incoming, 200, {
      access_token: accessToken,
      token_type: 'Bearer',
      expires_in: ACCESS_TOKEN_LIFE / 1000,
      scope: grant.scope,
      ...(grant.refreshToken === undefined ? {} : { refresh_token: grant.refreshToken }),
    });
  }

  #revoke(incoming: Incoming): void {
    const given = single(new URLSearchParams(incoming.body));
    const token = given?.token ?? '';
    const grant = this.#refreshTokens.get(token) ?? this.#accessTokens.get(token)?.grant;
    if (grant && grant.clientId === given?.client_id) grant.revoked = true;
    // RFC 7009 section 2.2: a token that is not known is as good as revoked.
    sendJson(incoming, 200, {});
  }
}

const textHeaders = { 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-store' };

function sendJson({ response }: Incoming, status: number, value: object): void {
  response
    .writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' })
    .end(JSON.stringify(value));
}

function sendError(incoming: Incoming, error: string, description: string, status = 400): void {
  sendJson(incoming, status, { error, error_description: description });
}

function redirect({ response }: Incoming, location: string): void {
  response.writeHead(303, { location, 'cache-control': 'no-store' }).end();
}

/** The parameters by name; undefined where one is there twice (RFC 6749 section 3.1). */
function single(parameters: URLSearchParams): Record<string, string> | undefined {
  const names = [...parameters.keys()];
  return new Set(names).size === names.length ? Object.fromEntries(parameters) : undefined;
}

function isLoopbackRedirect(uri: unknown): uri is string {
  if (typeof uri !== 'string' || !URL.canParse(uri)) return false;
  const { protocol, hostname, username, password } = new URL(uri);
  return (
    protocol === 'http:' &&
    /^(127\.0\.0\.1|localhost)$/.test(hostname) &&
    !username &&
    !password &&
    !uri.includes('#')
  );
}

/** RFC 8252 section 7.3: the port of a loopback redirect may be any. */
function isRegistered(uri: string, registered: readonly string[]): boolean {
  const withoutPort = (text: string): string => text.replace(/^(http:\/\/[^/:]+):\d+(?=\/|$)/, '$1');
  return isLoopbackRedirect(uri) && registered.some((each) => withoutPort(each) === withoutPort(uri));
}

function randomText(): string {
  return randomBytes(24).toString('base64url');
}
