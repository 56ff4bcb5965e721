import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { expectBridgeError } from '../support/bridge-error.ts';
import { type BridgeProcess, startBridge } from '../support/bridge-process.ts';
import { resultOf, textResult } from '../support/fake-answers.ts';
import type { Exchange } from '../support/fake-exchange.ts';
import { type FakeRemote, startFakeRemote } from '../support/fake-remote.ts';
import { initializeParams } from '../support/json-rpc.ts';
import { memoryOf } from '../support/processes.ts';

const MB = 1_000_000;

async function connected(args: string[] = []): Promise<{ remote: FakeRemote; bridge: BridgeProcess }> {
  const remote = await startFakeRemote();
  const bridge = startBridge(remote.url, { args });
  await bridge.initialize();
  return { remote, bridge };
}

const textOf = (size: number, id: unknown) => JSON.stringify(resultOf(id, textResult('x'.repeat(size))));
const json = { 'Content-Type': 'application/json' };

/** Checks that the bridge still works, and never took more memory than this. */
async function expectWell(bridge: BridgeProcess, peak = 256): Promise<void> {
  expect(await bridge.request('tools/list')).toHaveProperty('result');
  expect(memoryOf(bridge.pid)?.peak ?? 0).toBeLessThan(peak);
}

describe('large results [T11]', () => {
  test.each<[string, (exchange: Exchange) => void]>([
    ['JSON', (x) => x.json(200, textOf(20 * MB, x.id))],
    [
      'an event',
      (x) =>
        x
          .sse()
          .send(textOf(20 * MB, x.id))
          .end(),
    ],
  ])(
    '20 MB as %s reach the client, and take less than three times that on top of an idle bridge',
    async (_, treat) => {
      const { remote, bridge } = await connected();
      remote.on('tools/call', treat);
      const { result } = await bridge.callTool('big', {}, 30_000);
      expect(result.content[0].text).toHaveLength(20 * MB);
      await expectWell(bridge, 45 + 60);
    },
  );

  test.each<[string, (exchange: Exchange) => void]>([
    ['JSON', (x) => x.json(200, textOf(40 * MB, x.id))],
    [
      'an event',
      (x) =>
        x
          .sse()
          .send(textOf(40 * MB, x.id))
          .end(),
    ],
  ])('40 MB as %s are over the limit: an error for that request [99, 100]', async (_, treat) => {
    const { remote, bridge } = await connected();
    remote.on('tools/call', treat);
    expectBridgeError(await bridge.callTool('big', {}, 30_000), 'too-large');
    await expectWell(bridge);
  });

  test('a body without end is cut at the limit [T102]', async () => {
    const { remote, bridge } = await connected();
    let sent = 0;
    remote.on('tools/call', async (exchange) => {
      exchange.response.writeHead(200, json);
      const chunk = Buffer.alloc(MB, 120);
      while (!exchange.response.destroyed && sent < 400) {
        sent += 1;
        if (exchange.response.write(chunk)) continue;
        await new Promise((resolve) => exchange.response.once('drain', resolve).once('close', resolve));
      }
    });
    expectBridgeError(await bridge.callTool('big', {}, 30_000), 'too-large');
    expect(sent).toBeLessThan(100);
    await expectWell(bridge);
  });

  test('an event without end on the GET stream costs that stream only [T101]', async () => {
    const remote = await startFakeRemote();
    remote.once('GET', async (exchange) => {
      const stream = exchange.sse().raw('data: ');
      for (let sent = 0; sent < 100 && (await stream.flood(Buffer.alloc(MB, 120))); sent++);
    });
    const bridge = startBridge(remote.url);
    await bridge.initialize();
    await remote.next('GET', 2, 30_000);
    await expectWell(bridge);
  });

  test('--max-message-size sets the limit, in MiB', async () => {
    const { remote, bridge } = await connected(['--max-message-size', '1']);
    remote.once('tools/call', (x) => x.json(200, textOf(0.9 * MB, x.id)));
    remote.once('tools/call', (x) => x.json(200, textOf(1.2 * MB, x.id)));
    expect(await bridge.callTool('big')).toHaveProperty('result');
    expectBridgeError(await bridge.callTool('big'), 'too-large');
    await expectWell(bridge);
  });
});

describe('coded bodies [T102, 99]', () => {
  const bomb = () => gzipSync(Buffer.alloc(200 * MB, 120), { level: 1 });

  test('a gzip bomb is an error, not 200 MB', async () => {
    const { remote, bridge } = await connected();
    const body = bomb();
    remote.on('tools/call', (x) => x.body(200, body, { ...json, 'Content-Encoding': 'gzip' }));
    expectBridgeError(await bridge.callTool('big', {}, 30_000), 'too-large', 'invalid-answer');
    await expectWell(bridge);
  });

  test('a gzip bomb with an error status, and one as event stream', async () => {
    const { remote, bridge } = await connected();
    const body = bomb();
    const stream = { 'Content-Type': 'text/event-stream', 'Content-Encoding': 'gzip' };
    remote.once('tools/call', (x) => x.body(500, body, { ...json, 'Content-Encoding': 'gzip' }));
    remote.once('tools/call', (x) => x.body(200, body, stream));
    expectBridgeError(await bridge.callTool('big', {}, 30_000), 'http-status', 'too-large', 'invalid-answer');
    expectBridgeError(await bridge.callTool('big', {}, 30_000), 'too-large', 'invalid-answer', 'stream-lost');
    await expectWell(bridge);
  });

  test.each<[string, (text: string) => Buffer]>([
    ['gzip', (text) => gzipSync(text)],
    ['deflate', (text) => deflateSync(text)],
    ['br', (text) => brotliCompressSync(text)],
  ])('%s, sent without being asked for, is read or named in an error', async (coding, encode) => {
    const { remote, bridge } = await connected();
    remote.on('tools/call', (x) => {
      x.body(200, encode(textOf(100, x.id)), { ...json, 'Content-Encoding': coding });
    });
    const answer = await bridge.callTool('big');
    if (answer.error !== undefined) expectBridgeError(answer, 'invalid-answer');
    await expectWell(bridge);
  });

  test.each([
    ['that it does not know', 'zstd'],
    ['twice', 'gzip, gzip'],
    ['fifty times', Array(50).fill('gzip').join(', ')],
    ['that nobody knows', 'nonsense'],
  ])('a coding %s is an error', async (_, coding) => {
    const { remote, bridge } = await connected();
    remote.on('tools/call', (x) => x.body(200, gzipSync('{}'), { ...json, 'Content-Encoding': coding }));
    expectBridgeError(await bridge.callTool('big'), 'invalid-answer');
    await expectWell(bridge);
  });

  test('what says gzip and is none is an error', async () => {
    const { remote, bridge } = await connected();
    remote.on('tools/call', (x) => x.body(200, textOf(10, x.id), { ...json, 'Content-Encoding': 'gzip' }));
    expectBridgeError(await bridge.callTool('big'), 'invalid-answer', 'stream-lost', 'unreachable');
    await expectWell(bridge);
  });
});

describe('floods and odd streams [T101, 99]', () => {
  test('a million bytes of comments before the answer', async () => {
    const { remote, bridge } = await connected();
    remote.on('tools/call', (x) => {
      x.sse()
        .raw(': comment\n'.repeat(100_000))
        .raw(`:${'y'.repeat(MB)}\n`)
        .send(resultOf(x.id, {}))
        .end();
    });
    expect(await bridge.callTool('echo')).toHaveProperty('result');
    await expectWell(bridge, 128);
  });

  test('a comment of 100 MB costs no memory', async () => {
    const { remote, bridge } = await connected();
    remote.on('tools/call', async (exchange) => {
      const stream = exchange.sse().raw(':');
      for (let sent = 0; sent < 100 && (await stream.flood(Buffer.alloc(MB, 120))); sent++);
      stream.raw('\n').send(resultOf(exchange.id, {})).end();
    });
    const answer = await bridge.callTool('echo', {}, 30_000);
    if (answer.error !== undefined) expectBridgeError(answer, 'too-large');
    await expectWell(bridge, 200);
  });

  test('200,000 notifications, all delivered in their order', async () => {
    const count = 200_000;
    const { remote, bridge } = await connected();
    remote.on('tools/call', async (exchange) => {
      const stream = exchange.sse();
      for (let i = 0; i < count; i += 1000) {
        const events = Array.from(
          { length: 1000 },
          (_, n) => `data: {"jsonrpc":"2.0","method":"n","params":{"i":${i + n}}}\n\n`,
        );
        await stream.flood(events.join(''));
      }
      stream.send(resultOf(exchange.id, {})).end();
    });
    await bridge.callTool('echo', {}, 40_000);
    const seen = bridge.messages.filter(({ method }) => method === 'n').map(({ params }) => params.i);
    expect(seen).toHaveLength(count);
    expect(seen.every((i, at) => i === at)).toBe(true);
    await expectWell(bridge);
  });
});

describe('huge and broken headers of an answer [T105, 99]', () => {
  test.each<[string, (exchange: Exchange) => void]>([
    ['a header of 200 KB', (x) => x.header('X-Big', 'x'.repeat(200_000)).result({})],
    [
      'five thousand headers',
      (x) => {
        for (let i = 0; i < 5000; i++) x.header(`X-${i}`, 'value');
        x.result({});
      },
    ],
    [
      'a header with a NUL',
      (x) => void x.drip(['HTTP/1.1 200 OK\r\nX-Bad: a\u0000b\r\nContent-Length: 2\r\n\r\n{}'], 1),
    ],
    [
      'two different lengths',
      (x) => void x.drip(['HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}'], 1),
    ],
  ])('%s: an error', async (_, treat) => {
    const { remote, bridge } = await connected();
    remote.on('tools/call', treat);
    const answer = await bridge.callTool('echo', {}, 20_000);
    expectBridgeError(answer, 'invalid-answer', 'too-large', 'unreachable', 'stream-lost');
    await expectWell(bridge);
  });
});

test('JSON 10,000 levels deep breaks nothing [99]', async () => {
  const { remote, bridge } = await connected();
  const deep = `${'['.repeat(10_000)}${']'.repeat(10_000)}`;
  remote.on('tools/call', (x) =>
    x.json(200, `{"jsonrpc":"2.0","id":${JSON.stringify(x.id)},"result":{"deep":${deep}}}`),
  );
  expect(await bridge.callTool('echo')).toHaveProperty('id');
  await expectWell(bridge);
});

test('a thousand requests at once are all answered [99]', async () => {
  const { remote, bridge } = await connected();
  remote.on('tools/call', (x) => void setTimeout(() => x.result(textResult(String(x.id))), 20));
  const answers = await Promise.all(Array.from({ length: 1000 }, () => bridge.callTool('echo', {}, 30_000)));
  for (const answer of answers) expect(answer.result.content[0].text).toBe(String(answer.id));
  await expectWell(bridge);
});

test('initialize with a result of another form is an error or relayed, never a crash', async () => {
  for (const result of [
    'null',
    '"text"',
    '[]',
    '{}',
    '{"protocolVersion":7}',
    '{"protocolVersion":"a\\r\\nb"}',
  ]) {
    const remote = await startFakeRemote();
    remote.on('initialize', (x) =>
      x.json(200, `{"jsonrpc":"2.0","id":${JSON.stringify(x.id)},"result":${result}}`),
    );
    const bridge = startBridge(remote.url);
    await bridge.request('initialize', initializeParams());
    bridge.notify('notifications/initialized');
    expect(await bridge.request('tools/list')).toHaveProperty('id');
    expect(remote.of('tools/list')[0]?.headers['mcp-protocol-version'] ?? '').not.toMatch(/[\r\n]/);
  }
});
