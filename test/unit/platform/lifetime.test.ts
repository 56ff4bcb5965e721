import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { watchForEnd } from '../../../src/platform/lifetime.ts';

/** What /proc says of each process, in the running test. */
const stats = new Map<number, string>();
vi.mock('node:fs', async (original) => ({
  ...(await original<typeof import('node:fs')>()),
  readFileSync: (path: string) => {
    const stat = stats.get(Number(/^\/proc\/(\d+)\/stat$/.exec(path)?.[1]));
    if (stat === undefined) throw Object.assign(new Error('ENOENT'), { code: 'ENOENT' });
    return stat;
  },
}));

const signals = ['SIGHUP', 'SIGINT', 'SIGTERM'] as const;
const before = new Map(signals.map((signal) => [signal, process.listeners(signal)]));

function setParent(pid: number): void {
  vi.spyOn(process, 'ppid', 'get').mockReturnValue(pid);
}

beforeEach(() => void vi.useFakeTimers());
afterEach(() => {
  for (const signal of signals) {
    for (const listener of process.listeners(signal))
      if (!before.get(signal)?.includes(listener)) process.removeListener(signal, listener);
  }
  stats.clear();
  vi.restoreAllMocks();
  vi.useRealTimers();
});

function watch(): number[] {
  const codes: number[] = [];
  watchForEnd((code) => codes.push(code));
  return codes;
}

test.each([
  ['SIGHUP', 129],
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const)('%s ends the program with exit code %i', (signal, exitCode) => {
  const codes = watch();
  const added = process.listeners(signal).filter((listener) => !before.get(signal)?.includes(listener));
  expect(added).toHaveLength(1);
  added[0]?.(signal);
  expect(codes).toEqual([exitCode]);
});

describe('the process that started this one [F: orphans]', () => {
  beforeEach(() => void vi.spyOn(process, 'platform', 'get').mockReturnValue('linux'));

  test('is watched: when it is gone, the program ends', () => {
    setParent(100);
    const codes = watch();
    vi.advanceTimersByTime(10_000);
    expect(codes).toEqual([]);
    setParent(1);
    vi.advanceTimersByTime(1500);
    expect(codes[0]).toBe(0);
  });

  test.each(['sh', 'dash', 'bash', 'ash'])('behind a shell (%s) it is the one that counts', (shell) => {
    setParent(100);
    stats.set(100, `100 (${shell}) S 50 100 50 0 -1`);
    const codes = watch();
    vi.advanceTimersByTime(5000);
    expect(codes).toEqual([]);
    stats.set(100, `100 (${shell}) S 1 100 50 0 -1`);
    vi.advanceTimersByTime(1500);
    expect(codes[0]).toBe(0);
  });

  test.each(['node', 'npm exec x', 'fish)', 'a (sh) S 1'])(
    '"%s" is no shell: only its own end counts',
    (name) => {
      setParent(100);
      stats.set(100, `100 (${name}) S 50 100 50 0 -1`);
      const codes = watch();
      stats.set(100, `100 (${name}) S 1 100 50 0 -1`);
      vi.advanceTimersByTime(5000);
      expect(codes).toEqual([]);
    },
  );

  test('does not keep the program alive', () => {
    const unref = vi.fn();
    vi.spyOn(globalThis, 'setInterval').mockReturnValue({ unref } as unknown as NodeJS.Timeout);
    watch();
    expect(unref).toHaveBeenCalledOnce();
  });
});
