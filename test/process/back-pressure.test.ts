import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { startBridge } from '../support/bridge-process.ts';
import { resultOf } from '../support/fake-answers.ts';
import { startFakeRemote } from '../support/fake-remote.ts';
import { memoryOf } from '../support/processes.ts';

test('a client that does not read while the remote floods: memory stays bounded, nothing is lost [I6, 80]', async () => {
  const remote = await startFakeRemote();
  const line = JSON.stringify({
    jsonrpc: '2.0',
    method: 'notifications/message',
    params: { data: 'x'.repeat(10_000) },
  });
  let sent = 0;
  let stopped = false;
  remote.on('GET', async (exchange) => {
    const stream = exchange.sse();
    while (!stopped && sent < 30_000 && (await stream.flood(`data: ${line}\n\n`))) sent += 1;
    stream.send({ jsonrpc: '2.0', method: 'notifications/done' });
  });
  const bridge = startBridge(remote.url);
  await bridge.initialize();
  bridge.child.stdout.pause();
  await delay(3000);
  const whileBlocked = sent;
  expect(memoryOf(bridge.pid)?.peak ?? 0).toBeLessThan(200);
  expect(whileBlocked).toBeLessThan(30_000);
  stopped = true;
  bridge.child.stdout.resume();
  await bridge.nextMessage(({ method }) => method === 'notifications/done', 30_000);
  // The write that was waiting when the flood was stopped is delivered as well.
  const received = bridge.messages.filter(({ method }) => method === 'notifications/message').length;
  expect(received).toBeGreaterThanOrEqual(whileBlocked);
});

test('big answers to a client that does not read: memory stays bounded [I6, 80]', async () => {
  const remote = await startFakeRemote();
  const text = 'x'.repeat(5_000_000);
  remote.on('tools/call', (exchange) => exchange.result({ text }));
  const bridge = startBridge(remote.url);
  await bridge.initialize();
  bridge.child.stdout.pause();
  const calls = Array.from({ length: 60 }, () => bridge.callTool('big', {}, 40_000));
  await delay(3000);
  expect(memoryOf(bridge.pid)?.peak ?? 0).toBeLessThan(256);
  bridge.child.stdout.resume();
  for (const { result } of await Promise.all(calls)) expect(result.text).toHaveLength(text.length);
});

test('100,000 requests of a client that does not read: all answered in the end, memory bounded [T99]', async () => {
  const count = 100_000;
  const remote = await startFakeRemote();
  const bridge = startBridge(remote.url);
  await bridge.initialize();
  bridge.child.stdout.pause();
  const answered = new Promise<void>((resolve) => {
    bridge.child.stdout.on('data', () => {
      if (bridge.messages.length >= count + 1) resolve();
    });
  });
  bridge.child.stdout.pause();
  const line = (id: number) => `{"jsonrpc":"2.0","id":"r${id}","method":"server/discover"}\n`;
  for (let id = 0; id < count; id += 1000) {
    bridge.sendRaw(Array.from({ length: 1000 }, (_, n) => line(id + n)).join(''));
  }
  await delay(2000);
  expect(memoryOf(bridge.pid)?.peak ?? 0).toBeLessThan(200);
  bridge.child.stdout.resume();
  await answered;
  expect(new Set(bridge.messages.map(({ id }) => id)).size).toBe(count + 1);
});

test('calls of 1 MB each that are never answered: what can not be held waits in the pipe [80, 99]', async () => {
  const remote = await startFakeRemote();
  remote.on('tools/call', (exchange) => exchange.hang());
  const bridge = startBridge(remote.url);
  await bridge.initialize();
  const text = 'x'.repeat(1_000_000);
  let accepted = 0;
  for (let i = 0; i < 400; i++) {
    const call = {
      jsonrpc: '2.0',
      id: `c${i}`,
      method: 'tools/call',
      params: { name: 'echo', arguments: { text } },
    };
    if (bridge.child.stdin.write(`${JSON.stringify(call)}\n`)) accepted += 1;
    else {
      const drained = new Promise((resolve) => bridge.child.stdin.once('drain', () => resolve(true)));
      if (!(await Promise.race([drained, delay(2000, false)]))) break;
      accepted += 1;
    }
  }
  expect(accepted).toBeLessThan(400);
  expect(memoryOf(bridge.pid)?.peak ?? 0).toBeLessThan(350);
});

test('answers go on while one large message is being read', async () => {
  const remote = await startFakeRemote();
  remote.on('tools/call', async (exchange) => {
    const text = JSON.stringify(resultOf(exchange.id, { text: 'x'.repeat(8_000_000) }));
    exchange.response.writeHead(200, { 'Content-Type': 'application/json' });
    for (let at = 0; at < text.length; at += 400_000) {
      exchange.response.write(text.slice(at, at + 400_000));
      await delay(50);
    }
    exchange.response.end();
  });
  const bridge = startBridge(remote.url);
  await bridge.initialize();
  const big = bridge.callTool('big', {}, 20_000);
  await remote.next('tools/call');
  const start = performance.now();
  for (let i = 0; i < 20; i++) await bridge.request('tools/list');
  expect(performance.now() - start).toBeLessThan(1000);
  expect((await big).result.text).toHaveLength(8_000_000);
});
