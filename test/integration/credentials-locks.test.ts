import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { CredentialStore } from '../../src/credentials/store.ts';
import { bundleProgram } from '../support/bundle.ts';
import { isLinux } from '../support/prerequisites.ts';
import { StoreProcess } from '../support/store-process.ts';
import { makeTempFolder, tempFolder } from '../support/temp-folder.ts';
import { within } from '../support/wait.ts';

let program: string;
beforeAll(async () => {
  const folder = makeTempFolder();
  program = await bundleProgram('store-program.ts', folder);
  return () => rmSync(folder, { recursive: true, force: true });
});

const start = (folder: string, ...task: string[]): StoreProcess => new StoreProcess(program, folder, task);

/** A process that has the lock "gate". */
async function holder(folder: string, announced?: string): Promise<StoreProcess> {
  const process = start(folder, 'hold', 'gate', '0', ...(announced === undefined ? [] : [announced]));
  expect(await process.says()).toBe('held');
  return process;
}

async function takeGate(folder: string, patience: number): Promise<boolean> {
  const lock = await CredentialStore.open(folder).lock('gate', patience);
  await lock?.release();
  return lock !== undefined;
}

describe('a lock between processes [57, 58]', () => {
  test('lets one of ten in at a time, from the very first, when there is no secret yet', async () => {
    const folder = join(tempFolder(), 'state');
    const notes = join(tempFolder(), 'notes');
    const processes = Array.from({ length: 10 }, () => start(folder, 'enter', 'gate', '20', notes));
    expect(await Promise.all(processes.map((process) => process.says()))).toEqual(Array(10).fill('done'));
    const lines = readFileSync(notes, 'utf8').trimEnd().split('\n');
    expect(lines).toHaveLength(400);
    for (let n = 0; n < lines.length; n += 2) {
      expect(lines[n]).toMatch(/^in /);
      expect(lines[n + 1]).toBe(lines[n]?.replace('in', 'out'));
    }
  });

  test('is free at once when its holder is killed, and one of those who wait has it [T66]', async () => {
    const folder = tempFolder();
    const first = await holder(folder);
    const waiters = Array.from({ length: 5 }, () => start(folder, 'hold', 'gate', '20000'));
    await delay(1_000);
    first.kill();
    const begin = performance.now();
    const words = waiters.map((process) => process.says());
    expect(await Promise.race(words)).toBe('held');
    expect(performance.now() - begin).toBeLessThan(1_000);
    expect(await takeGate(folder, 0)).toBe(false);
    // The next ones have it in their turn, each when the one before is killed.
    const remaining = new Set(waiters.keys());
    for (let left = waiters.length; left > 0; left--) {
      const index = await within(
        Promise.race([...remaining].map((n) => (words[n] as Promise<unknown>).then(() => n))),
        5_000,
        () => `${left} waiters are left and none has the lock`,
      );
      expect(await words[index]).toBe('held');
      remaining.delete(index);
      (waiters[index] as StoreProcess).kill();
    }
    expect(await takeGate(folder, 1_000)).toBe(true);
  });

  test('is kept by a holder that is stopped: whoever waits gives up in time, and has it when that one goes on and ends [T67]', async () => {
    const folder = tempFolder();
    const stopped = await holder(folder);
    stopped.signal('SIGSTOP');
    const begin = performance.now();
    expect(await takeGate(folder, 500)).toBe(false);
    expect(performance.now() - begin).toBeLessThan(1_500);
    const waiting = takeGate(folder, 10_000);
    await delay(200);
    stopped.signal('SIGCONT');
    await delay(200);
    stopped.kill();
    expect(await waiting).toBe(true);
  });

  test('is free at once when a holder that is stopped is killed', async () => {
    const folder = tempFolder();
    const stopped = await holder(folder);
    stopped.signal('SIGSTOP');
    const waiting = takeGate(folder, 10_000);
    await delay(200);
    stopped.kill();
    expect(await within(waiting, 2_000, () => 'still waiting')).toBe(true);
  });

  test('does not keep a process from ending', async () => {
    const folder = tempFolder();
    const lock = await CredentialStore.open(folder).lock('gate', 0);
    onTestFinished(() => lock?.release());
    const waiting = start(folder, 'hold', 'gate', '300');
    expect(await waiting.says()).toBe('not held');
  });

  test('of another store is another lock', async () => {
    await holder(tempFolder());
    expect(await takeGate(tempFolder(), 0)).toBe(true);
  });
});

describe('the holder of a lock in another process', () => {
  test('tells its followers; they learn when it is killed', async () => {
    const folder = tempFolder();
    const store = CredentialStore.open(folder);
    expect(await store.follow('gate')).toBeUndefined();
    const lock = await store.lock('gate', 0);
    onTestFinished(() => lock?.release());
    lock?.announce({ link: 'one' });
    const followers = Array.from({ length: 10 }, () => start(folder, 'follow', 'gate'));
    const hear = () => Promise.all(followers.map((process) => process.says()));
    expect(await hear()).toEqual(Array(10).fill({ announced: { link: 'one' } }));
    lock?.announce({ link: 'two' });
    expect(await hear()).toEqual(Array(10).fill({ announced: { link: 'two' } }));
    await lock?.release();
    expect(await hear()).toEqual(Array(10).fill('gone'));
  });

  test('that is killed is gone', async () => {
    const folder = tempFolder();
    const process = await holder(folder, '{"link":1}');
    const followed = await CredentialStore.open(folder).follow('gate');
    expect(followed?.announced).toEqual({ link: 1 });
    process.kill();
    await within(followed?.gone as Promise<void>, 2_000, () => 'it is not');
  });

  test('that is stopped is there, and tells when it goes on', async () => {
    const folder = tempFolder();
    const process = await holder(folder, '{"link":1}');
    process.signal('SIGSTOP');
    const followed = await within(CredentialStore.open(folder).follow('gate'), 2_000, () => 'still asking');
    expect(followed).toBeDefined();
    expect(followed?.announced).toBeUndefined();
    const announced = new Promise((resolve) => followed?.onAnnounced(resolve));
    process.signal('SIGCONT');
    expect(await within(announced, 2_000, () => 'it says nothing')).toEqual({ link: 1 });
    followed?.close();
  });

  test.runIf(isLinux)('survives hundreds that wait while it is stopped', async () => {
    const folder = tempFolder();
    const process = await holder(folder);
    process.signal('SIGSTOP');
    const store = CredentialStore.open(folder);
    // More than its queue takes.
    const waits = Array.from({ length: 1_200 }, () => store.lock('gate', 3_000));
    await delay(1_500);
    process.signal('SIGCONT');
    expect((await Promise.all(waits)).filter((lock) => lock !== undefined)).toEqual([]);
    expect(await takeGate(folder, 0)).toBe(false);
    process.kill();
    expect(await takeGate(folder, 2_000)).toBe(true);
  });
});
