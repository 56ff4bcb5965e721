import { mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { EraFile } from '../../../../src/bridge/era/era-file.ts';
import { tempFolder } from '../../../support/temp-folder.ts';

const SERVER = 'https://mcp.example/mcp';
const NOW = Date.parse('2026-11-27T01:02:03Z');

describe('EraFile', () => {
  test('keeps each server and profile apart, in files that only the user can read', async () => {
    const folder = tempFolder();
    const one = new EraFile(folder, SERVER, 'default');
    const other = new EraFile(folder, SERVER, 'work');
    expect(one.read()).toBeUndefined();
    one.write({ era: 'legacy', transport: 'http', at: NOW });
    await turn();
    expect(one.read()).toEqual({ era: 'legacy', transport: 'http', at: NOW });
    expect(other.read()).toBeUndefined();
    other.write({ era: 'modern', at: NOW });
    await turn();
    expect(readdirSync(join(folder, 'servers'))).toHaveLength(2);
    if (process.platform !== 'win32') expect(statSync(one.path).mode & 0o777).toBe(0o600);
  });

  test.each([
    'no JSON',
    '{"schema":2,"era":"modern","at":1}',
    '{"schema":1,"era":"future","at":1}',
    '{"schema":1,"era":"modern"}',
    '[]',
  ])('%s says nothing', async (text) => {
    const folder = tempFolder();
    const file = new EraFile(folder, SERVER, 'default');
    file.write({ era: 'modern', at: NOW });
    await turn();
    writeFileSync(file.path, text);
    expect(file.read()).toBeUndefined();
  });

  test('a transport of no known name is left out', async () => {
    const folder = tempFolder();
    const file = new EraFile(folder, SERVER, 'default');
    file.write({ era: 'legacy', at: NOW });
    await turn();
    writeFileSync(file.path, '{"schema":1,"era":"legacy","transport":"carrier pigeon","at":1}');
    expect(file.read()).toEqual({ era: 'legacy', at: 1 });
  });

  test('where nothing can be written, nothing is broken', async () => {
    const folder = tempFolder();
    mkdirSync(join(folder, 'x'));
    writeFileSync(join(folder, 'x', 'servers'), 'a file in the place of the folder');
    const file = new EraFile(join(folder, 'x'), SERVER, 'default');
    file.write({ era: 'modern', at: NOW });
    await turn();
    expect(file.read()).toBeUndefined();
  });
});
