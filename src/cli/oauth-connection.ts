import type { Authorizer } from '../authorization/authorizer.ts';
import { OAuthAuthorizer } from '../authorization/oauth-authorizer.ts';
import type { ServerMemory } from '../bridge/server-memory.ts';
import { StoredServerMemory } from '../bridge/stored-server-memory.ts';
import { CredentialStore } from '../credentials/store.ts';
import type { Logger } from '../logger.ts';
import type { Settings } from '../settings.ts';

/** What a connection has that OAuth protects: who gives its credentials, and what is remembered of its server. */
export interface OAuthConnection {
  authorizer: Authorizer;
  memory: ServerMemory;
}

/**
 * @param folder of the credential store
 * @throws DrawbridgeError `credential-store`
 */
export function openOAuthConnection(settings: Settings, folder: string, log: Logger): OAuthConnection {
  const store = CredentialStore.open(folder, { log });
  return {
    authorizer: new OAuthAuthorizer(settings, folder, store, log),
    memory: new StoredServerMemory(store, settings.url.href, settings.signIn.profile, log),
  };
}
