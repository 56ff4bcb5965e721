import type { Socket } from 'node:net';
import type { JsonValue } from '../jsonrpc.ts';
import type { Holder } from './lock.ts';
import { isChallenge, isProof, MAX_LINE, newChallenge, prove, readLines } from './lock-wire.ts';

/** The end of one that waits for a lock or follows its holder. */
export class LockConnection implements Holder {
  announced: JsonValue | undefined;
  readonly gone: Promise<void>;
  /** Whether the other end is one of ours; false too where the connection ended before it said so. */
  readonly proof: Promise<boolean>;
  readonly #socket: Socket;
  readonly #callbacks: ((value: JsonValue) => void)[] = [];

  constructor(socket: Socket, proofKey: Buffer) {
    this.#socket = socket;
    socket.on('error', () => {});
    this.gone = new Promise((resolve) => socket.once('close', () => resolve()));
    this.proof = new Promise((resolve) => {
      socket.once('close', () => resolve(false));
      const answer = newChallenge();
      let challenge: string | undefined;
      let isProven = false;
      readLines(socket, MAX_LINE, (line) => {
        if (challenge === undefined) {
          if (!isChallenge(line)) {
            socket.destroy();
            return;
          }
          challenge = line;
          socket.write(`${answer} ${prove(proofKey, 'follower', challenge, answer)}\n`);
          return;
        }
        const value = parse(line);
        if (isProven) {
          if (value !== undefined) this.#hear(value);
          return;
        }
        const [proof, ...latest] = Array.isArray(value) ? value : [];
        isProven = isProof(proof, prove(proofKey, 'holder', challenge, answer));
        if (!isProven) {
          socket.destroy();
          return;
        }
        if (latest[0] !== undefined) this.#hear(latest[0]);
        resolve(true);
      });
    });
  }

  onAnnounced(callback: (value: JsonValue) => void): void {
    this.#callbacks.push(callback);
  }

  close(): void {
    this.#socket.destroy();
  }

  #hear(value: JsonValue): void {
    this.announced = value;
    for (const callback of this.#callbacks) callback(value);
  }
}

function parse(line: string): JsonValue | undefined {
  try {
    return JSON.parse(line) as JsonValue;
  } catch {
    return undefined;
  }
}
