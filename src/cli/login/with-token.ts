import { jwtExpiry } from '../../authorization/jwt.ts';
import { savePersonalToken } from '../../authorization/stored-credentials.ts';
import type { ConnectionRecord } from '../../credentials/record.ts';
import type { CredentialStore } from '../../credentials/store.ts';
import { asDrawbridgeError, DrawbridgeError } from '../../errors.ts';
import type { Settings } from '../../settings.ts';
import { askForChallenge } from '../ask-for-challenge.ts';
import { absoluteTime } from '../stored/times.ts';

/**
 * Stores a personal access token for the bridges, unless the server refuses it at once. A server that can't be asked now
 * is no reason against it.
 *
 * @throws DrawbridgeError `unauthorized` where it is refused
 */
export async function storeToken(
  settings: Settings,
  store: CredentialStore,
  token: string,
  say: (text: string) => void,
  signal: AbortSignal,
): Promise<ConnectionRecord> {
  const { url, signIn, headers } = settings;
  const expiresAt = jwtExpiry(token);
  const given = { ...settings, headers: { ...headers, Authorization: `Bearer ${token}` } };
  const status = await askForChallenge(given, signal).then(
    (asked) => asked.status,
    (error: unknown) => {
      signal.throwIfAborted();
      say(`It could not be tried: ${asDrawbridgeError(error).message}`);
    },
  );
  if (status === 401) {
    const why =
      expiresAt !== undefined && expiresAt <= Date.now()
        ? `it expired at ${absoluteTime(expiresAt)}`
        : 'it may be incomplete, revoked, or for another server';
    throw new DrawbridgeError(
      'unauthorized',
      `${url.host} refuses this token (HTTP 401): ${why}. Nothing was stored.`,
      { status },
    );
  }
  return savePersonalToken(store, url, signIn.profile, token, expiresAt);
}
