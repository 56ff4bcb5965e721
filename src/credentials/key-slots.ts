import {
  createCipheriv,
  createDecipheriv,
  hkdfSync,
  randomBytes,
  type ScryptOptions,
  scrypt,
} from 'node:crypto';
import type { FileSlot, PassphraseSlot, RawSlot } from './key-file.ts';
import { machineId } from './machine.ts';
import { KEY_BYTES, type StoreKey, storeKey } from './sealed-file.ts';

const FILE_INFO = 'mcp-drawbridge/key-file/v1';
const RAW_INFO = 'mcp-drawbridge/given-key/v1';
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** As strong as OWASP's choice, at 32 MiB and about 170 ms: ten processes may start at once. */
const SCRYPT = { N: 2 ** 15, r: 8, p: 3 };
/** Wraps the store key by a passphrase. */
export async function sealByPassphrase(key: StoreKey, passphrase: string): Promise<PassphraseSlot> {
  const salt = randomBytes(32);
  const wrapping = await stretch(passphrase, salt, SCRYPT);
  const sealed = wrap(key, 'scrypt', wrapping);
  return { type: 'scrypt', since: Date.now(), ...SCRYPT, salt: salt.toString('base64'), sealed };
}

/** @returns undefined where it is another passphrase */
export async function openByPassphrase(
  slot: PassphraseSlot,
  kid: string,
  passphrase: string,
): Promise<StoreKey | undefined> {
  const wrapping = await stretch(passphrase, Buffer.from(slot.salt, 'base64'), slot);
  return unwrap(slot.sealed, 'scrypt', wrapping, kid);
}

/** Wraps the store key by a key that the user gives: no stretching, since it is random. */
export function sealByKey(key: StoreKey, given: StoreKey): RawSlot {
  return { type: 'raw', since: Date.now(), sealed: wrap(key, 'raw', rawKey(given)) };
}

/** @returns undefined where it is another key */
export function openByKey(slot: RawSlot, kid: string, given: StoreKey): StoreKey | undefined {
  return unwrap(slot.sealed, 'raw', rawKey(given), kid);
}

/**
 * Wraps the store key by what lies beside it, bound to this machine and user: a copy of the folder does not open
 * elsewhere. It is no protection from whoever can read files here.
 *
 * @param instead why it is not the keychain
 */
export function sealByFile(key: StoreKey, instead?: FileSlot['instead']): FileSlot {
  const secret = randomBytes(32);
  const machine = machineId();
  return {
    type: 'file',
    since: Date.now(),
    ...(instead && { instead }),
    machine: machine !== undefined,
    secret: secret.toString('base64'),
    sealed: wrap(key, 'file', fileKey(secret, machine)),
  };
}

/** @returns undefined where the machine or the user is another one, or the file is damaged */
export function openByFile(slot: FileSlot, kid: string): StoreKey | undefined {
  const machine = slot.machine ? machineId() : undefined;
  return unwrap(slot.sealed, 'file', fileKey(Buffer.from(slot.secret, 'base64'), machine), kid);
}

/** The key that the user gives, in base64 or base64url; undefined where it is not 32 bytes. */
export function parseRawKey(text: string): StoreKey | undefined {
  const bytes = /^[A-Za-z0-9+/_-]+={0,2}$/.test(text.trim()) ? Buffer.from(text.trim(), 'base64') : undefined;
  return bytes?.length === KEY_BYTES ? storeKey(bytes) : undefined;
}

function stretch(passphrase: string, salt: Buffer, { N, r, p }: typeof SCRYPT): Promise<Buffer> {
  // Node's limit is 32 MiB; twice what is needed leaves it room (RFC 7914 section 2: 128 * N * r bytes).
  const options: ScryptOptions = { N, r, p, maxmem: 256 * N * r + 1024 * 1024 };
  return new Promise((resolve, reject) =>
    // One who types a passphrase gets the same bytes on every system.
    scrypt(passphrase.normalize('NFC'), salt, 32, options, (error, key) =>
      error ? reject(error) : resolve(key),
    ),
  );
}

function rawKey({ bytes }: StoreKey): Buffer {
  return Buffer.from(hkdfSync('sha256', bytes, '', RAW_INFO, 32));
}

function fileKey(secret: Buffer, machine: string | undefined): Buffer {
  const uid = process.geteuid?.();
  const owner = JSON.stringify([machine ?? null, uid ?? null]);
  return Buffer.from(hkdfSync('sha256', secret, owner, FILE_INFO, 32));
}

function wrap(key: StoreKey, type: string, wrapping: Buffer): string {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv('aes-256-gcm', wrapping, nonce, { authTagLength: TAG_BYTES });
  cipher.setAAD(boundTo(type, key.kid));
  return Buffer.concat([nonce, cipher.update(key.bytes), cipher.final(), cipher.getAuthTag()]).toString(
    'base64',
  );
}

function unwrap(sealed: string, type: string, wrapping: Buffer, kid: string): StoreKey | undefined {
  const bytes = Buffer.from(sealed, 'base64');
  if (bytes.length !== NONCE_BYTES + KEY_BYTES + TAG_BYTES) return undefined;
  const tagAt = bytes.length - TAG_BYTES;
  try {
    const decipher = createDecipheriv('aes-256-gcm', wrapping, bytes.subarray(0, NONCE_BYTES), {
      authTagLength: TAG_BYTES,
    });
    decipher.setAAD(boundTo(type, kid));
    decipher.setAuthTag(bytes.subarray(tagAt));
    const opened = Buffer.concat([decipher.update(bytes.subarray(NONCE_BYTES, tagAt)), decipher.final()]);
    const key = storeKey(opened);
    return key.kid === kid ? key : undefined;
  } catch {
    return undefined;
  }
}

function boundTo(type: string, kid: string): Buffer {
  return Buffer.from(`mcp-drawbridge/slot/v1:${type}:${kid}`);
}
