/** Signals that end the program, with the exit code that tells so (128 + the signal's number). */
const signals = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const;
const PARENT_CHECK = 1_000;

export type EndSignal = keyof typeof signals;

/**
 * Calls back at a signal that ends the program, or when the process that started it is gone. Under `npx` that process
 * is not the client: if it is killed, stdin stays open, and nothing else would tell.
 */
export function watchForEnd(onEnd: (exitCode: number) => void): void {
  for (const [signal, exitCode] of Object.entries(signals)) process.on(signal, () => onEnd(exitCode));
  const parent = process.ppid;
  // Started by the system itself, as in a container, there is no parent to outlive.
  if (parent <= 1) return;
  const timer = setInterval(() => {
    if (process.ppid !== parent) onEnd(0);
  }, PARENT_CHECK);
  timer.unref();
}
