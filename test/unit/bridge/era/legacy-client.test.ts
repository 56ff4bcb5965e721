import { describe, expect, test } from 'vitest';
import { metaKeys } from '../../../../src/revisions.ts';
import { ask } from '../../helpers/pending.ts';
import { discovered, failed, LegacyClientStage } from '../../helpers/scripted-modern.ts';

async function opened(over: Record<string, unknown> = {}): Promise<LegacyClientStage> {
  const stage = new LegacyClientStage();
  await stage.initialize(over);
  stage.exchanges.length = 0;
  stage.received.length = 0;
  return stage;
}

describe('initialize', () => {
  test('is answered from server/discover [B-23, B-25, B-26, B-27]', async () => {
    const stage = new LegacyClientStage();
    const { answer, outcome } = await stage.initialize();
    expect(outcome).toEqual({ kind: 'done' });
    expect(answer?.id).toBe(101);
    expect(answer?.result).toEqual({
      protocolVersion: '2025-11-25',
      capabilities: discovered.capabilities,
      serverInfo: { name: 'modern', version: '3' },
      instructions: 'Be kind.',
    });
    expect(stage.exchanges.map(({ message }) => message.method)).toEqual(['server/discover']);
  });

  test.each([
    ['2024-11-05', '2024-11-05'],
    ['2025-06-18', '2025-06-18'],
    ['2026-07-28', '2025-11-25'],
    ['1999-01-01', '2025-11-25'],
    [undefined, '2025-11-25'],
  ])('a client that asks for %s gets %s [B-23]', async (protocolVersion, expected) => {
    const { answer } = await new LegacyClientStage().initialize({ protocolVersion });
    expect(answer?.result.protocolVersion).toBe(expected);
  });

  test.each([
    ['its place before the revision was final', { serverInfo: { name: 'early', version: '0' } }, 'early'],
    ['none', {}, 'example.com'],
    ['one without a version', { _meta: { [metaKeys.serverInfo]: { name: 'x' } } }, 'example.com'],
  ])('the name of the server comes from: %s [B-25, M-50]', async (_, more, name) => {
    const stage = new LegacyClientStage();
    stage.on('server/discover', (exchange) => exchange.answer({ ...discovered, _meta: undefined, ...more }));
    expect((await stage.initialize()).answer?.result.serverInfo.name).toBe(name);
  });

  test('tasks and what the bridge does itself are not offered, everything else is [B-26]', async () => {
    const stage = new LegacyClientStage();
    const extensions = {
      'io.modelcontextprotocol/tasks': {},
      'io.modelcontextprotocol/oauth-client-credentials': {},
      'com.example/apps': { a: 1 },
    };
    const capabilities = { tasks: {}, experimental: { x: {} }, completions: {}, extensions };
    stage.on('server/discover', (exchange) => exchange.answer({ ...discovered, capabilities }));
    expect((await stage.initialize()).answer?.result.capabilities).toEqual({
      experimental: { x: {} },
      completions: {},
      extensions: { 'com.example/apps': { a: 1 } },
    });
  });

  test('what nobody knows and big numbers come through [B-88]', async () => {
    const stage = new LegacyClientStage();
    stage.on('server/discover', (exchange) =>
      exchange.answerText(
        '{"supportedVersions":["2026-07-28"],"capabilities":{"experimental":{"n":9007199254740993}},"odd":1e400,"_meta":{"trace":"t"}}',
      ),
    );
    const { text } = await stage.initialize();
    expect(text).toContain('"experimental":{"n":9007199254740993}');
    expect(text).toContain('"odd":1e400');
    expect(text).toContain('"_meta":{"trace":"t"}');
  });

  test.each([
    ['-32601', failed(404, { code: -32601 })],
    ['404', failed(404)],
    ['-32022 for legacy versions', failed(400, { code: -32022, data: { supported: ['2025-11-25'] } })],
  ])('fails as of the other era where the server is no modern one: %s [B-14, Q-03]', async (_, outcome) => {
    const stage = new LegacyClientStage();
    stage.on('server/discover', () => outcome);
    const { outcome: end, answer } = await stage.initialize();
    expect(answer).toBeUndefined();
    expect(end).toMatchObject({
      kind: 'failed',
      mayHaveRun: false,
      error: { reason: 'other-era', exitCode: 3 },
    });
  });

  test('an error with status 200 is handed on with that verdict', async () => {
    const stage = new LegacyClientStage();
    stage.on('server/discover', (exchange) => exchange.error(-32601, 'Method not found'));
    const { outcome } = await stage.initialize();
    expect(outcome).toMatchObject({ error: { reason: 'other-era' }, answer: { code: -32601 } });
  });

  test('asks once more where the server says how [B-10, Q-04]', async () => {
    const stage = new LegacyClientStage();
    const repeat = failed(400, { code: -32022, data: { supported: ['2026-07-28'] } });
    stage.on(
      'server/discover',
      () => repeat,
      (exchange) => exchange.answer(discovered),
    );
    expect((await stage.initialize()).answer?.result).toBeDefined();
    stage.on('server/discover', () => failed(400, { code: -32020 }));
    expect((await stage.initialize()).outcome).toMatchObject({ error: { reason: 'other-era' } });
    expect(stage.got('server/discover')).toHaveLength(4);
    expect(new Set(stage.got('server/discover').map(({ message }) => message.id)).size).toBe(4);
  });

  test('a server that is newer than the bridge is an error of its own [B-10]', async () => {
    const stage = new LegacyClientStage();
    stage.on('server/discover', () => failed(400, { code: -32022, data: { supported: ['2031-01-01'] } }));
    const { outcome } = await stage.initialize();
    expect(outcome).toMatchObject({ kind: 'failed', error: { reason: 'unsupported-transport' } });
  });

  test('a server that is down says nothing about its era [B-11]', async () => {
    const stage = new LegacyClientStage();
    stage.on('server/discover', () => failed(500));
    expect((await stage.initialize()).outcome).toEqual(failed(500));
  });
});

describe('what the server hears of the client', () => {
  test('with each request: revision, name and capabilities [B-24, B-28, B-29, B-30, M-02, M-03]', async () => {
    const stage = await opened({
      capabilities: {
        roots: { listChanged: true },
        sampling: {},
        elicitation: { url: {} },
        tasks: {},
        experimental: { n: 1 },
        extensions: { 'io.modelcontextprotocol/tasks': {}, 'com.example/x': {} },
      },
    });
    await stage.ask('tools/list', {
      _meta: { progressToken: 7, [metaKeys.logLevel]: 'debug', 'x/y': 1 },
      cursor: '',
    });
    expect(stage.exchanges[0]?.message.params).toEqual({
      cursor: '',
      _meta: {
        [metaKeys.protocolVersion]: '2026-07-28',
        [metaKeys.clientInfo]: { name: 'old client', version: '1' },
        [metaKeys.clientCapabilities]: {
          roots: {},
          sampling: {},
          elicitation: { url: {} },
          experimental: { n: 1 },
          extensions: { 'com.example/x': {} },
        },
        progressToken: 7,
        'x/y': 1,
      },
    });
    expect(stage.exchanges[0]?.request?.params).toEqual(stage.exchanges[0]?.message.params);
  });

  test.each([
    ['2024-11-05', { roots: {}, sampling: {} }],
    ['2025-03-26', { roots: {}, sampling: {} }],
    ['2025-06-18', { roots: {}, sampling: {}, elicitation: {} }],
    ['2025-11-25', { roots: {}, sampling: { tools: {} }, elicitation: { form: {}, url: {} } }],
  ])('in the revision %s only what that revision has [3.4.4]', async (protocolVersion, expected) => {
    const stage = await opened({ protocolVersion });
    await stage.ask('tools/list');
    expect(stage.exchanges[0]?.message.params._meta[metaKeys.clientCapabilities]).toEqual(expected);
  });

  test.each([
    ['without params', '{"jsonrpc":"2.0","id":1,"method":"tools/list"}'],
    ['with empty ones', '{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{}}'],
    ['with an empty _meta', '{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"_meta":{ }}}'],
    ['with an odd _meta', '{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"_meta":null}}'],
  ])('a request %s gets it too [M-02]', async (_, body) => {
    const stage = await opened();
    await stage.ask('tools/list', undefined, { body });
    expect(stage.exchanges[0]?.message.params._meta).toMatchObject({
      [metaKeys.protocolVersion]: '2026-07-28',
    });
  });

  test('the rest of the text stays as it was [B-88]', async () => {
    const stage = await opened();
    const before = '{ "jsonrpc":"2.0", "id" : 5,"method":"tools/call","params":{';
    const after = '"name":"t","arguments":{"n":12345678901234567890, "f":1.0e2},"odd":[ ]}}';
    await stage.ask('tools/call', undefined, { body: before + after });
    const { text } = stage.exchanges[0] ?? { text: '' };
    expect(text.startsWith(`${before}"_meta":{`)).toBe(true);
    expect(text.endsWith(after)).toBe(true);
  });

  test('the log level, once the client has set it, with each request [B-30, M-04]', async () => {
    const stage = await opened();
    await stage.ask('tools/list');
    expect((await stage.ask('logging/setLevel', { level: 'notice' })).answer?.result).toEqual({});
    await stage.ask('tools/list');
    await stage.ask('com.example/any');
    const levels = stage.exchanges.map(({ message }) => message.params._meta[metaKeys.logLevel]);
    expect(levels).toEqual([undefined, 'notice', 'notice']);
  });

  test.each([{ level: 'loud' }, {}, undefined])('a level that is none is refused: %j', async (params) => {
    const stage = await opened();
    expect((await stage.ask('logging/setLevel', params)).answer?.error?.code).toBe(-32602);
    expect(stage.exchanges).toEqual([]);
  });
});

describe('what stays in the bridge', () => {
  test('ping is answered', async () => {
    const stage = await opened();
    expect((await stage.ask('ping', undefined, { id: 'p' })).text).toBe(
      '{"jsonrpc":"2.0","id":"p","result":{}}',
    );
    expect(stage.exchanges).toEqual([]);
  });

  test.each([
    'tasks/get',
    'tasks/result',
    'tasks/list',
    'tasks/cancel',
    'server/discover',
    'subscriptions/listen',
  ])('%s is not known [B-54]', async (method) => {
    const stage = await opened();
    expect((await stage.ask(method)).answer?.error?.code).toBe(-32601);
    expect(stage.exchanges).toEqual([]);
  });

  test.each(['initialized', 'cancelled', 'progress', 'roots/list_changed'])(
    'notifications/%s is swallowed',
    async (name) => {
      const stage = await opened();
      expect(await stage.notify(`notifications/${name}`, { requestId: 99 })).toEqual({ kind: 'done' });
      expect(stage.exchanges).toEqual([]);
    },
  );

  test('an unknown notification is sent on with _meta [Q-15]', async () => {
    const stage = await opened();
    await stage.notify('notifications/com.example/x', { a: 1 });
    expect(stage.exchanges[0]?.message.params).toMatchObject({
      a: 1,
      _meta: { [metaKeys.protocolVersion]: '2026-07-28' },
    });
  });

  test('an answer to nothing that was asked is not sent [M-10]', async () => {
    const stage = await opened();
    expect(await stage.reply('nobody', { result: {} })).toEqual({ kind: 'done' });
    expect(stage.exchanges).toEqual([]);
  });
});

describe('the transport', () => {
  test('keeps the session that it is told to use, and closes the way to the server', async () => {
    const stage = await opened();
    const { translation } = stage;
    const session = { id: undefined, protocolVersion: '2025-11-25' };
    translation.useSession(session);
    expect(translation.session).toBe(session);
    await translation.close(10);
    expect(translation.session).toBeUndefined();
    expect(stage.closed).toBe(1);
  });

  test('takes over a conversation that was opened in the legacy way [B-09]', async () => {
    const stage = new LegacyClientStage();
    const initialize = JSON.stringify({
      jsonrpc: '2.0',
      id: 1,
      method: 'initialize',
      params: {
        protocolVersion: '2025-11-25',
        capabilities: { roots: {} },
        clientInfo: { name: 'c', version: '1' },
      },
    });
    const { request } = ask('server/discover');
    expect(
      await stage.translation.takeOver(initialize, { protocolVersion: '2025-06-18' }, request),
    ).toBeUndefined();
    expect(stage.translation.self.revision).toBe('2025-06-18');
    await stage.ask('tools/list');
    expect(stage.got('tools/list')[0]?.message.params._meta).toMatchObject({
      [metaKeys.clientInfo]: { name: 'c' },
      [metaKeys.clientCapabilities]: { roots: {} },
    });
  });
});
