import { randomBytes } from 'node:crypto';
import { DrawbridgeError, displayText } from '../errors.ts';
import { isObject } from '../jsonrpc.ts';
import type { PrivateFolder } from './private-folder.ts';
import { type StoreKey, storeKey } from './sealed-file.ts';

const KEY_FILE = 'key.json';
const VERSION = 1;
const KEY_BYTES = 32;
const MAX_BYTES = 4096;

/** Whether there is a key, and so a store. */
export function hasKey(folder: PrivateFolder): boolean {
  return folder.has(KEY_FILE);
}

/**
 * The store key, as its holder gives it: so far a file next to the records (security.md section 5, holder `file`).
 *
 * @returns undefined where there is none yet
 * @throws DrawbridgeError `credential-store` where the file is damaged, or of a later version
 */
export function readKey(folder: PrivateFolder): StoreKey | undefined {
  const file = folder.read(KEY_FILE, MAX_BYTES);
  if (file === undefined) return undefined;
  const value = parse(file.bytes.toString('utf8'));
  if (isObject(value) && Number.isSafeInteger(value.version) && (value.version as number) >= 1) {
    if (value.version !== VERSION || (typeof value.holder === 'string' && value.holder !== 'file')) {
      throw failure(folder, 'A newer version of mcp-drawbridge keeps their key. Update this one');
    }
    if (value.holder === 'file' && typeof value.key === 'string') {
      const bytes = Buffer.from(value.key, 'base64');
      const key = bytes.length === KEY_BYTES ? storeKey(bytes) : undefined;
      if (key !== undefined && key.kid === value.kid) return key;
    }
  }
  throw failure(
    folder,
    `Their key, ${KEY_FILE}, is damaged. Put it back from a backup, or delete the folder and sign in again`,
  );
}

/**
 * The store key, created where there is none. Of several processes one creates it, and all get the same; none is ever
 * created beside records that another has sealed [48].
 *
 * @param hasRecords whether there are sealed records
 * @throws DrawbridgeError `credential-store`
 */
export async function ensureKey(folder: PrivateFolder, hasRecords: () => boolean): Promise<StoreKey> {
  const known = readKey(folder);
  if (known !== undefined) return known;
  if (hasRecords()) {
    // Another process may have created the key, and sealed its first record, in between.
    const late = readKey(folder);
    if (late === undefined) throw keyMissing(folder);
    return late;
  }
  const bytes = randomBytes(KEY_BYTES);
  const { kid } = storeKey(bytes);
  const content = { version: VERSION, kid, holder: 'file', key: bytes.toString('base64') };
  await folder.createOnce(KEY_FILE, Buffer.from(`${JSON.stringify(content)}\n`));
  const key = readKey(folder);
  if (key === undefined) throw keyMissing(folder);
  return key;
}

/** What is said where records are there and their key is not. */
export function keyMissing(folder: PrivateFolder): DrawbridgeError {
  return failure(
    folder,
    `Their key, ${KEY_FILE}, is missing. Put it back from a backup, or delete the folder and sign in again`,
  );
}

function failure(folder: PrivateFolder, what: string): DrawbridgeError {
  return new DrawbridgeError(
    'credential-store',
    `The stored credentials can't be opened. ${what}: ${displayText(folder.path, 300)}`,
  );
}

/** JSON, or undefined: an error of the parser would quote the file [75]. */
function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
