// How soon a bridge answers, and what it asks of the remote before that.
import { setTimeout as sleep } from 'node:timers/promises';
import { initializeParams } from '../messages.mjs';
import { cpuTime } from '../processes.mjs';

async function untilInitialized(contestant, { remote }, delays) {
  await remote.reset(delays);
  const client = contestant.open(remote.url);
  try {
    const ms = await client.initialize();
    return { ms, cpu: (await cpuTime(client.pid))?.ms };
  } finally {
    // Without the delay, or the DELETE that ends the session would be waited for.
    await remote.reset();
    await client.close();
  }
}

async function countRequests(contestant, { remote, quick }) {
  await remote.reset();
  const client = contestant.open(remote.url);
  try {
    await client.request('initialize', initializeParams);
    const initialize = (await remote.counters()).requests;
    client.notify('notifications/initialized');
    await client.request('tools/list', {});
    await sleep(quick ? 300 : 1000);
    return { initialize, list: (await remote.counters()).requests };
  } finally {
    await client.close();
  }
}

const DISTANCE = 50;

export const startFigures = [
  {
    name: 'start',
    runs: 15,
    metrics: [
      { key: 'ms', label: 'spawn to the `initialize` answer, ms', ofFloor: 1.6, ofRemote: 0.2 },
      { key: 'cpu', label: 'CPU until then, ms' },
    ],
    measure: (contestant, context) => untilInitialized(contestant, context),
  },
  {
    name: 'far',
    runs: 7,
    metrics: [{ key: 'ms', label: 'the same, each request 50 ms away, ms', ofFloor: 1.3, ofRemote: 0.15 }],
    measure: (contestant, context) => untilInitialized(contestant, context, { delay: DISTANCE }),
  },
  {
    name: 'far-connect',
    runs: 7,
    metrics: [
      {
        key: 'ms',
        label: 'the same, each request and each connection 50 ms away, ms',
        ofFloor: 1.3,
        ofRemote: 0.15,
      },
    ],
    measure: (contestant, context) =>
      untilInitialized(contestant, context, { delay: DISTANCE, connectionDelay: DISTANCE }),
  },
  {
    name: 'requests',
    runs: 3,
    metrics: [
      { key: 'initialize', label: 'HTTP requests until `initialize` is answered', ofFloor: 1 },
      { key: 'list', label: 'HTTP requests until 1 s after `tools/list`' },
    ],
    measure: countRequests,
  },
];
