import { describe, expect, test } from 'vitest';
import { PendingRequest } from '../../../src/bridge/pending-requests.ts';
import { ByteText } from '../../../src/byte-text.ts';
import { parseLargeJson } from '../../../src/large-json.ts';
import { resultOf } from '../../support/fake-answers.ts';
import type { Exchange } from '../../support/fake-exchange.ts';
import { startFakeRemote } from '../../support/fake-remote.ts';
import { askModern, drop, modernMeta, modernStage } from '../helpers/modern-stage.ts';

const H = 'x-mcp-header';
const routed = {
  name: 'run',
  inputSchema: { type: 'object', properties: { region: { type: 'string', [H]: 'Region' } } },
};

describe('a request on the wire', () => {
  test('says which revision it is of and what it is about, and takes JSON and streams [M-06, M-07, M-08, M-10]', async () => {
    const { send, remote } = await modernStage();
    await send('tools/call', { params: { name: 'echo', arguments: {} } });
    expect(remote.requests[0]?.headers).toMatchObject({
      'mcp-protocol-version': '2026-07-28',
      'mcp-method': 'tools/call',
      'mcp-name': 'echo',
      accept: 'application/json, text/event-stream',
      'content-type': 'application/json',
    });
  });

  test('is the text of the client, byte for byte [B-80, B-88]', async () => {
    const { start, remote } = await modernStage();
    const body = `{ "id":1,"jsonrpc":"2.0","method":"x/y","params":{"n":12345678901234567890,"_meta":${JSON.stringify(modernMeta)}}}`;
    const request = new PendingRequest({ ...JSON.parse(body), body }, undefined, () => {});
    await start({ request, answers: [] });
    expect(remote.requests[0]?.body).toBe(body);
  });

  test('belongs to no session, and nothing but POST is ever sent [M-01, M-11]', async () => {
    const remote = await startFakeRemote({ session: true });
    remote.once('x', (exchange) => exchange.header('Mcp-Session-Id', 's-1').result({}));
    remote.on('tools/call', (exchange) => exchange.sse().send('', { id: '7' }).end());
    const { send, transport } = await modernStage({ remote });
    await send('x');
    await send('tools/call', { params: { name: 'echo' } });
    await transport.close(500);
    expect(remote.requests).toHaveLength(2);
    for (const { method, headers } of remote.requests) {
      expect(method).toBe('POST');
      expect(headers).not.toHaveProperty('mcp-session-id');
      expect(headers).not.toHaveProperty('last-event-id');
    }
  });

  test('a notification has the headers that it can have [Q-15, M-06]', async () => {
    const { transport, remote } = await modernStage();
    const method = 'notifications/x';
    const params = { _meta: { 'io.modelcontextprotocol/protocolVersion': '2026-09-09' } };
    const body = JSON.stringify({ jsonrpc: '2.0', method, params });
    expect(await transport.send({ body, method })).toEqual({ kind: 'done' });
    expect(remote.requests[0]?.headers).toMatchObject({
      'mcp-protocol-version': '2026-09-09',
      'mcp-method': method,
    });
  });
});

describe('arguments in headers', () => {
  test('are sent for the tools of which a list has passed [M-14, M-23]', async () => {
    const { send, remote } = await modernStage();
    remote.on('tools/list', (exchange) => exchange.result({ tools: [routed] }));
    const call = { params: { name: 'run', arguments: { region: 'eu\r\nX-Evil: 1' } } };
    await send('tools/call', call);
    await send('tools/list');
    await send('tools/call', call);
    const [before, after] = remote.of('tools/call');
    expect(before?.headers).not.toHaveProperty('mcp-param-region');
    expect(after?.headers['mcp-param-region']).toBe('=?base64?ZXUNClgtRXZpbDogMQ==?=');
    expect(after?.headers).not.toHaveProperty('x-evil');
  });

  test('of a large call are read from all of it [M-14]', async () => {
    const { send, start, remote } = await modernStage();
    remote.on('tools/list', (exchange) => exchange.result({ tools: [routed] }));
    await send('tools/list');
    const params = { name: 'run', arguments: { text: 'x'.repeat(200_000), region: 'eu' }, _meta: modernMeta };
    const body = new ByteText([
      Buffer.from(JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params })),
    ]);
    const parsed = parseLargeJson(body) as { params: unknown };
    const request = new PendingRequest(
      { id: 1, method: 'tools/call', params: parsed.params, body },
      undefined,
      () => {},
    );
    await start({ request, answers: [] });
    expect(remote.of('tools/call')[0]?.headers['mcp-param-region']).toBe('eu');
  });

  test('a tool whose annotation is not valid does not reach the client [M-15]', async () => {
    const { send, remote } = await modernStage();
    const bad = { name: 'bad', inputSchema: { items: routed.inputSchema } };
    remote.on('tools/list', (exchange) => exchange.sseResult({ tools: [bad, routed], nextCursor: '' }));
    const { answers } = await send('tools/list');
    expect(answers).toEqual([{ jsonrpc: '2.0', id: 1, result: { tools: [routed], nextCursor: '' } }]);
  });
});

describe('headers that the server refuses', () => {
  const mismatch = (exchange: Exchange) =>
    exchange.json(400, {
      jsonrpc: '2.0',
      id: exchange.id,
      error: { code: -32020, message: 'HeaderMismatch' },
    });
  const needsRegion = (exchange: Exchange) =>
    exchange.request.headers['mcp-param-region'] === 'eu' ? exchange.result('ran') : mismatch(exchange);
  const call = { id: 'c', params: { name: 'run', arguments: { region: 'eu' } } };

  test('are made anew from all pages of the tools, and the call is sent again [M-24, M-80, B-79]', async () => {
    const { send, remote } = await modernStage();
    remote.on('tools/call', needsRegion);
    remote
      .once('tools/list', (exchange) => exchange.result({ tools: [], nextCursor: '' }))
      .once('tools/list', (exchange) => exchange.result({ tools: [routed] }));
    const { answers } = await send('tools/call', call);
    expect(answers).toEqual([{ jsonrpc: '2.0', id: 'c', result: 'ran' }]);
    const lists = remote.of('tools/list').map(({ message }) => message);
    expect(lists.map((list) => [list?.id, list?.params])).toEqual([
      ['own-1', { _meta: modernMeta }],
      ['own-2', { cursor: '', _meta: modernMeta }],
    ]);
    expect(remote.of('tools/call')).toHaveLength(2);
  });

  test('the lists that the bridge reads reach no client [B-86]', async () => {
    const { send, sink, remote } = await modernStage();
    remote
      .on('tools/call', needsRegion)
      .on('tools/list', (exchange) => exchange.sseResult({ tools: [routed] }));
    await send('tools/call', call);
    expect(sink.messages).toHaveLength(1);
  });

  test('once more: that is the end, and the code stays here [M-24, B-40]', async () => {
    const { send, remote } = await modernStage();
    remote.on('tools/call', mismatch);
    const { outcome } = await send('tools/call', call);
    expect(outcome).toMatchObject({ kind: 'failed', mayHaveRun: false, error: { reason: 'invalid-answer' } });
    expect(outcome).not.toHaveProperty('answer');
    expect(remote.of('tools/call')).toHaveLength(2);
  });

  test.each([
    ['an error', (exchange: Exchange) => exchange.error(-32603, 'no')],
    ['no JSON', (exchange: Exchange) => exchange.body(200, '<html>')],
    ['a cut connection', (exchange: Exchange) => exchange.drop()],
  ])('where the tools are answered by %s, the call is not sent again', async (_, answer) => {
    const { send, remote } = await modernStage();
    remote.on('tools/call', mismatch).on('tools/list', answer);
    expect((await send('tools/call', call)).outcome).toMatchObject({ error: { reason: 'invalid-answer' } });
    expect(remote.of('tools/call')).toHaveLength(1);
  });

  test('a list without an end is not read for ever [S-40]', async () => {
    const { send, remote } = await modernStage();
    remote.on('tools/call', mismatch);
    remote.on('tools/list', (exchange) => exchange.result({ tools: [], nextCursor: 'again' }));
    await send('tools/call', call);
    expect(remote.of('tools/list')).toHaveLength(100);
  });

  test.each(['resources/read', 'tools/list', 'subscriptions/listen', 'server/discover'])(
    'of %s have nothing to do with tools [B-40]',
    async (method) => {
      const { send, remote } = await modernStage();
      remote.on(method, mismatch);
      const { outcome } = await send(method);
      expect(outcome).toMatchObject({ kind: 'failed', error: { reason: 'invalid-answer' } });
      expect(outcome).not.toHaveProperty('answer');
      expect(remote.requests).toHaveLength(1);
    },
  );

  test('a call that is cancelled meanwhile is not sent again [M-44]', async () => {
    const { start, remote } = await modernStage();
    const asked = askModern('tools/call', call);
    remote.on('tools/call', mismatch).on('tools/list', (exchange) => {
      drop(asked.request);
      exchange.result({ tools: [routed] });
    });
    await start(asked);
    expect(remote.of('tools/call')).toHaveLength(1);
    expect(asked.answers).toEqual([undefined]);
  });
});

describe('an error of the server', () => {
  test.each([
    [400, -32021],
    [400, -32022],
    [400, -32602],
    [404, -32601],
    [400, 7],
  ])('that comes with status %i and code %i is its answer [M-31, M-33]', async (status, code) => {
    for (const id of [1, null, undefined]) {
      const { send, remote } = await modernStage();
      const error = { code, message: 'no', data: { n: 1 } };
      remote.on('x/y', (exchange) => exchange.json(status, { jsonrpc: '2.0', id, error }));
      const { outcome } = await send('x/y');
      expect(outcome).toMatchObject({ kind: 'failed', mayHaveRun: false, answer: { code } });
      expect(JSON.parse(outcome.kind === 'failed' ? (outcome.answer?.text ?? '') : '')).toEqual(error);
      expect(remote.requests).toHaveLength(1);
    }
  });

  test('that comes with status 200 is its answer, also without an id [M-31, M-32]', async () => {
    for (const id of [1, null]) {
      const { send, remote } = await modernStage();
      const error = { code: -32603, message: 'no' };
      remote.on('x/y', (exchange) => exchange.json(200, { jsonrpc: '2.0', id, error }));
      const { outcome, answers } = await send('x/y');
      expect(outcome).toEqual({ kind: 'done' });
      expect(answers[0]).toEqual({ jsonrpc: '2.0', id: 1, error });
    }
  });

  test('and any other answer has the id of the client, with its type [M-32, B-86]', async () => {
    const { send, remote } = await modernStage();
    remote.on('x/y', (exchange) => exchange.json(200, resultOf('17', { n: 1 })));
    expect((await send('x/y', { id: 17 })).answers).toEqual([resultOf(17, { n: 1 })]);
  });

  test.each([
    [202, ''],
    [200, ''],
    [204, ''],
    [200, '<html>'],
    [200, '[]'],
    [200, '7'],
    [200, '{"jsonrpc":"2.0","id":2,"result":{}}'],
    [200, '{"jsonrpc":"2.0","id":1}'],
    [200, '{"jsonrpc":"2.0","id":1,"method":"roots/list"}'],
  ])('%i with %j answers nothing, which is told [B-89, B-90]', async (status, body) => {
    const { send, remote } = await modernStage();
    remote.on('tools/call', (exchange) => exchange.json(status, body));
    const { outcome, answers } = await send('tools/call', { params: { name: 'x' } });
    expect(outcome).toMatchObject({ kind: 'failed', mayHaveRun: true, error: { reason: 'invalid-answer' } });
    expect(answers).toEqual([]);
  });

  test('404 without JSON is about the URL, and no other transport is tried [M-33]', async () => {
    const { send, remote } = await modernStage();
    remote.on('x', (exchange) => exchange.status(404));
    expect((await send('x')).outcome).toMatchObject({ kind: 'failed', error: { details: { status: 404 } } });
    expect(remote.requests).toHaveLength(1);
  });
});

describe('the stream of a request', () => {
  test('brings what belongs to it and then the answer; the server asks nothing [M-26, M-27, M-82]', async () => {
    const { send, sink, remote } = await modernStage();
    const progress = { jsonrpc: '2.0', method: 'notifications/progress', params: { progressToken: 1 } };
    remote.on('tools/call', (exchange) => {
      const stream = exchange.sse().raw(': alive\n\n').send(progress);
      stream.send({ jsonrpc: '2.0', id: 1, method: 'sampling/createMessage', params: {} });
      stream.send({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 1 } });
      stream.send({ no: 'message' }).raw('data: <html>\n\n');
      stream.send(resultOf(9, 'stray')).send(resultOf(1, 'mine')).end();
    });
    const { outcome, answers } = await send('tools/call', { params: { name: 'x' } });
    expect(outcome).toEqual({ kind: 'done' });
    expect(answers).toEqual([resultOf(1, 'mine')]);
    expect(sink.texts.slice(0, 2).map((text) => JSON.parse(text))).toMatchObject([progress, {}]);
    const kinds = sink.messages.map((message) => ('method' in message ? message.method : message.kind));
    expect(kinds).toEqual(['notifications/progress', 'invalid', 'response']);
    expect(remote.requests).toHaveLength(1);
  });

  test.each([
    'server/discover',
    'tools/list',
    'prompts/list',
    'resources/list',
    'resources/templates/list',
    'resources/read',
    'prompts/get',
    'completion/complete',
    'tasks/get',
  ])(
    'of %s that broke: it is asked again under a new id, which nobody notices [M-39, M-40]',
    async (method) => {
      for (const id of [1, '1']) {
        const { send, remote } = await modernStage();
        remote.once(method, (exchange) => exchange.sse().send('', { id: '5' }).drop());
        remote.on(method, (exchange) => exchange.sseResult({ ok: true }));
        const { outcome, answers } = await send(method, { id });
        expect(outcome).toEqual({ kind: 'done' });
        expect(answers).toEqual([resultOf(id, { ok: true })]);
        expect(remote.requests.map(({ method, message }) => [method, message?.id])).toEqual([
          ['POST', id],
          ['POST', 'own-1'],
        ]);
      }
    },
  );

  test.each(['tools/call', 'tasks/update', 'tasks/cancel', 'x/list-all', 'x/list', 'future/read'])(
    'of %s that broke: it may have run, and is not run twice [M-40, B-85]',
    async (method) => {
      const { send, remote } = await modernStage();
      remote.on(method, (exchange) => exchange.sse().send('', { id: '5' }).drop());
      const { outcome } = await send(method);
      expect(outcome).toMatchObject({ kind: 'failed', mayHaveRun: true, error: { reason: 'stream-lost' } });
      expect(outcome.kind === 'failed' && outcome.error.message).toMatch(/may or may not have run/);
      expect(remote.requests).toHaveLength(1);
    },
  );

  test('that broke twice is an error [B-89]', async () => {
    const { send, remote } = await modernStage();
    remote.on('tools/list', (exchange) => exchange.sse().end());
    expect((await send('tools/list')).outcome).toMatchObject({ error: { reason: 'stream-lost' } });
    expect(remote.requests).toHaveLength(2);
  });

  test('that stays open after the answer keeps nobody waiting, the second one neither [B-89]', async () => {
    const { start, remote } = await modernStage();
    remote.once('tools/list', (exchange) => exchange.sse().drop());
    remote.on('tools/list', (exchange) => {
      exchange.sse().send(resultOf(exchange.id, { tools: [] }));
    });
    const begun = performance.now();
    await start(askModern('tools/list'));
    expect(performance.now() - begun).toBeLessThan(1_500);
  });

  test('an error that the second try brings is the answer', async () => {
    const { send, remote } = await modernStage();
    remote.once('resources/read', (exchange) => exchange.sse().drop());
    remote.on('resources/read', (exchange) => exchange.error(-32602, 'gone'));
    expect((await send('resources/read', { id: 'r' })).answers).toMatchObject([{ id: 'r', error: {} }]);
  });
});

describe('an answer that was cut', () => {
  const cuts: [string, (exchange: Exchange) => unknown][] = [
    ['before its headers', (exchange) => exchange.drop()],
    ['by a reset', (exchange) => exchange.reset()],
    [
      'within its JSON',
      (exchange) => {
        exchange.response.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': 100 });
        exchange.response.write('{"jsonrpc"', () => exchange.response.socket?.destroy());
      },
    ],
  ];

  test.each(cuts)('%s: what only reads is asked again under a new id [M-39, M-40]', async (_, cut) => {
    const { send, remote } = await modernStage();
    remote.once('resources/read', (exchange) => void cut(exchange));
    remote.on('resources/read', (exchange) => exchange.result('here'));
    expect((await send('resources/read')).answers).toEqual([resultOf(1, 'here')]);
    expect(remote.requests.map(({ message }) => message?.id)).toEqual([1, 'own-1']);
  });

  test.each(cuts)('%s: a call is not run twice [M-40]', async (_, cut) => {
    const { send, remote } = await modernStage();
    remote.on('tools/call', (exchange) => void cut(exchange));
    const { outcome } = await send('tools/call');
    expect(outcome).toMatchObject({ kind: 'failed', mayHaveRun: true });
    expect(remote.requests).toHaveLength(1);
  });
});
