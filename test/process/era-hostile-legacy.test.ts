import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import type { BridgeProcess } from '../support/bridge-process.ts';
import {
  able,
  ask,
  callEcho,
  expectAlive,
  expectModernCode,
  form,
  legacyRemote,
  modernClient,
  taken,
} from '../support/era-hostile.ts';
import { textResult } from '../support/fake-answers.ts';
import type { EventStream, Exchange } from '../support/fake-exchange.ts';
import type { FakeRemote } from '../support/fake-remote.ts';
import type { Message } from '../support/json-rpc.ts';
import { modernParams } from '../support/modern-params.ts';
import { until } from '../support/wait.ts';

/** Legacy servers that misbehave toward a modern client (checklist 3.5). */

function question(id: unknown, params: object = form, method = 'elicitation/create'): object {
  return { jsonrpc: '2.0', id, method, params };
}

function accepts(answer: Message): Record<string, unknown> {
  const keys = Object.keys(answer.result.inputRequests);
  const inputResponses = Object.fromEntries(keys.map((key) => [key, { action: 'accept', content: {} }]));
  return { requestState: answer.result.requestState, inputResponses };
}

/** What the server was answered, by the ids of its questions. */
function repliesTo(remote: FakeRemote): Map<unknown, Message> {
  return new Map(remote.of('response').map(({ message }) => [message?.id, message as Message]));
}

/** A server that asks once in each call, and answers it when told to. */
async function askingRemote(then: (stream: EventStream, exchange: Exchange) => void) {
  const remote = await legacyRemote((exchange) => {
    const stream = exchange.sse().send(question(`ask-${taken(remote).length}`));
    then(stream, exchange);
  });
  return remote;
}

async function lines(bridge: BridgeProcess): Promise<Message[]> {
  await expectAlive(bridge, true);
  return bridge.messages;
}

describe('requests of the server', () => {
  test('in a flood during one call are shown in part, and the rest is refused [B-60]', async () => {
    let stream: EventStream | undefined;
    const remote = await legacyRemote(async (exchange) => {
      stream = exchange.sse();
      for (let id = 0; id < 1_000; id++) await stream.flood(`data: ${JSON.stringify(question(id))}\n\n`);
    });
    const bridge = modernClient(remote);
    const first = await callEcho(bridge);
    expect(Object.keys(first.result.inputRequests)).toHaveLength(64);
    await until('the refusals that fit', () => remote.of('response').length >= 64);
    expect(new Set([...repliesTo(remote).values()].map(({ error }) => error?.code))).toEqual(
      new Set([-32603]),
    );
    const again = callEcho(bridge, accepts(first));
    await until(
      'the answers',
      () => [...repliesTo(remote).values()].filter(({ result }) => result).length === 64,
    );
    stream?.send({ jsonrpc: '2.0', id: taken(remote)[0]?.message?.id, result: textResult('done') }).end();
    expect((await again).result.content[0].text).toBe('done');
    expect(taken(remote)).toHaveLength(1);
    expect(remote.connections).toBeLessThan(80);
  });

  test("on the session's stream belong to the one call in flight, and to none of two [B-65]", async () => {
    let session: EventStream | undefined;
    const open: Exchange[] = [];
    const remote = await legacyRemote((exchange) => {
      open.push(exchange);
    });
    remote.on('GET', (exchange) => {
      session = exchange.sse();
    });
    const bridge = modernClient(remote);
    await expectAlive(bridge, true);
    await until('the stream', () => session);
    for (const [id, method, code] of [
      ['e', 'elicitation/create', -32602],
      ['s', 'sampling/createMessage', -32602],
      ['r', 'roots/list', -32601],
      ['x', 'x/unknown', -32601],
    ] as const) {
      session?.send(question(`idle-${id}`, {}, method));
      const reply = await until('a reply', () => repliesTo(remote).get(`idle-${id}`));
      expect(reply.error?.code).toBe(code);
    }
    const one = callEcho(bridge);
    await until('a call', () => taken(remote).length === 1);
    session?.send(question('one'));
    expect((await one).result.resultType).toBe('input_required');
    const retried = callEcho(bridge, accepts(await one));
    const two = callEcho(bridge);
    await until('two calls', () => taken(remote).length === 2);
    session?.send(question('two'));
    expect((await until('a reply', () => repliesTo(remote).get('two'))).error?.code).toBe(-32602);
    for (const exchange of open) exchange.result(textResult('done'));
    for (const answer of [await retried, await two]) expect(answer.result.content[0].text).toBe('done');
  });

  test('under one id twice are two, each with an answer of its own kind', async () => {
    const remote = await legacyRemote((exchange) => {
      const stream = exchange.sse().send(question(1)).send(question(1)).send(question('1'));
      remote.on('response', (response) => {
        response.status(202);
        if (remote.of('response').length === 3)
          stream.send({ jsonrpc: '2.0', id: exchange.id, result: textResult('done') }).end();
      });
    });
    const bridge = modernClient(remote);
    const first = await callEcho(bridge);
    expect(Object.keys(first.result.inputRequests)).toHaveLength(3);
    expect((await callEcho(bridge, accepts(first))).result.content[0].text).toBe('done');
    expect(
      remote
        .of('response')
        .map(({ message }) => message?.id)
        .sort(),
    ).toEqual([1, 1, '1'].sort());
  });

  test('that it takes back are asked no more, whatever the client answers', async () => {
    const remote = await askingRemote((stream, exchange) => {
      setTimeout(
        () =>
          stream.send({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 'ask-1' } }),
        100,
      );
      setTimeout(
        () => stream.send({ jsonrpc: '2.0', id: exchange.id, result: textResult('done') }).end(),
        400,
      );
    });
    const bridge = modernClient(remote);
    const first = await callEcho(bridge);
    await delay(200);
    expect((await callEcho(bridge, accepts(first))).result.content[0].text).toBe('done');
    expect(remote.of('response')).toEqual([]);
    expect(taken(remote)).toHaveLength(1);
  });

  test('a flood of pings is answered as far as there is room, and the call goes on', async () => {
    const remote = await legacyRemote(async (exchange) => {
      const stream = exchange.sse();
      for (let id = 0; id < 5_000; id++)
        await stream.flood(`data: ${JSON.stringify(question(id, {}, 'ping'))}\n\n`);
      stream.send({ jsonrpc: '2.0', id: exchange.id, result: textResult('done') }).end();
    });
    const bridge = modernClient(remote);
    expect((await callEcho(bridge)).result.content[0].text).toBe('done');
    expect(remote.connections).toBeLessThan(100);
    await expectAlive(bridge, true);
  });
});

describe('a call that waits for the client', () => {
  test('is over when the session is, and is not run again; its id shows nowhere [B-62] [B-71] [B-92]', async () => {
    const remote = await askingRemote(() => {});
    const bridge = modernClient(remote);
    const first = await callEcho(bridge);
    remote.cutConnections();
    let isGone = true;
    for (const what of ['response', 'tools/list'])
      remote.on(what, (exchange) => {
        if (isGone && exchange.request.headers['mcp-session-id'] === 'session-1') return exchange.status(404);
        isGone = false;
        exchange.result({ tools: [] });
      });
    const answer = await callEcho(bridge, accepts(first));
    expect(answer.error ?? answer.result.isError).toBeTruthy();
    expect(taken(remote)).toHaveLength(1);
    expect((await callEcho(bridge, accepts(first))).error?.code, 'used').toBe(-32602);
    await expectAlive(bridge, true);
  });

  test('may be cancelled while the server is silent after the answers, which is told and answers all the same [B-63] [M-44]', async () => {
    let answer = (): void => {};
    const remote = await askingRemote((stream, exchange) => {
      answer = () => void stream.send({ jsonrpc: '2.0', id: exchange.id, result: textResult('late') });
    });
    const bridge = modernClient(remote);
    const first = await callEcho(bridge);
    bridge.send({
      jsonrpc: '2.0',
      id: 'r',
      method: 'tools/call',
      params: modernParams({ name: 'echo', arguments: {}, ...accepts(first) }, able),
    });
    await remote.next('response');
    bridge.notify('notifications/cancelled', { requestId: 'r' });
    const told = await remote.next('notifications/cancelled');
    expect(told.message?.params.requestId).toBe(taken(remote)[0]?.message?.id);
    answer();
    expect((await lines(bridge)).filter(({ id }) => id === 'r')).toEqual([]);
  });

  test('is given up with --request-timeout where the server never answers [B-89]', async () => {
    const remote = await askingRemote(() => {});
    const bridge = modernClient(remote, { args: ['--request-timeout', '1'] });
    const first = await callEcho(bridge);
    const answer = await callEcho(bridge, accepts(first));
    expect(answer.error?.data.reason).toBe('timeout');
    await remote.next('notifications/cancelled');
  });

  test('hears nothing but its own progress and its own log [B-66] [B-87] [M-81]', async () => {
    const remote = await legacyRemote(
      async (exchange) => {
        const stream = exchange.sse();
        const token = exchange.request.message?.params._meta?.progressToken;
        for (const progressToken of ['foreign', 0, null, token])
          stream.send({
            jsonrpc: '2.0',
            method: 'notifications/progress',
            params: { progressToken, progress: 1 },
          });
        for (let index = 0; index < 2_000; index++)
          stream.send({
            jsonrpc: '2.0',
            method: 'notifications/message',
            params: { level: 'debug', data: index },
          });
        for (const level of ['error', 'none', 5, undefined])
          stream.send({ jsonrpc: '2.0', method: 'notifications/message', params: { level, data: 'x' } });
        stream.send({ jsonrpc: '2.0', id: exchange.id, result: textResult('done') }).end();
      },
      { capabilities: { logging: {} } },
    );
    const bridge = modernClient(remote);
    const meta = { progressToken: 'mine', 'io.modelcontextprotocol/logLevel': 'error' };
    await ask(bridge, 'tools/call', { name: 'echo' }, meta);
    const own = bridge.messages.filter(({ method }) => method !== undefined);
    expect(own.map(({ params }) => params.progressToken ?? params.level)).toEqual(['mine', 'error']);
    await callEcho(bridge);
    expect(
      bridge.messages.filter(({ method }) => method !== undefined),
      "nothing without a word of the client's",
    ).toHaveLength(2);
  });
});

describe('answers', () => {
  test("that want pages visited for ever are ended, and those that the client can't show are refused [B-68]", async () => {
    const pages = {
      elicitations: [{ mode: 'url', url: 'https://example.com', message: 'go', elicitationId: 'e' }],
    };
    const remote = await legacyRemote((exchange) => exchange.error(-32042, 'visit', pages));
    const bridge = modernClient(remote);
    let answer = await callEcho(bridge);
    let rounds = 0;
    for (; answer.result; rounds++) answer = await callEcho(bridge, accepts(answer));
    expect(rounds).toBe(8);
    expectModernCode(answer);
    const refused = await ask(bridge, 'tools/call', { name: 'echo' }, {}, { elicitation: {} });
    expect(refused.error?.code).toBe(-32021);
    for (const method of ['tools/list', 'completion/complete']) {
      remote.on(method, (exchange) => exchange.error(-32042, 'visit', pages));
      expectModernCode(await ask(bridge, method));
    }
  });

  const codes = [
    -32700,
    -32603,
    -32602,
    -32601,
    -32600,
    -32099,
    -32050,
    -32042,
    -32022,
    -32021,
    -32020,
    -32019,
    -32002,
    -32001,
    -32000,
    -31999,
    -1,
    0,
    1.5,
    'x',
    null,
    1e300,
  ];

  test("with errors of any code, at any status, bear no code that is not the modern era's [M-35] [M-37]", async () => {
    const remote = await legacyRemote((exchange) => {
      const { code, status } = exchange.request.message?.params.arguments ?? {};
      const error = { code, message: 'no', data: 'text' };
      exchange.json(status, { jsonrpc: '2.0', id: exchange.id, error });
    });
    const bridge = modernClient(remote);
    for (const code of codes) {
      for (const status of [200, 400, 500]) {
        const answer = await ask(bridge, 'tools/call', { name: 'echo', arguments: { code, status } });
        expect(Number.isInteger(answer.error?.code), `${code} at ${status}: ${JSON.stringify(answer)}`).toBe(
          true,
        );
        expectModernCode(answer);
        if (
          typeof code === 'number' &&
          code > -32020 &&
          Number.isInteger(code) &&
          code !== -32002 &&
          status === 200
        )
          expect(answer.error?.code).toBe(code);
      }
    }
  });

  test.each([-32050, -32002, -32042])(
    'to initialize with the error %d bear no such code either [M-35]',
    async (code) => {
      for (const status of [200, 400]) {
        const remote = await legacyRemote(() => {});
        remote.on('initialize', (exchange) =>
          exchange.json(status, { jsonrpc: '2.0', id: exchange.id, error: { code, message: 'no' } }),
        );
        remote.on('server/discover', (exchange) => exchange.error(-32601, 'no'));
        const bridge = modernClient(remote, { args: ['--transport', 'http'] });
        for (const method of ['server/discover', 'tools/list']) {
          const answer = await ask(bridge, method);
          expect(answer.error, JSON.stringify(answer)).toBeDefined();
          expectModernCode(answer);
        }
      }
    },
  );

  test('of a server that takes the modern form bear no such code either, and the call is not run again [M-35] [M-40]', async () => {
    const remote = await legacyRemote((exchange) => exchange.error(-32050, 'no'), { gate: () => false });
    for (const method of ['tools/call', 'prompts/get']) {
      remote.on(method, (exchange) => exchange.error(-32050, 'no'));
      const answer = await ask(modernClient(remote), method, { name: 'echo' });
      expect(answer.error).toMatchObject({ code: -32603, data: { originalCode: -32050 } });
      expect(remote.of(method)).toHaveLength(1);
    }
  });

  test('of wrong types, empty, or accepted and never given are errors or results, once each [B-89] [B-90]', async () => {
    const bodies = ['', '{}', '[]', 'null', '"x"', '<html>', '{"jsonrpc":"2.0"}'];
    const results = ['"text"', '[1]', 'null', '5', '{"content":"x"}', '{}'];
    const remote = await legacyRemote((exchange) => {
      const { index, status } = exchange.request.message?.params.arguments ?? {};
      if (status === 202) return exchange.status(202);
      if (index < bodies.length) return exchange.json(200, bodies[index]);
      exchange.json(
        200,
        `{"jsonrpc":"2.0","id":${JSON.stringify(exchange.id)},"result":${results[index - bodies.length]}}`,
      );
    });
    const bridge = modernClient(remote);
    for (let index = 0; index < bodies.length + results.length; index++) {
      const { result, error } = await ask(bridge, 'tools/call', { name: 'echo', arguments: { index } });
      if (index < bodies.length + 4) expect(error, bodies[index]).toBeDefined();
      else expect(result).toMatchObject({ resultType: 'complete', content: [] });
    }
    expect(
      (await ask(bridge, 'tools/call', { name: 'echo', arguments: { status: 202 } })).error?.data.reason,
    ).toBe('invalid-answer');
    expect(taken(remote), 'once each').toHaveLength(bodies.length + results.length + 1);
    await expectAlive(bridge, true);
  });
});
