import { expect, test } from 'vitest';
import { StepUps } from '../../../src/authorization/step-ups.ts';

const MINUTE = 60_000;

test('T24: a server that wants another scope each time gets two in an hour [26, A-87]', () => {
  const stepUps = new StepUps();
  expect(['a', 'b', 'c', 'd'].map((scope, index) => stepUps.mayTry(scope, index * MINUTE))).toEqual([
    true,
    true,
    false,
    false,
  ]);
  expect(stepUps.mayTry('c', 59 * MINUTE)).toBe(false);
  // The first one is an hour ago, the second is not.
  expect(stepUps.mayTry('c', 60 * MINUTE)).toBe(true);
  expect(stepUps.mayTry('d', 60 * MINUTE)).toBe(false);
});

test('a scope that was refused is not asked for again for ten minutes, another one is [26]', () => {
  const stepUps = new StepUps();
  expect(stepUps.mayTry('write', 0)).toBe(true);
  stepUps.refuse('write', 0);
  expect(stepUps.mayTry('write', 9 * MINUTE)).toBe(false);
  expect(stepUps.mayTry('write', 10 * MINUTE)).toBe(true);
});

test('what is not tried does not count', () => {
  const stepUps = new StepUps();
  stepUps.refuse('write', 0);
  for (let minute = 0; minute < 5; minute++) expect(stepUps.mayTry('write', minute * MINUTE)).toBe(false);
  expect(stepUps.mayTry('read', 5 * MINUTE)).toBe(true);
  expect(stepUps.mayTry('list', 5 * MINUTE)).toBe(true);
});
