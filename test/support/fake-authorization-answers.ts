import { createHash } from 'node:crypto';
import type { EndpointExchange, FakeAuthorizationServerOptions } from './fake-authorization-server.ts';
import type { Client, Grant, GrantBook } from './grant-book.ts';

export type Fields = Record<string, unknown>;
/** Fields to put over the usual ones (undefined removes one), or what to say in place of them. */
export type Changes = Fields | ((usual: Fields, params: Record<string, string>) => unknown);

/** What the answers are made from. */
export interface Desk {
  readonly issuer: string;
  readonly options: FakeAuthorizationServerOptions;
  readonly book: GrantBook;
  granted(type: string): void;
  reused(): void;
}

const noStore = { 'Cache-Control': 'no-store' };

function changed(usual: Fields, changes: Changes | undefined, params: Record<string, string>): unknown {
  return typeof changes === 'function' ? changes(usual, params) : { ...usual, ...changes };
}

/** RFC 8414, section 2. */
export function answerMetadata({ issuer, options }: Desk, exchange: EndpointExchange): void {
  const usual = {
    issuer,
    authorization_endpoint: `${issuer}/authorize`,
    token_endpoint: `${issuer}/token`,
    registration_endpoint: `${issuer}/register`,
    revocation_endpoint: `${issuer}/revoke`,
    ...(options.device && { device_authorization_endpoint: `${issuer}/device` }),
    ...(options.par && { pushed_authorization_request_endpoint: `${issuer}/par` }),
    ...(options.par === 'required' && { require_pushed_authorization_requests: true }),
    response_types_supported: ['code'],
    grant_types_supported: ['authorization_code', 'refresh_token'],
    token_endpoint_auth_methods_supported: ['none', 'client_secret_basic', 'client_secret_post'],
    code_challenge_methods_supported: ['S256'],
    authorization_response_iss_parameter_supported: true,
  };
  exchange.json(200, changed(usual, options.metadata, exchange.params));
}

/** RFC 7591, section 3. */
export function answerRegistration({ options, book }: Desk, exchange: EndpointExchange): void {
  const wanted = exchange.fields;
  const uris = Array.isArray(wanted.redirect_uris) ? (wanted.redirect_uris as string[]) : [];
  if (uris.length === 0 || uris.some((uri) => options.refusesRedirect?.(uri))) {
    return exchange.json(400, { error: 'invalid_redirect_uri', error_description: 'not this one' });
  }
  const method = String(wanted.token_endpoint_auth_method ?? 'client_secret_basic');
  const usual: Fields = {
    ...wanted,
    client_id: `client-${book.clients.size + 1}-${Date.now()}`,
    client_id_issued_at: Math.floor(Date.now() / 1000),
    ...(method !== 'none' && { client_secret: book.secret('client-secret'), client_secret_expires_at: 0 }),
  };
  const answer = changed(usual, options.registration, exchange.params) as Fields | undefined;
  if (typeof answer?.client_id === 'string') {
    const secret = typeof answer.client_secret === 'string' ? answer.client_secret : undefined;
    if (secret !== undefined) book.secrets.add(secret);
    const methodGiven = String(answer.token_endpoint_auth_method ?? method);
    book.clients.set(answer.client_id, {
      id: answer.client_id,
      secret,
      method: methodGiven,
      redirectUris: uris,
    });
  }
  exchange.json(201, answer, noStore);
}

/** RFC 9126, section 2. */
export function answerPushed({ book }: Desk, exchange: EndpointExchange): void {
  const client = authenticated(book, exchange);
  if (client === undefined) return exchange.json(401, { error: 'invalid_client' });
  const uri = `urn:ietf:params:oauth:request_uri:${book.secret('pushed')}`;
  book.pushed.set(uri, exchange.params);
  exchange.json(201, { request_uri: uri, expires_in: 60 }, noStore);
}

/** RFC 8628, section 3.2. */
export function answerDevice({ book, options, issuer }: Desk, exchange: EndpointExchange): void {
  if (options.device === undefined) return exchange.status(404);
  const client = authenticated(book, exchange);
  if (client === undefined) return exchange.json(401, { error: 'invalid_client' });
  const { scope = '', resource } = exchange.params;
  if (resource && options.resources && !options.resources.includes(resource))
    return exchange.json(400, { error: 'invalid_target' });
  if (scope && options.scopes && scope.split(' ').some((one) => !options.scopes?.includes(one)))
    return exchange.json(400, { error: 'invalid_scope' });
  const code = book.secret('device');
  book.deviceCodes.set(code, {
    grant: book.addGrant({ clientId: client.id, scope, resource }),
    decision: undefined,
  });
  const usual = {
    device_code: code,
    user_code: 'WDJB-MJHT',
    verification_uri: `${issuer}/activate`,
    verification_uri_complete: `${issuer}/activate?user_code=WDJB-MJHT`,
    expires_in: 600,
    interval: 1,
  };
  exchange.json(200, changed(usual, options.device, exchange.params), noStore);
}

/** Consents at once: RFC 6749, section 4.1, with PKCE, RFC 8707 and RFC 9207. */
export function answerAuthorization(desk: Desk, exchange: EndpointExchange): void {
  const { book, options, issuer } = desk;
  const { request_uri } = exchange.params;
  const pushed = request_uri === undefined ? undefined : book.pushed.get(request_uri);
  const params = pushed ?? exchange.params;
  const client = book.clients.get(params.client_id ?? '');
  if (client === undefined) {
    const {
      status = 400,
      type = 'application/json',
      body = '{"error":"invalid_client"}',
    } = options.unknownClient ?? {};
    return exchange.body(status, body, { 'Content-Type': type });
  }
  if (!client.redirectUris.some((uri) => fits(uri, params.redirect_uri, options.exactRedirect))) {
    return exchange.body(400, '<h1>redirect_uri is not registered</h1>', { 'Content-Type': 'text/html' });
  }
  const { consent = ({ scope = '' }) => scope } = options;
  const scope = consent(params);
  const fault = faultOf(params, options, pushed !== undefined);
  const error = fault ?? (scope === undefined ? 'access_denied' : undefined);
  const redirect = new URL(params.redirect_uri as string);
  const answered: Fields = { state: params.state, iss: issuer };
  if (error !== undefined) answered.error = error;
  else {
    const grant = book.addGrant({ clientId: client.id, scope: scope ?? '', resource: params.resource });
    const code = book.secret('code');
    const challenge = params.code_challenge as string;
    book.codes.set(code, { grant, challenge, redirectUri: redirect.href, used: false });
    answered.code = code;
  }
  for (const [name, value] of Object.entries(changed(answered, options.redirect, params) as Fields)) {
    if (value !== undefined) redirect.searchParams.set(name, String(value));
  }
  exchange.redirect(302, redirect.href);
}

function faultOf(
  params: Record<string, string>,
  { requires = [], resources, scopes, par }: FakeAuthorizationServerOptions,
  wasPushed: boolean,
): string | undefined {
  if (par === 'required' && !wasPushed) return 'invalid_request';
  if (params.response_type !== 'code') return 'unsupported_response_type';
  if (!params.code_challenge || params.code_challenge_method !== 'S256') return 'invalid_request';
  const { scope, resource } = params;
  if (requires.includes('resource') && !resource) return 'invalid_target';
  if (requires.includes('scope') && !scope) return 'invalid_scope';
  if (resource && resources && !resources.includes(resource)) return 'invalid_target';
  if (scope && scopes && scope.split(' ').some((one) => !scopes.includes(one))) return 'invalid_scope';
  return undefined;
}

/** A loopback redirect may come with any port (RFC 8252, section 7.3). */
function fits(registered: string, given: string | undefined, exact = false): boolean {
  if (registered === given) return true;
  if (exact || given === undefined || !URL.canParse(given) || !URL.canParse(registered)) return false;
  const [one, other] = [new URL(registered), new URL(given)];
  one.port = other.port;
  return /^(127\.0\.0\.1|localhost|\[::1\])$/.test(one.hostname) && one.href === other.href;
}

/** RFC 6749, sections 4.1.3 and 6; a refresh token that comes twice ends its grant (OAuth 2.1, section 4.3.1). */
export function answerToken(desk: Desk, exchange: EndpointExchange): void {
  const { book } = desk;
  const { grant_type: type, code = '', refresh_token = '', code_verifier = '' } = exchange.params;
  const client = authenticated(book, exchange);
  if (client === undefined) return exchange.json(401, { error: 'invalid_client' }, noStore);
  const refuse = (error: string) => exchange.json(400, { error }, noStore);
  if (type === 'authorization_code') {
    const entry = book.codes.get(code);
    if (entry === undefined || entry.grant.clientId !== client.id) return refuse('invalid_grant');
    if (entry.used) {
      entry.grant.revoked = true;
      return refuse('invalid_grant');
    }
    entry.used = true;
    const challenge = createHash('sha256').update(code_verifier).digest('base64url');
    const uri = exchange.params.redirect_uri ?? entry.redirectUri;
    if (challenge !== entry.challenge || uri !== entry.redirectUri) return refuse('invalid_grant');
    return issue(desk, exchange, entry.grant);
  }
  if (type === 'urn:ietf:params:oauth:grant-type:device_code') {
    const entry = book.deviceCodes.get(exchange.params.device_code ?? '');
    if (entry === undefined || entry.grant.clientId !== client.id) return refuse('invalid_grant');
    if (entry.decision === undefined) return refuse('authorization_pending');
    if (entry.decision === 'denied') return refuse('access_denied');
    book.deviceCodes.delete(exchange.params.device_code ?? '');
    return issue(desk, exchange, entry.grant);
  }
  if (type !== 'refresh_token') return refuse('unsupported_grant_type');
  const entry = book.refreshTokens.get(refresh_token);
  if (entry === undefined || entry.grant.clientId !== client.id) return refuse('invalid_grant');
  if (entry.used && !entry.grant.revoked) {
    desk.reused();
    entry.grant.revoked = true;
  }
  if (entry.grant.revoked) return refuse('invalid_grant');
  entry.used = desk.options.rotates ?? true;
  issue(desk, exchange, entry.grant, refresh_token);
}

function issue(desk: Desk, exchange: EndpointExchange, grant: Grant, spent?: string): void {
  const { book, options } = desk;
  const { resource, grant_type } = exchange.params;
  if (grant.resource !== undefined && resource !== undefined && resource !== grant.resource) {
    return exchange.json(400, { error: 'invalid_target' }, noStore);
  }
  const lifetime = options.accessTokenTtl ?? 3600;
  const refreshToken = spent !== undefined && options.rotates === false ? spent : book.secret('refresh');
  const usual = {
    access_token: book.secret('access'),
    token_type: 'Bearer',
    expires_in: lifetime,
    refresh_token: refreshToken,
    ...(grant.scope && { scope: grant.scope }),
  };
  const answer = changed(usual, options.tokens, exchange.params) as Fields;
  const { access_token, refresh_token, scope = grant.scope } = answer;
  if (typeof access_token === 'string') {
    const expires = Date.now() + lifetime * 1000;
    book.secrets.add(access_token);
    book.accessTokens.set(access_token, { grant, scope: String(scope), expires });
  }
  if (typeof refresh_token === 'string') {
    book.secrets.add(refresh_token);
    book.refreshTokens.set(refresh_token, { grant, used: false });
  }
  desk.granted(String(grant_type));
  exchange.json(200, answer, noStore);
}

/** RFC 7009. */
export function answerRevocation({ book }: Desk, exchange: EndpointExchange): void {
  if (authenticated(book, exchange) === undefined) return exchange.json(401, { error: 'invalid_client' });
  const token = exchange.params.token ?? '';
  const found = book.refreshTokens.get(token) ?? book.accessTokens.get(token);
  if (found !== undefined) found.grant.revoked = true;
  exchange.status(200);
}

/** The client of this request, where it has proved to be that in the way it is registered for (RFC 6749, 2.3.1). */
function authenticated(book: GrantBook, exchange: EndpointExchange): Client | undefined {
  const { client_id, client_secret } = exchange.params;
  const [scheme, credentials = ''] = (exchange.request.headers.authorization ?? '').split(' ');
  const decode = (text: string) => decodeURIComponent(text.replaceAll('+', ' '));
  const [user = '', password = ''] = Buffer.from(credentials, 'base64').toString().split(':').map(decode);
  const isBasic = scheme === 'Basic';
  const client = book.clients.get(isBasic ? user : (client_id ?? ''));
  if (client === undefined) return undefined;
  const used = isBasic ? 'client_secret_basic' : client_secret === undefined ? 'none' : 'client_secret_post';
  const secret = isBasic ? password : client_secret;
  return used === client.method && (used === 'none' || secret === client.secret) ? client : undefined;
}
