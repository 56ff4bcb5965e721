// The bench server from outside: its start, its delays, its counters, what it has received.

import { once } from 'node:events';
import { get } from 'node:http';
import { fileURLToPath } from 'node:url';
import { start } from './processes.mjs';

function getJson(url) {
  return new Promise((resolve, reject) => {
    get(url, { agent: false }, async (response) => {
      const chunks = await response.toArray();
      resolve(JSON.parse(Buffer.concat(chunks).toString()));
    }).on('error', reject);
  });
}

export async function startRemote() {
  const child = start(process.execPath, [fileURLToPath(new URL('./server.mjs', import.meta.url))]);
  const failed = child.ended.then(({ reason }) => {
    throw new Error(`the bench server ${reason}. ${child.lastError()}`);
  });
  const [line] = await Promise.race([once(child.stdout, 'data'), failed]);
  failed.catch(() => {});
  const origin = `http://127.0.0.1:${Number(line.toString())}`;
  return {
    url: `${origin}/mcp`,
    /** The same server, where it wants a sign-in. */
    protectedUrl: `${origin}/protected/mcp`,
    /** The same server for clients of the revision 2026-07-28 alone. */
    modernUrl: `${origin}/modern/mcp`,
    /** Starts the counters anew; both delays are in milliseconds. */
    reset: ({ delay = 0, connectionDelay = 0 } = {}) =>
      getJson(`${origin}/control?delay=${delay}&connection-delay=${connectionDelay}`),
    counters: () => getJson(`${origin}/control`),
    /** From now on so many bodies are kept. */
    keepBodies: (count) => getJson(`${origin}/control?keep=${count}`),
    /** Those that were kept, in their order. */
    bodies: async () => (await getJson(`${origin}/control?bodies`)).bodies,
  };
}
