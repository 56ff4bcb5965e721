/** What an identity provider does otherwise than the MCP authorization specification expects of it. */
export interface Provider {
  name: string;
  /** Matches host and path of its issuers, whole; a port other than the scheme's own is part of the host. */
  issuer: RegExp;
  /** Sent on the authorization request, where the user has not set the same parameter. */
  authorizeParams?: Readonly<Record<string, string>>;
  /**
   * What becomes of the resource indicator (RFC 8707); undefined: it is sent, as it is to everybody.
   * `omit-if-in-scope` leaves it out where a scope itself names the resource, as in `api://id/read`.
   */
  resource?: 'omit' | 'omit-if-in-scope';
  /** Does PKCE with S256 though its metadata leaves out `code_challenge_methods_supported`. For texts, never to skip the check. */
  pkceUnlisted?: true;
  /** Registers no unknown client, even where it lists a registration endpoint: `--client-id` is needed. */
  noRegistration?: true;
  /** One sentence for people. */
  notes: string;
  /** Where each of this is documented, or was found. */
  sources: readonly string[];
}

/**
 * The known deviations. A row has effect on requests to that very issuer only, so that nobody gains by looking like one;
 * for the same reason it may add and omit parameters, but not switch off a check.
 */
export const providers: readonly Provider[] = [
  {
    name: 'Entra ID',
    issuer:
      /^login\.(?:microsoftonline\.com|microsoftonline\.us|partner\.microsoftonline\.cn)\/[^/]+\/v2\.0\/?$/,
    resource: 'omit-if-in-scope',
    pkceUnlisted: true,
    noRegistration: true,
    notes:
      'Wants a client registered beforehand and scopes that name the resource; it refuses a resource that disagrees with them, and its metadata does not list S256.',
    sources: [
      'https://learn.microsoft.com/en-us/entra/agent-id/secure-mcp-server-with-entra-id',
      'https://learn.microsoft.com/en-us/entra/identity-platform/authentication-national-cloud',
      'https://learn.microsoft.com/en-us/entra/identity-platform/reply-url',
      'https://github.com/punkpeye/mcp-remote/issues/217',
      'https://github.com/anthropics/claude-code/issues/73460',
      'https://github.com/modelcontextprotocol/typescript-sdk/issues/832',
      'https://github.com/microsoft/azure-devops-mcp/issues/1077',
      'https://github.com/MicrosoftDocs/azure-docs/issues/113944',
    ],
  },
  {
    name: 'Google',
    issuer: /^accounts\.google\.com\/?$/,
    authorizeParams: { access_type: 'offline', prompt: 'consent' },
    noRegistration: true,
    notes:
      'Wants a client registered beforehand, and issues a refresh token only on access_type=offline, after the first time only with prompt=consent.',
    sources: [
      'https://developers.google.com/identity/protocols/oauth2/web-server',
      'https://github.com/googleworkspace/apps-script-oauth2/pull/210',
      'https://github.com/home-assistant/core/issues/180546',
      'https://github.com/punkpeye/mcp-remote/issues/53',
    ],
  },
  {
    name: 'Auth0',
    issuer: /^[a-z\d-]+(?:\.[a-z\d-]+)?\.auth0\.com\/?$/,
    notes:
      'Ignores the resource unless the tenant has its Resource Parameter Compatibility Profile on; until then the audience parameter names the API.',
    sources: [
      'https://auth0.com/ai/docs/mcp/guides/resource-param-compatibility-profile',
      'https://github.com/danny-avila/LibreChat/issues/13401',
    ],
  },
  {
    name: 'Okta',
    issuer: /^[a-z\d-]+\.okta\.com\/?(?:oauth2\/[A-Za-z\d]+\/?)?$/,
    noRegistration: true,
    notes:
      'Lists a registration endpoint that wants an API token, so the client has to be registered beforehand.',
    sources: [
      'https://github.com/modelcontextprotocol/modelcontextprotocol/issues/695',
      'https://www.apollographql.com/docs/apollo-mcp-server/guides/auth-okta',
      'https://developer.okta.com/docs/concepts/auth-servers',
    ],
  },
  {
    name: 'Amazon Cognito',
    issuer: /^cognito-idp\.[a-z]+-[a-z-]+-\d+\.amazonaws\.com\/[a-z\d-]+_[A-Za-z\d]+$/,
    pkceUnlisted: true,
    notes:
      'Its metadata does not list S256, it registers clients only where the pool has that switched on, and the pool needs a resource server whose identifier is the URL of the MCP server.',
    sources: [
      'https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-pools-dynamic-client-registration.html',
      'https://docs.aws.amazon.com/cognito/latest/developerguide/using-pkce-in-authorization-code.html',
      'https://github.com/anthropics/claude-code/issues/13275',
      'https://github.com/PrefectHQ/fastmcp/pull/2149',
    ],
  },
  {
    name: 'Keycloak',
    // Anybody's host: the path is all there is to know it by.
    issuer: /^[^/]+(?:\/[^/]+)*\/realms\/[^/]+$/,
    notes:
      'Takes no notice of the resource unless an experimental feature is on, so a scope has to bring the audience; it registers clients only from hosts that the realm trusts.',
    sources: [
      'https://www.keycloak.org/securing-apps/mcp-authz-server',
      'https://phasetwo.io/tutorials/emerging/mcp-server-auth/',
      'https://github.com/opensearch-project/opensearch-mcp-server-py/pull/227',
    ],
  },
  {
    name: 'Atlassian',
    issuer: /^auth\.atlassian\.com\/?$/,
    authorizeParams: { audience: 'api.atlassian.com', prompt: 'consent' },
    resource: 'omit',
    noRegistration: true,
    notes:
      'For apps of its developer console: wants the audience api.atlassian.com and prompt=consent, and refuses the resource when the code is exchanged.',
    sources: [
      'https://developer.atlassian.com/cloud/jira/platform/oauth-2-3lo-apps/',
      'https://github.com/sooperset/mcp-atlassian/issues/1137',
    ],
  },
  {
    name: 'Atlassian Rovo MCP',
    issuer: /^auth\.atlassian\.com\/[^/]+$/,
    notes:
      'Registers clients by itself and wants none of the parameters of the developer console; its metadata has named an issuer without the path, which is then refused.',
    sources: [
      'https://support.atlassian.com/atlassian-rovo-mcp-server/docs/using-with-other-supported-mcp-clients/',
      'https://github.com/atlassian/atlassian-mcp-server/issues/205',
      'https://github.com/agentic-community/mcp-gateway-registry/pull/1519',
    ],
  },
];

/**
 * The provider behind an issuer; undefined for one that is not in the table.
 *
 * @param issuer the issuer identifier (RFC 8414 section 2)
 */
export function providerOf(issuer: string): Provider | undefined {
  if (!URL.canParse(issuer)) return undefined;
  const { protocol, host, pathname, username, password, search, hash } = new URL(issuer);
  // RFC 8414 section 2: https, and neither query nor fragment. Keycloak is tried out on http://localhost.
  if (!/^https?:$/.test(protocol) || username || password || search || hash) return undefined;
  return providers.find((provider) => provider.issuer.test(`${host}${pathname}`));
}

/**
 * Whether a provider is to be spared the resource indicator.
 *
 * @param scope what will be requested, separated by blanks (RFC 6749 section 3.3)
 */
export function omitsResource(provider: Provider | undefined, scope: string | undefined): boolean {
  if (provider?.resource !== 'omit-if-in-scope') return provider?.resource === 'omit';
  // Without a resource, Entra ID takes a bare scope for one of Microsoft Graph (AADSTS650053).
  const isBare = (name: string): boolean =>
    !name.includes('/') && !/^(openid|profile|email|offline_access)$/.test(name);
  const names = scope?.split(' ').filter(Boolean) ?? [];
  return names.some((name) => name.includes('/')) && !names.some(isBare);
}

/**
 * Whether an OAuth error says that the resource indicator is refused: RFC 8707 section 2, or Entra ID's words for it.
 *
 * @param error the `error` code of an authorization or token response
 * @param description its `error_description`
 */
export function invalidTargetError(error: string, description: string | undefined): boolean {
  return (
    error === 'invalid_target' ||
    /\bAADSTS(?:9010010|901002)\b|'resource' request parameter is(?: not|n't) supported/.test(
      description ?? '',
    )
  );
}
