import { describe, expect, test } from 'vitest';
import { expectBridgeError } from '../support/bridge-error.ts';
import { runBridge, startBridge } from '../support/bridge-process.ts';
import { startFakeRemote } from '../support/fake-remote.ts';
import { runCommand } from '../support/run-command.ts';

describe('every option has an environment variable', () => {
  test('MCP_DRAWBRIDGE_HEADER', async () => {
    const remote = await startFakeRemote();
    const bridge = startBridge(remote.url, { env: { MCP_DRAWBRIDGE_HEADER: 'X-From: environment' } });
    await bridge.initialize();
    expect(remote.requests[0]?.headers['x-from']).toBe('environment');
  });

  test('MCP_DRAWBRIDGE_REQUEST_TIMEOUT', async () => {
    const remote = await startFakeRemote();
    remote.on('tools/call', (exchange) => exchange.hang());
    const bridge = startBridge(remote.url, { env: { MCP_DRAWBRIDGE_REQUEST_TIMEOUT: '1' } });
    await bridge.initialize();
    expectBridgeError(await bridge.callTool('echo'), 'timeout');
  });

  test('MCP_DRAWBRIDGE_IGNORE_TOOL', async () => {
    const remote = await startFakeRemote();
    const bridge = startBridge(remote.url, { env: { MCP_DRAWBRIDGE_IGNORE_TOOL: 'ec*' } });
    await bridge.initialize();
    expect((await bridge.request('tools/list')).result.tools).toEqual([]);
  });

  test.each(['1', 'true'])('MCP_DRAWBRIDGE_ALLOW_HTTP=%s, an option without a value', async (value) => {
    const bridge = runBridge({ args: ['http://192.0.2.1/mcp'], env: { MCP_DRAWBRIDGE_ALLOW_HTTP: value } });
    await expect(bridge.exitWithin(700)).rejects.toThrow('still runs');
  });

  test.each(['0', 'false', ''])('MCP_DRAWBRIDGE_ALLOW_HTTP=%j switches nothing on', async (value) => {
    const { code } = await runCommand(['http://mcp.example.test/mcp'], { MCP_DRAWBRIDGE_ALLOW_HTTP: value });
    expect(code).toBe(2);
  });

  test('the option wins over the variable', async () => {
    const remote = await startFakeRemote();
    const bridge = startBridge(remote.url, {
      args: ['--transport', 'http'],
      env: { MCP_DRAWBRIDGE_TRANSPORT: 'sse' },
    });
    await bridge.initialize();
    expect(remote.requests[0]?.method).toBe('POST');
  });

  test('a bad value is a usage error that names the variable', async () => {
    const { code, stderr } = await runCommand(['https://mcp.example.test/mcp'], {
      MCP_DRAWBRIDGE_LOG_LEVEL: 'loud',
    });
    expect(code).toBe(2);
    expect(stderr).toContain('MCP_DRAWBRIDGE_LOG_LEVEL');
  });
});
