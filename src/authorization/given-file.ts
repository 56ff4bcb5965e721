import { constants, open } from 'node:fs/promises';
import { DrawbridgeError } from '../errors.ts';

const MAX_BYTES = 64 * 1024;

/**
 * The text of a file that the user has named, which is read at each use, since platforms renew such files. Others may be
 * able to read it: a mounted secret often is.
 *
 * @param option what names it, for the error
 * @throws DrawbridgeError `usage`; nothing of the file is in it but its name
 */
export async function readGivenFile(path: string, option: string): Promise<string> {
  const refuse = (why: string): never => {
    throw new DrawbridgeError('usage', `The file of ${option} ${why}: ${path.slice(-200)}`);
  };
  // A pipe without a writer would hold everything up.
  const file = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0)).catch(
    ({ code }: NodeJS.ErrnoException) => refuse(`can't be read (${code})`),
  );
  try {
    const stats = await file.stat();
    if (!stats.isFile()) return refuse('is not a regular file');
    if (stats.size > MAX_BYTES) return refuse('is larger than 64 KiB');
    return await file.readFile('utf8');
  } finally {
    await file.close();
  }
}
