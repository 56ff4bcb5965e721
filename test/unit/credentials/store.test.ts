import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';
import { idOf } from '../../../src/credentials/ids.ts';
import { CredentialStore, GenerationConflict, type StoreOptions } from '../../../src/credentials/store.ts';
import { tempFolder } from '../../support/temp-folder.ts';

const secret = 'canary-refresh-token';
const id = idOf('record');
const unusable = (message: RegExp) =>
  expect.objectContaining({
    reason: 'credential-store',
    exitCode: 5,
    message: expect.stringMatching(message),
  });

interface Place {
  store: CredentialStore;
  folder: string;
  /** The file of the record. */
  file: string;
  warnings: string[];
  open(options?: StoreOptions): CredentialStore;
}

/** A store in a folder that is not there yet. */
function place(): Place {
  const folder = join(tempFolder(), 'state');
  const warnings: string[] = [];
  const log = { warn: (event: string) => void warnings.push(event) };
  const open = (options: StoreOptions = {}): CredentialStore =>
    CredentialStore.open(folder, { log, ...options });
  return { store: open(), folder, file: join(folder, 'connections', `${id}.sealed`), warnings, open };
}

/** The same, with a record. */
async function filled(): Promise<Place & { generation: number }> {
  const there = place();
  return { ...there, generation: await there.store.write('connection', id, { secret }, 0) };
}

describe('a record', () => {
  test('is read as it was written, by another process too', async () => {
    const { store, open, generation } = await filled();
    const stored = { generation, value: { secret } };
    expect(store.read('connection', id)).toEqual(stored);
    expect(open().read('connection', id)).toEqual(stored);
    expect(store.list('connection')).toEqual([id]);
    expect(store.list('client')).toEqual([]);
  });

  test('is of one kind: the same id of another is another record', async () => {
    const { store, folder, file } = await filled();
    expect(store.read('client', id)).toBeUndefined();
    mkdirSync(join(folder, 'clients'));
    copyFileSync(file, join(folder, 'clients', `${id}.sealed`));
    expect(store.read('client', id)).toBeUndefined();
  });

  test('is nowhere in clear [46, T50]', async () => {
    const { folder } = await filled();
    const names = readdirSync(folder, { recursive: true, encoding: 'utf8' });
    const files = names.map((name) => join(folder, name)).filter((path) => statSync(path).isFile());
    expect(files.length).toBe(3);
    for (const path of files) {
      expect(readFileSync(path).includes('canary')).toBe(false);
      expect(readFileSync(path, 'utf8')).not.toContain(Buffer.from(secret).toString('base64').slice(2, -4));
    }
  });

  test('changes its stamp when it is written', async () => {
    const { store, generation } = await filled();
    const before = store.stamp('connection', id);
    expect(before).toBeDefined();
    expect(store.stamp('connection', id)).toBe(before);
    await store.write('connection', id, { secret }, generation);
    expect(store.stamp('connection', id)).not.toBe(before);
    await store.delete('connection', id);
    expect(store.stamp('connection', id)).toBeUndefined();
  });

  test('is gone when it is deleted; to delete it twice is no error', async () => {
    const { store } = await filled();
    await store.delete('connection', id);
    expect(store.read('connection', id)).toBeUndefined();
    expect(store.list('connection')).toEqual([]);
    await store.delete('connection', id);
  });

  test('can be deleted without its key, and in a newer format', async () => {
    const { open, folder, file } = await filled();
    const newer = readFileSync(file);
    newer[4] = 2;
    for (const bytes of [readFileSync(file), newer]) {
      writeFileSync(file, bytes);
      rmSync(join(folder, 'key.json'), { force: true });
      await open().delete('connection', id);
      expect(existsSync(file)).toBe(false);
    }
  });

  test('that is too large for a reader is not written', async () => {
    const { store } = place();
    await expect(store.write('connection', id, 'x'.repeat(1024 * 1024), 0)).rejects.toEqual(
      unusable(/too large/),
    );
    const large = 'x'.repeat(1024 * 1024 - 9000);
    await store.write('connection', id, large, 0);
    expect(store.read('connection', id)?.value).toBe(large);
  });

  test.each(['', '../x', 'a/b', 'A', 'é', 'a.b', 'a-', `${'a'.repeat(65)}`])(
    'is never named %j',
    async (name) => {
      const { store } = place();
      expect(() => store.read('connection', name)).toThrow(TypeError);
      await expect(store.write('connection', name, 1, 0)).rejects.toThrow(TypeError);
    },
  );
});

describe('compare and swap [61]', () => {
  test('writes only on the expected generation', async () => {
    const { store, generation } = await filled();
    const next = await store.write('connection', id, 2, generation);
    expect(next).toBe(generation + 1);
    for (const expected of [0, generation, next + 1]) {
      const conflict = await store.write('connection', id, 'late', expected).catch((error: unknown) => error);
      expect(conflict).toBeInstanceOf(GenerationConflict);
      expect(conflict).toMatchObject({ found: next, reason: 'credential-store' });
    }
    expect(store.read('connection', id)).toEqual({ generation: next, value: 2 });
  });

  test('does not bring back what was deleted, nor overwrite what came after [T60]', async () => {
    const { store, generation } = await filled();
    await store.delete('connection', id);
    await expect(store.write('connection', id, 'late', generation)).rejects.toMatchObject({ found: 0 });
    await store.write('connection', id, 'new', 0);
    await expect(store.write('connection', id, 'late', generation)).rejects.toThrow(GenerationConflict);
    expect(store.read('connection', id)?.value).toBe('new');
  });

  test('lets one of many win, in one process too', async () => {
    const { store } = place();
    const results = await Promise.allSettled(
      Array.from({ length: 20 }, (_, n) => store.write('connection', id, n, 0)),
    );
    const winners = results.filter(({ status }) => status === 'fulfilled');
    expect(winners).toHaveLength(1);
    expect(store.read('connection', id)?.value).toBe(results.indexOf(winners[0] as (typeof results)[number]));
  });

  test('is possible for one who holds the lock of the record', async () => {
    const { store } = place();
    const lock = await store.lock(`record:${id}`, 0);
    await store.write('connection', id, 1, 0);
    await lock?.release();
  });
});

describe('a damaged record is put aside, reported without its content, and absent [53]', () => {
  test.each<[string, (file: string) => void]>([
    ['cut', (file) => truncateSync(file, 100)],
    ['empty', (file) => truncateSync(file, 0)],
    ['garbage', (file) => writeFileSync(file, 'garbage')],
    ['of one gigabyte', (file) => truncateSync(file, 1024 ** 3)],
    ['of zeros', (file) => writeFileSync(file, Buffer.alloc(2 * 1024 * 1024))],
  ])('that is %s', async (_, damage) => {
    const { store, file, folder, warnings, generation } = await filled();
    damage(file);
    expect(store.read('connection', id)).toBeUndefined();
    expect(existsSync(file)).toBe(false);
    expect(readdirSync(join(folder, 'connections'))).toEqual([expect.stringMatching(/^\.corrupt-/)]);
    expect(warnings).toEqual(['damaged record put aside']);
    expect(store.list('connection')).toEqual([]);
    await expect(store.write('connection', id, 1, generation)).rejects.toThrow(GenerationConflict);
    await store.write('connection', id, 1, 0);
    expect(store.read('connection', id)?.value).toBe(1);
  });

  test('when a byte is changed anywhere, or the end is cut off anywhere [T51]', async () => {
    const { store, file } = await filled();
    const whole = readFileSync(file);
    const tries: Buffer[] = [];
    for (let at = 0; at < whole.length; at++) {
      const changed = Buffer.from(whole);
      changed[at] = (changed[at] as number) ^ 0x40;
      if (at !== 4 && at !== 5) tries.push(changed);
      tries.push(whole.subarray(0, at));
    }
    for (const bytes of tries) {
      writeFileSync(file, bytes);
      expect(store.read('connection', id)).toBeUndefined();
      expect(existsSync(file)).toBe(false);
    }
    writeFileSync(file, whole);
    expect(store.read('connection', id)?.value).toEqual({ secret });
  });

  test('when two are swapped [T51]', async () => {
    const { store, file } = await filled();
    const other = idOf('other');
    await store.write('connection', other, 'other', 0);
    const otherFile = file.replace(id, other);
    renameSync(file, `${file}.x`);
    renameSync(otherFile, file);
    renameSync(`${file}.x`, otherFile);
    expect(store.read('connection', id)).toBeUndefined();
    expect(store.read('connection', other)).toBeUndefined();
  });
});

describe('a newer format is refused and left alone [54, T59]', () => {
  test.each([4, 5])('told by byte %d', async (at) => {
    const { store, file, open, generation } = await filled();
    const bytes = readFileSync(file);
    bytes[at] = 9;
    writeFileSync(file, bytes);
    for (const reader of [store, open()]) {
      expect(() => reader.read('connection', id)).toThrow(unusable(/newer version .* Update/));
    }
    await expect(store.write('connection', id, 1, generation)).rejects.toEqual(unusable(/newer version/));
    expect(readFileSync(file).equals(bytes)).toBe(true);
  });

  test('however large it is', async () => {
    const { store, file } = await filled();
    writeFileSync(file, Buffer.concat([Buffer.from('BRG1\x02\x01'), Buffer.alloc(3 * 1024 * 1024)]));
    expect(() => store.read('connection', id)).toThrow(unusable(/newer version/));
    expect(existsSync(file)).toBe(true);
  });
});

describe('the key', () => {
  test('is made with the first record, not before', () => {
    const { store, folder } = place();
    expect(store.exists).toBe(false);
    expect(store.read('connection', id)).toBeUndefined();
    expect(existsSync(folder)).toBe(false);
  });

  test('that is gone is never replaced by another while records need it [48]', async () => {
    const { open, store, folder, generation } = await filled();
    rmSync(join(folder, 'key.json'));
    expect(() => open().read('connection', id)).toThrow(unusable(/key\.json, is missing.*sign in again/));
    for (const writer of [store, open()]) {
      await expect(writer.write('connection', id, 1, generation)).rejects.toEqual(unusable(/is missing/));
      await expect(writer.write('client', id, 1, 0)).rejects.toEqual(unusable(/is missing/));
    }
    expect(existsSync(join(folder, 'key.json'))).toBe(false);
  });

  test('that was exchanged opens nothing, and nothing is lost', async () => {
    const { open, folder, file } = await filled();
    const other = await filled();
    copyFileSync(join(other.folder, 'key.json'), join(folder, 'key.json'));
    expect(() => open().read('connection', id)).toThrow(unusable(/another key/));
    await expect(open().write('connection', id, 1, 0)).rejects.toEqual(unusable(/another key/));
    expect(existsSync(file)).toBe(true);
  });

  test.each<[string, string, RegExp]>([
    ['cut off', '{"version":1,"kid"', /key\.json, is damaged/],
    ['empty', '', /is damaged/],
    ['of another type', '[]', /is damaged/],
    ['too short', '{"version":1,"kid":"00","holder":"file","key":"c2VjcmV0"}', /is damaged/],
    ['without a version', '{"holder":"file"}', /is damaged/],
    ['of a later version', '{"version":3,"slots":[]}', /newer version/],
    ['with a later holder', '{"version":1,"kid":"00","holder":"keychain"}', /newer version/],
    [
      'with nothing but later slots',
      '{"version":2,"kid":"00","slots":[{"type":"argon2id"}]}',
      /newer version/,
    ],
    ['without a slot', '{"version":2,"kid":"00","slots":[]}', /is damaged/],
    ['of slots that are none', '{"version":2,"kid":"00","slots":[1]}', /is damaged/],
    ['with half a slot', '{"version":2,"kid":"00","slots":[{"type":"file","secret":"AA=="}]}', /is damaged/],
  ])('that is %s is refused without a quote, and left alone [75]', async (_, content, message) => {
    const { open, folder } = await filled();
    writeFileSync(join(folder, 'key.json'), content);
    expect(() => open().read('connection', id)).toThrow(unusable(message));
    await expect(open().write('connection', idOf('x'), 1, 0)).rejects.toEqual(unusable(message));
    expect(readFileSync(join(folder, 'key.json'), 'utf8')).toBe(content);
  });
});

describe('a store that is deleted while it is open [T57]', () => {
  test('is empty, and made anew by the next write', async () => {
    const { store, folder, open } = await filled();
    rmSync(folder, { recursive: true });
    expect(store.read('connection', id)).toBeUndefined();
    expect(store.list('connection')).toEqual([]);
    expect(store.exists).toBe(false);
    await store.delete('connection', id);
    await store.write('connection', id, 'new', 0);
    expect(open().read('connection', id)?.value).toBe('new');
  });

  test('and made anew by another process is read with the new key', async () => {
    const { store, folder, open } = await filled();
    rmSync(folder, { recursive: true });
    const generation = await open().write('connection', id, 'theirs', 0);
    expect(store.read('connection', id)?.value).toBe('theirs');
    await store.write('connection', id, 'ours', generation);
    expect(open().read('connection', id)?.value).toBe('ours');
  });
});

describe('what is left behind [54]', () => {
  test('is removed after a day, not before', async () => {
    const { store, folder, generation } = await filled();
    const yesterday = Date.now() - 25 * 60 * 60 * 1000;
    const today = Date.now() - 23 * 60 * 60 * 1000;
    for (const sub of ['', 'connections']) {
      for (const [name, time] of [
        ['.tmp-old', yesterday],
        ['.tmp-new', today],
        [`.corrupt-${yesterday}-00`, Date.now()],
        [`.corrupt-${today}-00`, yesterday],
        ['of the user', yesterday],
      ] as const) {
        writeFileSync(join(folder, sub, name), '');
        utimesSync(join(folder, sub, name), time / 1000, time / 1000);
      }
    }
    await store.write('connection', id, 1, generation);
    const left = ['.tmp-new', `.corrupt-${today}-00`, 'of the user'];
    expect(readdirSync(folder).sort()).toEqual([...left, 'connections', 'key.json', 'lock-secret'].sort());
    expect(readdirSync(join(folder, 'connections')).sort()).toEqual([...left, `${id}.sealed`].sort());
  });
});

describe.skipIf(process.platform === 'win32')('modes and links [51]', () => {
  const modeOf = (path: string): number => statSync(path).mode & 0o777;

  test('loose modes of our own are tightened, with a warning [T47, T48]', async () => {
    const { folder, file, open, warnings } = await filled();
    chmodSync(folder, 0o777);
    for (const path of [file, join(folder, 'key.json'), join(folder, 'lock-secret')]) chmodSync(path, 0o644);
    const store = open();
    expect(modeOf(folder)).toBe(0o700);
    const stored = store.read('connection', id);
    expect([file, join(folder, 'key.json')].map(modeOf)).toEqual([0o600, 0o600]);
    chmodSync(join(folder, 'connections'), 0o755);
    await store.write('connection', id, 1, stored?.generation as number);
    expect(modeOf(join(folder, 'lock-secret'))).toBe(0o600);
    expect(modeOf(join(folder, 'connections'))).toBe(0o700);
    expect(warnings).toEqual(Array(5).fill('stored credentials were open to other users'));
  });

  test('a link in the place of the folder is refused', () => {
    const { folder, open } = place();
    symlinkSync(tempFolder(), folder);
    expect(() => open()).toThrow(unusable(/link/));
  });

  test.each(['key.json', 'lock-secret', `connections/${id}.sealed`])(
    'a link in the place of %s is not followed [T49]',
    async (name) => {
      const { folder, open } = await filled();
      const elsewhere = join(tempFolder(), 'elsewhere');
      renameSync(join(folder, name), elsewhere);
      const before = readFileSync(elsewhere);
      symlinkSync(elsewhere, join(folder, name));
      await expect(open().write('connection', id, 1, 1)).rejects.toEqual(unusable(/is a link/));
      expect(readFileSync(elsewhere).equals(before)).toBe(true);
    },
  );

  test('a link in the place of a folder of records is refused', async () => {
    const { folder, open } = await filled();
    symlinkSync(tempFolder(), join(folder, 'clients'));
    await expect(open().write('client', id, 1, 0)).rejects.toEqual(unusable(/link/));
  });

  test('a folder or a pipe in the place of a record is refused at once', async () => {
    const { folder, file, open } = await filled();
    rmSync(file);
    mkdirSync(file);
    expect(() => open().read('connection', id)).toThrow(unusable(/is not a file/));
    rmSync(join(folder, 'key.json'));
    spawnSync('mkfifo', [join(folder, 'key.json')]);
    await expect(open().write('connection', idOf('x'), 1, 0)).rejects.toEqual(unusable(/is not a file/));
  });

  test('a folder above ours that everyone may write to is refused', async () => {
    const shared = tempFolder();
    chmodSync(shared, 0o777);
    const open = (): CredentialStore => CredentialStore.open(join(shared, 'a', 'state'));
    await expect(open().write('connection', id, 1, 0)).rejects.toEqual(unusable(/everyone may write/));
    expect(existsSync(join(shared, 'a', 'state', 'key.json'))).toBe(false);
    chmodSync(shared, 0o1777);
    await open().write('connection', id, 1, 0);
  });
});

describe('a folder that can not be used', () => {
  test('because a file is in its place or in its way', async () => {
    const { folder, open } = place();
    writeFileSync(folder, '');
    expect(() => open()).toThrow(unusable(/is not a folder/));
    expect(() => CredentialStore.open(join(folder, 'below'))).toThrow(
      unusable(/ENOTDIR.*MCP_DRAWBRIDGE_HOME/),
    );
  });

  test('has any other name: spaces, other scripts, 300 characters [T57]', async () => {
    const long = Array.from({ length: 4 }, () => 'x'.repeat(75)).join('/');
    for (const name of ['with spaces', 'ümläut 世界 🙂', long]) {
      const store = CredentialStore.open(join(tempFolder(), name));
      await store.write('connection', id, 1, 0);
      expect(store.read('connection', id)?.value).toBe(1);
    }
    expect(() => CredentialStore.open(join(tempFolder(), 'x'.repeat(300)))).toThrow(unusable(/ENAMETOOLONG/));
  });
});

describe('a rename that Windows refuses for a while [52]', () => {
  const busy = (times: number, code: string) => {
    let left = times;
    const rename = vi.fn(async (from: string, to: string) => {
      if (left-- > 0) throw Object.assign(new Error(code), { code });
      renameSync(from, to);
    });
    return rename;
  };

  test.each(['EPERM', 'EBUSY', 'EACCES'])('with %s is tried again', async (code) => {
    const { open } = place();
    const rename = busy(5, code);
    const store = open({ platform: 'win32', files: { rename }, locks: new ImmediateLocks() });
    await store.write('connection', id, 1, 0);
    expect(rename).toHaveBeenCalledTimes(6);
    expect(store.read('connection', id)?.value).toBe(1);
  });

  test('for more than two seconds is an error that leaves the old record', async () => {
    const { folder, open } = place();
    const rename = busy(1000, 'EBUSY');
    const store = open({ platform: 'win32', files: { rename }, locks: new ImmediateLocks() });
    const start = performance.now();
    await expect(store.write('connection', id, 1, 0)).rejects.toEqual(unusable(/EBUSY/));
    expect(performance.now() - start).toBeGreaterThan(1990);
    expect(performance.now() - start).toBeLessThan(3500);
    expect(readdirSync(join(folder, 'connections'))).toEqual([]);
  });

  test('elsewhere is an error at once', async () => {
    const { open } = place();
    const rename = busy(1, 'EPERM');
    await expect(
      open({ platform: 'linux', files: { rename } }).write('connection', id, 1, 0),
    ).rejects.toEqual(unusable(/EPERM/));
    expect(rename).toHaveBeenCalledTimes(1);
  });
});

describe('idOf [50]', () => {
  test('is lower-case hex SHA-256 that no two lists of fields share', () => {
    const fields = fc.array(fc.option(fc.string({ unit: 'grapheme', maxLength: 20 })), { maxLength: 4 });
    fc.assert(
      fc.property(fields, fields, (one, other) => {
        expect(idOf(...one)).toMatch(/^[0-9a-f]{64}$/);
        expect(idOf(...one) === idOf(...other)).toBe(JSON.stringify(one) === JSON.stringify(other));
      }),
    );
    expect(idOf('ab', 'c')).not.toBe(idOf('a', 'bc'));
    expect(idOf(null)).not.toBe(idOf(''));
    expect(idOf('a')).not.toBe(idOf('a', ''));
  });

  test.each(['https://x/../y', 'https://x/%2e%2e/y', 'a|b', 'a\0b', 'x'.repeat(10_000), 'https://X/'])(
    'gives hex alone for %j [T58]',
    (url) => expect(idOf(url)).toMatch(/^[0-9a-f]{64}$/),
  );
});

/** Locks that are always free, for tests that pretend to be on another system. */
class ImmediateLocks {
  async take() {
    return { release: async () => {}, announce: () => {} };
  }
  async waitForRelease() {}
  async follow() {
    return undefined;
  }
}
