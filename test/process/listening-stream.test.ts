import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { startBridge } from '../support/bridge-process.ts';
import { resultOf } from '../support/fake-answers.ts';
import type { EventStream } from '../support/fake-exchange.ts';
import { type FakeRemote, startFakeRemote } from '../support/fake-remote.ts';
import { until } from '../support/wait.ts';

const notice = (data: unknown) => ({
  jsonrpc: '2.0',
  method: 'notifications/message',
  params: { level: 'info', data },
});
const isNotice = ({ method }: { method?: string }) => method === 'notifications/message';

/** Lets the GET stream open, and gives the ones opened so far. */
function openStreams(remote: FakeRemote): EventStream[] {
  const streams: EventStream[] = [];
  remote.on('GET', (exchange) => void streams.push(exchange.sse()));
  return streams;
}

describe('the GET stream', () => {
  test('is opened after initialized, with session, version and Accept [L-33]', async () => {
    const remote = await startFakeRemote({ session: true });
    openStreams(remote);
    const bridge = startBridge(remote.url);
    await bridge.initialize();
    const get = await remote.next('GET');
    expect(get.headers).toMatchObject({
      accept: 'text/event-stream',
      'mcp-session-id': 'session-1',
      'mcp-protocol-version': '2025-11-25',
    });
    expect(get.headers['last-event-id']).toBeUndefined();
    expect(get.time).toBeGreaterThan(
      remote.of('notifications/initialized')[0]?.time ?? Number.POSITIVE_INFINITY,
    );
  });

  test('refused with 405: asked once, no word about it [L-34]', async () => {
    const remote = await startFakeRemote();
    const bridge = startBridge(remote.url);
    await bridge.initialize();
    await remote.next('GET');
    await delay(2500);
    expect(remote.of('GET')).toHaveLength(1);
    expect(bridge.stderr).toBe('');
  });

  test('cut, refused for 3 s, then there again: reopened with the last event id, nothing lost [T4, L-37]', async () => {
    const remote = await startFakeRemote();
    const streams = openStreams(remote);
    const bridge = startBridge(remote.url);
    await bridge.initialize();
    (await until('the stream', () => streams[0])).send(notice('one'), { id: 'n1' });
    await bridge.nextMessage(isNotice);
    await remote.stop();
    await delay(3000);
    await remote.start();
    (await until('the stream again', () => streams[1], 20_000)).send(notice('two'), { id: 'n2' });
    expect((await bridge.nextMessage(isNotice)).params.data).toBe('two');
    expect(remote.of('GET')[1]?.headers['last-event-id']).toBe('n1');
  });

  test('ended cleanly again and again: reopened each time, but not in a tight loop [101]', async () => {
    const remote = await startFakeRemote();
    remote.on('GET', (exchange) => exchange.sse().send(notice('hello')).end());
    const bridge = startBridge(remote.url);
    await bridge.initialize();
    await delay(4000);
    expect(remote.of('GET').length).toBeGreaterThan(1);
    expect(remote.of('GET').length).toBeLessThan(10);
  });

  test('answered with 500 at first: opened later, calls work meanwhile', async () => {
    const remote = await startFakeRemote();
    remote.once('GET', (exchange) => exchange.status(500));
    const streams: EventStream[] = [];
    remote.on('GET', (exchange) => void streams.push(exchange.sse()));
    const bridge = startBridge(remote.url);
    await bridge.initialize();
    expect(await bridge.request('tools/list')).toHaveProperty('result');
    await until('the stream', () => streams[0], 20_000);
  });

  test('answers on it that nobody waits for are dropped [L-36]', async () => {
    const remote = await startFakeRemote();
    const streams = openStreams(remote);
    const bridge = startBridge(remote.url);
    await bridge.initialize();
    const stream = await until('the stream', () => streams[0]);
    stream
      .send(resultOf('nobody', {}))
      .send(resultOf(0, { second: true }))
      .send(notice('after'));
    await bridge.nextMessage(isNotice);
    expect(bridge.messages).toHaveLength(2);
  });

  test('what is no message on it is dropped, and what follows passes [T103]', async () => {
    const remote = await startFakeRemote();
    const streams = openStreams(remote);
    const bridge = startBridge(remote.url);
    await bridge.initialize();
    const stream = await until('the stream', () => streams[0]);
    stream.raw(': a comment\n\n').send('{broken').send('"text"').send('[]').send({ hello: 'world' });
    stream.raw(
      'event: other\ndata: {"jsonrpc":"2.0","method":"notifications/message","params":{"data":"other"}}\n\n',
    );
    stream.send(notice('after'));
    await bridge.nextMessage(
      ({ method, params }) => method === 'notifications/message' && params.data === 'after',
    );
    expect(bridge.messages.filter((message) => !isNotice(message))).toHaveLength(1);
  });

  test('a request of the server on it reaches the client, the answer the server [L-58]', async () => {
    const remote = await startFakeRemote({ session: true });
    const streams = openStreams(remote);
    const bridge = startBridge(remote.url);
    await bridge.initialize({ capabilities: { roots: {} } });
    (await until('the stream', () => streams[0])).send({ jsonrpc: '2.0', id: 0, method: 'roots/list' });
    const asked = await bridge.nextMessage(({ method }) => method === 'roots/list');
    bridge.send({ jsonrpc: '2.0', id: asked.id, result: { roots: [] } });
    const answer = await remote.next('response');
    expect(answer.message).toEqual({ jsonrpc: '2.0', id: 0, result: { roots: [] } });
    expect(answer.headers['mcp-session-id']).toBe('session-1');
  });

  test('an idle stream with nothing but silence is left alone, and calls go on beside it [L-31]', async () => {
    const remote = await startFakeRemote();
    openStreams(remote);
    const bridge = startBridge(remote.url, { args: ['--request-timeout', '1'] });
    await bridge.initialize();
    await remote.next('GET');
    await delay(3500);
    expect(await bridge.request('tools/list')).toHaveProperty('result');
    expect(remote.of('GET')).toHaveLength(1);
  });
});

describe('event streams in every form that the standard allows [L-25, T101]', () => {
  const message = JSON.stringify(notice('é and 漢字 and 🎉'));

  test.each<[string, (string | Buffer)[]]>([
    ['line feeds', [`data: ${message}\n\n`]],
    ['carriage returns and line feeds', [`data: ${message}\r\n\r\n`]],
    ['carriage returns only', [`data: ${message}\r\r`]],
    ['a byte order mark', [`\ufeffdata: ${message}\n\n`]],
    ['no blank after the colon', [`data:${message}\n\n`]],
    [
      'several data lines',
      [`data: {"jsonrpc":"2.0",\ndata: ${message.slice('{"jsonrpc":"2.0",'.length)}\n\n`],
    ],
    [
      'comments and unknown fields between',
      [`: ping\nfoo: bar\nid: 7\n: ping\ndata: ${message}\nretry: 1000\n\n`],
    ],
    ['the event name message', [`event: message\ndata: ${message}\n\n`]],
    ['single bytes', Array.from(Buffer.from(`data: ${message}\r\n\r\n`), (byte) => Buffer.of(byte))],
  ])('%s', async (_, pieces) => {
    const remote = await startFakeRemote();
    const streams = openStreams(remote);
    const bridge = startBridge(remote.url);
    await bridge.initialize();
    const stream = await until('the stream', () => streams[0]);
    for (const piece of pieces) {
      stream.raw(piece);
      if (pieces.length > 1) await delay(1);
    }
    expect((await bridge.nextMessage(isNotice)).params.data).toBe('é and 漢字 and 🎉');
  });
});
