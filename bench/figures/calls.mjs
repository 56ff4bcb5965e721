// Small calls: what each costs in time and in CPU, one after the other and many at once.
import { setTimeout as sleep } from 'node:timers/promises';
import { call } from '../messages.mjs';
import { cpuTime } from '../processes.mjs';
import { quantile, withReadyClient } from './helpers.mjs';

const IN_FLIGHT = 64;

async function echo(client, as, text = 'hello') {
  const { result } = await client.request('tools/call', call('echo', { as, text }));
  if (result?.content?.[0]?.text !== text) throw new Error('a call came back with a wrong result');
}

async function sequential(client, as, count) {
  const times = [];
  for (let index = 0; index < count; index += 1) {
    const before = performance.now();
    await echo(client, as);
    times.push(performance.now() - before);
  }
  return times;
}

function latency(as) {
  return (contestant, context) =>
    withReadyClient(contestant, context, async (client) => {
      await sequential(client, as, context.quick ? 50 : 300);
      const times = await sequential(client, as, context.quick ? 200 : 1500);
      return { p50: quantile(times, 0.5), p99: quantile(times, 0.99) };
    });
}

function cpuOfCalls(contestant, context) {
  return withReadyClient(contestant, context, async (client) => {
    // A start leaves work behind, such as opening the GET stream; it is not to be counted here.
    await sleep(500);
    const before = await cpuTime(client.pid);
    if (!before) return {};
    // Where the clock has ticks of 10 ms only, more calls make up for it.
    const calls = before.exact ? 1000 : 4000;
    await sequential(client, 'json', calls);
    const after = await cpuTime(client.pid);
    return { cpu: ((after.ms - before.ms) * 1000) / calls };
  });
}

async function keepInFlight(client, milliseconds) {
  let answered = 0;
  const startedAt = performance.now();
  const worker = async () => {
    while (performance.now() - startedAt < milliseconds) {
      await echo(client, 'json');
      answered += 1;
    }
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, worker));
  return { answered, perSecond: (answered * 1000) / (performance.now() - startedAt) };
}

function throughput(contestant, context) {
  return withReadyClient(contestant, context, async (client) => {
    await keepInFlight(client, context.quick ? 100 : 500);
    const before = client.pid && (await cpuTime(client.pid));
    const { answered, perSecond } = await keepInFlight(client, context.quick ? 300 : 1500);
    const after = client.pid && (await cpuTime(client.pid));
    return { perSecond, cpu: after && ((after.ms - before.ms) * 1000) / answered };
  });
}

const added = (as, label) => ({
  name: `latency-${as}`,
  runs: 5,
  direct: true,
  metrics: [
    {
      key: 'p50',
      label: `added to a small call, ${label}, p50, ms`,
      added: true,
      ofFloor: 1.7,
      ofRemote: 0.25,
    },
    { key: 'p99', label: `added to a small call, ${label}, p99, ms`, added: true },
  ],
  measure: latency(as),
});

export const callFigures = [
  added('json', 'JSON'),
  added('sse', 'SSE'),
  {
    name: 'cpu',
    runs: 5,
    metrics: [{ key: 'cpu', label: 'CPU for 1,000 calls, ms', ofFloor: 1.7, ofRemote: 0.3 }],
    measure: cpuOfCalls,
  },
  {
    name: 'in-flight',
    runs: 5,
    direct: true,
    metrics: [
      {
        key: 'perSecond',
        label: '64 calls in flight, calls a second',
        rate: true,
        ofFloor: 0.55,
        ofRemote: 4,
      },
      { key: 'cpu', label: 'CPU for 1,000 calls of these, ms' },
    ],
    measure: throughput,
  },
];
