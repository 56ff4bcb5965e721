import { describe, expect, test } from 'vitest';
import type { BridgeProcess } from '../support/bridge-process.ts';
import {
  able,
  ask,
  callEcho,
  form,
  legacyClient,
  legacyRemote,
  modernClient,
  modernRemote,
  taken,
} from '../support/era-hostile.ts';
import { textResult } from '../support/fake-answers.ts';
import { fakeTool } from '../support/fake-modern.ts';
import type { FakeRemote } from '../support/fake-remote.ts';
import type { Message } from '../support/json-rpc.ts';
import { modernParams } from '../support/modern-params.ts';

/** Duties that hold in every pairing of the two eras. */

const done = { resultType: 'complete', ...textResult('done') };
const question = { method: 'elicitation/create', params: form };

/** The three pairings that the bridge has a part in, each with what asks in the client's own form. */
async function pairings(): Promise<
  [string, FakeRemote, (method: string, params: object) => Promise<Message>][]
> {
  const [modern, legacy] = [
    await modernRemote((exchange) => exchange.result(done)),
    await legacyRemote((exchange) => exchange.result(textResult('done'))),
  ];
  const own = (bridge: BridgeProcess) => (method: string, params: object) =>
    ask(
      bridge,
      method,
      params as Record<string, unknown>,
      (params as { _meta?: Record<string, unknown> })._meta,
    );
  const old = await legacyClient(modern);
  return [
    ['legacy to modern', modern, (method, params) => old.request(method, params)],
    ['modern to modern', modern, own(modernClient(modern))],
    ['modern to legacy', legacy, own(modernClient(legacy))],
  ];
}

test('what others have put into _meta stays there [M-87] [B-29] [B-80]', async () => {
  const meta = {
    traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
    tracestate: 'a=b',
    baggage: 'c=d',
    'com.example/own': { deep: [1, null] },
  };
  for (const [pairing, remote, request] of await pairings()) {
    await request('tools/call', { name: 'echo', _meta: meta });
    const { _meta } =
      taken(remote).at(-1)?.message?.params ?? remote.of('tools/call').at(-1)?.message?.params ?? {};
    expect(_meta, pairing).toMatchObject(meta);
  }
});

test('schemas pass as they are, and nothing that they refer to is fetched [M-41]', async () => {
  for (const [pairing, remote, request] of await pairings()) {
    const schema = {
      $schema: 'https://json-schema.org/draft/2020-12/schema',
      $id: `${remote.origin}/schema`,
      $dynamicAnchor: 'a',
      type: 'object',
      properties: { a: { $ref: `${remote.origin}/other.json#/$defs/x` }, b: { $dynamicRef: '#a' } },
      prefixItems: [{ contentMediaType: 'application/json', contentSchema: true }],
      dependentRequired: { a: ['b'] },
      unevaluatedProperties: false,
      minContains: 9007199254740991,
    };
    const tool = {
      name: 't',
      inputSchema: schema,
      outputSchema: schema,
      icons: [{ src: `${remote.origin}/i.png` }],
    };
    const list = { resultType: 'complete', ttlMs: 0, cacheScope: 'private', tools: [tool] };
    remote.on('tools/list', (exchange) => exchange.result(list));
    const { result } = await request('tools/list', {});
    expect(result.tools, pairing).toEqual([tool]);
    const fetched = remote.requests.filter(({ path }) => path !== '/mcp');
    expect(fetched, pairing).toEqual([]);
  }
});

test('nothing is kept in place of asking the server, whatever it says of its lists [M-76] [M-77] [M-78] [M-79]', async () => {
  for (const [pairing, remote, request] of await pairings()) {
    const before = remote.of('tools/list').length;
    for (const ttlMs of [3_600_000, -1, 'x', undefined]) {
      remote.on('tools/list', (exchange) =>
        exchange.result({ resultType: 'complete', ttlMs, cacheScope: 'public', tools: [] }),
      );
      const { result } = await request('tools/list', {});
      if (pairing === 'modern to modern') expect(result.ttlMs).toBe(ttlMs);
      if (pairing === 'legacy to modern') expect(result).toEqual({ tools: [] });
    }
    expect(remote.of('tools/list').length - before, pairing).toBeGreaterThanOrEqual(4);
  }
});

describe('a retry', () => {
  test('has all headers again, made from the arguments of the call [M-62]', async () => {
    const tools = [fakeTool('Ünicode tool', { region: { type: 'string', 'x-mcp-header': 'Region' } })];
    const remote = await modernRemote((exchange) => {
      const isFirst = exchange.request.message?.params.inputResponses === undefined;
      const asked = { resultType: 'input_required', inputRequests: { a: question }, requestState: 's' };
      exchange.result(isFirst ? asked : done);
    }, tools);
    const bridge = await legacyClient(remote);
    await bridge.request('tools/list');
    const answered = bridge.callTool('Ünicode tool', { region: 'eu west' });
    const { id } = await bridge.nextMessage(({ method }) => method === 'elicitation/create');
    bridge.send({ jsonrpc: '2.0', id, result: { action: 'accept', content: {} } });
    await answered;
    const [first, second] = remote.of('tools/call').map(({ headers }) => headers);
    for (const name of ['mcp-protocol-version', 'mcp-method', 'mcp-name', 'mcp-param-region']) {
      expect(first?.[name], name).toBeDefined();
      expect(second?.[name], name).toBe(first?.[name]);
    }
    expect(second?.['mcp-param-region']).toBe('eu west');
  });

  test('brings what is not to be kept [M-61]', async () => {
    const remote = await legacyRemote(() => {});
    let answer = (_: object): void => {};
    remote
      .on('resources/read', (exchange) => {
        const stream = exchange.sse().send({ jsonrpc: '2.0', id: 1, ...question });
        answer = (result) => stream.send({ jsonrpc: '2.0', id: exchange.id, result }).end();
      })
      .on('response', (exchange) => {
        exchange.status(202);
        answer({ contents: [], ttlMs: 5_000, cacheScope: 'public' });
      });
    const bridge = modernClient(remote);
    const { result } = await ask(bridge, 'resources/read', { uri: 'a:b' });
    expect(result).not.toHaveProperty('ttlMs');
    const inputResponses = { [Object.keys(result.inputRequests)[0] as string]: { action: 'decline' } };
    const retried = await ask(bridge, 'resources/read', {
      uri: 'a:b',
      requestState: result.requestState,
      inputResponses,
    });
    expect(retried.result).toMatchObject({ contents: [], ttlMs: 0, cacheScope: 'private' });
  });
});

test('names of headers are the same in any case, and their values are not [M-13]', async () => {
  const remote = await modernRemote(({ response, id }) => {
    response.writeHead(200, { 'CONTENT-TYPE': 'Text/Event-Stream; charset=UTF-8' });
    response.end(`data: ${JSON.stringify({ jsonrpc: '2.0', id, result: done })}\n\n`);
  });
  const bridge = modernClient(remote);
  expect((await callEcho(bridge, { name: 'EcHo' })).result.content[0].text).toBe('done');
  const { headers } = await remote.next('tools/call');
  expect(headers).toMatchObject({ 'mcp-name': 'EcHo', 'mcp-method': 'tools/call' });
});

test('each request says by itself what the client is, and no name of it changes anything [M-01] [M-52]', async () => {
  const remote = await modernRemote((exchange) => exchange.result(done));
  const bridge = modernClient(remote);
  const key = 'io.modelcontextprotocol/clientInfo';
  for (const [capabilities, name] of [
    [able, 'one'],
    [{}, 'mcp-drawbridge'],
    [{ roots: {} }, 'x'.repeat(10_000)],
  ] as const) {
    const { result } = await ask(
      bridge,
      'tools/call',
      { name: 'echo' },
      { [key]: { name, version: '' } },
      capabilities,
    );
    expect(result).toEqual(done);
    const { _meta } = remote.of('tools/call').at(-1)?.message?.params ?? {};
    expect(_meta).toMatchObject({
      [key]: { name },
      'io.modelcontextprotocol/clientCapabilities': capabilities,
    });
  }
});

test('the rounds of a modern server and a modern client are theirs alone, byte for byte [B-83] [B-84] [M-57]', async () => {
  const requests = Array.from(
    { length: 1_000 },
    (_, index) => `"q${index}":{"method":"x/unknown","n":9007199254740993}`,
  );
  const result = `{"resultType" : "input_required","inputRequests":{"__proto__":{},"":null,${requests.join(',')}},"requestState":"\\u0041\\/${'é'.repeat(100_000)}"}`;
  const remote = await modernRemote((exchange) => {
    exchange.json(200, `{"jsonrpc":"2.0","id":${JSON.stringify(exchange.id)},"result":${result}}`);
  });
  const bridge = modernClient(remote);
  const { id } = await callEcho(bridge);
  expect(bridge.stdout.lines.at(-1) === `{"jsonrpc":"2.0","id":${id},"result":${result}}`).toBe(true);
  const meta = JSON.stringify(modernParams()._meta);
  const retry = `{"jsonrpc":"2.0","id":"r","method":"tools/call","params":{"name":"echo","requestState":"\\u0041\\/","inputResponses":{"__proto__":1,"":{}},"_meta":${meta}}}`;
  await bridge.ask(retry, 'r');
  expect(remote.of('tools/call').at(-1)?.body).toBe(retry);
  await callEcho(bridge);
  expect(remote.of('tools/call').at(-1)?.body, 'nothing of it in another request').not.toContain(
    'requestState',
  );
});

test('the credential shows nowhere, also where a server repeats it in what it refuses by [B-92]', async () => {
  const token = 'tok-5f0c2a9e7d314b68';
  const secrets = [token, 'session-1'];
  const answers: [number, string, string][] = [
    [
      400,
      'application/json',
      JSON.stringify({
        jsonrpc: '2.0',
        id: null,
        error: { code: -32602, message: `bad ${token}`, data: { a: [token] } },
      }),
    ],
    [400, 'text/html', `<html>Bearer ${token}</html>`],
    [500, 'application/json', JSON.stringify({ request_id: token, error: `Bearer ${token}` })],
    [403, 'application/json', JSON.stringify({ error: token })],
    [200, 'text/html', token],
  ];
  for (const isModern of [true, false]) {
    const remote = isModern ? await modernRemote(() => {}) : await legacyRemote(() => {});
    remote.on('tools/call', (exchange) => {
      const [status, type, body] = answers[exchange.request.message?.params.arguments.index] ?? [404, '', ''];
      exchange.body(status, body, { 'Content-Type': type });
    });
    const options = { args: ['--header', `Authorization: Bearer ${token}`, '--log-level', 'trace'], secrets };
    for (const bridge of [modernClient(remote, options), await legacyClient(remote, {}, options)]) {
      const isOld = bridge.messages.length > 0;
      for (const index of answers.keys()) {
        const { error, result } = await (isOld
          ? bridge.callTool('echo', { index })
          : callEcho(bridge, { arguments: { index } }));
        expect(error ?? result.isError).toBeTruthy();
      }
    }
    expect(remote.of('tools/call').at(-1)?.headers.authorization).toBe(`Bearer ${token}`);
  }
});
