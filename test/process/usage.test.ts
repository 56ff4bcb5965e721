import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { runBridge } from '../support/bridge-process.ts';
import { startFakeRemote } from '../support/fake-remote.ts';
import { runCommand } from '../support/run-command.ts';

const url = 'https://mcp.example.test/mcp';

describe('usage errors: one readable line on stderr, exit 2, nothing on stdout', () => {
  test.each<[string, string[], RegExp]>([
    ['no URL', [], /url/i],
    ['an unknown option', [url, '--no-such-option'], /--no-such-option/],
    ['an unknown option before the URL', ['--no-such-option', url], /--no-such-option/],
    ['an option without its value', [url, '--header'], /--header/],
    ['a value outside its list', [url, '--transport', 'pigeon'], /--transport|pigeon/],
    ['a log level that does not exist', [url, '--log-level', 'loud'], /--log-level|loud/],
    ['a number that is none', [url, '--connect-timeout', 'soon'], /--connect-timeout/],
    ['a negative number', [url, '--request-timeout', '-1'], /--request-timeout/],
    ['a word that is no URL', ['not-a-url'], /not-a-url|URL/],
    ['a URL of another scheme', ['ftp://mcp.example.test/mcp'], /https?/],
    ['a file URL', ['file:///etc/passwd'], /https?/],
    ['a URL with a control character', ['https://mcp.example.test/\u0007mcp'], /control|URL/i],
    ['a URL with a line break', ['https://mcp.example.test/\nmcp'], /control|URL/i],
    ['a URL with a fragment', [`${url}#part`], /fragment|#/],
    ['http to a host that is not loopback', ['http://mcp.example.test/mcp'], /--allow-http/],
    ['http to a host that only looks like loopback', ['http://127.0.0.1.example.test/mcp'], /--allow-http/],
    ['http to localhost as a subdomain of another', ['http://localhost.example.test/mcp'], /--allow-http/],
  ])('%s', async (_, args, said) => {
    const { code, stderr, stdout } = await runCommand(args);
    expect(stderr).toMatch(said);
    expect(stderr.trimEnd().split('\n')).toHaveLength(1);
    expect(stderr.trimEnd()).not.toMatch(/[\u0000-\u001f\u007f-\u009f]/);
    expect(code).toBe(2);
    expect(stdout).toBe('');
  });

  test('a password in the URL is refused and not shown', async () => {
    const { code, stderr } = await runCommand(['https://ada:canary-password@mcp.example.test/mcp']);
    expect(code).toBe(2);
    expect(stderr).toMatch(/password|user|credential/i);
    expect(stderr).not.toContain('canary-password');
    expect(stderr.trimEnd().split('\n')).toHaveLength(1);
  });

  test('nothing is sent for a usage error', async () => {
    const remote = await startFakeRemote();
    expect((await runCommand([remote.url, '--no-such-option'])).code).toBe(2);
    expect((await runCommand([`${remote.url}#x`])).code).toBe(2);
    expect(remote.connections).toBe(0);
  });
});

describe('accepted URLs', () => {
  test.each(['localhost', '127.0.0.1', 'LOCALHOST'])(
    'http on loopback needs no --allow-http: %s',
    async (host) => {
      const remote = await startFakeRemote();
      const bridge = runBridge({ args: [`http://${host}:${remote.port}/mcp`] });
      await bridge.initialize();
    },
  );

  test('the path and the query go to the remote as they are', async () => {
    const remote = await startFakeRemote();
    const bridge = runBridge({ args: [`${remote.origin}/a%20b/mcp?key=a%2Fb&empty=`] });
    await bridge.initialize();
    expect(remote.requests[0]?.path).toBe('/a%20b/mcp?key=a%2Fb&empty=');
  });

  test('options may stand before and after the URL, with a blank or =', async () => {
    const remote = await startFakeRemote();
    const args = ['--header', 'X-One: 1', remote.url, '--header=X-Two: 2', '--log-level=error'];
    const bridge = runBridge({ args });
    await bridge.initialize();
    expect(remote.requests[0]?.headers).toMatchObject({ 'x-one': '1', 'x-two': '2' });
  });

  test('--allow-http lets http to another host start', async () => {
    const bridge = runBridge({ args: ['http://192.0.2.1/mcp', '--allow-http'] });
    await expect(bridge.exitWithin(700)).rejects.toThrow('still runs');
  });
});

describe('--help and --version: on stdout, exit 0', () => {
  test.each([[['--version']], [['-V']]])('%s', async (args) => {
    const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
    const { code, stdout, stderr } = await runCommand(args);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout.trim()).toBe(version);
  });

  test.each([[['--help']], [['-h']], [['help']]])('%s', async (args) => {
    const { code, stdout, stderr } = await runCommand(args);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    for (const word of ['mcp-drawbridge', '<url>', '--header', '--transport', '--log-level', 'demo']) {
      expect(stdout).toContain(word);
    }
  });
});
