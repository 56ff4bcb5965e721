import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { expect, onTestFinished, test } from 'vitest';
import { bridgeEnvironment, bridgeFile } from '../support/bridge-command.ts';
import { runCommand } from '../support/run-command.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { until, within } from '../support/wait.ts';

const LIMIT = 30_000;

test('demo shows the whole job without any account: sign-in, tool call, warm start, refresh', async () => {
  const TMPDIR = tempFolder();
  const { code, stdout, stderr, ms } = await runCommand(['demo'], { TMPDIR }, LIMIT + 5_000);
  expect(stderr).toBe('');
  expect(code).toBe(0);
  expect(ms).toBeLessThan(LIMIT);
  expect(stdout).toMatch(/nobody is at a terminal,\s+the demo follows the link itself/);
  expect(stdout).toMatch(/registered itself:\s+mcp-drawbridge, http:\/\/127\.0\.0\.1:\d+\/callback/);
  expect(stdout).toMatch(/scope:\s+greet offline_access\n/);
  const [, url] = /listens here:\s+(\S+)/.exec(stdout) ?? [];
  expect(stdout).toMatch(new RegExp(`resource:\\s+${url}\\n`));
  expect(stdout).toMatch(/no token can be read in them/);
  expect(stdout).toMatch(/tools:\s+greet\n/);
  expect(stdout).toContain('Hello, world!');
  expect(stdout).toMatch(/signed in already:\s+1 HTTP request until it was ready/);
  expect(stdout).toMatch(/refreshes: 1, windows: 0; Hello, again!/);
  expect(readdirSync(TMPDIR).filter((name) => name.includes('demo'))).toEqual([]);
});

test('demo --auto-approve says that it was asked to', async () => {
  const { code, stdout } = await runCommand(['demo', '--auto-approve'], {}, LIMIT + 5_000);
  expect(code).toBe(0);
  expect(stdout).toMatch(/As --auto-approve asks,/);
});

test("the user's own options for bridges have no part in it", async () => {
  const env = { MCP_DRAWBRIDGE_HEADER: 'Authorization: Bearer mine', MCP_DRAWBRIDGE_TRANSPORT: 'sse' };
  const { code, stderr } = await runCommand(['demo'], env, LIMIT + 5_000);
  expect(stderr).toBe('');
  expect(code).toBe(0);
});

test('a signal ends it, and nothing stays behind', async () => {
  const TMPDIR = tempFolder();
  const child = spawn(process.execPath, [bridgeFile, 'demo'], {
    env: bridgeEnvironment({ TMPDIR }),
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  const exit = new Promise((resolve) => child.once('exit', resolve));
  let stdout = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  await until('the start of the bridge', () => stdout.includes('A client starts the bridge'));
  child.kill('SIGINT');
  expect(await within(exit, 10_000, () => stdout)).toBe(130);
  expect(readdirSync(TMPDIR).filter((name) => name.includes('demo'))).toEqual([]);
});

test('an option that it has not is a usage error', async () => {
  const { code, stdout, stderr } = await runCommand(['demo', '--port', '1']);
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  expect(stderr).toMatch(/^mcp-drawbridge: .*--port.*\n$/);
});
