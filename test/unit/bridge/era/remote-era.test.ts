import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import {
  EraFile,
  type EraMemory,
  type EraVerdict,
  RemoteEra,
} from '../../../../src/bridge/era/remote-era.ts';
import { tempFolder } from '../../../support/temp-folder.ts';

const SERVER = 'https://mcp.example/mcp';
const NOW = Date.parse('2026-11-27T01:02:03Z');
const DAY = 24 * 60 * 60 * 1000;

beforeEach(() => void vi.useFakeTimers({ now: NOW, toFake: ['Date'] }));
afterEach(() => void vi.useRealTimers());

function memoryOf(verdict?: EraVerdict): EraMemory & { written: EraVerdict[] } {
  const written: EraVerdict[] = [];
  return { written, read: () => written.at(-1) ?? verdict, write: (one) => void written.push(one) };
}

describe('RemoteEra', () => {
  test('keeps what was found, once [B-12]', () => {
    const memory = memoryOf();
    const era = new RemoteEra('auto', memory);
    expect(era.known).toBeUndefined();
    era.found('modern');
    era.found('modern');
    expect(era.known).toBe('modern');
    expect(memory.written).toEqual([{ era: 'modern', at: NOW }]);
  });

  test('a transport that becomes known is kept too, one that is not known changes nothing', () => {
    const memory = memoryOf({ era: 'legacy', at: NOW });
    const era = new RemoteEra('auto', memory);
    era.found('legacy', 'sse');
    era.found('legacy');
    era.found('legacy', 'sse');
    expect(memory.written).toEqual([{ era: 'legacy', transport: 'sse', at: NOW }]);
    era.found('modern');
    expect(memory.written.at(-1)).toEqual({ era: 'modern', at: NOW });
  });

  test.each<[EraVerdict, 'legacy' | 'modern' | undefined]>([
    [{ era: 'legacy', at: NOW - DAY + 1 }, 'legacy'],
    [{ era: 'legacy', at: NOW - DAY }, undefined],
    [{ era: 'legacy', at: NOW + 1 }, undefined],
    [{ era: 'modern', at: NOW - 1000 * DAY }, 'modern'],
  ])('%j is taken for %s: a legacy verdict ends, a modern one does not [B-13]', (verdict, known) => {
    expect(new RemoteEra('auto', memoryOf(verdict)).known).toBe(known);
  });

  test('what the user says is neither looked up nor written down [B-15]', () => {
    const memory = memoryOf({ era: 'modern', at: NOW });
    const era = new RemoteEra('legacy', memory);
    era.found('modern');
    expect([era.isPinned, era.known, memory.written]).toEqual([true, 'legacy', []]);
  });
});

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
    one.forget();
    one.forget();
    expect([one.read(), other.read()]).toEqual([undefined, { era: 'modern', at: NOW }]);
    EraFile.forgetAll(folder);
    expect(existsSync(join(folder, 'servers'))).toBe(false);
    EraFile.forgetAll(folder);
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
    const [name = ''] = readdirSync(join(folder, 'servers'));
    writeFileSync(join(folder, 'servers', name), text);
    expect(file.read()).toBeUndefined();
  });

  test('a transport of no known name is left out', async () => {
    const folder = tempFolder();
    const file = new EraFile(folder, SERVER, 'default');
    file.write({ era: 'legacy', at: NOW });
    await turn();
    const [name = ''] = readdirSync(join(folder, 'servers'));
    writeFileSync(
      join(folder, 'servers', name),
      '{"schema":1,"era":"legacy","transport":"carrier pigeon","at":1}',
    );
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
    file.forget();
  });
});
