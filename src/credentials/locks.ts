import { createHmac, randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { DrawbridgeError, displayText } from '../errors.ts';
import { ExclusiveFileLocks } from './file-lock.ts';
import type { Holder, Lock, LockIdentity, LockKeeper } from './lock.ts';
import type { PrivateFolder } from './private-folder.ts';
import { lockAddress, SocketLocks } from './socket-lock.ts';

const SECRET_FILE = 'lock-secret';
const SECRET_BYTES = 32;
/** A wait that ended sooner, in ms, may have been no wait at all. */
const SHORT_WAIT = 20;
const LONGEST_PAUSE = 50;

/** The way of this platform: sockets on Linux, named pipes on Windows, O_EXLOCK on macOS and its kin [58]. */
export function lockKeeperFor(folder: PrivateFolder, platform = process.platform): LockKeeper {
  return ['linux', 'android', 'win32'].includes(platform)
    ? new SocketLocks((id) => lockAddress(id, platform))
    : new ExclusiveFileLocks(folder);
}

/** The locks of one store. */
export class Locks {
  readonly #folder: PrivateFolder;
  readonly #keeper: LockKeeper;

  constructor(folder: PrivateFolder, keeper: LockKeeper) {
    this.#folder = folder;
    this.#keeper = keeper;
  }

  /**
   * @param patience how long to wait, in ms of a clock that no one sets [60]; 0: one try
   * @throws DrawbridgeError `credential-store` where this system can't lock
   */
  async lock(name: string, patience: number): Promise<Lock | undefined> {
    const end = performance.now() + patience;
    const identity = identityOf(await this.#ensureSecret(), name);
    for (let pause = 0; ; ) {
      const lock = await this.#keeper.take(identity);
      if (lock !== undefined) return lock;
      const start = performance.now();
      if (start >= end) return undefined;
      await this.#keeper.waitForRelease(identity, end - start);
      const now = performance.now();
      // Where a wait is over at once, again and again, somebody floods the holder: that is no reason to spin.
      pause = now - start < SHORT_WAIT ? Math.min(2 * pause + 1, LONGEST_PAUSE) : 0;
      if (pause > 0 && now < end) await delay(Math.min(pause * (0.5 + Math.random()), end - now));
    }
  }

  /** @returns undefined where nobody holds it */
  async follow(name: string): Promise<Holder | undefined> {
    const secret = this.#readSecret();
    return secret && this.#keeper.follow(identityOf(secret, name));
  }

  /** Read anew each time: a folder that was deleted and made anew has another secret. */
  #readSecret(): Buffer | undefined {
    const file = this.#folder.read(SECRET_FILE, SECRET_BYTES + 1);
    if (file === undefined || file.bytes.length === SECRET_BYTES) return file?.bytes;
    throw new DrawbridgeError(
      'credential-store',
      `The file ${SECRET_FILE} is damaged. End all mcp-drawbridge processes and delete it; no sign-in is lost: ${displayText(this.#folder.path, 300)}`,
    );
  }

  async #ensureSecret(): Promise<Buffer> {
    const known = this.#readSecret();
    if (known !== undefined) return known;
    await this.#folder.ensure();
    await this.#folder.createOnce(SECRET_FILE, randomBytes(SECRET_BYTES));
    return this.#readSecret() ?? this.#ensureSecret();
  }
}

function identityOf(secret: Buffer, name: string): LockIdentity {
  return {
    id: createHmac('sha256', secret).update(`name:${name}`).digest('hex'),
    proofKey: createHmac('sha256', secret).update(`proof:${name}`).digest(),
  };
}
