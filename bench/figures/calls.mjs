// Small calls: what each costs in time and in CPU, one after the other and many at once.
import { setTimeout as sleep } from 'node:timers/promises';
import { call } from '../messages.mjs';
import { cpuTime } from '../processes.mjs';
import { inTurnsWithReadyClient, quantile } from './helpers.mjs';

const IN_FLIGHT = 64;

async function echo(client, as, text = 'hello') {
  const { result } = await client.request('tools/call', call('echo', { as, text }));
  if (result?.content?.[0]?.text !== text) throw new Error('a call came back with a wrong result');
}

/** The times of so many small calls, one after the other, in ms. */
export async function sequential(client, as, count) {
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
    inTurnsWithReadyClient(contestant, context, async function* (client) {
      await sequential(client, as, context.quick ? 50 : 300);
      const times = [];
      for (let turn = 0; turn < (context.quick ? 4 : 20); turn += 1) {
        yield;
        times.push(...(await sequential(client, as, 50)));
      }
      return { p50: quantile(times, 0.5), p99: quantile(times, 0.99) };
    });
}

function cpuOfCalls(contestant, context) {
  return inTurnsWithReadyClient(contestant, context, async function* (client) {
    // A start leaves work behind, such as opening the GET stream; it is not to be counted here.
    await sleep(500);
    const before = await cpuTime(client.pid);
    if (!before) return {};
    // Where the clock has ticks of 10 ms only, more calls make up for it.
    const turns = context.quick ? 2 : before.exact ? 10 : 40;
    for (let turn = 0; turn < turns; turn += 1) {
      yield;
      await sequential(client, 'json', 100);
    }
    const after = await cpuTime(client.pid);
    return { cpu: (after.ms - before.ms) * (10 / turns) };
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
  return { answered, elapsed: performance.now() - startedAt };
}

function throughput(contestant, context) {
  return inTurnsWithReadyClient(contestant, context, async function* (client) {
    await keepInFlight(client, context.quick ? 200 : 500);
    const before = client.pid && (await cpuTime(client.pid));
    let answered = 0;
    let elapsed = 0;
    for (let turn = 0; turn < (context.quick ? 1 : 4); turn += 1) {
      yield;
      const part = await keepInFlight(client, 250);
      answered += part.answered;
      elapsed += part.elapsed;
    }
    const after = client.pid && (await cpuTime(client.pid));
    const cpu = after && ((after.ms - before.ms) * 1000) / answered;
    return { perSecond: (answered * 1000) / elapsed, cpu };
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
