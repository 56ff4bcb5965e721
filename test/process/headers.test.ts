import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { startBridge } from '../support/bridge-process.ts';
import { startFakeRemote } from '../support/fake-remote.ts';
import { runCommand } from '../support/run-command.ts';
import { tempFolder } from '../support/temp-folder.ts';

function headerFile(content: string | Buffer, mode = 0o600): string {
  const file = join(tempFolder(), 'headers.txt');
  writeFileSync(file, content, { mode });
  chmodSync(file, mode);
  return file;
}

describe('headers of the user', () => {
  test('go on every request: POST, GET and DELETE [L-18]', async () => {
    const remote = await startFakeRemote({ session: true });
    const bridge = startBridge(remote.url, { args: ['--header', 'X-One: 1', '--header', 'X-Two:2'] });
    await bridge.initialize();
    await remote.next('GET');
    await bridge.request('tools/list');
    bridge.closeStdin();
    await bridge.exitWithin(4000);
    expect(remote.of('DELETE')).toHaveLength(1);
    for (const { headers } of remote.requests) expect(headers).toMatchObject({ 'x-one': '1', 'x-two': '2' });
  });

  test('the same option twice with other names, and a value with blanks and colons', async () => {
    const remote = await startFakeRemote();
    const bridge = startBridge(remote.url, {
      args: ['--header', 'Authorization: Bearer a:b c', '--header', 'X-Url: http://x/'],
    });
    await bridge.initialize();
    expect(remote.requests[0]?.headers).toMatchObject({
      authorization: 'Bearer a:b c',
      'x-url': 'http://x/',
    });
  });

  test('${VAR} is expanded from the environment [93]', async () => {
    const remote = await startFakeRemote();
    const bridge = startBridge(remote.url, {
      args: ['--header', 'Authorization: Bearer ${CANARY_TOKEN}', '--log-level', 'trace'],
      env: { CANARY_TOKEN: 'canary-token-value' },
      secrets: ['canary-token-value'],
    });
    await bridge.initialize();
    expect(remote.requests[0]?.headers.authorization).toBe('Bearer canary-token-value');
  });

  test('--header-file: one a line, # comments, empty lines, ${VAR}', async () => {
    const remote = await startFakeRemote();
    const file = headerFile('# a comment\nX-One: 1\n\nX-Two:canary-two\r\nX-Three: ${THREE}\n');
    const bridge = startBridge(remote.url, {
      args: ['--header-file', file, '--log-level', 'trace'],
      env: { THREE: 'canary-three' },
      secrets: ['canary-two', 'canary-three'],
    });
    await bridge.initialize();
    const expected = { 'x-one': '1', 'x-two': 'canary-two', 'x-three': 'canary-three' };
    expect(remote.requests[0]?.headers).toMatchObject(expected);
  });

  test('a 401 with a header of the user is reported, not repaired', async () => {
    const remote = await startFakeRemote();
    remote.on('POST', (exchange) => exchange.status(401, { 'WWW-Authenticate': 'Bearer' }));
    const bridge = startBridge(remote.url, {
      args: ['--header', 'Authorization: Bearer canary-token-value', '--log-level', 'trace'],
      secrets: ['canary-token-value'],
    });
    const answer = await bridge.request('initialize', { protocolVersion: '2025-11-25' });
    expect(answer.error?.data).toMatchObject({
      source: 'mcp-drawbridge',
      reason: 'unauthorized',
      status: 401,
    });
    expect(remote.requests.every(({ path }) => path === '/mcp')).toBe(true);
  });
});

describe('a bad header ends the start, names the header only, and nothing is sent [T111, 88-92]', () => {
  const canary = 'canary-header-value';

  async function expectRefused(args: string[], said: RegExp, env = {}): Promise<void> {
    const remote = await startFakeRemote();
    const { code, stderr, stdout } = await runCommand([remote.url, ...args, '--log-level', 'trace'], env);
    expect(stderr).toMatch(said);
    expect(stderr).not.toContain(canary);
    expect(stderr).not.toMatch(/\n\s+at /);
    expect(code).not.toBe(0);
    expect(stdout).toBe('');
    expect(remote.connections).toBe(0);
  }

  test.each([
    ['no colon', `X-Bad${canary}`],
    ['no name', `: ${canary}`],
    ['a name with a blank', `X Bad: ${canary}`],
    ['a line break in the value', `X-Bad: a\r\nX-Evil: ${canary}`],
    ['a control character in the value', `X-Bad: ${canary}\u0001`],
    ['a letter outside ASCII in the value', `X-Bad: ${canary}é`],
  ])('%s', async (_, header) => {
    await expectRefused(['--header', header], /header/i);
  });

  test.each([
    'Host',
    'Content-Length',
    'Transfer-Encoding',
    'Connection',
    'Content-Type',
    'Accept',
    'Mcp-Session-Id',
    'MCP-Protocol-Version',
    'Mcp-Method',
    'DPoP',
  ])('the name %s, which belongs to the bridge [90]', async (name) => {
    await expectRefused(['--header', `${name}: ${canary}`], new RegExp(name, 'i'));
  });

  test('a variable that is not set [91]', async () => {
    await expectRefused(['--header', 'X-Token: ${NOT_SET_ANYWHERE}'], /NOT_SET_ANYWHERE/);
  });

  test('a line break that comes from a variable [88]', async () => {
    await expectRefused(['--header', 'X-Token: ${VALUE}'], /X-Token/i, { VALUE: `a\r\n${canary}` });
  });

  test.each<[string, () => string]>([
    ['does not exist', () => join(tempFolder(), 'missing.txt')],
    ['is a folder', () => tempFolder()],
    ['others may read', () => headerFile(`X-Token: ${canary}\n`, 0o644)],
    ['the group may read', () => headerFile(`X-Token: ${canary}\n`, 0o640)],
    ['holds one bad line', () => headerFile(`X-Good: 1\n${canary} is no header\n`)],
    ['is binary', () => headerFile(Buffer.from([0, 1, 2, 255, 254, 10]))],
    ['is larger than 16 KiB', () => headerFile(`X-Token: ${canary}${'x'.repeat(17_000)}\n`)],
  ])('a header file that %s', async (_, file) => {
    await expectRefused(['--header-file', file()], /header/i);
  });
});
