import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { startBridge } from '../support/bridge-process.ts';
import { initializeResult } from '../support/fake-answers.ts';
import { type FakeRemote, startFakeRemote } from '../support/fake-remote.ts';
import { startFakeSseRemote } from '../support/fake-sse-remote.ts';
import { tempFolder } from '../support/temp-folder.ts';

async function settingCookies(cookies: string[]): Promise<FakeRemote> {
  const remote = await startFakeRemote();
  remote.on('initialize', (exchange) =>
    exchange.header('Set-Cookie', cookies).result(initializeResult({ jsonrpc: '2.0' })),
  );
  return remote;
}

/** The cookies that the request after initialize carries. */
async function sentBack(remote: FakeRemote, args: string[] = []): Promise<string[]> {
  const bridge = startBridge(remote.url, { args });
  await bridge.initialize();
  await bridge.request('tools/list');
  return remote.of('tools/list')[0]?.headers.cookie?.split('; ').toSorted() ?? [];
}

describe('cookies [T88, 106]', () => {
  test('are sent back to the same origin', async () => {
    const remote = await settingCookies(['affinity=node-7; Path=/; HttpOnly', 'other=1']);
    expect(await sentBack(remote)).toEqual(['affinity=node-7', 'other=1']);
  });

  test('not with --disable-cookies', async () => {
    expect(await sentBack(await settingCookies(['affinity=node-7']), ['--disable-cookies'])).toEqual([]);
  });

  test('not for another path, another domain, after their time, or for https only', async () => {
    const remote = await settingCookies([
      'path=1; Path=/elsewhere',
      'domain=1; Domain=example.test',
      'old=1; Max-Age=0',
      'past=1; Expires=Thu, 01 Jan 1970 00:00:00 GMT',
      'fine=1',
    ]);
    expect(await sentBack(remote)).toEqual(['fine=1']);
  });

  test('a newer one of the same name takes the place of the older', async () => {
    const remote = await settingCookies(['a=1']);
    remote.once('tools/list', (exchange) => exchange.header('Set-Cookie', 'a=2').result({ tools: [] }));
    const bridge = startBridge(remote.url);
    await bridge.initialize();
    await bridge.request('tools/list');
    await bridge.request('tools/list');
    expect(remote.of('tools/list').map(({ headers }) => headers.cookie)).toEqual(['a=1', 'a=2']);
  });

  test('a thousand of them, and one of 100 KB, stay within bounds', async () => {
    const remote = await settingCookies(['huge='.padEnd(10_000, 'x')]);
    remote.on('tools/call', (exchange) => {
      const start = Number(exchange.request.message?.params.arguments.start);
      const cookies = Array.from({ length: 100 }, (_, i) => `c${start + i}=${'y'.repeat(20)}`);
      exchange.header('Set-Cookie', cookies).result({});
    });
    const bridge = startBridge(remote.url);
    await bridge.initialize();
    for (let start = 0; start < 1000; start += 100) await bridge.callTool('echo', { start });
    await bridge.request('tools/list');
    const sent = remote.of('tools/list')[0]?.headers.cookie ?? '';
    expect(sent.split('; ').length).toBeLessThanOrEqual(20);
    expect(sent).not.toContain('huge');
  });

  test('a redirect sets none', async () => {
    const remote = await startFakeRemote();
    remote.once('initialize', (exchange) =>
      exchange.header('Set-Cookie', 'from=redirect').redirect(307, '/elsewhere'),
    );
    expect(await sentBack(remote)).toEqual([]);
  });

  test('are kept in memory only: the next process has none, no file has them', async () => {
    const home = tempFolder();
    const remote = await settingCookies(['affinity=node-7']);
    for (let run = 0; run < 2; run++) {
      const bridge = startBridge(remote.url, { env: { HOME: home, MCP_DRAWBRIDGE_HOME: home } });
      await bridge.initialize();
      await bridge.request('tools/list');
      bridge.closeStdin();
      await bridge.exitWithin(4000);
    }
    expect(remote.of('initialize').map(({ headers }) => headers.cookie)).toEqual([undefined, undefined]);
    const files = readdirSync(home, { recursive: true, encoding: 'utf8' }).filter(
      (name) => name !== 'servers',
    );
    for (const name of files) expect(readFileSync(join(home, name), 'utf8')).not.toContain('node-7');
  });

  test('go to the legacy endpoint of the same origin too', async () => {
    const { remote, url } = await startFakeSseRemote();
    remote.once('POST', (exchange) => exchange.status(405));
    remote.once('POST', (exchange) => exchange.header('Set-Cookie', 'affinity=node-7').status(500));
    const bridge = startBridge(url);
    await bridge.request('initialize', { protocolVersion: '2024-11-05' });
    await bridge.initialize();
    await bridge.request('tools/list');
    expect(remote.of('tools/list')[0]?.headers.cookie).toBe('affinity=node-7');
  });

  test('one that breaks its form is no problem', async () => {
    const remote = await settingCookies(['', '=', ';;;', 'novalue', 'a=1; Path', 'ü=1', 'good=1']);
    expect(await sentBack(remote)).toContain('good=1');
  });
});
