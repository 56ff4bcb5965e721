// What several figures need.
import { setTimeout as sleep } from 'node:timers/promises';

/** A bridge, or the direct way, that has been initialized and has listed the tools; ended in any case. */
export async function withReadyClient(contestant, { remote }, use) {
  await remote.reset();
  const client = contestant.open(remote.url);
  try {
    await client.initialize();
    await client.request('tools/list', {});
    return await use(client);
  } finally {
    await client.close();
  }
}

/** The same for a measurement that takes turns with those of the others. */
export async function* inTurnsWithReadyClient(contestant, { remote }, use) {
  await remote.reset();
  const client = contestant.open(remote.url);
  try {
    await client.initialize();
    await client.request('tools/list', {});
    return yield* use(client);
  } finally {
    await client.close();
  }
}

/** Until the GET stream is open, which a bridge does on its own after `notifications/initialized`. */
export async function streamOpened(remote) {
  for (let attempt = 0; attempt < 100; attempt += 1) {
    if ((await remote.counters()).streams > 0) return;
    await sleep(50);
  }
  throw new Error('the GET stream was not opened within 5 s');
}

export function quantile(values, share) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
}

export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}
