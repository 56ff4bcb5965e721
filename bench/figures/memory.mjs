// What bridges hold while nothing happens: the usual state of all but one of them.
import { setTimeout as sleep } from 'node:timers/promises';
import { initializeParams } from '../messages.mjs';
import { memory } from '../processes.mjs';
import { withReadyClient } from './helpers.mjs';

const BRIDGES = 10;

function idle(contestant, context) {
  return withReadyClient(contestant, context, async (client) => {
    await sleep(context.quick ? 1000 : 5000);
    return (await memory(client.pid)) ?? {};
  });
}

async function tenAtOnce(contestant, { remote, quick }) {
  await remote.reset();
  const startedAt = performance.now();
  const clients = Array.from({ length: quick ? 3 : BRIDGES }, () => contestant.open(remote.url));
  try {
    await Promise.all(clients.map((client) => client.request('initialize', initializeParams)));
    const ready = performance.now() - startedAt;
    for (const client of clients) client.notify('notifications/initialized');
    await sleep(quick ? 500 : 2000);
    const held = await Promise.all(clients.map((client) => memory(client.pid)));
    const pss = held[0] && held.reduce((sum, { pss }) => sum + pss, 0);
    return { ready, pss };
  } finally {
    await Promise.all(clients.map((client) => client.close()));
  }
}

export const memoryFigures = [
  {
    name: 'idle',
    runs: 3,
    // Side by side: idle processes don't disturb each other, and each then shares Node's pages with as many.
    together: true,
    metrics: [
      { key: 'rss', label: 'RSS after 5 s idle, MB' },
      { key: 'pss', label: 'PSS after 5 s idle, MB', ofFloor: 1.6, ofRemote: 0.3 },
      { key: 'own', label: 'private memory after 5 s idle, MB' },
    ],
    measure: idle,
  },
  {
    name: 'ten',
    runs: 3,
    metrics: [
      { key: 'ready', label: 'ten bridges at once until all are ready, ms', ofFloor: 1.6, ofRemote: 0.15 },
      { key: 'pss', label: 'PSS of these ten, MB', ofFloor: 1.6, ofRemote: 0.3 },
    ],
    measure: tenAtOnce,
  },
];
