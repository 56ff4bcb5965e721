import { afterEach, describe, expect, test, vi } from 'vitest';
import type { SignIn } from '../../../src/authorization/authorizer.ts';
import { DrawbridgeError } from '../../../src/errors.ts';
import type { SignInSettings } from '../../../src/settings.ts';
import { until } from '../../support/wait.ts';
import { asks, bearer, challenge, fails, reasonOf, stage, stepUp } from '../helpers/authorizer-stage.ts';
import { openStore } from '../helpers/oauth-parts.ts';

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

describe('a sign-in that comes to nothing', () => {
  test.each(['sign-in-refused', 'sign-in-timeout'])(
    '[7]: after %s nobody is asked again by a request',
    async (reason) => {
      const { bridge, program } = await stage(fails(reason));
      const authorizer = bridge();
      expect(await reasonOf(authorizer.challenged(challenge(undefined)))).toBe(reason);
      for (let round = 0; round < 3; round++) {
        expect(await authorizer.challenged(challenge(undefined))).toMatchObject({
          reason: 'sign-in-needed',
          message: expect.stringMatching(/needs you to sign in; run: npx/),
        });
      }
      expect(program.starts.length).toBe(1);
      // But the user may ask for it.
      await authorizer.beginSignIn().settled;
      expect(program.starts.length).toBe(2);
    },
  );

  test('[14]: one that could not even begin is told to all for half a minute', async () => {
    const { bridge, program, attempts } = await stage();
    await attempts.end('unready', new DrawbridgeError('authorization-server', 'It is broken.'));
    expect(await bridge().challenged(challenge(undefined))).toMatchObject({ message: 'It is broken.' });
    expect(program.starts).toEqual([]);
    const now = Date.now();
    vi.useFakeTimers({ toFake: ['Date'], now: now + 31_000 });
    const authorizer = bridge();
    void authorizer.challenged(challenge(undefined));
    await program.nextStart();
  });

  test('somebody signs in in a terminal afterwards: that is noticed, and lifts the pause', async () => {
    const { bridge, signedIn, folder } = await stage(fails('sign-in-refused'));
    const authorizer = bridge();
    const heard: string[] = [];
    authorizer.listener = {
      signInStarted: () => heard.push('started'),
      signedIn: () => heard.push('signed in'),
    };
    await authorizer.challenged(challenge(undefined));
    const stored = await signedIn({}, openStore(folder));
    await until('news', () => heard.includes('signed in'), 3000);
    expect([heard, authorizer.credential()]).toEqual([['started', 'signed in'], bearer(stored)]);
  });

  test('a store that can not be read meanwhile breaks nothing', async () => {
    const { bridge, store } = await stage(fails('sign-in-refused'));
    const authorizer = bridge();
    await authorizer.challenged(challenge(undefined));
    vi.spyOn(store, 'list').mockImplementation(() => {
      throw new DrawbridgeError('credential-store', 'locked');
    });
    await new Promise((resolve) => setTimeout(resolve, 1500));
    expect(await authorizer.challenged(challenge(undefined))).toMatchObject({ reason: 'credential-store' });
  });
});

describe('403', () => {
  test('M9, A-85: more scopes are asked for, on top of those of before', async () => {
    const { signedIn, bridge, program, userSignsIn, tokenRequests } = await stage();
    const stored = await signedIn({ requestedScope: 'a b', scope: 'a c' });
    const authorizer = bridge();
    const answer = authorizer.challenged(stepUp(bearer(stored), 'write'));
    const after = await userSignsIn(authorizer, { requestedScope: 'a b c write' });
    expect([await answer, authorizer.credential(), tokenRequests()]).toEqual([undefined, bearer(after), 0]);
    expect(program.starts[0]?.task).toMatchObject({
      challenge: { scope: 'write' },
      earlierScope: 'a b c write',
    });
    // that was asked for, and the server wants it still.
    expect(await authorizer.challenged(stepUp(bearer(after), 'write'))).toMatchObject({
      reason: 'insufficient-scope',
      message: expect.stringContaining('the permission "write"'),
      details: { status: 403 },
    });
    expect(program.starts.length).toBe(1);
  });

  test('A-92: meanwhile the others go on with the token that there is', async () => {
    const { signedIn, bridge, userSignsIn } = await stage();
    const stored = await signedIn();
    const authorizer = bridge();
    const answer = authorizer.challenged(stepUp(bearer(stored), 'write'));
    await until('a sign-in', () => authorizer.signIn);
    expect(authorizer.credential()).toBe(bearer(stored));
    await userSignsIn(authorizer);
    await answer;
  });

  test('T24, [26]: another scope each time: two are tried, then it is told', async () => {
    const { signedIn, bridge, program, userSignsIn } = await stage();
    await signedIn();
    const authorizer = bridge();
    const outcomes: (string | undefined)[] = [];
    for (const scope of ['s1', 's2', 's3', 's4']) {
      const answer = authorizer.challenged(stepUp(authorizer.credential() as string, scope));
      if (outcomes.length < 2) await userSignsIn(authorizer);
      outcomes.push(await reasonOf(answer));
    }
    expect([outcomes, program.starts.length]).toEqual([
      [undefined, undefined, 'insufficient-scope', 'insufficient-scope'],
      2,
    ]);
  });

  test('[26]: a scope that the user has refused is not asked for again', async () => {
    const { signedIn, bridge, program } = await stage(fails('sign-in-refused'));
    const stored = await signedIn();
    const authorizer = bridge();
    const ask = () => reasonOf(authorizer.challenged(stepUp(bearer(stored), 'write')));
    expect([await ask(), await ask()]).toEqual(['sign-in-refused', 'insufficient-scope']);
    expect(program.starts.length).toBe(1);
  });

  test.each<[string, string | undefined, Partial<SignInSettings>]>([
    ['without a scope in it', undefined, {}],
    ['for what was granted', 'a', {}],
    ['for what was asked for (A-90)', 'b', {}],
    ['with --scope, which is exact', 'write', { scope: 'a' }],
  ])('a challenge %s is told and opens nothing', async (_what, scope, signIn) => {
    const { signedIn, bridge, program } = await stage(asks, signIn);
    const stored = await signedIn({ requestedScope: 'a b', scope: 'a' });
    expect(await reasonOf(bridge().challenged(stepUp(bearer(stored), scope)))).toBe('insufficient-scope');
    expect(program.starts).toEqual([]);
  });

  test.each(['Bearer error="invalid_token"', 'Basic realm="x"', undefined])(
    'A-89: with %s it is a result, no challenge',
    async (header) => {
      const { signedIn, bridge, program } = await stage();
      const stored = await signedIn();
      const refused = challenge(bearer(stored), { status: 403, header });
      expect(await bridge().challenged(refused)).toBe(refused.error);
      expect(program.starts).toEqual([]);
    },
  );

  test('without a credential, or where nobody may be asked, it is told', async () => {
    const { signedIn, bridge } = await stage();
    const stored = await signedIn();
    for (const refused of [
      stepUp(undefined, 'write'),
      { ...stepUp(bearer(stored), 'write'), mayAskUser: false },
    ])
      expect(await bridge().challenged(refused)).toBe(refused.error);
  });

  test('to a token that is no longer the one in use: again, at once', async () => {
    const { signedIn, bridge } = await stage();
    await signedIn();
    expect(await bridge().challenged(stepUp('Bearer old', 'write'))).toBeUndefined();
  });
});

describe('a sign-in that was asked for', () => {
  test('begins though nobody was refused, once', async () => {
    const { bridge, program, signedIn } = await stage();
    await signedIn({ requestedScope: 'a' });
    const authorizer = bridge();
    const started: SignIn[] = [];
    authorizer.listener = { signInStarted: (signIn) => started.push(signIn), signedIn: () => {} };
    const signIn = authorizer.beginSignIn();
    expect([authorizer.beginSignIn(), authorizer.signIn, started]).toEqual([signIn, signIn, [signIn]]);
    await signIn.linked;
    expect(signIn.link).toBe('https://as.example/authorize');
    expect((await program.nextStart()).task).toMatchObject({ earlierScope: 'a', opensWindow: true });
  });

  test('opens no window where the client opens links itself', async () => {
    const { bridge, program } = await stage();
    const authorizer = bridge();
    authorizer.clientOpensLinks = true;
    authorizer.beginSignIn();
    expect((await program.nextStart()).task.opensWindow).toBe(false);
  });
});
