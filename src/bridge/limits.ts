import type { RequestTimeout } from '../settings.ts';

/** How long a request may wait, in milliseconds, for each kind of sign of life. */
export interface Limits {
  /** Until its answer begins, and between two pieces of a JSON answer. */
  answer: number;
  /** Between two messages of its stream. */
  stream: number;
  /** In all, however lively. */
  total: number;
}

/**
 * How long a request may wait for the user to sign in, in milliseconds: most clients give a request up after 60 s, and
 * then nobody reads what the user was to do.
 */
export const SIGN_IN_PATIENCE = 50_000;

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

/** These answer at once or not at all; anything else, a tool call above all, may work for minutes in silence. */
const quick =
  /^(initialize|ping|logging\/setLevel|completion\/complete|prompts\/get|resources\/(read|subscribe|unsubscribe)|.+\/list|server\/discover|tasks\/(get|update|cancel))$/;

/**
 * The limits for a method. Long waits are the client's to end, which knows what it asked for (MCP, Timeouts); these are
 * the bounds behind that. A stream is kept open in silence for an hour: a dead peer is found by TCP long before.
 *
 * @param given `--request-timeout` in milliseconds, which then is the limit everywhere, or the limits that take the place
 *   of ours
 */
export function limitsFor(method: string, given: RequestTimeout | undefined): Limits {
  // The client pings to see that somebody is there: somebody is (MCP 2025-11-25, Ping).
  if (method === 'ping') return { answer: 5_000, stream: 5_000, total: 5_000 };
  // It is acknowledged at once, and then open for as long as the client likes.
  const { answer, stream } = typeof given === 'number' ? { answer: given, stream: given } : (given ?? {});
  if (method === 'subscriptions/listen')
    return { answer: answer ?? MINUTE, stream: Number.POSITIVE_INFINITY, total: Number.POSITIVE_INFINITY };
  const usual = quick.test(method)
    ? { answer: MINUTE, stream: MINUTE, total: HOUR }
    : { answer: 5 * MINUTE, stream: HOUR, total: 24 * HOUR };
  if (given === undefined) return usual;
  const total = Math.max(24 * HOUR, answer ?? 0, stream ?? 0);
  return { answer: answer ?? usual.answer, stream: stream ?? usual.stream, total };
}
