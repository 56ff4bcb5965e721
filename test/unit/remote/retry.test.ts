import fc from 'fast-check';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { backoff, clampRetry, parseRetryAfter } from '../../../src/remote/retry.ts';

describe('parseRetryAfter (RFC 9110 section 10.2.3)', () => {
  const now = Date.UTC(2026, 0, 1, 12, 0, 0);

  test.each([
    ['120', 120],
    ['0', 0],
    [' 7 ', 7],
    ['Thu, 01 Jan 2026 12:00:30 GMT', 30],
    ['Thursday, 01-Jan-26 12:01:00 GMT', 60],
    ['Thu Jan  1 12:00:05 2026 GMT', 5],
    ['Thu, 01 Jan 2026 11:00:00 GMT', 0],
  ])('"%s" is %i seconds', (value, seconds) => {
    expect(parseRetryAfter(value, now)).toBe(seconds);
  });

  test.each([undefined, '', ' ', '-5', '1.5', '1e3', '0x10', '99999999999999', 'soon', 'NaN', '60, 30', '١'])(
    '"%s" can not be read',
    (value) => {
      expect(parseRetryAfter(value, now)).toBeUndefined();
    },
  );

  test.each(['soon 5', 'retry 2030', 'in about 10'])(
    '"%s" is no date, whatever Date.parse makes of it',
    (value) => {
      expect(parseRetryAfter(value, now)).toBeUndefined();
    },
  );

  test('a fraction of a second is rounded up: coming back early is refused again', () => {
    expect(parseRetryAfter('Thu, 01 Jan 2026 12:00:01 GMT', now + 100)).toBe(1);
  });

  test('whatever stands there, the result can be waited for', () => {
    fc.assert(
      fc.property(fc.string(), (value) => {
        const seconds = parseRetryAfter(value);
        if (seconds !== undefined) expect(seconds >= 0 && Number.isSafeInteger(seconds)).toBe(true);
      }),
    );
  });
});

describe('backoff [101, L-41]', () => {
  afterEach(() => void vi.restoreAllMocks());

  test.each([
    [1, 500],
    [2, 1000],
    [3, 2000],
    [7, 32_000],
    [8, 60_000],
    [50, 60_000],
    [10_000, 60_000],
  ])('after %i failures is random up to %i ms', (failures, ceiling) => {
    const random = vi.spyOn(Math, 'random');
    random.mockReturnValue(0.999_999);
    expect(backoff(failures)).toBeCloseTo(ceiling, -1);
    random.mockReturnValue(0.5);
    expect(backoff(failures)).toBeCloseTo(ceiling / 2, -1);
  });

  test('is never so short that it becomes a loop', () => {
    vi.spyOn(Math, 'random').mockReturnValue(0);
    expect(backoff(1)).toBe(50);
  });
});

test.each([
  [0, 500],
  [499, 500],
  [500, 500],
  [3000, 3000],
  [60_000, 60_000],
  [60_001, 60_000],
  [1e12, 60_000],
])('clampRetry(%i) is %i [101]', (given, kept) => {
  expect(clampRetry(given)).toBe(kept);
});
