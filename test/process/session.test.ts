import { describe, expect, test } from 'vitest';
import { expectBridgeError } from '../support/bridge-error.ts';
import { type BridgeProcess, startBridge } from '../support/bridge-process.ts';
import { initializeResult } from '../support/fake-answers.ts';
import type { Exchange } from '../support/fake-exchange.ts';
import { type FakeRemote, startFakeRemote } from '../support/fake-remote.ts';
import { initializeParams, type Message } from '../support/json-rpc.ts';

type Refuse = (exchange: Exchange) => void;

const noSession = (exchange: Exchange) =>
  exchange.json(400, {
    jsonrpc: '2.0',
    id: null,
    error: { code: -32000, message: 'Bad Request: No valid session ID provided' },
  });

/** A remote that knows only its newest session: a request of another one is refused, and runs nothing. */
async function connected(
  refuse: Refuse,
  capabilities = {},
): Promise<{ remote: FakeRemote; bridge: BridgeProcess }> {
  const remote = await startFakeRemote({ session: true, capabilities });
  const bridge = startBridge(remote.url);
  const valid = (exchange: Exchange) =>
    exchange.request.headers['mcp-session-id'] === `session-${remote.sessions}`;
  for (const method of [
    'tools/list',
    'tools/call',
    'logging/setLevel',
    'resources/subscribe',
    'notifications/x',
  ]) {
    remote.on(method, (exchange) => {
      if (!valid(exchange)) return refuse(exchange);
      if (exchange.id === undefined) return exchange.status(202);
      exchange.result({ in: remote.sessions });
    });
  }
  await bridge.initialize();
  await remote.next('GET');
  return { remote, bridge };
}

describe.each<[string, Refuse]>([
  ['404 [L-49]', (exchange) => exchange.status(404)],
  [
    '404 with a JSON-RPC error',
    (x) => x.json(404, { jsonrpc: '2.0', id: null, error: { code: -32001, message: 'Session not found' } }),
  ],
  ['400 "no valid session" [L-56]', noSession],
])('a session that the remote has forgotten: %s', (_, refuse) => {
  test('three calls at once: one new session, all answered [T5, L-53]', async () => {
    const { remote, bridge } = await connected(refuse);
    remote.sessions += 1;
    const answers = await Promise.all([
      bridge.callTool('a'),
      bridge.callTool('b'),
      bridge.request('tools/list'),
    ]);
    for (const answer of answers) expect(answer.result).toEqual({ in: 3 });
    expect(remote.of('initialize')).toHaveLength(2);
    expect(bridge.stderr).toBe('');
  });

  test("the client's own initialize is repeated, under another id, and its answer kept back [L-50, B-17]", async () => {
    const { remote, bridge } = await connected(refuse);
    remote.sessions += 1;
    await bridge.callTool('a');
    const [first, second] = remote.of('initialize');
    expect(second?.message?.params).toEqual(first?.message?.params);
    expect(second?.message?.id).not.toBe(first?.message?.id);
    expect(second?.headers['mcp-session-id']).toBeUndefined();
    expect(remote.of('notifications/initialized')[1]?.headers['mcp-session-id']).toBe('session-3');
    const answers = bridge.messages.filter(({ method }) => method === undefined);
    expect(answers.map(({ id }) => id)).toEqual([0, 1]);
  });

  test('a notification that is refused is sent again in the new session', async () => {
    const { remote, bridge } = await connected(refuse);
    remote.sessions += 1;
    bridge.notify('notifications/x', { n: 1 });
    const again = await remote.next('notifications/x', 2);
    expect(again.headers['mcp-session-id']).toBe('session-3');
  });
});

test('log level and subscriptions are set again, the latest ones only; list_changed goes to the client [L-50, L-51]', async () => {
  const { remote, bridge } = await connected(noSession, {
    logging: {},
    resources: { subscribe: true, listChanged: true },
    prompts: {},
  });
  remote.on('resources/unsubscribe', (exchange) => exchange.result({}));
  await bridge.request('logging/setLevel', { level: 'debug' });
  await bridge.request('logging/setLevel', { level: 'warning' });
  await bridge.request('resources/subscribe', { uri: 'test://a' });
  await bridge.request('resources/subscribe', { uri: 'test://b' });
  await bridge.request('resources/unsubscribe', { uri: 'test://a' });
  remote.sessions += 1;
  await bridge.callTool('a');
  const replayed = (method: string) =>
    remote
      .of(method)
      .filter(({ headers }) => headers['mcp-session-id'] === 'session-3')
      .map(({ message }) => message?.params);
  expect(replayed('logging/setLevel')).toEqual([{ level: 'warning' }]);
  expect(replayed('resources/subscribe')).toEqual([{ uri: 'test://b' }]);
  await bridge.nextMessage(({ method }) => method === 'notifications/tools/list_changed');
  await bridge.nextMessage(({ method }) => method === 'notifications/resources/list_changed');
  await bridge.request('tools/list');
  expect(bridge.messages.some(({ method }) => method === 'notifications/prompts/list_changed')).toBe(false);
});

test('404 without a session is no expiry: an error, no new initialize [L-49]', async () => {
  const remote = await startFakeRemote();
  remote.on('tools/list', (exchange) => exchange.status(404));
  const bridge = startBridge(remote.url);
  await bridge.initialize();
  expect(expectBridgeError(await bridge.request('tools/list'), 'http-status').status).toBe(404);
  expect(remote.of('initialize')).toHaveLength(1);
});

test('400 of another kind in a session is no expiry', async () => {
  const remote = await startFakeRemote({ session: true });
  const error = { code: -32602, message: 'Invalid params' };
  remote.on('tools/list', (exchange) => exchange.json(400, { jsonrpc: '2.0', id: exchange.id, error }));
  const bridge = startBridge(remote.url);
  await bridge.initialize();
  expect((await bridge.request('tools/list')).error).toMatchObject(error);
  expect(remote.of('initialize')).toHaveLength(1);
});

test('a remote that forgets every session at once: an error, no loop [L-56]', async () => {
  const remote = await startFakeRemote({ session: true });
  remote.on('tools/call', (exchange) => exchange.status(404));
  const bridge = startBridge(remote.url);
  await bridge.initialize();
  expectBridgeError(await bridge.callTool('echo', {}, 20_000), 'session-lost', 'http-status');
  expect(remote.of('initialize').length).toBeLessThanOrEqual(3);
});

test.each<[string, (remote: FakeRemote) => void]>([
  ['is refused', (remote) => remote.on('initialize', (exchange) => exchange.status(500))],
  ['gets an error', (remote) => remote.on('initialize', (exchange) => exchange.error(-32603, 'broken'))],
])('a new session that %s: the waiting calls get errors, later ones try again', async (_, breakIt) => {
  const { remote, bridge } = await connected((exchange) => exchange.status(404));
  remote.sessions += 1;
  breakIt(remote);
  const answers = await Promise.all([bridge.callTool('a', {}, 30_000), bridge.callTool('b', {}, 30_000)]);
  for (const { error } of answers) expect(error?.data).toMatchObject({ source: 'mcp-drawbridge' });
  remote.on('initialize', (exchange) => {
    remote.sessions += 1;
    exchange
      .header('Mcp-Session-Id', `session-${remote.sessions}`)
      .result(initializeResult({ jsonrpc: '2.0' }));
  });
  expect(await bridge.callTool('c', {}, 20_000)).toHaveProperty('result');
});

test('a new session of another protocol version is not gone on with in silence [L-52]', async () => {
  const { remote, bridge } = await connected((exchange) => exchange.status(404));
  remote.sessions += 1;
  remote.on('initialize', (exchange) => {
    const result = { ...initializeResult({ jsonrpc: '2.0' }), protocolVersion: '2025-03-26' };
    exchange.header('Mcp-Session-Id', 'session-2').result(result);
  });
  bridge.send({ jsonrpc: '2.0', id: 'a', method: 'tools/call', params: { name: 'a' } });
  expectBridgeError(await bridge.answer('a'), 'session-lost', 'shutting-down');
  const { code } = await bridge.exitWithin(5000);
  expect(code).not.toBe(0);
  expect(bridge.stderr).toMatch(/session/);
});

test('requests of the dead session that the client still works on are cancelled [L-54]', async () => {
  const { remote, bridge } = await connected((exchange) => exchange.status(404));
  remote.once('tools/call', (exchange) => {
    exchange.sse().send({ jsonrpc: '2.0', id: 's1', method: 'sampling/createMessage', params: {} });
  });
  bridge.send({ jsonrpc: '2.0', id: 'first', method: 'tools/call', params: { name: 'a' } });
  const asked = await bridge.nextMessage(({ method }) => method === 'sampling/createMessage');
  remote.sessions += 1;
  await bridge.callTool('b');
  const cancelled = await bridge.nextMessage(({ method }) => method === 'notifications/cancelled');
  expect(cancelled.params.requestId).toBe(asked.id);
  bridge.send({ jsonrpc: '2.0', id: asked.id, result: { late: true } });
  await bridge.request('tools/list');
  expect(remote.of('response')).toEqual([]);
});

test.each([
  ['with blanks', 'a b'],
  ['of 10 KB', 'x'.repeat(10_000)],
  ['with letters outside ASCII', Buffer.from('sé', 'utf8').toString('latin1')],
])('a session id %s is not sent back [T105, 94, L-48]', async (_, id) => {
  const remote = await startFakeRemote();
  remote.on('initialize', (exchange) =>
    exchange.header('Mcp-Session-Id', id).result(initializeResult(exchange.request.message as Message)),
  );
  const bridge = startBridge(remote.url);
  const answer = await bridge.request('initialize', initializeParams());
  if (answer.error === undefined) {
    bridge.notify('notifications/initialized');
    await bridge.request('tools/list');
  } else expectBridgeError(answer, 'invalid-answer');
  expect(remote.requests.every(({ headers }) => headers['mcp-session-id'] === undefined)).toBe(true);
});

test('the session id is taken from the answer to initialize only [L-46]', async () => {
  const remote = await startFakeRemote({ session: true });
  remote.on('tools/list', (exchange) => exchange.header('Mcp-Session-Id', 'other').result({ tools: [] }));
  const bridge = startBridge(remote.url);
  await bridge.initialize();
  await bridge.request('tools/list');
  await bridge.request('tools/list');
  expect(remote.of('tools/list')[1]?.headers['mcp-session-id']).toBe('session-1');
});
