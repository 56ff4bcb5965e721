import { copyFileSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { idOf } from '../../../src/credentials/ids.ts';
import { type Keychain, KeychainError, type KeychainProblem } from '../../../src/credentials/keychain.ts';
import { openStore } from '../../../src/credentials/open-store.ts';
import { seal, storeKey } from '../../../src/credentials/sealed-file.ts';
import { CredentialStore } from '../../../src/credentials/store.ts';
import type { StoreSecret, StoreSettings } from '../../../src/settings.ts';
import { tempFolder } from '../../support/temp-folder.ts';

const id = idOf('record');
const unusable = (message: RegExp) =>
  expect.objectContaining({
    reason: 'credential-store',
    exitCode: 5,
    message: expect.stringMatching(message),
  });
const passphrase = (value: string): StoreSecret => ({ kind: 'passphrase', from: 'text', value });
const rawKey = (byte: number): StoreSecret => ({
  kind: 'key',
  from: 'text',
  value: Buffer.alloc(32, byte).toString('base64'),
});

/** A keychain in memory, which counts what is asked of it, and has a problem where one is set. */
class TestKeychain implements Keychain {
  readonly items = new Map<string, string>();
  problem: KeychainProblem | undefined;
  reads = 0;

  async read(account: string): Promise<string | undefined> {
    this.reads++;
    this.#check();
    return this.items.get(account);
  }
  async create(account: string, secret: string): Promise<void> {
    this.#check();
    this.items.set(account, secret);
  }
  async remove(account: string): Promise<void> {
    this.#check();
    this.items.delete(account);
  }
  #check(): void {
    if (this.problem) throw new KeychainError(this.problem, 'as the test wants');
  }
}

interface Place {
  folder: string;
  keychain: TestKeychain;
  warnings: string[];
  open(choice: StoreSettings['choice'], secret?: StoreSecret): CredentialStore;
  slots(): { type: string }[];
}

function place(): Place {
  const folder = join(tempFolder(), 'state');
  const keychain = new TestKeychain();
  const warnings: string[] = [];
  const log = { warn: (event: string) => void warnings.push(event) };
  return {
    folder,
    keychain,
    warnings,
    open: (choice, secret) => CredentialStore.open(folder, { keychain, log, settings: { choice, secret } }),
    slots: () => JSON.parse(readFileSync(join(folder, 'key.json'), 'utf8')).slots,
  };
}

const typesOf = ({ slots }: Place): string[] => slots().map(({ type }) => type);

describe('the first write chooses what holds the key', () => {
  test.each<[StoreSettings['choice'], StoreSecret | undefined, string]>([
    ['auto', undefined, 'keychain'],
    ['auto', passphrase('x'), 'scrypt'],
    ['auto', rawKey(1), 'raw'],
    ['keychain', undefined, 'keychain'],
    ['keychain', passphrase('x'), 'keychain'],
    ['file', undefined, 'file'],
    ['file', passphrase('x'), 'scrypt'],
    ['file', rawKey(1), 'raw'],
  ])('%s with %j: %s', async (choice, secret, type) => {
    const there = place();
    await there.open(choice, secret).write('connection', id, 'token', 0);
    expect(typesOf(there)).toEqual([type]);
    expect(there.keychain.items.size).toBe(type === 'keychain' ? 1 : 0);
    expect(there.warnings).toEqual([]);
    const store = there.open('auto', secret);
    await store.unlock();
    expect(store.read('connection', id)?.value).toBe('token');
    expect(store.describeKeyHolder()).toEqual({
      holder: { keychain: 'keychain', scrypt: 'passphrase', raw: 'key', file: 'file' }[type],
      since: expect.any(Number),
      sentence: expect.stringMatching(/./),
    });
  });

  test.each<KeychainProblem>(['unavailable', 'locked', 'silent', 'denied', 'failed'])(
    'where the keychain is %s, auto takes a file with one warning, keychain does not',
    async (problem) => {
      const there = place();
      there.keychain.problem = problem;
      await expect(there.open('keychain').write('client', id, 1, 0)).rejects.toEqual(
        unusable(/[kK]eychain .*no credentials were stored.*--store file/),
      );
      expect(existsSync(join(there.folder, 'key.json'))).toBe(false);
      await there.open('auto').write('client', id, 1, 0);
      await there.open('auto').write('client', idOf('x'), 1, 0);
      expect(there.slots()).toMatchObject([{ type: 'file', instead: problem }]);
      expect(there.warnings).toEqual([expect.stringMatching(/alone, not against other programs/)]);
      expect(there.open('auto').describeKeyHolder()).toMatchObject({
        holder: 'file',
        sentence: expect.stringMatching(/keychain.*not against other programs of this user/i),
      });
      // What was chosen stays, also when the keychain is back.
      there.keychain.problem = undefined;
      await there.open('auto').write('client', idOf('y'), 1, 0);
      expect(typesOf(there)).toEqual(['file']);
    },
  );

  test('and a keychain that fails in an unforeseen way is no reason to do without', async () => {
    const there = place();
    vi.spyOn(there.keychain, 'create').mockRejectedValue(new TypeError('a fault of ours'));
    await expect(there.open('auto').write('client', id, 1, 0)).rejects.toThrow(TypeError);
    expect(existsSync(join(there.folder, 'key.json'))).toBe(false);
  });
});

describe('a store whose key is in the keychain', () => {
  test('is asked for once by a process, whatever it does', async () => {
    const there = place();
    const generation = await there.open('auto').write('connection', id, 1, 0);
    there.keychain.reads = 0;
    const store = there.open('auto');
    await Promise.all([store.unlock(), store.unlock(), store.write('connection', id, 2, generation)]);
    await store.unlock();
    store.read('connection', id);
    await store.write('connection', id, 3, generation + 1);
    expect(there.keychain.reads).toBeLessThanOrEqual(2);
  });

  test('can not be read before it is unlocked, and is being unlocked by the try', async () => {
    const there = place();
    await there.open('auto').write('connection', id, 1, 0);
    const store = there.open('auto');
    expect(() => store.read('connection', id)).toThrow(unusable(/just being unlocked/));
    await vi.waitFor(() => expect(store.read('connection', id)?.value).toBe(1));
  });

  test('needs none where nothing is stored', async () => {
    const there = place();
    there.keychain.problem = 'locked';
    const store = there.open('auto');
    await store.unlock();
    expect(store.read('connection', id)).toBeUndefined();
    expect(there.keychain.reads).toBe(0);
    expect(store.describeKeyHolder().holder).toBe('none');
  });

  test('is opened when the keychain is, after it was locked', async () => {
    const there = place();
    await there.open('auto').write('connection', id, 1, 0);
    const store = there.open('auto');
    there.keychain.problem = 'locked';
    await expect(store.unlock()).rejects.toEqual(unusable(/The keychain is locked.*Unlock it/));
    there.keychain.problem = undefined;
    await store.unlock();
    expect(store.read('connection', id)?.value).toBe(1);
  });

  test('that is deleted and made anew by another process is unlocked anew', async () => {
    const there = place();
    const store = there.open('auto');
    await store.write('connection', id, 'old', 0);
    rmSync(there.folder, { recursive: true });
    await there.open('auto').write('connection', id, 'new', 0);
    await store.unlock();
    expect(store.read('connection', id)?.value).toBe('new');
  });

  test('whose key file can not be written leaves no item behind', async () => {
    const there = place();
    const store = CredentialStore.open(there.folder, {
      keychain: there.keychain,
      settings: { choice: 'auto', secret: undefined },
      files: {
        link: async (from, to) => {
          if (to.endsWith('key.json')) throw Object.assign(new Error('full'), { code: 'ENOSPC' });
          copyFileSync(from, to);
        },
      },
    });
    await expect(store.write('client', id, 1, 0)).rejects.toEqual(unusable(/ENOSPC/));
    expect(there.keychain.items.size).toBe(0);
  });
});

describe('a store under a passphrase', () => {
  test('opens with it alone; the parameters are those of the decision', async () => {
    const there = place();
    await there.open('file', passphrase('correct horse')).write('connection', id, 'token', 0);
    expect(there.slots()).toMatchObject([{ type: 'scrypt', N: 2 ** 15, r: 8, p: 3 }]);
    expect(readFileSync(join(there.folder, 'key.json'), 'utf8')).not.toContain('correct');
    for (const [secret, message] of [
      [passphrase('wrong'), /MCP_DRAWBRIDGE_PASSPHRASE is not the passphrase/],
      [undefined, /set MCP_DRAWBRIDGE_PASSPHRASE/],
      [rawKey(1), /set MCP_DRAWBRIDGE_PASSPHRASE/],
    ] as const) {
      await expect(there.open('auto', secret).unlock()).rejects.toEqual(unusable(message));
      await expect(there.open('file', secret).write('client', id, 1, 0)).rejects.toEqual(unusable(message));
    }
    expect(typesOf(there)).toEqual(['scrypt']);
  });

  test.each([
    ['N', 2 ** 19],
    ['N', 1000],
    ['N', 1],
    ['r', 17],
    ['p', 9],
    ['p', 0],
    ['N', '32768'],
  ])('is refused before any work where the file asks for %s = %s', async (name, value) => {
    const there = place();
    await there.open('file', passphrase('x')).write('connection', id, 1, 0);
    const path = join(there.folder, 'key.json');
    const content = JSON.parse(readFileSync(path, 'utf8'));
    Object.assign(content.slots[0], { [name as string]: value });
    writeFileSync(path, JSON.stringify(content));
    const start = performance.now();
    await expect(there.open('file', passphrase('x')).unlock()).rejects.toEqual(unusable(/is damaged/));
    expect(performance.now() - start).toBeLessThan(120);
  });

  test('takes it from a file, without the end of its line; the same letters in another form are the same', async () => {
    const there = place();
    const path = join(tempFolder(), 'passphrase');
    writeFileSync(path, 'caf\u00e9\r\n');
    await there.open('auto', { kind: 'passphrase', from: 'file', value: path }).write('client', id, 1, 0);
    const store = there.open('auto', passphrase('cafe\u0301'));
    await store.unlock();
    expect(store.read('client', id)?.value).toBe(1);
    rmSync(path);
    const gone: StoreSecret = { kind: 'passphrase', from: 'file', value: path };
    await expect(there.open('auto', gone).unlock()).rejects.toEqual(
      unusable(/file of MCP_DRAWBRIDGE_PASSPHRASE_FILE can't be read \(ENOENT\)/),
    );
  });
});

describe('a store under a given key', () => {
  test('opens with it alone, and without waiting', async () => {
    const there = place();
    await there.open('auto', rawKey(1)).write('connection', id, 'token', 0);
    expect(there.open('auto', rawKey(1)).read('connection', id)?.value).toBe('token');
    await expect(there.open('auto', rawKey(2)).unlock()).rejects.toEqual(unusable(/is not the key/));
    await expect(there.open('auto').unlock()).rejects.toEqual(unusable(/set MCP_DRAWBRIDGE_KEY/));
  });

  test.each(['', 'short', 'x'.repeat(44), Buffer.alloc(33).toString('base64'), '*'.repeat(44)])(
    'wants 32 bytes in base64: %j is refused without a quote',
    async (value) => {
      const there = place();
      const write = there.open('auto', { kind: 'key', from: 'text', value }).write('client', id, 1, 0);
      await expect(write).rejects.toEqual(unusable(/^MCP_DRAWBRIDGE_KEY is not a key: 32 random bytes/));
    },
  );

  test('opens within 5 ms, like one under a file', async () => {
    for (const secret of [rawKey(1), undefined]) {
      const there = place();
      await there.open('file', secret).write('connection', id, 'token', 0);
      const times = Array.from({ length: 20 }, () => {
        const start = performance.now();
        there.open('auto', secret).read('connection', id);
        return performance.now() - start;
      });
      expect(Math.min(...times)).toBeLessThan(5);
    }
  });
});

describe('a store under a file', () => {
  test('does not open where the machine is another', async () => {
    const there = place();
    await there.open('file').write('connection', id, 'token', 0);
    const path = join(there.folder, 'key.json');
    const content = JSON.parse(readFileSync(path, 'utf8'));
    content.slots[0].machine = !content.slots[0].machine;
    writeFileSync(path, JSON.stringify(content));
    expect(() => there.open('auto').read('connection', id)).toThrow(
      unusable(/bound to the machine and user/),
    );
  });
});

describe('another holder', () => {
  test('leaves the records as they are', async () => {
    const there = place();
    await there.open('file').write('connection', id, 'token', 0);
    const record = readFileSync(join(there.folder, 'connections', `${id}.sealed`));
    let written = 0;
    for (const [choice, secret, types] of [
      ['auto', undefined, ['file']],
      ['auto', passphrase('x'), ['scrypt']],
      ['keychain', passphrase('x'), ['keychain']],
      ['auto', rawKey(1), ['keychain', 'raw']],
      ['file', rawKey(1), ['keychain', 'raw']],
      ['file', undefined, ['file']],
    ] as const) {
      await there.open(choice, secret).write('client', idOf(String(written++)), 1, 0);
      expect(typesOf(there)).toEqual(types);
      const store = there.open(choice, secret);
      await store.unlock();
      expect(store.read('connection', id)?.value).toBe('token');
    }
    expect(readFileSync(join(there.folder, 'connections', `${id}.sealed`)).equals(record)).toBe(true);
    expect(there.keychain.items.size).toBe(0);
    expect(there.warnings).toEqual(['the key of the credentials is no longer in the keychain']);
  });

  test('is not taken where the present one can not be opened: no second key [48]', async () => {
    const there = place();
    await there.open('auto').write('connection', id, 'token', 0);
    const before = readFileSync(join(there.folder, 'key.json'), 'utf8');
    there.keychain.problem = 'locked';
    for (const secret of [undefined, passphrase('x'), rawKey(1)])
      await expect(there.open('file', secret).write('client', id, 1, 0)).rejects.toEqual(
        unusable(/is locked/),
      );
    expect(readFileSync(join(there.folder, 'key.json'), 'utf8')).toBe(before);
  });

  test('of a later version stays in the file beside one that is known', async () => {
    const there = place();
    await there.open('file').write('connection', id, 'token', 0);
    const path = join(there.folder, 'key.json');
    const content = JSON.parse(readFileSync(path, 'utf8'));
    content.slots.push({ type: 'argon2id', m: 1 });
    writeFileSync(path, JSON.stringify(content));
    await there.open('auto', rawKey(1)).write('client', id, 1, 0);
    expect(typesOf(there)).toEqual(['argon2id', 'raw']);
  });
});

describe('a key file of version 1', () => {
  const key = storeKey(Buffer.alloc(32, 3));

  async function old(): Promise<Place & { record: Buffer }> {
    const there = place();
    await there.open('file').write('connection', id, 'token', 0);
    const path = join(there.folder, 'connections', `${id}.sealed`);
    const header = readFileSync(path);
    const { rec } = JSON.parse(header.subarray(8, 8 + header.readUInt16BE(6)).toString('utf8'));
    writeFileSync(path, seal(Buffer.from('"token"'), rec, 5, key));
    const content = { version: 1, kid: key.kid, holder: 'file', key: key.bytes.toString('base64') };
    writeFileSync(join(there.folder, 'key.json'), JSON.stringify(content));
    return { ...there, record: readFileSync(path) };
  }

  test.each<[StoreSettings['choice'], StoreSecret | undefined, string]>([
    ['auto', undefined, 'keychain'],
    ['file', undefined, 'file'],
    ['auto', rawKey(1), 'raw'],
  ])(
    'is read as it is, and at the next write by %s %j becomes one of version 2',
    async (choice, secret, type) => {
      const there = await old();
      const store = there.open(choice, secret);
      expect(store.read('connection', id)).toEqual({ generation: 5, value: 'token' });
      expect(store.describeKeyHolder()).toMatchObject({
        holder: 'file',
        sentence: expect.stringContaining('as it is'),
      });
      await store.write('client', id, 1, 0);
      expect(typesOf(there)).toEqual([type]);
      expect(readFileSync(join(there.folder, 'key.json'), 'utf8')).not.toContain(
        key.bytes.toString('base64'),
      );
      const next = there.open(choice, secret);
      await next.unlock();
      expect(next.read('connection', id)?.value).toBe('token');
    },
  );
});

describe('a store in memory', () => {
  test('leaves nothing in the folder, and can be handed to another process', async () => {
    const there = place();
    const { store, folder, settings } = await openStore(
      { choice: 'memory', secret: undefined },
      there.folder,
    );
    await store.write('connection', id, 'token', 0);
    expect(existsSync(there.folder)).toBe(false);
    expect(existsSync(join(folder, 'key.json'))).toBe(false);
    expect(store.read('connection', id)?.value).toBe('token');
    expect(store.describeKeyHolder().holder).toBe('memory');
    const other = await openStore(JSON.parse(JSON.stringify(settings)), folder);
    expect(other.folder).toBe(folder);
    expect(other.store.read('connection', id)?.value).toBe('token');
    const stranger = await openStore({ choice: 'memory', secret: rawKey(1) }, folder);
    expect(() => stranger.store.read('connection', id)).toThrow(unusable(/./));
    rmSync(folder, { recursive: true });
  });
});
