import { randomBytes } from 'node:crypto';
import { DrawbridgeError } from '../errors.ts';
import type { Logger } from '../logger.ts';
import type { StoreSettings } from '../settings.ts';
import { GivenSecret } from './given-secret.ts';
import {
  createKeyFile,
  type KeyFile,
  keyFailure,
  keyFileContent,
  keyMissing,
  readKeyFile,
  replaceKeyFile,
  type Slot,
} from './key-file.ts';
import {
  openByFile,
  openByKey,
  openByPassphrase,
  sealByFile,
  sealByKey,
  sealByPassphrase,
} from './key-slots.ts';
import {
  changedKeychain,
  describeHolder,
  type KeyHolderDescription,
  keychainFailure,
  memoryDescription,
  missingFromKeychain,
  noKeychain,
  warningOf,
} from './key-texts.ts';
import { type Keychain, KeychainError, type KeychainProblem } from './keychain.ts';
import type { Locks } from './locks.ts';
import type { PrivateFolder } from './private-folder.ts';
import { KEY_BYTES, type StoreKey, storeKey } from './sealed-file.ts';

/** How long a process waits for another one that makes the key, in ms: the keychain may take 3 s, twice. */
const PATIENCE = 10_000;

export interface KeyHolderOptions {
  folder: PrivateFolder;
  locks: Locks;
  settings: StoreSettings;
  /** Loaded when it is needed. */
  keychain: () => Promise<Keychain>;
  log: Pick<Logger, 'warn'> | undefined;
}

/** The store key of a process: gets it once from whatever holds it, makes it where there is none, changes its holder. */
export class KeyHolder {
  readonly #folder: PrivateFolder;
  readonly #locks: Locks;
  readonly #choice: StoreSettings['choice'];
  readonly #given: GivenSecret | undefined;
  readonly #keychain: KeyHolderOptions['keychain'];
  readonly #log: KeyHolderOptions['log'];
  #key: StoreKey | undefined;
  #unlocking: Promise<StoreKey | undefined> | undefined;

  constructor({ folder, locks, settings, keychain, log }: KeyHolderOptions) {
    this.#folder = folder;
    this.#locks = locks;
    this.#choice = settings.choice;
    this.#given = settings.secret && new GivenSecret(settings.secret);
    this.#keychain = keychain;
    this.#log = log;
  }

  /** The key as it was had before, or can be had without waiting. See `renewed` for what it throws. */
  get(): StoreKey | undefined {
    return this.#key ?? this.renewed();
  }

  /**
   * The key that the folder has now: another process may have deleted the store and made it anew.
   *
   * @returns undefined where there is none
   * @throws DrawbridgeError `credential-store` where it can't be had, or only by `unlock`, which is then begun
   */
  renewed(): StoreKey | undefined {
    if (this.#isMemory) {
      this.#key ??= this.#given?.kind === 'key' ? this.#given.key : storeKey(randomBytes(KEY_BYTES));
      return this.#key;
    }
    const file = readKeyFile(this.#folder);
    if (file === undefined || file.kid !== this.#key?.kid) this.#key = file && this.#atHand(file);
    if (file === undefined || this.#key) return this.#key;
    void this.unlock().catch(() => {}); // the next one to ask is told
    throw new DrawbridgeError(
      'credential-store',
      'The stored credentials are just being unlocked. Try again in a moment.',
    );
  }

  /**
   * Gets the key from what holds it; costs nothing where it is at hand, or where there is no store.
   *
   * @throws DrawbridgeError `credential-store`
   */
  async unlock(): Promise<StoreKey | undefined> {
    if (this.#isMemory) return this.get();
    const file = readKeyFile(this.#folder);
    if (file === undefined || file.kid === this.#key?.kid) return this.#key;
    this.#unlocking ??= this.#openFile(file).finally(() => {
      this.#unlocking = undefined;
    });
    return this.#unlocking;
  }

  /**
   * The key for a write: made where there is none, never beside records that another has sealed [48]; given to another
   * holder where the user wants that. Of several processes one does it, and all have the same.
   *
   * @param hasRecords whether there are sealed records
   * @throws DrawbridgeError `credential-store`
   */
  async ensure(hasRecords: () => boolean): Promise<StoreKey> {
    if (this.#isMemory) return this.get() as StoreKey;
    const file = readKeyFile(this.#folder);
    if (file && !this.#mustChange(file)) return this.#openFile(file);
    const lock = await this.#locks.lock('key', PATIENCE);
    if (!lock)
      throw new DrawbridgeError(
        'credential-store',
        'Another process has been making the key of the credentials for 10 s. Try again.',
      );
    try {
      const found = readKeyFile(this.#folder);
      this.#key = found ? await this.#keep(found) : await this.#create(hasRecords);
      return this.#key;
    } finally {
      await lock.release();
    }
  }

  /** How the key is held, for `status`. */
  describe(): KeyHolderDescription {
    return this.#isMemory ? memoryDescription : describeHolder(readKeyFile(this.#folder));
  }

  get #isMemory(): boolean {
    return this.#choice === 'memory';
  }

  /** What the user wants as holder, by option or by giving a secret; undefined: whatever it is. */
  get #wanted(): Slot['type'] | undefined {
    if (this.#choice === 'keychain') return 'keychain';
    if (this.#given) return this.#given.kind === 'key' ? 'raw' : 'scrypt';
    return this.#choice === 'file' ? 'file' : undefined;
  }

  #mustChange({ slots }: KeyFile): boolean {
    const wanted = this.#wanted;
    const isOld = slots.some(({ type }) => type === 'plain');
    return isOld || (wanted !== undefined && slots.every(({ type }) => type !== wanted));
  }

  // ---- from what holds it ----------------------------------------------------------------------------------------

  async #openFile(file: KeyFile): Promise<StoreKey> {
    if (this.#key?.kid !== file.kid) this.#key = this.#atHand(file) ?? (await this.#openSlots(file));
    return this.#key;
  }

  #atHand({ kid, slots }: KeyFile): StoreKey | undefined {
    for (const slot of slots) {
      if (slot.type === 'plain') return storeKey(Buffer.from(slot.key, 'base64'));
      const isRaw = slot.type === 'raw' && this.#given?.kind === 'key';
      const key = isRaw
        ? openByKey(slot, kid, this.#given.key)
        : slot.type === 'file' && openByFile(slot, kid);
      if (key) return key;
      if (slot.type === 'file')
        throw keyFailure(
          this.#folder,
          'Their key is bound to the machine and user that it was made for, and this is another. Delete the folder and sign in again',
        );
    }
    return undefined;
  }

  /** By the slots that take time. Where the keychain fails, a passphrase may do. */
  async #openSlots({ kid, slots }: KeyFile): Promise<StoreKey> {
    let failure: DrawbridgeError | undefined;
    if (slots.some(({ type }) => type === 'keychain')) {
      try {
        return await this.#readKeychain(kid);
      } catch (error) {
        failure = error as DrawbridgeError;
      }
    }
    const slot = slots.find(({ type }) => type === 'scrypt');
    if (slot?.type === 'scrypt' && this.#given?.kind === 'passphrase') {
      const key = await openByPassphrase(slot, kid, this.#given.text);
      if (key) return key;
    }
    if (failure) throw failure;
    const [kind, name] = slot ? (['passphrase', 'PASSPHRASE'] as const) : (['key', 'KEY'] as const);
    throw keyFailure(
      this.#folder,
      this.#given?.kind === kind
        ? `MCP_DRAWBRIDGE_${name} is not the ${kind} that they are under`
        : `They are under a ${kind}: set MCP_DRAWBRIDGE_${name} to it`,
    );
  }

  async #readKeychain(kid: string): Promise<StoreKey> {
    let text: string | undefined;
    try {
      text = await (await this.#keychain()).read(kid);
    } catch (error) {
      throw keychainFailure(this.#folder, problemOf(error));
    }
    if (text === undefined) throw missingFromKeychain(this.#folder);
    const bytes = Buffer.from(text, 'base64');
    const key = bytes.length === KEY_BYTES ? storeKey(bytes) : undefined;
    if (key?.kid !== kid) throw changedKeychain(this.#folder);
    return key;
  }

  // ---- to what holds it ------------------------------------------------------------------------------------------

  async #create(hasRecords: () => boolean): Promise<StoreKey> {
    if (hasRecords()) {
      // Where the folder was deleted, another process may be making all anew without our lock.
      const late = readKeyFile(this.#folder);
      if (late === undefined) throw keyMissing(this.#folder);
      return this.#openFile(late);
    }
    const key = storeKey(randomBytes(KEY_BYTES));
    const slot = await this.#hold(key);
    try {
      await createKeyFile(this.#folder, keyFileContent(key.kid, [slot]));
    } catch (error) {
      if (slot.type === 'keychain') await this.#forget(key.kid);
      throw error;
    }
    const file = readKeyFile(this.#folder);
    if (file === undefined) throw keyMissing(this.#folder);
    return file.kid === key.kid ? key : this.#openFile(file);
  }

  /** Opens what there is, and changes how it is held where that has to be; the key stays the same. */
  async #keep(file: KeyFile): Promise<StoreKey> {
    if (!this.#mustChange(file)) return this.#openFile(file);
    return this.#replace(file, await this.#openFile(file));
  }

  async #replace(file: KeyFile, key: StoreKey): Promise<StoreKey> {
    const slot = await this.#hold(key);
    // A secret that is given besides is one more way in; a holder that is asked for takes the place of the others.
    const staying =
      this.#choice === 'auto'
        ? [...file.slots.filter(({ type }) => type !== 'plain' && type !== 'file'), ...file.unknown]
        : [];
    await replaceKeyFile(this.#folder, keyFileContent(key.kid, [...staying, slot]));
    const had = (type: Slot['type']): boolean => file.slots.some((each) => each.type === type);
    if (had('keychain') && staying.length === 0) {
      this.#log?.warn('the key of the credentials is no longer in the keychain', { now: slot.type });
      await this.#forget(file.kid);
    }
    return key;
  }

  /** Makes the slot that is wanted. */
  async #hold(key: StoreKey): Promise<Slot> {
    const wanted = this.#wanted;
    if (wanted === 'raw' && this.#given) return sealByKey(key, this.#given.key);
    if (wanted === 'scrypt' && this.#given) return sealByPassphrase(key, this.#given.text);
    if (wanted === 'file') return sealByFile(key);
    try {
      const keychain = await this.#keychain();
      const secret = key.bytes.toString('base64');
      if ((await keychain.read(key.kid)) !== secret) await keychain.create(key.kid, secret);
      return { type: 'keychain', since: Date.now() };
    } catch (error) {
      const problem = problemOf(error);
      if (wanted === 'keychain') throw noKeychain(problem);
      this.#log?.warn(warningOf(problem));
      return sealByFile(key, problem);
    }
  }

  /** Takes a key out of the keychain that nobody needs any more; a keychain that fails keeps it, which does no harm. */
  async #forget(kid: string): Promise<void> {
    await this.#keychain()
      .then((keychain) => keychain.remove(kid))
      .catch(() => {});
  }
}

function problemOf(error: unknown): KeychainProblem {
  if (error instanceof KeychainError) return error.problem;
  throw error;
}
