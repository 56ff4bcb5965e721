import { describe, expect, test } from 'vitest';
import { expectBridgeError } from '../support/bridge-error.ts';
import { type BridgeProcess, startBridge } from '../support/bridge-process.ts';
import { resultOf, textResult } from '../support/fake-answers.ts';
import type { Exchange } from '../support/fake-exchange.ts';
import { type FakeRemote, startFakeRemote } from '../support/fake-remote.ts';

async function connected(): Promise<{ remote: FakeRemote; bridge: BridgeProcess }> {
  const remote = await startFakeRemote({ session: true });
  const bridge = startBridge(remote.url);
  await bridge.initialize();
  await remote.next('GET'); // the listening stream, refused with 405
  return { remote, bridge };
}

const cursorOf = ({ request }: Exchange) => request.headers['last-event-id'];

describe('a stream that had an event id is resumed with GET and Last-Event-ID [L-37]', () => {
  test.each<[string, (exchange: Exchange) => void]>([
    ['cut', (x) => x.sse().send('', { id: 'e1', retry: 500 }).drop()],
    ['reset', (x) => x.sse().send('', { id: 'e1', retry: 500 }).reset()],
    ['ended cleanly, which is polling [L-40]', (x) => x.sse().send('', { id: 'e1', retry: 500 }).end()],
  ])('%s after its priming event [L-26]', async (_, treat) => {
    const { remote, bridge } = await connected();
    remote.on('tools/call', treat);
    remote.on('GET', (exchange) => {
      expect(cursorOf(exchange)).toBe('e1');
      exchange
        .sse()
        .send(resultOf(1, textResult('resumed')), { id: 'e2' })
        .end();
    });
    expect((await bridge.callTool('echo')).result).toEqual(textResult('resumed'));
    expect(remote.of('tools/call')).toHaveLength(1);
    expect(bridge.messages).toHaveLength(2);
  });

  test('after the milliseconds of retry: [L-39]', async () => {
    const { remote, bridge } = await connected();
    remote.on('tools/call', (exchange) => exchange.sse().send('', { id: 'e1', retry: 1500 }).end());
    remote.on('GET', (exchange) => exchange.sse().send(resultOf(1, {})).end());
    await bridge.callTool('echo');
    const waited = (remote.of('GET')[1]?.time ?? 0) - (remote.of('tools/call')[0]?.time ?? 0);
    expect(waited).toBeGreaterThan(1450);
    expect(waited).toBeLessThan(2500);
  });

  test('several times in a row, each with the newest id [L-38, L-44]', async () => {
    const { remote, bridge } = await connected();
    remote.on('tools/call', (exchange) => exchange.sse().send('', { id: 'a1', retry: 500 }).end());
    remote.once('GET', (exchange) => exchange.sse().send('', { id: 'a2' }).end());
    remote.once('GET', (exchange) => exchange.sse().send('', { id: 'a3' }).drop());
    remote.once('GET', (exchange) => exchange.sse().send(resultOf(1, {})).end());
    expect(await bridge.callTool('echo')).toHaveProperty('result');
    const cursors = remote.of('GET').map(({ headers }) => headers['last-event-id']);
    expect(cursors).toEqual([undefined, 'a1', 'a2', 'a3']);
  });

  test('two calls at once, each with its own id [L-38]', async () => {
    const { remote, bridge } = await connected();
    remote.on('tools/call', (exchange) => {
      exchange
        .sse()
        .send('', { id: `call-${exchange.id}`, retry: 500 })
        .end();
    });
    remote.on('GET', (exchange) => {
      const id = Number(String(cursorOf(exchange)).replace('call-', ''));
      exchange
        .sse()
        .send(resultOf(id, textResult(`of ${id}`)))
        .end();
    });
    const [first, second] = await Promise.all([bridge.callTool('a'), bridge.callTool('b')]);
    expect([first.result, second.result]).toEqual([textResult('of 1'), textResult('of 2')]);
  });

  test('with the session and the version', async () => {
    const { remote, bridge } = await connected();
    remote.on('tools/call', (exchange) => exchange.sse().send('', { id: 'e1', retry: 500 }).end());
    remote.on('GET', (exchange) => exchange.sse().send(resultOf(1, {})).end());
    await bridge.callTool('echo');
    expect(remote.of('GET')[1]?.headers).toMatchObject({
      accept: 'text/event-stream',
      'mcp-session-id': 'session-1',
      'mcp-protocol-version': '2025-11-25',
    });
  });

  test.each([404, 405])(
    '%i to the resumption: not resumable, an error for that call [L-43]',
    async (status) => {
      const { remote, bridge } = await connected();
      remote.on('tools/call', (exchange) => exchange.sse().send('', { id: 'e1', retry: 500 }).end());
      remote.on('GET', (exchange) => exchange.status(status));
      const answer = await bridge.callTool('echo', {}, 20_000);
      expect(remote.of('tools/call')).toHaveLength(1);
      expectBridgeError(answer, 'stream-lost', 'session-lost');
      expect(await bridge.request('tools/list')).toHaveProperty('result');
    },
  );

  test('a remote that is gone for good: an error in bounded time [L-41]', async () => {
    const { remote, bridge } = await connected();
    remote.on('tools/call', (exchange) => exchange.sse().send('', { id: 'e1', retry: 500 }).end());
    const call = bridge.callTool('echo', {}, 44_000);
    await remote.next('tools/call');
    await remote.stop();
    expectBridgeError(await call, 'stream-lost', 'unreachable');
  });

  test.each([
    ['with a NUL', 'bad\u0000id'],
    ['of 10 KB', 'x'.repeat(10_000)],
    ['outside ASCII', 'idé'],
  ])('an id %s is not sent back [94, T101]', async (_, id) => {
    const { remote, bridge } = await connected();
    remote.on('tools/call', (exchange) => exchange.sse().send('', { id, retry: 500 }).end());
    expectBridgeError(await bridge.callTool('echo', {}, 20_000), 'stream-lost');
    const cursors = remote.of('GET').map(({ headers }) => headers['last-event-id']);
    expect(cursors.every((cursor) => cursor === undefined)).toBe(true);
  });

  test('retry: 0 is no reason to ask in a tight loop [101]', async () => {
    const { remote, bridge } = await connected();
    remote.on('tools/call', (exchange) => exchange.sse().send('', { id: 'e1', retry: 0 }).end());
    let polls = 0;
    remote.on('GET', (exchange) => {
      polls += 1;
      if (polls < 4) exchange.sse().end();
      else exchange.sse().send(resultOf(1, {})).end();
    });
    await bridge.callTool('echo', {}, 30_000);
    const times = remote
      .of('GET')
      .slice(1)
      .map(({ time }) => time);
    expect((times.at(-1) ?? 0) - (times[0] ?? 0)).toBeGreaterThan(1000);
  });
});
