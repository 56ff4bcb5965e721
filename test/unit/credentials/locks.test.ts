import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, statSync, unlinkSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { Holder, Lock, LockIdentity } from '../../../src/credentials/lock.ts';
import { Locks } from '../../../src/credentials/locks.ts';
import { PrivateFolder } from '../../../src/credentials/private-folder.ts';
import { lockAddress, SocketLocks } from '../../../src/credentials/socket-lock.ts';
import { isLinux } from '../../support/prerequisites.ts';
import { tempFolder } from '../../support/temp-folder.ts';
import { within } from '../../support/wait.ts';

interface Place {
  folder: string;
  locks: Locks;
  keeper: SocketLocks;
  /** Where the lock that was used last listens. */
  address(): string;
}

/**
 * The locks of a store, on sockets in the file system: those exist everywhere, and like a named pipe of Windows one that
 * nobody has is ENOENT.
 */
function place(): Place {
  const folder = tempFolder();
  let last = '';
  const keeper = new SocketLocks((id) => {
    last = join(folder, id.slice(0, 16));
    return last;
  });
  const locks = new Locks(new PrivateFolder(folder), keeper);
  return { folder, locks, keeper, address: () => last };
}

async function held(locks: Locks, name: string, patience = 0): Promise<Lock> {
  const lock = (await locks.lock(name, patience)) as Lock;
  expect(lock).toBeDefined();
  onTestFinished(() => lock.release());
  return lock;
}

async function followed(locks: Locks, name: string): Promise<Holder> {
  const holder = (await locks.follow(name)) as Holder;
  expect(holder).toBeDefined();
  onTestFinished(() => holder.close());
  return holder;
}

/** Connects without a proof and notes what it is told. */
function strangerAt(path: string): Socket & { heard: string } {
  const socket = Object.assign(connect(path), { heard: '' });
  socket.setEncoding('utf8').on('data', (text: string) => {
    socket.heard += text;
  });
  socket.on('error', () => {});
  onTestFinished(() => void socket.destroy());
  return socket;
}

const ended = (socket: Socket): Promise<void> =>
  new Promise((resolve) => socket.once('close', () => resolve()));

/** Somebody who has bound the name of a lock that is not his. */
async function squatterAt(path: string, greet: (socket: Socket) => void): Promise<Server> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    greet(socket);
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  onTestFinished(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return server;
}

describe('a lock', () => {
  test('is held by one, and had again when it is released', async () => {
    const { locks } = place();
    const lock = await held(locks, 'a');
    expect(await locks.lock('a', 0)).toBeUndefined();
    await held(locks, 'b');
    await lock.release();
    await lock.release();
    await held(locks, 'a');
  });

  test('is waited for: who waits has it as soon as it is free', async () => {
    const { locks } = place();
    const lock = await held(locks, 'a');
    const waiting = held(locks, 'a', 5_000);
    await delay(200);
    const start = performance.now();
    await lock.release();
    await waiting;
    expect(performance.now() - start).toBeLessThan(150);
  });

  test('is waited for as long as was said, and no longer', async () => {
    const { locks } = place();
    await held(locks, 'a');
    const start = performance.now();
    expect(await locks.lock('a', 300)).toBeUndefined();
    expect(performance.now() - start).toBeGreaterThan(280);
    expect(performance.now() - start).toBeLessThan(1_000);
  });

  test('goes from one to the next, however many wait', async () => {
    const { locks } = place();
    let inside = 0;
    const visits = Array.from({ length: 30 }, async () => {
      const lock = (await locks.lock('a', 8_000)) as Lock;
      inside++;
      expect(inside).toBe(1);
      await delay(1);
      inside--;
      await lock.release();
    });
    await Promise.all(visits);
  });

  test('has a name that comes from a secret which is 32 bytes, 0600, and made once [58]', async () => {
    const { folder, locks, address } = place();
    const lock = await held(locks, 'record:ab');
    const secret = readFileSync(join(folder, 'lock-secret'));
    expect(secret).toHaveLength(32);
    expect(statSync(join(folder, 'lock-secret')).mode & 0o777).toBe(0o600);
    const name = address();
    await lock.release();
    await (await held(locks, 'record:ab')).release();
    expect(address()).toBe(name);
    expect(readFileSync(join(folder, 'lock-secret')).equals(secret)).toBe(true);
    writeFileSync(join(folder, 'lock-secret'), randomBytes(32));
    await (await held(locks, 'record:ab')).release();
    expect(address()).not.toBe(name);
  });

  test('can not be had with a damaged secret, and the way out is said', async () => {
    const { folder, locks } = place();
    writeFileSync(join(folder, 'lock-secret'), 'short', { mode: 0o600 });
    await expect(locks.lock('a', 0)).rejects.toMatchObject({
      reason: 'credential-store',
      message: expect.stringMatching(/lock-secret is damaged.*delete it/),
    });
  });

  test('that the system does not give is an error, not a wait', async () => {
    const locks = new Locks(
      new PrivateFolder(tempFolder()),
      new SocketLocks((id) => join(tempFolder(), 'none', id)),
    );
    await expect(locks.lock('a', 5_000)).rejects.toMatchObject({ reason: 'credential-store' });
  });
});

describe('the holder of a lock', () => {
  test('is nobody, where nobody has it', async () => {
    const { folder, locks } = place();
    expect(await locks.follow('a')).toBeUndefined();
    expect(existsSync(join(folder, 'lock-secret'))).toBe(false);
    await (await held(locks, 'a')).release();
    expect(await locks.follow('a')).toBeUndefined();
  });

  test('tells what it has announced, and all that it announces later', async () => {
    const { locks } = place();
    const lock = await held(locks, 'a');
    const early = await followed(locks, 'a');
    expect(early.announced).toBeUndefined();
    const heard: unknown[] = [];
    early.onAnnounced((value) => void heard.push(value));
    lock.announce({ link: 'https://as.example/?a=ü\n' });
    lock.announce({ link: null });
    const late = await followed(locks, 'a');
    expect(late.announced).toEqual({ link: null });
    lock.announce('x'.repeat(20_000));
    await delay(50);
    expect(heard).toEqual([{ link: 'https://as.example/?a=ü\n' }, { link: null }, 'x'.repeat(20_000)]);
    expect(early.announced).toBe(heard.at(-1));
    expect(late.announced).toBe(heard.at(-1));
  });

  test('is gone when it has released the lock, and the name is free by then', async () => {
    const { locks } = place();
    const lock = await held(locks, 'a');
    const holder = await followed(locks, 'a');
    const next = holder.gone.then(() => held(locks, 'a'));
    await lock.release();
    await within(next, 1_000, () => 'the follower was not told');
  });

  test('goes on when a follower goes', async () => {
    const { locks } = place();
    const lock = await held(locks, 'a');
    const holder = await followed(locks, 'a');
    holder.close();
    await holder.gone;
    lock.announce(1);
    expect((await followed(locks, 'a')).announced).toBe(1);
  });
});

describe('another user who can reach the socket [58, T77]', () => {
  test.each([
    ['nothing', ''],
    ['garbage', 'follow me\n'],
    ['a proof of his own', `${'0'.repeat(32)} ${'0'.repeat(64)}\n`],
    ['a line without end', 'x'.repeat(10_000)],
  ])('is told nothing when he says %s', async (_, text) => {
    const { locks, address } = place();
    const lock = await held(locks, 'a');
    lock.announce('canary');
    const stranger = strangerAt(address());
    stranger.write(text);
    if (text !== '') await within(ended(stranger), 2_000, () => 'he was not sent away');
    else await delay(100);
    lock.announce('canary again');
    await delay(50);
    expect(stranger.heard).toMatch(/^[0-9a-f]{32}\n$/);
  });

  test('can not repeat what a follower has said', async () => {
    const { locks, address } = place();
    const lock = await held(locks, 'a');
    const path = address();
    await lock.release();
    const said: string[] = [];
    const squatter = await squatterAt(path, (socket) => {
      socket.write(`${'a'.repeat(32)}\n`);
      socket.setEncoding('utf8').once('data', (line: string) => {
        said.push(line);
        socket.destroy();
      });
    });
    expect(await locks.follow('a')).toBeUndefined();
    squatter.close();
    await held(locks, 'a').then((next) => next.announce('canary'));
    const stranger = strangerAt(path);
    stranger.write(said[0] as string);
    await within(ended(stranger), 2_000, () => 'he was let in');
    expect(stranger.heard).not.toContain('canary');
  });

  test.each<[string, (socket: Socket) => void]>([
    [
      'a false proof',
      (socket) => void socket.write(`${'a'.repeat(32)}\n["${'0'.repeat(64)}","evil"]\n"evil"\n`),
    ],
    ['no number', (socket) => void socket.write('"evil"\n["evil"]\n')],
    ['a line without end', (socket) => void socket.write('x'.repeat(100_000))],
    ['the end', (socket) => void socket.destroy()],
  ])('is not believed where he took the name and says %s', async (_, greet) => {
    const { locks, address } = place();
    await (await held(locks, 'a')).release();
    await squatterAt(address(), greet);
    expect(await locks.follow('a')).toBeUndefined();
    const start = performance.now();
    expect(await locks.lock('a', 400)).toBeUndefined();
    expect(performance.now() - start).toBeLessThan(1_500);
  });

  test('keeps nobody from the lock by knocking a thousand times', async () => {
    const { locks, address } = place();
    const lock = await held(locks, 'a');
    const strangers = Array.from({ length: 1_000 }, () => strangerAt(address()));
    const waiting = held(locks, 'a', 8_000);
    await delay(300);
    lock.announce('canary');
    await lock.release();
    await waiting;
    expect(strangers.some(({ heard }) => heard.includes('canary'))).toBe(false);
  });
});

describe('the address of a lock', () => {
  const id = 'ab'.repeat(32);

  test('on Linux is an abstract name of full length, the same for every version of Node', () => {
    const address = lockAddress(id, 'linux');
    expect(address).toMatch(/^\0mcp-drawbridge\/(ab){32}-+$/);
    expect(Buffer.byteLength(address)).toBe(108);
  });

  test('on Windows is a named pipe', () => {
    expect(lockAddress(id, 'win32')).toBe(`\\\\.\\pipe\\mcp-drawbridge-${id}`);
  });

  test.each([
    ['20.0.0', false],
    ['20.7.0', false],
    ['20.8.0', true],
    ['22.1.0', true],
  ])('is refused under Node %s, where all abstract names are one: %s', (version, isGiven) => {
    const address = (): string => lockAddress(id, 'linux', version);
    if (isGiven) expect(address()).toContain(id);
    else expect(address).toThrow(expect.objectContaining({ reason: 'credential-store' }));
    expect(lockAddress(id, 'win32', version)).toContain(id);
  });

  test.runIf(isLinux)('is bound as it is, by this version of Node too', async () => {
    const identity: LockIdentity = { id: randomBytes(32).toString('hex'), proofKey: randomBytes(32) };
    const keeper = new SocketLocks((name) => lockAddress(name, 'linux'));
    const lock = await keeper.take(identity);
    const name = lockAddress(identity.id, 'linux').replace('\0', '@');
    const lines = readFileSync('/proc/net/unix', 'utf8').split('\n');
    expect(lines.filter((line) => line.endsWith(` ${name}`))).toHaveLength(1);
    await lock?.release();
  });
});

test('a socket file that nobody listens on does not stand for a holder', async () => {
  const { locks, address } = place();
  await (await held(locks, 'a')).release();
  writeFileSync(address(), '');
  expect(await locks.follow('a')).toBeUndefined();
  unlinkSync(address());
});
