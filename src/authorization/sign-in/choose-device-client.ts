import { idOf } from '../../credentials/ids.ts';
import { parseRegistrationRecord } from '../../credentials/record.ts';
import { DEVICE_CODE_GRANT, isAlive, register } from '../registration.ts';
import { covers, unite } from '../scopes.ts';
import { put } from '../stored-credentials.ts';
import type { TokenClient } from '../token-endpoint.ts';
import { type ClientChoice, givenClient, termsId, termsOf } from './choose-client.ts';

/** Registered because many servers take no client without one. Nothing listens there, and no request names it. */
const UNUSED_REDIRECT = 'http://127.0.0.1/callback';

/**
 * Chooses the client for a sign-in by device code, in the same order as for one by redirect; its registration is one of
 * its own, since it is for another grant (RFC 7591 section 2, grant_types).
 *
 * @param renews the registration that is kept is not to be used
 */
export async function chooseDeviceClient(
  { task, http, store, server, scope, isBound = false }: Omit<ClientChoice, 'listen'>,
  renews = false,
): Promise<{ client: TokenClient; isCached: boolean }> {
  const given = await givenClient(task.signIn, server);
  if (given && !(renews && given.source === 'metadata-document')) return { client: given, isCached: false };
  const apart = [...(isBound ? ['dpop'] : []), ...termsId(task.signIn)];
  const id = idOf('registration', server.issuer, DEVICE_CODE_GRANT, ...apart);
  const stored = store.read<unknown>('client', id);
  const kept = stored && parseRegistrationRecord(stored.value);
  const isUsable =
    kept && !renews && isAlive(kept) && (kept.scope === undefined || covers(kept.scope, scope));
  if (isUsable) return { client: kept.client, isCached: true };
  const wanted = scope === undefined ? undefined : unite(kept?.scope, scope);
  const mcpServer = new URL(task.server);
  const terms = { ...termsOf(task.signIn), grants: [DEVICE_CODE_GRANT], isBound };
  const record = await register(http, server, UNUSED_REDIRECT, wanted, mcpServer, terms);
  await put(store, 'client', id, record);
  return { client: record.client, isCached: false };
}
