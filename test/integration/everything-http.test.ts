import {
  CreateMessageRequestSchema,
  ElicitRequestSchema,
  ListRootsRequestSchema,
  LoggingMessageNotificationSchema,
  ResourceUpdatedNotificationSchema,
} from '@modelcontextprotocol/sdk/types.js';
import { beforeAll, describe, expect, test } from 'vitest';
import { startBridge } from '../support/bridge-process.ts';
import { type Everything, startEverything } from '../support/everything.ts';
import { connectClient, textOf } from '../support/sdk-client.ts';
import { until } from '../support/wait.ts';

let everything: Everything;

beforeAll(async () => {
  everything = await startEverything('streamableHttp');
  return () => everything.close();
});

const everyCapability = { sampling: {}, elicitation: { form: {}, url: {} }, roots: { listChanged: true } };

describe('the reference server over Streamable HTTP, through the bridge', () => {
  test('lists its tools and calls one', async () => {
    const { client, stderr } = await connectClient(everything.url);
    const { tools } = await client.listTools();
    expect(tools.map(({ name }) => name)).toContain('echo');
    const result = await client.callTool({ name: 'echo', arguments: { message: 'over the bridge' } });
    expect(textOf(result)).toContain('over the bridge');
    expect(stderr()).toBe('');
  });

  test('carries structured content, images and links to resources', async () => {
    const { client } = await connectClient(everything.url);
    const weather = await client.callTool({
      name: 'get-structured-content',
      arguments: { location: 'New York' },
    });
    expect(weather.structuredContent).toHaveProperty('temperature');
    const image = await client.callTool({ name: 'get-tiny-image', arguments: {} });
    expect(image.content).toContainEqual(expect.objectContaining({ type: 'image', mimeType: 'image/png' }));
    const links = await client.callTool({ name: 'get-resource-links', arguments: { count: 3 } });
    const found = (links.content as { type: string }[]).filter(({ type }) => type === 'resource_link');
    expect(found).toHaveLength(3);
  });

  test('carries progress in its order, before the result [T10]', async () => {
    const bridge = startBridge(everything.url);
    await bridge.initialize();
    const params = { name: 'trigger-long-running-operation', arguments: { duration: 1, steps: 5 } };
    await bridge.request('tools/call', { ...params, _meta: { progressToken: 'token' } });
    const progress = bridge.messages.filter(({ method }) => method === 'notifications/progress');
    expect(progress.map(({ params: { progressToken, progress } }) => [progressToken, progress])).toEqual(
      [1, 2, 3, 4, 5].map((step) => ['token', step]),
    );
  });

  test('carries log messages at the level that the client has set', async () => {
    const messages: unknown[] = [];
    const { client } = await connectClient(everything.url, {
      prepare: (c) =>
        c.setNotificationHandler(LoggingMessageNotificationSchema, (m) => void messages.push(m)),
    });
    await client.setLoggingLevel('debug');
    await client.callTool({ name: 'toggle-simulated-logging', arguments: {} });
    await until('a log message', () => messages.length > 0);
  });

  test('carries resources, templates, a subscription and its updates', async () => {
    const updated: string[] = [];
    const { client } = await connectClient(everything.url, {
      prepare: (c) =>
        c.setNotificationHandler(ResourceUpdatedNotificationSchema, (n) => void updated.push(n.params.uri)),
    });
    const { resourceTemplates } = await client.listResourceTemplates();
    expect(resourceTemplates.length).toBeGreaterThan(0);
    const uri = 'demo://resource/dynamic/text/1';
    const { contents } = await client.readResource({ uri });
    expect(contents[0]?.uri).toBe(uri);
    await client.subscribeResource({ uri });
    await client.callTool({ name: 'toggle-subscriber-updates', arguments: {} });
    await until('an update of the resource', () => updated.includes(uri), 10_000);
    await client.unsubscribeResource({ uri });
  });

  test('carries prompts and completion', async () => {
    const { client } = await connectClient(everything.url);
    const { prompts } = await client.listPrompts();
    expect(prompts.map(({ name }) => name)).toContain('completable-prompt');
    const args = { department: 'Engineering', name: 'Alice' };
    const prompt = await client.getPrompt({ name: 'completable-prompt', arguments: args });
    expect(JSON.stringify(prompt.messages)).toContain('Alice');
    const { completion } = await client.complete({
      ref: { type: 'ref/prompt', name: 'completable-prompt' },
      argument: { name: 'department', value: 'Eng' },
    });
    expect(completion.values).toEqual(['Engineering']);
  });

  test('carries requests of the server to the client: sampling, elicitation, roots', async () => {
    const { client } = await connectClient(everything.url, {
      capabilities: everyCapability,
      prepare: (c) => {
        c.setRequestHandler(CreateMessageRequestSchema, () => ({
          role: 'assistant',
          model: 'none',
          content: { type: 'text', text: 'sampled by the client' },
        }));
        c.setRequestHandler(ElicitRequestSchema, () => ({
          action: 'accept',
          content: { name: 'Ada Lovelace' },
        }));
        c.setRequestHandler(ListRootsRequestSchema, () => ({
          roots: [{ uri: 'file:///home/ada', name: 'home' }],
        }));
      },
    });
    const call = async (name: string, args = {}) =>
      JSON.stringify(await client.callTool({ name, arguments: args }));
    expect(await call('trigger-sampling-request', { prompt: 'hello' })).toContain('sampled by the client');
    expect(await call('trigger-elicitation-request')).toContain('Ada Lovelace');
    expect(await call('get-roots-list')).toContain('file:///home/ada');
  });

  test('answers all of many calls at once, each with its own result', async () => {
    const { client } = await connectClient(everything.url);
    const sums = await Promise.all(
      Array.from({ length: 50 }, (_, a) => client.callTool({ name: 'get-sum', arguments: { a, b: 1000 } })),
    );
    sums.forEach((sum, a) => {
      expect(textOf(sum)).toContain(String(a + 1000));
    });
  });

  test('starts a new session when the server has restarted, unnoticed by the client [L-49, L-50]', async () => {
    const { client } = await connectClient(everything.url);
    await client.listTools();
    await everything.restart();
    const results = await Promise.all(
      ['a', 'b', 'c'].map((message) => client.callTool({ name: 'echo', arguments: { message } })),
    );
    expect(results.map(textOf)).toEqual(['Echo: a', 'Echo: b', 'Echo: c']);
  });
});
