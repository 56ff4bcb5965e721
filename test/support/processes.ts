import { readdirSync, readFileSync } from 'node:fs';
import { until } from './wait.ts';

/** Whether a process of this id runs (a zombie does not count where /proc can tell). */
export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  return !/^State:\s+Z/m.test(statusOf(pid) ?? '');
}

export async function goneWithin(pid: number, ms: number): Promise<number> {
  const start = performance.now();
  await until(`the end of process ${pid}`, () => !isRunning(pid), ms);
  return performance.now() - start;
}

/** Resident memory in MiB, now and at its highest; undefined where there is no /proc. */
export function memoryOf(pid: number): { now: number; peak: number } | undefined {
  const status = statusOf(pid);
  if (status === undefined) return undefined;
  const mib = (name: string) =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1] ?? 0) / 1024;
  return { now: mib('VmRSS'), peak: mib('VmHWM') };
}

function statusOf(pid: number): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/status`, 'utf8');
  } catch {
    return undefined;
  }
}

/** The ids of the processes that this one has started and that still run (Linux). */
export function childrenOf(pid: number): number[] {
  try {
    const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8');
    return text.split(' ').filter(Boolean).map(Number);
  } catch {
    return [];
  }
}

/** The ids of the processes that were started with this text somewhere in their environment (Linux). */
export function processesWith(text: string): number[] {
  const has = (pid: string) => {
    try {
      return readFileSync(`/proc/${pid}/environ`, 'utf8').includes(text);
    } catch {
      return false; // gone by now, or another user's
    }
  };
  try {
    return readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name) && has(name))
      .map(Number);
  } catch {
    return [];
  }
}
