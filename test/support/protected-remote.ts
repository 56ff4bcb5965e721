import type { FakeAuthorizationServer } from './fake-authorization-server.ts';
import type { Exchange } from './fake-exchange.ts';
import {
  type FakeRemote,
  type FakeRemoteOptions,
  type RecordedRequest,
  startFakeRemote,
} from './fake-remote.ts';

/** Why a request was refused. */
type Problem = 'missing' | 'invalid_token' | 'insufficient_scope';

export interface Protection {
  /** Whether this token is good for this request. */
  isValid: (token: string, request: RecordedRequest) => boolean | 'insufficient_scope';
  /** Looks at a request that needs a token, in place of the usual check; true: it has refused it. */
  guard?: (exchange: Exchange) => boolean | Promise<boolean>;
  /** The issuers that the protected resource metadata names; those of the remote's own are added by `own`. */
  authorizationServers?: string[];
  /** The `resource` of the metadata; the remote's URL by default. */
  resource?: string;
  /** The `scopes_supported` of the metadata. */
  scopes?: string[];
  /** The `scope` of the challenges. */
  scopeNeeded?: string;
  /** The WWW-Authenticate field; undefined sends none. By default Bearer, `resource_metadata` and what applies. */
  challenge?: string | ((problem: Problem, request: RecordedRequest) => string | undefined);
  /** The protected resource metadata (RFC 9728): fields over the usual ones, what to say in place of them, or none. */
  prm?: Record<string, unknown> | false | ((usual: Record<string, unknown>) => unknown);
  /** Where it is: below the well-known path with the path of the remote, without it, or only where the challenge says. */
  prmAt?: 'path' | 'root' | 'challenge-only';
  /** The paths of the MCP endpoints, each with metadata of its own; by default one is at every path that is asked. */
  endpoints?: string[];
  /** JSON-RPC methods that need no token. */
  publicMethods?: string[];
  /** The status of a GET without a good token, 401 by default; 405 is answered to every GET. */
  getStatus?: 401 | 405;
  /** An authorization server that lives on the remote's origin, made without `start` (MCP 2025-03-26). */
  own?: FakeAuthorizationServer;
}

export interface ProtectedRemote {
  remote: FakeRemote;
  url: string;
  origin: string;
  /** May be changed at any time. */
  protection: Protection;
  /** The requests for protected resource metadata. */
  metadataRequests: RecordedRequest[];
  /** Every request that was refused. */
  refused: { problem: Problem; request: RecordedRequest }[];
  /** The Authorization value of each request of this kind (a JSON-RPC or HTTP method). */
  credentials(what: string): (string | undefined)[];
}

/** The handshake and the list, which some servers leave open. */
export const openHandshake = ['initialize', 'notifications/initialized', 'tools/list'];

/** A fake remote that asks for bearer tokens, for the running test. */
export async function startProtectedRemote(
  protection: Protection,
  options: FakeRemoteOptions = {},
): Promise<ProtectedRemote> {
  const metadataRequests: RecordedRequest[] = [];
  const refused: ProtectedRemote['refused'] = [];
  const refuse = (exchange: Exchange, problem: Problem) => {
    refused.push({ problem, request: exchange.request });
    const field = challengeOf(protection, problem, exchange.request, remote);
    const error = problem === 'missing' ? 'invalid_token' : problem;
    const headers = field === undefined ? {} : { 'WWW-Authenticate': field };
    exchange.json(problem === 'insufficient_scope' ? 403 : 401, { error }, headers);
    return true;
  };
  const gate = (exchange: Exchange): boolean | Promise<boolean> => {
    const { request } = exchange;
    const { method, message } = request;
    const { pathname } = new URL(request.path, remote.origin);
    if (protection.own?.take(request, exchange.response)) return true;
    const endpoint = endpointsOf(protection, remote).find(
      (one) => pathname === metadataPath(protection, one),
    );
    if (endpoint !== undefined && protection.prm !== false) {
      metadataRequests.push(request);
      exchange.json(200, metadataOf(protection, remote.origin + endpoint));
      return true;
    }
    if (pathname.startsWith('/.well-known/')) {
      if (pathname.includes('oauth-protected-resource')) metadataRequests.push(request);
      exchange.status(404);
      return true;
    }
    if (protection.endpoints && !protection.endpoints.includes(pathname)) {
      exchange.status(404);
      return true;
    }
    if (method === 'GET' && protection.getStatus === 405) return false;
    if (protection.publicMethods?.includes(message?.method ?? '')) return false;
    if (protection.guard) return protection.guard(exchange);
    const [scheme, token = ''] = (request.headers.authorization ?? '').split(' ');
    if (scheme?.toLowerCase() !== 'bearer') return refuse(exchange, 'missing');
    const verdict = protection.isValid(token, request);
    if (verdict === true) return false;
    return refuse(exchange, verdict === false ? 'invalid_token' : verdict);
  };
  const remote = await startFakeRemote({ ...options, gate });
  if (protection.own) protection.own.origin = remote.origin;
  return {
    remote,
    url: remote.url,
    origin: remote.origin,
    protection,
    metadataRequests,
    refused,
    credentials: (what) => remote.of(what).map(({ headers }) => headers.authorization),
  };
}

/** The paths that have metadata of their own. */
function endpointsOf({ endpoints }: Protection, { url }: FakeRemote): string[] {
  return endpoints ?? [new URL(url).pathname];
}

function metadataPath({ prmAt = 'path' }: Protection, endpoint: string): string {
  if (prmAt === 'challenge-only') return '/about/protection.json';
  return `/.well-known/oauth-protected-resource${prmAt === 'path' ? endpoint : ''}`;
}

function metadataOf(protection: Protection, url: string): unknown {
  const { prm, own, authorizationServers = own ? [own.issuer] : [] } = protection;
  const usual = {
    resource: protection.resource ?? url,
    authorization_servers: authorizationServers,
    ...(protection.scopes && { scopes_supported: protection.scopes }),
    bearer_methods_supported: ['header'],
  };
  return typeof prm === 'function' ? prm(usual) : { ...usual, ...prm };
}

function challengeOf(
  protection: Protection,
  problem: Problem,
  request: RecordedRequest,
  remote: FakeRemote,
): string | undefined {
  const { challenge, scopeNeeded } = protection;
  if (typeof challenge === 'string') return challenge;
  if (challenge !== undefined) return challenge(problem, request);
  const [endpoint = ''] = endpointsOf(protection, remote);
  const asked = protection.endpoints ? new URL(request.path, remote.origin).pathname : endpoint;
  const parameters = {
    realm: 'mcp',
    error: problem === 'missing' ? undefined : problem,
    scope: scopeNeeded,
    resource_metadata:
      protection.prm === false ? undefined : `${remote.origin}${metadataPath(protection, asked)}`,
  };
  const given = Object.entries(parameters).filter(([, value]) => value !== undefined);
  return `Bearer ${given.map(([name, value]) => `${name}="${value}"`).join(', ')}`;
}
