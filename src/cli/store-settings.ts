import { DrawbridgeError } from '../errors.ts';
import { type StoreSecret, type StoreSettings, storeChoices } from '../settings.ts';
import type { OptionReader } from './option-reader.ts';

const variables: [name: string, kind: StoreSecret['kind'], from: StoreSecret['from']][] = [
  ['MCP_DRAWBRIDGE_PASSPHRASE', 'passphrase', 'text'],
  ['MCP_DRAWBRIDGE_PASSPHRASE_FILE', 'passphrase', 'file'],
  ['MCP_DRAWBRIDGE_KEY', 'key', 'text'],
  ['MCP_DRAWBRIDGE_KEY_FILE', 'key', 'file'],
];

/**
 * Where credentials are to be kept. What opens them is taken out of the environment: every process that is started from
 * here would inherit it.
 *
 * @throws DrawbridgeError `usage`
 */
export function takeStoreSettings(read: OptionReader, env: NodeJS.ProcessEnv): StoreSettings {
  const given = variables.flatMap(([name, kind, from]) => {
    const value = env[name];
    delete env[name];
    return value ? [{ name, kind, from, value }] : [];
  });
  if (given.length > 1)
    throw new DrawbridgeError(
      'usage',
      `${given.map(({ name }) => name).join(' and ')} are set; one is enough.`,
    );
  const [secret] = given.map(({ kind, from, value }): StoreSecret => ({ kind, from, value }));
  const choice = read.choice('store', storeChoices, 'auto');
  return { choice, secret: choice === 'memory' ? undefined : secret };
}
