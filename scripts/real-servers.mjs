// Puts the built bridge in front of real MCP servers, and the clients of the SDK, of both its versions, in front of it:
//   node scripts/real-servers.mjs [--only <name,...>] [--servers-dir <folder>] [--write]
// What is no dependency of this repository is installed from npm when first needed; nothing else leaves this machine, and
// no account is needed: whoever signs in is played by a program. With --write, the results go into docs/compatibility.md.
// BRIDGE_COMMAND, a JSON array, starts another bridge than the built one. Needs a Unix.
// Exit code: 0, 1 where a server failed, 2 where nothing could be tried.
import { existsSync, readFileSync } from 'node:fs';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { endLeftovers } from './lib/leftovers.mjs';
import { install, installedVersion } from './lib/npm-install.mjs';
import { servers } from './lib/real-servers.mjs';
import { ResultsTable } from './lib/results-table.mjs';
import { sdkClients } from './lib/sdk-clients.mjs';

/** For all that one client does with one server, in milliseconds. */
const PATIENCE = 60_000;

const root = fileURLToPath(new URL('..', import.meta.url));
const built = join(root, 'bin', 'mcp-drawbridge.js');
const bridge = JSON.parse(process.env.BRIDGE_COMMAND ?? 'null') ?? [process.execPath, built];

const { values } = parseArgs({
  options: { only: { type: 'string' }, 'servers-dir': { type: 'string' }, write: { type: 'boolean' } },
});
const folders = resolve(values['servers-dir'] ?? join(root, '.cache', 'servers'));
const names = servers.map(({ name }) => name);
const chosen = values.only?.split(',') ?? names;

const unknown = chosen.filter((name) => !names.includes(name));
if (unknown.length > 0) refuse(`no server is named ${unknown.join(', ')}; there are ${names.join(', ')}`);
if (values.write && values.only) refuse('--write is for all of them');
if (bridge.includes(built) && !existsSync(join(root, 'dist', 'main.js'))) {
  refuse('the bridge is not built yet: npm run build');
}

const table = new ResultsTable('server', 'version', 'what was exercised', 'result', 'ms');
for (const server of servers.filter(({ name }) => chosen.includes(name))) await tryServer(server);
if (values.write) await table.writeTo(join(root, 'docs', 'compatibility.md'), 'real servers');
process.exit();

function refuse(why) {
  console.error(why);
  process.exit(2);
}

/** One row for each client in front of this server. */
async function tryServer(server) {
  const folder = server.install ? join(folders, server.version) : root;
  let started;
  try {
    if (server.install) await install(server.install, folder);
    started = await server.start(folder);
  } catch (error) {
    table.add([server.name, '', '', `not started: ${error.message}`, '']);
    return;
  }
  const version = await installedVersion(server.version, folder);
  for (const client of sdkClients) {
    const start = performance.now();
    try {
      const exercised = await Promise.race([exercise(server, started, client), tooLong()]);
      const ms = Math.round(performance.now() - start);
      const left = await endLeftovers(started.url);
      if (left > 0) throw new Error(`${left} processes of the bridge were left running`);
      table.add([server.name, version, `${client.name}: ${exercised.join(', ')}`, 'ok', ms]);
    } catch (error) {
      const ms = Math.round(performance.now() - start);
      table.add([server.name, version, client.name, `FAILED: ${error.message}`, ms]);
      process.exitCode = 1;
      await endLeftovers(started.url);
    }
  }
  started.close();
}

async function tooLong() {
  await delay(PATIENCE, undefined, { ref: false });
  throw new Error(`not done after ${PATIENCE / 1000} s`);
}

/** Gives the bridge a home and a browser of its own, and has the client use the server. */
async function exercise({ signsIn, steps }, started, client) {
  const home = await mkdtemp(join(tmpdir(), 'real-servers-'));
  const env = {
    PATH: process.env.PATH,
    LANG: 'C.UTF-8',
    HOME: home,
    TMPDIR: tmpdir(),
    MCP_DRAWBRIDGE_HOME: join(home, 'bridge'),
    MCP_DRAWBRIDGE_STORE: 'file',
    BROWSER: await browserIn(home),
  };
  const command = [...bridge, started.url];
  const windows = () => linesOf(join(home, 'windows')).filter((line) => line.includes('"opened"')).length;
  try {
    const done = [];
    const face = await client.connect(command, env);
    try {
      done.push(face.era === 'modern' ? 'server/discover' : 'initialize');
      if (signsIn) done.push(await signIn(face, windows));
      for (const step of steps) done.push(await step(face));
      if (started.refreshes) done.push(await renewal(face, started));
    } finally {
      await face.close();
    }
    if (signsIn) {
      const again = await client.connect(command, env);
      await ownTools(again).finally(() => again.close());
      if (windows() !== 1) throw new Error('a later start has opened a window');
      done.push('a later start without a window');
    }
    return done;
  } finally {
    await rm(home, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  }
}

/** While the person signs in, a client of 2026-07-28 sees the tool `sign_in` alone. */
async function signIn(face, windows) {
  for (let tries = 0; !(await ownTools(face)); tries++) {
    if (tries === 100) throw new Error('the sign-in does not come to its end');
    await delay(100);
  }
  if (windows() !== 1) throw new Error(`the sign-in has opened ${windows()} windows`);
  return 'the sign-in';
}

async function ownTools({ client }) {
  return (await client.listTools()).tools.some(({ name }) => name !== 'sign_in');
}

/** Waits until the token has ended, and calls once more. */
async function renewal(face, { refreshes }) {
  const before = refreshes();
  await delay(4_500);
  await face.client.listTools();
  if (refreshes() === before) throw new Error('the token was not renewed');
  return 'a renewal';
}

/** A program that plays the person: it signs in and consents. */
async function browserIn(home) {
  const file = join(home, 'browser.mjs');
  const runtime = new URL('../test/support/browser-program.mjs', import.meta.url).href;
  const settings = { mode: 'follow', log: join(home, 'windows') };
  const lines = [
    `#!${process.execPath}`,
    `import { run } from ${JSON.stringify(runtime)};`,
    `await run(${JSON.stringify(settings)});`,
  ];
  await writeFile(file, `${lines.join('\n')}\n`);
  await chmod(file, 0o755);
  return file;
}

function linesOf(file) {
  return existsSync(file) ? readFileSync(file, 'utf8').split('\n') : [];
}
