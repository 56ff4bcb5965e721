import { expect, test } from 'vitest';
import { OwnHeader } from '../../../src/authorization/own-header.ts';
import { DrawbridgeError } from '../../../src/errors.ts';
import { unsignedJwt } from '../helpers/jwt.ts';

const url = new URL('https://mcp.example.com/mcp');
const refused = new DrawbridgeError('unauthorized', 'as it came', { status: 401 });
const challenge = {
  status: 401 as const,
  header: 'Bearer',
  used: undefined,
  error: refused,
  mayAskUser: true,
};
const header = (value: string) => new OwnHeader({ url, headers: { 'X-A': 'b', authorization: value } });

test.each([
  ['an opaque one', 'Bearer opaque', 'it was revoked, or was never good for this server'],
  ['a user and password', 'Basic dTpw', 'it was revoked, or was never good for this server'],
  ['one that has not ended', `Bearer ${unsignedJwt({ exp: 4_000_000_000 })}`, 'it was revoked, or'],
  ['one that has', `Bearer ${unsignedJwt({ exp: 1_700_000_000 })}`, 'expired on 2023-11-14'],
])('%s that is refused at once', async (_which, value, what) => {
  const { reason, message, details } = await header(value).challenged(challenge);
  expect([reason, details]).toEqual(['unauthorized', { status: 401 }]);
  expect(message).toContain(what);
  expect(message).toContain('mcp.example.com');
  expect(message).toMatch(/give another one with --header\.$/);
  expect(message).not.toContain(value.replace(/^\S+ /, ''));
});

test('one that was accepted before is told to be revoked', async () => {
  const own = header('Bearer opaque');
  expect(own.credential()).toBeUndefined();
  own.accepted();
  expect((await own.challenged(challenge)).message).toContain('was revoked: it was accepted before');
});

test('any other refusal is told as it came', async () => {
  const forbidden = new DrawbridgeError('insufficient-scope', 'as it came', { status: 403 });
  expect(await header('Bearer x').challenged({ ...challenge, status: 403, error: forbidden })).toBe(
    forbidden,
  );
});
