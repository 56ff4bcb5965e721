import { createPrivateKey, type KeyObject } from 'node:crypto';
import { DrawbridgeError } from '../errors.ts';
import { isObject } from '../jsonrpc.ts';
import type { ClientKeyAlgorithm, ClientKeySettings } from '../settings.ts';
import { readGivenFile } from './given-file.ts';

/** A private key, and what its file says of it. */
export interface ClientKey {
  key: KeyObject;
  /** `kid` of the JWK. */
  id: string | undefined;
  /** `alg` of the JWK. */
  algorithm: string | undefined;
}

/** NIST SP 800-131A, RFC 7518 section 3.3. */
const MIN_RSA_BITS = 2048;

/**
 * Reads the private key of the client: PEM (PKCS #8, PKCS #1, SEC 1), a JWK (RFC 7517), or a set of them.
 *
 * @throws DrawbridgeError `usage`; nothing of the file is in it but its name
 */
export async function readClientKey({ file, id }: ClientKeySettings): Promise<ClientKey> {
  const text = await readGivenFile(file, '--client-key');
  return text.trimStart().startsWith('{') ? parseJwk(text, file, id) : parsePem(text, file);
}

/**
 * What a key can sign with, the best first.
 *
 * @throws DrawbridgeError `usage` where that is nothing, or not what was asked for
 */
export function algorithmsOf(
  { key, algorithm: own }: ClientKey,
  { file, algorithm: wanted }: ClientKeySettings,
): ClientKeyAlgorithm[] {
  const bits = key.asymmetricKeyDetails?.modulusLength;
  if (bits !== undefined && bits < MIN_RSA_BITS)
    refuse(file, `is an RSA key of ${bits} bits; 2048 are needed`);
  const curve = key.asymmetricKeyDetails?.namedCurve;
  const kind = `${key.asymmetricKeyType}${curve === undefined ? '' : ` ${curve}`}`;
  const able =
    algorithms[kind] ?? refuse(file, `is a key that none of RS256, PS256, ES256, EdDSA takes (${kind})`);
  const asked = wanted ?? able.find((algorithm) => algorithm === own);
  if (asked === undefined) return [...able];
  return able.includes(asked)
    ? [asked]
    : refuse(file, `can't sign with ${asked}, but with ${able.join(' or ')}`);
}

const algorithms: Readonly<Record<string, readonly ClientKeyAlgorithm[]>> = {
  rsa: ['RS256', 'PS256'],
  'rsa-pss': ['PS256'],
  'ec prime256v1': ['ES256'],
  ed25519: ['EdDSA'],
};

function parsePem(text: string, file: string): ClientKey {
  if (
    /-----BEGIN (?:RSA |EC )?PUBLIC KEY-----|-----BEGIN CERTIFICATE-----/.test(text) &&
    !text.includes('PRIVATE KEY')
  )
    return refuse(file, 'holds a public key; the private one is needed');
  if (/ENCRYPTED/.test(text)) return refuse(file, 'is encrypted; a key without a passphrase is needed');
  try {
    return { key: createPrivateKey(text), id: undefined, algorithm: undefined };
  } catch {
    return refuse(file, 'holds no private key in PEM or as a JWK');
  }
}

function parseJwk(text: string, file: string, id: string | undefined): ClientKey {
  const given = parseJson(text);
  const all = isObject(given) && Array.isArray(given.keys) ? given.keys.filter(isObject) : [given];
  const candidates = all.length > 1 && id !== undefined ? all.filter((jwk) => jwk?.kid === id) : all;
  const [jwk, another] = candidates;
  if (another) return refuse(file, 'holds several keys; name one with --client-key-id');
  if (!jwk) return refuse(file, 'holds no such key');
  if (jwk.d === undefined) return refuse(file, 'holds no private JWK ("d" is missing)');
  try {
    const key = createPrivateKey({ key: jwk, format: 'jwk' });
    const text = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);
    return { key, id: text(jwk.kid), algorithm: text(jwk.alg) };
  } catch {
    return refuse(file, 'holds a JWK that is no sound private key');
  }
}

function parseJson(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function refuse(file: string, why: string): never {
  throw new DrawbridgeError('usage', `The key of --client-key ${why}: ${file.slice(-200)}`);
}
