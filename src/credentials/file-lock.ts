import { closeSync, constants, openSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { codeOf } from './durable-files.ts';
import type { Holder, Lock, LockIdentity, LockKeeper } from './lock.ts';
import type { PrivateFolder } from './private-folder.ts';

/** open(2) of macOS and the BSDs: the lock comes with the descriptor and goes with it. Node has no names for these. */
const O_EXLOCK = 0x20;
const O_NONBLOCK = 0x4;

const FOLDER = 'locks';
/** How often a waiter looks, in ms: there is nothing to wait on. */
const LOOK = 15;
const GONE_LOOK = 250;

/** The calls that are used, so that tests can stand in for a system that has O_EXLOCK. */
export interface LockFiles {
  open(path: string, flags: number, mode: number): number;
  close(descriptor: number): void;
}

/**
 * Locks by O_EXLOCK, on files that hold nothing and are never deleted: a file that one process locks must be the one
 * that the next one opens [59]. A follower learns that there is a holder, and when it is gone, and no more.
 */
export class ExclusiveFileLocks implements LockKeeper {
  readonly #folder: PrivateFolder;
  readonly #files: LockFiles;

  constructor(folder: PrivateFolder, files: LockFiles = { open: openSync, close: closeSync }) {
    this.#folder = folder;
    this.#files = files;
  }

  async take({ id }: LockIdentity): Promise<Lock | undefined> {
    await this.#folder.ensure(FOLDER);
    const descriptor = this.#open(id);
    if (descriptor === undefined) return undefined;
    let isHeld = true;
    return {
      announce: () => {},
      release: async () => {
        if (isHeld) this.#files.close(descriptor);
        isHeld = false;
      },
    };
  }

  async waitForRelease(_lock: LockIdentity, ms: number): Promise<void> {
    await delay(Math.min(LOOK, ms));
  }

  async follow(lock: LockIdentity): Promise<Holder | undefined> {
    if (await this.#isFree(lock)) return undefined;
    const closed = new AbortController();
    return {
      announced: undefined,
      onAnnounced: () => {},
      gone: this.#untilFree(lock, closed.signal),
      close: () => closed.abort(),
    };
  }

  async #untilFree(lock: LockIdentity, signal: AbortSignal): Promise<void> {
    try {
      while (!(await this.#isFree(lock))) await delay(GONE_LOOK, undefined, { signal });
    } catch {
      // Closed, or the folder is gone and its locks with it.
    }
  }

  /** There is no other way to tell than to take it, for a moment. */
  async #isFree(lock: LockIdentity): Promise<boolean> {
    const taken = await this.take(lock);
    await taken?.release();
    return taken !== undefined;
  }

  #open(id: string): number | undefined {
    const { O_CREAT, O_RDWR, O_NOFOLLOW = 0 } = constants;
    const flags = O_CREAT | O_RDWR | O_NOFOLLOW | O_EXLOCK | O_NONBLOCK;
    try {
      return this.#files.open(join(this.#folder.path, FOLDER, id), flags, 0o600);
    } catch (error) {
      if (codeOf(error) === 'EAGAIN' || codeOf(error) === 'EWOULDBLOCK') return undefined;
      throw this.#folder.unusable(error);
    }
  }
}
