import { CredentialInUse } from '../authorization/credential-in-use.ts';
import { Renewal } from '../authorization/renewal.ts';
import { loginCommand } from '../authorization/sign-in/command.ts';
import { ageOf } from '../authorization/token-age.ts';
import { openStore } from '../credentials/open-store.ts';
import type { ConnectionRecord } from '../credentials/record.ts';
import { DrawbridgeError } from '../errors.ts';
import type { Logger } from '../logger.ts';
import { stateFolder } from '../platform/paths.ts';
import type { Settings } from '../settings.ts';
import { createLogger } from './create-logger.ts';
import { print } from './stored/output.ts';

/**
 * `token`: prints a valid access token and nothing else. One that is over, or soon will be, is renewed first, as a bridge
 * does it; the new one is stored before it is printed.
 *
 * @returns the exit code
 * @throws DrawbridgeError `sign-in-needed` with the command, where there is none
 */
export async function runToken(settings: Settings): Promise<number> {
  refuseOtherCredentials(settings);
  const log = createLogger(settings.log);
  const folder = await stateFolder(process.env);
  try {
    const { record } = await currentRecord(settings, folder, log);
    await print(`${record.accessToken}\n`);
    if (record.tokenType === 'DPoP')
      process.stderr.write(
        'This token is bound to a key that stays in the credential store (DPoP): no other program can use it. ' +
          'For one that is not: login --dpop off, where the server takes those.\n',
      );
    return 0;
  } finally {
    await log.flush();
  }
}

async function currentRecord(
  settings: Settings,
  folder: string,
  log: Logger,
): Promise<{ record: ConnectionRecord }> {
  const opened = await openStore(settings.store, folder, { log, mayPrompt: process.stderr.isTTY });
  const { store } = opened;
  if (settings.signIn.grant !== 'user') {
    const { currentRecord: byGrant } = await import('../authorization/machine/current-record.ts');
    const { askForChallenge } = await import('./ask-for-challenge.ts');
    const challenge = async () => (await askForChallenge(settings, new AbortController().signal)).challenge;
    return byGrant({ settings, folder: opened.folder, store, log }, challenge);
  }
  const inUse = new CredentialInUse(settings, store, log);
  inUse.load();
  const renewal = new Renewal(settings, store, log);
  if (!inUse.current && (await renewal.adopt(undefined))) inUse.load();
  const { current } = inUse;
  if (!current) throw needed(settings, 'Nobody is signed in');
  const age = ageOf(current.record, Date.now());
  if (age === 'fresh') return current;
  if (current.record.refreshToken === undefined) {
    if (age === 'due') return current;
    throw needed(settings, 'The access token has ended, and can not be renewed,', current.record);
  }
  const result = await renewal.refresh(current, undefined);
  if (result.kind === 'renewed') return result.stored;
  if (result.kind === 'ended') throw needed(settings, 'The sign-in is over');
  if (age === 'expired') throw result.error;
  log.warn('token not renewed, the present one ends soon', { reason: result.error.reason });
  return current;
}

function needed(settings: Settings, what: string, record?: ConnectionRecord): DrawbridgeError {
  const command = loginCommand(settings, record?.personalToken ? '--with-token' : undefined);
  return new DrawbridgeError('sign-in-needed', `${what} at ${settings.url.host}; run: ${command}`);
}

/** They are the user's own, and stored nowhere. */
function refuseOtherCredentials({ headers, tokenCommand, store }: Settings): void {
  const hasHeader = Object.keys(headers).some((name) => name.toLowerCase() === 'authorization');
  if (hasHeader || tokenCommand) {
    const option = hasHeader ? 'an Authorization header' : '--token-command';
    throw new DrawbridgeError('usage', `With ${option} there is no stored token to print; leave it out.`);
  }
  if (store.choice === 'memory' && !store.secret)
    throw new DrawbridgeError('usage', '--store memory keeps nothing that "token" could print.');
}
