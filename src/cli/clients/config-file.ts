import { randomBytes } from 'node:crypto';
import { existsSync, promises as files, type Stats } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { DrawbridgeError, displayText } from '../../errors.ts';

const BOM = '\ufeff';
/** How long Windows may refuse a rename because the client, an indexer or a virus scanner has the file open, in ms. */
const RENAME_PATIENCE = 2_000;

/** A client's configuration as it was read. */
export interface ConfigFile {
  /** Where it is: for a link, what that points to. */
  path: string;
  /** Without its byte order mark; empty where there is no file. */
  text: string;
  mark: '' | typeof BOM;
  /** What was on the disk; undefined where there was no file. */
  bytes: Buffer | undefined;
  stats: Stats | undefined;
}

/**
 * Reads a configuration; one that is not there counts as empty.
 *
 * @throws DrawbridgeError `client-config` where it can't be read, is no file, or not UTF-8
 */
export async function readConfigFile(named: string): Promise<ConfigFile> {
  try {
    const path = await files.realpath(named);
    const stats = await files.stat(path);
    if (!stats.isFile()) throw configError('This is not a file', named);
    const bytes = await files.readFile(path);
    const text = decode(bytes, named);
    const mark = text.startsWith(BOM) ? BOM : '';
    return { path, text: text.slice(mark.length), mark, bytes, stats };
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw asConfigError(error, "can't be read", named);
    const link = await files.lstat(named).catch(() => undefined);
    if (link) throw configError('This is a link to nothing', named);
    return { path: named, text: '', mark: '', bytes: undefined, stats: undefined };
  }
}

/** The text of a backup, with its byte order mark. */
export async function readBackup(path: string): Promise<string> {
  return decode(await files.readFile(path), path);
}

/**
 * Puts a new text in the place of the one that was read, whole or not at all; mode and owner stay.
 *
 * @param time for the name of the backup
 * @returns where the backup is; undefined where there was nothing to back up
 * @throws DrawbridgeError `client-config` where it can't be written, or has changed since it was read
 */
export async function writeConfigFile(
  file: ConfigFile,
  text: string,
  time: Date,
): Promise<string | undefined> {
  return replace(file, time, async () => {
    const temp = `${file.path}.${randomBytes(6).toString('hex')}.tmp`;
    try {
      await create(temp, Buffer.from(file.mark + text), file.stats);
      await checkUnchanged(file);
      await renamePatiently(temp, file.path);
    } catch (error) {
      await files.rm(temp, { force: true });
      throw error;
    }
  });
}

/** Deletes a configuration that holds nothing but what was added to it; see writeConfigFile. */
export async function deleteConfigFile(file: ConfigFile, time: Date): Promise<string | undefined> {
  return replace(file, time, async () => {
    await checkUnchanged(file);
    await files.rm(file.path);
  });
}

/** The backups of a file, the newest first. */
export async function backupsOf({ path }: ConfigFile): Promise<string[]> {
  const start = `${basename(path)}.`;
  const names = await files.readdir(dirname(path)).catch(() => []);
  return names
    .filter((name) => name.startsWith(start) && /^\d{8}T\d{9}Z(-\d+)?\.bak$/.test(name.slice(start.length)))
    .sort()
    .reverse()
    .map((name) => join(dirname(path), name));
}

export function isThere(path: string): boolean {
  return existsSync(path);
}

/** Creates the folders of a configuration, for this user alone. */
export async function createFolder(folder: string): Promise<void> {
  try {
    await files.mkdir(folder, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw asConfigError(error, "can't be created", folder);
  }
}

/** @param what begins the sentence; the path ends it */
export function configError(what: string, path: string, cause?: unknown): DrawbridgeError {
  return new DrawbridgeError('client-config', `${what}: ${displayText(path, 300)}`, {}, cause);
}

async function replace(file: ConfigFile, time: Date, work: () => Promise<void>): Promise<string | undefined> {
  let backup: string | undefined;
  try {
    backup = await createBackup(file, time);
    await work();
    return backup;
  } catch (error) {
    if (backup !== undefined) await files.rm(backup, { force: true });
    throw asConfigError(error, "can't be written", file.path);
  }
}

async function createBackup({ path, bytes, stats }: ConfigFile, time: Date): Promise<string | undefined> {
  if (bytes === undefined) return undefined;
  const stamp = time.toISOString().replace(/[-:.]/g, '');
  for (let count = 0; ; count++) {
    const backup = `${path}.${stamp}${count === 0 ? '' : `-${count}`}.bak`;
    try {
      await create(backup, bytes, stats);
      return backup;
    } catch (error) {
      if (codeOf(error) !== 'EEXIST' || count === 99) throw error;
    }
  }
}

/** Writes a new file with the mode and the owner of another one; without that, for this user alone. */
async function create(path: string, bytes: Buffer, like: Stats | undefined): Promise<void> {
  const handle = await files.open(path, 'wx', 0o600);
  try {
    await handle.writeFile(bytes);
    if (like && process.platform !== 'win32') {
      const own = await handle.stat();
      // Under sudo the file stays the user's. Where that is refused, a file of ours is better than none.
      if (like.uid !== own.uid || like.gid !== own.gid)
        await handle.chown(like.uid, like.gid).catch(() => {});
      await handle.chmod(like.mode & 0o7777);
    }
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** The client writes this file too: what it has written meanwhile must not be lost. */
async function checkUnchanged({ path, bytes }: ConfigFile): Promise<void> {
  const now = await files.readFile(path).catch(() => undefined);
  const isSame = now === undefined ? bytes === undefined : bytes !== undefined && now.equals(bytes);
  if (!isSame) throw configError('This has just been changed by another program; please try again', path);
}

async function renamePatiently(from: string, to: string): Promise<void> {
  const end = performance.now() + (process.platform === 'win32' ? RENAME_PATIENCE : 0);
  for (;;) {
    try {
      return await files.rename(from, to);
    } catch (error) {
      if (!['EPERM', 'EBUSY', 'EACCES'].includes(codeOf(error) ?? '') || performance.now() >= end)
        throw error;
      await delay(50);
    }
  }
}

function decode(bytes: Buffer, path: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (error) {
    throw configError('This is not UTF-8 text, and is left as it is', path, error);
  }
}

function asConfigError(error: unknown, what: string, path: string): DrawbridgeError {
  if (error instanceof DrawbridgeError) return error;
  return configError(`The configuration ${what} (${codeOf(error) ?? 'unknown error'})`, path, error);
}

function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException | undefined)?.code;
}
