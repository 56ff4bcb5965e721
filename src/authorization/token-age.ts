import type { ConnectionRecord } from '../credentials/record.ts';

/** Ahead of the end of an access token: a minute, or a tenth of its life for one that lives longer [69]. */
const MARGIN = 60_000;

/**
 * Whether a token is to be renewed now.
 *
 * @param now epoch milliseconds
 * @returns `due`: soon, it still works; `expired`: before the next request
 */
export function ageOf(
  record: Pick<ConnectionRecord, 'expiresAt' | 'obtainedAt'>,
  now: number,
): 'fresh' | 'due' | 'expired' {
  const { expiresAt, obtainedAt } = record;
  if (expiresAt === undefined) return 'fresh';
  if (now >= expiresAt - 1_000) return 'expired';
  const life = expiresAt - obtainedAt;
  // Of a short life half is left alone, or it would be renewed for ever.
  const margin = Math.min(Math.max(MARGIN, life / 10), life / 2);
  return now >= expiresAt - margin ? 'due' : 'fresh';
}
