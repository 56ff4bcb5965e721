import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type BridgeProcess, startBridge } from '../support/bridge-process.ts';
import { type Handler, startFakeRemote } from '../support/fake-remote.ts';
import { modernParams } from '../support/modern-params.ts';
import { startSdkRemote } from '../support/sdk-remote.ts';
import { startSdkV2Remote } from '../support/sdk-v2-remote.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { until } from '../support/wait.ts';

interface Seer {
  url: string;
  seen: { method: string; rpc?: string | undefined }[];
}

/** The requests that a server got, by their JSON-RPC method, else by that of HTTP. */
const wordsOf = ({ seen }: Seer): string[] => seen.map(({ method, rpc }) => rpc ?? method);

const openers = {
  legacy: async (bridge: BridgeProcess) => {
    await bridge.initialize();
    await bridge.request('tools/list');
  },
  modern: async (bridge: BridgeProcess) => {
    await bridge.request('server/discover', modernParams());
    await bridge.request('tools/list', modernParams());
  },
};

const remotes: Record<string, () => Promise<Seer>> = {
  'a legacy server': async () => startSdkRemote(),
  'a legacy server without sessions': async () => startSdkRemote({ stateless: true, json: true }),
  'a modern server': async () => startSdkV2Remote(),
  'a server of both eras': async () => startSdkV2Remote({ dual: true }),
};

/** What is sent until the tools are listed: at the first start, and at the next. The order of the rest may vary. */
const table: [keyof typeof openers, keyof typeof remotes, string[], string[]][] = [
  ['legacy', 'a legacy server', ['initialize', 'notifications/initialized', 'GET', 'tools/list'], []],
  [
    'legacy',
    'a legacy server without sessions',
    ['initialize', 'server/discover', 'notifications/initialized', 'GET', 'tools/list'],
    ['initialize', 'notifications/initialized', 'GET', 'tools/list'],
  ],
  [
    'legacy',
    'a modern server',
    ['initialize', 'server/discover', 'subscriptions/listen', 'tools/list'],
    ['server/discover', 'subscriptions/listen', 'tools/list'],
  ],
  [
    'legacy',
    'a server of both eras',
    ['initialize', 'server/discover', 'subscriptions/listen', 'tools/list'],
    ['server/discover', 'subscriptions/listen', 'tools/list'],
  ],
  ['modern', 'a modern server', ['server/discover', 'tools/list'], []],
  ['modern', 'a server of both eras', ['server/discover', 'tools/list'], []],
  [
    'modern',
    'a legacy server',
    ['server/discover', 'initialize', 'notifications/initialized', 'GET', 'tools/list'],
    ['initialize', 'notifications/initialized', 'GET', 'tools/list'],
  ],
];

describe('no request that is not needed [B-05, B-09, B-10, B-12]', () => {
  test.each(table)('a %s client, %s', async (client, kind, first, second) => {
    const remote = await (remotes[kind] as () => Promise<Seer>)();
    const env = { MCP_DRAWBRIDGE_HOME: tempFolder() };
    for (const expected of [first, second.length > 0 ? second : first]) {
      remote.seen.length = 0;
      const bridge = startBridge(remote.url, { env });
      await openers[client](bridge);
      // The stream for what is said unasked may be opened beside the first request.
      await until('the last of them', () => wordsOf(remote).length >= expected.length);
      // A confirmation that the translation has overtaken is no harm: the server takes it and keeps nothing.
      const words = wordsOf(remote).filter(
        (word) => expected.includes(word) || word !== 'notifications/initialized',
      );
      if (kind === 'a server of both eras' && words.includes('GET')) words.splice(words.indexOf('GET'), 1);
      expect([...words].sort()).toEqual([...expected].sort());
      bridge.child.stdin.end();
      await bridge.exitWithin(5_000);
    }
  });
});

/** The file in which a bridge with this home has kept what it found. */
function verdictIn(home: string): { path: string; era?: string; at?: number } {
  const folder = join(home, 'servers');
  const [name = 'none'] = readdirSync(folder);
  return { path: join(folder, name), ...JSON.parse(readFileSync(join(folder, name), 'utf8')) };
}

async function runOnce(url: string, home: string, client: keyof typeof openers, args: string[] = []) {
  const bridge = startBridge(url, { args, env: { MCP_DRAWBRIDGE_HOME: home } });
  await openers[client](bridge);
  bridge.closeStdin();
  await bridge.exitWithin(5_000);
}

describe('a verdict that is old', () => {
  test('modern, and the server is legacy now: it is found out anew, and kept [B-12]', async () => {
    const remote = await startSdkRemote();
    const home = tempFolder();
    await runOnce(remote.url, home, 'legacy');
    const { path } = verdictIn(home);
    writeFileSync(path, JSON.stringify({ schema: 1, era: 'modern', at: 1 }));
    remote.seen.length = 0;
    await runOnce(remote.url, home, 'legacy');
    expect(wordsOf(remote).slice(0, 2)).toEqual(['server/discover', 'initialize']);
    expect(verdictIn(home).era).toBe('legacy');
  });

  test('legacy, and over a day old: the server is asked again, since it may have been renewed [B-13]', async () => {
    const remote = await startSdkV2Remote({ dual: true });
    const home = tempFolder();
    await runOnce(remote.url, home, 'legacy');
    const { path } = verdictIn(home);
    const day = 24 * 60 * 60 * 1000;
    for (const [age, isAsked] of [
      [day / 2, false],
      [day + 1000, true],
    ] as const) {
      writeFileSync(path, JSON.stringify({ schema: 1, era: 'legacy', at: Date.now() - age }));
      remote.seen.length = 0;
      await runOnce(remote.url, home, 'legacy');
      expect(wordsOf(remote).includes('server/discover')).toBe(isAsked);
    }
    expect(verdictIn(home).era).toBe('modern');
  });

  test('legacy, and a modern client meets a server that is modern only by now', async () => {
    const remote = await startSdkV2Remote();
    const home = tempFolder();
    await runOnce(remote.url, home, 'modern');
    writeFileSync(verdictIn(home).path, JSON.stringify({ schema: 1, era: 'legacy', at: Date.now() }));
    await runOnce(remote.url, home, 'modern');
    expect(verdictIn(home).era).toBe('modern');
  });

  test.each(['', '{', '[]', '{"schema":2,"era":"modern","at":1}', '{"schema":1,"era":"x","at":1}'])(
    'a file with %j says nothing',
    async (text) => {
      const remote = await startSdkRemote();
      const home = tempFolder();
      await runOnce(remote.url, home, 'legacy');
      writeFileSync(verdictIn(home).path, text);
      remote.seen.length = 0;
      await runOnce(remote.url, home, 'legacy');
      expect(wordsOf(remote)[0]).toBe('initialize');
      expect(verdictIn(home).era).toBe('legacy');
    },
  );
});

describe('what is no evidence [B-11]', () => {
  test.each([401, 403, 429, 500])('a %i leaves the era open', async (status) => {
    const remote = await startFakeRemote();
    const refuse: Handler = (exchange) =>
      exchange.json(status, { jsonrpc: '2.0', id: null, error: { code: -32000, message: 'Not now' } });
    remote.on('initialize', refuse).on('server/discover', refuse).on('tools/list', refuse);
    for (const client of ['legacy', 'modern'] as const) {
      const home = tempFolder();
      const args = ['--header', 'Authorization: Bearer x'];
      const bridge = startBridge(remote.url, { args, env: { MCP_DRAWBRIDGE_HOME: home } });
      const params =
        client === 'modern' ? modernParams() : { protocolVersion: '2025-11-25', capabilities: {} };
      const method = client === 'modern' ? 'server/discover' : 'initialize';
      await bridge.request(method, params, 20_000);
      bridge.closeStdin();
      await bridge.exitWithin(5_000);
      expect(() => verdictIn(home)).toThrow('ENOENT');
    }
    const words = new Set(remote.requests.map(({ message }) => message?.method));
    expect([...words].filter((word) => word !== 'initialize' && word !== 'server/discover')).toEqual([]);
  });
});

describe('--era [B-15]', () => {
  test('legacy: nothing modern is sent, whatever the client is', async () => {
    const remote = await startSdkV2Remote({ dual: true });
    for (const client of ['legacy', 'modern'] as const) {
      remote.seen.length = 0;
      await runOnce(remote.url, tempFolder(), client, ['--era', 'legacy']);
      expect(wordsOf(remote)[0]).toBe('initialize');
      expect(wordsOf(remote)).not.toContain('server/discover');
      expect(remote.seen.flatMap(({ headers }) => Object.keys(headers))).not.toContain('mcp-method');
    }
  });

  test('modern: initialize is never sent, and a legacy server is an error that says so', async () => {
    const modern = await startSdkV2Remote({ dual: true });
    await runOnce(modern.url, tempFolder(), 'legacy', ['--era', 'modern']);
    expect(wordsOf(modern)).not.toContain('initialize');

    const legacy = await startSdkRemote();
    const bridge = startBridge(legacy.url, { args: ['--era', 'modern'] });
    const { error } = await bridge.request('initialize', { protocolVersion: '2025-11-25', capabilities: {} });
    expect(error?.message).toContain('--era modern');
    expect(wordsOf(legacy)).not.toContain('initialize');
  });
});

describe('who speaks first [B-01, B-02, B-03, B-08]', () => {
  test('a probe does not decide: the same client may go on with initialize, and both forms are served side by side', async () => {
    const remote = await startSdkRemote();
    const bridge = startBridge(remote.url);
    const found = await bridge.request('server/discover', modernParams());
    expect(found.result).toMatchObject({ supportedVersions: ['2026-07-28'], resultType: 'complete' });
    await bridge.initialize();
    const legacy = await bridge.request('tools/list');
    const modern = await bridge.request('tools/list', modernParams());
    expect(legacy.result).not.toHaveProperty('resultType');
    expect(modern.result).toMatchObject({ resultType: 'complete', cacheScope: 'private' });
  });

  test('a request that names no revision before initialize is told both ways in', async () => {
    const remote = await startFakeRemote();
    const bridge = startBridge(remote.url);
    const { error } = await bridge.request('tools/list');
    expect(error).toMatchObject({ code: -32602 });
    expect(error?.message).toMatch(/initialize.*_meta/);
    expect((await bridge.request('ping')).result).toEqual({});
    expect(remote.requests).toEqual([]);
  });

  test.each([
    [{ 'io.modelcontextprotocol/protocolVersion': '2026-07-28' }, -32602],
    [
      {
        'io.modelcontextprotocol/protocolVersion': '2027-01-01',
        'io.modelcontextprotocol/clientCapabilities': {},
      },
      -32022,
    ],
    [
      { 'io.modelcontextprotocol/protocolVersion': 7, 'io.modelcontextprotocol/clientCapabilities': {} },
      -32602,
    ],
  ])('_meta %j is answered %i by the bridge itself [M-05, M-83, B-81]', async (_meta, code) => {
    const remote = await startFakeRemote();
    const { error } = await startBridge(remote.url).request('tools/list', { _meta });
    expect(error).toMatchObject({ code });
    if (code === -32022) expect(error?.data).toMatchObject({ supported: ['2026-07-28'] });
    expect(remote.requests).toEqual([]);
  });
});

test('a server that agrees on a modern revision by initialize is spoken to in the modern form [B-23, B-24]', async () => {
  const remote = await startFakeRemote({ session: true });
  const _meta = { 'io.modelcontextprotocol/serverInfo': { name: 'odd', version: '1' } };
  remote.on('initialize', (exchange) =>
    exchange.result({ protocolVersion: '2026-07-28', capabilities: {}, serverInfo: _meta }),
  );
  remote.on('server/discover', (exchange) =>
    exchange.result({
      supportedVersions: ['2026-07-28'],
      capabilities: { tools: {} },
      resultType: 'complete',
      ttlMs: 0,
      cacheScope: 'private',
      _meta,
    }),
  );
  const bridge = startBridge(remote.url);
  const answer = await bridge.initialize();
  expect(answer.result).toEqual({
    protocolVersion: '2025-11-25',
    capabilities: { tools: {} },
    serverInfo: { name: 'odd', version: '1' },
  });
  await bridge.request('tools/list');
  expect(remote.of('tools/list')[0]?.headers['mcp-method']).toBe('tools/list');
});
