import { describe, expect, test } from 'vitest';
import type { EraVerdict } from '../../../../src/bridge/era/era-file.ts';
import { describeRemote } from '../../../../src/cli/stored/status-remote.ts';

const initialize = (protocolVersion: unknown): Record<string, unknown> => ({
  protocolVersion,
  capabilities: {},
  serverInfo: { name: 'A', version: '1' },
});
const at = 0;

describe('what is known of a server', () => {
  test.each<[EraVerdict | undefined, string | undefined, object | null]>([
    [undefined, undefined, null],
    [undefined, '2025-06-18', { protocolVersion: '2025-06-18', era: 'legacy', transport: null }],
    [undefined, '2026-07-28', { protocolVersion: '2026-07-28', era: 'modern', transport: 'http' }],
    [{ era: 'modern', at }, undefined, { protocolVersion: '2026-07-28', era: 'modern', transport: 'http' }],
    [
      { era: 'modern', at },
      '2025-11-25',
      { protocolVersion: '2026-07-28', era: 'modern', transport: 'http' },
    ],
    [{ era: 'legacy', at }, undefined, { protocolVersion: null, era: 'legacy', transport: null }],
    [
      { era: 'legacy', transport: 'sse', at },
      '2024-11-05',
      { protocolVersion: '2024-11-05', era: 'legacy', transport: 'sse' },
    ],
  ])('%j, and a client was told %s', (verdict, told, expected) => {
    const remembered = told === undefined ? undefined : initialize(told);
    const remote = describeRemote(verdict, remembered);
    if (expected === null) expect(remote).toBeNull();
    else expect(remote).toMatchObject({ ...expected, name: told === undefined ? null : 'A' });
  });

  test('a revision that is no text is not known', () => {
    expect(describeRemote(undefined, initialize(7))).toMatchObject({ protocolVersion: null, era: null });
  });
});
