import {
  ResourceListChangedNotificationSchema,
  ToolListChangedNotificationSchema,
} from '@modelcontextprotocol/sdk/types.js';
import { expect, test } from 'vitest';
import { connectClient, textOf } from '../support/sdk-client.ts';
import { startSdkRemote } from '../support/sdk-remote.ts';
import { until } from '../support/wait.ts';

test('an expired session: one new one for parallel calls, all answered [T5, L-49, L-53]', async () => {
  const remote = await startSdkRemote();
  const { client } = await connectClient(remote.url);
  await client.listTools();
  await remote.forgetSessions();
  const results = await Promise.all(
    ['a', 'b', 'c', 'd', 'e'].map((message) => client.callTool({ name: 'echo', arguments: { message } })),
  );
  expect(results.map(textOf)).toEqual(['a', 'b', 'c', 'd', 'e']);
  expect(remote.of('initialize')).toHaveLength(2);
  expect(remote.of('initialize')[1]?.session).toBeUndefined();
  expect(remote.of('notifications/initialized')).toHaveLength(2);
  expect(remote.calls.toSorted()).toEqual(['echo a', 'echo b', 'echo c', 'echo d', 'echo e']);
});

test('the new session gets the log level, the subscriptions and a GET stream again [L-50]', async () => {
  const remote = await startSdkRemote();
  const { client } = await connectClient(remote.url);
  await client.setLoggingLevel('error');
  await client.subscribeResource({ uri: 'test://counter' });
  await until('the GET stream', () => remote.of('GET').length > 0);
  await remote.forgetSessions();
  await client.callTool({ name: 'echo', arguments: { message: 'x' } });
  const [session] = remote.sessions;
  const inNew = (what: string) => remote.of(what).filter((seen) => seen.session === session);
  expect(inNew('logging/setLevel').map(({ message }) => message?.params)).toEqual([{ level: 'error' }]);
  expect(inNew('resources/subscribe').map(({ message }) => message?.params)).toEqual([
    { uri: 'test://counter' },
  ]);
  await until('the new GET stream', () => inNew('GET').length > 0);
});

test('the client hears list_changed after a new session [L-51]', async () => {
  const remote = await startSdkRemote();
  const changed: string[] = [];
  const { client } = await connectClient(remote.url, {
    prepare: (c) => {
      c.setNotificationHandler(ToolListChangedNotificationSchema, () => void changed.push('tools'));
      c.setNotificationHandler(ResourceListChangedNotificationSchema, () => void changed.push('resources'));
    },
  });
  await client.listTools();
  await remote.forgetSessions();
  await client.callTool({ name: 'echo', arguments: { message: 'x' } });
  await until('list_changed for tools and resources', () => new Set(changed).size === 2);
});

test('the recovery works again and again', async () => {
  const remote = await startSdkRemote();
  const { client } = await connectClient(remote.url);
  for (let round = 0; round < 5; round++) {
    await remote.forgetSessions();
    expect(textOf(await client.callTool({ name: 'echo', arguments: { message: `${round}` } }))).toBe(
      `${round}`,
    );
  }
  expect(remote.of('initialize')).toHaveLength(6);
});

test('an expired session is found by the GET stream alone, with no call of the client', async () => {
  const remote = await startSdkRemote();
  const changed: string[] = [];
  const { client } = await connectClient(remote.url, {
    prepare: (c) =>
      c.setNotificationHandler(ToolListChangedNotificationSchema, () => void changed.push('tools')),
  });
  await client.listTools();
  await until('the GET stream', () => remote.of('GET').length > 0);
  await remote.forgetSessions();
  remote.cutConnections();
  await until('the new session', () => remote.of('initialize').length === 2, 15_000);
  await until('list_changed', () => changed.length > 0);
});
