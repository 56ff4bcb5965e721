import { expect, test, vi } from 'vitest';
import { HttpClient } from '../../../src/platform/http-client.ts';
import { StreamableHttp } from '../../../src/remote/streamable-http.ts';
import { startFakeRemote } from '../../support/fake-remote.ts';
import { startBridge } from '../helpers/bridge-harness.ts';
import { LINK, ScriptedAuthorizer } from '../helpers/scripted-authorizer.ts';
import { realServer, textOf } from '../helpers/sign-in-harness.ts';

test('from the first refusal to the real tools, over a connection [S7, A4]', async () => {
  const remote = await startFakeRemote();
  const authorizer = new ScriptedAuthorizer();
  const refuse =
    (answer: object) =>
    (exchange: Parameters<Parameters<typeof remote.on>[1]>[0]): void => {
      if (exchange.request.headers.authorization === 'Bearer t') exchange.result(answer);
      else exchange.status(401);
    };
  remote.on('initialize', refuse(realServer));
  remote.on('tools/list', refuse({ tools: [{ name: 'real' }] }));
  remote.on('GET', (exchange) => exchange.status(405));
  const client = await HttpClient.create(new URL(remote.url), {
    connectTimeout: 5000,
    requestTimeout: undefined,
    keepAlive: 5000,
    ca: undefined,
    ipv4Only: false,
    cookies: false,
    env: {},
  });
  const bridge = startBridge({
    authorizer,
    initializeWait: 500,
    client,
    createTransport: (options) => new StreamableHttp({ ...options, path: '/mcp' }),
  });
  await bridge.request(0, 'initialize', { protocolVersion: '2025-11-25', capabilities: {} });
  await vi.waitFor(() => expect(bridge.messages).toHaveLength(1), 3000);
  expect(bridge.messages[0].result.serverInfo.version).toBe('0');
  await bridge.client({ jsonrpc: '2.0', method: 'notifications/initialized' });
  await bridge.request(1, 'tools/list');
  await authorizer.signIn?.give(LINK);
  await bridge.request(2, 'tools/call', { name: 'sign_in' });
  await vi.waitFor(() => expect(bridge.messages).toHaveLength(3), 3000);
  expect(textOf(bridge.messages[2])).toContain(LINK);
  expect(remote.requests).toHaveLength(1);
  await authorizer.succeed();
  await vi.waitFor(() => expect(bridge.messages).toHaveLength(6), 3000);
  await bridge.request(3, 'tools/list');
  await vi.waitFor(() => expect(bridge.messages).toHaveLength(7), 3000);
  expect(bridge.messages[6].result.tools).toEqual([{ name: 'real' }]);
  expect(remote.of('initialize')).toHaveLength(2);
  expect(remote.of('tools/list')[0]?.headers['mcp-protocol-version']).toBe('2025-11-25');
});
