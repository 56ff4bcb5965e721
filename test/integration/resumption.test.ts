import { setTimeout as delay } from 'node:timers/promises';
import { ToolListChangedNotificationSchema } from '@modelcontextprotocol/sdk/types.js';
import { expect, test } from 'vitest';
import { connectClient, textOf } from '../support/sdk-client.ts';
import { startSdkRemote } from '../support/sdk-remote.ts';
import { until } from '../support/wait.ts';

test('a stream that the server closes after an event id is polled until the answer is there [L-37, L-40]', async () => {
  const remote = await startSdkRemote({ resumeAfter: 200 });
  const { client } = await connectClient(remote.url);
  expect(textOf(await client.callTool({ name: 'cut', arguments: { ms: 1000 } }))).toBe('after the cut');
  expect(remote.of('tools/call')).toHaveLength(1);
  const resumed = remote.of('GET').filter(({ lastEventId }) => lastEventId !== undefined);
  expect(resumed.length).toBeGreaterThan(0);
});

test('connections cut in the middle of calls: each is resumed and answered, none is run twice [T1, L-42]', async () => {
  const remote = await startSdkRemote({ resumeAfter: 100 });
  const { client } = await connectClient(remote.url);
  const calls = Array.from({ length: 5 }, () => client.callTool({ name: 'slow', arguments: { ms: 1000 } }));
  await until('the calls at the server', () => remote.calls.length === 5);
  await delay(200); // so that their streams have begun
  remote.cutConnections();
  expect((await Promise.all(calls)).map(textOf)).toEqual(Array(5).fill('slept'));
  expect(remote.of('tools/call')).toHaveLength(5);
});

test('a GET stream that was cut is opened again and misses nothing [T4, L-35, L-38]', async () => {
  const remote = await startSdkRemote({ resumeAfter: 300 });
  let changes = 0;
  const { client } = await connectClient(remote.url, {
    prepare: (c) => c.setNotificationHandler(ToolListChangedNotificationSchema, () => void changes++),
  });
  await until('the GET stream', () => remote.of('GET').length > 0);
  await client.callTool({ name: 'add_tool', arguments: { name: 'first' } });
  await until('the first list_changed', () => changes === 1);
  remote.cutConnections();
  await delay(100); // a call must not be sent on a connection that is being cut: it could not be sent again
  await client.callTool({ name: 'add_tool', arguments: { name: 'second' } });
  await until('the second list_changed', () => changes === 2, 15_000);
});
