import type { ClientAuthMethod, ClientIdentity, RegistrationRecord } from '../credentials/record.ts';
import { DrawbridgeError } from '../errors.ts';
import type { OAuthAnswer, OAuthHttp } from '../platform/oauth-http.ts';
import { parseNamedUrl } from '../platform/url-policy.ts';
import type { AuthorizationServerMetadata } from './metadata.ts';
import { OAuthError } from './token-endpoint.ts';

const TIMEOUT = 20_000;
const methods: readonly ClientAuthMethod[] = ['none', 'client_secret_basic', 'client_secret_post'];

/** What every client of this program says of itself, when it registers and in a client ID metadata document. */
export const clientMetadata = {
  client_name: 'mcp-drawbridge',
  grant_types: ['authorization_code', 'refresh_token'],
  response_types: ['code'],
  // Without it an OpenID server takes us for a web application and refuses loopback redirects.
  application_type: 'native',
} as const;

/** RFC 8628 section 3.4. */
export const DEVICE_CODE_GRANT = 'urn:ietf:params:oauth:grant-type:device_code';

/** An authorization server's refusal to register the client (RFC 7591 section 3.2.2). */
export class RegistrationRefused extends OAuthError {
  /** Whether it is about the redirect URI, so that another host of it may be taken. */
  get isAboutRedirect(): boolean {
    return this.code === 'invalid_redirect_uri' || /redirect/i.test(this.description);
  }
}

/**
 * How the client is to prove itself at the token endpoint: without a secret wherever that is offered.
 *
 * @param offered `token_endpoint_auth_methods_supported`
 * @param hasSecret whether there is a secret to prove it with
 */
export function chooseAuthMethod(
  offered: readonly string[] | undefined,
  hasSecret: boolean,
): ClientAuthMethod {
  const order: readonly ClientAuthMethod[] = hasSecret
    ? ['client_secret_basic', 'client_secret_post', 'none']
    : methods;
  return order.find((method) => offered?.includes(method)) ?? (order[0] as ClientAuthMethod);
}

export interface RegistrationTerms {
  /** Grant types to be registered for besides the usual ones. */
  grants?: readonly string[];
  /** Members that take the place of ours, or are added. */
  metadata?: Readonly<Record<string, unknown>> | undefined;
  /** Undefined: without a secret wherever that is offered. */
  authMethod?: ClientAuthMethod | undefined;
  /** It takes bound tokens only (RFC 9449 section 5.2). */
  isBound?: boolean;
}

/**
 * Registers a client (RFC 7591). Where the server does not know the scope, it is left out.
 *
 * @param redirectUri the loopback redirect that really is listened on, where there is one
 * @param terms what of the usual is to be otherwise
 * @throws RegistrationRefused, NoAnswer, or DrawbridgeError for an answer that can't be used
 */
export async function register(
  http: OAuthHttp,
  server: AuthorizationServerMetadata,
  redirectUri: string,
  scope: string | undefined,
  mcpServer: URL,
  { grants = [], metadata = {}, authMethod, isBound = false }: RegistrationTerms = {},
): Promise<RegistrationRecord> {
  const endpoint = server.registrationEndpoint;
  if (endpoint === undefined) throw noRegistration(server.issuer);
  const { host } = new URL(endpoint);
  const body = {
    ...clientMetadata,
    grant_types: [...clientMetadata.grant_types, ...grants],
    ...metadata,
    redirect_uris: [redirectUri],
    token_endpoint_auth_method: authMethod ?? chooseAuthMethod(server.tokenEndpointAuthMethods, false),
    // A server that does not say that it knows this might take no client with it.
    ...(isBound && server.dpopAlgorithms && { dpop_bound_access_tokens: true }),
    ...(scope !== undefined && { scope }),
  };
  const post = (content: object): Promise<OAuthAnswer> =>
    http.request(new URL(endpoint), {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify(content),
      timeout: TIMEOUT,
    });
  let answer = await post(body);
  if (answer.status >= 400 && answer.status < 500 && scope !== undefined) {
    const refusal = new RegistrationRefused('to register the client', host, answer);
    if (refusal.isAboutRedirect) throw refusal;
    const { scope: _left, ...rest } = body as typeof body & { scope?: string };
    answer = await post(rest);
  }
  const isDone = answer.status === 201 || answer.status === 200;
  if (!isDone || !answer.json) throw new RegistrationRefused('to register the client', host, answer);
  return parseRegistration(answer.json, { server, redirectUri, scope, requested: body, mcpServer });
}

function parseRegistration(
  json: Record<string, unknown>,
  {
    server,
    redirectUri,
    scope,
    requested,
    mcpServer,
  }: {
    server: AuthorizationServerMetadata;
    redirectUri: string;
    scope: string | undefined;
    requested: { token_endpoint_auth_method: ClientAuthMethod };
    mcpServer: URL;
  },
): RegistrationRecord {
  const unusable = (why: string): never => {
    throw new DrawbridgeError(
      'authorization-server',
      `${new URL(server.issuer).host} gave a client registration that can't be used: ${why}.`,
    );
  };
  const { client_id: id, client_secret: secret, redirect_uris: uris } = json;
  // RFC 6749 appendix A.1 and A.2
  if (typeof id !== 'string' || !/^[\x20-\x7e]{1,2048}$/.test(id)) return unusable('it has no client id');
  if (secret !== undefined && (typeof secret !== 'string' || !/^[\x20-\x7e]{0,2048}$/.test(secret)))
    return unusable('its secret has characters that none may have');
  if (Array.isArray(uris) && !uris.includes(redirectUri)) return unusable('it is for another redirect');
  const named = json.token_endpoint_auth_method ?? undefined;
  const method =
    named === undefined && secret
      ? chooseAuthMethod(server.tokenEndpointAuthMethods, requested.token_endpoint_auth_method !== 'none')
      : (named ?? requested.token_endpoint_auth_method);
  const authMethod = methods.find((known) => known === method);
  if (!authMethod) return unusable('it wants another way of authentication than a secret');
  if (authMethod !== 'none' && !secret) return unusable('it wants a secret and gave none');
  const expires = json.client_secret_expires_at;
  const client: ClientIdentity = {
    id,
    authMethod,
    source: 'registered',
    ...(authMethod !== 'none' && secret && { secret }),
    ...(authMethod !== 'none' &&
      typeof expires === 'number' &&
      expires > 0 && { secretExpiresAt: expires * 1000 }),
  };
  const management = parseNamedUrl(json.registration_client_uri, mcpServer)?.href;
  const token = json.registration_access_token;
  return {
    schema: 1,
    issuer: server.issuer,
    redirectUri,
    client,
    registeredAt: Date.now(),
    ...(scope !== undefined && { scope }),
    ...(management !== undefined &&
      typeof token === 'string' &&
      /^[\x21-\x7e]+$/.test(token) && { registrationAccessToken: token, registrationClientUri: management }),
  };
}

/** Whether a stored registration can still be used: its secret has not run out. */
export function isAlive({ client }: RegistrationRecord): boolean {
  return client.secretExpiresAt === undefined || client.secretExpiresAt > Date.now() + 60_000;
}

function noRegistration(issuer: string): DrawbridgeError {
  return new DrawbridgeError(
    'sign-in-refused',
    `${new URL(issuer).host} registers no clients by itself; register one there for http://127.0.0.1/callback and give it with --client-id.`,
  );
}
