import type { Revocation } from '../../authorization/revocation.ts';
import type { ConnectionRecord } from '../../credentials/record.ts';
import { absoluteTime, relativeTime } from './times.ts';

/** "mcp.example.com", and the profile where it is not the default one. */
export function connectionName({ server, profile }: { server: string; profile: string }): string {
  const { host, pathname } = new URL(server);
  const place = `${host}${pathname === '/' ? '' : pathname}`;
  return profile === 'default' ? place : `${place} (profile ${profile})`;
}

/**
 * What came of the revocation of a record, as one sentence.
 *
 * @param now epoch milliseconds
 */
export function revocationText(record: ConnectionRecord, revocation: Revocation, now: number): string {
  const host = hostOf(record.issuer);
  switch (revocation.kind) {
    case 'revoked':
      return `The tokens were revoked at ${host}.`;
    case 'failed':
      return `The tokens could not be revoked at ${host}: ${revocation.error.message.replace(/\.$/, '')}. ${restOf(record, now)}`;
    case 'not-offered':
      return record.personalToken
        ? `The personal access token is still valid; revoke it in the settings of ${host} if nobody else uses it.`
        : `${host} offers no revocation. ${restOf(record, now)}`;
  }
}

/**
 * That the sign-in at an identity provider stays, and what ends it.
 *
 * @param name as `connectionName` has it
 * @param uses how many other servers are used through it
 */
export function keptIdentityProvider(server: string, name: string, profile: string, uses: number): string {
  const others = uses === 1 ? 'another server is' : `${uses} other servers are`;
  const option = profile === 'default' ? '' : ` --profile ${profile}`;
  return `You stay signed in at ${name}, since ${others} used through it; to end that: npx -y mcp-drawbridge logout ${server}${option}`;
}

/** What the tokens that are left at the authorization server are still good for. */
function restOf({ expiresAt, refreshToken }: ConnectionRecord, now: number): string {
  const advice = 'to end it at once, use the settings of the service';
  if (refreshToken !== undefined) return `There the grant stands until it is ended; ${advice}.`;
  if (expiresAt === undefined) return `There the access token stays valid; ${advice}.`;
  if (expiresAt <= now) return 'The access token had ended by itself.';
  return `There the access token ends ${relativeTime(expiresAt, now)} (${absoluteTime(expiresAt)}); ${advice}.`;
}

export function hostOf(issuer: string): string {
  return URL.canParse(issuer) ? new URL(issuer).host : 'the authorization server';
}
