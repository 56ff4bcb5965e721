import { MachineTokens } from '../../authorization/machine/machine-tokens.ts';
import { openGrant } from '../../authorization/machine/open-grant.ts';
import type { SignInTask } from '../../authorization/sign-in/task.ts';
import type { ConnectionRecord } from '../../credentials/record.ts';
import type { CredentialStore } from '../../credentials/store.ts';
import { asDrawbridgeError, DrawbridgeError } from '../../errors.ts';
import type { Logger } from '../../logger.ts';
import type { Settings } from '../../settings.ts';

/** What a token is got with, and for. */
export interface GrantStage {
  settings: Settings;
  folder: string;
  store: CredentialStore;
  log: Logger;
  /** Of the MCP server. */
  challenge: SignInTask['challenge'];
  /** Its reason, a DrawbridgeError, is what is thrown. */
  signal: AbortSignal;
}

/**
 * Gets a token without the user, now, and stores it in place of one that is there. What the user has to do first, at an
 * identity provider, has been done.
 *
 * @throws DrawbridgeError why there is none
 */
export async function loginByGrant({ challenge, signal, ...parts }: GrantStage): Promise<ConnectionRecord> {
  const grant = await openGrant(parts);
  try {
    const result = await Promise.race([
      new MachineTokens(parts, grant).obtain({ challenge, isAnew: true }),
      aborted(signal),
    ]);
    if (result.kind === 'renewed') return result.stored.record;
    if (result.kind === 'failed') throw result.error;
    throw new DrawbridgeError(
      'sign-in-refused',
      `Somebody has signed out of ${parts.settings.url.host} meanwhile.`,
    );
  } finally {
    await grant.user?.close();
  }
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    const end = (): void => reject(asDrawbridgeError(signal.reason));
    if (signal.aborted) end();
    else signal.addEventListener('abort', end, { once: true });
  });
}
