import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { DeadlineWatch } from '../../../src/bridge/deadlines.ts';
import { type PendingRequest, PendingRequests } from '../../../src/bridge/pending-requests.ts';
import { ask, resultAnswer } from '../helpers/pending.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

describe('a watch over pending requests', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  function watch() {
    const pending = new PendingRequests();
    const expired: PendingRequest[] = [];
    const deadlines = new DeadlineWatch(pending, (request, error) => {
      expired.push(request);
      request.fail(error);
      pending.remove(request);
    });
    return { pending, expired, deadlines };
  }

  test('a request without a sign of life is given up, in time and once [87]', () => {
    const { pending, expired, deadlines } = watch();
    const { request, answers } = ask('tools/call', { timeout: 2 * SECOND });
    pending.add(request);
    deadlines.start();
    vi.advanceTimersByTime(1900);
    expect(expired).toEqual([]);
    vi.advanceTimersByTime(400);
    expect(expired).toEqual([request]);
    vi.advanceTimersByTime(HOUR);
    expect(expired).toHaveLength(1);
    expect(answers).toHaveLength(1);
    expect(answers[0].error).toMatchObject({ data: { reason: 'timeout' } });
    expect(answers[0].error.message).toContain('"tools/call"');
  });

  test('each sign of life gives it the whole limit again', () => {
    const { pending, expired, deadlines } = watch();
    const { request } = ask('tools/call', { timeout: 2 * SECOND });
    pending.add(request);
    deadlines.start();
    for (let times = 0; times < 10; times++) {
      vi.advanceTimersByTime(1500);
      request.alive(times % 2 ? 'body' : 'stream');
    }
    expect(expired).toEqual([]);
    vi.advanceTimersByTime(2500);
    expect(expired).toEqual([request]);
  });

  test('a stream may be silent for much longer than an answer may fail to begin [L-31]', () => {
    const { pending, expired, deadlines } = watch();
    const { request } = ask('tools/call');
    pending.add(request);
    request.alive('stream');
    deadlines.start();
    vi.advanceTimersByTime(59 * MINUTE);
    expect(expired).toEqual([]);
    vi.advanceTimersByTime(2 * MINUTE);
    expect(expired).toEqual([request]);
  });

  test('there is an end in all, however lively it is [L-23]', () => {
    const { pending, expired, deadlines } = watch();
    const { request } = ask('tools/call');
    pending.add(request);
    deadlines.start();
    let hours = 0;
    for (; expired.length === 0 && hours < 50; hours++) {
      request.alive('stream');
      vi.advanceTimersByTime(HOUR - SECOND);
    }
    expect(hours).toBeGreaterThan(20);
    expect(hours).toBeLessThan(26);
  });

  test('a long --request-timeout is not cut short by the limit in all', () => {
    const { request } = ask('tools/call', { timeout: 48 * HOUR });
    request.alive('stream');
    expect(request.deadline - performance.now()).toBe(48 * HOUR);
  });

  test('requests that are answered are let be, the others each have their own end', () => {
    const { pending, expired, deadlines } = watch();
    const [a, b, c] = [1, 2, 3].map((n) => ask('x', { id: n, timeout: n * SECOND })) as [
      ReturnType<typeof ask>,
      ReturnType<typeof ask>,
      ReturnType<typeof ask>,
    ];
    for (const { request } of [a, b, c]) pending.add(request);
    deadlines.start();
    b.request.answer(resultAnswer(2, {}));
    pending.remove(b.request);
    vi.advanceTimersByTime(4 * SECOND);
    expect(expired).toEqual([a.request, c.request]);
  });

  test('with nothing to watch no timer runs, and a later request is watched again', () => {
    const { pending, expired, deadlines } = watch();
    deadlines.start();
    vi.advanceTimersByTime(SECOND);
    expect(vi.getTimerCount()).toBe(0);
    const { request } = ask('x', { timeout: SECOND });
    pending.add(request);
    deadlines.start();
    deadlines.start();
    expect(vi.getTimerCount()).toBe(1);
    vi.advanceTimersByTime(2 * SECOND);
    expect(expired).toEqual([request]);
  });

  test('a request that waits for the user is told of, and has time until the client gives it up', () => {
    const pending = new PendingRequests();
    const expired: PendingRequest[] = [];
    const told: [PendingRequest, number][] = [];
    const deadlines = new DeadlineWatch(
      pending,
      (request) => {
        expired.push(request);
        pending.remove(request);
      },
      (request, now) => told.push([request, now]),
    );
    const [waits, other] = [1, 2].map((id) => ask('tools/call', { id, timeout: SECOND }).request) as [
      PendingRequest,
      PendingRequest,
    ];
    for (const request of [waits, other]) pending.add(request);
    waits.challengedAt = performance.now();
    deadlines.start();
    vi.advanceTimersByTime(49 * SECOND);
    expect(expired).toEqual([other]);
    expect(told.every(([request]) => request === waits)).toBe(true);
    expect(told.length).toBe((49 * SECOND) / 250);
    vi.advanceTimersByTime(2 * SECOND);
    expect(expired).toEqual([other, waits]);
  });

  test('stop ends it', () => {
    const { pending, expired, deadlines } = watch();
    pending.add(ask('x', { timeout: SECOND }).request);
    deadlines.start();
    deadlines.stop();
    vi.advanceTimersByTime(HOUR);
    expect(expired).toEqual([]);
  });

  test('a long method name of the client is not repeated whole [76]', () => {
    const { pending, deadlines } = watch();
    const { request, answers } = ask('m'.repeat(10_000), { timeout: SECOND });
    pending.add(request);
    deadlines.start();
    vi.advanceTimersByTime(2 * SECOND);
    expect(answers[0].error.message.length).toBeLessThan(300);
  });
});
