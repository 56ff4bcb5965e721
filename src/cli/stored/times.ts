const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const units: [atLeast: number, unit: number, name: string][] = [
  [2 * DAY, DAY, 'days'],
  [2 * HOUR, HOUR, 'h'],
  [MINUTE, MINUTE, 'min'],
  [0, 1000, 's'],
];

/** A time as people say it: "in 42 min", "3 days ago". Both are epoch milliseconds. */
export function relativeTime(at: number, now: number): string {
  const distance = Math.abs(at - now);
  if (distance < 1000) return 'just now';
  const [, unit, name] = units.find(([atLeast]) => distance >= atLeast) as (typeof units)[number];
  const amount = `${Math.floor(distance / unit)} ${name}`;
  return at < now ? `${amount} ago` : `in ${amount}`;
}

/** "2026-07-28 12:00 UTC" */
export function absoluteTime(at: number): string {
  return `${isoTime(at).slice(0, 16).replace('T', ' ')} UTC`;
}

/** RFC 3339, in UTC and whole seconds. */
export function isoTime(at: number): string {
  // What no calendar has may have come from a server.
  const inRange = Math.min(Math.max(at, 0), Date.UTC(9999, 11, 31));
  return `${new Date(inRange).toISOString().slice(0, 19)}Z`;
}
