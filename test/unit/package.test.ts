import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { root } from './helpers/import-graph.ts';

interface Listing {
  files: { path: string; size: number; mode: number }[];
  unpackedSize: number;
}

const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
let listing: Listing;

beforeAll(() => {
  const dist = join(root, 'dist');
  // Other tests run what is built while this one looks: nothing is built here.
  expect(readdirSync(dist), 'run "npm run build" first').toContain('main.js');
  const words = ['pack', '--dry-run', '--json', '--ignore-scripts', '--offline'];
  const output = execFileSync('npm', words, {
    cwd: root,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  [listing] = JSON.parse(output) as [Listing];
});

describe('what users download [117]', () => {
  test('is the program, its chunks, the licences, the read-me and the manifest, and nothing else', () => {
    const chunk =
      /^dist\/(ask-for-challenge|bridge|by-browser|by-device-code|by-grant|client-metadata|clients|command-table|common|confirm|cookies|demo|dist|doctor|dpop|env-paths|fast-commands|http-sse|ids|keychain-child|legacy-client|log-writer|login|logout|machine|mcp-remote|mcp-remote-hash|modern|modern-client|oauth|oauth-connection|open|output|own-header|paths|presence|print-completion|program|provisional-answers|proxy|read-token|revoke|rolldown-runtime|secret-command|sign-in|sign-in-gate|site|status|store|system-keychain|token|token-command|token-life|until-aborted|version|with-token)-[\w-]{8}\.js$/;
    const paths = listing.files.map(({ path }) => path);
    expect(paths.filter((path) => !chunk.test(path)).sort()).toEqual([
      'LICENSE',
      'README.md',
      'bin/mcp-drawbridge.js',
      'dist/THIRD-PARTY-LICENSES.txt',
      'dist/keychain-process.js',
      'dist/main.js',
      'package.json',
    ]);
    const chunks = paths.flatMap((path) => chunk.exec(path)?.[1] ?? []);
    expect(new Set(chunks).size).toBe(chunks.length);
  });

  test('is below 6 MB unpacked', () => {
    expect(listing.unpackedSize).toBeLessThan(6_000_000);
  });

  test('brings no other package with it', () => {
    for (const kind of ['dependencies', 'peerDependencies', 'bundledDependencies', 'bundleDependencies'])
      expect(manifest).not.toHaveProperty(kind);
    expect(Object.keys(manifest.optionalDependencies ?? {}).length).toBeLessThanOrEqual(1);
  });

  test('runs nothing when it is installed', () => {
    const atInstall = [
      'preinstall',
      'install',
      'postinstall',
      'preprepare',
      'prepare',
      'postprepare',
      'dependencies',
    ];
    expect(Object.keys(manifest.scripts).filter((name) => atInstall.includes(name))).toEqual([]);
    expect(listing.files.map(({ path }) => path)).not.toContain('binding.gyp');
  });

  test('is named by one command, which can be run', () => {
    expect(manifest.bin).toEqual({ 'mcp-drawbridge': 'bin/mcp-drawbridge.js' });
    expect(readFileSync(join(root, 'bin/mcp-drawbridge.js'), 'utf8')).toMatch(/^#!\/usr\/bin\/env node\n/);
  });

  test('asks for Node 20, as the command itself does', () => {
    expect(manifest.engines).toEqual({ node: '>=20' });
    expect(readFileSync(join(root, 'bin/mcp-drawbridge.js'), 'utf8')).toContain('major < 20');
  });

  test('does not depend on ranges: each package that is built in is of one version', () => {
    for (const [name, version] of Object.entries(manifest.devDependencies))
      expect(version, name).toMatch(/^\d+\.\d+\.\d+(-[\w.]+)?$/);
  });
});

describe('what was built', () => {
  const built = (): [name: string, text: string][] =>
    readdirSync(join(root, 'dist')).map((name) => [name, readFileSync(join(root, 'dist', name), 'utf8')]);

  test('names no folder of the machine that built it', () => {
    const folders = [root, `${homedir()}/`, '/home/', '/Users/', 'C:\\Users', 'node_modules/'];
    for (const [name, text] of built().filter(([file]) => file.endsWith('.js'))) {
      for (const folder of folders) expect(text.includes(folder), `${folder} in ${name}`).toBe(false);
    }
  });

  /** What a plain start of a bridge reads: the main file, what that wants at once, and the crossing. */
  const startFiles = (): [name: string, text: string][] =>
    built().filter(([name]) => /^(main|(common|bridge|rolldown-runtime)-.*)\.js$/.test(name));

  test('is small where each start loads it', () => {
    expect(startFiles()).toHaveLength(4);
    const size = startFiles().reduce((sum, [, text]) => sum + text.length, 0);
    expect(size).toBeLessThan(100_000);
  });

  test('loads at its start what the sources say, and no package', () => {
    for (const [file, text] of startFiles()) {
      const required = [...text.matchAll(/require\((["'`])([^"'`]+)\1\)/g)].map(
        ([, , name]) => name as string,
      );
      const later = [...text.matchAll(/then\(\(\)=>(?:[\w.]+\()?require\((["'`])([^"'`]+)\1\)/g)].map(
        ([, , name]) => name,
      );
      const atStart = required.filter((name) => !later.includes(name));
      const known = /^node:(buffer|fs|http|path|util)$|^\.\/((rolldown-runtime|common)-|main\.js$)/;
      expect(
        atStart.filter((name) => !known.test(name)),
        file,
      ).toEqual([]);
    }
  });

  test('passes on the licence of every package in it', () => {
    const licences = readFileSync(join(root, 'dist/THIRD-PARTY-LICENSES.txt'), 'utf8');
    for (const name of [
      'commander',
      'pino',
      'tough-cookie',
      'http-proxy-agent',
      'https-proxy-agent',
      'proxy-from-env',
      'open',
      'env-paths',
      'jsonc-parser',
      'smol-toml',
    ])
      expect(licences).toMatch(new RegExp(`^${name} \\d+\\.`, 'm'));
    expect(licences).toMatch(/^@modelcontextprotocol\/sdk \d+\./m);
  });
});
