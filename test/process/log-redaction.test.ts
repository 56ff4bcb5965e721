import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { startBridge } from '../support/bridge-process.ts';
import { initializeResult, textResult } from '../support/fake-answers.ts';
import { startFakeRemote } from '../support/fake-remote.ts';
import { initializeParams } from '../support/json-rpc.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { until } from '../support/wait.ts';

const secrets = {
  header: 'canary-header-1f7a',
  authorization: 'canary-authorization-2b8c',
  fromVariable: 'canary-variable-3c9d',
  query: 'canary-query-4dae',
  session: 'canary-session-5ebf',
  cookie: 'canary-cookie-6fc0',
};

/** One run through answers, refusals, resets and a lost session, with a secret in every place that has one. */
async function eventfulRun(args: string[]) {
  const remote = await startFakeRemote();
  let sessions = 0;
  remote.on('initialize', (exchange) => {
    sessions += 1;
    exchange.header('Mcp-Session-Id', `${secrets.session}-${sessions}`);
    exchange.header('Set-Cookie', `affinity=${secrets.cookie}`).result(initializeResult({ jsonrpc: '2.0' }));
  });
  const bridge = startBridge(`${remote.url}?api_key=${secrets.query}`, {
    args: [
      ...[
        '--header',
        `X-Api-Key: ${secrets.header}`,
        '--header',
        `Authorization: Bearer ${secrets.authorization}`,
      ],
      ...['--header', 'X-Variable: ${VALUE}', ...args],
    ],
    env: { VALUE: secrets.fromVariable },
    secrets: Object.values(secrets),
  });
  await bridge.initialize();
  await bridge.request('tools/list');
  remote.once('tools/call', (exchange) => exchange.status(401, { 'WWW-Authenticate': 'Bearer' }));
  await bridge.callTool('echo');
  remote.once('tools/call', (exchange) => exchange.reset());
  await bridge.callTool('echo');
  remote.once('tools/call', (exchange) => exchange.status(404));
  await bridge.callTool('echo');
  remote.once('x/y', (exchange) =>
    exchange.redirect(302, `https://elsewhere.example/?api_key=${secrets.query}`),
  );
  await bridge.request('x/y');
  remote.once('x/y', (exchange) => exchange.body(200, '<html>', { 'Content-Type': 'text/html' }));
  await bridge.request('x/y');
  remote.on('x/y', (exchange) => exchange.status(429, { 'Retry-After': '3600' }));
  await bridge.request('x/y');
  expect(sessions).toBe(2);
  return { remote, bridge };
}

describe('no secret in any log, error or file [T112, 72, 73, 74, L-47, K1]', () => {
  test.each(['warn', 'debug', 'trace'])('at --log-level %s, on stderr and stdout', async (level) => {
    const { bridge } = await eventfulRun(['--log-level', level]);
    bridge.closeStdin();
    expect((await bridge.exitWithin(5000)).code).toBe(0);
    if (level !== 'warn') expect(bridge.stderr).not.toBe('');
  });

  test('as JSON, every line of it valid', async () => {
    const { bridge } = await eventfulRun(['--log-level', 'trace', '--log-format', 'json']);
    for (const line of bridge.stderr.trim().split('\n')) expect(JSON.parse(line)).toHaveProperty('level');
  });

  test('in a log file, which only its owner can read', async () => {
    const folder = tempFolder();
    const file = join(folder, 'bridge.log');
    const { bridge } = await eventfulRun(['--log-level', 'trace', '--log-file', file]);
    bridge.closeStdin();
    await bridge.exitWithin(5000);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    const text = readdirSync(folder)
      .map((name) => readFileSync(join(folder, name), 'utf8'))
      .join('');
    expect(text).not.toBe('');
    for (const secret of Object.values(secrets)) expect(text).not.toContain(secret);
  });

  test('what is sent and answered in tools is not logged either', async () => {
    const remote = await startFakeRemote();
    remote.on('tools/call', (exchange) => exchange.result(textResult('canary-result')));
    const bridge = startBridge(remote.url, { args: ['--log-level', 'trace'] });
    await bridge.initialize();
    await bridge.callTool('echo', { password: 'canary-argument' });
    expect(bridge.stderr).not.toContain('canary');
  });

  test('an unreachable remote with a secret in its query', async () => {
    const bridge = startBridge(`https://no-such-host.invalid/mcp?api_key=${secrets.query}`, {
      args: ['--log-level', 'trace'],
      secrets: Object.values(secrets),
    });
    expect(await bridge.request('initialize', initializeParams(), 40_000)).toHaveProperty('error');
  });
});

describe('the log', () => {
  test('is silent by default in a run without trouble', async () => {
    const remote = await startFakeRemote({ session: true });
    const bridge = startBridge(remote.url);
    await bridge.initialize();
    await bridge.callTool('echo');
    bridge.closeStdin();
    await bridge.exitWithin(4000);
    expect(bridge.stderr).toBe('');
  });

  test('text of the remote in it has no control characters [95]', async () => {
    const remote = await startFakeRemote();
    remote.on('initialize', (exchange) => {
      const result = initializeResult({ jsonrpc: '2.0' }) as Record<string, unknown>;
      exchange.result({
        ...result,
        serverInfo: { name: '\u001b]0;owned\u0007\u202e', version: '\u001b[2J' },
      });
    });
    remote.on('tools/list', (exchange) =>
      exchange.body(500, '\u001b[31mred\u0007', { 'X-Request-Id': 'a\tb' }),
    );
    const bridge = startBridge(remote.url, { args: ['--log-level', 'trace'] });
    await bridge.initialize();
    await bridge.request('tools/list');
    await until('a log', () => bridge.stderr !== '');
    expect(bridge.stderr).not.toMatch(/[\u001b\u0007\u202e]/);
  });

  test('a log file that cannot be written is named at the start', async () => {
    const remote = await startFakeRemote();
    const file = join(tempFolder(), 'missing', 'bridge.log');
    const bridge = startBridge(remote.url, { args: ['--log-level', 'debug', '--log-file', file] });
    await until('a word about it', () => bridge.stderr.includes('bridge.log'));
  });

  test('a child process gets no variable that held a secret [122]', async () => {
    const remote = await startFakeRemote();
    const bridge = startBridge(remote.url, {
      args: ['--header', 'X-Variable: ${VALUE}', '--token-command', `sh -c 'echo "token-\${VALUE:-unset}"'`],
      env: { VALUE: secrets.fromVariable },
    });
    await bridge.initialize();
    expect(remote.requests[0]?.headers['x-variable']).toBe(secrets.fromVariable);
  });
});
