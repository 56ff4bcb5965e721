// What a small call costs where the client and the remote are of the same era of the protocol, and where the bridge
// has to translate between the two. All four ways are open at once and take turns, so that they can be compared.
import { SUBJECT } from '../contestants.mjs';
import { sequential } from './calls.mjs';
import { quantile } from './helpers.mjs';

const TURN = 25;
const LIMIT = 0.1;

const pairings = [
  { key: 'plain', client: 'legacy', remote: 'legacy' },
  { key: 'modern', client: 'modern', remote: 'modern' },
  { key: 'toModern', client: 'legacy', remote: 'modern' },
  { key: 'toLegacy', client: 'modern', remote: 'legacy' },
].map((pairing) => ({
  ...pairing,
  translates: pairing.client !== pairing.remote,
  label: `${pairing.client} client, ${pairing.remote} remote`,
}));

/** Opens one of the ways, and leaves it as it is after a client's start. */
async function openWay({ client: era, remote: other }, contestant, remote) {
  const client = contestant.open(other === 'modern' ? remote.modernUrl : remote.url);
  try {
    await (era === 'modern' ? client.discover() : client.initialize());
    await client.request('tools/list', {});
  } catch (error) {
    await client.close();
    throw error;
  }
  return client;
}

/** How many of so many calls that are written in an unusual way reach the server as they were written, as a share. */
async function shareUnchanged(client, era, remote, count) {
  await remote.keepBodies(count);
  const sent = [];
  for (let index = 0; index < count; index += 1) {
    const id = client.nextId();
    const given = `{"text":"\\u00e9 é \\/ ${index}", "big": 90071992547409931234${index}, "float" : 1.0e+2}`;
    const meta = era === 'modern' ? `, "_meta":${JSON.stringify(client.meta)}` : '';
    const line = `{ "id":${id}, "unknown":[],"method":"tools/call","jsonrpc":"2.0","params":{"name":"echo","arguments":${given}${meta} }}`;
    sent.push(line);
    await client.requestBytes(id, [`${line}\n`]);
  }
  const received = await remote.bodies();
  return sent.filter((line, index) => line === received[index]).length / count;
}

async function* eras(contestant, { remote, quick }) {
  await remote.reset();
  const ways = [];
  try {
    for (const pairing of pairings) {
      ways.push({
        ...pairing,
        open: await openWay(pairing, contestant, remote),
        times: [],
        requests: 0,
        calls: 0,
      });
      yield;
    }
    for (const { open } of ways) {
      await sequential(open, 'json', quick ? 50 : 300);
      yield;
    }
    for (let turn = 0; turn < (quick ? 4 : 40); turn += 1) {
      for (let place = 0; place < ways.length; place += 1) {
        const way = ways[(turn + place) % ways.length];
        const before = (await remote.counters()).requests;
        way.times.push(...(await sequential(way.open, 'json', TURN)));
        way.requests += (await remote.counters()).requests - before;
        way.calls += TURN;
      }
      yield;
    }
    const values = {};
    for (const { key, client, translates, open, times, requests, calls } of ways) {
      values[key] = quantile(times, 0.5);
      values[`${key}-over`] = values[key] - values.plain;
      values[`${key}-requests`] = requests / calls;
      if (!translates) values[`${key}-exact`] = await shareUnchanged(open, client, remote, 20);
      yield;
    }
    return values;
  } finally {
    await Promise.all(ways.map(({ open }) => open.close()));
  }
}

const over = ({ key, label, translates }) => ({
  key: `${key}-over`,
  label: `${label}: over the plain one, ms`,
  ...(translates && { limit: LIMIT }),
});

export const eraFigures = [
  {
    name: 'eras',
    runs: 5,
    metrics: [
      ...pairings.flatMap((pairing) => [
        { key: pairing.key, label: `small call, ${pairing.label}, p50, ms` },
        ...(pairing.key === 'plain' ? [] : [over(pairing)]),
      ]),
      ...pairings.map(({ key, label }) => ({
        key: `${key}-requests`,
        label: `${label}: HTTP requests a call`,
        limit: 1,
      })),
      ...pairings
        .filter(({ translates }) => !translates)
        .map(({ key, label }) => ({
          key: `${key}-exact`,
          label: `${label}: calls that arrive byte for byte, share`,
          rate: true,
          limit: 1,
        })),
    ],
    // mcp-remote and the floor know one era.
    takes: ({ name }) => name === SUBJECT,
    measure: eras,
  },
];
