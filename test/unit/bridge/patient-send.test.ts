import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { sendPatiently } from '../../../src/bridge/patient-send.ts';
import type { Outcome, OutgoingMessage, OutgoingRequest } from '../../../src/remote/transport.ts';
import { settle } from '../helpers/bridge-harness.ts';
import { ask } from '../helpers/pending.ts';
import { busy, challenged, fails, reauthorized, type Step } from '../helpers/scripted-transport.ts';

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] }));
afterEach(() => void vi.useRealTimers());

const done: Step = () => ({ kind: 'done' });
const cut = fails('unreachable', { mayHaveRun: true });

/** Sends by these steps, the last of which stays; how it ended, and how often it was sent. */
async function send(message: OutgoingMessage | OutgoingRequest, ...steps: Step[]) {
  const sent: { body: unknown; id: unknown }[] = [];
  let outcome: Outcome | undefined;
  const ended = sendPatiently(async (given) => {
    sent.push({ body: given.body, id: 'id' in given ? given.id : undefined });
    return ((steps.length > 1 ? steps.shift() : steps[0]) as Step)(given, undefined);
  }, message).then((given) => {
    outcome = given;
  });
  for (let seconds = 0; seconds < 200 && !outcome; seconds++) await vi.advanceTimersByTimeAsync(1_000);
  await ended;
  return { outcome, times: sent.length, sent };
}

describe('another credential', () => {
  test('up to three in a row, then it is a refusal [B-89]', async () => {
    expect(
      await send(ask('tools/call').request, reauthorized, reauthorized, reauthorized, done),
    ).toMatchObject({
      outcome: { kind: 'done' },
      times: 4,
    });
    expect(await send(ask('tools/call').request, reauthorized)).toMatchObject({
      outcome: { kind: 'challenged' },
      times: 4,
    });
  });

  test('how a sign-in ended is told though nobody waits any more [B-93]', async () => {
    const { request } = ask('tools/call');
    const { outcome } = await send(request, (message, session) => {
      request.cancel();
      return challenged(message, session);
    });
    expect(outcome).toMatchObject({ kind: 'challenged' });
  });
});

describe('a server that is busy', () => {
  test.each([
    'tools/list',
    'resources/read',
    'server/discover',
    'subscriptions/listen',
    'notifications/x',
    undefined,
  ])('%s: is asked again when it says, three times in all [M-40]', async (method) => {
    const message =
      method?.startsWith('notifications') || !method ? { body: '{}', method } : ask(method).request;
    const begun = performance.now();
    expect(await send(message, busy(7))).toMatchObject({ outcome: { kind: 'busy' }, times: 3 });
    expect(performance.now() - begun).toBeGreaterThanOrEqual(14_000);
    expect(await send(message, busy(1), done)).toMatchObject({ times: 2 });
  });

  test.each(['tools/call', 'tasks/update', 'x/y', 'tools/listing'])(
    '%s: is not asked again [M-40]',
    async (method) => {
      expect(await send(ask(method).request, busy(1))).toMatchObject({ outcome: { kind: 'busy' }, times: 1 });
    },
  );

  test('for more than a minute: told at once', async () => {
    expect(await send(ask('tools/list').request, busy(61))).toMatchObject({
      outcome: { kind: 'busy' },
      times: 1,
    });
  });

  test('what is cancelled meanwhile ends as done [M-44]', async () => {
    const { request, answers } = ask('tools/list');
    const ended = send(request, busy(5), done);
    await settle();
    request.cancel();
    expect((await ended).outcome).toEqual({ kind: 'done' });
    expect(answers).toEqual([undefined]);
  });
});

describe('a connection that was cut', () => {
  test('what does no harm is sent once more', async () => {
    expect(await send(ask('tools/list').request, cut)).toMatchObject({
      outcome: { kind: 'failed' },
      times: 2,
    });
    expect(await send(ask('tools/list').request, cut, done)).toMatchObject({ outcome: { kind: 'done' } });
  });

  test('a call is not, nor what could not even be connected [M-40]', async () => {
    expect((await send(ask('tools/call').request, cut)).times).toBe(1);
    expect((await send(ask('tools/list').request, fails('unreachable'))).times).toBe(1);
    expect((await send(ask('tools/list').request, fails('stream-lost', { mayHaveRun: true }))).times).toBe(1);
  });

  test('a modern request is not sent a second time under its id, which its transport sees to [M-39]', async () => {
    const { request } = ask('tools/list');
    request.modernHeaders = { 'Mcp-Method': 'tools/list' };
    expect(await send(request, cut)).toMatchObject({ outcome: { kind: 'failed' }, times: 1 });
  });
});
