import { describe, expect, test } from 'vitest';
import { covers, type ScopeSources, selectScope, unite } from '../../../src/authorization/scopes.ts';

const select = (sources: Partial<ScopeSources>) =>
  selectScope({
    explicit: undefined,
    challenge: undefined,
    resource: undefined,
    earlier: undefined,
    authorizationServer: undefined,
    ...sources,
  });

describe('the scope that is asked for (DESIGN rule 9)', () => {
  test.each<[string, Partial<ScopeSources>, string | undefined]>([
    ['M1: no scopes anywhere', {}, undefined],
    ['M1: empty lists', { resource: [], authorizationServer: [], challenge: '' }, undefined],
    [
      'M2, A-63: those of the authorization server are no source',
      { authorizationServer: ['admin', 'a'] },
      undefined,
    ],
    ['M2: nor is its offline_access alone', { authorizationServer: ['offline_access'] }, undefined],
    [
      'M3, A-62: metadata with offline_access where the authorization server lists it',
      { resource: ['a', 'b'], authorizationServer: ['admin', 'offline_access'] },
      'a b offline_access',
    ],
    ['A-60: the challenge comes first', { challenge: 'c', resource: ['a', 'b'] }, 'c'],
    ['A-60: then all of the metadata', { resource: ['a', 'b'] }, 'a b'],
    ['A-61: the challenge need not be within the metadata', { challenge: 'x y', resource: ['a'] }, 'x y'],
    [
      'A-62: offline_access of the resource metadata is not taken up',
      { resource: ['a', 'offline_access'], authorizationServer: ['a'] },
      'a',
    ],
    ['A-62: nothing else is left then', { resource: ['offline_access'] }, undefined],
    ['A-61: offline_access of the challenge is', { challenge: 'a offline_access' }, 'a offline_access'],
    [
      'A-62: and stands there once',
      { challenge: 'offline_access a', authorizationServer: ['offline_access'] },
      'offline_access a',
    ],
    ['A-85: a step-up is a union', { earlier: 'a b', challenge: 'b c' }, 'a b c'],
    ['A-86: so is another sign-in', { earlier: 'a', resource: ['b'] }, 'a b'],
    [
      'A-91: and nothing is left out by meaning',
      { earlier: 'repo repo:read', challenge: 'repo' },
      'repo repo:read',
    ],
    ['earlier scopes alone', { earlier: 'a' }, 'a'],
    [
      '--scope wins over everything',
      {
        explicit: 'x',
        challenge: 'c',
        resource: ['a'],
        earlier: 'e',
        authorizationServer: ['offline_access'],
      },
      'x',
    ],
  ])('%s', (_what, sources, scope) => {
    expect(select(sources)).toBe(scope);
  });
});

test('lists are united in their order, each scope once', () => {
  expect(unite('b a', undefined, ' a  c ', '')).toBe('b a c');
  expect(unite()).toBeUndefined();
  expect(unite(undefined, ' ')).toBeUndefined();
});

test.each<[string | undefined, string | undefined, boolean]>([
  ['a b', 'a', true],
  ['a b', 'b a', true],
  ['a', 'a b', false],
  ['ab', 'a', false],
  [undefined, 'a', false],
  ['a', undefined, true],
  [undefined, undefined, true],
  ['a', '', true],
])('what was granted (%s) covers %s: %s [A-90]', (granted, wanted, expected) => {
  expect(covers(granted, wanted)).toBe(expected);
});
