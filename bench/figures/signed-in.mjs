// How soon a bridge answers when the user has signed in earlier: the start that people see every day.
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { SUBJECT } from '../contestants.mjs';
import { keyring, whyNoKeyring } from '../keyring.mjs';
import { initializeParams } from '../messages.mjs';
import { temporaryFolder } from '../processes.mjs';

const KEY = randomBytes(32).toString('base64');

const signedIn = new Set();

/** The sign-in itself, once for each program and store, through its own browser flow; it is not measured. */
async function signIn(contestant, { remote }, more = {}) {
  const key = JSON.stringify([contestant.name, more]);
  if (signedIn.has(key)) return;
  await remote.reset();
  const client = contestant.open(remote.protectedUrl, more);
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
  signedIn.add(key);
}

async function start(contestant, { remote }, url, more) {
  await remote.reset();
  const client = contestant.open(url, more);
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
  {
    name: 'store',
    runs: 15,
    metrics: [
      { key: 'raw', label: 'signed in with a key that was given: over no credentials, ms', limit: 15 },
      { key: 'keychain', label: 'the key in the keychain: over a key that was given, ms', limit: 25 },
    ],
    takes: ({ name }) => name === SUBJECT,
    measure: async (contestant, context) => {
      const { remote } = context;
      const folder = (name) => ({ MCP_DRAWBRIDGE_HOME: join(temporaryFolder, `store-${name}`) });
      const given = { ...folder('raw'), MCP_DRAWBRIDGE_KEY: KEY, MCP_DRAWBRIDGE_STORE: undefined };
      await signIn(contestant, context, given);
      const without = await start(contestant, context, remote.url, folder('none'));
      const raw = await start(contestant, context, remote.protectedUrl, given);
      if (whyNoKeyring) return { raw: raw - without };
      const kept = { ...folder('keychain'), ...(await keyring()), MCP_DRAWBRIDGE_STORE: 'keychain' };
      await signIn(contestant, context, kept);
      const keychain = await start(contestant, context, remote.protectedUrl, kept);
      return { raw: raw - without, keychain: keychain - raw };
    },
  },
];
