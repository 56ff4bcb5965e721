// Large messages and many: what a bridge holds while they pass, and how long they take.
import { setTimeout as sleep } from 'node:timers/promises';
import { call, largeRequest } from '../messages.mjs';
import { peakMemory } from '../processes.mjs';
import { streamOpened, withReadyClient } from './helpers.mjs';

const NOTIFICATIONS = 20_000;
const MEBIBYTE = 1024 * 1024;

// A fresh process each: memory once taken is seldom given back, and the first large message is the usual one.
function timed(send) {
  return (contestant, context) =>
    withReadyClient(contestant, context, async (client) => {
      await sleep(300);
      const before = performance.now();
      await send(client);
      const ms = performance.now() - before;
      return { ms, peak: client.pid && (await peakMemory(client.pid)) };
    });
}

const result = (mebibytes, as) =>
  timed(async (client) => {
    const { length } = await client.request('tools/call', call('big', { mebibytes, as }));
    if (length < mebibytes * MEBIBYTE) throw new Error(`of ${mebibytes} MiB came ${length} bytes`);
  });

const upload = (mebibytes) =>
  timed(async (client) => {
    const id = client.nextId();
    const { result: taken } = await client.requestBytes(id, largeRequest(id, mebibytes));
    const length = Number(taken?.content?.[0]?.text);
    if (!(length >= mebibytes * MEBIBYTE)) throw new Error(`of ${mebibytes} MiB arrived ${length} bytes`);
  });

function notifications(contestant, context) {
  return withReadyClient(contestant, context, async (client) => {
    await streamOpened(context.remote);
    const count = context.quick ? NOTIFICATIONS / 10 : NOTIFICATIONS;
    const before = performance.now();
    await Promise.all([client.notifications(count), client.request('tools/call', call('flood', { count }))]);
    return { perSecond: (count * 1000) / (performance.now() - before) };
  });
}

const large = (name, label, measure, limits = [{}, {}]) => ({
  name,
  runs: 5,
  direct: true,
  metrics: [
    { key: 'ms', label: `${label}, ms`, ...limits[0] },
    { key: 'peak', label: `${label}, peak RSS, MB`, ...limits[1] },
  ],
  measure,
});

export const largeFigures = [
  large('result-1', 'result of 1 MiB', result(1, 'json')),
  large('result-16', 'result of 16 MiB', result(16, 'json'), [
    { ofFloor: 1.8, ofRemote: 0.5 },
    { ofFloor: 1.8, ofRemote: 0.7 },
  ]),
  large('event-16', 'one SSE event of 16 MiB', result(16, 'sse'), [{ ofFloor: 2.5, ofRemote: 0.1 }, {}]),
  large('request-1', 'request of 1 MiB', upload(1)),
  large('request-16', 'request of 16 MiB', upload(16)),
  {
    name: 'notifications',
    runs: 5,
    direct: true,
    metrics: [
      {
        key: 'perSecond',
        label: '20,000 notifications, lines a second',
        rate: true,
        ofFloor: 0.35,
        ofRemote: 8,
      },
    ],
    measure: notifications,
  },
];
