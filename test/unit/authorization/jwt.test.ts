import { describe, expect, test } from 'vitest';
import { jwtClaims, jwtExpiry, jwtHeader, jwtLife } from '../../../src/authorization/jwt.ts';
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

describe('the life of a fresh one', () => {
  test('goes by the clock of who issued it', () => {
    expect(jwtLife(unsignedJwt({ iat: 1000, exp: 1300 }))).toBe(300_000);
  });

  test('by ours where it does not say when it was issued', () => {
    const life = jwtLife(unsignedJwt({ exp: Math.floor(Date.now() / 1000) + 60 })) ?? 0;
    expect(Math.abs(life - 60_000)).toBeLessThan(2000);
  });

  test.each([{ exp: 1000, iat: 1000 }, { exp: 1000 }, { iat: 5 }, {}])(
    'none where it makes no sense: %j',
    (claims) => {
      expect(jwtLife(unsignedJwt(claims))).toBeUndefined();
    },
  );
});
