import type { ConnectionRecord } from '../credentials/record.ts';
import { DrawbridgeError } from '../errors.ts';
import type { Settings } from '../settings.ts';
import { loginCommand } from './sign-in/command.ts';

/**
 * What is told where a server refuses a personal access token: nobody but the user can get another, and no sign-in in a
 * browser gives one.
 *
 * @param record the one that was used; undefined where it is no longer stored
 * @param wasAccepted whether the server has taken it in this process
 */
export function personalTokenRefused(
  settings: Pick<Settings, 'url' | 'signIn'>,
  record: ConnectionRecord | undefined,
  wasAccepted: boolean,
): DrawbridgeError {
  const { host } = settings.url;
  const run = `run: ${loginCommand(settings, '--with-token')}`;
  return new DrawbridgeError('unauthorized', `${whatIsWrong(host, record, wasAccepted)}; ${run}`, {
    status: 401,
  });
}

function whatIsWrong(host: string, record: ConnectionRecord | undefined, wasAccepted: boolean): string {
  if (!record) return `The personal access token for ${host} is missing: it was removed here`;
  const { expiresAt } = record;
  if (expiresAt !== undefined && expiresAt <= Date.now())
    return `The personal access token for ${host} expired on ${new Date(expiresAt).toISOString().slice(0, 10)}`;
  return wasAccepted
    ? `The personal access token for ${host} was revoked: it was accepted before, and is refused now`
    : `${host} refuses the stored personal access token: it was revoked, or was never good for this server`;
}
