import {
  CreateMessageRequestSchema,
  ElicitRequestSchema,
  ListRootsRequestSchema,
  LoggingMessageNotificationSchema,
  ResourceUpdatedNotificationSchema,
} from '@modelcontextprotocol/sdk/types.js';
import { describe, expect, test } from 'vitest';
import { startBridge } from '../support/bridge-process.ts';
import { connectClient, textOf } from '../support/sdk-client.ts';
import { startSdkRemote } from '../support/sdk-remote.ts';
import { until } from '../support/wait.ts';

const sampled = { role: 'assistant', model: 'none', content: { type: 'text', text: 'sampled' } } as const;

describe.each([
  ['not resumable', {}],
  ['resumable', { resumeAfter: 100 }],
])('requests of the server, %s [L-27, L-58]', (_, options) => {
  test('sampling, elicitation and roots reach the client, and its answers the server', async () => {
    const remote = await startSdkRemote(options);
    const { client } = await connectClient(remote.url, {
      capabilities: { sampling: {}, elicitation: { form: {} }, roots: {} },
      prepare: (c) => {
        c.setRequestHandler(CreateMessageRequestSchema, () => sampled);
        c.setRequestHandler(ElicitRequestSchema, () => ({ action: 'accept', content: { name: 'Ada' } }));
        c.setRequestHandler(ListRootsRequestSchema, () => ({ roots: [{ uri: 'file:///a' }] }));
      },
    });
    const call = async (name: string) => textOf(await client.callTool({ name, arguments: {} }));
    expect(await call('sample')).toContain('sampled');
    expect(JSON.parse(await call('elicit'))).toEqual({ action: 'accept', content: { name: 'Ada' } });
    expect(JSON.parse(await call('roots'))).toEqual([{ uri: 'file:///a' }]);
  });

  test('ten of them at once are told apart', async () => {
    const remote = await startSdkRemote(options);
    let count = 0;
    const { client } = await connectClient(remote.url, {
      capabilities: { sampling: {} },
      prepare: (c) =>
        c.setRequestHandler(CreateMessageRequestSchema, () => ({
          ...sampled,
          content: { type: 'text', text: `answer ${count++}` },
        })),
    });
    const results = await Promise.all(
      Array.from({ length: 10 }, () => client.callTool({ name: 'sample', arguments: {} })),
    );
    expect(new Set(results.map(textOf)).size).toBe(10);
  });
});

test("an error of the client's answer reaches the server, and its tool error the client", async () => {
  const remote = await startSdkRemote();
  const { client } = await connectClient(remote.url, {
    capabilities: { sampling: {} },
    prepare: (c) =>
      c.setRequestHandler(CreateMessageRequestSchema, () => {
        throw new Error('the person said no');
      }),
  });
  const result = await client.callTool({ name: 'sample', arguments: {} });
  expect(result.isError).toBe(true);
  expect(textOf(result)).toContain('the person said no');
});

describe('cancellation', () => {
  test('of the client stops the tool on the server [L-59, B-19]', async () => {
    const remote = await startSdkRemote();
    const { client } = await connectClient(remote.url);
    const abort = new AbortController();
    const call = client.callTool({ name: 'slow', arguments: { ms: 20_000 } }, undefined, {
      signal: abort.signal,
    });
    const failed = expect(call).rejects.toThrow();
    await until('the start of the tool', () => remote.calls.includes('slow'));
    abort.abort('no longer needed');
    await failed;
    await until('the cancellation', () => remote.cancelled.includes('slow'));
    expect(textOf(await client.callTool({ name: 'echo', arguments: { message: 'alive' } }))).toBe('alive');
  });

  test('of the server reaches the client, naming the request that the client got [L-60, B-19]', async () => {
    const remote = await startSdkRemote();
    const bridge = startBridge(remote.url);
    await bridge.initialize({ capabilities: { sampling: {} } });
    const result = await bridge.callTool('impatient');
    expect(textOf(result.result)).toBe('given up');
    const asked = bridge.messages.find(({ method }) => method === 'sampling/createMessage');
    const cancelled = bridge.messages.find(({ method }) => method === 'notifications/cancelled');
    expect(asked?.id).toBeDefined();
    expect(cancelled?.params.requestId).toBe(asked?.id);
  });
});

test('log messages and updates of a resource reach the client', async () => {
  const remote = await startSdkRemote();
  const logged: unknown[] = [];
  const updated: string[] = [];
  const { client } = await connectClient(remote.url, {
    prepare: (c) => {
      c.setNotificationHandler(LoggingMessageNotificationSchema, (n) => void logged.push(n.params.data));
      c.setNotificationHandler(ResourceUpdatedNotificationSchema, (n) => void updated.push(n.params.uri));
    },
  });
  await until('the GET stream', () => remote.of('GET').length > 0);
  await client.setLoggingLevel('info');
  await client.subscribeResource({ uri: 'test://counter' });
  await client.callTool({ name: 'log', arguments: { data: 'from the tool' } });
  await client.callTool({ name: 'touch', arguments: {} });
  await until('the update', () => updated.length > 0);
  expect(updated).toEqual(['test://counter']);
  expect(logged).toEqual(['from the tool']);
});
