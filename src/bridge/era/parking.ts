import { isObject } from '../../jsonrpc.ts';

/** How long the client may take to come back with the user's answers, in milliseconds. */
const LASTS = 10 * 60_000;
/** So many calls may wait for the client at a time; one more, and the oldest is given up. */
const MAX_PARKED = 128;

export interface Parkable {
  /** The client has not come back: nothing is kept for it any longer. */
  release(): void;
}

interface Place<T> {
  call: T;
  binding: string;
  timer: NodeJS.Timeout;
}

/**
 * Calls that wait for the client to come back with its answers, each under a `requestState` that nobody can guess and
 * that is good once, for the same request only (MCP 2026-07-28, Multi Round-Trip Requests, Server Requirements).
 */
export class Parking<T extends Parkable> {
  readonly #places = new Map<string, Place<T>>();
  readonly #lasts: number;
  readonly #room: number;

  /** @param lasts in milliseconds */
  constructor(lasts = LASTS, room = MAX_PARKED) {
    this.#lasts = lasts;
    this.#room = room;
  }

  /** @returns the state under which the client may come back with the request of this binding */
  park(call: T, binding: string): string {
    const [oldest] = this.#places.keys();
    if (this.#places.size >= this.#room && oldest !== undefined) this.#giveUp(oldest);
    const state = Buffer.from(crypto.getRandomValues(new Uint8Array(32))).toString('base64url');
    const timer = setTimeout(() => this.#giveUp(state), this.#lasts);
    this.#places.set(state, { call, binding, timer: timer.unref() });
    return state;
  }

  /** Takes a call out. @returns undefined where the state is none of ours, used, too old, or another request's */
  claim(state: unknown, binding: string): T | undefined {
    const place = typeof state === 'string' ? this.#places.get(state) : undefined;
    if (place?.binding !== binding) return undefined;
    this.#places.delete(state as string);
    clearTimeout(place.timer);
    return place.call;
  }

  /** Gives all of them up. */
  close(): void {
    for (const state of [...this.#places.keys()]) this.#giveUp(state);
  }

  #giveUp(state: string): void {
    const place = this.#places.get(state);
    if (!place) return;
    this.#places.delete(state);
    clearTimeout(place.timer);
    place.call.release();
  }
}

/** What of a request's parameters is new with each round. */
const ofTheRound = new Set(['inputResponses', 'requestState', '_meta']);

/** What a retry must have in common with the request that it goes on with. */
export function bindingOf(method: string, params: unknown): string {
  const own = isObject(params)
    ? Object.fromEntries(Object.entries(params).filter(([key]) => !ofTheRound.has(key)))
    : params;
  return `${method} ${canonical(own)}`;
}

/**
 * The same text for values that differ in the order of their keys only, and for no others. Without recursion: values
 * may be nested deeper than calls can be.
 */
export function canonical(value: unknown): string {
  const written: string[] = [];
  /** What is still to be written, the next one last. */
  const open: ({ text: string } | { value: unknown })[] = [{ value }];
  for (let next = open.pop(); next; next = open.pop()) {
    if ('text' in next) {
      written.push(next.text);
      continue;
    }
    const { value: part } = next;
    const isList = Array.isArray(part);
    if (!isList && !isObject(part)) {
      written.push(JSON.stringify(part) ?? '');
      continue;
    }
    const keys = isList ? [...part.keys()] : Object.keys(part).sort();
    written.push(isList ? '[' : '{');
    open.push({ text: isList ? ']' : '}' });
    for (const key of keys.reverse()) {
      const member = (part as Record<string | number, unknown>)[key];
      open.push({ text: ',' }, { value: member }, { text: isList ? '' : `${JSON.stringify(key)}:` });
    }
  }
  return written.join('');
}
