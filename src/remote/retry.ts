/** Waiting before another try: the server's own word where it gave one, else growing and random. */

const FIRST = 500;
const LONGEST = 60_000;

/**
 * Exponential backoff with full jitter: a random time up to 0.5 s, 1 s, 2 s … 60 s, never under 50 ms, so that many
 * clients of one server that comes back do not come back all at once.
 *
 * @param failures how many tries have failed in a row, from 1
 * @returns milliseconds
 */
export function backoff(failures: number): number {
  const ceiling = Math.min(LONGEST, FIRST * 2 ** Math.min(failures - 1, 10));
  return Math.max(50, Math.random() * ceiling);
}

/** The `retry:` of an SSE stream, in milliseconds, held within 0.5 s and 60 s. */
export function clampRetry(milliseconds: number): number {
  return Math.min(LONGEST, Math.max(FIRST, milliseconds));
}

/**
 * A Retry-After header in seconds (RFC 9110 section 10.2.3): a number or an HTTP date.
 *
 * @param now the current time in milliseconds, for dates
 * @returns undefined where there is none, or it can't be read
 */
export function parseRetryAfter(value: string | undefined, now = Date.now()): number | undefined {
  if (value === undefined) return undefined;
  if (/^\s*\d{1,9}\s*$/.test(value)) return Number(value);
  const date = /^\s*(Mon|Tue|Wed|Thu|Fri|Sat|Sun)/.test(value) ? Date.parse(value) : Number.NaN;
  return Number.isNaN(date) ? undefined : Math.max(0, Math.ceil((date - now) / 1000));
}
