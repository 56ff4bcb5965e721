import { createInterface } from 'node:readline';
import { runSignIn } from '../authorization/sign-in/run-sign-in.ts';
import { createTask, SIGN_IN_GATE } from '../authorization/sign-in/task.ts';
import { connectionId } from '../credentials/ids.ts';
import { openStore } from '../credentials/open-store.ts';
import type { ConnectionRecord } from '../credentials/record.ts';
import { asDrawbridgeError, DrawbridgeError, displayText } from '../errors.ts';
import { stateFolder } from '../platform/paths.ts';
import type { Settings } from '../settings.ts';
import { type Asked, askForChallenge } from './ask-for-challenge.ts';
import { createLogger } from './create-logger.ts';

const signals = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;

/**
 * `login`: signs in now, in this process, and stores the credentials; a sign-in that was there is replaced.
 *
 * @returns the exit code
 * @throws DrawbridgeError with what went wrong
 */
export async function runLogin(settings: Settings): Promise<number> {
  const say = (text: string): void => void process.stderr.write(`${text}\n`);
  const log = createLogger(settings.log);
  const folder = await stateFolder(process.env);
  const abort = new AbortController();
  let exitCode = 0;
  for (const [signal, code] of Object.entries(signals))
    process.once(signal, () => {
      exitCode = code;
      abort.abort(new DrawbridgeError('shutting-down', 'The sign-in was ended.'));
    });

  try {
    refuseOtherCredentials(settings);
    if (settings.store.choice === 'memory')
      throw new DrawbridgeError('usage', '--store memory keeps nothing that "login" could store.');
    const { store } = await openStore(settings.store, folder, { log, mayPrompt: true });
    say(`Signing in to ${settings.url.host} …`);
    const asked = await askForChallenge(settings, abort.signal);
    const gate = await store.lock(SIGN_IN_GATE, 0);
    const connection = connectionId(settings.url.href, settings.signIn.profile);
    const task = createTask(settings, folder, {
      challenge: asked.challenge,
      earlierScope: undefined,
      replaces: 0,
      opensWindow: settings.signIn.browser,
      isRequested: true,
    });
    const record = await runSignIn({
      task,
      store,
      env: process.env,
      log,
      signal: abort.signal,
      onLink: (url, opening) => {
        gate?.announce({ connection, link: url, windowOpened: opening });
        say(opening ? 'Opening your browser. If nothing opens, open this page yourself:' : 'Open this page:');
        process.stdout.write(`${url}\n`);
      },
      onNoWindow: (_url, why) => say(`No browser could be opened: ${why}.`),
      ...(!settings.signIn.browser && { onReady: ({ paste }) => takePasted(paste, say) }),
    })
      .catch((error: unknown) => {
        throw explained(asDrawbridgeError(error), settings.url, asked);
      })
      .finally(() => gate?.release());
    say(granted(record));
    return 0;
  } catch (error) {
    if (exitCode === 0) throw error;
    return exitCode;
  } finally {
    await log.flush();
  }
}

/** With credentials of the user's own a bridge would never use what the sign-in gives. */
function refuseOtherCredentials({ headers, tokenCommand }: Settings): void {
  const hasHeader = Object.keys(headers).some((name) => name.toLowerCase() === 'authorization');
  if (!hasHeader && !tokenCommand) return;
  const option = hasHeader ? 'an Authorization header' : '--token-command';
  throw new DrawbridgeError(
    'usage',
    `With ${option} there is nothing to sign in to; leave it out to sign in.`,
  );
}

/** Where the server had not asked for a sign-in, that may be why there was none. */
function explained(failure: DrawbridgeError, { host }: URL, { status }: Asked): DrawbridgeError {
  if (status === 401 || failure.exitCode !== 3) return failure;
  const why = status < 400 ? 'it may need none' : 'it may be out of order, or the URL be wrong';
  return new DrawbridgeError(
    failure.reason,
    `${failure.message} ${host} had not asked for a sign-in (HTTP ${status}): ${why}.`,
    failure.details,
  );
}

/** Where the browser is on another machine, the address that it ends at is pasted here. */
function takePasted(paste: (url: string) => Promise<{ kind: string }>, say: (text: string) => void): void {
  say(
    'When the browser has come to an address that it can not open (http://127.0.0.1:…), paste that address here.\n' +
      'Paste only what comes of a sign-in that you have begun yourself; never for somebody who asks you to.',
  );
  createInterface({ input: process.stdin }).on('line', (line) => {
    if (line.trim() === '') return;
    void paste(line).then(({ kind }) => {
      if (kind === 'ignored') say('That is not the answer to this sign-in; please paste the whole address.');
    });
  });
}

function granted({ server, issuer, scope, expiresAt, refreshToken }: ConnectionRecord): string {
  const minutes = expiresAt === undefined ? undefined : Math.round((expiresAt - Date.now()) / 60_000);
  const life = minutes === undefined ? 'it does not expire by itself' : `it is valid for ${minutes} min`;
  return [
    `Signed in to ${new URL(server).host} through ${new URL(issuer).host}.`,
    `Scopes: ${scope ? displayText(scope, 500) : 'the default ones'}. Access token: ${life}; ${
      refreshToken === undefined
        ? 'it can not be renewed, so you will be asked again'
        : 'it is renewed by itself'
    }.`,
  ].join('\n');
}
