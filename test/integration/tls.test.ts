import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { startBridge } from '../support/bridge-process.ts';
import { startFakeRemote } from '../support/fake-remote.ts';
import { initializeParams, type Message } from '../support/json-rpc.ts';
import { hasOpenssl } from '../support/prerequisites.ts';
import { runCommand } from '../support/run-command.ts';
import { connectClient, textOf } from '../support/sdk-client.ts';
import { startSdkRemote } from '../support/sdk-remote.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { Authority, type Certificate } from '../support/tls.ts';

const names = ['IP:127.0.0.1', 'DNS:localhost'];

describe.skipIf(!hasOpenssl)('https with a private authority', () => {
  let authority: Authority;
  let good: Certificate;

  beforeAll(() => {
    authority = new Authority();
    good = authority.issue(names);
    return () => authority.close();
  });

  async function refusal(tls: Certificate, args: string[] = []): Promise<Message & { seen: number }> {
    const remote = await startFakeRemote({ tls });
    const bridge = startBridge(remote.url, { args });
    const answer = await bridge.request('initialize', initializeParams(), 15_000);
    return { ...answer, seen: remote.requests.length };
  }

  test.each([
    ['--ca-file', () => ({ args: ['--ca-file', authority.file] })],
    ['MCP_DRAWBRIDGE_CA_FILE', () => ({ env: { MCP_DRAWBRIDGE_CA_FILE: authority.file } })],
    ['NODE_EXTRA_CA_CERTS', () => ({ env: { NODE_EXTRA_CA_CERTS: authority.file } })],
  ])('trusts it by %s [102]', async (_, setup) => {
    const remote = await startSdkRemote({ tls: good });
    const { client } = await connectClient(remote.url, setup());
    expect(textOf(await client.callTool({ name: 'echo', arguments: { message: 'hi' } }))).toBe('hi');
  });

  test('by the name of a host too', async () => {
    const remote = await startSdkRemote({ tls: good });
    const url = `https://localhost:${remote.port}/mcp`;
    const { client } = await connectClient(url, { args: ['--ca-file', authority.file] });
    expect((await client.listTools()).tools.length).toBeGreaterThan(0);
  });

  test('an unknown authority is refused, and the error says so [T78]', async () => {
    const { error, seen } = await refusal(good);
    expect(error?.data).toMatchObject({ source: 'mcp-drawbridge', reason: 'tls-untrusted' });
    expect(error?.message).toMatch(/certificate/i);
    expect(error?.message).toMatch(/--ca-file|NODE_EXTRA_CA_CERTS/);
    expect(seen).toBe(0);
  });

  test('an expired certificate is refused, and the error says so [T78]', async () => {
    const { error, seen } = await refusal(authority.issue(names, -1), ['--ca-file', authority.file]);
    expect(error?.data).toMatchObject({ source: 'mcp-drawbridge', reason: 'tls-untrusted' });
    expect(error?.message).toMatch(/expired/i);
    expect(seen).toBe(0);
  });

  test("another host's certificate is refused, and the error names the host [T78]", async () => {
    const { error, seen } = await refusal(authority.issue(['DNS:elsewhere.example']), [
      '--ca-file',
      authority.file,
    ]);
    expect(error?.data).toMatchObject({ source: 'mcp-drawbridge', reason: 'tls-untrusted' });
    expect(error?.message).toMatch(/127\.0\.0\.1|elsewhere\.example|name/);
    expect(seen).toBe(0);
  });

  test('--ca-file trusts in addition, and not in place of, what Node trusts', async () => {
    const other = new Authority('Another authority');
    const remote = await startSdkRemote({ tls: good });
    const { client } = await connectClient(remote.url, {
      args: ['--ca-file', other.file],
      env: { NODE_EXTRA_CA_CERTS: authority.file },
    });
    expect((await client.listTools()).tools.length).toBeGreaterThan(0);
    other.close();
  });

  test.each([
    ['missing', undefined],
    ['no PEM file', 'not a certificate'],
  ])('a --ca-file that is %s ends the start with its reason', async (_, content) => {
    const file = join(tempFolder(), 'ca.pem');
    if (content !== undefined) writeFileSync(file, content);
    const { code, stderr, stdout } = await runCommand(['https://127.0.0.1:9/mcp', '--ca-file', file]);
    expect(code).not.toBe(0);
    expect(stderr).toContain('ca.pem');
    expect(stdout).toBe('');
  });

  test('NODE_TLS_REJECT_UNAUTHORIZED=0 stops the start [T91]', async () => {
    const remote = await startFakeRemote({ tls: good });
    const { code, stderr } = await runCommand([remote.url], { NODE_TLS_REJECT_UNAUTHORIZED: '0' });
    expect(code).not.toBe(0);
    expect(stderr).toContain('NODE_TLS_REJECT_UNAUTHORIZED');
    expect(remote.connections).toBe(0);
  });
});
