import { asDrawbridgeError } from '../errors.ts';
import type { Logger } from '../logger.ts';
import type { OAuthHttp } from '../platform/oauth-http.ts';
import type { Settings } from '../settings.ts';
import { Discovery } from './discovery.ts';

/**
 * The issuer that the server names at a challenge: the one of the credentials wherever that is among them, or nothing
 * can be learned (MCP 2026-07-28, Authorization Server Binding).
 *
 * @param metadataUrl `resource_metadata` of the challenge
 * @param issuer the one of the credentials
 */
export async function issuerNow(
  http: OAuthHttp,
  { url, signIn }: Pick<Settings, 'url' | 'signIn'>,
  metadataUrl: string | undefined,
  issuer: string,
  log: Logger,
): Promise<string> {
  if (signIn.issuer !== undefined) return issuer;
  try {
    const resource = await new Discovery(http, url).protectedResource(metadataUrl, signIn.resource);
    const named = resource?.authorizationServers;
    return named === undefined || named.includes(issuer) ? issuer : (named[0] as string);
  } catch (error) {
    // Its own token endpoint is the only place where secrets of it go, whatever the metadata would have said.
    log.info('metadata not read', { reason: asDrawbridgeError(error).reason });
    return issuer;
  }
}
