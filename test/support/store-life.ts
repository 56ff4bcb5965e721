import { idOf } from '../../src/credentials/ids.ts';
import type { CredentialStore, Kind } from '../../src/credentials/store.ts';
import type { StoreSecret } from '../../src/settings.ts';

/** Where a process ends: at which of its calls that change the disk, counted from 0. */
export interface BreakingPoint {
  call: number;
  when: 'before' | 'half' | 'after';
}

export interface Step {
  kind: Kind;
  /** Undefined: the record is deleted. */
  value: number | undefined;
  /** What the user has given by then. */
  holder: 'file' | 'key';
}

export const GIVEN_KEY: StoreSecret = {
  kind: 'key',
  from: 'text',
  value: Buffer.alloc(32, 9).toString('base64'),
};

/** What the one record of each kind is named. */
export const RECORD = idOf('life');

const step = (kind: Kind, value: number | undefined, holder: Step['holder'] = 'file'): Step => ({
  kind,
  value,
  holder,
});

/** The life of a store: made, written to, a record deleted and made anew, another holder for its key. */
export const steps: Step[] = [
  ...[1, 2, 3, 4, 5].map((value) => step('connection', value)),
  step('connection', undefined),
  step('connection', 6),
  step('client', 7),
  step('connection', 8, 'key'),
  ...[9, 10, 11].map((value) => step('connection', value, 'key')),
  step('client', undefined, 'key'),
];

export async function perform(store: CredentialStore, { kind, value }: Step): Promise<void> {
  if (value === undefined) return store.delete(kind, RECORD);
  await store.write(kind, RECORD, value, store.read(kind, RECORD)?.generation ?? 0);
}

/** What a store holds after so many steps. */
export function stateAfter(
  count: number,
  before: Partial<Record<Kind, number>>,
): Partial<Record<Kind, number | undefined>> {
  const state: Partial<Record<Kind, number | undefined>> = { ...before };
  for (const { kind, value } of steps.slice(0, count)) state[kind] = value;
  return state;
}
