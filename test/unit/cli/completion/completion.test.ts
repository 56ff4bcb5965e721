import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { bashCompletion } from '../../../../src/cli/completion/bash.ts';
import { fishCompletion } from '../../../../src/cli/completion/fish.ts';
import { powershellCompletion } from '../../../../src/cli/completion/powershell.ts';
import { type CompletionTree, completionTree } from '../../../../src/cli/completion/tree.ts';
import { zshCompletion } from '../../../../src/cli/completion/zsh.ts';
import { options } from '../../../../src/cli/options.ts';
import { tempFolder } from '../../../support/temp-folder.ts';
import { commandTree } from '../../helpers/command-tree.ts';

const has = (program: string) => spawnSync(program, ['--version'], { stdio: 'ignore' }).error === undefined;
const shells = { bash: has('bash'), zsh: has('zsh'), fish: has('fish'), pwsh: has('pwsh') };
for (const [shell, isThere] of Object.entries(shells))
  if (!isThere) process.stdout.write(`skipped: what ${shell} makes of its completion, it is not installed\n`);

let tree: CompletionTree;
beforeAll(async () => {
  tree = completionTree(await commandTree());
});

describe('what can be completed', () => {
  test('all options of the bridge, with their values', () => {
    const flags = tree.root.options.map(({ flag }) => flag);
    for (const { name, hidden } of options) expect(flags.includes(`--${name}`)).toBe(!hidden);
    const valuesOf = (flag: string) => tree.root.options.find((one) => one.flag === flag)?.value;
    expect(valuesOf('--store')).toEqual(['auto', 'keychain', 'file', 'memory']);
    expect(valuesOf('--callback-host')).toEqual(['127.0.0.1', 'localhost']);
    expect([valuesOf('--log-file'), valuesOf('--header'), valuesOf('--ipv4')]).toEqual([
      'file',
      'any',
      'none',
    ]);
  });

  test('all commands but those that are for ourselves', () => {
    const names = tree.commands.map(({ name }) => name);
    expect(names).toEqual(expect.arrayContaining(['login', 'add', 'remove', 'demo', 'completion', 'help']));
    expect(names).not.toContain('sign-in-process');
    const login = tree.commands.find(({ name }) => name === 'login');
    expect(login?.options.map(({ flag }) => flag)).toEqual(
      expect.arrayContaining(['--with-token', '--device-code', '--json', '--profile', '--help']),
    );
  });
});

test.each([
  ['bash', bashCompletion],
  ['zsh', zshCompletion],
  ['fish', fishCompletion],
  ['powershell', powershellCompletion],
] as const)('%s: everything is in the script', (_, script) => {
  const text = script(tree);
  for (const { name, options: list } of [tree.root, ...tree.commands]) {
    if (name !== 'mcp-drawbridge') expect(text).toContain(name);
    for (const { flag } of list) expect(text).toMatch(new RegExp(`(${flag}|-l ${flag.slice(2)})\\b`));
  }
  expect(text.endsWith('\n')).toBe(true);
});

describe.skipIf(!shells.bash)('bash completes', () => {
  function complete(...words: string[]): string[] {
    const folder = tempFolder();
    writeFileSync(join(folder, 'corp.pem'), '');
    const script = `${bashCompletion(tree)}
COMP_WORDS=("$@")
COMP_CWORD=$(($# - 1))
_mcp_drawbridge
printf '%s\\n' "\${COMPREPLY[@]}"`;
    const { stdout, stderr } = spawnSync('bash', ['-c', script, 'bash', 'mcp-drawbridge', ...words], {
      encoding: 'utf8',
      cwd: folder,
    });
    expect(stderr).toBe('');
    return stdout.split('\n').filter(Boolean);
  }

  test.each<[string[], string[]]>([
    [['log'], ['login', 'logout']],
    [['--log-l'], ['--log-level']],
    [
      ['https://x.example', '--log-level', ''],
      ['error', 'warn', 'info', 'debug', 'trace'],
    ],
    [['https://x.example', '--log-level', '=', 't'], ['trace']],
    [
      ['https://x.example', '--log-level', '='],
      ['error', 'warn', 'info', 'debug', 'trace'],
    ],
    [['login', 'https://x.example', '--with'], ['--with-token']],
    [['--profile', 'login', '--with'], []],
    [['https://x.example', '--with'], []],
    [['add', 'cur'], ['cursor']],
    [['add', 'cursor', 'login', '--dry'], ['--dry-run']],
    [['completion', 'z'], ['zsh']],
    [['help', 'dem'], ['demo']],
    [['https://x.example', '--ca-file', 'co'], ['corp.pem']],
    [['https://x.example', '--header', 'l'], []],
  ])('%j: %j', (words, found) => {
    const given = complete(...words);
    for (const one of found) expect(given).toContain(one);
    if (found.length < 2) expect(given).toEqual(found);
  });
});

describe.skipIf(!shells.zsh)('zsh', () => {
  test('reads it, by eval and as a file', () => {
    const file = join(tempFolder(), '_mcp-drawbridge');
    writeFileSync(file, zshCompletion(tree));
    const script = `autoload -Uz compinit && compinit -D -u; source ${file} && print -r -- $_comps[mcp-drawbridge]`;
    const { stdout, stderr } = spawnSync('zsh', ['-f', '-c', script], { encoding: 'utf8' });
    expect([stdout, stderr]).toEqual(['_mcp_drawbridge\n', '']);
  });
});

describe.skipIf(!shells.fish)('fish', () => {
  test.each([
    ['mcp-drawbridge logi', /^login\t/m],
    ['mcp-drawbridge login https://x.example --with', /^--with-token\t/m],
    ['mcp-drawbridge https://x.example --store k', /^keychain/m],
    ['mcp-drawbridge add curs', /^cursor/m],
  ])('completes %s', (line, found) => {
    const script = `${fishCompletion(tree)}\ncomplete -C ${JSON.stringify(line)}`;
    const { stdout, stderr } = spawnSync('fish', ['--no-config', '-c', script], { encoding: 'utf8' });
    expect(stderr).toBe('');
    expect(stdout).toMatch(found);
  });
});

describe.skipIf(!shells.pwsh)('PowerShell', () => {
  test.each([
    ['mcp-drawbridge logi', 'login'],
    ['mcp-drawbridge https://x.example --store k', 'keychain'],
    ['mcp-drawbridge login https://x.example --with', '--with-token'],
  ])('completes %s', (line, found) => {
    const script = `${powershellCompletion(tree)}
(TabExpansion2 -inputScript '${line}' -cursorColumn ${line.length}).CompletionMatches.CompletionText`;
    const { stdout } = spawnSync('pwsh', ['-NoProfile', '-Command', script], { encoding: 'utf8' });
    expect(stdout.split(/\r?\n/)).toContain(found);
  });
});
