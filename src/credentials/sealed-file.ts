import { createCipheriv, createDecipheriv, hkdfSync, randomBytes, timingSafeEqual } from 'node:crypto';
import { isObject } from '../jsonrpc.ts';

/** The name in the key derivation (security.md section 5): a key for something else can't come out the same. */
const INFO = 'mcp-drawbridge/record/v1';
const CHECK_INFO = 'kcv';
const KID_INFO = 'mcp-drawbridge/kid/v1';

const MAGIC = Buffer.from('BRG1', 'latin1');
const VERSION = 1;
const SUITE = 1;
const FIXED_BYTES = 8;
const MAX_HEADER_BYTES = 4096;
/** Bytes of the store key. */
export const KEY_BYTES = 32;
const SALT_BYTES = 32;
const CHECK_BYTES = 8;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** The store key: 32 bytes, named by what is derived from them, so that a wrong or damaged key is told at once. */
export interface StoreKey {
  readonly kid: string;
  readonly bytes: Buffer;
}

/** A key under its name, 16 hex digits of an HKDF of it. */
export function storeKey(bytes: Buffer): StoreKey {
  return { bytes, kid: derive(bytes, Buffer.alloc(0), KID_INFO, 8).toString('hex') };
}

/** What a sealed file holds. */
export interface Opened {
  /** The counter of compare-and-swap. */
  generation: number;
  payload: Buffer;
}

/**
 * Why a file can't be opened. `damaged`: it is not what was written, or not under this name. `wrong-key`: it is whole
 * as far as can be told, and sealed with another key. `newer-format`: a later version of the program has written it.
 */
export type SealProblem = 'damaged' | 'wrong-key' | 'newer-format';

/**
 * Seals a payload under a key of its own, derived with a fresh salt (security.md section 5).
 *
 * @param record the record's id, lower-case hex; the file opens under this name only
 * @param generation a positive safe integer
 */
export function seal(payload: Buffer, record: string, generation: number, key: StoreKey): Buffer {
  const salt = randomBytes(SALT_BYTES);
  const header = Buffer.from(
    JSON.stringify({
      rec: record,
      kid: key.kid,
      gen: generation,
      salt: salt.toString('base64url'),
      kcv: derive(key.bytes, salt, CHECK_INFO, CHECK_BYTES).toString('base64url'),
    }),
  );
  const length = Buffer.alloc(2);
  length.writeUInt16BE(header.length);
  const bound = Buffer.concat([MAGIC, Buffer.from([VERSION, SUITE]), length, header]);

  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv('aes-256-gcm', derive(key.bytes, salt, INFO, 32), nonce, {
    authTagLength: TAG_BYTES,
  });
  cipher.setAAD(bound);
  return Buffer.concat([bound, nonce, cipher.update(payload), cipher.final(), cipher.getAuthTag()]);
}

/**
 * Opens what `seal` has made. Never throws: whatever the bytes are, the result says what is wrong with them.
 *
 * @param record the id that the file's name stands for
 * @param key undefined: there is none, and what would need it is `wrong-key`
 */
export function openSealed(file: Buffer, record: string, key: StoreKey | undefined): Opened | SealProblem {
  const format = formatOf(file);
  if (format !== 'current') return format;
  if (file.length < FIXED_BYTES) return 'damaged';
  const headerEnd = FIXED_BYTES + file.readUInt16BE(6);
  if (headerEnd > FIXED_BYTES + MAX_HEADER_BYTES || file.length < headerEnd + NONCE_BYTES + TAG_BYTES) {
    return 'damaged';
  }
  const header = parseHeader(file.subarray(FIXED_BYTES, headerEnd));
  if (header === undefined || header.record !== record) return 'damaged';
  if (key === undefined) return 'wrong-key';

  const isNamed = header.kid === key.kid;
  const isProven = timingSafeEqual(header.check, derive(key.bytes, header.salt, CHECK_INFO, CHECK_BYTES));
  // Both belong to the key: where only one of them fits, the header is damaged; it is another key where neither does.
  if (!isNamed && !isProven) return 'wrong-key';
  if (!isNamed || !isProven) return 'damaged';

  const bodyStart = headerEnd + NONCE_BYTES;
  const tagStart = file.length - TAG_BYTES;
  try {
    const cipherKey = derive(key.bytes, header.salt, INFO, 32);
    const decipher = createDecipheriv('aes-256-gcm', cipherKey, file.subarray(headerEnd, bodyStart), {
      authTagLength: TAG_BYTES,
    });
    decipher.setAAD(file.subarray(0, headerEnd));
    decipher.setAuthTag(file.subarray(tagStart));
    const payload = Buffer.concat([decipher.update(file.subarray(bodyStart, tagStart)), decipher.final()]);
    return { generation: header.generation, payload };
  } catch {
    return 'damaged';
  }
}

/** Which format a file is in, by its first six bytes: those decide, whatever follows (security.md section 5). */
export function formatOf(file: Buffer): 'current' | 'damaged' | 'newer-format' {
  const [version = 0, suite = 0] = file.subarray(MAGIC.length, 6);
  if (!file.subarray(0, MAGIC.length).equals(MAGIC) || version === 0 || suite === 0) return 'damaged';
  return version > VERSION || suite > SUITE ? 'newer-format' : 'current';
}

interface Header {
  record: string;
  kid: string;
  generation: number;
  salt: Buffer;
  check: Buffer;
}

function parseHeader(bytes: Buffer): Header | undefined {
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString('utf8'));
  } catch {
    return undefined;
  }
  if (!isObject(value)) return undefined;
  const { rec, kid, gen, salt, kcv } = value;
  if (typeof rec !== 'string' || typeof kid !== 'string') return undefined;
  if (!Number.isSafeInteger(gen) || (gen as number) < 1) return undefined;
  const saltBytes = fromBase64Url(salt, SALT_BYTES);
  const check = fromBase64Url(kcv, CHECK_BYTES);
  if (saltBytes === undefined || check === undefined) return undefined;
  return { record: rec, kid, generation: gen as number, salt: saltBytes, check };
}

function fromBase64Url(value: unknown, length: number): Buffer | undefined {
  if (typeof value !== 'string') return undefined;
  const bytes = Buffer.from(value, 'base64url');
  return bytes.length === length ? bytes : undefined;
}

/** HKDF-SHA-256 (RFC 5869). */
function derive(key: Buffer, salt: Buffer, info: string, length: number): Buffer {
  return Buffer.from(hkdfSync('sha256', key, salt, info, length));
}
