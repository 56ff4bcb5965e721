import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { clientIds } from '../../src/cli/clients/client-ids.ts';
import { clients } from '../../src/cli/clients/client-table.ts';
import { runBridge } from '../support/bridge-process.ts';
import { startFakeRemote } from '../support/fake-remote.ts';
import { runCommand } from '../support/run-command.ts';
import { tempFolder } from '../support/temp-folder.ts';

const url = 'https://mcp.example.com/mcp';

/** The variables of a user at home in a new folder, without what would lead a client elsewhere. */
function atHome(home: string) {
  return { HOME: home, XDG_CONFIG_HOME: undefined };
}

describe.skipIf(process.platform !== 'linux')('add and remove in a home folder', () => {
  test.each(clientIds)('%s', async (client) => {
    const home = tempFolder();
    const { file } = clients[client].location({
      platform: 'linux',
      env: {},
      home,
      exists: () => false,
      list: () => [],
    });
    const added = await runCommand(['add', client, 'example', url, '--scope', 'read write'], atHome(home));
    expect(added).toMatchObject({ code: 0, stdout: '' });
    expect(added.stderr).toContain(`Added "example" to ${clients[client].title}: ${file}`);
    expect(added.stderr.trimEnd().split('\n').at(-1)).toBe(clients[client].next);
    const text = readFileSync(file, 'utf8');
    for (const word of ['npx', 'mcp-drawbridge', url, '--scope', 'read write'])
      expect(text).toContain(`"${word}"`);

    const again = await runCommand(['add', client, 'example', url, '--scope', 'read write'], atHome(home));
    expect(again).toMatchObject({ code: 0, stdout: '' });
    expect(readFileSync(file, 'utf8')).toBe(text);

    const removed = await runCommand(['remove', client, 'example'], atHome(home));
    expect(removed).toMatchObject({ code: 0, stdout: '' });
    expect((await runCommand(['remove', client, 'example'], atHome(home))).code).toBe(1);
  });
});

describe('add', () => {
  test('--dry-run prints the change on stdout and touches nothing', async () => {
    const folder = tempFolder();
    const file = join(folder, 'mcp.json');
    writeFileSync(file, '{\n  "servers": {}\n}\n');
    const args = ['add', 'vscode', 'example', url, '--config-file', file, '--dry-run'];
    const { code, stdout } = await runCommand(args);
    expect(code).toBe(0);
    expect(stdout).toBe(
      [
        `--- ${file}`,
        `+++ ${file}`,
        '@@ -1,3 +1,13 @@',
        ' {',
        '-  "servers": {}',
        '+  "servers": {',
        '+    "example": {',
        '+      "type": "stdio",',
        '+      "command": "npx",',
        '+      "args": [',
        '+        "-y",',
        '+        "mcp-drawbridge",',
        `+        "${url}"`,
        '+      ]',
        '+    }',
        '+  }',
        ' }',
        '',
      ].join('\n'),
    );
    expect(readFileSync(file, 'utf8')).toBe('{\n  "servers": {}\n}\n');
    expect(readdirSync(folder)).toEqual(['mcp.json']);
  });

  test('a broken file: exit 1, one line with the place, nothing changed', async () => {
    const folder = tempFolder();
    const file = join(folder, 'config.toml');
    writeFileSync(file, 'a = 1\nb = [1\nc = 2\n');
    for (const args of [
      ['add', 'codex', 'example', url],
      ['remove', 'codex', 'example'],
    ]) {
      const { code, stdout, stderr } = await runCommand([...args, '--config-file', file]);
      expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
      expect(stderr).toMatch(/line \d+, column \d+/);
      expect(stderr.trimEnd().split('\n')).toHaveLength(1);
    }
    expect(readFileSync(file, 'utf8')).toBe('a = 1\nb = [1\nc = 2\n');
    expect(readdirSync(folder)).toEqual(['config.toml']);
  });

  test.each<[string, string[], RegExp]>([
    ['an unknown client', ['add', 'emacs', 'example', url], /emacs.*claude-desktop.*gemini/],
    ['no URL', ['add', 'cursor', 'example'], /url/],
    ['a word that is no URL', ['add', 'cursor', 'example', 'example.com'], /URL/],
    ['an unknown option', ['add', 'cursor', 'example', url, '--scoep', 'a'], /--scoep.*--scope/],
    ['a value outside its list', ['add', 'cursor', 'example', url, '--transport', 'pigeon'], /--transport/],
    ['a name that the client does not take', ['add', 'codex', 'my server', url], /name in Codex/],
    ['an option of the bridge', ['remove', 'cursor', 'example', '--scope', 'a'], /--scope/],
  ])('%s is a usage error', async (_, args, said) => {
    const home = tempFolder();
    const { code, stdout, stderr } = await runCommand(args, atHome(home));
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(said);
    expect(stderr.trimEnd().split('\n')).toHaveLength(1);
    expect(readdirSync(home)).toEqual([]);
  });

  test('the folder that a variable names must be there', async () => {
    const home = tempFolder();
    const env = { ...atHome(home), CODEX_HOME: join(home, 'missing') };
    const { code, stderr } = await runCommand(['add', 'codex', 'example', url], env);
    expect(code).toBe(1);
    expect(stderr).toContain(join(home, 'missing'));
    mkdirSync(join(home, 'missing'));
    expect((await runCommand(['add', 'codex', 'example', url], env)).code).toBe(0);
    expect(readdirSync(join(home, 'missing'))).toEqual(['config.toml']);
  });

  test('what it writes starts a bridge, options as they were given', async () => {
    const remote = await startFakeRemote();
    const file = join(tempFolder(), 'mcp.json');
    const options = ['--header', 'X-Key: ${CLIENTS_TEST_KEY}', '--header=X-Two: a  b', '--ipv4'];
    await runCommand(['add', 'claude-code', 'example', remote.url, '--config-file', file, ...options]);
    const { args } = JSON.parse(readFileSync(file, 'utf8')).mcpServers.example as { args: string[] };
    expect(args).toEqual(['-y', 'mcp-drawbridge', remote.url, ...options]);
    const bridge = runBridge({ args: args.slice(2), env: { CLIENTS_TEST_KEY: 'canary' } });
    await bridge.initialize();
    expect(remote.requests[0]?.headers).toMatchObject({ 'x-key': 'canary', 'x-two': 'a  b' });
  });

  test('the variables of the terminal that it runs in set nothing', async () => {
    const file = join(tempFolder(), 'mcp.json');
    const env = { MCP_DRAWBRIDGE_SCOPE: 'a', MCP_DRAWBRIDGE_TRANSPORT: 'pigeon' };
    expect((await runCommand(['add', 'cursor', 'example', url, '--config-file', file], env)).code).toBe(0);
    expect(JSON.parse(readFileSync(file, 'utf8')).mcpServers.example.args).toEqual([
      '-y',
      'mcp-drawbridge',
      url,
    ]);
  });
});

describe('the help', () => {
  test('names both commands, and what they take', async () => {
    const { stdout } = await runCommand(['--help']);
    expect(stdout).toMatch(/^ {2}add .*<client> <name> <url>/m);
    expect(stdout).toMatch(/^ {2}remove .*<client> <name>/m);
    const help = await runCommand(['help', 'add']);
    expect(help.code).toBe(0);
    for (const word of [...clientIds, '--config-file', '--dry-run', '--force', '--scope', '--header'])
      expect(help.stdout).toContain(word);
  });
});
