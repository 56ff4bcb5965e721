import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { beforeAll, describe, expect, onTestFinished, type TestContext, test } from 'vitest';
import { idOf } from '../../src/credentials/ids.ts';
import { CredentialStore } from '../../src/credentials/store.ts';
import { bundleProgram } from '../support/bundle.ts';
import { isLinux } from '../support/prerequisites.ts';
import { StoreProcess } from '../support/store-process.ts';
import { makeTempFolder, tempFolder } from '../support/temp-folder.ts';

const isRoot = process.geteuid?.() === 0;
const NOBODY = 65534;
const id = idOf('record');
const unusable = (message: RegExp) => ({
  reason: 'credential-store',
  message: expect.stringMatching(message),
});

let program: string;
beforeAll(async () => {
  const folder = makeTempFolder();
  chmodSync(folder, 0o755);
  program = await bundleProgram('store-program.ts', folder);
  return () => rmSync(folder, { recursive: true, force: true });
});

const start = (folder: string, ...task: string[]): StoreProcess => new StoreProcess(program, folder, task);

/** Runs a task in a process and gives what it says. */
function ask(
  folder: string,
  task: string[],
  circumstances: { uid?: number; umask?: number } = {},
): Promise<unknown> {
  return new StoreProcess(program, folder, task, circumstances).says();
}

/** All files and folders below, with their modes. */
function modesIn(folder: string): Record<string, string> {
  const names = ['', ...readdirSync(folder, { recursive: true, encoding: 'utf8' })];
  return Object.fromEntries(
    names.map((name) => [name, (statSync(join(folder, name)).mode & 0o777).toString(8)]),
  );
}

describe('ten processes', () => {
  test('that write first make one key, and all can read what each has written [T53]', async () => {
    for (let round = 0; round < 3; round++) {
      const folder = join(tempFolder(), 'state');
      const ids = Array.from({ length: 10 }, (_, n) => idOf(String(n)));
      const writers = ids.map((name) => start(folder, 'write', 'client', name, `"${name}"`, '0'));
      for (const said of await Promise.all(writers.map((writer) => writer.says())))
        expect(said).toEqual(expect.any(Number));
      const store = CredentialStore.open(folder);
      for (const name of ids) expect(store.read('client', name)?.value).toBe(name);
      expect(readdirSync(folder).sort()).toEqual(['clients', 'key.json', 'lock-secret']);
    }
  });

  test('that write the same record lose no change [61]', async () => {
    const folder = tempFolder();
    const writers = Array.from({ length: 10 }, () => start(folder, 'count', 'memory', id, '10'));
    expect(await Promise.all(writers.map((writer) => writer.says()))).toEqual(Array(10).fill('done'));
    expect(CredentialStore.open(folder).read('memory', id)?.value).toBe(100);
  });

  test('that are killed while they write leave a record that is whole, never an older one [T54]', async () => {
    const folder = tempFolder();
    const store = CredentialStore.open(folder);
    let before = 0;
    for (let round = 0; round < 10; round++) {
      const writer = start(folder, 'count', 'memory', id, '100000');
      await delay(150 + Math.random() * 150);
      writer.kill();
      const value = store.read<number>('memory', id)?.value ?? 0;
      expect(value).toBeGreaterThanOrEqual(before);
      before = value;
    }
    expect(before).toBeGreaterThan(10);
    expect(readdirSync(join(folder, 'memories')).filter((name) => name.startsWith('.corrupt'))).toEqual([]);
    const generation = store.read('memory', id)?.generation as number;
    await store.write('memory', id, 0, generation);
  });
});

describe.skipIf(process.platform === 'win32')('modes [51]', () => {
  test.each([0o000, 0o077, 0o277])(
    'are 0700 and 0600 whatever the umask, such as %d [T46]',
    async (umask) => {
      const folder = join(tempFolder(), 'state');
      expect(await ask(folder, ['write', 'connection', id, '1', '0'], { umask })).toEqual(expect.any(Number));
      expect(modesIn(folder)).toEqual({
        '': '700',
        connections: '700',
        'key.json': '600',
        'lock-secret': '600',
        [`connections/${id}.sealed`]: '600',
      });
    },
  );
});

describe.runIf(isRoot)('another user, who takes root to play', () => {
  /** A folder that another user may enter. */
  function open(): string {
    const folder = tempFolder();
    chmodSync(folder, 0o755);
    return folder;
  }

  test('can not use the store of this one, nor see more than that it is there', async () => {
    const folder = join(open(), 'state');
    await CredentialStore.open(folder).write('connection', id, { token: 'canary' }, 0);
    for (const task of [
      ['read', 'connection', id],
      ['write', 'connection', id, '1', '1'],
      ['hold', 'gate', '0'],
    ]) {
      expect(await ask(folder, task, { uid: NOBODY })).toEqual(unusable(/belongs to another user/));
    }
    expect(CredentialStore.open(folder).read('connection', id)?.value).toEqual({ token: 'canary' });
  });

  test.each(['', 'key.json', 'lock-secret', 'connections', `connections/${id}.sealed`])(
    'who owns %j in the store is refused [T47, T48]',
    async (name) => {
      const folder = join(open(), 'state');
      const generation = await CredentialStore.open(folder).write('connection', id, 1, 0);
      chownSync(join(folder, name), NOBODY, NOBODY);
      const task = ['write', 'connection', id, '2', String(generation)];
      expect(await ask(folder, task)).toEqual(unusable(/belongs to another user/));
    },
  );

  test('has a folder that can not be written: nothing is written elsewhere, and the way out is said [T56]', async () => {
    const parent = open();
    const folder = join(parent, 'state');
    expect(await ask(folder, ['write', 'connection', id, '1', '0'], { uid: NOBODY })).toEqual(
      unusable(/EACCES.*MCP_DRAWBRIDGE_HOME/),
    );
    expect(readdirSync(parent)).toEqual([]);

    mkdirSync(folder);
    chownSync(folder, NOBODY, NOBODY);
    chmodSync(folder, 0o500);
    const said = await ask(folder, ['write', 'connection', id, '1', '0'], { uid: NOBODY });
    expect(said).toEqual(unusable(/EACCES/));
    expect(readdirSync(folder)).toEqual([]);
  });
});

describe.runIf(isRoot && isLinux)('a disk that is full, which takes root to mount', () => {
  /** A disk of one megabyte; the test is skipped where a container allows none. */
  function smallDisk({ skip }: TestContext): string {
    const folder = tempFolder();
    const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1m,mode=0700', 'none', folder]);
    if (mounted.status !== 0) skip(`nothing can be mounted here: ${mounted.stderr}`);
    onTestFinished(() => void spawnSync('umount', ['-l', folder]));
    return folder;
  }
  const fill = (folder: string): void => {
    const filler = join(folder, 'filler');
    for (let size = 2 ** 20; size >= 1; size >>= 1) {
      try {
        writeFileSync(filler, Buffer.alloc(size), { flag: 'a' });
      } catch {
        // Half of it, then.
      }
    }
  };

  test('is told, and the record is as it was; with space again it can be written [T55]', async (context) => {
    const folder = smallDisk(context);
    const store = CredentialStore.open(join(folder, 'state'));
    const generation = await store.write('connection', id, 'old', 0);
    fill(folder);
    for (let times = 0; times < 3; times++) {
      await expect(store.write('connection', id, 'x'.repeat(10_000), generation)).rejects.toMatchObject(
        unusable(/ENOSPC.*free some space.*state$/),
      );
    }
    expect(store.read('connection', id)).toEqual({ generation, value: 'old' });
    expect(readdirSync(join(folder, 'state', 'connections'))).toEqual([`${id}.sealed`]);
    rmSync(join(folder, 'filler'));
    await store.write('connection', id, 'new', generation);
    expect(store.read('connection', id)?.value).toBe('new');
  });

  test('from the start leaves no half of a key', async (context) => {
    const folder = smallDisk(context);
    fill(folder);
    const store = CredentialStore.open(join(folder, 'state'));
    await expect(store.write('connection', id, 1, 0)).rejects.toMatchObject(unusable(/ENOSPC/));
    expect(existsSync(join(folder, 'state', 'key.json'))).toBe(false);
    expect(store.exists).toBe(false);
    rmSync(join(folder, 'filler'));
    await store.write('connection', id, 1, 0);
    expect(readFileSync(join(folder, 'state', 'key.json'), 'utf8')).toMatch(/^\{.*\}\n$/);
  });
});
