import { expect, test } from 'vitest';
import { ageOf } from '../../../src/authorization/token-age.ts';
import { connectionRecord } from '../helpers/oauth-parts.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

test.each<[string, number | undefined, number, string]>([
  ['without an end it never is', undefined, 1000 * HOUR, 'fresh'],
  ['an hour, at its beginning', HOUR, 0, 'fresh'],
  ['an hour, a tenth before its end', HOUR, 54 * MINUTE, 'due'],
  ['an hour, just before that', HOUR, 54 * MINUTE - 1, 'fresh'],
  ['five minutes, one before its end', 5 * MINUTE, 4 * MINUTE, 'due'],
  ['five minutes, just before that', 5 * MINUTE, 4 * MINUTE - 1, 'fresh'],
  ['a minute, half of it left', MINUTE, MINUTE / 2 - 1, 'fresh'],
  ['a minute, less than half of it left', MINUTE, MINUTE / 2, 'due'],
  ['a second before its end', HOUR, HOUR - 1000, 'expired'],
  ['after its end', HOUR, 3 * HOUR, 'expired'],
  // T69
  ['a clock that was put back a day', HOUR, -24 * HOUR, 'fresh'],
  ['a clock that was put on a day (R8: or a sleep)', HOUR, 24 * HOUR, 'expired'],
])('whether a token is to be renewed: %s [69]', (_what, life, passed, age) => {
  const obtainedAt = 1_700_000_000_000;
  const expiresAt = life === undefined ? undefined : obtainedAt + life;
  expect(ageOf(connectionRecord({ obtainedAt, expiresAt }), obtainedAt + passed)).toBe(age);
});
