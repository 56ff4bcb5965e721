import { readFileSync } from 'node:fs';

/** Signals that end the program, with the exit code that tells so (128 + the signal's number). */
const signals = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const;
const PARENT_CHECK = 1_000;

/**
 * Calls back at a signal that ends the program, or when the process that started it is gone. Under `npx` that process
 * is not the client: if it is killed, stdin stays open, and nothing else would tell.
 */
export function watchForEnd(onEnd: (exitCode: number) => void): void {
  for (const [signal, exitCode] of Object.entries(signals)) process.on(signal, () => onEnd(exitCode));
  const starter = findStarter();
  const timer = setInterval(() => {
    if (findStarter() !== starter) onEnd(0);
  }, PARENT_CHECK);
  timer.unref();
}

/**
 * The process that started this one. Between `npx` and its command stands a shell that outlives a killed `npx`, so
 * where the parent is a shell, the shell's parent counts. Only Linux tells; on macOS the shell makes way by itself.
 */
function findStarter(): number {
  const parent = process.ppid;
  if (process.platform !== 'linux') return parent;
  try {
    // proc_pid_stat(5): pid, name in parentheses, state, parent. The name may hold anything, parentheses too.
    const stat = readFileSync(`/proc/${parent}/stat`, 'utf8');
    const [, name, parentOfParent] = /\((.*)\) \S (\d+)/s.exec(stat) ?? [];
    return name !== undefined && /^(ba|da|a)?sh$/.test(name) ? Number(parentOfParent) : parent;
  } catch {
    return parent; // it has just gone; the next look will see another parent
  }
}
