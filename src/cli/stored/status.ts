import { stateFolder } from '../../platform/paths.ts';
import { parseServerUrl } from '../../platform/url-policy.ts';
import { createLogger } from '../create-logger.ts';
import { OptionReader } from '../option-reader.ts';
import type { OptionValues } from '../options.ts';
import { takeStoreSettings } from '../store-settings.ts';
import { openKeptStore } from './kept-store.ts';
import { print, stdoutSurface } from './output.ts';
import { readStatus } from './status-report.ts';
import { statusText } from './status-text.ts';

/** `status <url>`: nothing that a bridge could use. */
const NOT_USABLE = 4;

/**
 * `status`: shows what is stored. Asks nobody but the keychain, and changes nothing.
 *
 * @param url undefined: all servers
 * @param given options of the bridge; of these `profile` counts
 * @param isJson whether one JSON document is wanted (docs/status-json.md)
 * @returns the exit code
 * @throws DrawbridgeError `usage`, `credential-store`
 */
export async function runStatus(
  url: string | undefined,
  given: OptionValues,
  isJson: boolean,
): Promise<number> {
  const { env } = process;
  const read = new OptionReader(given, env);
  // Nothing is sent there.
  const server = url === undefined ? undefined : parseServerUrl(url, { allowHttp: true });
  const log = createLogger({ level: 'warn', format: 'text' });
  const folder = await stateFolder(env);
  const store = openKeptStore(folder, takeStoreSettings(read, env), log);
  await store.unlock();
  const query = { server, profile: read.text('profile') };
  const report = readStatus(store, folder, query, Date.now(), log);
  const asked = server && (server.search ? `${server.origin}${server.pathname}?…` : server.href);
  await print(isJson ? `${JSON.stringify(report, null, 2)}\n` : statusText(report, asked, stdoutSurface()));
  await log.flush();
  const isUsable = report.connections.some(({ inUse, usable }) => inUse && usable);
  return server === undefined || isUsable ? 0 : NOT_USABLE;
}
