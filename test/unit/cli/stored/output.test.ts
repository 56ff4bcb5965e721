import { describe, expect, test } from 'vitest';
import { surfaceOf, wrap } from '../../../../src/cli/stored/output.ts';
import { absoluteTime, relativeTime } from '../../../../src/cli/stored/times.ts';

describe('surfaceOf', () => {
  test.each<[string, { isTTY?: boolean; columns?: number }, NodeJS.ProcessEnv, boolean, number | undefined]>([
    ['a terminal', { isTTY: true, columns: 90 }, {}, true, 90],
    ['a pipe', {}, {}, false, undefined],
    ['NO_COLOR', { isTTY: true, columns: 90 }, { NO_COLOR: '1' }, false, 90],
    ['an empty NO_COLOR', { isTTY: true, columns: 90 }, { NO_COLOR: '' }, true, 90],
    ['a dumb terminal', { isTTY: true, columns: 90 }, { TERM: 'dumb' }, false, 90],
    ['FORCE_COLOR in a pipe', {}, { FORCE_COLOR: '1' }, true, undefined],
    ['FORCE_COLOR against NO_COLOR', {}, { FORCE_COLOR: '1', NO_COLOR: '1' }, true, undefined],
    ['FORCE_COLOR=0', { isTTY: true, columns: 90 }, { FORCE_COLOR: '0' }, false, 90],
    ['a very narrow terminal', { isTTY: true, columns: 5 }, {}, true, 40],
  ])('%s', (_, stream, env, hasColour, width) => {
    expect(surfaceOf(stream, env)).toEqual({ hasColour, width });
  });
});

describe('wrap', () => {
  test('breaks at blanks, and leaves long words whole', () => {
    expect(wrap('one two three', 9, 2)).toBe('one two\n  three');
    expect(wrap('https://a.long.example/word b', 9, 2)).toBe('https://a.long.example/word\n  b');
    expect(wrap('one two three', undefined, 2)).toBe('one two three');
  });
});

describe('times', () => {
  const now = Date.parse('2026-03-04T05:06:07Z');
  test.each([
    [0, 'just now'],
    [-999, 'just now'],
    [59_999, 'in 59 s'],
    [-60_000, '1 min ago'],
    [119 * 60_000, 'in 119 min'],
    [2 * 3_600_000, 'in 2 h'],
    [47 * 3_600_000, 'in 47 h'],
    [-48 * 3_600_000, '2 days ago'],
    [365 * 86_400_000, 'in 365 days'],
  ])('%i ms is %s', (distance, text) => {
    expect(relativeTime(now + distance, now)).toBe(text);
  });

  test('absolute ones are in UTC', () => expect(absoluteTime(now)).toBe('2026-03-04 05:06 UTC'));
});
