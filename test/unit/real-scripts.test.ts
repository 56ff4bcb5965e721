import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
// @ts-expect-error a script without types
import { Records } from '../../scripts/lib/records.mjs';
// @ts-expect-error a script without types
import { ResultsTable } from '../../scripts/lib/results-table.mjs';
import { tempFolder } from '../support/temp-folder.ts';

test('results are printed, and take the place of the last ones in a page', async () => {
  const log = vi.spyOn(console, 'log').mockImplementation(() => {});
  const table = new ResultsTable('server', 'result');
  table.add(['one', 'FAILED: a|b\n  c']);
  expect(log.mock.calls.flat()).toEqual(['server | result', '--- | ---', 'one | FAILED: a/b c']);
  log.mockRestore();

  const file = join(tempFolder(), 'page.md');
  writeFileSync(file, '# Page\n\n<!-- real servers -->\nold\n<!-- /real servers -->\n\nThe end.\n');
  await table.writeTo(file, 'real servers');
  await table.writeTo(file, 'real servers');
  const page = readFileSync(file, 'utf8');
  const rows = '| server | result |\n| --- | --- |\n| one | FAILED: a/b c |';
  expect(page.replace(/Node .*\.\n/, 'Where.\n')).toBe(
    `# Page\n\n<!-- real servers -->\n\nWhere.\n\n${rows}\n\n<!-- /real servers -->\n\nThe end.\n`,
  );
  await expect(table.writeTo(file, 'real clients')).rejects.toThrow('has no place for real clients');
});

test('a record has nothing of the machine and the run it is from', async () => {
  const folder = join(tempFolder(), 'records');
  mkdirSync(folder);
  for (const name of ['codex-1.jsonl', 'codex-2.jsonl', 'codex-more-1.jsonl'])
    writeFileSync(join(folder, name), 'old');
  const records = new Records(folder);
  expect((await records.begin('codex')).at(-1)).toBe(join(folder, 'codex'));
  expect(readdirSync(folder)).toEqual(['codex-more-1.jsonl']);
  const line = (uri: string, name: string, text: string, id: string): string =>
    `{"uri":"file://${uri}","name":"${name}","text":"${text}","id":"${id}","n":12345678901234567890}\n`;
  const sent = line('/tmp/x-Ab1/sub', 'x-Ab1', 'word-1f', '01a21ad7-1a3e-7ce1-9a69-f608709ebce3');
  writeFileSync(join(folder, 'codex-1.jsonl'), sent);
  await records.scrub('codex', { home: '/tmp/x-Ab1', word: 'word-1f' });
  const kept = line('/home/user/project/sub', 'project', 'hello', '00000000-0000-4000-8000-000000000000');
  expect(readFileSync(join(folder, 'codex-1.jsonl'), 'utf8')).toBe(kept);
});
