import type { Authorizer } from '../authorization/authorizer.ts';
import { OAuthAuthorizer } from '../authorization/oauth-authorizer.ts';
import type { ServerMemory } from '../bridge/server-memory.ts';
import { StoredServerMemory } from '../bridge/stored-server-memory.ts';
import { openStore } from '../credentials/open-store.ts';
import type { Logger } from '../logger.ts';
import type { Settings } from '../settings.ts';

/** What a connection has that OAuth protects: who gives its credentials, and what is remembered of its server. */
export interface OAuthConnection {
  authorizer: Authorizer;
  memory: ServerMemory;
}

/**
 * Unlocks the credential store, for which the keychain may be waited for.
 *
 * @param folder of the credential store
 * @throws DrawbridgeError `credential-store`
 */
export async function openOAuthConnection(
  settings: Settings,
  folder: string,
  log: Logger,
): Promise<OAuthConnection> {
  const { secret } = settings.store;
  if (secret?.from === 'text') log.protect(secret.value);
  const opened = await openStore(settings.store, folder, { log });
  const { store } = opened;
  return {
    authorizer: new OAuthAuthorizer({ ...settings, store: opened.settings }, opened.folder, store, log),
    memory: new StoredServerMemory(store, settings.url.href, settings.signIn.profile, log),
  };
}
