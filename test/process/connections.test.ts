import { networkInterfaces } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { expectBridgeError } from '../support/bridge-error.ts';
import { type BridgeProcess, startBridge } from '../support/bridge-process.ts';
import { type FakeRemote, startFakeRemote } from '../support/fake-remote.ts';
import { initializeParams } from '../support/json-rpc.ts';

async function connected(...args: string[]): Promise<{ remote: FakeRemote; bridge: BridgeProcess }> {
  const remote = await startFakeRemote();
  const bridge = startBridge(remote.url, { args });
  await bridge.initialize();
  await remote.next('GET');
  return { remote, bridge };
}

describe('connections', () => {
  test('are kept: calls one after the other open no new one', async () => {
    const { remote, bridge } = await connected();
    await bridge.callTool('echo');
    const before = remote.connections;
    for (let i = 0; i < 20; i++) await bridge.callTool('echo');
    expect(remote.connections).toBe(before);
  });

  test('--keep-alive 1: an idle one is given up after a second', async () => {
    const { remote, bridge } = await connected('--keep-alive', '1');
    await bridge.callTool('echo');
    const before = remote.connections;
    await delay(2500);
    expect(await bridge.callTool('echo')).toHaveProperty('result');
    expect(remote.connections).toBe(before + 1);
  });

  test('--keep-alive does not end a call that takes longer', async () => {
    const { remote, bridge } = await connected('--keep-alive', '1');
    remote.on('tools/call', async (exchange) => {
      await delay(2500);
      exchange.result({ late: true });
    });
    expect((await bridge.callTool('echo')).result).toEqual({ late: true });
  });
});

describe('addresses', () => {
  const hasIpv6 = Object.values(networkInterfaces()).some((list) =>
    list?.some(({ address }) => address === '::1'),
  );

  test.skipIf(!hasIpv6)('an IPv6 literal in the URL', async () => {
    const remote = await startFakeRemote({ host: '::1' });
    const bridge = startBridge(remote.url);
    await bridge.initialize();
    expect(remote.requests[0]?.headers.host).toBe(`[::1]:${remote.port}`);
  });

  test('--ipv4 reaches a name over IPv4', async () => {
    const remote = await startFakeRemote();
    const bridge = startBridge(`http://localhost:${remote.port}/mcp`, { args: ['--ipv4'] });
    await bridge.initialize();
  });
});

describe('a remote in trouble under load [T83, 101, 108]', () => {
  test('500 to everything for a while: every call is answered at once, the rate is bounded, later calls work', async () => {
    const { remote, bridge } = await connected();
    remote.on('POST', (exchange) => exchange.status(500));
    remote.on('tools/call', (exchange) => exchange.status(500));
    const answers = await Promise.all(Array.from({ length: 50 }, () => bridge.callTool('echo')));
    for (const answer of answers) expectBridgeError(answer, 'http-status');
    expect(remote.of('tools/call')).toHaveLength(50);
    remote.on('tools/call', (exchange) => exchange.result({}));
    expect(await bridge.callTool('echo')).toHaveProperty('result');
  });

  test('503 to initialize for five seconds: asked at a bounded rate, answered when it works', async () => {
    const remote = await startFakeRemote();
    remote.on('initialize', (exchange) => {
      if (exchange.request.time < 5000) return exchange.status(503);
      exchange.result({
        protocolVersion: '2025-11-25',
        capabilities: {},
        serverInfo: { name: 'f', version: '1' },
      });
    });
    const bridge = startBridge(remote.url);
    const answer = await bridge.request('initialize', initializeParams(), 40_000);
    if (answer.error !== undefined) await bridge.initialize();
    expect(remote.of('initialize').length).toBeLessThan(20);
  });
});
