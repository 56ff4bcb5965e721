// How soon a bridge answers when the user has signed in earlier: the start that people see every day.
import { initializeParams } from '../messages.mjs';

const signedIn = new Set();

/** The sign-in itself, once for each program, through its own browser flow; it is not measured. */
async function signIn(contestant, { remote }) {
  if (signedIn.has(contestant.name)) return;
  const client = contestant.open(remote.protectedUrl);
  try {
    await client.request('initialize', initializeParams);
    // Some answer before the sign-in is done; a list of the server's tools comes after it only.
    for (let tries = 0; tries < 40; tries += 1) {
      if ((await remote.counters()).paths['POST /token'] > 0) break;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    client.notify('notifications/initialized');
    await client.request('tools/list', {});
  } finally {
    await client.close();
  }
  signedIn.add(contestant.name);
}

async function start(contestant, { remote }, url) {
  await remote.reset();
  const client = contestant.open(url);
  try {
    return await client.initialize();
  } finally {
    await client.close();
  }
}

async function countRequests(contestant, { remote }, url) {
  await remote.reset();
  const client = contestant.open(url);
  try {
    await client.request('initialize', initializeParams);
    return (await remote.counters()).requests;
  } finally {
    await client.close();
  }
}

export const signedInFigures = [
  {
    name: 'signed-in',
    runs: 15,
    metrics: [
      {
        key: 'ms',
        label: 'spawn to the `initialize` answer, signed in (floor: without), ms',
        ofFloor: 1.8,
        ofRemote: 0.2,
      },
      { key: 'over', label: 'that over the start without a sign-in, ms', limit: 15 },
      { key: 'requests', label: 'HTTP requests until then, signed in', ofFloor: 1 },
    ],
    measure: async (contestant, context) => {
      const { remote } = context;
      // It knows nothing of authorization: what it needs without is what the others are compared with.
      const isFloor = contestant.name === 'floor';
      const url = isFloor ? remote.url : remote.protectedUrl;
      await remote.reset();
      if (!isFloor) await signIn(contestant, context);
      const without = await start(contestant, context, remote.url);
      const ms = await start(contestant, context, url);
      return {
        ms,
        over: isFloor ? undefined : ms - without,
        requests: await countRequests(contestant, context, url),
      };
    },
  },
];
