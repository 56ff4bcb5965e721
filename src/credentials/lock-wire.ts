import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Socket } from 'node:net';

/*
 * What is said on a connection to the holder of a lock, in lines:
 *
 *   holder     <challenge>
 *   follower   <challenge> <proof>
 *   holder     [<proof>, <latest value, where there is one>]
 *   holder     <value>                                          each time that there is a new one
 *
 * Both ends prove that they know the store's secret, each on a number that the other one chose: another user of the
 * machine, who can see the lock's name and connect to it or even bind it, neither learns nor tells anything [58].
 */

/** In characters; also the most that is kept for a follower that does not read. */
export const MAX_LINE = 64 * 1024;

/** Calls back with each line; ends the connection where one is longer than `limit` characters. */
export function readLines(socket: Socket, limit: number, onLine: (line: string) => void): void {
  let rest = '';
  socket.setEncoding('utf8').on('data', (chunk: string) => {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() as string;
    if (rest.length > limit) socket.destroy();
    for (const line of lines) {
      if (socket.destroyed) return;
      onLine(line);
    }
  });
}

/** A number that nobody can foresee, in hex. */
export function newChallenge(): string {
  return randomBytes(16).toString('hex');
}

/** Whether a line has the form of such a number. */
export function isChallenge(text: string): boolean {
  return /^[0-9a-f]{32}$/.test(text);
}

/** HMAC-SHA-256 over who proves and both challenges. */
export function prove(key: Buffer, who: string, challenge: string, answer: string): string {
  return createHmac('sha256', key).update(`${who} ${challenge} ${answer}`).digest('hex');
}

/** Compares without telling by its time how much of it was right. */
export function isProof(given: unknown, right: string): boolean {
  if (typeof given !== 'string' || given.length !== right.length) return false;
  return timingSafeEqual(Buffer.from(given, 'latin1'), Buffer.from(right, 'latin1'));
}
