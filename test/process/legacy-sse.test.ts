import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { expectBridgeError } from '../support/bridge-error.ts';
import { startBridge } from '../support/bridge-process.ts';
import { textResult } from '../support/fake-answers.ts';
import type { Exchange } from '../support/fake-exchange.ts';
import { startFakeRemote } from '../support/fake-remote.ts';
import { startFakeSseRemote } from '../support/fake-sse-remote.ts';
import { initializeParams } from '../support/json-rpc.ts';

describe('falling back to HTTP+SSE of 2024-11-05', () => {
  test.each([400, 404, 405])('after %i to the opening POST [L-67, L-69, L-70]', async (postStatus) => {
    const { remote, url } = await startFakeSseRemote({ postStatus });
    const bridge = startBridge(url);
    await bridge.initialize();
    expect(await bridge.callTool('echo', { a: 1 })).toHaveProperty('result', textResult('{"a":1}'));
    expect(remote.of('GET')).toHaveLength(1);
    expect(
      remote
        .of('POST')
        .slice(1)
        .every(({ path }) => path === '/message?key=k%2F1'),
    ).toBe(true);
    expect(bridge.stderr).toBe('');
  });

  test.each([403, 409, 410, 422, 500, 502, 503])('not after %i [L-68]', async (status) => {
    const { remote, url } = await startFakeSseRemote({ postStatus: status });
    const bridge = startBridge(url);
    const answer = await bridge.request('initialize', initializeParams(), 40_000);
    expect(answer.error?.data).toMatchObject({ source: 'mcp-drawbridge', status });
    expect(remote.of('GET')).toEqual([]);
  });

  test('not after 401, which is the business of the sign-in [L-68]', async () => {
    const { remote, url } = await startFakeSseRemote({ postStatus: 401 });
    const bridge = startBridge(url, { args: ['--no-browser', '--initialize-wait', '1'] });
    expect(await bridge.request('initialize', initializeParams())).toHaveProperty('result');
    const { pathname } = new URL(url);
    expect(remote.of('GET').filter(({ path }) => path === pathname)).toEqual([]);
  });

  test('not after a 400 with an error of the modern era [L-67]', async () => {
    const { remote, url } = await startFakeSseRemote();
    const error = {
      code: -32022,
      message: 'Unsupported protocol version',
      data: { supported: ['2026-07-28'] },
    };
    remote.on('POST', (exchange) => exchange.json(400, { jsonrpc: '2.0', id: exchange.id, error }));
    const bridge = startBridge(url);
    expect(await bridge.request('initialize', initializeParams())).toHaveProperty('error');
    expect(remote.of('GET')).toEqual([]);
  });

  test('both refused: the error lists what each attempt got [L-74]', async () => {
    const remote = await startFakeRemote();
    remote.on('POST', (exchange) => exchange.body(404, 'no POST here', { 'Content-Type': 'text/plain' }));
    remote.on('GET', (exchange) => exchange.status(418));
    const bridge = startBridge(remote.url);
    const answer = await bridge.request('initialize', initializeParams());
    const data = expectBridgeError(answer, 'unsupported-transport');
    expect(answer.error?.message).toMatch(/404/);
    expect(data.attempts).toMatchObject([
      { transport: 'http', status: 404 },
      { transport: 'sse', status: 418 },
    ]);
  });

  test('--transport http never falls back', async () => {
    const { remote, url } = await startFakeSseRemote();
    const bridge = startBridge(url, { args: ['--transport', 'http'] });
    const answer = await bridge.request('initialize', initializeParams());
    expect(expectBridgeError(answer, 'http-status').status).toBe(405);
    expect(remote.of('GET')).toEqual([]);
  });

  test('--transport sse sends no POST before the endpoint is known', async () => {
    const { remote, url } = await startFakeSseRemote();
    const bridge = startBridge(url, { args: ['--transport', 'sse'] });
    await bridge.initialize();
    expect(remote.requests.map(({ method }) => method).slice(0, 2)).toEqual(['GET', 'POST']);
  });

  test('headers of the user go on both the GET and the POSTs', async () => {
    const { remote, url } = await startFakeSseRemote();
    const bridge = startBridge(url, { args: ['--header', 'X-Key: value'] });
    await bridge.initialize();
    expect(remote.requests.every(({ headers }) => headers['x-key'] === 'value')).toBe(true);
  });
});

describe('the endpoint stays on the origin of the stream, which gets every byte [T107, L-71, 103]', () => {
  test.each<[string, string]>([
    ['two slashes', '//evil.invalid/message'],
    ['a script', 'javascript:alert(1)'],
    ['a file', 'file:///etc/passwd'],
    ['a backslash', '/\\evil.invalid/message'],
    ['no URL', 'http://[broken'],
    ['credentials', 'http://a:b@evil.invalid/message'],
  ])('%s', async (_, endpoint) => {
    const { remote, url } = await startFakeSseRemote({ endpoint: () => endpoint });
    const bridge = startBridge(url, { args: ['--transport', 'sse', '--header', 'X-Key: value'] });
    expect(await bridge.request('initialize', initializeParams())).toHaveProperty('error');
    expect(remote.of('POST')).toEqual([]);
  });

  test('another port of the same host', async () => {
    const other = await startFakeRemote();
    const { url } = await startFakeSseRemote({ endpoint: () => `${other.origin}/message` });
    const bridge = startBridge(url, { args: ['--header', 'X-Key: value'] });
    const answer = await bridge.request('initialize', initializeParams());
    expect(answer.error?.data).toMatchObject({ source: 'mcp-drawbridge' });
    expect(other.connections).toBe(0);
  });

  test('an absolute one on the same origin is taken', async () => {
    const { url } = await startFakeSseRemote({ endpoint: (remote) => `${remote.origin}/message?x=1` });
    const bridge = startBridge(url);
    await bridge.initialize();
  });
});

describe('the stream is lost', () => {
  test('with a call in flight: the call gets an error, later ones a new stream and session [L-72]', async () => {
    const { remote, url, streams } = await startFakeSseRemote();
    const bridge = startBridge(url);
    await bridge.initialize();
    remote.once('tools/call', (exchange: Exchange) => exchange.status(202));
    const call = bridge.callTool('echo');
    await remote.next('tools/call');
    streams[0]?.drop();
    expectBridgeError(await call, 'stream-lost', 'session-lost');
    expect(await bridge.request('tools/list', {}, 20_000)).toHaveProperty('result');
    expect(remote.of('GET').length).toBe(2);
    expect(remote.of('initialize').filter(({ path }) => path.startsWith('/message'))).toHaveLength(2);
  });

  test('it never sends an endpoint: an error in bounded time', async () => {
    const remote = await startFakeRemote();
    remote.on('GET', (exchange) => void exchange.sse());
    const bridge = startBridge(remote.url, { args: ['--transport', 'sse', '--connect-timeout', '2'] });
    const answer = await bridge.request('initialize', initializeParams(), 44_000);
    expect(answer.error?.data).toMatchObject({ source: 'mcp-drawbridge' });
  });

  test('a POST that is refused answers its request with the status', async () => {
    const { remote, url } = await startFakeSseRemote();
    const bridge = startBridge(url);
    await bridge.initialize();
    remote.once('tools/call', (exchange: Exchange) => exchange.status(500));
    expect(expectBridgeError(await bridge.callTool('echo'), 'http-status').status).toBe(500);
  });

  test('the end of stdin closes the stream and sends no DELETE', async () => {
    const { remote, url, streams } = await startFakeSseRemote();
    const bridge = startBridge(url);
    await bridge.initialize();
    bridge.closeStdin();
    expect((await bridge.exitWithin(4000)).code).toBe(0);
    await delay(50);
    expect(streams[0]?.closed).toBe(true);
    expect(remote.of('DELETE')).toEqual([]);
  });
});
