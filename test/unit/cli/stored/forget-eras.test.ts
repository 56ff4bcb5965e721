import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { EraFile } from '../../../../src/bridge/era/era-file.ts';
import { forgetAllEras, forgetEra } from '../../../../src/cli/stored/forget-eras.ts';
import { tempFolder } from '../../../support/temp-folder.ts';

const SERVER = 'https://mcp.example/mcp';

test('forgets one server, or all, whether they are known or not', async () => {
  const folder = tempFolder();
  const files = ['default', 'work'].map((profile) => new EraFile(folder, SERVER, profile));
  for (const file of files) file.write({ era: 'modern', at: 1 });
  await turn();
  for (let times = 0; times < 2; times++) forgetEra(folder, SERVER, 'default');
  expect(files.map((file) => file.read())).toEqual([undefined, { era: 'modern', at: 1 }]);
  for (let times = 0; times < 2; times++) forgetAllEras(folder);
  expect(existsSync(join(folder, 'servers'))).toBe(false);
});

test('what can not be deleted stays', () => {
  const folder = join(tempFolder(), 'file');
  writeFileSync(folder, 'no folder');
  forgetEra(folder, SERVER, 'default');
  forgetAllEras(folder);
});
