import { statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { ExclusiveFileLocks, type LockFiles } from '../../../src/credentials/file-lock.ts';
import type { Holder, Lock } from '../../../src/credentials/lock.ts';
import { Locks, lockKeeperFor } from '../../../src/credentials/locks.ts';
import { PrivateFolder } from '../../../src/credentials/private-folder.ts';
import { SocketLocks } from '../../../src/credentials/socket-lock.ts';
import { tempFolder } from '../../support/temp-folder.ts';
import { within } from '../../support/wait.ts';

/** open() as macOS has it: a second one of the same file with O_EXLOCK and O_NONBLOCK is EAGAIN. */
class FakeFiles implements LockFiles {
  readonly opened: { path: string; flags: number; mode: number }[] = [];
  readonly #held = new Map<number, string>();
  refusal: string | undefined;

  open(path: string, flags: number, mode: number): number {
    this.opened.push({ path, flags, mode });
    const code = this.refusal ?? ([...this.#held.values()].includes(path) ? 'EAGAIN' : undefined);
    if (code !== undefined) throw Object.assign(new Error(code), { code });
    this.#held.set(this.opened.length, path);
    return this.opened.length;
  }

  close(descriptor: number): void {
    if (!this.#held.delete(descriptor)) throw new Error('EBADF');
  }

  get heldCount(): number {
    return this.#held.size;
  }
}

function place() {
  const path = tempFolder();
  const files = new FakeFiles();
  const folder = new PrivateFolder(path);
  const open = (): Locks => new Locks(folder, new ExclusiveFileLocks(folder, files));
  return { path, files, open, locks: open() };
}

describe('locks by O_EXLOCK, as macOS has them [58]', () => {
  test('each platform has its kind', () => {
    const folder = new PrivateFolder(tempFolder());
    for (const platform of ['linux', 'android', 'win32'] as const) {
      expect(lockKeeperFor(folder, platform)).toBeInstanceOf(SocketLocks);
    }
    for (const platform of ['darwin', 'freebsd', 'openbsd'] as const) {
      expect(lockKeeperFor(folder, platform)).toBeInstanceOf(ExclusiveFileLocks);
    }
  });

  test('are on a file of their own in "locks", named by the secret, opened to lock and not to wait', async () => {
    const { path, files, locks } = place();
    await locks.lock('record:ab', 0);
    const [{ path: file, flags, mode }] = files.opened as [FakeFiles['opened'][number]];
    expect(dirname(file)).toBe(join(path, 'locks'));
    expect(basename(file)).toMatch(/^[0-9a-f]{64}$/);
    expect(flags & 0x24).toBe(0x24);
    expect(mode).toBe(0o600);
    expect(statSync(join(path, 'locks')).mode & 0o777).toBe(0o700);
  });

  test('are held by one, waited for, and had when released', async () => {
    const { locks, open, files } = place();
    const lock = (await locks.lock('a', 0)) as Lock;
    expect(await open().lock('a', 0)).toBeUndefined();
    const start = performance.now();
    expect(await open().lock('a', 200)).toBeUndefined();
    expect(performance.now() - start).toBeGreaterThan(180);
    expect(files.opened.length).toBeLessThan(20);
    const waiting = open().lock('a', 5_000);
    await delay(50);
    await lock.release();
    await lock.release();
    const next = await within(waiting, 1_000, () => 'the lock was free');
    await next?.release();
    expect(files.heldCount).toBe(0);
  });

  test('have a holder of whom one learns that he is there, and when he is gone', async () => {
    const { locks, open } = place();
    expect(await locks.follow('a')).toBeUndefined();
    const lock = (await locks.lock('a', 0)) as Lock;
    const holder = (await open().follow('a')) as Holder;
    lock.announce('something');
    expect(holder.announced).toBeUndefined();
    await lock.release();
    await within(holder.gone, 2_000, () => 'the follower was not told');
    await (await open().lock('a', 0))?.release();
  });

  test('are followed no longer than wanted', async () => {
    const { locks, open, files } = place();
    await locks.lock('a', 0);
    const holder = (await open().follow('a')) as Holder;
    holder.close();
    await within(holder.gone, 1_000, () => 'the follower goes on');
    const before = files.opened.length;
    await delay(300);
    expect(files.opened.length).toBe(before);
  });

  test('that the file system does not have are an error, not a wait', async () => {
    const { locks, files } = place();
    files.refusal = 'ENOTSUP';
    await expect(locks.lock('a', 5_000)).rejects.toMatchObject({
      reason: 'credential-store',
      message: expect.stringMatching(/ENOTSUP/),
    });
  });
});
