import { ToolListChangedNotificationSchema } from '@modelcontextprotocol/sdk/types.js';
import { describe, expect, test } from 'vitest';
import { startBridge } from '../support/bridge-process.ts';
import { connectClient, textOf } from '../support/sdk-client.ts';
import { startSdkRemote } from '../support/sdk-remote.ts';
import { until } from '../support/wait.ts';

const modes = [
  { name: 'stateful, event streams', options: {} },
  { name: 'stateful, JSON', options: { json: true } },
  { name: 'stateful, resumable', options: { resumeAfter: 100 } },
  { name: 'stateless, event streams', options: { stateless: true } },
  { name: 'stateless, JSON', options: { stateless: true, json: true } },
];

describe.each(modes)("the SDK's server, $name [L-14]", ({ options }) => {
  test('tools, structured content, tool errors, resources, prompts, completion', async () => {
    const remote = await startSdkRemote(options);
    const { client, stderr, faults } = await connectClient(remote.url);
    expect((await client.listTools()).tools.map(({ name }) => name)).toContain('echo');
    expect(textOf(await client.callTool({ name: 'echo', arguments: { message: 'hi' } }))).toBe('hi');
    const structured = await client.callTool({ name: 'structured', arguments: {} });
    expect(structured.structuredContent).toEqual({ degrees: 21 });
    expect(await client.callTool({ name: 'fail', arguments: {} })).toMatchObject({ isError: true });
    expect((await client.readResource({ uri: 'test://counter' })).contents).toHaveLength(1);
    const prompt = await client.getPrompt({ name: 'greet', arguments: { name: 'Ada' } });
    expect(prompt.messages[0]?.content).toEqual({ type: 'text', text: 'Hello Ada' });
    const { completion } = await client.complete({
      ref: { type: 'ref/prompt', name: 'greet' },
      argument: { name: 'name', value: 'A' },
    });
    expect(completion.values).toEqual(['Ada', 'Alan']);
    await expect(client.readResource({ uri: 'test://nothing' })).rejects.toThrow(/not found/i);
    await client.ping();
    expect(faults).toEqual([]);
    expect(stderr()).toBe('');
  });

  test('a result of 4 MB, and many calls at once', async () => {
    const remote = await startSdkRemote(options);
    const { client } = await connectClient(remote.url);
    const size = 4_000_000;
    const [big, ...small] = await Promise.all([
      client.callTool({ name: 'big', arguments: { size } }),
      ...Array.from({ length: 30 }, (_, i) =>
        client.callTool({ name: 'echo', arguments: { message: `m${i}` } }),
      ),
    ]);
    expect(textOf(big)).toHaveLength(size);
    expect(small.map(textOf)).toEqual(Array.from({ length: 30 }, (_, i) => `m${i}`));
  });
});

test('a session is begun once, named on every later request, and ended with DELETE [L-45, L-55]', async () => {
  const remote = await startSdkRemote();
  const { client } = await connectClient(remote.url);
  await client.listTools();
  const [session] = remote.sessions;
  await until('the GET stream', () => remote.of('GET').length > 0);
  await client.close();
  await until('the DELETE', () => remote.of('DELETE').length > 0);
  expect(remote.of('initialize')).toHaveLength(1);
  const later = remote.seen.filter(({ rpc }) => rpc !== 'initialize');
  expect(later.map((seen) => seen.session)).toEqual(later.map(() => session));
  expect(remote.sessions).toEqual([]);
});

test('list_changed comes over the GET stream, and the list is new then [L-33, L-35]', async () => {
  const remote = await startSdkRemote();
  let changes = 0;
  const { client } = await connectClient(remote.url, {
    prepare: (c) => c.setNotificationHandler(ToolListChangedNotificationSchema, () => void changes++),
  });
  await until('the GET stream', () => remote.of('GET').length > 0);
  await client.callTool({ name: 'add_tool', arguments: { name: 'brand_new' } });
  await until('list_changed', () => changes > 0);
  expect((await client.listTools()).tools.map(({ name }) => name)).toContain('brand_new');
});

// Without the SDK's client: it forgets the progress that it reads in one piece with the result.
test('progress comes in order and before the result: 2000 events [T10]', async () => {
  const remote = await startSdkRemote();
  const bridge = startBridge(remote.url);
  await bridge.initialize();
  const params = { name: 'progress', arguments: { steps: 2000 }, _meta: { progressToken: 0 } };
  const { result } = await bridge.request('tools/call', params);
  expect(textOf(result)).toBe('2000 steps');
  const steps = bridge.messages.slice(1, -1).map((message) => message.params);
  expect(steps).toEqual(
    Array.from({ length: 2000 }, (_, i) => ({ progressToken: 0, progress: i + 1, total: 2000 })),
  );
});
