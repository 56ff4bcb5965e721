import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { expectBridgeError } from '../support/bridge-error.ts';
import { startBridge } from '../support/bridge-process.ts';
import { type FakeRemote, startFakeRemote } from '../support/fake-remote.ts';
import { initializeParams } from '../support/json-rpc.ts';
import { tempFolder } from '../support/temp-folder.ts';

/** A command that prints canary-token-1 on its first run, canary-token-2 on its second, and so on. */
function countingCommand(): string {
  const folder = tempFolder();
  const file = join(folder, 'token.sh');
  const count = join(folder, 'count');
  writeFileSync(file, `echo x >> '${count}'\necho "canary-token-$(wc -l < '${count}' | tr -d ' ')"\n`);
  return `sh '${file}'`;
}

/** Lets pass only what carries a token of this list. */
function guard(remote: FakeRemote, valid: { tokens: string[] }): void {
  remote.on('tools/list', (exchange) => {
    const token = (exchange.request.headers.authorization ?? '').replace('Bearer ', '');
    if (valid.tokens.includes(token)) exchange.result({ tools: [] });
    else exchange.status(401, { 'WWW-Authenticate': 'Bearer error="invalid_token"' });
  });
}

describe('--token-command', () => {
  test('gives the bearer token of every request, and runs once for all of them', async () => {
    const remote = await startFakeRemote();
    const bridge = startBridge(remote.url, {
      args: ['--token-command', countingCommand(), '--log-level', 'trace'],
      secrets: ['canary-token'],
    });
    await bridge.initialize();
    await bridge.request('tools/list');
    await bridge.callTool('echo');
    await remote.next('GET');
    const tokens = remote.requests.map(({ headers }) => headers.authorization);
    expect(tokens).toEqual(tokens.map(() => 'Bearer canary-token-1'));
  });

  test('runs again on 401, and the request is sent again with the new token', async () => {
    const remote = await startFakeRemote();
    guard(remote, { tokens: ['canary-token-2'] });
    const bridge = startBridge(remote.url, {
      args: ['--token-command', countingCommand(), '--log-level', 'trace'],
      secrets: ['canary-token'],
    });
    await bridge.initialize();
    expect(await bridge.request('tools/list')).toHaveProperty('result');
    expect(remote.of('tools/list')).toHaveLength(2);
  });

  test('runs again ahead of the end that a JWT tells, and no request is refused', async () => {
    const remote = await startFakeRemote();
    const folder = tempFolder();
    const [script, runs] = [join(folder, 'token.mjs'), join(folder, 'runs')];
    writeFileSync(
      script,
      `import { appendFileSync, readFileSync } from 'node:fs';
      appendFileSync(${JSON.stringify(runs)}, 'x');
      const claims = { run: readFileSync(${JSON.stringify(runs)}).length, exp: Math.floor(Date.now() / 1000) + 4 };
      const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
      console.log([part({ alg: 'none' }), part(claims), 'c2ln'].join('.'));`,
    );
    const ended: number[] = [];
    remote.on('tools/list', (exchange) => {
      const body = (exchange.request.headers.authorization ?? '').split('.')[1] ?? '';
      const { exp } = JSON.parse(Buffer.from(body, 'base64url').toString()) as { exp: number };
      // What was sent in time may arrive a little after it.
      if (exp * 1000 + 1_000 < Date.now()) ended.push(exp);
      exchange.result({ tools: [] });
    });
    const command = `'${process.execPath}' '${script}'`;
    const bridge = startBridge(remote.url, { args: ['--token-command', command] });
    await bridge.initialize();
    for (const end = Date.now() + 6_000; Date.now() < end; await delay(250))
      expect(await bridge.request('tools/list')).toHaveProperty('result');
    expect(ended).toEqual([]);
    expect(readFileSync(runs).length).toBeGreaterThanOrEqual(2);
    expect(readFileSync(runs).length).toBeLessThanOrEqual(4);
  });

  test('runs again once for parallel 401s', async () => {
    const remote = await startFakeRemote();
    guard(remote, { tokens: ['canary-token-2'] });
    const bridge = startBridge(remote.url, { args: ['--token-command', countingCommand()] });
    await bridge.initialize();
    const answers = await Promise.all(Array.from({ length: 8 }, () => bridge.request('tools/list')));
    for (const answer of answers) expect(answer).toHaveProperty('result');
  });

  test('a token that is refused as well: an error, no loop [T84, 108]', async () => {
    const remote = await startFakeRemote();
    guard(remote, { tokens: [] });
    const bridge = startBridge(remote.url, { args: ['--token-command', countingCommand()] });
    await bridge.initialize();
    expectBridgeError(await bridge.request('tools/list'), 'unauthorized');
    expect(remote.of('tools/list').length).toBeLessThanOrEqual(2);
  });

  test('is split like a command line and needs no shell', async () => {
    const remote = await startFakeRemote();
    const command = `printf '%s-%s' 'a$HOME' "b"\\'c`;
    const bridge = startBridge(remote.url, { args: ['--token-command', command] });
    await bridge.initialize();
    expect(remote.requests[0]?.headers.authorization).toBe("Bearer a$HOME-b'c");
  });

  test.each([
    ['fails', `sh -c 'echo canary-output; echo canary-complaint >&2; exit 3'`],
    ['does not exist', 'no-such-program-anywhere'],
    ['prints nothing', 'true'],
    ['prints two lines', `printf 'canary-one\\ncanary-two\\n'`],
    ['prints a control character', `printf 'canary\\001one'`],
  ])(
    'a command that %s: an error that says so, without its output, and nothing is sent',
    async (_, command) => {
      const remote = await startFakeRemote();
      const bridge = startBridge(remote.url, {
        args: ['--token-command', command, '--log-level', 'trace'],
        secrets: ['canary-output', 'canary-one', 'canary-two'],
      });
      const answer = await bridge.request('initialize', initializeParams());
      expect(answer.error?.data).toHaveProperty('source', 'mcp-drawbridge');
      expect(answer.error?.message).toMatch(/token-command|token command/i);
      expect(remote.requests).toEqual([]);
    },
  );

  test('a command that never ends: an error in bounded time', async () => {
    const remote = await startFakeRemote();
    const bridge = startBridge(remote.url, { args: ['--token-command', 'sleep 600'] });
    const answer = await bridge.request('initialize', initializeParams(), 40_000);
    expect(answer.error?.data).toHaveProperty('source', 'mcp-drawbridge');
  });
});
