import {
  CreateMessageRequestSchema,
  ResourceUpdatedNotificationSchema,
} from '@modelcontextprotocol/sdk/types.js';
import { beforeAll, describe, expect, test } from 'vitest';
import { startBridge } from '../support/bridge-process.ts';
import { type Everything, startEverything } from '../support/everything.ts';
import { connectClient, textOf } from '../support/sdk-client.ts';
import { until } from '../support/wait.ts';

let everything: Everything;

beforeAll(async () => {
  everything = await startEverything('sse');
  return () => everything.close();
});

describe.each([
  ['found by falling back', []],
  ['pinned by --transport sse', ['--transport', 'sse']],
])('the reference server over HTTP+SSE of 2024-11-05, %s [L-66 to L-71]', (_, args) => {
  test('lists its tools, calls one, reads a resource and gets a prompt', async () => {
    const { client } = await connectClient(everything.url, { args });
    const { tools } = await client.listTools();
    expect(tools.map(({ name }) => name)).toContain('echo');
    expect(textOf(await client.callTool({ name: 'echo', arguments: { message: 'hi' } }))).toBe('Echo: hi');
    const { contents } = await client.readResource({ uri: 'demo://resource/dynamic/text/1' });
    expect(contents).toHaveLength(1);
    expect((await client.listPrompts()).prompts.length).toBeGreaterThan(0);
  });

  test('carries progress and parallel calls', async () => {
    const bridge = startBridge(everything.url, { args });
    await bridge.initialize();
    const long = { name: 'trigger-long-running-operation', arguments: { duration: 1, steps: 3 } };
    const answers = await Promise.all([
      bridge.request('tools/call', { ...long, _meta: { progressToken: 0 } }),
      ...Array.from({ length: 20 }, (_, a) => bridge.callTool('get-sum', { a, b: 500 })),
    ]);
    answers.slice(1).forEach(({ result }, a) => {
      expect(textOf(result)).toContain(String(a + 500));
    });
    const progress = bridge.messages.filter(({ method }) => method === 'notifications/progress');
    expect(progress.map(({ params }) => params.progress)).toEqual([1, 2, 3]);
  });

  test('carries requests of the server and updates of a subscription', async () => {
    const updated: string[] = [];
    const { client } = await connectClient(everything.url, {
      args,
      capabilities: { sampling: {} },
      prepare: (c) => {
        c.setRequestHandler(CreateMessageRequestSchema, () => ({
          role: 'assistant',
          model: 'none',
          content: { type: 'text', text: 'sampled by the client' },
        }));
        c.setNotificationHandler(ResourceUpdatedNotificationSchema, (n) => void updated.push(n.params.uri));
      },
    });
    const sampled = await client.callTool({
      name: 'trigger-sampling-request',
      arguments: { prompt: 'hello' },
    });
    expect(JSON.stringify(sampled)).toContain('sampled by the client');
    const uri = 'demo://resource/dynamic/text/2';
    await client.subscribeResource({ uri });
    await client.callTool({ name: 'toggle-subscriber-updates', arguments: {} });
    await until('an update of the resource', () => updated.includes(uri), 10_000);
  });
});

test('HTTP+SSE: when the server has restarted, the next calls work in a new session [L-72]', async () => {
  const { client } = await connectClient(everything.url);
  await client.listTools();
  await everything.restart();
  // A call that was sent into the dead stream may fail; one that comes after it must not.
  const call = () =>
    client.callTool({ name: 'echo', arguments: { message: 'again' } }, undefined, { timeout: 10_000 });
  const text = await until('a call that works', () => call().then(textOf, () => undefined), 20_000);
  expect(text).toBe('Echo: again');
});
