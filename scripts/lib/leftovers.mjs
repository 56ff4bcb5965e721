import { setTimeout as delay } from 'node:timers/promises';
import { processes } from './run-command.mjs';

/** Kills the processes with this word in their command line that have outlived their client by 3 s; how many it were. */
export async function endLeftovers(word) {
  const mine = async () => (await processes()).filter(([, args]) => args.includes(word));
  for (let tries = 0; tries < 30 && (await mine()).length > 0; tries++) await delay(100);
  const left = await mine();
  for (const [pid] of left) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // It has just ended.
    }
  }
  return left.length;
}
