import { loginCommand } from '../../authorization/sign-in/command.ts';
import type { ConnectionRecord } from '../../credentials/record.ts';
import { buildSettings } from '../build-settings.ts';
import type { OptionValues } from '../options.ts';

/**
 * The `login` that gives credentials anew.
 *
 * @param record those that are there
 * @param all what is stored besides: a sign-in at an identity provider is made for one of the servers that it serves
 * @returns null where there is none that would
 */
export function fixCommand(
  server: string,
  profile: string | undefined,
  record?: ConnectionRecord,
  all: readonly ConnectionRecord[] = [],
): string | null {
  if (record && isIdentityProvider(record)) {
    const served = all.find((other) => servesThrough(record, other));
    return served ? fixCommand(served.server, served.profile, served, all) : null;
  }
  const { client, personalToken, idToken } = record ?? {};
  const isConfigured = client?.source === 'configured' && !personalToken;
  const identityProvider = record && all.find((other) => servesThrough(other, record));
  const given: OptionValues = {
    'allow-http': true,
    ...(profile !== undefined && { profile }),
    ...(isConfigured && { 'client-id': client.id }),
    ...(client?.source === 'metadata-document' && { 'client-metadata-url': client.id }),
    ...(idToken !== undefined && { 'use-id-token': true }),
    ...(identityProvider && {
      'idp-issuer': identityProvider.issuer,
      'idp-client-id': identityProvider.client.id,
    }),
  };
  return loginCommand(buildSettings(server, given, {}), personalToken ? '--with-token' : undefined);
}

/** The server of such a connection is the issuer itself. */
function isIdentityProvider({ server, issuer, idToken }: ConnectionRecord): boolean {
  return idToken !== undefined && URL.canParse(issuer) && new URL(issuer).href === server;
}

function servesThrough(one: ConnectionRecord, { identityProvider, profile }: ConnectionRecord): boolean {
  return isIdentityProvider(one) && identityProvider === one.issuer && profile === one.profile;
}
