import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  constants,
  fchmodSync,
  promises as files,
  fstatSync,
  linkSync,
  lstatSync,
  openSync,
  readdirSync,
  readSync,
  realpathSync,
  renameSync,
  rmSync,
  type Stats,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { DrawbridgeError, displayText } from '../errors.ts';
import type { Logger } from '../logger.ts';
import {
  codeOf,
  createFileOnce,
  type FileSystem,
  realFiles,
  replaceFile,
  syncFolder,
  TEMP,
} from './durable-files.ts';

const { O_RDONLY, O_NOFOLLOW = 0, O_NONBLOCK = 0 } = constants;

const LEFTOVER_AGE = 24 * 60 * 60 * 1000;
const CORRUPT = '.corrupt-';

export interface FolderOptions {
  /** Hears of what was put right: loose modes, damaged records. */
  log?: Pick<Logger, 'warn'> | undefined;
  platform?: NodeJS.Platform | undefined;
  /** In the place of the system's own. */
  files?: Partial<FileSystem> | undefined;
}

/** A file as it was read. */
export interface FileContent {
  /** At most as many bytes as were asked for. */
  bytes: Buffer;
  isTooLong: boolean;
  inode: number;
}

/**
 * A folder that belongs to this user alone: 0700, its files 0600, whatever the umask; links and other owners are
 * refused, loose modes of our own tightened [51]. Names are relative to it, with "/" between parts.
 */
export class PrivateFolder {
  readonly path: string;
  readonly #log: Pick<Logger, 'warn'> | undefined;
  readonly #system: FileSystem;
  #parentsChecked = false;

  constructor(path: string, options: FolderOptions = {}) {
    this.path = path;
    this.#log = options.log;
    this.#system = {
      isWindows: (options.platform ?? process.platform) === 'win32',
      ...realFiles,
      ...options.files,
    };
  }

  /**
   * Whether the folder, or one in it, is there and ours.
   *
   * @throws DrawbridgeError `credential-store` where it is a link, no folder, or another user's
   */
  check(name = ''): boolean {
    const path = join(this.path, name);
    const stats = this.#lookAt(path);
    if (stats === undefined) return false;
    if (!stats.isDirectory()) throw this.#refuse(path, 'is not a folder, or a link to one');
    this.#checkOwner(stats, path);
    if (this.#isLoose(stats)) this.#tighten(path, () => chmodSync(path, stats.mode & 0o700));
    return true;
  }

  /** Creates the folder, or one in it, where it is missing, and its parents. */
  async ensure(name = ''): Promise<void> {
    if (name !== '') await this.ensure();
    const path = join(this.path, name);
    await this.#guard(async () => {
      if (!this.check(name)) {
        const first = await this.#system.mkdir(path, { recursive: true, mode: 0o700 });
        // The umask may have taken bits of our own away.
        if (first !== undefined) await this.#system.chmod(path, 0o700);
        this.check(name);
        await syncFolder(dirname(first ?? path), this.#system);
      }
      if (!this.#parentsChecked) this.#checkParents();
      this.#parentsChecked = true;
    });
  }

  /** Whether something of that name is there, whatever it is. */
  has(name: string): boolean {
    return this.#lookAt(join(this.path, name)) !== undefined;
  }

  /**
   * Reads a file of ours, without following a link and without waiting for the other end of a pipe.
   *
   * @param limit the most bytes that are read
   * @returns undefined where there is none
   * @throws DrawbridgeError `credential-store`
   */
  read(name: string, limit: number): FileContent | undefined {
    const path = join(this.path, name);
    // Windows has no O_NOFOLLOW.
    if (O_NOFOLLOW === 0 && this.#lookAt(path)?.isSymbolicLink()) throw this.#refuse(path, 'is a link');
    let descriptor: number;
    try {
      descriptor = openSync(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return undefined;
      if (codeOf(error) === 'ELOOP') throw this.#refuse(path, 'is a link');
      throw this.unusable(error);
    }
    try {
      const stats = fstatSync(descriptor);
      if (!stats.isFile()) throw this.#refuse(path, 'is not a file');
      this.#checkOwner(stats, path);
      if (this.#isLoose(stats)) this.#tighten(path, () => fchmodSync(descriptor, stats.mode & 0o600));
      const bytes = readAll(descriptor, Math.min(stats.size, limit));
      return { bytes, isTooLong: stats.size > limit, inode: stats.ino };
    } catch (error) {
      throw this.unusable(error);
    } finally {
      closeSync(descriptor);
    }
  }

  /** Puts a file in the place of the old one; see replaceFile. */
  async replace(name: string, bytes: Buffer): Promise<void> {
    await this.#guard(() => replaceFile(join(this.path, name), bytes, this.#system));
  }

  /** Creates a file unless there is one; see createFileOnce. */
  async createOnce(name: string, bytes: Buffer): Promise<void> {
    await this.#guard(() => createFileOnce(join(this.path, name), bytes, this.#system));
  }

  /** Deletes a file; one that is not there is no error. */
  async remove(name: string): Promise<void> {
    const path = join(this.path, name);
    await this.#guard(async () => {
      await this.#system.rm(path, { force: true });
      await syncFolder(dirname(path), this.#system);
    });
  }

  /** The names in a folder; none where it is missing. */
  list(name: string): string[] {
    try {
      return readdirSync(join(this.path, name));
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return [];
      throw this.unusable(error);
    }
  }

  /**
   * Changes whenever the file is replaced: inode, time and size. Costs one look at the folder, not one at the content.
   *
   * @returns undefined where there is none, or it can't be told
   */
  stamp(name: string): string | undefined {
    try {
      const { ino, mtimeNs, size } = lstatSync(join(this.path, name), { bigint: true });
      return `${ino}:${mtimeNs}:${size}`;
    } catch {
      return undefined;
    }
  }

  /** Puts a damaged file aside, where nothing takes it for a record [53]; one that has just been replaced is left. */
  quarantine(name: string, { inode }: FileContent): void {
    const path = join(this.path, name);
    const aside = join(dirname(path), `${CORRUPT}${Date.now()}-${randomBytes(8).toString('hex')}`);
    try {
      if (lstatSync(path).ino !== inode) return;
      renameSync(path, aside);
      if (lstatSync(aside).ino !== inode) {
        // A writer was in between: that is its new record. Where there is one again, it is newer still.
        linkSync(aside, path);
        rmSync(aside);
        return;
      }
    } catch {
      return; // Gone, or a folder that can't be written: it is taken for absent all the same.
    }
    this.#log?.warn('damaged record put aside', { file: displayText(aside, 400) });
  }

  /** Removes what was left by killed processes or put aside as damaged more than a day ago [54]. Never fails. */
  async sweep(name = ''): Promise<void> {
    const entries = await files.readdir(join(this.path, name)).catch(() => []);
    for (const entry of entries) {
      if (!entry.startsWith(TEMP) && !entry.startsWith(CORRUPT)) continue;
      const path = join(this.path, name, entry);
      try {
        // Renaming does not touch a file's time, so that of a quarantine is in its name.
        const quarantined = Number(/^\.corrupt-(\d+)-/.exec(entry)?.[1]);
        const time = quarantined || (await files.lstat(path)).mtimeMs;
        if (Date.now() - time > LEFTOVER_AGE) await this.#system.rm(path, { force: true });
      } catch {
        // Another process was quicker.
      }
    }
  }

  /** What the user is told when the folder can't be used; what is one of our errors already stays as it is. */
  unusable(error: unknown): DrawbridgeError {
    if (error instanceof DrawbridgeError) return error;
    const code = codeOf(error) ?? 'unknown error';
    return new DrawbridgeError(
      'credential-store',
      `The folder of the stored credentials can't be used (${code}). ${adviceFor(code)}: ${displayText(this.path, 350)}`,
      {},
      error,
    );
  }

  #lookAt(path: string): Stats | undefined {
    try {
      return lstatSync(path);
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return undefined;
      throw this.unusable(error);
    }
  }

  #checkOwner({ uid }: Stats, path: string): void {
    if (this.#system.isWindows || uid === process.geteuid?.()) return;
    throw this.#refuse(path, 'belongs to another user');
  }

  #isLoose({ mode }: Stats): boolean {
    return !this.#system.isWindows && (mode & 0o077) !== 0;
  }

  #tighten(path: string, change: () => void): void {
    let isTightened = true;
    try {
      change();
    } catch {
      isTightened = false; // A read-only mount: there is nothing to be done from here, and the user is told.
    }
    this.#log?.warn('stored credentials were open to other users', {
      file: displayText(path, 400),
      tightened: isTightened,
    });
  }

  /** Whoever may write to a folder above ours could put another in its place, and get the key that we then create. */
  #checkParents(): void {
    if (this.#system.isWindows) return;
    for (let path = realpathSync(dirname(this.path)); ; path = dirname(path)) {
      const { mode } = lstatSync(path);
      if ((mode & 0o002) !== 0 && (mode & 0o1000) === 0) {
        throw new DrawbridgeError(
          'credential-store',
          `No credentials are stored below a folder that everyone may write to. Take that right away (chmod o-w), or set MCP_DRAWBRIDGE_HOME to another place: ${displayText(path, 300)}`,
        );
      }
      if (path === dirname(path)) return;
    }
  }

  #refuse(path: string, why: string): DrawbridgeError {
    return new DrawbridgeError(
      'credential-store',
      `This ${why}, so no credentials are kept there. Remove it, or set MCP_DRAWBRIDGE_HOME to a folder of your own: ${displayText(path, 350)}`,
    );
  }

  async #guard(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      throw this.unusable(error);
    }
  }
}

/** @param length how many bytes there should be */
function readAll(descriptor: number, length: number): Buffer {
  const bytes = Buffer.allocUnsafe(length);
  let filled = 0;
  while (filled < length) {
    const count = readSync(descriptor, bytes, filled, length - filled, null);
    if (count === 0) break;
    filled += count;
  }
  return bytes.subarray(0, filled);
}

function adviceFor(code: string): string {
  switch (code) {
    case 'ENOSPC':
    case 'EDQUOT':
      return 'The disk or quota is full; free some space';
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return 'Make it writable, or set MCP_DRAWBRIDGE_HOME to a folder that is';
    case 'ENOTDIR':
    case 'ENAMETOOLONG':
    case 'ELOOP':
      return 'Set MCP_DRAWBRIDGE_HOME to a folder that can be created';
    default:
      return 'Check it, or set MCP_DRAWBRIDGE_HOME to another one';
  }
}
