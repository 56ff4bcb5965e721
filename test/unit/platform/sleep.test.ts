import { expect, test, vi } from 'vitest';
import { sleep } from '../../../src/platform/sleep.ts';

test('resolves after its time', async () => {
  const before = performance.now();
  await sleep(30);
  expect(performance.now() - before).toBeGreaterThan(25);
});

test('resolves at once when the signal is aborted, and with one that was', async () => {
  const abort = new AbortController();
  const before = performance.now();
  const sleeping = sleep(60_000, abort.signal);
  abort.abort();
  await sleeping;
  await sleep(60_000, abort.signal);
  expect(performance.now() - before).toBeLessThan(1000);
});

test('leaves neither timer nor listener behind', async () => {
  vi.useFakeTimers();
  try {
    const { signal } = new AbortController();
    const remove = vi.spyOn(signal, 'removeEventListener');
    const sleeping = sleep(10, signal);
    await vi.advanceTimersByTimeAsync(10);
    await sleeping;
    expect([remove.mock.calls.length, vi.getTimerCount()]).toEqual([1, 0]);
  } finally {
    vi.useRealTimers();
  }
});
