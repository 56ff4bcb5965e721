// The MCP servers that are tried, one entry each.
//
//   name      the server's name
//   version   the package that tells its version; `install` where it is no dependency of this repository, pinned
//   start     starts it, given the folder it is installed in; gives its `url`, how to `close` it, and, where its tokens
//             end soon, `refreshes`: how many were renewed so far
//   signsIn   the bridge has to sign in
//   steps     what a client does; each says what that was, and throws where the server's word does not come through
import { fork } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { copyFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { freePort, startEverything, startServer } from './server-process.mjs';

const require = createRequire(import.meta.url);
const program = (name) => fileURLToPath(new URL(`servers/${name}.mjs`, import.meta.url));
const sdk = '@modelcontextprotocol/sdk';
const everything = '@modelcontextprotocol/server-everything';

const everythingSteps = [
  tools(),
  call('echo', { message: 'there and back' }, /there and back/),
  progress('trigger-long-running-operation', { duration: 1, steps: 4 }, 4),
  asks('elicitation', 'trigger-elicitation-request', {}, /Ada|accept|provided/),
  asks('sampling', 'trigger-sampling-request', { prompt: 'hello' }, /sampled/),
  subscription('demo://resource/dynamic/text/1', 'toggle-subscriber-updates'),
  resource('demo://resource/dynamic/text/1'),
  prompt('args-prompt', { city: 'Turin' }, /Turin/),
];

const ownSteps = [
  tools(),
  call('echo', { message: 'there and back' }, /there and back/),
  progress('count', { steps: 4 }, 4),
  prompt('greet', { name: 'Ada' }, /Hello Ada/),
];

const exampleSteps = [
  tools(),
  call('greet', { name: 'Ada' }, /Hello, Ada/),
  logs('start-notification-stream', { interval: 20, count: 3 }, /Periodic notification #3/),
  asks('elicitation', 'collect-user-info', { infoType: 'contact' }, /Ada/),
  resource('https://example.com/greetings/default'),
];

export const servers = [
  {
    name: 'everything-http',
    version: everything,
    start: () => startEverything(),
    steps: everythingSteps,
  },
  {
    name: 'everything-sse',
    version: everything,
    start: () => startEverything('sse'),
    steps: everythingSteps,
  },
  {
    name: 'fastmcp',
    version: 'fastmcp',
    install: 'fastmcp@4.20.16',
    start: async (folder) => {
      // Modules are looked for beside the file that wants them.
      const file = join(folder, 'server.mjs');
      await copyFile(program('fastmcp'), file);
      return atMcp(await startServer([file]));
    },
    steps: [...ownSteps, logs('echo', { message: 'again' }, /echoing/), resource('file:///note.txt')],
  },
  {
    name: 'sdk-v1',
    version: sdk,
    start: () => startExample([]),
    steps: exampleSteps,
  },
  {
    name: 'sdk-v1-auth-router',
    version: sdk,
    start: () => startExample(['--oauth', '--oauth-strict']),
    signsIn: true,
    steps: exampleSteps,
  },
  ...['reject', 'stateless'].map((LEGACY) => ({
    name: `sdk-v2-${LEGACY === 'reject' ? 'modern' : 'both-eras'}`,
    version: '@modelcontextprotocol/server',
    start: async () => atMcp(await startServer([program('sdk-v2')], { LEGACY })),
    steps: [
      ...ownSteps,
      asks('elicitation', 'ask', {}, /Hello Ada/),
      subscription('test://note', 'touch'),
      resource('test://note'),
    ],
  })),
  {
    name: 'oidc-provider',
    version: 'oidc-provider',
    start: startOidcGuarded,
    signsIn: true,
    steps: everythingSteps.slice(0, 3),
  },
];

const atMcp = ({ port, close }) => ({ url: `http://127.0.0.1:${port}/mcp`, close });

/** The SDK's own example of a server, with its own example of an authorization server where that is asked for. */
async function startExample(args) {
  const file = join(
    dirname(require.resolve(`${sdk}/server/index.js`)),
    '../../esm/examples/server/simpleStreamableHttp.js',
  );
  const authPort = String(await freePort());
  const env = (port) => ({ MCP_PORT: String(port), MCP_AUTH_PORT: authPort });
  const { port, close } = await startServer([file, ...args], env);
  return { url: `http://localhost:${port}/mcp`, close };
}

/** oidc-provider, a check of its tokens, and behind that the reference server. */
async function startOidcGuarded() {
  const upstream = await startEverything();
  const port = await freePort();
  const issuer = `http://127.0.0.1:${port}`;
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const settings = {
    issuer,
    port,
    accessTokenTtl: 4,
    scopes: ['openid', 'offline_access', 'mcp:tools'],
    par: 'optional',
    registration: true,
    clients: [],
    key: { ...privateKey.export({ format: 'jwk' }), kid: 'one', use: 'sig', alg: 'RS256' },
  };
  const file = fileURLToPath(new URL('../../test/support/oidc-provider.mjs', import.meta.url));
  const provider = fork(file, [JSON.stringify(settings)], { stdio: ['ignore', 'ignore', 'ignore', 'ipc'] });
  process.once('exit', () => provider.kill('SIGKILL'));
  let refreshed = 0;
  await new Promise((resolve, reject) => {
    provider.once('exit', (code) => reject(new Error(`oidc-provider has ended with ${code}`)));
    provider.on('message', ({ event, grantType }) => {
      if (event === 'listening') resolve();
      if (event === 'grant' && grantType === 'refresh_token') refreshed += 1;
    });
  });
  const env = { UPSTREAM: new URL(upstream.url).origin, ISSUER: issuer };
  const guard = await startServer([program('guard')], env);
  return {
    ...atMcp(guard),
    refreshes: () => refreshed,
    close: () => {
      for (const end of [guard.close, upstream.close]) end();
      provider.kill('SIGKILL');
    },
  };
}

// ---- steps -------------------------------------------------------------------------------------------------------

const textOf = (value) => JSON.stringify(value);

function mustMatch(value, expected) {
  if (!expected.test(textOf(value))) throw new Error(`no ${expected} in ${textOf(value).slice(0, 300)}`);
}

async function soon(what, isThere, ms = 8000) {
  const end = performance.now() + ms;
  while (!isThere()) {
    if (performance.now() > end) throw new Error(`${what} did not come`);
    await delay(20);
  }
}

function tools() {
  return async ({ client }) => {
    const list = (await client.listTools()).tools;
    if (list.length === 0) throw new Error('no tools were listed');
    return `${list.length} tools`;
  };
}

function call(name, args, expected) {
  return async (face) => {
    mustMatch(await face.call(name, args), expected);
    return 'a call';
  };
}

function progress(name, args, steps) {
  return async (face) => {
    await face.call(name, args, 'mine');
    const { progress: seen } = face.seen;
    if (seen.length !== steps || seen.some((value, index) => value !== index + 1))
      throw new Error(`progress came as ${textOf(seen)}`);
    return 'progress';
  };
}

function logs(name, args, expected) {
  return async (face) => {
    await face.listenTo('debug');
    await face.call(name, args);
    await soon('the log message', () => expected.test(textOf(face.seen.logged)));
    return 'log messages';
  };
}

/** What the server asks the client for in the middle of a call. */
function asks(what, name, args, expected) {
  return async (face) => {
    // Some servers offer such a tool only once they have seen what the client can do.
    const offers = async () => (await face.client.listTools()).tools.some((tool) => tool.name === name);
    for (let tries = 0; tries < 40 && !(await offers()); tries++) await delay(50);
    mustMatch(await face.call(name, args), expected);
    if (!face.seen.asked.includes(what)) throw new Error(`nothing was asked of the client by ${name}`);
    return what;
  };
}

function subscription(uri, touch) {
  return async (face) => {
    await face.follow(uri);
    await face.call(touch);
    await soon(`the update of ${uri}`, () => face.seen.updated.includes(uri));
    return 'subscription';
  };
}

function resource(uri) {
  return async ({ client }) => {
    const { contents } = await client.readResource({ uri });
    if (contents[0]?.uri !== uri) throw new Error(`the resource came as ${textOf(contents)}`);
    return 'resource';
  };
}

function prompt(name, args, expected) {
  return async ({ client }) => {
    mustMatch(await client.getPrompt({ name, arguments: args }), expected);
    return 'prompt';
  };
}
