// Runs real MCP clients in front of the built bridge, and the bridge in front of a real server over Streamable HTTP:
//   node scripts/real-clients.mjs [--only <name,...>] [--clients-dir <folder>] [--record <folder>] [--write]
// The clients are installed from npm when first needed (1.5 GB for all of them); nothing else leaves this machine, and
// no account is needed. With --record, what each client sends is kept in <folder>/<name>-<number>.jsonl, a file for each
// start of the bridge: byte for byte, but for what is of this machine or run only. test/fixtures/clients is such a folder.
// With --write, the results go into docs/compatibility.md.
// BRIDGE_COMMAND, a JSON array, starts another bridge than the built one. Needs a Unix.
// Exit code: 0, 1 where a client failed, 2 where nothing could be tried.
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { endLeftovers } from './lib/leftovers.mjs';
import { install, installedVersion, nameAndVersion } from './lib/npm-install.mjs';
import { clients } from './lib/real-clients.mjs';
import { Records } from './lib/records.mjs';
import { ResultsTable } from './lib/results-table.mjs';
import { converse, run } from './lib/run-command.mjs';
import { ScriptedModel } from './lib/scripted-model.mjs';
import { startEverything } from './lib/server-process.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const built = join(root, 'bin', 'mcp-drawbridge.js');
const bridge = JSON.parse(process.env.BRIDGE_COMMAND ?? 'null') ?? [process.execPath, built];

const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    'clients-dir': { type: 'string' },
    record: { type: 'string' },
    write: { type: 'boolean' },
  },
});
const folders = resolve(values['clients-dir'] ?? join(root, '.cache', 'clients'));
const records = values.record && new Records(resolve(values.record));
const names = clients.map(({ name }) => name);
const chosen = values.only?.split(',') ?? names;

const unknown = chosen.filter((name) => !names.includes(name));
if (unknown.length > 0) refuse(`no client is named ${unknown.join(', ')}; there are ${names.join(', ')}`);
if (values.write && values.only) refuse('--write is for all of them');
if (bridge.includes(built) && !existsSync(join(root, 'dist', 'main.js'))) {
  refuse('the bridge is not built yet: npm run build');
}

const server = await startEverything();
const table = new ResultsTable('client', 'version', 'what was exercised', 'result', 'ms');
for (const client of clients.filter(({ name }) => chosen.includes(name))) {
  const { version = '', exercised = '', result, ms = '' } = await tryClient(client);
  table.add([client.name, version, exercised, result, ms]);
  if (result.startsWith('FAILED')) process.exitCode = 1;
}
server.close();
if (values.write) await table.writeTo(join(root, 'docs', 'compatibility.md'), 'real clients');

function refuse(why) {
  console.error(why);
  process.exit(2);
}

async function tryClient(client) {
  const own = join(folders, client.folder ?? client.name);
  const base = client.package === undefined ? root : own;
  try {
    if (client.package !== undefined) await install(client.package, own, { scripts: client.scripts });
  } catch (error) {
    return { result: `not installed: ${error.message}` };
  }
  const [name] = nameAndVersion(client.package ?? '@modelcontextprotocol/sdk@');
  const version = await installedVersion(name, base);
  const start = performance.now();
  const ms = () => Math.round(performance.now() - start);
  try {
    const exercised = await exercise(client, base);
    const taken = ms();
    const left = await endLeftovers(server.url);
    if (left > 0) throw new Error(`${left} processes of the bridge were left running`);
    return { version, exercised, result: 'ok', ms: taken };
  } catch (error) {
    await endLeftovers(server.url);
    return { version, result: `FAILED: ${error.message}`, ms: ms() };
  }
}

/** Gives the client a home and a model of its own, and has it use the bridge. */
async function exercise(client, base) {
  const home = await mkdtemp(join(tmpdir(), 'real-clients-'));
  const word = `word-${randomBytes(4).toString('hex')}`;
  const model = new ScriptedModel('echo', { message: word });
  const environment = { PATH: process.env.PATH, LANG: 'C.UTF-8', HOME: home, TMPDIR: tmpdir() };
  const program = (name) => join(base, 'node_modules', '.bin', name);
  const settled = (options) => ({ cwd: home, ...options, env: { ...environment, ...options?.env } });
  try {
    return await client.exercise({
      command: [...((await records?.begin(client.name)) ?? []), ...bridge, server.url],
      home,
      environment,
      word,
      model: await model.start(),
      require: createRequire(join(base, 'package.json')),
      run: (name, args, options) => run(program(name), args, settled(options)),
      talk: (name, args, options, talk) => converse(program(name), args, settled(options), talk),
    });
  } finally {
    await records?.scrub(client.name, { home, word });
    model.close();
    await rm(home, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  }
}
