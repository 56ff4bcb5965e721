import { expect, test } from 'vitest';
import { nearest } from '../../../src/cli/near-miss.ts';

const commands = ['login', 'logout', 'status', 'doctor', 'token', 'add', 'remove', 'demo', 'help'];

test.each([
  ['lgin', 'login'],
  ['Login', 'login'],
  ['logni', 'login'],
  ['loguot', 'logout'],
  ['stauts', 'status'],
  ['docter', 'doctor'],
  ['hepl', 'help'],
  ['rm', undefined],
  ['', undefined],
  ['x', undefined],
  ['mcp.example.com', undefined],
  ['frobnicate', undefined],
])('%s: %s', (word, meant) => {
  expect(nearest(word, commands)).toBe(meant);
});
