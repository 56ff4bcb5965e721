import { describe, expect, test } from 'vitest';
import { expectBridgeError } from '../support/bridge-error.ts';
import { type BridgeProcess, startBridge } from '../support/bridge-process.ts';
import { type FakeRemote, startFakeRemote } from '../support/fake-remote.ts';
import { initializeParams } from '../support/json-rpc.ts';

async function connected(): Promise<{ remote: FakeRemote; bridge: BridgeProcess }> {
  const remote = await startFakeRemote({ session: true });
  const bridge = startBridge(remote.url, { args: ['--header', 'X-Key: secret-key'] });
  await bridge.initialize();
  return { remote, bridge };
}

describe('a redirect to the same origin', () => {
  test.each([307, 308])('%i is followed with body and headers [T86, 103]', async (status) => {
    const { remote, bridge } = await connected();
    remote.once('tools/list', (exchange) => exchange.redirect(status, '/elsewhere'));
    expect(await bridge.request('tools/list', { cursor: 'c' })).toHaveProperty('result');
    const [first, second] = remote.of('tools/list');
    expect(second?.path).toBe('/elsewhere');
    expect(second?.body).toBe(first?.body);
    expect(second?.headers).toMatchObject({ 'x-key': 'secret-key', 'mcp-session-id': 'session-1' });
  });

  test('an absolute one is followed too', async () => {
    const { remote, bridge } = await connected();
    remote.once('tools/list', (exchange) => exchange.redirect(307, `${remote.origin}/elsewhere`));
    expect(await bridge.request('tools/list')).toHaveProperty('result');
  });

  test('three in a row are followed, a fourth is refused', async () => {
    const { remote, bridge } = await connected();
    for (let i = 0; i < 3; i++) remote.once('tools/list', (exchange) => exchange.redirect(307, `/${i}`));
    expect(await bridge.request('tools/list')).toHaveProperty('result');
    for (let i = 0; i < 4; i++) remote.once('tools/list', (exchange) => exchange.redirect(307, `/${i}`));
    expectBridgeError(await bridge.request('tools/list'), 'redirect-refused');
  });

  test('a loop is refused', async () => {
    const { remote, bridge } = await connected();
    remote.on('tools/list', (exchange) => exchange.redirect(307, '/mcp'));
    expectBridgeError(await bridge.request('tools/list'), 'redirect-refused');
    expect(remote.of('tools/list').length).toBeLessThanOrEqual(4);
  });

  test.each([300, 301, 302, 303])('%i to a POST is refused [T86]', async (status) => {
    const { remote, bridge } = await connected();
    remote.on('tools/list', (exchange) => exchange.redirect(status, '/elsewhere'));
    expectBridgeError(await bridge.request('tools/list'), 'redirect-refused', 'http-status');
    expect(remote.of('tools/list')).toHaveLength(1);
    expect(remote.requests.every(({ path }) => path === '/mcp')).toBe(true);
  });

  test('without Location: an error', async () => {
    const { remote, bridge } = await connected();
    remote.on('tools/list', (exchange) => exchange.status(307));
    expectBridgeError(await bridge.request('tools/list'), 'redirect-refused', 'http-status');
  });
});

describe('a redirect to another origin is refused, names its host, and that host gets no byte [T86, T9, 89]', () => {
  test.each([301, 302, 303, 307, 308])('%i', async (status) => {
    const { remote, bridge } = await connected();
    const other = await startFakeRemote();
    remote.on('tools/list', (exchange) => exchange.redirect(status, other.url));
    const answer = await bridge.request('tools/list');
    expectBridgeError(answer, 'redirect-refused');
    expect(answer.error?.message).toContain(`127.0.0.1:${other.port}`);
    expect(other.connections).toBe(0);
  });

  test.each([
    ['of another host name', (r: FakeRemote) => `http://localhost:${r.port}/mcp`],
    ['of another scheme', (r: FakeRemote) => `https://127.0.0.1:${r.port}/mcp`],
    ['by two slashes', () => '//evil.invalid/mcp'],
    ['with a backslash', () => '/\\evil.invalid/mcp'],
    ['to a script', () => 'javascript:alert(1)'],
    ['to a file', () => 'file:///etc/passwd'],
    ['that is no URL', () => 'http://[broken'],
  ])('one %s', async (_, location) => {
    const { remote, bridge } = await connected();
    remote.on('tools/list', (exchange) => exchange.redirect(307, location(remote)));
    expectBridgeError(await bridge.request('tools/list'), 'redirect-refused');
    expect(remote.of('tools/list')).toHaveLength(1);
  });

  test('in two steps: first to the same origin, then away', async () => {
    const { remote, bridge } = await connected();
    const other = await startFakeRemote();
    remote.once('tools/list', (exchange) => exchange.redirect(307, '/step'));
    remote.once('tools/list', (exchange) => exchange.redirect(307, other.url));
    expectBridgeError(await bridge.request('tools/list'), 'redirect-refused');
    expect(other.connections).toBe(0);
  });

  test('at initialize and at the GET stream', async () => {
    const other = await startFakeRemote();
    const remote = await startFakeRemote();
    remote.once('initialize', (exchange) => exchange.redirect(307, other.url));
    remote.on('GET', (exchange) => exchange.redirect(302, other.url));
    const bridge = startBridge(remote.url);
    expectBridgeError(await bridge.request('initialize', initializeParams()), 'redirect-refused');
    await bridge.initialize();
    await remote.next('GET');
    expect(await bridge.request('tools/list')).toHaveProperty('result');
    expect(other.connections).toBe(0);
  });
});
