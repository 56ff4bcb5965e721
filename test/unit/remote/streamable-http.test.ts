import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { type Authorizer, FixedCredentials } from '../../../src/authorization/authorizer.ts';
import { StreamableHttp } from '../../../src/remote/streamable-http.ts';
import { resultOf, sseEvent } from '../../support/fake-answers.ts';
import type { EventStream } from '../../support/fake-exchange.ts';
import { type FakeRemote, startFakeRemote } from '../../support/fake-remote.ts';
import { within } from '../../support/wait.ts';
import { ask } from '../helpers/pending.ts';
import { StaleCredential, transportOptions } from '../helpers/scripted-sink.ts';

async function connect(remote: FakeRemote, authorizer: Authorizer = new StaleCredential()) {
  const options = await transportOptions(remote, authorizer);
  const transport = new StreamableHttp(options);
  onTestFinished(() => transport.close(100));
  const send = (asked: ReturnType<typeof ask>) =>
    within(transport.send(asked.request), 5000, () => 'send() hangs');
  return { transport, send, ...options };
}

const session = { id: 'session-1', protocolVersion: '2025-11-25' };

describe('a stream that breaks off and is resumed [L-37]', () => {
  test('within an event: it is asked for again from the event before', async () => {
    const remote = await startFakeRemote();
    remote.on('tools/call', (exchange) => {
      const stream = exchange.sse().send('', { id: '1', retry: 500 });
      stream.raw(`id: 2\ndata: {"jsonrpc":"2.0","id":1,"res`).drop();
    });
    remote.on('GET', (exchange) => {
      // As a server does: it gives what comes after the event that it is told.
      const after = Number(exchange.request.headers['last-event-id']);
      const stream = exchange.sse();
      if (after < 2) stream.send(resultOf(1, 'x'), { id: '2' });
      stream.end();
    });
    const { send } = await connect(remote);
    const asked = ask('tools/call');
    await send(asked);
    expect(remote.of('GET')[0]?.headers['last-event-id']).toBe('1');
    expect(asked.answers).toEqual([{ jsonrpc: '2.0', id: 1, result: 'x' }]);
  });

  test('while the credential has run out: with another one [L-18, L-44]', async () => {
    const remote = await startFakeRemote();
    remote.on('tools/call', (exchange) => exchange.sse().send('', { id: '1', retry: 500 }).end());
    remote.on('GET', (exchange) => {
      if (exchange.request.headers.authorization !== 'Bearer fresh') return exchange.status(401);
      exchange.sse().send(resultOf(1, 'x')).end();
    });
    const { send } = await connect(remote);
    const asked = ask('tools/call');
    await send(asked);
    expect(asked.answers[0]).toMatchObject({ result: 'x' });
    expect(remote.of('tools/call')).toHaveLength(1);
  });

  test('not resumable: the request fails at once, and is not sent again [L-42, L-43]', async () => {
    for (const status of [404, 405, 400]) {
      const remote = await startFakeRemote();
      remote.on('tools/call', (exchange) => exchange.sse().send('', { id: '1', retry: 500 }).end());
      remote.on('GET', (exchange) => exchange.status(status));
      const { send } = await connect(remote);
      expect(await send(ask('tools/call'))).toMatchObject({
        kind: 'failed',
        mayHaveRun: true,
        error: { reason: 'stream-lost' },
      });
      expect(remote.requests).toHaveLength(2);
    }
  });

  test('an event id that no header can carry is not resumed by [94]', async () => {
    const remote = await startFakeRemote();
    remote.on('tools/call', (exchange) => exchange.sse().send('', { id: 'é 1' }).end());
    const { send } = await connect(remote);
    expect(await send(ask('tools/call'))).toMatchObject({ kind: 'failed', error: { reason: 'stream-lost' } });
    expect(remote.of('GET')).toEqual([]);
  });
});

describe('the answer to a request', () => {
  test.each([
    ['JSON', 'application/json', JSON.stringify(resultOf(1, 'x'))],
    ['JSON with a byte order mark', 'application/json', `\ufeff${JSON.stringify(resultOf(1, 'x'))}`],
    ['JSON of another name', 'text/plain', JSON.stringify(resultOf(1, 'x'))],
    ['a stream', 'text/event-stream', sseEvent(resultOf(1, 'x'))],
    [
      'a stream with a message before it',
      'text/event-stream',
      sseEvent({ jsonrpc: '2.0', method: 'n' }) + sseEvent(resultOf(1, 'x')),
    ],
    [
      'a stream in odd form',
      'Text/Event-Stream ; charset=utf-8',
      `\ufeff: hi\r\rdata:${JSON.stringify(resultOf(1, 'x'))}\r\n\r\n`,
    ],
  ])('may be %s [L-14, L-25, L-27]', async (_, type, body) => {
    const remote = await startFakeRemote();
    remote.on('x', (exchange) => exchange.body(200, body, { 'Content-Type': type }));
    const { send } = await connect(remote);
    const asked = ask('x');
    expect(await send(asked)).toEqual({ kind: 'done' });
    expect(asked.answers).toEqual([{ jsonrpc: '2.0', id: 1, result: 'x' }]);
  });

  test.each([
    ['nothing', ''],
    ['HTML', '<html>'],
    ['a notification only', '{"jsonrpc":"2.0","method":"n"}'],
  ])('that is %s fails the request', async (_, body) => {
    const remote = await startFakeRemote();
    remote.on('x', (exchange) => exchange.json(200, body));
    const { send } = await connect(remote);
    expect(await send(ask('x'))).toMatchObject({ kind: 'failed', error: { reason: 'invalid-answer' } });
  });

  test('a stream that stays open after its answer is not waited for', async () => {
    const remote = await startFakeRemote();
    let closed = false;
    remote.on('x', (exchange) => {
      exchange.sse().send(resultOf(1, 'x'));
      exchange.response.on('close', () => {
        closed = true;
      });
    });
    const { send } = await connect(remote);
    const asked = ask('x');
    void send(asked);
    await vi.waitFor(() => expect(asked.answers).toHaveLength(1));
    await vi.waitFor(() => expect(closed).toBe(true), 4000);
  });
});

describe('the session', () => {
  test('is sent with every message but initialize [L-45, L-49]', async () => {
    const remote = await startFakeRemote();
    const { transport, send } = await connect(remote);
    transport.useSession(session);
    await send(ask('tools/list'));
    await transport.send({ body: '{"jsonrpc":"2.0","method":"n"}', method: 'n' });
    await send(ask('initialize'));
    expect(remote.requests.map(({ headers }) => headers['mcp-session-id'])).toEqual([
      'session-1',
      'session-1',
      undefined,
    ]);
    expect(remote.requests[0]?.headers['mcp-protocol-version']).toBe('2025-11-25');
  });

  test('that is no longer known is told of, but only where one was sent [L-49]', async () => {
    const remote = await startFakeRemote();
    remote.on('tools/list', (exchange) => exchange.status(404));
    const { transport, send } = await connect(remote);
    expect(await send(ask('tools/list'))).toMatchObject({ kind: 'failed' });
    transport.useSession(session);
    expect(await send(ask('tools/list'))).toMatchObject({ kind: 'session-expired', session });
  });

  test('is ended with DELETE, within the given time whatever the server does [L-55]', async () => {
    const remote = await startFakeRemote();
    remote.on('DELETE', (exchange) => exchange.hang());
    const { transport } = await connect(remote);
    transport.useSession(session);
    const before = performance.now();
    await transport.close(200);
    expect(performance.now() - before).toBeLessThan(600);
    expect(remote.of('DELETE')[0]?.headers['mcp-session-id']).toBe('session-1');
  });

  test('an id that no header can carry is refused [L-48, 94]', async () => {
    const remote = await startFakeRemote();
    remote.on('initialize', (exchange) => exchange.header('Mcp-Session-Id', 'a b').result({}));
    const { send } = await connect(remote);
    expect(await send(ask('initialize'))).toMatchObject({
      kind: 'failed',
      error: { reason: 'invalid-answer' },
    });
  });
});

describe('the listening stream', () => {
  test('that was refused for want of a credential is opened when asked for again, from where it had come to', async () => {
    const remote = await startFakeRemote();
    const streams: EventStream[] = [];
    let isSignedIn = true;
    remote.on('GET', (exchange) => {
      if (isSignedIn) streams.push(exchange.sse());
      else exchange.status(401);
    });
    const { transport, sink } = await connect(remote, new FixedCredentials());
    transport.useSession(session);
    await transport.listen();
    await transport.listen();
    expect(remote.of('GET')).toHaveLength(1);
    const notice = { jsonrpc: '2.0', method: 'n' };
    streams[0]?.send(notice, { id: 'e1' });
    await vi.waitFor(() => expect(sink.messages).toHaveLength(1));
    isSignedIn = false;
    streams[0]?.end();
    await vi.waitFor(() => expect(remote.of('GET')).toHaveLength(2), 3000);
    await vi.waitFor(async () => {
      isSignedIn = true;
      await transport.listen();
      expect(remote.of('GET')).toHaveLength(3);
    });
    expect(remote.of('GET')[2]?.headers['last-event-id']).toBe('e1');
    await transport.listen();
    expect(remote.of('GET')).toHaveLength(3);
  });

  test('of a session that is over is not', async () => {
    const remote = await startFakeRemote();
    remote.on('GET', (exchange) => exchange.status(405));
    const { transport } = await connect(remote);
    transport.useSession(session);
    await transport.listen();
    transport.useSession(undefined);
    await transport.listen();
    expect(remote.of('GET')).toHaveLength(1);
  });
});

describe('messages of the two eras on one transport', () => {
  test('a modern one is sent in no session, a legacy one has none of the modern headers [M-11, M-12]', async () => {
    const remote = await startFakeRemote();
    const { transport, send } = await connect(remote);
    transport.useSession(session);
    const modern = ask('tools/list');
    modern.request.modernHeaders = { 'MCP-Protocol-Version': '2026-07-28', 'Mcp-Method': 'tools/list' };
    await send(modern);
    await send(ask('tools/list'));
    const [first, second] = remote.requests.map(({ headers }) => headers);
    expect(first).toMatchObject({ 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'tools/list' });
    expect(first).not.toHaveProperty('mcp-session-id');
    expect(second).toMatchObject({ 'mcp-protocol-version': '2025-11-25', 'mcp-session-id': 'session-1' });
    expect(second).not.toHaveProperty('mcp-method');
  });

  test('the stream of a modern one is not resumed, whatever ids its events have [M-11, M-39]', async () => {
    const remote = await startFakeRemote();
    remote.on('tools/call', (exchange) => exchange.sse().send('', { id: '1', retry: 500 }).end());
    const { send } = await connect(remote);
    const modern = ask('tools/call');
    modern.request.modernHeaders = {};
    expect(await send(modern)).toMatchObject({
      kind: 'failed',
      mayHaveRun: true,
      error: { reason: 'stream-lost' },
    });
    expect(remote.of('GET')).toEqual([]);
  });
});
