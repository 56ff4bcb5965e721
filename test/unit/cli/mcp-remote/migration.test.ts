import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { mcpRemoteOptions } from '../../../../src/cli/mcp-remote/table.ts';
import { root } from '../../helpers/import-graph.ts';

const page = readFileSync(join(root, 'docs/migration.md'), 'utf8');
const rows = page.split('\n').filter((line) => line.startsWith('| '));

test('docs/migration.md has a row for each option of mcp-remote, and no other', () => {
  const named = rows
    .filter((row) => row.startsWith('| `--'))
    .flatMap((row) =>
      [...(row.split(' | ')[0] as string).matchAll(/`--([a-z0-9-]+)`/g)].map(([, name]) => name),
    );
  expect(named.sort()).toEqual(mcpRemoteOptions.map(({ name }) => name).sort());
});

test('its figures are those of the read-me', () => {
  const cells = (row: string) => row.split('|').map((cell) => cell.trim());
  const readMe = readFileSync(join(root, 'README.md'), 'utf8').split('\n').map(cells);
  const figures = rows
    .map(cells)
    .filter(([, , mcpRemote, ours]) => /\d/.test(mcpRemote ?? '') && ours !== '');
  const measured = figures.filter(([, what]) => readMe.some(([, label]) => label === what));
  expect(measured.length).toBeGreaterThan(5);
  for (const [, what, mcpRemote, ours] of measured)
    expect(readMe).toContainEqual(['', what, expect.anything(), mcpRemote, ours, '']);
});
