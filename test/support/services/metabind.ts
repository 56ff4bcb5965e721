import { startFakeAuthorizationServer } from '../fake-authorization-server.ts';
import { startProtectedRemote } from '../protected-remote.ts';
import { Listeners, type Service } from './service.ts';

type Role = 'Viewer' | 'Developer' | 'Admin';

const scopesOf: Record<Role, string[]> = {
  Viewer: ['content:read'],
  Developer: ['content:read', 'content:write'],
  Admin: ['content:read', 'content:write', 'members:manage'],
};

interface Metabind extends Service {
  published: string;
  draft: string;
  listeners: Listeners;
  setRole(role: Role): void;
  /** Ends the session that has approved this connection, in the service's own settings. */
  revoke(url: string): void;
  /** Ends all the user's grants, and lets them approve nothing any more. */
  removeMember(): void;
  /** Publishes the working copy: the published endpoint has other tools from now on, and says so. */
  publish(...tools: string[]): void;
}

/**
 * Metabind: a project's published content and its working copy are two connections, whose tokens are tied to the session
 * that has approved them. What a token may do follows the user's role; tools are listed whatever it is.
 */
export async function startMetabind(role: Role = 'Developer'): Promise<Metabind> {
  let granted: string[] | undefined = scopesOf[role];
  const server = await startFakeAuthorizationServer({
    consent: ({ scope = '' }) =>
      granted &&
      scope
        .split(' ')
        .filter((one) => granted?.includes(one))
        .join(' '),
  });
  const endpoints = { published: '/acme/site', draft: '/acme/site/draft' };
  const remote = await startProtectedRemote({
    endpoints: Object.values(endpoints),
    authorizationServers: [server.issuer],
    scopes: ['content:read', 'content:write'],
    scopeNeeded: 'content:read content:write',
    isValid: (token, { path, message }) => {
      const grant = server.book.accessTokens.get(token)?.grant;
      if (!server.isValid(token) || grant?.resource !== remote.origin + path) return false;
      const isCall = message?.method === 'tools/call';
      return !isCall || server.scopesOf(token).includes('content:write') || 'insufficient_scope';
    },
  });
  const listeners = new Listeners(remote);
  const published = remote.origin + endpoints.published;
  return {
    server,
    remote,
    published,
    draft: remote.origin + endpoints.draft,
    listeners,
    setRole: (now) => {
      granted = scopesOf[now];
    },
    revoke: (url) => {
      for (const { grant } of server.book.accessTokens.values())
        if (grant.resource === url) grant.revoked = true;
    },
    removeMember: () => {
      granted = undefined;
      server.revokeAll();
    },
    publish: (...tools) => {
      remote.remote.on('tools/list', (exchange) => {
        const names = exchange.request.path === endpoints.published ? tools : ['echo'];
        exchange.result({ tools: names.map((name) => ({ name, inputSchema: { type: 'object' } })) });
      });
      listeners.tell(endpoints.published, { jsonrpc: '2.0', method: 'notifications/tools/list_changed' });
    },
  };
}
