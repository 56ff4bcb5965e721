import { readFileSync } from 'node:fs';
import { DrawbridgeError } from '../errors.ts';
import type { StoreSecret } from '../settings.ts';
import { codeOf } from './durable-files.ts';
import { parseRawKey } from './key-slots.ts';
import type { StoreKey } from './sealed-file.ts';

const MAX_CHARACTERS = 4096;

/** What the user gives to open the store; a file is read when it is needed, and once. */
export class GivenSecret {
  readonly kind: StoreSecret['kind'];
  readonly #secret: StoreSecret;
  #text: string | undefined;

  constructor(secret: StoreSecret) {
    this.kind = secret.kind;
    this.#secret = secret;
  }

  /** @throws DrawbridgeError `credential-store` where the file can't be read, or holds nothing */
  get text(): string {
    this.#text ??= this.#secret.from === 'text' ? this.#secret.value : this.#read(this.#secret.value);
    return this.#text;
  }

  /** @throws DrawbridgeError `credential-store` where it is no key */
  get key(): StoreKey {
    const key = parseRawKey(this.text);
    if (key) return key;
    throw new DrawbridgeError(
      'credential-store',
      `${this.#name} is not a key: 32 random bytes in base64 are wanted, such as of "openssl rand -base64 32".`,
    );
  }

  #read(path: string): string {
    let text: string;
    try {
      text = readFileSync(path, 'utf8');
    } catch (error) {
      throw new DrawbridgeError(
        'credential-store',
        `The file of ${this.#name} can't be read (${codeOf(error) ?? 'unknown error'}). Make it readable, or name another.`,
      );
    }
    const line = text.replace(/\r?\n$/, '');
    if (line !== '' && line.length <= MAX_CHARACTERS) return line;
    throw new DrawbridgeError('credential-store', `The file of ${this.#name} is empty, or too long.`);
  }

  /** The variable that it comes from. */
  get #name(): string {
    const base = this.kind === 'key' ? 'MCP_DRAWBRIDGE_KEY' : 'MCP_DRAWBRIDGE_PASSPHRASE';
    return this.#secret.from === 'file' ? `${base}_FILE` : base;
  }
}
