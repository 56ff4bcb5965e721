import { writeSync } from 'node:fs';
import { type FileSystem, realFiles, type WritableFile } from '../../src/credentials/durable-files.ts';
import { KeychainError } from '../../src/credentials/keychain.ts';
import { CredentialStore } from '../../src/credentials/store.ts';
import { type BreakingPoint, GIVEN_KEY, perform, steps } from './store-life.ts';

/**
 * A process that does the steps of store-life.ts and kills itself (SIGKILL) at one of its calls that change the disk:
 * before it, after it, or with half of the bytes written. It says each step that is done, and at the end how many
 * calls there were, and which of them write.
 */
async function main(): Promise<void> {
  const { folder, point } = JSON.parse(process.argv[2] as string) as {
    folder: string;
    point?: BreakingPoint;
  };
  let calls = 0;
  const writes: number[] = [];
  const counted = async <T>(call: () => Promise<T>, half?: () => Promise<unknown>): Promise<T> => {
    const isHere = calls === point?.call;
    if (half) writes.push(calls);
    calls++;
    if (isHere && point.when === 'half') await half?.();
    if (isHere && point.when !== 'after') process.kill(process.pid, 'SIGKILL');
    const result = await call();
    if (isHere) process.kill(process.pid, 'SIGKILL');
    return result;
  };
  const wrap = (file: WritableFile): WritableFile => ({
    chmod: (mode) => counted(() => file.chmod(mode)),
    writeFile: (bytes) =>
      counted(
        () => file.writeFile(bytes),
        () => file.writeFile(bytes.subarray(0, bytes.length / 2)),
      ),
    sync: () => counted(() => file.sync()),
    close: () => counted(() => file.close()),
  });
  const files: Omit<FileSystem, 'isWindows'> = {
    open: async (...args) => wrap(await counted(() => realFiles.open(...args))),
    mkdir: (...args) => counted(() => realFiles.mkdir(...args)),
    chmod: (...args) => counted(() => realFiles.chmod(...args)),
    link: (...args) => counted(() => realFiles.link(...args)),
    rename: (...args) => counted(() => realFiles.rename(...args)),
    rm: (...args) => counted(() => realFiles.rm(...args)),
  };
  for (const [index, step] of steps.entries()) {
    const secret = step.holder === 'key' ? GIVEN_KEY : undefined;
    await perform(
      CredentialStore.open(folder, { files, settings: { choice: 'auto', secret }, keychain: none }),
      step,
    );
    // Not through a stream: it must be out before the next call.
    writeSync(1, `${index + 1}\n`);
  }
  writeSync(1, `${JSON.stringify({ calls, writes })}\n`);
}

/** A machine without a keychain. */
const none = {
  read: () => Promise.reject(new KeychainError('unavailable', 'none')),
  create: () => Promise.reject(new KeychainError('unavailable', 'none')),
  remove: () => Promise.reject(new KeychainError('unavailable', 'none')),
};

void main();
