import type { Authorizer } from '../authorization/authorizer.ts';
import type { ServerMemory } from '../bridge/server-memory.ts';
import { StoredServerMemory } from '../bridge/stored-server-memory.ts';
import { openStore } from '../credentials/open-store.ts';
import type { CredentialStore } from '../credentials/store.ts';
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
    authorizer: await openAuthorizer({ ...settings, store: opened.settings }, opened.folder, store, log),
    memory: new StoredServerMemory(store, settings.url.href, settings.signIn.profile, log),
  };
}

/** Of the two only the one that is needed is loaded. */
async function openAuthorizer(
  settings: Settings,
  folder: string,
  store: CredentialStore,
  log: Logger,
): Promise<Authorizer> {
  if (settings.signIn.grant === 'user') {
    const { OAuthAuthorizer } = await import('../authorization/oauth-authorizer.ts');
    return new OAuthAuthorizer(settings, folder, store, log);
  }
  const { MachineAuthorizer } = await import('../authorization/machine/machine-authorizer.ts');
  return new MachineAuthorizer({ settings, folder, store, log });
}
