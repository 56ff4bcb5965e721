import { DrawbridgeError, displayText } from '../errors.ts';
import { isObject } from '../jsonrpc.ts';
import { type KeychainProblem, keychainProblems } from './keychain.ts';
import type { PrivateFolder } from './private-folder.ts';
import { KEY_BYTES, storeKey } from './sealed-file.ts';

const KEY_FILE = 'key.json';
/** 1 held the key itself. */
const VERSION = 2;
const MAX_BYTES = 16 * 1024;

/** What a slot may ask scrypt for; more would be an attack on memory and time. */
const MOST = { N: 2 ** 18, r: 16, p: 8 };

interface SlotBase {
  /** When it was made, epoch ms; 0: not known. */
  since: number;
}

/** The store key is in the keychain, under the key's name. */
interface KeychainSlot extends SlotBase {
  type: 'keychain';
}

/** The store key, wrapped by a key that the user gives. */
export interface RawSlot extends SlotBase {
  type: 'raw';
  sealed: string;
}

/** The store key, wrapped by a passphrase. Bytes are in base64. */
export interface PassphraseSlot extends SlotBase {
  type: 'scrypt';
  N: number;
  r: number;
  p: number;
  salt: string;
  sealed: string;
}

/** The store key, wrapped by what lies beside it and by what is known of the machine and the user. */
export interface FileSlot extends SlotBase {
  type: 'file';
  /** Why the keychain was not taken, where it would have been. */
  instead?: KeychainProblem;
  /** Whether the machine's id goes into it: not every system tells one. */
  machine: boolean;
  secret: string;
  sealed: string;
}

/** The store key itself, of version 1. */
interface PlainSlot extends SlotBase {
  type: 'plain';
  key: string;
}

/** A way to the store key. */
export type Slot = KeychainSlot | RawSlot | PassphraseSlot | FileSlot;

/** How the store key is held: by the same key, each slot leads to it (docs/decisions/0012). */
export interface KeyFile {
  kid: string;
  slots: (Slot | PlainSlot)[];
  /** Slots of a later version, as they stand in the file. */
  unknown: unknown[];
}

/** Whether there is a key, and so a store. */
export function hasKey(folder: PrivateFolder): boolean {
  return folder.has(KEY_FILE);
}

/**
 * Reads how the key is held.
 *
 * @returns undefined where there is none yet
 * @throws DrawbridgeError `credential-store` where the file is damaged, or of a later version
 */
export function readKeyFile(folder: PrivateFolder): KeyFile | undefined {
  const file = folder.read(KEY_FILE, MAX_BYTES);
  if (file === undefined) return undefined;
  const value = parse(file.bytes.toString('utf8'));
  if (!isObject(value) || !Number.isSafeInteger(value.version) || (value.version as number) < 1)
    throw damaged(folder);
  const { version, kid, holder, key, slots } = value;
  if ((version as number) > VERSION || (version === 1 && typeof holder === 'string' && holder !== 'file'))
    throw newer(folder);
  if (typeof kid !== 'string') throw damaged(folder);
  if (version === 1) {
    const bytes = typeof key === 'string' ? Buffer.from(key, 'base64') : Buffer.alloc(0);
    if (bytes.length !== KEY_BYTES || storeKey(bytes).kid !== kid) throw damaged(folder);
    return { kid, slots: [{ type: 'plain', since: 0, key: key as string }], unknown: [] };
  }
  if (!Array.isArray(slots) || slots.length === 0) throw damaged(folder);
  const read = slots.map((slot) => ({ slot, known: parseSlot(slot, folder) }));
  const known = read.flatMap((each) => each.known ?? []);
  if (known.length === 0) throw newer(folder);
  return { kid, slots: known, unknown: read.filter((each) => !each.known).map(({ slot }) => slot) };
}

/** What is written to hold a key so. */
export function keyFileContent(kid: string, slots: readonly unknown[]): Buffer {
  return Buffer.from(`${JSON.stringify({ version: VERSION, kid, slots })}\n`);
}

/** Puts another content in the place of the old one. */
export async function replaceKeyFile(folder: PrivateFolder, content: Buffer): Promise<void> {
  await folder.replace(KEY_FILE, content);
}

/** Creates the file unless there is one. */
export async function createKeyFile(folder: PrivateFolder, content: Buffer): Promise<void> {
  await folder.createOnce(KEY_FILE, content);
}

/** What is said where records are there and their key is not. */
export function keyMissing(folder: PrivateFolder): DrawbridgeError {
  return keyFailure(
    folder,
    `Their key, ${KEY_FILE}, is missing. Put it back from a backup, or delete the folder and sign in again`,
  );
}

/** Records that can't be opened, and the way out: the folder is named behind it. */
export function keyFailure(folder: PrivateFolder, what: string): DrawbridgeError {
  return new DrawbridgeError(
    'credential-store',
    `The stored credentials can't be opened. ${what}: ${displayText(folder.path, 250)}`,
  );
}

function damaged(folder: PrivateFolder): DrawbridgeError {
  return keyFailure(
    folder,
    `Their key, ${KEY_FILE}, is damaged. Put it back from a backup, or delete the folder and sign in again`,
  );
}

function newer(folder: PrivateFolder): DrawbridgeError {
  return keyFailure(folder, 'A newer version of mcp-drawbridge keeps their key. Update this one');
}

/** @returns undefined for a slot of a later version */
function parseSlot(value: unknown, folder: PrivateFolder): Slot | undefined {
  if (!isObject(value) || typeof value.type !== 'string') throw damaged(folder);
  const since = Number.isSafeInteger(value.since) ? (value.since as number) : 0;
  const { type, sealed, secret, salt, machine, instead, N, r, p } = value;
  if (type === 'keychain') return { type, since };
  if (type === 'raw' && typeof sealed === 'string') return { type, since, sealed };
  if (type === 'scrypt') {
    if (typeof salt !== 'string' || typeof sealed !== 'string' || !isScryptCost({ N, r, p }))
      throw damaged(folder);
    return { type, since, N, r, p, salt, sealed } as PassphraseSlot;
  }
  if (type !== 'file' && type !== 'raw') return undefined;
  if (
    type === 'raw' ||
    typeof secret !== 'string' ||
    typeof sealed !== 'string' ||
    typeof machine !== 'boolean'
  )
    throw damaged(folder);
  const problem = keychainProblems.find((known) => known === instead);
  return { type, since, machine, secret, sealed, ...(problem && { instead: problem }) };
}

/** Whether these are parameters of scrypt that a reader goes along with (RFC 7914 section 2). */
function isScryptCost({ N, r, p }: Record<'N' | 'r' | 'p', unknown>): boolean {
  const isCount = (value: unknown, most: number): value is number =>
    Number.isInteger(value) && (value as number) >= 1 && (value as number) <= most;
  return (
    isCount(N, MOST.N) && N > 1 && Number.isInteger(Math.log2(N)) && isCount(r, MOST.r) && isCount(p, MOST.p)
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
