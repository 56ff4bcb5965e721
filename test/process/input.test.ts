import { describe, expect, test } from 'vitest';
import { type BridgeProcess, startBridge } from '../support/bridge-process.ts';
import { type FakeRemote, startFakeRemote } from '../support/fake-remote.ts';
import { initializeParams } from '../support/json-rpc.ts';

async function connected(): Promise<{ remote: FakeRemote; bridge: BridgeProcess }> {
  const remote = await startFakeRemote();
  const bridge = startBridge(remote.url);
  await bridge.initialize();
  await remote.next('GET');
  return { remote, bridge };
}

/** Sends what must not be forwarded, gives its answer, and checks that the bridge goes on. */
async function refusal(line: string | Uint8Array, id: string | number | null = null) {
  const { remote, bridge } = await connected();
  const before = remote.requests.length;
  bridge.sendRaw(line);
  bridge.sendRaw('\n');
  const answer = await bridge.answer(id);
  expect(remote.requests).toHaveLength(before);
  expect(await bridge.request('tools/list')).toHaveProperty('result');
  expect(remote.requests).toHaveLength(before + 1);
  return answer;
}

describe('what is no JSON is answered -32700 with id null, and the next request works [I1, T92, 82]', () => {
  test.each<[string, string | Buffer]>([
    ['cut short', '{not json'],
    ['a bare word', 'hello'],
    ['two messages on a line', '{"jsonrpc":"2.0","method":"a"}{"jsonrpc":"2.0","method":"b"}'],
    ['a lone brace', '{'],
    ['a trailing comma', '{"jsonrpc":"2.0","id":90,"method":"ping",}'],
    ['a control character in a string', '{"jsonrpc":"2.0","id":90,"method":"a\u0001"}'],
    ['a NUL between', '{"jsonrpc":"2.0",\u0000"id":90,"method":"ping"}'],
  ])('%s', async (_, line) => {
    expect(await refusal(line)).toMatchObject({ id: null, error: { code: -32700 } });
  });

  test.each<[string, number[]]>([
    ['a lone continuation byte [T94, 84]', [0x80]],
    ['a sequence cut short', [0xc3]],
    ['an overlong slash', [0xc0, 0xaf]],
    ['a surrogate', [0xed, 0xa0, 0x80]],
    ['beyond Unicode', [0xf5, 0x80, 0x80, 0x80]],
  ])('invalid UTF-8: %s', async (_, bytes) => {
    const line = Buffer.concat([
      Buffer.from('{"jsonrpc":"2.0","id":90,"method":"tools/call","params":{"name":"'),
      Buffer.from(bytes),
      Buffer.from('"}}'),
    ]);
    expect(await refusal(line)).toMatchObject({ id: null, error: { code: -32700 } });
  });
});

describe('JSON that is no JSON-RPC message is answered -32600 [82]', () => {
  test.each([
    ['a number', '1'],
    ['a string', '"text"'],
    ['null', 'null'],
    ['an empty object', '{}'],
    ['another version', '{"jsonrpc":"1.0","method":"ping"}'],
    ['no version', '{"method":"ping"}'],
    ['a method that is no string', '{"jsonrpc":"2.0","method":7}'],
    ['neither method nor result', '{"jsonrpc":"2.0","foo":1}'],
  ])('%s', async (_, line) => {
    expect((await refusal(line)).error?.code).toBe(-32600);
  });

  test.each([
    ['a fraction', '1.5'],
    ['null', 'null'],
    ['true', 'true'],
    ['an object', '{}'],
    ['an array', '[]'],
    ['2^53+1', '9007199254740993'],
    ['-(2^53+1)', '-9007199254740993'],
    ['1e400', '1e400'],
  ])('an id that is %s [T96, 83, L-10]', async (_, id) => {
    const line = `{"jsonrpc":"2.0","id":${id},"method":"tools/call","params":{"name":"echo"}}`;
    expect(await refusal(line)).toMatchObject({ id: null, error: { code: -32600 } });
  });

  test.each([
    ['a string', '"text"'],
    ['a number', '1'],
    ['true', 'true'],
  ])('params that are %s', async (_, params) => {
    const line = `{"jsonrpc":"2.0","id":90,"method":"tools/list","params":${params}}`;
    expect((await refusal(line, 90)).error?.code).toBe(-32600);
  });
});

describe('ids that are fine come back as they are [T96]', () => {
  test.each([
    ['a positive number', '12'],
    ['a negative number', '-1'],
    ['the largest safe integer', '9007199254740991'],
    ['an empty string', '""'],
    ['a string of a number', '"0"'],
    ['a string with escapes', '"ä \\u0000 \\" x"'],
    ['a string of 10 KB', `"${'k'.repeat(10_000)}"`],
  ])('%s', async (_, id) => {
    const { bridge } = await connected();
    const value = JSON.parse(id) as string | number;
    const answer = await bridge.ask(`{"jsonrpc":"2.0","id":${id},"method":"tools/list"}`, value);
    expect(answer.result.tools).toHaveLength(1);
  });

  test('1 and "1" in flight together are two requests [B-86]', async () => {
    const { remote, bridge } = await connected();
    remote.on('tools/call', (x) => x.result({ type: typeof x.id }));
    const call = (id: string) => `{"jsonrpc":"2.0","id":${id},"method":"tools/call","params":{"name":"x"}}\n`;
    bridge.sendRaw(call('7') + call('"7"'));
    expect((await bridge.answer(7)).result).toEqual({ type: 'number' });
    expect((await bridge.answer('7')).result).toEqual({ type: 'string' });
  });

  test('an id in flight a second time: refused with that id, not forwarded, the first is answered [83, T96]', async () => {
    const { remote, bridge } = await connected();
    let finish = () => {};
    remote.on('tools/call', (exchange) => {
      finish = () => exchange.result({ first: true });
    });
    const line = '{"jsonrpc":"2.0","id":"d","method":"tools/call","params":{"name":"x"}}\n';
    bridge.sendRaw(line);
    await remote.next('tools/call');
    bridge.sendRaw(line);
    expect((await bridge.answer('d')).error?.code).toBe(-32600);
    finish();
    expect((await bridge.answer('d')).result).toEqual({ first: true });
    expect(remote.of('tools/call')).toHaveLength(1);
  });
});

describe('lines in odd forms', () => {
  test('empty lines, blanks, CRLF and a byte order mark are no problem [T92]', async () => {
    const remote = await startFakeRemote();
    const bridge = startBridge(remote.url);
    const initialize = JSON.stringify({
      jsonrpc: '2.0',
      id: 'i',
      method: 'initialize',
      params: initializeParams(),
    });
    bridge.sendRaw(`\ufeff${initialize}\r\n\n\r\n  \n`);
    expect(await bridge.answer('i')).toHaveProperty('result');
    bridge.sendRaw(' {"jsonrpc":"2.0","id":"l","method":"tools/list"} \r\n');
    expect(await bridge.answer('l')).toHaveProperty('result');
    expect(bridge.messages).toHaveLength(2);
  });

  test('a line in single bytes, cut inside letters', async () => {
    const { remote, bridge } = await connected();
    const line = '{"jsonrpc":"2.0","id":"b","method":"tools/call","params":{"name":"é漢🎉"}}\n';
    for (const byte of Buffer.from(line)) bridge.sendRaw(Buffer.of(byte));
    expect(await bridge.answer('b')).toHaveProperty('result');
    expect(remote.of('tools/call')[0]?.message?.params.name).toBe('é漢🎉');
  });
});

describe('what is odd but valid is relayed, never met with silence [T97, 85]', () => {
  test.each([
    ['an unknown method', 'experimental/thing', { a: 1 }],
    ['a method of tasks', 'tasks/list', {}],
    ['a method with odd letters', 'weird method/\u00e9', undefined],
    ['an empty method', '', {}],
  ])('%s', async (_, method, params) => {
    const { remote, bridge } = await connected();
    remote.on('POST', (exchange) => exchange.result({ method: exchange.request.message?.method }));
    expect((await bridge.request(method, params)).result).toEqual({ method });
  });

  test('params: null', async () => {
    const { bridge } = await connected();
    const answer = await bridge.ask('{"jsonrpc":"2.0","id":"n","method":"tools/list","params":null}', 'n');
    expect(answer).toHaveProperty('result');
  });

  test('an unknown notification', async () => {
    const { remote, bridge } = await connected();
    bridge.notify('notifications/experimental', { a: 1 });
    expect((await remote.next('notifications/experimental')).message?.params).toEqual({ a: 1 });
  });

  test('initialize a second time, and without params', async () => {
    const { bridge } = await connected();
    expect(await bridge.request('initialize', initializeParams())).toHaveProperty('id');
    expect(await bridge.request('initialize')).toHaveProperty('id');
    expect(await bridge.request('tools/list')).toHaveProperty('result');
  });

  test('answers to requests that nobody made are dropped quietly [T98]', async () => {
    const { remote, bridge } = await connected();
    bridge.send({ jsonrpc: '2.0', id: 'never-asked', result: {} });
    bridge.send({ jsonrpc: '2.0', id: 5, error: { code: 1, message: 'x' } });
    bridge.send({ jsonrpc: '2.0', id: null, error: { code: 1, message: 'x' } });
    await bridge.request('tools/list');
    expect(remote.of('response')).toEqual([]);
    expect(bridge.messages).toHaveLength(2);
    expect(bridge.stderr).toBe('');
  });

  test.each([{ requestId: 'unknown' }, { requestId: null }, {}, undefined])(
    'a cancellation of nothing (%j) is dropped quietly [T98]',
    async (params) => {
      const { bridge } = await connected();
      bridge.notify('notifications/cancelled', params);
      expect(await bridge.request('tools/list')).toHaveProperty('result');
      expect(bridge.stderr).toBe('');
    },
  );

  test('initialize is never cancelled [L-22]', async () => {
    const remote = await startFakeRemote();
    remote.on('initialize', (exchange) => exchange.hang());
    const bridge = startBridge(remote.url);
    bridge.send({ jsonrpc: '2.0', id: 'i', method: 'initialize', params: initializeParams() });
    await remote.next('initialize');
    bridge.notify('notifications/cancelled', { requestId: 'i' });
    bridge.closeStdin();
    await bridge.exitWithin(5000);
    expect(remote.of('notifications/cancelled')).toEqual([]);
  });
});
