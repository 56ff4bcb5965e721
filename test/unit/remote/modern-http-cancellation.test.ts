import { describe, expect, test } from 'vitest';
import { FixedCredentials } from '../../../src/authorization/authorizer.ts';
import { DrawbridgeError } from '../../../src/errors.ts';
import { resultOf } from '../../support/fake-answers.ts';
import type { EventStream, Exchange } from '../../support/fake-exchange.ts';
import { until } from '../../support/wait.ts';
import { askModern, drop, modernStage } from '../helpers/modern-stage.ts';

/** Whether the server has seen the exchange end before it had answered. */
function watch(exchange: Exchange): { closed: boolean } {
  const seen = { closed: false };
  exchange.response.on('close', () => {
    seen.closed = !exchange.response.writableEnded;
  });
  return seen;
}

describe('a request that the client cancels', () => {
  const moments: [string, (exchange: Exchange) => unknown][] = [
    ['before the headers of its answer', (exchange) => exchange.hang()],
    [
      'within its JSON',
      (exchange) => {
        exchange.response.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': 100 });
        exchange.response.write('{"jsonrpc":"2.0","id":1,');
      },
    ],
    ['before the first event of its stream', (exchange) => exchange.sse()],
    [
      'within an event of its stream',
      (exchange) => exchange.sse().raw('id: 1\n\ndata: {"jsonrpc":"2.0","id":1,"result"'),
    ],
    [
      'within the body of an error',
      (exchange) => {
        exchange.response.writeHead(400, { 'Content-Type': 'application/json', 'Content-Length': 100 });
        exchange.response.write('{"jsonrpc":"2.0",');
      },
    ],
  ];

  describe.each(moments)('%s', (_, begin) => {
    test.each(['tools/call', 'tools/list'])(
      '%s: its connection is closed, and that is all [M-42, M-43, M-44]',
      async (method) => {
        const { start, sink, remote } = await modernStage();
        let seen = { closed: false };
        remote.on(method, (exchange) => {
          seen = watch(exchange);
          begin(exchange);
        });
        const asked = askModern(method);
        const ended = start(asked);
        await remote.next(method);
        await new Promise((resolve) => setTimeout(resolve, 50));
        drop(asked.request);
        await ended;
        await until('the end of the exchange', () => seen.closed);
        await new Promise((resolve) => setTimeout(resolve, 50));
        expect(remote.requests).toHaveLength(1); // no POST of the notification, no second try
        expect(asked.answers).toEqual([undefined]);
        expect(sink.messages).toEqual([]);
      },
    );
  });

  test('while its credential is fetched is not sent [M-44]', async () => {
    const authorizer = new FixedCredentials();
    let give: (credential: string) => void = () => {};
    authorizer.credential = () =>
      new Promise((resolve) => {
        give = resolve;
      });
    const { start, remote } = await modernStage({ authorizer });
    const asked = askModern('tools/call');
    const ended = start(asked);
    drop(asked.request);
    give('Bearer t');
    expect(await ended).toEqual({ kind: 'done' });
    expect(remote.requests).toEqual([]);
  });

  test('while the user is asked to sign in does not end the sign-in [B-93]', async () => {
    const authorizer = new FixedCredentials();
    let signIns = 0;
    authorizer.challenged = () => {
      signIns++;
      return new Promise(() => {});
    };
    const { start, remote } = await modernStage({ authorizer });
    remote.on('tools/call', (exchange) => exchange.status(401));
    const asked = askModern('tools/call');
    const ended = start(asked);
    await until('the challenge', () => signIns > 0 && asked.request.abort);
    drop(asked.request);
    expect(await ended).toMatchObject({ kind: 'challenged', error: { message: 'cancelled' } });
    expect(asked.answers).toEqual([undefined]);
  });

  test('after its stream broke is not asked again [M-44]', async () => {
    const { start, remote } = await modernStage();
    const asked = askModern('tools/list');
    remote.on('tools/list', (exchange) => {
      asked.request.cancel();
      exchange.sse().end();
    });
    await start(asked);
    expect(remote.requests).toHaveLength(1);
  });

  test('during the second try is cancelled there too [M-43]', async () => {
    const { start, remote } = await modernStage();
    let seen = { closed: false };
    remote.once('tools/list', (exchange) => exchange.sse().drop());
    remote.on('tools/list', (exchange) => {
      seen = watch(exchange);
      exchange.sse();
    });
    const asked = askModern('tools/list');
    const ended = start(asked);
    await remote.next('tools/list', 2);
    await new Promise((resolve) => setTimeout(resolve, 50));
    drop(asked.request);
    await ended;
    await until('the end of the exchange', () => seen.closed);
  });

  test('leaves the others alone [M-45, M-84]', async () => {
    const { start, remote } = await modernStage();
    const streams = new Map<unknown, EventStream>();
    remote.on('tools/call', (exchange) => {
      streams.set(exchange.id, exchange.sse());
    });
    const [one, two] = [askModern('tools/call', { id: 1 }), askModern('tools/call', { id: '1' })];
    const ended = [start(one), start(two)];
    await until('both', () => streams.size === 2);
    drop(one.request);
    await ended[0];
    streams.get('1')?.send(resultOf('1', 'mine')).end();
    await ended[1];
    expect(two.answers).toEqual([resultOf('1', 'mine')]);
  });
});

describe('the end of the bridge', () => {
  test('ends what is under way, without a word more [M-11]', async () => {
    const { start, transport, remote } = await modernStage();
    remote.on('tools/call', (exchange) => void exchange.sse());
    remote.on('subscriptions/listen', (exchange) => void exchange.sse());
    const ended = [start(askModern('tools/call')), start(askModern('subscriptions/listen', { id: 2 }))];
    await remote.next('POST', 2);
    await transport.close(100);
    const [call, listen] = await Promise.all(ended);
    expect(call).toMatchObject({ kind: 'failed', error: { reason: 'stream-lost' } });
    expect(listen).toEqual({ kind: 'done' });
    expect(remote.requests).toHaveLength(2);
  });
});

describe('a server that talks faster than the client listens', () => {
  test('is not read on until the client is ready [S-40, L-30]', async () => {
    const stage = await modernStage();
    const { sink } = stage;
    let resume: () => void = () => {};
    let waits = 0;
    sink.blocked = true;
    sink.whenReady = (given) => {
      waits++;
      resume = given;
    };
    const notification = {
      jsonrpc: '2.0',
      method: 'notifications/message',
      params: { data: 'x'.repeat(20_000) },
    };
    const event = `data: ${JSON.stringify(notification)}\n\n`;
    let sent = 0;
    stage.remote.on('tools/call', async (exchange) => {
      const stream = exchange.sse();
      while (sent < 3_000 && (await stream.flood(event))) sent++;
      stream.send(resultOf(1, {})).end();
    });
    const asked = askModern('tools/call');
    const ended = stage.start(asked);
    await until('the first pause', () => waits > 0);
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(sink.messages.length).toBeLessThan(100);
    expect(sent).toBeLessThan(3_000);
    sink.blocked = false;
    resume();
    await ended;
    expect(asked.answers).toHaveLength(1);
    expect(sink.messages).toHaveLength(3_001);
  });
});

describe('subscriptions over HTTP', () => {
  const filter = { toolsListChanged: true };
  const acknowledge = (exchange: Exchange) =>
    exchange.sse().send({
      jsonrpc: '2.0',
      method: 'notifications/subscriptions/acknowledged',
      params: {
        notifications: filter,
        _meta: { 'io.modelcontextprotocol/subscriptionId': exchange.id },
      },
    });

  test('are kept through a stream that broke; two of them at a time [M-71, M-73, B-82]', async () => {
    const { start, sink, remote } = await modernStage();
    remote.once('subscriptions/listen', (exchange) => acknowledge(exchange).drop());
    remote.on('subscriptions/listen', (exchange) => void acknowledge(exchange));
    const asked = ['a', 'b'].map((id) =>
      askModern('subscriptions/listen', { id, params: { notifications: filter } }),
    );
    const ended = asked.map(start);
    await remote.next('subscriptions/listen', 3);
    const heard = await until('the word on what was missed', () => sink.texts.length === 3 && sink.texts);
    expect(heard.map((text) => JSON.parse(text).params._meta)).toEqual(
      expect.arrayContaining([
        { 'io.modelcontextprotocol/subscriptionId': 'a' },
        { 'io.modelcontextprotocol/subscriptionId': 'b' },
      ]),
    );
    expect(new Set(remote.requests.map(({ message }) => message?.id)).size).toBe(3);
    for (const { request } of asked) drop(request);
    expect(await Promise.all(ended)).toEqual([{ kind: 'done' }, { kind: 'done' }]);
  });

  test('that are too many are answered by the error of the server [M-73, M-31]', async () => {
    const { send, remote } = await modernStage();
    const error = { code: -32603, message: 'too many' };
    remote.on('subscriptions/listen', (exchange) => exchange.json(400, { jsonrpc: '2.0', id: null, error }));
    expect((await send('subscriptions/listen')).outcome).toMatchObject({ answer: { code: -32603 } });
    remote.on('subscriptions/listen', (exchange) => exchange.error(error.code, error.message));
    const { answers } = await send('subscriptions/listen', { id: 's' });
    expect(answers).toEqual([{ jsonrpc: '2.0', id: 's', error }]);
  });

  test("an answer to something else on their stream is nobody's [M-26]", async () => {
    const { start, sink, remote } = await modernStage();
    remote.on('subscriptions/listen', (exchange) => {
      acknowledge(exchange).send(resultOf('call', 'stray')).send({ jsonrpc: '2.0', id: 's', method: 'ping' });
    });
    remote.on('tools/call', (exchange) => exchange.hang());
    const call = askModern('tools/call', { id: 'call' });
    const listen = askModern('subscriptions/listen', { id: 's' });
    sink.requests.set('call', call.request);
    const ended = [start(call), start(listen)];
    await until('the acknowledgement', () => sink.messages.length > 0);
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(call.answers).toEqual([]);
    expect(sink.messages).toHaveLength(1);
    for (const { request } of [call, listen])
      request.drop(new DrawbridgeError('shutting-down', 'The test is over.'));
    await Promise.all(ended);
  });
});
