import { askedFor } from '../credentials/apart.ts';
import type { ConnectionRecord } from '../credentials/record.ts';
import type { GrantChoice, SignInSettings } from '../settings.ts';

/** What the records of each grant say of it. */
const kinds: Readonly<Record<GrantChoice, ConnectionRecord['grant']>> = {
  user: undefined,
  'client-credentials': 'client_credentials',
  workload: 'workload',
  enterprise: 'enterprise',
};

/**
 * Whether kept credentials are such as the settings ask for.
 *
 * @param movedTo the issuer that the server names by now, where that is another than before
 */
export function serves(
  record: ConnectionRecord,
  signIn: SignInSettings,
  movedTo: string | undefined,
): boolean {
  const { grant, clientId, issuer = movedTo, useIdToken, dpop } = signIn;
  // Whoever stores a token wants it used, whichever client and issuer a sign-in would take.
  if (record.personalToken) return grant === 'user';
  const isBound = record.tokenType === 'DPoP';
  return (
    record.grant === kinds[grant] &&
    (!useIdToken || record.idToken !== undefined) &&
    (clientId === undefined || record.client.id === clientId) &&
    (issuer === undefined || record.issuer === issuer) &&
    (dpop === 'auto' || useIdToken || isBound === (dpop === 'on')) &&
    (grant === 'user' || isOnTerms(record, signIn))
  );
}

/** No sign-in has to be repeated for other terms: they hold at once. */
function isOnTerms(record: ConnectionRecord, signIn: SignInSettings): boolean {
  const { scope, resource, tokenEndpoint } = signIn;
  return (
    (scope === undefined || record.requestedScope === scope) &&
    (resource === undefined || record.resource === resource) &&
    (tokenEndpoint === undefined || record.tokenEndpoint === tokenEndpoint) &&
    record.authorizeParams === askedFor(signIn).authorizeParams
  );
}
