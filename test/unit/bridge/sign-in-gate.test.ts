import { afterEach, describe, expect, test, vi } from 'vitest';
import { held, settle } from '../helpers/bridge-harness.ts';
import { COMMAND, LINK } from '../helpers/scripted-authorizer.ts';
import { answers, fails } from '../helpers/scripted-transport.ts';
import { changed, realServer, startSignedOut, textOf } from '../helpers/sign-in-harness.ts';

afterEach(() => void vi.useRealTimers());

describe('initialize that waits for a sign-in', () => {
  test('is held, then answered before the client gives up [S7]', async () => {
    const bridge = startSignedOut();
    await bridge.initialize();
    await bridge.pass(2900);
    expect(bridge.messages).toEqual([]);
    await bridge.pass(350);
    const [{ id, result }] = bridge.messages;
    expect(id).toBe('init');
    expect(result).toMatchObject({
      protocolVersion: '2025-11-25',
      capabilities: {
        tools: { listChanged: true },
        prompts: { listChanged: true },
        resources: { listChanged: true },
        logging: {},
        completions: {},
      },
      serverInfo: { name: 'a.test', version: '0' },
      instructions: expect.stringContaining('sign_in'),
    });
  });

  test('gets the answer of the server where the user is quick', async () => {
    const bridge = startSignedOut();
    await bridge.initialize();
    await bridge.pass(2000);
    await bridge.authorizer.succeed();
    expect(bridge.messages).toEqual([{ jsonrpc: '2.0', id: 'init', result: realServer }]);
    await bridge.pass(10_000);
    expect(bridge.lines).toHaveLength(1);
  });

  test('gets the error where the sign-in fails before that', async () => {
    const bridge = startSignedOut();
    await bridge.initialize();
    await bridge.authorizer.fail('sign-in-refused');
    expect(bridge.messages).toEqual([
      expect.objectContaining({ error: expect.objectContaining({ message: 'It failed: sign-in-refused.' }) }),
    ]);
  });

  test('is answered in time also while no sign-in has begun: discovery hangs', async () => {
    const bridge = startSignedOut();
    bridge.authorizer.begins = false;
    await bridge.initialize();
    await bridge.pass(3250);
    expect(bridge.messages[0].result.serverInfo.name).toBe('a.test');
  });

  test('is left alone where the server is only slow', async () => {
    const bridge = startSignedOut({ isOpen: true });
    const call = held();
    bridge.remote.send = async (message) => call.step(message, undefined);
    await bridge.initialize();
    await bridge.pass(10_000);
    expect(bridge.lines).toEqual([]);
  });

  test.each([
    ['2024-11-05', '2024-11-05'],
    ['2025-03-26', '2025-03-26'],
    ['2099-01-01', '2025-11-25'],
    [7, '2025-11-25'],
  ])('the revision is the client’s own where it is known: %s [L-04]', async (asked, told) => {
    const bridge = startSignedOut();
    await bridge.initialize({ protocolVersion: asked });
    await bridge.pass(3250);
    expect(bridge.messages[0].result.protocolVersion).toBe(told);
  });
});

describe('what is remembered of the server', () => {
  const remembered = {
    protocolVersion: '2025-06-18',
    capabilities: { tools: {}, prompts: {}, experimental: { a: 1 } },
    serverInfo: { name: 'known', version: '3' },
    instructions: 'Be kind.',
  };
  const memoryOf = (result: object | undefined) => ({ read: () => result as never, remember: vi.fn() });

  test('is what the client is told, with the promise that the lists will change', async () => {
    const bridge = startSignedOut({ memory: memoryOf(remembered) });
    await bridge.initialize();
    await bridge.pass(3250);
    expect(bridge.messages[0].result).toEqual({
      ...remembered,
      capabilities: {
        tools: { listChanged: true },
        prompts: { listChanged: true },
        experimental: { a: 1 },
      },
    });
  });

  test('a revision that is newer than what the client asks for is not told', async () => {
    const bridge = startSignedOut({ memory: memoryOf(remembered) });
    await bridge.initialize({ protocolVersion: '2025-03-26' });
    await bridge.pass(3250);
    expect(bridge.messages[0].result.protocolVersion).toBe('2025-03-26');
  });

  test.each([{}, { ...remembered, serverInfo: 'x' }, { ...remembered, instructions: 'x'.repeat(70_000) }])(
    'what is not fit to be told is not',
    async (result) => {
      const bridge = startSignedOut({ memory: memoryOf(result) });
      await bridge.initialize();
      await bridge.pass(3250);
      expect(bridge.messages[0].result.serverInfo.name).toBe('a.test');
    },
  );

  test('a memory that can not be read harms nothing', async () => {
    const read = () => {
      throw new Error('s3cret');
    };
    const bridge = startSignedOut({ memory: { read, remember: read } });
    await bridge.initialize();
    await bridge.pass(3250);
    expect(bridge.messages[0].result.serverInfo.name).toBe('a.test');
    await bridge.authorizer.succeed();
    expect(bridge.messages.at(-1)?.error).toBeUndefined();
    expect(JSON.stringify(bridge.logLines)).not.toContain('s3cret');
  });

  test('is what the server itself has said to somebody who is signed in, in any handshake', async () => {
    const memory = memoryOf(undefined);
    const bridge = startSignedOut({ memory });
    await bridge.provisional();
    expect(memory.remember).not.toHaveBeenCalled();
    await bridge.authorizer.succeed();
    expect(memory.remember.mock.calls).toEqual([[realServer]]);
    await bridge.initialize();
    expect(memory.remember.mock.calls).toEqual([[realServer], [realServer]]);
  });

  test('is nothing where the server answers without a credential', async () => {
    const memory = memoryOf(undefined);
    const bridge = startSignedOut({ memory, isOpen: true });
    await bridge.initialize();
    expect(bridge.messages).toHaveLength(1);
    expect(memory.remember).not.toHaveBeenCalled();
  });
});

describe('before the sign-in is done', () => {
  test('what has an answer without the server gets it, and the server hears nothing', async () => {
    const bridge = startSignedOut();
    await bridge.provisional();
    await bridge.request(1, 'ping');
    await bridge.request(2, 'prompts/list');
    await bridge.request(3, 'resources/list');
    await bridge.request(4, 'resources/templates/list');
    await bridge.request(5, 'logging/setLevel', { level: 'debug' });
    await bridge.request(6, 'completion/complete', {});
    await bridge.client({ jsonrpc: '2.0', method: 'notifications/roots/list_changed' });
    expect(bridge.news().map(({ result }) => result)).toEqual([
      {},
      { prompts: [] },
      { resources: [] },
      { resourceTemplates: [] },
      {},
      { completion: { values: [] } },
    ]);
    expect(bridge.sent()).toEqual([]);
  });

  test('there is one tool, whatever the filter says', async () => {
    const bridge = startSignedOut({ tools: { allow: ['read_*'], ignore: [] } });
    await bridge.provisional();
    await bridge.request(1, 'tools/list');
    expect(bridge.news()[0].result.tools).toEqual([
      {
        name: 'sign_in',
        description: expect.stringContaining('a.test'),
        inputSchema: { type: 'object', properties: {}, additionalProperties: false },
      },
    ]);
    await bridge.request(2, 'tools/call', { name: 'write' });
    expect(bridge.news()[0].error.data.reason).toBe('tool-filtered');
  });

  test('server/discover is still refused at once, and opens nothing', async () => {
    const bridge = startSignedOut();
    await bridge.request(1, 'server/discover');
    expect(bridge.messages[0].error.code).toBe(-32602);
    expect(bridge.authorizer.signIns).toEqual([]);
  });

  test('anything else waits, and goes on when the user has signed in', async () => {
    const bridge = startSignedOut();
    bridge.remote.on('tools/call', bridge.saysResult('called'));
    await bridge.provisional();
    await bridge.request(1, 'tools/call', { name: 'x' });
    await bridge.pass(40_000);
    expect(bridge.lines).toEqual([]);
    await bridge.authorizer.succeed();
    expect(bridge.messages.at(-1)).toEqual({ jsonrpc: '2.0', id: 1, result: 'called' });
  });

  test('so does what was asked before the provisional answer', async () => {
    const bridge = startSignedOut();
    await bridge.initialize();
    await bridge.request(1, 'tools/list');
    await bridge.request(2, 'tools/call', { name: 'x' });
    await bridge.pass(3250);
    expect(bridge.sent()).toEqual(['initialize']);
    expect(bridge.messages.map(({ id }) => id)).toEqual(['init', 1]);
    bridge.remote.on('tools/call', bridge.saysResult('called'));
    await bridge.authorizer.succeed();
    expect(bridge.messages.find(({ id }) => id === 2)?.result).toBe('called');
  });

  test('it waits for less than the client does, and the answer says what to do', async () => {
    const bridge = startSignedOut();
    await bridge.provisional();
    await bridge.authorizer.signIn?.give(LINK);
    await bridge.request(1, 'tools/call', { name: 'x' });
    await bridge.request(2, 'resources/read', { uri: 'x' });
    await bridge.pass(49_000);
    expect(bridge.lines).toEqual([]);
    await bridge.pass(1500);
    const [call, read] = bridge.news();
    expect([call.result.isError, textOf(call)]).toEqual([true, expect.stringContaining(LINK)]);
    expect(read.error).toMatchObject({
      message: expect.stringContaining(LINK),
      data: { source: 'mcp-drawbridge', reason: 'sign-in-needed', link: LINK },
    });
    await bridge.authorizer.succeed();
    expect(bridge.sent()).not.toContain('tools/call');
  });

  test('a link that no error message has room for is not cut: the command stands there, and the tool gives it whole', async () => {
    const link = `${LINK}&${'x'.repeat(800)}`;
    const bridge = startSignedOut();
    await bridge.provisional();
    await bridge.authorizer.signIn?.give(link);
    await bridge.request(1, 'tools/call', { name: 'x' });
    await bridge.request(2, 'resources/read', { uri: 'x' });
    await bridge.pass(50_500);
    const [call, read] = bridge.news();
    expect(textOf(call)).toContain(link);
    expect(read.error.message).toContain(COMMAND);
    expect(read.error.message.length).toBeLessThanOrEqual(500);
    expect(read.error.data.link).toBe(link);
  });

  test('a cancelled one gets no answer, is not sent, and the sign-in goes on', async () => {
    const bridge = startSignedOut();
    await bridge.provisional();
    await bridge.request(1, 'tools/call', { name: 'x' });
    await bridge.client({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 1 } });
    expect(bridge.authorizer.signIn?.calls).toEqual([]);
    await bridge.authorizer.succeed();
    expect(bridge.sent()).not.toContain('tools/call');
    expect(bridge.messages.some(({ id }) => id === 1)).toBe(false);
  });

  test('no more wait than there is room for, and the end of the bridge waits for none', async () => {
    const bridge = startSignedOut();
    await bridge.provisional();
    for (let id = 0; id < 1025; id++) await bridge.client({ jsonrpc: '2.0', id, method: 'x' });
    expect(bridge.news().map(({ id, error }) => [id, error.data.reason])).toEqual([[1024, 'overloaded']]);
    vi.useRealTimers();
    const began = performance.now();
    await bridge.bridge.close(5000);
    await settle();
    expect(performance.now() - began).toBeLessThan(1500);
    expect(bridge.news()).toHaveLength(1024);
  });
});

describe('when the sign-in is done', () => {
  test('the session is opened with the client’s own words, then the client hears that all has changed', async () => {
    const bridge = startSignedOut();
    await bridge.provisional({ clientInfo: { name: 'c', version: '1' } });
    await bridge.request(1, 'logging/setLevel', { level: 'debug' });
    bridge.news();
    await bridge.authorizer.succeed();
    const sent = bridge.remote.sent.map(({ body }) => JSON.parse(body));
    expect(sent).toMatchObject([
      { method: 'initialize', params: { clientInfo: { name: 'c' } } },
      { method: 'notifications/initialized' },
      { method: 'logging/setLevel', params: { level: 'debug' } },
    ]);
    expect(bridge.news()).toEqual([changed('tools'), changed('prompts'), changed('resources')]);
    expect(bridge.remote.listened).toBe(1);
    bridge.sent();
    bridge.remote.on('tools/list', bridge.saysResult({ tools: [{ name: 'real' }] }));
    await bridge.request(2, 'tools/list');
    expect(bridge.news()[0].result.tools).toEqual([{ name: 'real' }]);
  });

  test('a client that has not confirmed by then is told afterwards, and the server is confirmed once', async () => {
    const bridge = startSignedOut();
    await bridge.initialize();
    await bridge.pass(3250);
    bridge.news();
    bridge.sent();
    await bridge.authorizer.succeed();
    expect(bridge.sent()).toEqual(['initialize', 'notifications/initialized']);
    expect(bridge.news()).toEqual([]);
    await bridge.initialized();
    expect(bridge.sent()).toEqual([]);
    expect(bridge.news()).toHaveLength(3);
  });

  test('another revision and fewer capabilities break nothing; what is missing is empty', async () => {
    const server = { ...realServer, protocolVersion: '2025-06-18', capabilities: { tools: {} } };
    const bridge = startSignedOut({ server });
    await bridge.provisional();
    await bridge.authorizer.succeed();
    expect(bridge.ends).toEqual([]);
    expect(bridge.remote.session?.protocolVersion).toBe('2025-06-18');
    bridge.news();
    bridge.sent();
    const methods = ['prompts/list', 'resources/list', 'resources/templates/list'];
    for (const method of [...methods, 'completion/complete', 'logging/setLevel'])
      await bridge.request(method, method, {});
    expect(bridge.sent()).toEqual([]);
    expect(bridge.news().map(({ result }) => result)).toEqual([
      { prompts: [] },
      { resources: [] },
      { resourceTemplates: [] },
      { completion: { values: [] } },
      {},
    ]);
    await bridge.request(1, 'tools/list');
    expect(bridge.sent()).toEqual(['tools/list']);
  });

  test('it counts also where only the challenge tells of it', async () => {
    const bridge = startSignedOut();
    await bridge.provisional();
    bridge.authorizer.listener = undefined;
    await bridge.authorizer.succeed();
    expect(bridge.news()).toHaveLength(3);
  });

  test('a server that is away then fails what waits, and the next request begins the session', async () => {
    const bridge = startSignedOut();
    await bridge.provisional();
    await bridge.request(1, 'resources/read', { uri: 'x' });
    const send = bridge.remote.send.bind(bridge.remote);
    bridge.remote.send = async (message) => fails('unreachable')(message, undefined);
    await bridge.authorizer.succeed();
    expect(bridge.news().map(({ id, error }) => [id, error.data.reason])).toEqual([[1, 'unreachable']]);
    bridge.remote.send = send;
    bridge.remote.on('tools/list', bridge.saysResult({ tools: [] }));
    await bridge.request(2, 'tools/list');
    expect(bridge.news()).toEqual([
      changed('tools'),
      changed('prompts'),
      changed('resources'),
      { jsonrpc: '2.0', id: 2, result: { tools: [] } },
    ]);
  });
});

describe('a sign-in that has failed', () => {
  test('fails what waits for it, and what comes then is told the command at once', async () => {
    const bridge = startSignedOut();
    await bridge.provisional();
    await bridge.request(1, 'resources/read', { uri: 'x' });
    await bridge.authorizer.fail('sign-in-timeout');
    expect(bridge.news()).toMatchObject([{ id: 1, error: { data: { reason: 'sign-in-timeout' } } }]);
    await bridge.request(2, 'resources/read', { uri: 'x' });
    await bridge.request(3, 'tools/call', { name: 'x' });
    await bridge.request(4, 'tools/list');
    const [read, call, list] = bridge.news();
    expect(read.error).toMatchObject({
      message: expect.stringContaining(COMMAND),
      data: { reason: 'sign-in-needed' },
    });
    expect(call.result.isError).toBe(true);
    expect(list.result.tools[0].name).toBe('sign_in');
    expect(bridge.sent()).toEqual([]);
  });

  test('is the same where it failed before it had begun', async () => {
    const bridge = startSignedOut();
    bridge.authorizer.begins = false;
    await bridge.provisional();
    await bridge.request(1, 'resources/read', { uri: 'x' });
    await bridge.authorizer.fail('authorization-server');
    expect(bridge.news()).toMatchObject([{ id: 1, error: { data: { reason: 'authorization-server' } } }]);
    await bridge.request(2, 'resources/read', { uri: 'x' });
    expect(bridge.news()[0].error.message).toContain('npx mcp-drawbridge login https://a.test/mcp');
  });

  test('can be followed by one in a terminal', async () => {
    const bridge = startSignedOut();
    await bridge.provisional();
    await bridge.authorizer.fail('sign-in-refused');
    await bridge.authorizer.succeed();
    expect(bridge.news()).toHaveLength(3);
    bridge.remote.on('x', answers('y'));
    await bridge.request(1, 'x');
    expect(bridge.sent()).toEqual(['initialize', 'notifications/initialized', 'x']);
  });
});
