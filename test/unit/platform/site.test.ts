import { expect, test } from 'vitest';
import { isSameSite } from '../../../src/platform/site.ts';

test.each([
  ['https://as.example', 'https://as.example:8443/activate', true],
  ['https://accounts.google.com', 'https://www.google.com/device', true],
  ['https://login.example.co.uk', 'https://example.co.uk', true],
  ['https://a.example.co.uk', 'https://other.co.uk', false],
  ['https://as.example', 'https://as.example.evil.test', false],
  ['https://one.github.io', 'https://two.github.io', false],
  ['https://login.microsoftonline.com', 'https://microsoft.com/devicelogin', false],
  ['http://127.0.0.1:1', 'http://127.0.0.1:2', true],
  ['http://127.0.0.1:1', 'http://localhost:1', false],
  ['http://[::1]:1', 'http://[::1]:2', true],
  ['https://192.0.2.1', 'https://192.0.2.2', false],
])('%s and %s: %s', (one, other, isSame) => {
  expect(isSameSite(new URL(one), new URL(other))).toBe(isSame);
});
