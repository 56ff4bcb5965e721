import { randomBytes } from 'node:crypto';
import { constants, promises as files } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

/** How long Windows may refuse a rename because a virus scanner or an indexer has the file open, in ms [52]. */
const RENAME_PATIENCE = 2_000;

/** What the name of a file begins with that is not in its place yet. */
export const TEMP = '.tmp-';

/** A file that is open for writing. */
export interface WritableFile {
  chmod(mode: number): Promise<void>;
  writeFile(bytes: Buffer): Promise<void>;
  sync(): Promise<void>;
  close(): Promise<void>;
}

/** What changes the disk: it differs between systems, and tests break it off anywhere. */
export interface FileSystem {
  readonly isWindows: boolean;
  open(path: string, flags: number, mode?: number): Promise<WritableFile>;
  mkdir(path: string, options: { recursive: true; mode: number }): Promise<string | undefined>;
  chmod(path: string, mode: number): Promise<void>;
  link(path: string, other: string): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  rm(path: string, options: { force: true }): Promise<void>;
}

/** The real one. */
export const realFiles: Omit<FileSystem, 'isWindows'> = {
  // Not the functions themselves: to name one loads all of their module, which a start that only reads does not need.
  open: (path, flags, mode) => files.open(path, flags, mode),
  mkdir: (path, options) => files.mkdir(path, options),
  chmod: (path, mode) => files.chmod(path, mode),
  link: (path, other) => files.link(path, other),
  rename: (from, to) => files.rename(from, to),
  rm: (path, options) => files.rm(path, options),
};

/**
 * Puts a file in the place of the old one, whole or not at all, and durably: when the promise resolves, a power cut
 * can't bring back the old one [52].
 *
 * @throws what node:fs throws; the old file is then as it was, unless only its durability failed
 */
export async function replaceFile(path: string, bytes: Buffer, system: FileSystem): Promise<void> {
  const temp = await writeTemp(dirname(path), bytes, system);
  try {
    await renamePatiently(temp, path, system);
  } catch (error) {
    await system.rm(temp, { force: true });
    throw error;
  }
  await syncFolder(dirname(path), system);
}

/** Creates a file with all its content, unless there is one: of several processes one wins, and none sees half a file. */
export async function createFileOnce(path: string, bytes: Buffer, system: FileSystem): Promise<void> {
  const temp = await writeTemp(dirname(path), bytes, system);
  try {
    await system.link(temp, path);
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error;
  } finally {
    await system.rm(temp, { force: true });
  }
  await syncFolder(dirname(path), system);
}

/** Makes the names in a folder durable. Windows can't open one; some network file systems have no such operation. */
export async function syncFolder(path: string, system: FileSystem): Promise<void> {
  if (system.isWindows) return;
  const folder = await system.open(path, constants.O_RDONLY);
  try {
    await folder.sync();
  } catch (error) {
    if (!['EINVAL', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'].includes(codeOf(error) ?? '')) throw error;
  } finally {
    await folder.close();
  }
}

/** The name of a system error, such as ENOENT. */
export function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException | undefined)?.code;
}

async function writeTemp(folder: string, bytes: Buffer, system: FileSystem): Promise<string> {
  const { O_CREAT, O_EXCL, O_WRONLY, O_NOFOLLOW = 0 } = constants;
  const path = join(folder, `${TEMP}${randomBytes(12).toString('hex')}`);
  const file = await system.open(path, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW, 0o600);
  try {
    // The umask may have taken bits of our own away.
    if (!system.isWindows) await file.chmod(0o600);
    await file.writeFile(bytes);
    await file.sync();
    await file.close();
  } catch (error) {
    await file.close().catch(() => {});
    await system.rm(path, { force: true });
    throw error;
  }
  return path;
}

async function renamePatiently(from: string, to: string, system: FileSystem): Promise<void> {
  const end = performance.now() + (system.isWindows ? RENAME_PATIENCE : 0);
  for (let pause = 10; ; pause = Math.min(2 * pause, 200)) {
    try {
      return await system.rename(from, to);
    } catch (error) {
      const isBusy = ['EPERM', 'EBUSY', 'EACCES'].includes(codeOf(error) ?? '');
      if (!isBusy || performance.now() >= end) throw error;
      await delay(pause);
    }
  }
}
