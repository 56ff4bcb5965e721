import { beforeEach, describe, expect, test, vi } from 'vitest';
import { SignInAttempts } from '../../../../src/authorization/sign-in/attempts.ts';
import { put } from '../../../../src/authorization/stored-credentials.ts';
import { idOf } from '../../../../src/credentials/ids.ts';
import { DrawbridgeError } from '../../../../src/errors.ts';
import { newStore } from '../../helpers/oauth-parts.ts';

const MINUTE = 60_000;
const start = 1_700_000_000_000;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date'], now: start });
  return () => vi.useRealTimers();
});
const at = (minutes: number) => vi.setSystemTime(start + minutes * MINUTE);

function attempts() {
  const { store } = newStore();
  return { store, attempts: new SignInAttempts(store, 'connection-1') };
}
/** What each sign-in writes, in its order. */
async function signIn(of: SignInAttempts, ending: Parameters<SignInAttempts['end']>[0], withWindow = true) {
  await of.begin(false);
  const may = of.mayOpenWindow;
  if (may && withWindow) await of.begin(true);
  await of.end(ending);
  return may;
}

describe('windows that nobody has asked for [7]', () => {
  test('three in an hour', async () => {
    const { attempts: of } = attempts();
    const seen: boolean[] = [];
    for (const minute of [0, 10, 20, 30, 59]) {
      at(minute);
      seen.push(await signIn(of, 'failed'));
    }
    expect(seen).toEqual([true, true, true, false, false]);
    at(60);
    expect(of.mayOpenWindow).toBe(true);
  });

  test.each(['ignored', 'refused'] as const)(
    'after one that was %s, none for five minutes',
    async (ending) => {
      const { attempts: of } = attempts();
      expect(await signIn(of, ending)).toBe(true);
      at(4);
      // Another bridge begins anew, and has recorded that before it asks.
      expect(await signIn(of, 'failed')).toBe(false);
      at(4.9);
      expect(of.mayOpenWindow).toBe(false);
      at(5);
      expect(of.mayOpenWindow).toBe(true);
    },
  );

  test('A8: one that failed, and one whose process has died (T72), may be followed by another', async () => {
    const { attempts: of } = attempts();
    await signIn(of, 'failed');
    expect(of.mayOpenWindow).toBe(true);
    await of.begin(true);
    expect(of.mayOpenWindow).toBe(true);
  });

  test('one that succeeded lifts the pause', async () => {
    const { attempts: of } = attempts();
    await signIn(of, 'ignored');
    await signIn(of, 'done', false);
    expect(of.mayOpenWindow).toBe(true);
  });

  test('a sign-in without a window does not count', async () => {
    const { attempts: of } = attempts();
    for (let round = 0; round < 5; round++) await signIn(of, 'failed', false);
    expect(of.mayOpenWindow).toBe(true);
  });

  test('they are counted across processes, and for each connection', async () => {
    const { attempts: of, store } = attempts();
    await signIn(of, 'ignored');
    expect(new SignInAttempts(store, 'connection-1').mayOpenWindow).toBe(false);
    expect(new SignInAttempts(store, 'connection-2').mayOpenWindow).toBe(true);
  });

  test('T69: a clock that was put back does not lock the door for longer', async () => {
    const { attempts: of } = attempts();
    for (let round = 0; round < 3; round++) await signIn(of, 'failed');
    await signIn(of, 'ignored', false);
    at(-24 * 60);
    expect(of.mayOpenWindow).toBe(true);
  });
});

describe('how the last one ended', () => {
  const failure = new DrawbridgeError('sign-in-timeout', 'Nobody finished it.');

  test('is shared with those who waited for it', async () => {
    const { attempts: of } = attempts();
    await of.begin(true);
    expect(of.failureSince(start)).toBeUndefined();
    at(1);
    await of.end('ignored', failure);
    expect(of.failureSince(start)).toMatchObject({
      reason: 'sign-in-timeout',
      message: 'Nobody finished it.',
    });
    expect(of.failureSince(start + MINUTE)).toBeDefined();
    // It ended before they came.
    expect(of.failureSince(start + MINUTE + 1)).toBeUndefined();
  });

  test('a success, and a new beginning, are no failure', async () => {
    const { attempts: of } = attempts();
    await of.end('ignored', failure);
    await of.begin(false);
    expect(of.failureSince(start)).toBeUndefined();
    await of.end('done');
    expect(of.failureSince(start)).toBeUndefined();
  });

  test('[14]: one that failed before the user had anything to do is told for itself', async () => {
    const { attempts: of } = attempts();
    await of.end('failed', failure);
    expect(of.unreadySince(start)).toBeUndefined();
    await of.end('unready', failure);
    expect(of.unreadySince(start)?.message).toBe('Nobody finished it.');
    expect(of.unreadySince(start + 1)).toBeUndefined();
  });

  test('a reason that a later version has made up is a refusal', async () => {
    const { attempts: of, store } = attempts();
    const last = { at: start, ending: 'failed', reason: 'made-up', message: 'm' };
    await put(store, 'attempts', idOf('attempts', 'connection-1'), { schema: 1, windows: [], last });
    expect(of.failureSince(start)?.reason).toBe('sign-in-refused');
  });

  test.each([
    7,
    null,
    {},
    { schema: 2, windows: [], last: {} },
    { schema: 1, windows: 7, last: {} },
    { schema: 1, windows: [] },
  ])('another shape (%j) counts as nothing', async (value) => {
    const { attempts: of, store } = attempts();
    await put(store, 'attempts', idOf('attempts', 'connection-1'), value);
    expect([of.mayOpenWindow, of.failureSince(0)]).toEqual([true, undefined]);
    await of.begin(true);
    expect(of.mayOpenWindow).toBe(true);
  });
});
