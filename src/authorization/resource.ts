/** The resource indicator: which server a token is asked for (RFC 8707, MCP 2025-11-25, Resource Parameter). */

/**
 * The canonical URI of an MCP server: without query and fragment, without the slash of an empty path. Used where no
 * metadata names the resource; a query may hold a key that is none of the authorization server's business.
 */
export function canonicalResource(server: URL): string {
  return server.origin + (server.pathname === '/' ? '' : server.pathname);
}

/**
 * Whether a protected resource metadata document that calls itself `resource` speaks for a server: the same URL, or one
 * of the same origin whose path is a prefix on a segment boundary. A document for anything else could fetch another
 * server's token for this one [18] (RFC 9728 section 3.3, and what the official SDKs accept).
 */
export function speaksFor(resource: string, server: URL): boolean {
  // Sent as it stands, so what the parser would repair is refused, too [1].
  if (resource.length > 2048 || /[\u0000-\u0020\u007f-\u00a0\\#]/.test(resource)) return false;
  if (!URL.canParse(resource)) return false;
  const url = new URL(resource);
  if (url.origin !== server.origin || url.username || url.password) return false;
  const path = url.pathname.replace(/\/$/, '');
  return server.pathname === path || server.pathname.startsWith(`${path}/`);
}
