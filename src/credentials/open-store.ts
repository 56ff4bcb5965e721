import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { StoreSettings } from '../settings.ts';
import { KEY_BYTES } from './sealed-file.ts';
import { CredentialStore, type StoreOptions } from './store.ts';

/** A store, and what another process of this program needs to open the same one. */
export interface OpenedStore {
  store: CredentialStore;
  folder: string;
  settings: StoreSettings;
}

/**
 * Opens and unlocks the store that the settings want. With `memory` that is one of this process and of those it hands
 * the result to: what it writes lies in a temporary folder, sealed with a key that is in no file.
 *
 * @param folder of the store that lasts
 * @throws DrawbridgeError `credential-store`
 */
export async function openStore(
  settings: StoreSettings,
  folder: string,
  options: Omit<StoreOptions, 'settings'> = {},
): Promise<OpenedStore> {
  const opened = settings.choice === 'memory' && !settings.secret ? makeMemory() : { folder, settings };
  const store = CredentialStore.open(opened.folder, { ...options, settings: opened.settings });
  await store.unlock();
  return { store, ...opened };
}

function makeMemory(): Omit<OpenedStore, 'store'> {
  const folder = mkdtempSync(join(tmpdir(), 'mcp-drawbridge-'));
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
  const value = randomBytes(KEY_BYTES).toString('base64');
  return { folder, settings: { choice: 'memory', secret: { kind: 'key', from: 'text', value } } };
}
