import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { type BridgeProcess, startBridge } from '../support/bridge-process.ts';
import { type FakeRemote, startFakeRemote } from '../support/fake-remote.ts';
import { memoryOf } from '../support/processes.ts';

const MB = 1_000_000;

async function connected(args: string[] = []): Promise<{ remote: FakeRemote; bridge: BridgeProcess }> {
  const remote = await startFakeRemote();
  remote.on('tools/call', (exchange) => {
    const { body } = exchange.request;
    exchange.result({ length: body.length, hash: createHash('sha256').update(body).digest('hex') });
  });
  const bridge = startBridge(remote.url, { args });
  await bridge.initialize();
  return { remote, bridge };
}

function call(size: number, head = '"id":"big",', tail = ''): string {
  const text = 'x'.repeat(size);
  return `{"jsonrpc":"2.0",${head}"method":"tools/call","params":{"name":"echo","arguments":{"t":"${text}"}}${tail}}`;
}

describe('long lines on stdin [T93, 81, I4]', () => {
  test('12 MB is relayed byte by byte', async () => {
    const { bridge } = await connected();
    const line = call(12 * MB);
    const { result } = await bridge.ask(line, 'big', 20_000);
    expect(result).toEqual({ length: line.length, hash: createHash('sha256').update(line).digest('hex') });
  });

  test('40 MB is skipped and answered -32600 with its id, and the process lives on', async () => {
    const { remote, bridge } = await connected();
    const answer = await bridge.ask(call(40 * MB), 'big', 20_000);
    expect(answer.error?.code).toBe(-32600);
    expect(await bridge.request('tools/list')).toHaveProperty('result');
    expect(remote.of('tools/call')).toEqual([]);
  });

  test('the id is found at the end of the line as well', async () => {
    const { bridge } = await connected();
    const answer = await bridge.ask(call(40 * MB, '', ',"id":4711'), 4711, 20_000);
    expect(answer.error?.code).toBe(-32600);
  });

  test('an "id" inside the arguments is not taken for it', async () => {
    const { bridge } = await connected();
    const line = `{"jsonrpc":"2.0","method":"tools/call","params":{"id":"inner","t":"${'x'.repeat(40 * MB)}"}}`;
    bridge.sendRaw(`${line}\n`);
    const answer = await bridge.nextMessage(({ error }) => error !== undefined, 20_000);
    expect(answer).toMatchObject({ id: null, error: { code: -32600 } });
  });

  test('--max-message-size sets the limit, in MiB', async () => {
    const { bridge } = await connected(['--max-message-size', '1']);
    expect(await bridge.ask(call(0.9 * MB), 'big')).toHaveProperty('result');
    expect((await bridge.ask(call(1.2 * MB), 'big')).error?.code).toBe(-32600);
    expect(await bridge.request('tools/list')).toHaveProperty('result');
  });

  test('300 MB without a line end cost no memory', async () => {
    const { bridge } = await connected();
    const chunk = Buffer.alloc(MB, 120);
    for (let sent = 0; sent < 300; sent++) {
      if (!bridge.child.stdin.write(chunk)) {
        await new Promise((resolve) => bridge.child.stdin.once('drain', resolve));
      }
    }
    const peak = memoryOf(bridge.pid)?.peak ?? 0;
    bridge.sendRaw('\n');
    expect((await bridge.answer(null, 20_000)).error?.code).toBe(-32600);
    expect(peak).toBeLessThan(256);
    expect(await bridge.request('tools/list')).toHaveProperty('result');
  });

  test('a long line that comes right behind a short one, in one piece, loses neither', async () => {
    const { bridge } = await connected();
    const short = '{"jsonrpc":"2.0","id":"short","method":"tools/list"}';
    bridge.sendRaw(`${short}\n${call(40 * MB)}\n${short.replace('short', 'after')}\n`);
    expect(await bridge.answer('short', 20_000)).toHaveProperty('result');
    expect(await bridge.answer('big', 20_000)).toHaveProperty('error');
    expect(await bridge.answer('after', 20_000)).toHaveProperty('result');
  });
});
