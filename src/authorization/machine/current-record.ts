import type { StoredConnection } from '../../credentials/record.ts';
import { DrawbridgeError } from '../../errors.ts';
import { CredentialInUse } from '../credential-in-use.ts';
import type { SignInTask } from '../sign-in/task.ts';
import { ageOf } from '../token-age.ts';
import { MachineTokens } from './machine-tokens.ts';
import { type GrantParts, openGrant } from './open-grant.ts';

export interface CurrentRecord extends StoredConnection {
  /** It was got just now. */
  isNew: boolean;
  /** It is in the store, not in memory only. */
  isStored: boolean;
}

/**
 * The token that a machine uses now, as a bridge would get and store it, for commands.
 *
 * @param challenge what the server says of the way to tokens; asked for only where none was ever got
 * @throws DrawbridgeError why there is none; `sign-in-needed` where the user has a part in it
 */
export async function currentRecord(
  parts: GrantParts,
  challenge: () => Promise<SignInTask['challenge']>,
): Promise<CurrentRecord> {
  const { settings, store, log } = parts;
  const inUse = new CredentialInUse(settings, store, log);
  inUse.load();
  const { current } = inUse;
  const age = current && ageOf(current.record, Date.now());
  if (current && age === 'fresh') return { ...current, isNew: false, isStored: true };
  const grant = await openGrant(parts);
  const tokens = new MachineTokens(parts, grant);
  const result = await (current
    ? tokens.renew(current, undefined)
    : tokens.obtain({ challenge: await challenge() })
  ).finally(() => grant.user?.close());
  if (result.kind === 'renewed') return { ...result.stored, isNew: true, isStored: result.isStored };
  if (current && age === 'due') return { ...current, isNew: false, isStored: true };
  if (result.kind === 'failed') throw result.error;
  throw new DrawbridgeError('credential-store', 'The credentials were removed meanwhile; try again.');
}
