import { randomInt } from 'node:crypto';
import { DrawbridgeError, displayText } from '../errors.ts';
import type { Logger } from '../logger.ts';
import type { StoreSettings } from '../settings.ts';
import { idOf } from './ids.ts';
import { hasKey, keyMissing } from './key-file.ts';
import { KeyHolder } from './key-holder.ts';
import type { KeyHolderDescription } from './key-texts.ts';
import type { Keychain } from './keychain.ts';
import type { Holder, Lock, LockKeeper } from './lock.ts';
import { Locks, lockKeeperFor } from './locks.ts';
import { type FileContent, type FolderOptions, PrivateFolder } from './private-folder.ts';
import { formatOf, openSealed, seal } from './sealed-file.ts';

/** Each kind of record and the folder it lies in. */
const folders = {
  connection: 'connections',
  client: 'clients',
  memory: 'memories',
  attempts: 'attempts',
  issuer: 'issuers',
} as const;
export type Kind = keyof typeof folders;

const MAX_BYTES = 1024 * 1024;
/** How long a write waits for another process that writes the same file, in ms. */
const WRITE_PATIENCE = 10_000;

export interface Stored<T> {
  generation: number;
  value: T;
}

export interface StoreOptions extends FolderOptions {
  log?: Pick<Logger, 'warn'> | undefined;
  /** What holds the key; by default a file. */
  settings?: StoreSettings | undefined;
  /** Whether the keychain may ask the user to unlock it: a person has run a command, and waits. */
  mayPrompt?: boolean | undefined;
  /** How this system keeps locks; by default what fits `platform`. */
  locks?: LockKeeper | undefined;
  /** By default the system's. */
  keychain?: Keychain | undefined;
}

/** A compare-and-swap that found another generation than it expected: read again, and decide anew [61]. */
export class GenerationConflict extends DrawbridgeError {
  /** What is there: 0 for no record. */
  readonly found: number;

  constructor(found: number) {
    super('credential-store', 'The stored credentials were changed by another process. Try again.');
    this.found = found;
  }
}

/**
 * Sealed records in a folder that is this user's alone, shared by all processes of the user. Reading is synchronous,
 * once the store is unlocked, and takes no lock: a file is replaced as a whole. Writing is durable when its promise
 * resolves.
 *
 * Every method throws DrawbridgeError `credential-store` where the folder can't be used.
 */
export class CredentialStore {
  readonly #folder: PrivateFolder;
  readonly #locks: Locks;
  readonly #keys: KeyHolder;

  private constructor(path: string, options: StoreOptions) {
    this.#folder = new PrivateFolder(path, options);
    this.#locks = new Locks(this.#folder, options.locks ?? lockKeeperFor(this.#folder, options.platform));
    const { keychain, mayPrompt, log, settings = { choice: 'file', secret: undefined } } = options;
    this.#keys = new KeyHolder({
      folder: this.#folder,
      locks: this.#locks,
      settings,
      log,
      keychain: async () =>
        keychain ?? new (await import('./system-keychain.ts')).SystemKeychain({ mayPrompt }),
    });
  }

  /**
   * Opens the store, which need not be there: nothing is created before the first write or lock.
   *
   * @param path the folder; see stateFolder in platform/paths.ts
   * @throws DrawbridgeError `credential-store` where it is a link, or another user's
   */
  static open(path: string, options: StoreOptions = {}): CredentialStore {
    const store = new CredentialStore(path, options);
    store.#folder.check();
    return store;
  }

  /** Whether anything was ever stored here. */
  get exists(): boolean {
    return hasKey(this.#folder);
  }

  /**
   * Gets the key of the store from what holds it, which may take as long as the keychain does (3 s at most) or a
   * passphrase (0.2 s). Costs nothing where the key is at hand, or nothing was stored yet. To be awaited before the first
   * read; a write does it by itself.
   *
   * @throws DrawbridgeError `credential-store` with what the user can do
   */
  async unlock(): Promise<void> {
    await this.#keys.unlock();
  }

  /** What holds the key, and what that protects from. */
  describeKeyHolder(): KeyHolderDescription {
    return this.#keys.describe();
  }

  /**
   * Reads a record. A damaged one is put aside and taken for absent; an older generation never comes in its place [53].
   *
   * @throws DrawbridgeError `credential-store` where a newer version has written it, its key is missing or another, or
   *   the store was made anew since it was unlocked: then it is being unlocked, and can be read a moment later
   */
  read<T>(kind: Kind, id: string): Stored<T> | undefined {
    const name = nameOf(kind, id);
    const file = this.#folder.read(name, MAX_BYTES);
    if (file === undefined) return undefined;
    const opened = this.#open(file, idOf(kind, id));
    if (typeof opened === 'object') {
      return { generation: opened.generation, value: JSON.parse(opened.payload.toString('utf8')) as T };
    }
    if (opened === 'damaged') {
      this.#folder.quarantine(name, file);
      return undefined;
    }
    if (opened === 'wrong-key' && !this.exists) throw keyMissing(this.#folder);
    throw new DrawbridgeError(
      'credential-store',
      opened === 'newer-format'
        ? `A newer version of mcp-drawbridge has written the stored credentials. Update this one: ${this.#place}`
        : `The stored credentials were sealed with another key than the one beside them. Put key.json back from a backup, or delete the folder and sign in again: ${this.#place}`,
    );
  }

  /**
   * Writes a record where the generation on disk is the expected one.
   *
   * @param expected the generation that was read; 0: there is no record
   * @returns the new generation
   * @throws GenerationConflict where another process was quicker; the store is as it was
   */
  async write<T>(kind: Kind, id: string, value: T, expected: number): Promise<number> {
    const name = nameOf(kind, id);
    const payload = Buffer.from(JSON.stringify(value));
    if (payload.length > MAX_BYTES - 8192) {
      throw new DrawbridgeError('credential-store', 'The credentials are too large to be stored.');
    }
    await this.#folder.ensure(folders[kind]);
    return this.#underLock(kind, id, async () => {
      // The folder may have been deleted, and made anew by another process, since the key was read.
      const key = await this.#keys.ensure(() => this.#hasRecords());
      const found = this.read(kind, id)?.generation ?? 0;
      if (found !== expected) throw new GenerationConflict(found);
      // A record that was deleted and made anew must not meet the expectation of one who knew the old one.
      const generation = expected === 0 ? randomInt(1, 2 ** 32) : expected + 1;
      await this.#folder.replace(name, seal(payload, idOf(kind, id), generation, key));
      await this.#folder.sweep();
      await this.#folder.sweep(folders[kind]);
      return generation;
    });
  }

  /** Deletes a record, whatever it holds: no key is needed. One that is not there is no error. */
  async delete(kind: Kind, id: string): Promise<void> {
    const name = nameOf(kind, id);
    if (!this.#folder.has(name)) return;
    await this.#underLock(kind, id, () => this.#folder.remove(name));
  }

  /** The ids of all records of a kind, in no order. */
  list(kind: Kind): string[] {
    return this.#folder
      .list(folders[kind])
      .filter((name) => name.endsWith('.sealed'))
      .map((name) => name.slice(0, -'.sealed'.length))
      .filter(isId);
  }

  /** Differs whenever the record was written: a cheap way to see that another process has. Undefined: no record. */
  stamp(kind: Kind, id: string): string | undefined {
    return this.#folder.stamp(nameOf(kind, id));
  }

  /**
   * Takes a lock that holds across all processes of the user, and that the operating system drops with its holder
   * [57, 58].
   *
   * @param patience how long to wait for it, in ms; 0: one try
   * @returns undefined where it was not to be had in that time
   */
  lock(name: string, patience: number): Promise<Lock | undefined> {
    return this.#locks.lock(name, patience);
  }

  /** Connects to the holder of a lock; undefined where nobody holds it. */
  follow(name: string): Promise<Holder | undefined> {
    return this.#locks.follow(name);
  }

  #open(file: FileContent, record: string): ReturnType<typeof openSealed> {
    if (file.isTooLong) return formatOf(file.bytes) === 'newer-format' ? 'newer-format' : 'damaged';
    const opened = openSealed(file.bytes, record, this.#keys.get());
    return opened === 'wrong-key' ? openSealed(file.bytes, record, this.#keys.renewed()) : opened;
  }

  async #underLock<T>(kind: Kind, id: string, work: () => Promise<T>): Promise<T> {
    const lock = await this.#locks.lock(`file:${kind}:${id}`, WRITE_PATIENCE);
    if (lock === undefined) {
      throw new DrawbridgeError(
        'credential-store',
        `Another process has held the stored credentials for ${WRITE_PATIENCE / 1000} s. End the mcp-drawbridge processes that hang, then try again.`,
      );
    }
    try {
      return await work();
    } finally {
      await lock.release();
    }
  }

  #hasRecords(): boolean {
    return (Object.keys(folders) as Kind[]).some((kind) => this.list(kind).length > 0);
  }

  get #place(): string {
    return displayText(this.#folder.path, 300);
  }
}

function isId(id: string): boolean {
  return /^[0-9a-f]{1,64}(-[0-9a-f]{1,64})?$/.test(id);
}

function nameOf(kind: Kind, id: string): string {
  if (!isId(id)) throw new TypeError('not an id of idOf');
  return `${folders[kind]}/${id}.sealed`;
}
