import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

function packedFiles(): string[] {
  const args = ['pack', '--dry-run', '--json', '--ignore-scripts', '--offline'];
  const output = execFileSync('npm', args, { cwd: root, encoding: 'utf8', timeout: 30_000, stdio: 'pipe' });
  return JSON.parse(output)[0].files.map(({ path }: { path: string }) => path);
}

test('the package holds the start file, the bundle, the licences and the readme, and nothing else [T119, 117]', () => {
  const files = packedFiles();
  for (const path of ['package.json', 'LICENSE', 'README.md', 'bin/mcp-drawbridge.js', 'dist/main.js']) {
    expect(files).toContain(path);
  }
  const other = files.filter(
    (path) => !/^(package\.json|LICENSE|README\.md|bin\/[\w-]+\.js|dist\/[\w.-]+)$/.test(path),
  );
  expect(other).toEqual([]);
  expect(files.filter((path) => path.endsWith('.map'))).toEqual([]);
});

test('the bundle names no folder of the machine that built it [117]', () => {
  for (const path of packedFiles().filter((name) => name.startsWith('dist/'))) {
    expect(readFileSync(join(root, path), 'utf8'), path).not.toContain(root);
  }
});

test('installing it runs no script and fetches nothing but what cannot be bundled [117]', () => {
  expect(Object.keys(manifest.dependencies ?? {})).toEqual([]);
  for (const name of ['preinstall', 'install', 'postinstall', 'prepare'])
    expect(manifest.scripts[name]).toBeUndefined();
  expect(manifest.engines.node).toBe('>=20');
});
