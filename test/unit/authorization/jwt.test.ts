import { describe, expect, test } from 'vitest';
import { jwtClaims, jwtExpiry, jwtHeader } from '../../../src/authorization/jwt.ts';
import { unsignedJwt } from '../helpers/jwt.ts';

test('header and claims are read', () => {
  const token = unsignedJwt({ sub: 'ä' }, { typ: 'x' });
  expect(jwtHeader(token)).toEqual({ alg: 'ES256', typ: 'x' });
  expect(jwtClaims(token)).toEqual({ sub: 'ä' });
});

test.each([
  '',
  'opaque',
  'a.b',
  'a.b.c',
  '..',
  'eyJ9.e30.x',
  'e30.e30.',
  'e30.e30.x.y',
  'W10.e30.x',
  'bnVsbA.e30.x',
])('what is no signed JWT has none: %s', (token) => {
  expect(jwtHeader(token)).toBeUndefined();
  expect(jwtClaims(token)).toBeUndefined();
  expect(jwtExpiry(token)).toBeUndefined();
});

describe('the end', () => {
  test('in milliseconds', () => {
    expect(jwtExpiry(unsignedJwt({ exp: 1_700_000_000.5 }))).toBe(1_700_000_000_500);
  });

  test.each([undefined, '1700000000', -1, 0, 1e300, null])('not where exp is %s', (exp) => {
    expect(jwtExpiry(unsignedJwt({ exp }))).toBeUndefined();
  });
});
