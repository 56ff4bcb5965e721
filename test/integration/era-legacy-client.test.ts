import { describe, expect, test } from 'vitest';
import { type BridgeProcess, startBridge } from '../support/bridge-process.ts';
import type { Message } from '../support/json-rpc.ts';
import { startSdkV2Remote } from '../support/sdk-v2-remote.ts';
import { until } from '../support/wait.ts';

type Remote = Awaited<ReturnType<typeof startSdkV2Remote>>;

async function connected(
  over: Record<string, unknown> = {},
): Promise<{ remote: Remote; bridge: BridgeProcess }> {
  const remote = await startSdkV2Remote();
  const bridge = startBridge(remote.url);
  await bridge.request('initialize', {
    protocolVersion: '2025-11-25',
    capabilities: { elicitation: {}, sampling: {}, roots: { listChanged: true } },
    clientInfo: { name: 'plain', version: '1' },
    ...over,
  });
  bridge.notify('notifications/initialized');
  await until('the subscription', () => remote.of('subscriptions/listen').length > 0);
  return { remote, bridge };
}

const question = (bridge: BridgeProcess, method: string): Promise<Message> =>
  until(method, () =>
    bridge.messages.find((message) => message.method === method && message.id !== undefined),
  );

const heard = (bridge: BridgeProcess, method: string): Message[] =>
  bridge.messages.filter((message) => message.method === method);

describe('a legacy client before a server that is modern only', () => {
  test('has each request say what it has said once, and keeps no session [B-24, B-28, M-02, M-06, M-07, M-11]', async () => {
    const { remote, bridge } = await connected();
    await bridge.request('tools/call', { name: 'echo', arguments: { message: 'a' } });
    const [call] = remote.of('tools/call');
    expect(call?.headers).toMatchObject({
      'mcp-protocol-version': '2026-07-28',
      'mcp-method': 'tools/call',
      'mcp-name': 'echo',
    });
    expect(call?.headers).not.toHaveProperty('mcp-session-id');
    expect(call?.message?.params._meta).toEqual({
      'io.modelcontextprotocol/protocolVersion': '2026-07-28',
      'io.modelcontextprotocol/clientInfo': { name: 'plain', version: '1' },
      'io.modelcontextprotocol/clientCapabilities': { elicitation: {}, sampling: {}, roots: {} },
    });
    expect(remote.of('GET')).toEqual([]);
    expect(remote.of('DELETE')).toEqual([]);
  });

  test('gets results with nothing in them that it does not know [B-31, B-32, B-33]', async () => {
    const { bridge } = await connected();
    const tools = (await bridge.request('tools/list')).result;
    expect(Object.keys(tools)).toEqual(['tools']);
    const schemas = tools.tools.map(
      ({ outputSchema }: { outputSchema?: { type: string } }) => outputSchema?.type,
    );
    expect(new Set(schemas)).toEqual(new Set([undefined, 'object']));
    expect((await bridge.request('tools/call', { name: 'structured_list' })).result).toEqual({
      content: [{ type: 'text', text: '[1,2,3]' }],
    });
    expect((await bridge.request('ping')).result).toEqual({});
  });

  test('that cancels while it is asked has the question taken back, and gets no answer [B-41]', async () => {
    const { remote, bridge } = await connected();
    bridge.send({ jsonrpc: '2.0', id: 'cancel-me', method: 'tools/call', params: { name: 'elicit' } });
    const asked = await question(bridge, 'elicitation/create');
    bridge.notify('notifications/cancelled', { requestId: 'cancel-me' });
    await until('the question to be taken back', () => heard(bridge, 'notifications/cancelled').length > 0);
    expect(heard(bridge, 'notifications/cancelled')[0]?.params.requestId).toBe(asked.id);
    bridge.send({ jsonrpc: '2.0', id: asked.id, result: { action: 'cancel' } });
    await bridge.request('tools/call', { name: 'echo', arguments: { message: 'a' } });
    expect(bridge.messages.some(({ id }) => id === 'cancel-me')).toBe(false);
    expect(remote.of('tools/call')).toHaveLength(2);
    expect(remote.of('notifications/cancelled')).toEqual([]);
  });

  test('that refuses to sample has its call fail in words for the model [B-48]', async () => {
    const { bridge } = await connected();
    const call = bridge.request('tools/call', { name: 'sample' });
    const { id } = await question(bridge, 'sampling/createMessage');
    bridge.send({ jsonrpc: '2.0', id, error: { code: -1, message: 'User rejected sampling request' } });
    const { result } = await call;
    expect(result.isError).toBe(true);
    expect(result.content[0].text).toContain('User rejected sampling request');
  });

  test('that can not be asked hears which capability is missing [B-39]', async () => {
    const { bridge } = await connected({ capabilities: {} });
    const { result } = await bridge.request('tools/call', { name: 'sample' });
    expect(result.isError).toBe(true);
    expect(result.content[0].text).toContain('sampling');
  });

  test('hears of changes after the stream was cut, and of what it may have missed [B-37, M-71]', async () => {
    const { remote, bridge } = await connected();
    await bridge.request('resources/subscribe', { uri: 'test://counter' });
    remote.cutConnections();
    await until(
      'the client to be told to look',
      () => heard(bridge, 'notifications/resources/updated').length > 0,
    );
    expect(heard(bridge, 'notifications/tools/list_changed').length).toBeGreaterThan(0);
    await bridge.request('tools/call', { name: 'touch' });
    await until('an update', () => heard(bridge, 'notifications/resources/updated').length > 1);
    expect(heard(bridge, 'notifications/resources/updated')[1]?.params).toEqual({ uri: 'test://counter' });
  });

  test('that unsubscribes hears no more of the resource [B-35]', async () => {
    const { remote, bridge } = await connected();
    await bridge.request('resources/subscribe', { uri: 'test://counter' });
    expect((await bridge.request('resources/unsubscribe', { uri: 'test://counter' })).result).toEqual({});
    await bridge.request('tools/call', { name: 'touch' });
    await bridge.request('tools/call', { name: 'add_tool', arguments: { name: 'new' } });
    await until(
      'the list to have changed',
      () => heard(bridge, 'notifications/tools/list_changed').length > 0,
    );
    expect(heard(bridge, 'notifications/resources/updated')).toEqual([]);
    expect(remote.of('subscriptions/listen')).toHaveLength(3);
  });

  test('gets a log level that it asked for, and none that is none [B-30]', async () => {
    const { bridge } = await connected();
    await bridge.request('tools/call', { name: 'log', arguments: { data: 'unheard' } });
    expect((await bridge.request('logging/setLevel', { level: 'loud' })).error?.code).toBe(-32602);
    expect((await bridge.request('logging/setLevel', { level: 'info' })).result).toEqual({});
    await bridge.request('tools/call', { name: 'log', arguments: { data: 'heard' } });
    expect(heard(bridge, 'notifications/message').map(({ params }) => params.data)).toEqual(['heard']);
  });

  test.each(['2024-11-05', '2025-03-26', '2025-06-18'])(
    'of %s works as well [B-23, 3.4.4]',
    async (protocolVersion) => {
      const { bridge } = await connected({ protocolVersion });
      const { result } = await bridge.request('tools/call', { name: 'structured' });
      const structured = protocolVersion < '2025-06-18' ? {} : { structuredContent: { degrees: 21 } };
      expect(result).toEqual({ content: [{ type: 'text', text: '{"degrees":21}' }], ...structured });
      expect((await bridge.request('resources/read', { uri: 'test://missing' })).error?.code).toBe(-32002);
    },
  );
});
