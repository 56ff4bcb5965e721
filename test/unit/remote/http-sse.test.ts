import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { HttpSse } from '../../../src/remote/http-sse.ts';
import { resultOf } from '../../support/fake-answers.ts';
import type { EventStream } from '../../support/fake-exchange.ts';
import { type FakeRemote, startFakeRemote } from '../../support/fake-remote.ts';
import { within } from '../../support/wait.ts';
import { ask } from '../helpers/pending.ts';
import { StaleCredential, transportOptions } from '../helpers/scripted-sink.ts';

/** A server of the older transport: answers come on its one stream. */
async function startSseRemote(endpoint = '/messages?id=1') {
  const remote = await startFakeRemote();
  const streams: EventStream[] = [];
  remote.on('GET', (exchange) => {
    streams.push(exchange.sse().send(endpoint, { event: 'endpoint' }));
  });
  remote.on('POST', (exchange) => {
    exchange.status(202);
    streams.at(-1)?.send(resultOf(exchange.id, 'x'));
  });
  return { remote, streams };
}

async function connect(remote: FakeRemote, authorizer = new StaleCredential()) {
  const options = await transportOptions(remote, authorizer);
  const transport = new HttpSse(options);
  onTestFinished(() => transport.close());
  const send = (asked: ReturnType<typeof ask>) => {
    options.sink.requests.set(asked.request.id, asked.request);
    return within(transport.send(asked.request), 5000, () => 'send() hangs');
  };
  return { transport, send, ...options };
}

const session = { id: undefined, protocolVersion: '2024-11-05' };

describe('the one stream', () => {
  test('is opened once; messages go to the endpoint that it names, answers come on it [L-69, L-70]', async () => {
    const { remote } = await startSseRemote();
    const { send } = await connect(remote);
    const both = [ask('initialize', { id: 1 }), ask('x', { id: 2 })];
    expect(await Promise.all(both.map(send))).toEqual([{ kind: 'done' }, { kind: 'done' }]);
    expect(both.map(({ answers }) => answers[0].result)).toEqual(['x', 'x']);
    expect(remote.of('GET')).toHaveLength(1);
    expect(remote.of('POST').map(({ path }) => path)).toEqual(['/messages?id=1', '/messages?id=1']);
  });

  test.each([
    ['another host', 'http://evil.test/messages'],
    ['another port', 'http://127.0.0.1:1/messages'],
    ['another scheme', 'https://127.0.0.1/messages'],
    ['no URL', 'http://'],
  ])('an endpoint at %s is refused: the credential would go there [L-71, 103]', async (_, endpoint) => {
    const { remote } = await startSseRemote(endpoint);
    const { send } = await connect(remote);
    expect(await send(ask('initialize'))).toMatchObject({
      kind: 'failed',
      error: { reason: 'redirect-refused' },
    });
    expect(remote.of('POST')).toEqual([]);
  });

  test('a first event that is not the endpoint is no such transport', async () => {
    const remote = await startFakeRemote();
    remote.on('GET', (exchange) => void exchange.sse().send({ jsonrpc: '2.0', method: 'x' }));
    const { send } = await connect(remote);
    expect(await send(ask('initialize'))).toMatchObject({
      kind: 'failed',
      error: { reason: 'invalid-answer' },
    });
  });

  test('a stale credential at its opening is replaced, and the opening tried again [L-68]', async () => {
    const { remote } = await startSseRemote();
    remote.once('GET', (exchange) => exchange.status(401));
    const authorizer = new StaleCredential();
    const { send } = await connect(remote, authorizer);
    const first = await send(ask('initialize'));
    // Either it tries again itself, or it tells the forwarder that trying again is worth it.
    expect([{ kind: 'done' }, expect.objectContaining({ kind: 'reauthorized' })]).toContainEqual(first);
    expect(authorizer.current).toBe('Bearer fresh');
  });

  test('when it breaks, its requests fail at once and the session is lost [L-72]', async () => {
    const { remote, streams } = await startSseRemote();
    remote.on('tools/call', (exchange) => {
      exchange.status(202);
      streams.at(-1)?.drop();
    });
    const { transport, send, sink } = await connect(remote);
    await send(ask('initialize'));
    transport.useSession(session);
    expect(await send(ask('tools/call', { id: 2 }))).toMatchObject({
      kind: 'failed',
      mayHaveRun: true,
      error: { reason: 'stream-lost' },
    });
    expect(sink.lost).toEqual([session]);
    expect(await send(ask('tools/call', { id: 3 }))).toMatchObject({ kind: 'session-expired', session });
    expect(remote.of('tools/call')).toHaveLength(1);
  });
});

describe('a message that is refused', () => {
  test.each([
    [401, 'reauthorized'],
    [429, 'busy'],
    [503, 'busy'],
    [400, 'failed'],
    [500, 'failed'],
  ])('with %i is %s', async (status, kind) => {
    const { remote } = await startSseRemote();
    remote.on('x', (exchange) => exchange.status(status));
    const { send } = await connect(remote);
    await send(ask('initialize'));
    expect(await send(ask('x', { id: 2 }))).toMatchObject({ kind });
  });
});

test('closing ends the stream, and tells of no lost session', async () => {
  const { remote, streams } = await startSseRemote();
  const { transport, send, sink } = await connect(remote);
  await send(ask('initialize'));
  transport.useSession(session);
  await transport.close();
  await vi.waitFor(() => expect(streams[0]?.closed).toBe(true));
  expect(sink.lost).toEqual([]);
});
