import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { idOf } from '../../src/credentials/ids.ts';
import { CredentialStore } from '../../src/credentials/store.ts';
import { SystemKeychain } from '../../src/credentials/system-keychain.ts';
import type { StoreSettings } from '../../src/settings.ts';
import { bundleProgram } from '../support/bundle.ts';
import {
  type BusEnvironment,
  secretTool,
  startEmptyBus,
  startKeyring,
  startSilentBus,
} from '../support/keyring.ts';
import { hasKeyring, hasSecretTool, isLinux } from '../support/prerequisites.ts';
import { StoreProcess } from '../support/store-process.ts';
import { tempFolder } from '../support/temp-folder.ts';

const id = idOf('record');
const auto: StoreSettings = { choice: 'auto', secret: undefined };
const keychain: StoreSettings = { choice: 'keychain', secret: undefined };
const file: StoreSettings = { choice: 'file', secret: undefined };
const unusable = (message: RegExp) => ({
  reason: 'credential-store',
  message: expect.stringMatching(message),
});

if (!isLinux || !hasKeyring)
  process.stderr.write('skipped: tests with a real keychain, which need dbus-daemon and gnome-keyring\n');

let program: string;
beforeAll(async () => {
  // Below the repository, so that the library is found.
  const cache = fileURLToPath(new URL('../../.cache/', import.meta.url));
  mkdirSync(cache, { recursive: true });
  const folder = mkdtempSync(join(cache, 'keychain-test-'));
  program = await bundleProgram('store-program.ts', folder);
  return () => rmSync(folder, { recursive: true, force: true });
});

interface Home {
  folder: string;
  /** Has a process do a task there, and gives what it says. */
  ask(env: BusEnvironment, settings: StoreSettings, ...task: string[]): Promise<unknown>;
}

function newHome(): Home {
  const folder = join(tempFolder(), 'state');
  return {
    folder,
    ask: (env, settings, ...task) => new StoreProcess(program, folder, task, { env, settings }).says(),
  };
}

const slotsOf = (folder: string): { type: string; instead?: string }[] =>
  JSON.parse(readFileSync(join(folder, 'key.json'), 'utf8')).slots;
const kidOf = (folder: string): string => JSON.parse(readFileSync(join(folder, 'key.json'), 'utf8')).kid;

/** What the store holds after a write by another process, which waited for the keychain. */
async function written(env: BusEnvironment, settings = auto): Promise<Home> {
  const home = newHome();
  expect(await home.ask(env, settings, 'write', 'connection', id, '"token"', '0')).toEqual(
    expect.any(Number),
  );
  return home;
}

describe.runIf(isLinux && hasKeyring)('an unlocked keychain', () => {
  test('holds the key, and nothing else does', async () => {
    const { env } = await startKeyring();
    const home = await written(env);
    expect(slotsOf(home.folder)).toEqual([{ type: 'keychain', since: expect.any(Number) }]);
    expect(await home.ask(env, auto, 'read', 'connection', id)).toBe('token');
    expect(await home.ask(env, file, 'describe')).toMatchObject({ holder: 'keychain' });
  });

  test.runIf(hasSecretTool)('shows other programs one item, 32 bytes in base64', async () => {
    const { env } = await startKeyring();
    const { folder } = await written(env);
    const found = await secretTool(env, ['search', '--all', 'service', 'mcp-drawbridge']);
    expect(found.match(/attribute\.username = /g)).toHaveLength(1);
    expect(found).toContain(`attribute.username = ${kidOf(folder)}`);
    const secret = await secretTool(env, ['lookup', 'service', 'mcp-drawbridge', 'username', kidOf(folder)]);
    expect(Buffer.from(secret, 'base64')).toHaveLength(32);
    expect(readFileSync(join(folder, 'key.json'), 'utf8')).not.toContain(secret.trim());
  });

  test('that ten processes write to at once holds one key [T53]', async () => {
    const { env } = await startKeyring();
    const home = newHome();
    const ids = Array.from({ length: 10 }, (_, n) => idOf(String(n)));
    const said = await Promise.all(
      ids.map((name) => home.ask(env, auto, 'write', 'client', name, `"${name}"`, '0')),
    );
    expect(said).toEqual(Array(10).fill(expect.any(Number)));
    for (const name of ids) expect(await home.ask(env, auto, 'read', 'client', name)).toBe(name);
    if (hasSecretTool) {
      const found = await secretTool(env, ['search', '--all', 'service', 'mcp-drawbridge']);
      expect(found.match(/attribute\.username = /g)).toHaveLength(1);
    }
  });

  test('with another key in the place of ours, or none, opens nothing and is left as it is [T53]', async () => {
    const { env } = await startKeyring();
    const home = await written(env);
    const before = readFileSync(join(home.folder, 'key.json'), 'utf8');
    const account = ['service', 'mcp-drawbridge', 'username', kidOf(home.folder)];
    const attempts: [string, string][] = [
      ['read', ''],
      ['write', '1'],
    ];
    for (const [change, message] of [
      [['store', '--label', 'x', ...account], /holds another key/],
      [['clear', ...account], /no longer holds their key.*delete the folder/],
    ] as const) {
      if (!hasSecretTool) break;
      await secretTool(env, [...change], Buffer.alloc(32, 7).toString('base64'));
      for (const [work, value] of attempts)
        for (const settings of [auto, keychain, file])
          expect(await home.ask(env, settings, work, 'connection', id, value, '1')).toEqual(
            unusable(message),
          );
      expect(readFileSync(join(home.folder, 'key.json'), 'utf8')).toBe(before);
    }
  });

  test('takes a key over from a file, and gives it back, with the records as they are', async () => {
    const { env } = await startKeyring();
    const home = await written(env, file);
    const record = readFileSync(join(home.folder, 'connections', `${id}.sealed`));
    expect(slotsOf(home.folder)).toMatchObject([{ type: 'file' }]);
    for (const [settings, type] of [
      [auto, 'file'],
      [keychain, 'keychain'],
      [auto, 'keychain'],
      [file, 'file'],
    ] as const) {
      const written = await home.ask(env, settings, 'write', 'client', idOf(String(Math.random())), '1', '0');
      expect(written).not.toHaveProperty('reason');
      expect(slotsOf(home.folder)).toMatchObject([{ type }]);
      expect(await home.ask(env, settings, 'read', 'connection', id)).toBe('token');
    }
    expect(readFileSync(join(home.folder, 'connections', `${id}.sealed`)).equals(record)).toBe(true);
    if (hasSecretTool)
      expect(await secretTool(env, ['search', '--all', 'service', 'mcp-drawbridge'])).not.toContain(
        'username',
      );
  });

  test('is found where the client has dropped the variables', async () => {
    const { env } = await startKeyring();
    const home = await written({ XDG_RUNTIME_DIR: env.XDG_RUNTIME_DIR as string });
    expect(slotsOf(home.folder)).toMatchObject([{ type: 'keychain' }]);
    const bare = { XDG_RUNTIME_DIR: env.XDG_RUNTIME_DIR as string };
    expect(await home.ask(bare, auto, 'read', 'connection', id)).toBe('token');
  });
});

describe.runIf(isLinux && hasKeyring)('a keychain that can not be used', () => {
  /** What holds the key of a store, and is then not there any more. */
  async function lost(): Promise<Home & { state: string }> {
    const keyring = await startKeyring();
    const home = await written(keyring.env);
    await keyring.stop();
    return { ...home, state: keyring.state };
  }

  test.each<[string, RegExp, (state: string) => Promise<BusEnvironment>]>([
    [
      'locked',
      /is locked, and holds their key\. Unlock it/,
      async (state) => (await startKeyring({ state, isLocked: true })).env,
    ],
    ['away', /No keychain can be reached/, startEmptyBus],
    [
      'without a bus',
      /No keychain can be reached/,
      async () => ({ DBUS_SESSION_BUS_ADDRESS: 'unix:path=/nonexistent' }),
    ],
    ['silent', /does not answer, and holds their key/, startSilentBus],
  ])(
    'because it is %s: that and the way out is said in time, nothing is changed [T53]',
    async (_, message, start) => {
      const home = await lost();
      const env = await start(home.state);
      const before = readFileSync(join(home.folder, 'key.json'), 'utf8');
      for (const settings of start === startSilentBus ? [auto] : [auto, keychain, file]) {
        const begin = performance.now();
        expect(await home.ask(env, settings, 'read', 'connection', id)).toEqual(unusable(message));
        expect(await home.ask(env, settings, 'write', 'client', id, '1', '0')).toEqual(unusable(message));
        expect(performance.now() - begin).toBeLessThan(10_000);
      }
      const { took, stall, failure } = (await home.ask(env, auto, 'time')) as Record<string, number | string>;
      expect(failure).toMatch(message);
      expect(failure).toMatch(/--store file: .*state$/);
      expect(took).toBeLessThan(3_500);
      // The client must be served meanwhile.
      expect(stall).toBeLessThan(250);
      expect(readFileSync(join(home.folder, 'key.json'), 'utf8')).toBe(before);
      expect(existsSync(join(home.folder, 'clients', `${id}.sealed`))).toBe(false);
    },
  );

  test('works again as soon as it is unlocked, in the same process', async () => {
    const home = await lost();
    const { env, stop } = await startKeyring({ state: home.state, isLocked: true });
    const locked = { ...process.env, ...env };
    const open = (settings: NodeJS.ProcessEnv): CredentialStore =>
      CredentialStore.open(home.folder, { settings: auto, keychain: new SystemKeychain({ env: settings }) });
    const given = { ...locked };
    const store = open(given);
    await expect(store.unlock()).rejects.toMatchObject(unusable(/is locked/));
    await stop();
    Object.assign(given, (await startKeyring({ state: home.state })).env);
    await store.unlock();
    expect(store.read('connection', id)?.value).toBe('token');
  });

  test.each<[string, string, () => Promise<BusEnvironment>]>([
    [
      'locked',
      'locked',
      async () => {
        const { state, stop, env } = await startKeyring();
        await written(env); // the keyring is there with its first item
        await stop();
        return (await startKeyring({ state, isLocked: true })).env;
      },
    ],
    ['away', 'unavailable', startEmptyBus],
    ['silent', 'silent', startSilentBus],
  ])(
    'at the first write because it is %s: `auto` takes a file and remembers, `keychain` does not',
    async (_, instead, start) => {
      const env = await start();
      const home = newHome();
      expect(await home.ask(env, keychain, 'write', 'client', id, '1', '0')).toEqual(
        unusable(/so no credentials were stored.*--store file/),
      );
      expect(existsSync(join(home.folder, 'key.json'))).toBe(false);

      const writer = new StoreProcess(program, home.folder, ['write', 'client', id, '1', '0'], {
        env,
        settings: auto,
      });
      const generation = await writer.says();
      expect(generation).toEqual(expect.any(Number));
      expect(writer.stderr).toMatch(/beside them: that protects copies.*alone, not against other programs/);
      expect(slotsOf(home.folder)).toMatchObject([{ type: 'file', instead }]);
      // The verdict stays: nobody is asked again.
      const begin = performance.now();
      const second = new StoreProcess(program, home.folder, ['write', 'client', idOf('x'), '1', '0'], {
        env,
        settings: auto,
      });
      await second.says();
      expect(second.stderr).toBe('');
      expect(performance.now() - begin).toBeLessThan(2_500);
      expect(await home.ask(env, auto, 'describe')).toMatchObject({
        holder: 'file',
        sentence: expect.stringMatching(/keychain.*not against other programs/i),
      });
    },
  );

  test('can be done without by one who has given a passphrase while it was there', async () => {
    const { env, stop } = await startKeyring();
    const home = await written(env);
    const passphrase: StoreSettings = {
      choice: 'auto',
      secret: { kind: 'passphrase', from: 'text', value: 'correct horse' },
    };
    await home.ask(env, passphrase, 'write', 'client', id, '1', '0');
    expect(slotsOf(home.folder).map(({ type }) => type)).toEqual(['keychain', 'scrypt']);
    await stop();
    const nowhere = { DBUS_SESSION_BUS_ADDRESS: 'unix:path=/nonexistent' };
    expect(await home.ask(nowhere, passphrase, 'read', 'connection', id)).toBe('token');
    expect(await home.ask(nowhere, auto, 'read', 'connection', id)).toEqual(unusable(/No keychain/));
  });
});

describe.runIf(isLinux && hasKeyring)('the process that speaks with it', () => {
  test('gets the secret through a pipe, and no variable that is not its business [49, T120]', async () => {
    const { env } = await startKeyring();
    const home = newHome();
    const seen: string[] = [];
    const bare = { ...env, MCP_DRAWBRIDGE_PASSPHRASE: 'canary', API_TOKEN: 'canary' };
    const writer = new StoreProcess(program, home.folder, ['write', 'client', id, '1', '0'], {
      env: bare,
      settings: auto,
    });
    const timer = setInterval(() => seen.push(...keychainProcesses()), 1);
    onTestFinished(() => clearInterval(timer));
    await writer.says();
    clearInterval(timer);
    expect(seen.length).toBeGreaterThan(0);
    expect(seen.filter((text) => text.includes('canary'))).toEqual([]);
    const secret = hasSecretTool
      ? (
          await secretTool(env, ['lookup', 'service', 'mcp-drawbridge', 'username', kidOf(home.folder)])
        ).trim()
      : 'canary';
    expect(seen.filter((text) => text.includes(secret))).toEqual([]);
    expect(keychainProcesses()).toEqual([]);
  });

  test('ends with the one that has started it', async () => {
    const child = spawn(process.execPath, [join(program, '..', 'keychain-process.js')], {
      stdio: ['pipe', 'pipe', 'ignore'],
    });
    const ended = once(child, 'exit');
    child.stdin.end();
    expect((await ended)[1]).toBe('SIGKILL');
  });
});

/** Command line and environment of the keychain's processes that run now. */
function keychainProcesses(): string[] {
  return readdirSync('/proc').flatMap((pid) => {
    try {
      const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
      if (!command.includes(join(program, '..', 'keychain-process.js'))) return [];
      return [command + readFileSync(`/proc/${pid}/environ`, 'utf8')];
    } catch {
      return []; // it has ended
    }
  });
}
