import { InvalidTokenError } from '@modelcontextprotocol/sdk/server/auth/errors.js';
import { requireBearerAuth } from '@modelcontextprotocol/sdk/server/auth/middleware/bearerAuth.js';
import { mcpAuthMetadataRouter } from '@modelcontextprotocol/sdk/server/auth/router.js';
import type { AuthInfo } from '@modelcontextprotocol/sdk/server/auth/types.js';
import { createMcpExpressApp } from '@modelcontextprotocol/sdk/server/express.js';
import type { OAuthMetadata } from '@modelcontextprotocol/sdk/shared/auth.js';
import type { OidcServer } from './oidc-server.ts';
import { type Middleware, type SdkRemote, type SdkRemoteOptions, startSdkRemote } from './sdk-remote.ts';

interface ProtectedSdkOptions extends SdkRemoteOptions {
  authorizationServer: OidcServer;
  /** Scopes that every request needs; they are in the challenge too. */
  requiredScopes?: string[];
  /** The `scopes_supported` of the protected resource metadata. */
  scopes?: string[];
}

/** The SDK's server behind the SDK's own bearer check and metadata, with the tokens of a real authorization server. */
export async function startProtectedSdkRemote(options: ProtectedSdkOptions): Promise<SdkRemote> {
  const { authorizationServer, requiredScopes = [], scopes, ...rest } = options;
  const remote = await startSdkRemote(rest);
  const { url } = remote;
  const { issuer } = authorizationServer;
  const oauthMetadata: OAuthMetadata = {
    issuer,
    authorization_endpoint: `${issuer}/auth`,
    token_endpoint: `${issuer}/token`,
    response_types_supported: ['code'],
  };
  const verifyAccessToken = async (token: string): Promise<AuthInfo> => {
    const claims = await authorizationServer.verify(token, url);
    if (claims === undefined) throw new InvalidTokenError('not a valid token');
    return {
      token,
      clientId: String(claims.client_id),
      scopes: String(claims.scope ?? '').split(' '),
      expiresAt: Number(claims.exp),
      resource: new URL(url),
    };
  };
  const { origin, pathname } = new URL(url);
  const app = createMcpExpressApp();
  const metadata = {
    oauthMetadata,
    resourceServerUrl: new URL(url),
    ...(scopes && { scopesSupported: scopes }),
  };
  app.use(mcpAuthMetadataRouter(metadata));
  const resourceMetadataUrl = `${origin}/.well-known/oauth-protected-resource${pathname}`;
  const verifier = { verifyAccessToken };
  app.use(
    requireBearerAuth({ verifier, requiredScopes, resourceMetadataUrl, expectedResource: new URL(url) }),
  );
  // Express hands on what nothing has answered to a third argument.
  remote.middleware = app as unknown as Middleware;
  return remote;
}
