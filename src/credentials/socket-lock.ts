import { connect, createServer, type Server, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { DrawbridgeError } from '../errors.ts';
import type { JsonValue } from '../jsonrpc.ts';
import { codeOf } from './durable-files.ts';
import type { Holder, Lock, LockIdentity, LockKeeper } from './lock.ts';
import { LockConnection } from './lock-connection.ts';
import { isChallenge, isProof, MAX_LINE, newChallenge, prove, readLines } from './lock-wire.ts';

/** How many may wait to be let in where the holder is stopped, or busy. */
const BACKLOG = 1024;
/** How many may be connected that have not proved anything yet: anyone on the machine may knock. */
const MAX_STRANGERS = 128;
/** How long one of them may take, in ms. */
const STRANGER_PATIENCE = 5_000;
/** How long a follower waits for the first word of a holder that may be stopped, in ms. */
const GREETING_PATIENCE = 1_000;
/** How long a follower tries to get in where the queue is full, in ms. */
const QUEUE_PATIENCE = 10_000;
const QUEUE_LOOK = 50;

/**
 * The address of a lock: a name in the abstract namespace of Linux, which lasts as long as its socket; a named pipe of
 * Windows, likewise [58].
 *
 * @param version Node's
 * @throws DrawbridgeError `credential-store` where Node can't name such a socket
 */
export function lockAddress(id: string, platform: NodeJS.Platform, version = process.versions.node): string {
  if (platform === 'win32') return `\\\\.\\pipe\\mcp-drawbridge-${id}`;
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (major < 20 || (major === 20 && minor < 8)) {
    // Up to there, every such name is the empty one (nodejs/node#49667): all locks would be the same.
    throw new DrawbridgeError(
      'credential-store',
      `Credentials can be stored safely with Node.js 20.8 or newer only; this is ${version}. Update Node.js.`,
    );
  }
  // Of full length: Node 20 fills a shorter name up with zeros and later ones don't (nodejs/node#50889), so bridges
  // under different versions would not see each other.
  return `\0mcp-drawbridge/${id}`.padEnd(108, '-');
}

/**
 * A lock is a socket that listens: a name can be bound by one process at a time, and is free as soon as that process is
 * gone. Those who wait connect to it and wait for the end of the connection; nobody polls [58].
 */
export class SocketLocks implements LockKeeper {
  readonly #addressOf: (id: string) => string;

  /** @param addressOf where the lock of this id listens */
  constructor(addressOf: (id: string) => string) {
    this.#addressOf = addressOf;
  }

  take({ id, proofKey }: LockIdentity): Promise<Lock | undefined> {
    return new Promise((resolve, reject) => {
      const path = this.#addressOf(id);
      const server = createServer();
      const lock = new SocketLock(server, proofKey);
      server.once('error', (error) => {
        if (codeOf(error) === 'EADDRINUSE') resolve(undefined);
        else reject(cannotLock(error));
      });
      server.listen({ path, backlog: BACKLOG, exclusive: true }, () => {
        server.removeAllListeners('error').on('error', () => {});
        // A lock is no reason for the process to stay: its end is the lock's.
        server.unref();
        resolve(lock);
      });
    });
  }

  async waitForRelease(lock: LockIdentity, ms: number): Promise<void> {
    const connection = await this.#connect(lock, ms);
    if (connection === undefined) return;
    const timer = setTimeout(() => connection.close(), ms);
    await connection.gone;
    clearTimeout(timer);
  }

  async follow(lock: LockIdentity): Promise<Holder | undefined> {
    const connection = await this.#connect(lock, QUEUE_PATIENCE);
    if (connection === undefined) return undefined;
    const patience = new AbortController();
    const late = delay(GREETING_PATIENCE, 'late' as const, { signal: patience.signal }).catch(() => 'late');
    const proof = await Promise.race([connection.proof, late]);
    patience.abort();
    // Where the end came instead of a proof, or a wrong one: whoever that was, it is no holder to follow.
    return proof === false ? undefined : connection;
  }

  /** Undefined where nobody listens, or the queue of the holder stays full for `ms` milliseconds. */
  async #connect({ id, proofKey }: LockIdentity, ms: number): Promise<LockConnection | undefined> {
    const path = this.#addressOf(id);
    for (const end = performance.now() + ms; ; ) {
      const socket = connect(path);
      const failure = await new Promise<string | undefined>((resolve) => {
        socket.once('connect', () => resolve(undefined));
        socket.once('error', (error) => resolve(codeOf(error) ?? error.message));
      });
      if (failure === undefined) return new LockConnection(socket, proofKey);
      if (failure !== 'EAGAIN') return undefined;
      const left = end - performance.now();
      if (left <= 0) return undefined;
      await delay(Math.min(QUEUE_LOOK, left));
    }
  }
}

/** The holder's end. */
class SocketLock implements Lock {
  readonly #server: Server;
  readonly #proofKey: Buffer;
  readonly #strangers = new Set<Socket>();
  readonly #followers = new Set<Socket>();
  #announced: JsonValue | undefined;

  constructor(server: Server, proofKey: Buffer) {
    this.#server = server;
    this.#proofKey = proofKey;
    server.on('connection', (socket) => this.#greet(socket));
  }

  async release(): Promise<void> {
    if (!this.#server.listening) return;
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    // After the name is free: whoever wakes up now can take it.
    for (const socket of [...this.#strangers, ...this.#followers]) socket.destroy();
    await closed;
  }

  announce(value: JsonValue): void {
    this.#announced = value;
    for (const socket of this.#followers) {
      // One that has stopped reading does not cost us memory.
      if (socket.writableLength > MAX_LINE) socket.destroy();
      else socket.write(`${JSON.stringify(value)}\n`);
    }
  }

  #greet(socket: Socket): void {
    socket.unref().on('error', () => {});
    if (this.#strangers.size >= MAX_STRANGERS) {
      socket.destroy();
      return;
    }
    this.#strangers.add(socket);
    const timer = setTimeout(() => socket.destroy(), STRANGER_PATIENCE).unref();
    socket.once('close', () => {
      clearTimeout(timer);
      this.#strangers.delete(socket);
      this.#followers.delete(socket);
    });
    const challenge = newChallenge();
    socket.write(`${challenge}\n`);
    readLines(socket, 256, (line) => {
      const [answer = '', proof = ''] = line.split(' ');
      const isFirst = this.#strangers.has(socket) && isChallenge(answer);
      if (!isFirst || !isProof(proof, this.#prove('follower', challenge, answer))) {
        socket.destroy();
        return;
      }
      clearTimeout(timer);
      this.#strangers.delete(socket);
      this.#followers.add(socket);
      const first: JsonValue[] = [this.#prove('holder', challenge, answer)];
      if (this.#announced !== undefined) first.push(this.#announced);
      socket.write(`${JSON.stringify(first)}\n`);
    });
  }

  #prove(who: string, challenge: string, answer: string): string {
    return prove(this.#proofKey, who, challenge, answer);
  }
}

function cannotLock(error: Error): DrawbridgeError {
  return new DrawbridgeError(
    'credential-store',
    `The lock on the stored credentials can't be had (${codeOf(error) ?? 'unknown error'}). A sandbox may forbid local sockets: allow them, or run mcp-drawbridge outside of it.`,
    {},
    error,
  );
}
