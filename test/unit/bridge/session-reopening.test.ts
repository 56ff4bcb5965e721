import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Session } from '../../../src/remote/transport.ts';
import { answers, contract, establish, fails, makeCrossing } from '../helpers/scripted-transport.ts';

describe('a session that is lost while nobody asks for anything [L-35]', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  test('is opened again at once, so that the client goes on hearing from the server', async () => {
    const crossing = makeCrossing();
    crossing.http.on('initialize', answers(contract, 'session-2'));
    const lost = establish(crossing);
    await crossing.recovery.reopen(lost);
    expect(crossing.http.session?.id).toBe('session-2');
    expect(crossing.http.listened).toBe(1);
  });

  test('is tried again until it can be had, ever more slowly [101]', async () => {
    const crossing = makeCrossing();
    const lost = establish(crossing);
    crossing.http.on(
      'initialize',
      ...Array.from({ length: 6 }, () => fails('unreachable')),
      answers(contract, 'session-2'),
    );
    const times: number[] = [];
    const send = crossing.http.send.bind(crossing.http);
    crossing.http.send = (message) => {
      times.push(performance.now());
      return send(message);
    };
    vi.spyOn(Math, 'random').mockReturnValue(0.9);
    const reopened = crossing.recovery.reopen(lost);
    await vi.runAllTimersAsync();
    await reopened;
    vi.restoreAllMocks();
    expect(crossing.http.session?.id).toBe('session-2');
    const waits = times.slice(1, 7).map((time, index) => time - (times[index] as number));
    expect(waits).toEqual([...waits].sort((a, b) => a - b));
    expect(waits[0]).toBeGreaterThan(100);
    expect(waits.at(-1)).toBeGreaterThan(5 * (waits[0] as number));
  });

  test('again and again within moments is not opened without pause; after a sound while at once', async () => {
    const crossing = makeCrossing();
    const { http, recovery } = crossing;
    const opened: number[] = [];
    for (let n = 2; n < 20; n++) {
      http.on('initialize', (message, session) => {
        opened.push(performance.now());
        return answers(contract, `session-${n}`)(message, session);
      });
    }
    establish(crossing);
    vi.spyOn(Math, 'random').mockReturnValue(0.9);
    const waitFor = async (): Promise<number> => {
      const lost = performance.now();
      const reopened = recovery.reopen(http.session as Session);
      await vi.runAllTimersAsync();
      await reopened;
      return (opened.at(-1) as number) - lost;
    };
    const waits = [await waitFor(), await waitFor(), await waitFor(), await waitFor()];
    expect(waits[0]).toBe(0);
    expect(waits.slice(1).every((wait) => wait > 100)).toBe(true);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(await waitFor()).toBe(0);
    vi.restoreAllMocks();
  });

  test('is left to the request that has opened a new one meanwhile', async () => {
    const crossing = makeCrossing();
    const lost = establish(crossing);
    crossing.http.on('initialize', answers(contract, 'session-2'));
    await crossing.recovery.recover(lost);
    await crossing.recovery.reopen(lost);
    expect(crossing.http.methods().filter((method) => method === 'initialize')).toHaveLength(1);
  });

  test('is not tried again when the bridge closes', async () => {
    const crossing = makeCrossing();
    const lost = establish(crossing);
    crossing.http.on('initialize', ...Array.from({ length: 50 }, () => fails('unreachable')));
    const reopened = crossing.recovery.reopen(lost);
    await vi.advanceTimersByTimeAsync(0);
    crossing.recovery.close();
    await vi.runAllTimersAsync();
    await reopened;
    expect(crossing.http.sent).toHaveLength(1);
    expect(vi.getTimerCount()).toBe(0);
  });
});
