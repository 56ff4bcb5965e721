import { expect, test, vi } from 'vitest';
import { type Authorizer, type Challenge, FixedCredentials } from '../../../src/authorization/authorizer.ts';
import { LazyAuthorizer } from '../../../src/authorization/lazy-authorizer.ts';
import { DrawbridgeError } from '../../../src/errors.ts';

const challenge: Challenge = {
  status: 401,
  header: undefined,
  error: new DrawbridgeError('unauthorized', 'm'),
  used: undefined,
  mayAskUser: true,
};
const listener = { signInStarted: () => {}, signedIn: () => {} };

/** One that has a credential. */
class Inner extends FixedCredentials {
  override credential(): string {
    return 'Bearer x';
  }
}

function start(load: () => Promise<Authorizer> = async () => new Inner(), isSignedIn?: Promise<boolean>) {
  const spy = vi.fn(load);
  return { load: spy, authorizer: new LazyAuthorizer(spy, isSignedIn) };
}

test.each([
  ['no folder', undefined],
  ['nothing in it', () => Promise.resolve(false)],
  ['one that can not be read', () => Promise.reject(new Error('x'))],
])('a server that wants no sign-in is spared the OAuth client: %s', async (_what, isSignedIn) => {
  const { authorizer, load } = start(undefined, isSignedIn?.());
  expect(await authorizer.credential()).toBeUndefined();
  // Known by now: no turn is lost any more.
  await new Promise(setImmediate);
  expect(authorizer.credential()).toBeUndefined();
  expect([authorizer.signIn, authorizer.beginSignIn()]).toEqual([undefined, undefined]);
  authorizer.accepted(undefined);
  await authorizer.close();
  expect(load).not.toHaveBeenCalled();
});

test('where something is stored it is loaded at once, and the first request waits for it', async () => {
  const { authorizer, load } = start(undefined, Promise.resolve(true));
  expect(await authorizer.credential()).toBe('Bearer x');
  expect(authorizer.credential()).toBe('Bearer x');
  expect(load).toHaveBeenCalledTimes(1);
});

test('a challenge loads it, once for all that come together', async () => {
  const inner = new Inner();
  const { authorizer, load } = start(async () => inner);
  const challenged = vi.spyOn(inner, 'challenged');
  const answers = await Promise.all([1, 2, 3].map(() => authorizer.challenged(challenge)));
  expect(answers).toEqual([challenge.error, challenge.error, challenge.error]);
  expect([load.mock.calls.length, challenged.mock.calls.length]).toEqual([1, 3]);
});

test('what the bridge has set before reaches it, and what it sets afterwards', async () => {
  const inner = new Inner();
  const { authorizer } = start(async () => inner);
  authorizer.clientOpensLinks = true;
  authorizer.listener = listener;
  await authorizer.challenged(challenge);
  expect([inner.clientOpensLinks, inner.listener]).toEqual([true, listener]);
  authorizer.clientOpensLinks = false;
  authorizer.listener = undefined;
  expect([inner.clientOpensLinks, inner.listener]).toEqual([false, undefined]);
  expect([authorizer.clientOpensLinks, authorizer.listener]).toEqual([false, undefined]);
});

test('it is asked for everything from then on', async () => {
  const inner = new Inner();
  const { authorizer } = start(async () => inner);
  await authorizer.challenged(challenge);
  const [accepted, close, begin] = (['accepted', 'close', 'beginSignIn'] as const).map((name) =>
    vi.spyOn(inner, name),
  );
  authorizer.accepted('Bearer x');
  authorizer.beginSignIn();
  await authorizer.close();
  expect(accepted).toHaveBeenCalledWith('Bearer x');
  expect([close?.mock.calls.length, begin?.mock.calls.length]).toEqual([1, 1]);
});

test('a store that can not be used is no hindrance until the server asks for something of it', async () => {
  const fault = new DrawbridgeError('credential-store', 'locked');
  const { authorizer } = start(async () => {
    throw fault;
  }, Promise.resolve(true));
  expect(await authorizer.credential()).toBeUndefined();
  expect(await authorizer.challenged(challenge)).toBe(fault);
  expect((await start(() => Promise.reject(new Error('x'))).authorizer.challenged(challenge))?.reason).toBe(
    'internal',
  );
});
