import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { sessionBusAddress, socketPath } from '../../../src/credentials/dbus.ts';
import {
  BodyReader,
  BodyWriter,
  decodeMessage,
  encodeCall,
  messageLength,
} from '../../../src/credentials/dbus-wire.ts';
import { KeychainError } from '../../../src/credentials/keychain.ts';
import { askKeychain } from '../../../src/credentials/keychain-child.ts';
import { machineId } from '../../../src/credentials/machine.ts';
import { SystemKeychain } from '../../../src/credentials/system-keychain.ts';
import { tempFolder } from '../../support/temp-folder.ts';

describe('the session bus', () => {
  const at =
    (...paths: string[]) =>
    (path: string) =>
      paths.includes(path);

  test.each<[NodeJS.ProcessEnv, string[], string | undefined]>([
    [{ DBUS_SESSION_BUS_ADDRESS: 'unix:path=/x' }, ['/run/user/7/bus'], 'unix:path=/x'],
    [{ XDG_RUNTIME_DIR: '/run/other' }, ['/run/other/bus', '/run/user/7/bus'], 'unix:path=/run/other/bus'],
    [{ XDG_RUNTIME_DIR: '/run/other' }, ['/run/user/7/bus'], 'unix:path=/run/user/7/bus'],
    [{}, ['/run/user/7/bus'], 'unix:path=/run/user/7/bus'],
    [{ DBUS_SESSION_BUS_ADDRESS: '' }, [], undefined],
  ])('of %j with %j is %s', (env, paths, address) => {
    expect(sessionBusAddress(env, 7, at(...paths))).toBe(address);
  });

  test.each([
    ['unix:path=/run/user/1000/bus', '/run/user/1000/bus'],
    ['unix:path=/tmp/a%20b,guid=00', '/tmp/a b'],
    ['unix:abstract=/tmp/dbus-1,guid=00', '\0/tmp/dbus-1'],
    ['tcp:host=x,port=1;unix:path=/y', '/y'],
    ['unix:path=%E0%;unix:path=/y', '/y'],
    ['autolaunch:', undefined],
    ['unix:runtime=yes', undefined],
    ['', undefined],
  ])('at %j has the socket %j', (address, path) => expect(socketPath(address)).toBe(path));
});

describe('a message of the bus', () => {
  const call = encodeCall(
    {
      destination: 'a.b',
      path: '/a',
      interface: 'a.b',
      member: 'C',
      signature: 's',
      body: (w) => w.string('é'),
    },
    9,
  );

  test('is as long as it says, and aligned', () => {
    expect(messageLength(call)).toBe(call.length);
    const { type, signature, body } = decodeMessage(call);
    expect([type, signature, body.string()]).toEqual([1, 's', 'é']);
  });

  test('is read in either order of bytes', () => {
    const big = Buffer.from([
      0x42, 2, 0, 1, 0, 0, 0, 4, 0, 0, 0, 1, 0, 0, 0, 8, 5, 1, 0x75, 0, 0, 0, 0, 9, 0, 0, 1, 0,
    ]);
    expect(messageLength(big)).toBe(28);
    const { type, replySerial, body } = decodeMessage(big);
    expect([type, replySerial, body.uint32()]).toEqual([2, 9, 256]);
  });

  test('that is cut, none, or huge is a RangeError, not a hang', () => {
    for (let end = 16; end < call.length; end++) {
      try {
        decodeMessage(call.subarray(0, end)).body.string();
      } catch (error) {
        expect(error).toBeInstanceOf(RangeError);
      }
    }
    expect(() => messageLength(Buffer.from('HTTP/1.1 400 Bad Request'))).toThrow(RangeError);
    const huge = Buffer.from(call);
    huge.writeUInt32LE(2 ** 31, 4);
    expect(() => messageLength(huge)).toThrow(RangeError);
    const endless = new BodyWriter();
    endless.uint32(2 ** 32 - 1);
    expect(() => new BodyReader(endless.finish(), true).strings()).toThrow(RangeError);
  });
});

describe('the process for the keychain', () => {
  /** A program in its place. */
  function program(text: string): string {
    const path = join(tempFolder(), 'program.js');
    writeFileSync(path, text);
    return path;
  }
  const task = { task: 'read', service: 's', account: 'a' } as const;
  const answering = (answer: string) =>
    program(`process.stdin.once('data', () => console.log(${JSON.stringify(answer)}))`);

  test.each<[string, string | undefined]>([
    ['{"secret":"x"}', 'x'],
    ['{}', undefined],
  ])('that answers %s', async (answer, secret) => {
    expect(await askKeychain(task, 9_000, answering(answer))).toBe(secret);
  });

  test.each<[string, string, string]>([
    ['a problem', answerOf({ problem: 'locked', detail: 'x' }), 'locked'],
    ['a problem that nobody knows', answerOf({ problem: 'odd', detail: 'x' }), 'failed'],
    ['no JSON', 'hello', 'failed'],
    ['something else', '{"secret":1}', 'failed'],
  ])('that answers %s', async (_, answer, problem) => {
    await expect(askKeychain(task, 9_000, answering(answer))).rejects.toMatchObject({ problem });
  });

  test('that ends without a word, or is not there', async () => {
    await expect(askKeychain(task, 9_000, program(''))).rejects.toMatchObject({ problem: 'failed' });
    await expect(askKeychain(task, 9_000, '/nonexistent.js')).rejects.toMatchObject({ problem: 'failed' });
  });

  test('that hangs is killed when its time is up', async () => {
    const start = performance.now();
    const hanging = askKeychain(task, 300, program('for(;;);'));
    await expect(hanging).rejects.toMatchObject({ problem: 'silent' });
    expect(performance.now() - start).toBeLessThan(2_000);
  });
});

function answerOf(value: object): string {
  return JSON.stringify(value);
}

describe('the keychain of other systems', () => {
  test.each(['darwin', 'win32'] as const)('%s is asked through a process only', async (platform) => {
    const ask = vi.fn(async () => 'x');
    const keychain = new SystemKeychain({ platform, ask });
    expect(await keychain.read('a')).toBe('x');
    await keychain.create('a', 'secret');
    await keychain.remove('a');
    const service = 'mcp-drawbridge';
    expect(ask.mock.calls).toEqual([
      [{ task: 'read', service, account: 'a' }, 3000],
      [{ task: 'create', service, account: 'a', secret: 'secret' }, 3000],
      [{ task: 'remove', service, account: 'a' }, 3000],
    ]);
  });

  test('Linux without a bus has none, and no process is started to see that', async () => {
    const ask = vi.fn(async () => 'x');
    const env = { DBUS_SESSION_BUS_ADDRESS: 'unix:path=/nonexistent' };
    const keychain = new SystemKeychain({ platform: 'linux', env, ask });
    await expect(keychain.read('a')).rejects.toMatchObject({ problem: 'unavailable' });
    await expect(keychain.create('a', 'b')).rejects.toBeInstanceOf(KeychainError);
    expect(ask).not.toHaveBeenCalled();
  });

  test('Linux with a bus at an address of an unknown kind is asked through the library', async () => {
    const ask = vi.fn(async () => 'x');
    const env = { DBUS_SESSION_BUS_ADDRESS: 'autolaunch:' };
    const keychain = new SystemKeychain({ platform: 'linux', env, ask });
    expect(await keychain.read('a')).toBe('x');
    await keychain.create('a', 'b');
    expect(ask).toHaveBeenCalledTimes(2);
  });
});

test('the id of the machine is that of the first file that has one', () => {
  const folder = tempFolder();
  const write = (name: string, text: string): string => {
    const path = join(folder, name);
    writeFileSync(path, text);
    return path;
  };
  const good = write('good', '0123456789abcdef0123456789abcdef\n');
  expect(
    machineId([join(folder, 'missing'), write('empty', ''), write('new', 'uninitialized\n'), good]),
  ).toBe('0123456789abcdef0123456789abcdef');
  expect(machineId([])).toBeUndefined();
});
