import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { tempFolder } from '../support/temp-folder.ts';
import { root } from './helpers/import-graph.ts';

const workflow = readFileSync(join(root, '.github/workflows/release.yml'), 'utf8');

/** The jobs of the workflow, by name, as their text. */
const jobs = new Map(
  [...(workflow.split(/^jobs:\n/m)[1] ?? '').matchAll(/^ {2}([\w-]+):\n((?: {4}.*\n|\n)+)/gm)].map(
    ([, name, text]): [string, string] => [name as string, text as string],
  ),
);

describe('the workflow of a release', () => {
  test('runs for tags of versions, and for nothing else', () => {
    const [, on] = /^on:\n((?: .*\n)+)/m.exec(workflow) ?? [];
    expect(on).toBe('  push:\n    tags: ["v[0-9]+.[0-9]+.[0-9]+*"]\n');
  });

  test('publishes with provenance, after all tests', () => {
    expect([...jobs.keys()]).toEqual(['test', 'package', 'extension']);
    expect(jobs.get('test')).toContain('uses: ./.github/workflows/test.yml');
    expect(jobs.get('package')).toContain('needs: test\n');
    expect(jobs.get('extension')).toContain('needs: package\n');
    expect(jobs.get('package')).toMatch(/npm publish --provenance/);
    expect(readFileSync(join(root, '.github/workflows/test.yml'), 'utf8')).toContain('workflow_call:');
  });

  test('lets each job do what it has to, and no more', () => {
    expect(workflow).toMatch(/^permissions: \{\}$/m);
    const granted = [...jobs].map(([name, text]) => [name, text.match(/[\w-]+: (?:read|write)$/gm)]);
    expect(granted).toEqual([
      ['test', ['contents: read']],
      ['package', ['contents: read', 'id-token: write']],
      ['extension', ['contents: write']],
    ]);
    // What comes with a package gets no chance to run beside the token.
    for (const [line] of workflow.matchAll(/npm (?:ci|install)\b.*/g))
      expect(line).toContain('--ignore-scripts');
  });

  test('takes actions of one version each', () => {
    const used = [...workflow.matchAll(/uses: (\S+)/g)].map(([, name]) => name as string);
    expect(used.length).toBeGreaterThan(3);
    for (const name of used.filter((one) => !one.startsWith('./')))
      expect(name).toMatch(/^actions\/[\w-]+@v\d+\.\d+\.\d+$/);
  });
});

describe('the check before a release', () => {
  const released =
    '# Changelog\n\n## [Unreleased]\n\n## [1.2.3] - 2026-12-01\n\n### Added\n\n- All.\n\n## [1.2.2] - 2026-11-30\n';

  function check(tag: string, files: Record<string, string> = {}) {
    const folder = tempFolder();
    mkdirSync(join(folder, 'scripts'));
    for (const name of ['check-release.mjs', 'prepare.mjs'])
      cpSync(join(root, 'scripts', name), join(folder, 'scripts', name));
    const all = {
      'package.json': '{"version":"1.2.3"}',
      'package-lock.json': '{"version":"1.2.3"}',
      'CHANGELOG.md': released,
      ...files,
    };
    for (const [name, text] of Object.entries(all)) writeFileSync(join(folder, name), text);
    return spawnSync(process.execPath, [join(folder, 'scripts/check-release.mjs'), tag], {
      encoding: 'utf8',
    });
  }

  test('gives what the changelog says of this version', () => {
    const { status, stdout } = check('v1.2.3');
    expect({ status, stdout }).toEqual({ status: 0, stdout: '### Added\n\n- All.\n' });
  });

  test.each([
    ['v1.2.4', {}, 'the tag is "v1.2.4"'],
    ['v1.2.3', { 'package-lock.json': '{"version":"1.2.2"}' }, 'package-lock.json says 1.2.2'],
    ['v1.2.3', { 'CHANGELOG.md': '## [Unreleased]\n' }, 'CHANGELOG.md has no section "[1.2.3]'],
  ])('%s with %j fails', (tag, files, message) => {
    const { status, stdout, stderr } = check(tag, files);
    expect(status).toBe(1);
    expect(stdout).toBe('');
    expect(stderr).toContain(message);
  });

  test('package.json and the lock file name one version', () => {
    const read = (name: string) => JSON.parse(readFileSync(join(root, name), 'utf8')).version;
    expect(read('package-lock.json')).toBe(read('package.json'));
  });
});
