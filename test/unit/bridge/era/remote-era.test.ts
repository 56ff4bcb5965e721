import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { EraMemory, EraVerdict } from '../../../../src/bridge/era/era-file.ts';
import { RemoteEra } from '../../../../src/bridge/era/remote-era.ts';

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
