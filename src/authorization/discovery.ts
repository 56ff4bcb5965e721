import { DrawbridgeError, displayText, type ErrorDetails } from '../errors.ts';
import type { OAuthHttp } from '../platform/oauth-http.ts';
import { parseNamedUrl } from '../platform/url-policy.ts';
import {
  type AuthorizationServerMetadata,
  assumedAuthorizationServer,
  type ProtectedResourceMetadata,
  parseAuthorizationServer,
  parseProtectedResource,
} from './metadata.ts';
import { speaksFor } from './resource.ts';

/** For connection, headers and body of one document, in milliseconds [13]. */
const TIMEOUT = 10_000;
/** For one attempt, whatever a server names [14]. */
const MAX_REQUESTS = 8;
const MAX_REDIRECTS = 3;
const HEADERS = { 'MCP-Protocol-Version': '2025-11-25' } as const;

/**
 * Finds who authorizes for an MCP server, and how (RFC 9728, RFC 8414, MCP 2025-11-25 and 2025-03-26 Authorization).
 * One object is one attempt; its requests are bounded together.
 */
export class Discovery {
  readonly #http: OAuthHttp;
  readonly #server: URL;
  #requests = 0;

  constructor(http: OAuthHttp, server: URL) {
    this.#http = http;
    this.#server = server;
  }

  /**
   * The protected resource metadata: from the challenge's URL, else for the server's path, else at the root.
   *
   * @param challengeUrl `resource_metadata` of the challenge
   * @param trusted a resource that the user has named (`--resource`), accepted whatever its origin
   * @returns undefined where there is none anywhere
   * @throws DrawbridgeError where the document is for another resource, or a place gave no sound answer
   */
  async protectedResource(
    challengeUrl: string | undefined,
    trusted?: string | null,
  ): Promise<ProtectedResourceMetadata | undefined> {
    const { origin, pathname } = this.#server;
    const wellKnown = `${origin}/.well-known/oauth-protected-resource`;
    const places = [challengeUrl, ...(pathname === '/' ? [] : [wellKnown + pathname]), wellKnown];
    let broken: string | undefined;
    for (const place of new Set(places)) {
      const url = parseNamedUrl(place, this.#server);
      if (!url) continue;
      const answer = await this.#read(url, true);
      if (answer.status >= 500) broken = url.origin;
      const found = answer.json && parseProtectedResource(answer.json);
      if (!found) continue;
      if (speaksFor(found.resource, this.#server) || found.resource === trusted) return found;
      throw mismatch(found.resource, this.#server);
    }
    if (broken) throw unsound(`${broken} failed to give its protected resource metadata`);
    return undefined;
  }

  /**
   * The metadata of an issuer, in the order of MCP 2025-11-25 (Authorization Server Metadata Discovery); its `issuer`
   * must be the very string that led to it.
   *
   * @throws DrawbridgeError `authorization-server`
   */
  async authorizationServer(issuer: string): Promise<AuthorizationServerMetadata> {
    const url = parseNamedUrl(issuer, this.#server);
    if (!url || url.search)
      throw unsound(
        `the server names an authorization server that can't be used: ${displayText(issuer, 100)}`,
      );
    const found = await this.#findMetadata(url, (named) => named === issuer);
    if (found) return found;
    throw unsound(`${url.origin} gives no authorization server metadata`);
  }

  /** The way of MCP 2025-03-26, for servers without protected resource metadata: all is on the server's own origin. */
  async legacyAuthorizationServer(): Promise<AuthorizationServerMetadata> {
    const { origin } = this.#server;
    const isOrigin = (issuer: string): boolean => issuer === origin || issuer === `${origin}/`;
    return (await this.#findMetadata(new URL(origin), isOrigin)) ?? assumedAuthorizationServer(origin);
  }

  async #findMetadata(
    issuer: URL,
    isExpected: (issuer: string) => boolean,
  ): Promise<AuthorizationServerMetadata | undefined> {
    const path = issuer.pathname.replace(/\/$/, '');
    const at = (place: string): URL => new URL(issuer.origin + place);
    const places = [
      at(`/.well-known/oauth-authorization-server${path}`),
      at(`/.well-known/openid-configuration${path}`),
      // Never the root's documents for an issuer with a path: they are another tenant's.
      ...(path ? [at(`${path}/.well-known/openid-configuration`)] : []),
    ];
    let fault: string | undefined;
    for (const place of places) {
      const { status, json } = await this.#read(place, false);
      if (status >= 500)
        throw unsound(`${issuer.origin} failed to give its metadata (HTTP ${status})`, { status });
      if (!json || typeof json.issuer !== 'string') continue;
      if (!isExpected(json.issuer)) {
        fault = `the metadata of ${issuer.origin} names another issuer, ${displayText(json.issuer, 100)}`;
        continue;
      }
      const metadata = parseAuthorizationServer(json, this.#server);
      if (metadata) return metadata;
      fault = `the metadata of ${issuer.origin} names endpoints that can't be used (https is needed)`;
    }
    if (fault) throw unsound(fault);
    return undefined;
  }

  async #read(
    url: URL,
    mayLeave: boolean,
  ): Promise<{ status: number; json: Record<string, unknown> | undefined }> {
    let at = url;
    for (let hops = 0; ; hops++) {
      if (++this.#requests > MAX_REQUESTS) throw unsound('the metadata leads from one place to the next');
      const { status, headers, json } = await this.#http.request(at, {
        method: 'GET',
        headers: HEADERS,
        timeout: TIMEOUT,
      });
      if (status < 300 || status >= 400) return { status, json: status === 200 ? json : undefined };
      const { location } = headers;
      const next = location && URL.canParse(location, at.href) ? new URL(location, at).href : undefined;
      const to = parseNamedUrl(next, this.#server);
      const isAllowed = to && hops < MAX_REDIRECTS && (mayLeave || to.origin === url.origin);
      if (!isAllowed) return { status: 404, json: undefined };
      at = to;
    }
  }
}

function mismatch(resource: string, server: URL): DrawbridgeError {
  const named = displayText(resource, 100);
  // A hint to be typed holds nothing that a shell would take for more than a word.
  const hint = /^https?:\/\/[\w.~:/%-]{1,90}$/.test(resource)
    ? `if that is right, give --resource ${resource}`
    : 'please tell whoever runs that server';
  return new DrawbridgeError(
    'authorization-server',
    `The metadata of ${server.host} is for another resource, ${named}; ${hint}.`,
    { url: server.origin + server.pathname },
  );
}

function unsound(what: string, details: ErrorDetails = {}): DrawbridgeError {
  return new DrawbridgeError(
    'authorization-server',
    `Can't sign in: ${what}; please tell whoever runs that server.`,
    details,
  );
}
