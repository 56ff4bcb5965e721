import { onTestFinished } from 'vitest';

interface Closable {
  close(): Promise<void> | void;
}

/** Closes the given thing when the running test ends, whatever its result; the last one started is closed first. */
export function closedAtTestEnd<T extends Closable>(thing: T): T {
  onTestFinished(() => thing.close());
  return thing;
}
