import { CredentialStore } from '../../credentials/store.ts';
import type { Logger } from '../../logger.ts';
import type { StoreSettings } from '../../settings.ts';

/**
 * The store that lasts, not yet unlocked. A wish to keep nothing (`--store memory`) is one of bridges, and says nothing of
 * what was kept before.
 *
 * @throws DrawbridgeError `credential-store`
 */
export function openKeptStore(
  folder: string,
  { choice, secret }: StoreSettings,
  log: Logger,
): CredentialStore {
  return CredentialStore.open(folder, {
    log,
    settings: { choice: choice === 'memory' ? 'auto' : choice, secret },
    mayPrompt: process.stderr.isTTY,
  });
}
