import { parseNamedUrl } from '../platform/url-policy.ts';

/** What a protected resource says of itself (RFC 9728 section 2), as far as it is used. */
export interface ProtectedResourceMetadata {
  resource: string;
  authorizationServers: string[];
  scopes: string[] | undefined;
  /** It takes no token that is not bound (RFC 9728 section 2, dpop_bound_access_tokens_required). */
  requiresBoundTokens: true | undefined;
  /** How proofs may be signed (dpop_signing_alg_values_supported); undefined where nothing is said. */
  dpopAlgorithms: string[] | undefined;
}

/** What an authorization server says of itself (RFC 8414 section 2), checked; its URLs have passed `parseNamedUrl`. */
export interface AuthorizationServerMetadata {
  issuer: string;
  /** Undefined where there is no grant that would need it. */
  authorizationEndpoint: string | undefined;
  tokenEndpoint: string;
  registrationEndpoint: string | undefined;
  revocationEndpoint: string | undefined;
  /** RFC 8628 section 4. */
  deviceAuthorizationEndpoint: string | undefined;
  pushedAuthorizationRequestEndpoint: string | undefined;
  requiresPushedRequests: boolean;
  scopes: string[] | undefined;
  codeChallengeMethods: string[] | undefined;
  tokenEndpointAuthMethods: string[] | undefined;
  /** What assertions of clients may be signed with (RFC 8414 section 2). */
  tokenEndpointAuthAlgorithms: string[] | undefined;
  grantTypes: string[] | undefined;
  /** How proofs may be signed (RFC 9449 section 5.1); undefined where nothing is said. */
  dpopAlgorithms: string[] | undefined;
  /** It adds `iss` to its authorization responses (RFC 9207 section 3). */
  sendsIssuer: boolean;
  takesMetadataDocuments: boolean;
  /** There is no document: these are the default endpoints of MCP 2025-03-26. */
  isAssumed: boolean;
}

const MAX_SCOPES = 200;

/** @returns undefined where the document lacks what RFC 9728 and MCP require */
export function parseProtectedResource(json: Record<string, unknown>): ProtectedResourceMetadata | undefined {
  const authorizationServers = strings(json.authorization_servers);
  if (typeof json.resource !== 'string' || !authorizationServers?.[0]) return undefined;
  return {
    resource: json.resource,
    authorizationServers,
    scopes: scopeList(json.scopes_supported),
    requiresBoundTokens: json.dpop_bound_access_tokens_required === true || undefined,
    dpopAlgorithms: strings(json.dpop_signing_alg_values_supported),
  };
}

/**
 * @param server the MCP server's URL, for the rules on what may be named
 * @returns undefined where an endpoint that is needed is missing or must not be used; optional ones are left out then
 */
export function parseAuthorizationServer(
  json: Record<string, unknown>,
  server: URL,
): AuthorizationServerMetadata | undefined {
  const endpoint = (name: string): string | undefined => parseNamedUrl(json[name], server)?.href;
  const authorizationEndpoint = endpoint('authorization_endpoint');
  const tokenEndpoint = endpoint('token_endpoint');
  // One that is named and must not be used is worse than none.
  const isUnsound = json.authorization_endpoint !== undefined && !authorizationEndpoint;
  if (typeof json.issuer !== 'string' || isUnsound || !tokenEndpoint) return undefined;
  return {
    issuer: json.issuer,
    authorizationEndpoint,
    tokenEndpoint,
    registrationEndpoint: endpoint('registration_endpoint'),
    revocationEndpoint: endpoint('revocation_endpoint'),
    deviceAuthorizationEndpoint: endpoint('device_authorization_endpoint'),
    pushedAuthorizationRequestEndpoint: endpoint('pushed_authorization_request_endpoint'),
    requiresPushedRequests: json.require_pushed_authorization_requests === true,
    scopes: scopeList(json.scopes_supported),
    codeChallengeMethods: strings(json.code_challenge_methods_supported),
    tokenEndpointAuthMethods: strings(json.token_endpoint_auth_methods_supported),
    tokenEndpointAuthAlgorithms: strings(json.token_endpoint_auth_signing_alg_values_supported),
    grantTypes: strings(json.grant_types_supported),
    dpopAlgorithms: strings(json.dpop_signing_alg_values_supported),
    sendsIssuer: json.authorization_response_iss_parameter_supported === true,
    takesMetadataDocuments: json.client_id_metadata_document_supported === true,
    isAssumed: false,
  };
}

/** The endpoints of MCP 2025-03-26 for a server without any metadata (Fallbacks for Servers without Metadata Discovery). */
export function assumedAuthorizationServer(origin: string): AuthorizationServerMetadata {
  return {
    issuer: origin,
    authorizationEndpoint: `${origin}/authorize`,
    tokenEndpoint: `${origin}/token`,
    registrationEndpoint: `${origin}/register`,
    revocationEndpoint: undefined,
    deviceAuthorizationEndpoint: undefined,
    pushedAuthorizationRequestEndpoint: undefined,
    requiresPushedRequests: false,
    scopes: undefined,
    codeChallengeMethods: undefined,
    tokenEndpointAuthMethods: undefined,
    tokenEndpointAuthAlgorithms: undefined,
    grantTypes: undefined,
    dpopAlgorithms: undefined,
    sendsIssuer: false,
    takesMetadataDocuments: false,
    isAssumed: true,
  };
}

/** What is known of an authorization server whose token endpoint the user has named, and which publishes nothing. */
export function namedAuthorizationServer(issuer: string, tokenEndpoint: string): AuthorizationServerMetadata {
  return {
    ...assumedAuthorizationServer(new URL(tokenEndpoint).origin),
    issuer,
    tokenEndpoint,
    authorizationEndpoint: undefined,
    registrationEndpoint: undefined,
    isAssumed: false,
  };
}

function strings(value: unknown): string[] | undefined {
  if (!Array.isArray(value)) return undefined;
  return value.filter((item): item is string => typeof item === 'string');
}

/** Only what may stand in a `scope` parameter (RFC 6749 section 3.3). */
function scopeList(value: unknown): string[] | undefined {
  return strings(value)
    ?.filter((scope) => /^[\x21\x23-\x5b\x5d-\x7e]+$/.test(scope))
    .slice(0, MAX_SCOPES);
}
