import { spawn } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse as parseToml } from 'smol-toml';
import { describe, expect, test } from 'vitest';
import { splitCommand } from '../../src/cli/command-words.ts';
import { bridgeEnvironment, bridgeFile, type Environment } from '../support/bridge-command.ts';
import { commandsOf, pages } from '../support/markdown.ts';
import { tempFolder } from '../support/temp-folder.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const all = pages();

interface Ran {
  code: number | null;
  stdout: string;
  stderr: string;
}

interface Surroundings {
  folder: string;
  env: Environment;
}

/** Runs a program with an empty stdin, in a folder of its own. */
function run(argv: string[], { folder, env }: Surroundings): Promise<Ran> {
  const child = spawn(process.execPath, argv, {
    cwd: folder,
    env: bridgeEnvironment(env),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ran: Ran = { code: null, stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    ran.stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    ran.stderr += text;
  });
  return new Promise((resolve) => child.once('close', (code) => resolve({ ...ran, code })));
}

const bridge = (words: string[], surroundings: Surroundings): Promise<Ran> =>
  run([bridgeFile, ...words], surroundings);

async function expectCode(codes: number[], words: string[], surroundings: Surroundings): Promise<Ran> {
  const ran = await bridge(words, surroundings);
  expect(codes, `mcp-drawbridge ${words.join(' ')}: ${ran.code} ${ran.stderr}`).toContain(ran.code);
  return ran;
}

/** Files that options name are put there; what is in them is of no matter. */
function withFiles(words: string[], { folder }: Surroundings): void {
  const pem = '-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n';
  for (const [index, word] of words.entries()) {
    if (word === '--ca-file') writeFileSync(join(folder, words[index + 1] as string), pem);
    if (word === '--header-file')
      writeFileSync(join(folder, words[index + 1] as string), 'X-A: b\n', { mode: 0o600 });
  }
}

/** Each `${NAME}` has some value, as it would have in the client. */
function variablesOf(words: string[]): Environment {
  const names = words.join(' ').matchAll(/\$\{(\w+)\}/g);
  return Object.fromEntries([...names].map(([, name]) => [name, 'value']));
}

/** The bridge itself, to its end: its client says nothing, and so it asks nobody. */
async function startsWith(words: string[], surroundings: Surroundings): Promise<void> {
  withFiles(words, surroundings);
  const env = { ...variablesOf(words), ...surroundings.env };
  const { stdout } = await expectCode([0], words, { ...surroundings, env });
  expect(stdout).toBe('');
}

/** A command that would speak to a server: its own words are known to it, and the others start a bridge. */
function readOnly(own: string[]) {
  return async ([command, ...words]: string[], surroundings: Surroundings): Promise<void> => {
    const { stdout: help } = await bridge(['help', command as string], surroundings);
    for (const word of words.filter((one) => one.startsWith('--')))
      expect(help, `${command} ${word}`).toMatch(new RegExp(`^ +${word.split('=')[0]}\\b`, 'm'));
    await startsWith(
      words.filter((word) => !own.includes(word)),
      surroundings,
    );
  };
}

/** Writes into a file of this test's, in place of the client's. */
async function add(words: string[], surroundings: Surroundings): Promise<void> {
  const at = words.indexOf('--config-file');
  const others = at < 0 ? words : words.toSpliced(at, 2);
  const file = ['--config-file', join(surroundings.folder, 'config')];
  const dry = await expectCode([0], [...others, '--dry-run', ...file], surroundings);
  expect(dry.stdout).toContain('mcp-drawbridge');
  await expectCode([0], [...others.filter((word) => word !== '--dry-run'), ...file], surroundings);
}

async function remove(words: string[], surroundings: Surroundings): Promise<void> {
  const [, client = '', name = ''] = words;
  await add(['add', client, name, 'https://mcp.example.com/mcp'], surroundings);
  await expectCode([0], [...words, '--config-file', join(surroundings.folder, 'config')], surroundings);
}

/** A command that is harmless, and needs nobody. */
const runs =
  (codes: number[], ...more: string[]) =>
  async (words: string[], surroundings: Surroundings): Promise<void> => {
    await expectCode(codes, [...words, ...more], surroundings);
  };

/** How each command is treated; `bridge` is none. */
const treatments: Record<string, (words: string[], surroundings: Surroundings) => Promise<void>> = {
  '--help': runs([0]),
  '--version': runs([0]),
  help: runs([0]),
  completion: runs([0]),
  'client-metadata': runs([0]),
  demo: runs([0], '--auto-approve'),
  // Nothing is stored for any server.
  status: runs([0, 4]),
  logout: runs([0]),
  add,
  remove,
  login: readOnly(['--with-token', '--json']),
  doctor: readOnly(['--json']),
  token: readOnly([]),
  bridge: startsWith,
};

async function drawbridge(words: string[], surroundings: Surroundings): Promise<void> {
  const [first = ''] = words;
  const treat = treatments[first.includes('://') ? 'bridge' : first];
  if (!treat) throw new Error(`how to treat "mcp-drawbridge ${words.join(' ')}"?`);
  await treat(words, surroundings);
}

/** Programs that are not ours, and what is looked at of them. */
const foreign: Record<string, (words: string[]) => void> = {
  op: ([, command]) => expect(command).toBe('read'),
  curl: (words) => expect(words).toContain('-H'),
  openssl: (words) => expect(words).toEqual(['openssl', 'rand', '-base64', '32']),
};

const expectInstalled = (program: string): void =>
  expect(existsSync(join(root, 'node_modules', '.bin', program)), program).toBe(true);

const expectFiles = (words: string[]): void => {
  for (const word of words.filter((one) => /^[\w-]+\/[\w./-]+$/.test(one) || one.endsWith('.mjs')))
    expect(existsSync(join(root, word)), word).toBe(true);
};

async function npm([, command = '', ...words]: string[], surroundings: Surroundings): Promise<void> {
  // That would ask the registry.
  if (command === 'view') return expect(words).toEqual(['mcp-drawbridge', 'version']);
  const name = command === 'run' ? (words.shift() as string) : command;
  expect(Object.keys(scripts)).toContain(name);
  const given = words[0] === '--' ? words.slice(1) : words;
  if (name === 'bench') {
    // Faults are told before the help is shown.
    const { code, stderr } = await run([join(root, 'bench/run.mjs'), ...given, '--help'], surroundings);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  } else if (name === 'mcpb') {
    const { code, stderr } = await run([join(root, 'scripts/mcpb.mjs'), ...given], surroundings);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  } else if (name.startsWith('real-')) {
    // Faults in the words are told before names are looked up.
    const words = [join(root, 'scripts', `${name}.mjs`), ...given, '--only', 'nothing'];
    const { code, stderr } = await run(words, surroundings);
    expect(code, stderr).toBe(2);
    expect(stderr).toMatch(/^no (client|server) is named nothing;/);
  } else {
    expect(given).toEqual([]);
  }
}

/** One line of a shell snippet: each program in it, those in `$(…)` too. */
async function treatLine(line: string, surroundings: Surroundings): Promise<void> {
  const inner: string[] = [];
  const outer = line.replaceAll(/\$\(([^()]*)\)/g, (_, command: string) => {
    inner.push(command);
    return 'substituted';
  });
  for (const command of inner) await treatLine(command, surroundings);
  for (const part of outer.split(' | ')) {
    const words = splitCommand(part.replace(/ > \S+$/, '')) ?? [];
    const [program = '', next = ''] = words;
    if (program === 'export') expect(next).toMatch(/^MCP_DRAWBRIDGE_[A-Z_]+=./);
    else if (program === 'mcp-drawbridge') await drawbridge(words.slice(1), surroundings);
    else if (program === 'npx' && next === '-y') {
      expect(words[2]).toMatch(/^mcp-drawbridge(@latest)?$/);
      if (words.length > 3) await drawbridge(words.slice(3), surroundings);
    } else if (program === 'npx') {
      expectInstalled(next);
      expectFiles(words.slice(2));
    } else if (program === 'npm') await npm(words, surroundings);
    else if (program === 'node') expectFiles(words.slice(1));
    else if (foreign[program]) foreign[program](words);
    else throw new Error(`how to treat "${part}"?`);
  }
}

const here = (env: Environment = {}): Surroundings => ({ folder: tempFolder(), env });

const fences = all.flatMap((page) => page.fences);
const shell = fences
  .filter(({ language }) => language === 'sh')
  .flatMap(({ place, text }) => commandsOf(text).map((line): [string, string] => [place, line]));

/** In the text: what begins as a command does, without a place for something else. */
const inText = all.flatMap(({ path, spans }) =>
  spans
    .filter((span) => /^(npx|npm|node|mcp-drawbridge) /.test(span) && !/[<[…]/.test(span))
    .map((span): [string, string] => [path, span]),
);

const unique = (list: [string, string][]): [string, string][] => [
  ...new Map(list.map((entry): [string, [string, string]] => [entry[1], entry])).values(),
];

describe('the commands of the pages', () => {
  test('are found', () => {
    expect(shell.length).toBeGreaterThan(25);
    expect(inText.length).toBeGreaterThan(5);
  });

  test('there is no snippet of a kind that nobody looks at', () => {
    const known = ['sh', 'json', 'toml', 'yaml', ''];
    expect(fences.filter(({ language }) => !known.includes(language))).toEqual([]);
    // What is of no kind is a picture, and YAML is what another program reads.
    const others = fences.filter(({ language }) => language === '' || language === 'yaml');
    expect(others.filter(({ text }) => /^\s*(npx|npm|mcp-drawbridge|\$) /m.test(text))).toEqual([]);
  });

  test.each(unique([...shell, ...inText]))('%s: %s', async (_, line) => {
    await treatLine(line, here());
  });

  test.each([
    'rm -rf ~/.mcp-auth',
    'mcp-drawbridge frobnicate',
    'npx -y mcp-drawbridge https://mcp.example.com/mcp --nonsense',
    'npx -y mcp-drawbridge login https://mcp.example.com/mcp --allow-tool x',
    'npx -y mcp-drawbridge add cursor "" https://mcp.example.com/mcp',
    'npx -y something-else',
    'npm run nothing',
    'npm run bench -- --nonsense',
    'node scripts/nothing.mjs',
    'npx vitest run test/nothing.test.ts',
  ])('a wrong one fails: %s', async (line) => {
    await expect(treatLine(line, here())).rejects.toThrow();
  });
});

interface Entry {
  command: string;
  args: string[];
  env?: Record<string, string>;
}

/** Whatever in a configuration starts a program. */
function entriesOf(value: unknown): Entry[] {
  if (typeof value !== 'object' || value === null) return [];
  const { command, args } = value as Partial<Entry>;
  if (typeof command === 'string' && Array.isArray(args)) return [value as Entry];
  return Object.values(value).flatMap(entriesOf);
}

const parsers: Record<string, (text: string) => unknown> = { json: JSON.parse, toml: parseToml };
const configurations = fences
  .filter(({ language }) => language in parsers)
  .map(({ place, language, text }) => ({ place, language, text }));

describe('the configurations of the pages', () => {
  test('are found', () => {
    expect(configurations.length).toBeGreaterThan(15);
  });

  test.each(configurations)('$place', async ({ language, text }) => {
    for (const { command, args, env = {} } of entriesOf(parsers[language]?.(text))) {
      const words = command === 'cmd' ? args : [command, ...args];
      expect(words.slice(0, command === 'cmd' ? 4 : 3)).toEqual([
        ...(command === 'cmd' ? ['/c'] : []),
        'npx',
        '-y',
        'mcp-drawbridge',
      ]);
      await startsWith(words.slice(command === 'cmd' ? 4 : 3), here(env));
    }
  });
});
