import {
  type FakeAuthorizationServerOptions,
  startFakeAuthorizationServer,
} from '../fake-authorization-server.ts';
import { startProtectedRemote } from '../protected-remote.ts';
import type { Service } from './service.ts';

/** The scopes of its tools. */
export const scopes = ['tools:read', 'tools:write'];

/**
 * AuthPlane: the authorization server is of another origin, the resource metadata is only below the path. A token gets
 * its audience from `resource` and its scope from `scope`; without them it is good for nothing, or refused at once.
 *
 * @param isStrict an authorization request without `scope` or `resource` is refused
 */
export async function startAuthPlane(
  options: FakeAuthorizationServerOptions = {},
  isStrict = false,
): Promise<Service & { url: string }> {
  const server = await startFakeAuthorizationServer({
    scopes: [...scopes, 'offline_access'],
    requires: isStrict ? ['scope', 'resource'] : [],
    ...options,
    metadata: { scopes_supported: [...scopes, 'admin', 'offline_access'], ...options.metadata },
    // Without offline_access nothing renews itself.
    tokens: (usual) => ({
      ...usual,
      refresh_token: String(usual.scope).includes('offline_access') ? usual.refresh_token : undefined,
    }),
  });
  const remote = await startProtectedRemote({
    endpoints: ['/mcp'],
    authorizationServers: [server.issuer],
    scopes,
    isValid: (token, { message }) => {
      const grant = server.book.accessTokens.get(token)?.grant;
      if (!server.isValid(token) || grant?.resource !== remote.url) return false;
      const isAllowed = scopes.every((scope) => server.scopesOf(token).includes(scope));
      return message?.method !== 'tools/call' || isAllowed || 'insufficient_scope';
    },
  });
  return { server, remote, url: remote.url };
}
