import { beforeAll, describe, expect, test } from 'vitest';
import { expectBridgeError } from '../support/bridge-error.ts';
import { startBridge } from '../support/bridge-process.ts';
import { resultOf } from '../support/fake-answers.ts';
import { startFakeRemote } from '../support/fake-remote.ts';
import { freePort } from '../support/free-port.ts';
import { initializeParams } from '../support/json-rpc.ts';
import { hasOpenssl, hasTinyproxy } from '../support/prerequisites.ts';
import { startProxy } from '../support/proxy.ts';
import { connectClient, textOf } from '../support/sdk-client.ts';
import { startSdkRemote } from '../support/sdk-remote.ts';
import { Authority } from '../support/tls.ts';

// A target on loopback goes through a proxy only where the proxy itself is on loopback, as it is here.
describe.skipIf(!hasTinyproxy)('a real proxy', () => {
  test.each(['HTTP_PROXY', 'http_proxy'])('carries http by %s [T90]', async (variable) => {
    const proxy = await startProxy();
    const remote = await startSdkRemote();
    const env = { [variable]: `http://127.0.0.1:${proxy.port}` };
    const { client } = await connectClient(remote.url, { env });
    expect(textOf(await client.callTool({ name: 'echo', arguments: { message: 'hi' } }))).toBe('hi');
    expect(proxy.requests().some((line) => line.includes(`127.0.0.1:${remote.port}`))).toBe(true);
  });

  test('carries an event stream event by event, as they come', async () => {
    const proxy = await startProxy();
    const remote = await startFakeRemote();
    const bridge = startBridge(remote.url, { env: { HTTP_PROXY: `http://127.0.0.1:${proxy.port}` } });
    let finish = () => {};
    remote.on('tools/call', (exchange) => {
      const stream = exchange.sse();
      stream.send({
        jsonrpc: '2.0',
        method: 'notifications/message',
        params: { level: 'info', data: 'early' },
      });
      finish = () => stream.send(resultOf(exchange.id, {})).end();
    });
    await bridge.initialize();
    const call = bridge.callTool('echo');
    await bridge.nextMessage(({ method }) => method === 'notifications/message');
    finish();
    expect(await call).toHaveProperty('result');
  });

  test('NO_PROXY keeps a host off it [T90]', async () => {
    const proxy = await startProxy();
    const remote = await startSdkRemote();
    const env = { HTTP_PROXY: `http://127.0.0.1:${proxy.port}`, NO_PROXY: '127.0.0.1' };
    const { client } = await connectClient(remote.url, { env });
    expect((await client.listTools()).tools.length).toBeGreaterThan(0);
    expect(proxy.requests()).toEqual([]);
  });

  test('with credentials: the proxy gets them, the remote does not [T90, 105]', async () => {
    const proxy = await startProxy({ user: 'ada', password: 'canary-proxy-password' });
    const remote = await startFakeRemote();
    const bridge = startBridge(remote.url, {
      args: ['--log-level', 'trace'],
      env: { HTTP_PROXY: `http://ada:canary-proxy-password@127.0.0.1:${proxy.port}` },
      secrets: ['canary-proxy-password', Buffer.from('ada:canary-proxy-password').toString('base64')],
    });
    await bridge.initialize();
    expect(await bridge.request('tools/list')).toHaveProperty('result');
    expect(JSON.stringify(remote.requests)).not.toContain('canary');
    expect(remote.requests.every(({ headers }) => headers['proxy-authorization'] === undefined)).toBe(true);
  });

  test('that wants credentials and gets none: an error that names it [T85, T90]', async () => {
    const proxy = await startProxy({ user: 'ada', password: 'right' });
    const remote = await startFakeRemote();
    const bridge = startBridge(remote.url, { env: { HTTP_PROXY: `http://127.0.0.1:${proxy.port}` } });
    const answer = await bridge.request('initialize', initializeParams(), 20_000);
    expect(expectBridgeError(answer, 'proxy-failed').status).toBe(407);
    expect(answer.error?.message).toContain(`127.0.0.1:${proxy.port}`);
    expect(remote.requests).toEqual([]);
  });

  describe.skipIf(!hasOpenssl)('for https', () => {
    let authority: Authority;

    beforeAll(() => {
      authority = new Authority();
      return () => authority.close();
    });

    test.each([
      ['without credentials', undefined],
      ['with credentials', { user: 'ada', password: 'canary-proxy-password' }],
    ])('carries it in a tunnel, %s [T90]', async (_, credentials) => {
      const proxy = await startProxy(credentials);
      const tls = authority.issue(['IP:127.0.0.1']);
      const remote = await startFakeRemote({ tls });
      const login = credentials === undefined ? '' : `${credentials.user}:${credentials.password}@`;
      const bridge = startBridge(remote.url, {
        args: ['--ca-file', authority.file, '--log-level', 'trace'],
        env: { HTTPS_PROXY: `http://${login}127.0.0.1:${proxy.port}` },
        secrets: ['canary'],
      });
      await bridge.initialize();
      expect(await bridge.callTool('echo', { a: 1 })).toHaveProperty('result');
      expect(proxy.requests().some((line) => line.startsWith(`CONNECT 127.0.0.1:${remote.port}`))).toBe(true);
      expect(JSON.stringify(remote.requests)).not.toContain('canary');
    });

    test.each([
      ['none', ''],
      ['wrong ones', 'ada:canary-wrong@'],
    ])('that wants credentials and gets %s: an error that names it [T85, T90]', async (_, login) => {
      const proxy = await startProxy({ user: 'ada', password: 'right' });
      const remote = await startFakeRemote({ tls: authority.issue(['IP:127.0.0.1']) });
      const bridge = startBridge(remote.url, {
        args: ['--ca-file', authority.file, '--log-level', 'trace'],
        env: { HTTPS_PROXY: `http://${login}127.0.0.1:${proxy.port}` },
        secrets: ['canary-wrong', Buffer.from('ada:canary-wrong').toString('base64')],
      });
      const answer = await bridge.request('initialize', initializeParams(), 20_000);
      expectBridgeError(answer, 'proxy-failed');
      expect(answer.error?.message).toContain(`127.0.0.1:${proxy.port}`);
      expect(remote.connections).toBe(0);
    });

    test('does not use the proxy of http', async () => {
      const proxy = await startProxy();
      const remote = await startFakeRemote({ tls: authority.issue(['IP:127.0.0.1']) });
      const bridge = startBridge(remote.url, {
        args: ['--ca-file', authority.file],
        env: { HTTP_PROXY: `http://127.0.0.1:${proxy.port}` },
      });
      await bridge.initialize();
      expect(proxy.requests()).toEqual([]);
    });
  });
});

test('a dead proxy: an error that names it, and nothing goes around it [T90]', async () => {
  const remote = await startFakeRemote();
  const port = await freePort();
  const bridge = startBridge(remote.url, {
    env: { HTTP_PROXY: `http://ada:canary-proxy-password@127.0.0.1:${port}` },
    secrets: ['canary-proxy-password'],
  });
  const answer = await bridge.request('initialize', initializeParams(), 30_000);
  expectBridgeError(answer, 'proxy-failed');
  expect(answer.error?.message).toContain(`127.0.0.1:${port}`);
  expect(remote.connections).toBe(0);
});

test('a loopback target does not go to a proxy elsewhere', async () => {
  const remote = await startFakeRemote();
  const bridge = startBridge(remote.url, { env: { HTTP_PROXY: 'http://proxy.invalid:3128' } });
  await bridge.initialize();
  expect(await bridge.request('tools/list')).toHaveProperty('result');
});
