import { describe, expect, test } from 'vitest';
import { expectBridgeError } from '../support/bridge-error.ts';
import { type BridgeProcess, startBridge } from '../support/bridge-process.ts';
import { type FakeRemote, startFakeRemote } from '../support/fake-remote.ts';

async function connected(): Promise<{ remote: FakeRemote; bridge: BridgeProcess }> {
  const remote = await startFakeRemote();
  const bridge = startBridge(remote.url);
  await bridge.initialize();
  return { remote, bridge };
}

const gapOf = (remote: FakeRemote, method: string) => {
  const [first, second] = remote.of(method);
  return (second?.time ?? Number.NaN) - (first?.time ?? Number.NaN);
};

describe.each([429, 503])('%i with Retry-After [T82, T6, 108]', (status) => {
  test('2 seconds: waited for, sent again, answered', async () => {
    const { remote, bridge } = await connected();
    remote.once('tools/list', (exchange) => exchange.status(status, { 'Retry-After': '2' }));
    expect(await bridge.request('tools/list')).toHaveProperty('result');
    expect(gapOf(remote, 'tools/list')).toBeGreaterThan(1900);
    expect(gapOf(remote, 'tools/list')).toBeLessThan(5000);
  });

  test('3600 seconds: reported at once, with the delay', async () => {
    const { remote, bridge } = await connected();
    remote.on('tools/list', (exchange) => exchange.status(status, { 'Retry-After': '3600' }));
    const start = performance.now();
    const data = expectBridgeError(await bridge.request('tools/list'), 'rate-limited');
    expect(performance.now() - start).toBeLessThan(1500);
    expect(data).toMatchObject({ status, retryAfter: 3600 });
    expect(remote.of('tools/list')).toHaveLength(1);
  });

  test('a tools/call is not sent again: its error has the delay', async () => {
    const { remote, bridge } = await connected();
    remote.on('tools/call', (exchange) => exchange.status(status, { 'Retry-After': '1' }));
    const data = expectBridgeError(await bridge.callTool('echo'), 'rate-limited');
    expect(data).toMatchObject({ status, retryAfter: 1 });
    expect(remote.of('tools/call')).toHaveLength(1);
  });
});

test('a date in place of seconds [T82]', async () => {
  const { remote, bridge } = await connected();
  const date = new Date(Math.ceil(Date.now() / 1000) * 1000 + 2000).toUTCString();
  remote.once('tools/list', (exchange) => exchange.status(429, { 'Retry-After': date }));
  expect(await bridge.request('tools/list')).toHaveProperty('result');
  expect(gapOf(remote, 'tools/list')).toBeGreaterThan(900);
});

test.each(['soon', '-5', '', '1e99', 'Thu, 01 Jan 1970 00:00:00 GMT'])(
  'Retry-After: %j makes no loop and no endless wait [T82]',
  async (value) => {
    const { remote, bridge } = await connected();
    remote.on('tools/list', (exchange) => exchange.status(429, { 'Retry-After': value }));
    const data = expectBridgeError(await bridge.request('tools/list', {}, 40_000), 'rate-limited');
    expect(data.status).toBe(429);
    expect(remote.of('tools/list').length).toBeLessThan(12);
  },
);

test('429 for ever with a short Retry-After: an error in bounded time [T82, T83]', async () => {
  const { remote, bridge } = await connected();
  remote.on('tools/list', (exchange) => exchange.status(429, { 'Retry-After': '1' }));
  expectBridgeError(await bridge.request('tools/list', {}, 44_000), 'rate-limited');
});
