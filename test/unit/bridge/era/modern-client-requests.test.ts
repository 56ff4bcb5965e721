import { describe, expect, test, vi } from 'vitest';
import { error, modernMeta, result, setStage } from '../../helpers/modern-client-stage.ts';

const info = { 'io.modelcontextprotocol/serverInfo': { name: 's', version: '9' } };

describe('server/discover', () => {
  test('is answered from the answer to initialize, opened with what the request says [B-57] [M-30]', async () => {
    const stage = setStage({
      welcome: {
        instructions: 'Be kind.',
        capabilities: {
          tools: {},
          tasks: { list: {} },
          extensions: { 'io.modelcontextprotocol/tasks': {}, x: { y: 1 } },
        },
      },
    });
    expect(
      await stage.get('server/discover', {}, { roots: { listChanged: true }, tasks: {}, sampling: {} }),
    ).toEqual({
      jsonrpc: '2.0',
      id: 1,
      result: {
        supportedVersions: ['2026-07-28'],
        capabilities: { tools: {}, extensions: { x: { y: 1 } } },
        instructions: 'Be kind.',
        resultType: 'complete',
        ttlMs: 0,
        cacheScope: 'private',
        _meta: info,
      },
    });
    const [initialize] = stage.server.of('initialize');
    expect(initialize.params).toEqual({
      protocolVersion: '2025-11-25',
      capabilities: { sampling: {}, roots: {} },
      clientInfo: { name: 'c', version: '1' },
    });
    expect(stage.server.of('notifications/initialized')).toHaveLength(1);
    await vi.waitFor(() => expect(stage.server.listened).toBe(1));
  });

  test('a client that does not say who it is has the bridge for that [B-58]', async () => {
    const stage = setStage();
    const asked = stage.send('{"jsonrpc":"2.0","id":"x","method":"server/discover","params":{}}');
    expect(await asked.ended).toEqual({ kind: 'done' });
    expect(asked.answer.id).toBe('x');
    expect(stage.server.of('initialize')[0].params.clientInfo.name).toBe('mcp-drawbridge');
  });
});

describe('requests of the client', () => {
  test('go up without the modern keys, under an id and a token of the bridge, otherwise byte by byte [B-86] [B-87] [B-88]', async () => {
    const stage = setStage();
    const meta = JSON.stringify(modernMeta({}, { progressToken: 7, traceparent: 't' }));
    const asked = stage.send(
      `{ "jsonrpc":"2.0", "params":{"name":"a" ,"arguments":{"n":12345678901234567890, "s":"\\u00e9"},"_meta":${meta},"x":1e400}, "id":"7", "method":"tools/call"}`,
    );
    await asked.ended;
    const text = stage.server.texts.find((sent) => sent.includes('tools/call')) as string;
    const { id } = JSON.parse(text);
    expect(text).toBe(
      `{ "jsonrpc":"2.0", "params":{"name":"a" ,"arguments":{"n":12345678901234567890, "s":"\\u00e9"},"_meta":{"progressToken":"${id}","traceparent":"t"},"x":1e400}, "id":"${id}", "method":"tools/call"}`,
    );
    expect(asked.answer.id).toBe('7');
  });

  test('a `_meta` with nothing else in it is left out; a task of the legacy kind is none here [B-76]', async () => {
    const stage = setStage();
    await stage.get('tools/call', { name: 'a', task: { ttl: 1 } });
    expect(stage.server.of('tools/call')[0].params).toEqual({ name: 'a' });
  });

  test.each([
    'ping',
    'initialize',
    'logging/setLevel',
    'resources/subscribe',
    'resources/unsubscribe',
    'tasks/get',
    'tasks/update',
  ])('%s is none of the modern era, and goes nowhere [B-76]', async (method) => {
    const stage = setStage();
    const asked = stage.ask(method);
    const outcome = await asked.ended;
    expect(outcome.kind === 'failed' && outcome.error.toJsonRpcError().code).toBe(-32601);
    expect(stage.servers).toHaveLength(0);
  });

  test('all share one session for each set of capabilities, four at the most [B-58] [B-69] [B-70] [M-85]', async () => {
    const stage = setStage();
    const sets = [
      { roots: {}, sampling: {} },
      { sampling: {}, roots: { listChanged: true } },
      {},
      { elicitation: {} },
    ];
    for (const declared of sets) await stage.get('tools/list', {}, declared);
    expect(stage.servers).toHaveLength(3);
    for (const declared of [{ a: {} }, { b: {} }, { c: {} }]) await stage.get('tools/list', {}, declared);
    expect(stage.servers).toHaveLength(4);
    expect(stage.server.of('tools/list')).toHaveLength(4);
  });

  test('requests that come while the session is being opened wait for it', async () => {
    const stage = setStage();
    await Promise.all([stage.get('tools/list'), stage.get('prompts/list'), stage.get('resources/list')]);
    expect(stage.server.of('initialize')).toHaveLength(1);
    expect(stage.server.sent.slice(0, 2).map(({ method }) => method)).toEqual([
      'initialize',
      'notifications/initialized',
    ]);
  });

  test('a notification goes up without the modern keys, one of the legacy era not at all', async () => {
    const stage = setStage();
    const note = (method: string) => {
      const params = { a: 1, _meta: modernMeta() };
      return stage.translation.send({ body: JSON.stringify({ jsonrpc: '2.0', method, params }), method });
    };
    expect(await note('notifications/roots/list_changed')).toEqual({ kind: 'done' });
    expect(await note('notifications/x')).toEqual({ kind: 'done' });
    expect(stage.server.sent.at(-1)).toEqual({ jsonrpc: '2.0', method: 'notifications/x', params: { a: 1 } });
    expect(stage.server.of('notifications/roots/list_changed')).toHaveLength(0);
  });
});

describe('results', () => {
  test.each([
    ['tools/list', true],
    ['prompts/list', true],
    ['resources/list', true],
    ['resources/templates/list', true],
    ['resources/read', true],
    ['prompts/get', false],
    ['completion/complete', false],
    ['x/y', false],
  ])('%s: complete, by whom, how long to keep [M-29] [M-30] [M-75]', async (method, isCacheable) => {
    const stage = setStage();
    stage.handlers.set(method, () => result({ a: 1, resultType: 'odd', _meta: { mine: 2 } }));
    expect((await stage.get(method)).result).toEqual({
      a: 1,
      resultType: 'complete',
      ...(isCacheable && { ttlMs: 0, cacheScope: 'private' }),
      _meta: { mine: 2, ...info },
    });
  });

  test('keep what a parser would spoil [B-88]', async () => {
    const stage = setStage();
    stage.handlers.set('tools/call', () => '"result":{"content":[],"n":12345678901234567890}');
    const asked = stage.ask('tools/call', { name: 'a' });
    let text = '';
    const { answer } = asked.request;
    asked.request.answer = (given) => {
      text = given.text.toString();
      answer.call(asked.request, given);
    };
    await asked.ended;
    expect(text).toContain('"n":12345678901234567890');
  });

  test('a tool result without content gets an empty one [B-73]', async () => {
    const stage = setStage();
    stage.handlers.set('tools/call', () => result({ structuredContent: { a: 1 } }));
    expect((await stage.get('tools/call', { name: 'a' })).result.content).toEqual([]);
  });

  test('tools lose `execution`; one that must be a task is hidden where the server has none [B-72] [B-77]', async () => {
    const stage = setStage();
    const tools = [
      { name: 'a', execution: { taskSupport: 'optional' }, inputSchema: { 'x-mcp-header': 'A' } },
      { name: 'b', execution: { taskSupport: 'required' } },
      { name: 'c' },
    ];
    stage.handlers.set('tools/list', () => result({ tools }));
    expect((await stage.get('tools/list')).result.tools).toEqual([
      { name: 'a', inputSchema: { 'x-mcp-header': 'A' } },
      { name: 'c' },
    ]);
  });

  test('a server without a name gives none [M-30]', async () => {
    const stage = setStage({ welcome: { serverInfo: undefined } });
    expect((await stage.get('prompts/get')).result).toEqual({ resultType: 'complete' });
  });

  test.each(['null', '[]', '"x"'])('%s is no result [B-89]', async (json) => {
    const stage = setStage();
    stage.handlers.set('prompts/get', () => `"result":${json}`);
    expect((await stage.get('prompts/get')).error.code).toBe(-32603);
  });
});

describe('errors', () => {
  test.each([
    [-32700, -32700],
    [-32600, -32600],
    [-32601, -32601],
    [-32602, -32602],
    [-32603, -32603],
    [-32000, -32000],
    [-32001, -32001],
    [-32019, -32019],
    [5, 5],
    [-31999, -31999],
  ])('%i stays as it is', async (code, now) => {
    const stage = setStage();
    stage.handlers.set('prompts/get', () => error(code, { a: 1 }));
    expect((await stage.get('prompts/get')).error).toEqual({ code: now, message: 'No.', data: { a: 1 } });
  });

  test.each([-32020, -32021, -32022, -32050, -32099])('%i must not pass [M-35]', async (code) => {
    const stage = setStage();
    const data = [undefined, { a: 1 }, 'words'];
    stage.handlers.set('prompts/get', () => error(code, data.shift()));
    const shown = [
      { originalCode: code },
      { a: 1, originalCode: code },
      { originalData: 'words', originalCode: code },
    ];
    for (const expected of shown)
      expect((await stage.get('prompts/get')).error).toEqual({
        code: -32603,
        message: 'No.',
        data: expected,
      });
  });

  test('a resource that is not found has the modern code, and its URI [M-35]', async () => {
    const stage = setStage();
    const data = [undefined, { uri: 'a:c' }];
    stage.handlers.set('resources/read', () => error(-32002, data.shift()));
    const read = async () => (await stage.get('resources/read', { uri: 'a:b' })).error;
    expect(await read()).toEqual({ code: -32602, message: 'No.', data: { uri: 'a:b' } });
    expect(await read()).toEqual({ code: -32602, message: 'No.', data: { uri: 'a:c' } });
  });

  test('-32042 elsewhere than where input may be asked for is an inner error [M-53]', async () => {
    const stage = setStage();
    stage.handlers.set('tools/list', () => error(-32042));
    expect((await stage.get('tools/list')).error).toMatchObject({
      code: -32603,
      data: { originalCode: -32042 },
    });
  });

  test("an HTTP error with a JSON-RPC error in it is that error, one without is the caller's [B-89] [B-90]", async () => {
    const stage = setStage();
    const failure = { kind: 'failed', error: new Error('x') as never, mayHaveRun: true } as const;
    const answer = { text: '{"code":-32002,"message":"No."}', code: -32002 };
    stage.handlers.set('resources/read', () => ({ ...failure, answer }));
    expect((await stage.get('resources/read', { uri: 'a:b' })).error.code).toBe(-32602);
  });
});
