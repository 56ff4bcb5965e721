import { startFakeAuthorizationServer } from '../fake-authorization-server.ts';
import { startProtectedRemote } from '../protected-remote.ts';
import type { Service } from './service.ts';

type Access = 'full' | 'read_only';

interface TokPortal extends Service {
  url: string;
  /** What the person chooses on the page of the next sign-ins. */
  choose(access: Access): void;
  /** Deletes the API keys of this access. */
  revoke(access: Access): void;
  /** The next call of a tool is one too many; what the answer says. */
  limitNextCall(retryAfter: number): { requestId: string };
}

/**
 * TokPortal: the access token is an API key of its own, without an end and without a refresh token; the person chooses
 * at the sign-in whether it may write. Its errors carry an id, the delay and the limits.
 */
export async function startTokPortal(): Promise<TokPortal> {
  let chosen: Access = 'full';
  const server = await startFakeAuthorizationServer({
    consent: () => chosen,
    tokens: (usual) => ({ ...usual, expires_in: undefined, refresh_token: undefined }),
    metadata: { grant_types_supported: ['authorization_code'], revocation_endpoint: undefined },
  });
  const path = '/api/ext/mcp';
  const remote = await startProtectedRemote({
    endpoints: [path],
    authorizationServers: [server.issuer],
    isValid: (token, { message }) => {
      if (!server.isValid(token)) return false;
      const isWrite = message?.method === 'tools/call' && message.params?.name === 'write';
      return !isWrite || server.scopesOf(token).includes('full') || 'insufficient_scope';
    },
  });
  let errors = 0;
  return {
    server,
    remote,
    url: remote.origin + path,
    choose: (access) => {
      chosen = access;
    },
    revoke: (access) => {
      for (const { grant, scope } of server.book.accessTokens.values())
        if (scope === access) grant.revoked = true;
    },
    limitNextCall: (retryAfter) => {
      const requestId = `req_${++errors}c41f`;
      const error = {
        code: 'RATE_LIMITED',
        message: 'Too many requests',
        request_id: requestId,
        retry_after_seconds: retryAfter,
      };
      const limits = {
        'X-RateLimit-Limit': '120',
        'X-RateLimit-Remaining': '0',
        'X-RateLimit-Reset': '1796000000',
      };
      remote.remote.once('tools/call', (exchange) => exchange.json(429, { error }, limits));
      return { requestId };
    },
  };
}
