import { createInterface } from 'node:readline';
import { bearerChallenge } from '../authorization/challenge.ts';
import { runSignIn } from '../authorization/sign-in/run-sign-in.ts';
import { createTask, SIGN_IN_GATE } from '../authorization/sign-in/task.ts';
import { connectionId } from '../credentials/ids.ts';
import type { ConnectionRecord } from '../credentials/record.ts';
import { CredentialStore } from '../credentials/store.ts';
import { DrawbridgeError, displayText } from '../errors.ts';
import { HttpClient } from '../platform/http-client.ts';
import { stateFolder } from '../platform/paths.ts';
import type { Settings } from '../settings.ts';
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
  const store = CredentialStore.open(folder);
  const abort = new AbortController();
  let exitCode = 0;
  for (const [signal, code] of Object.entries(signals))
    process.once(signal, () => {
      exitCode = code;
      abort.abort(new DrawbridgeError('shutting-down', 'The sign-in was ended.'));
    });

  say(`Signing in to ${settings.url.host} …`);
  const challenge = await askForChallenge(settings);
  const gate = await store.lock(SIGN_IN_GATE, 0);
  const connection = connectionId(settings.url.href, settings.signIn.profile);
  const task = createTask(settings, folder, {
    challenge,
    earlierScope: undefined,
    replaces: 0,
    opensWindow: settings.signIn.browser,
    isRequested: true,
  });
  try {
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
    });
    say(granted(record));
    return 0;
  } catch (error) {
    if (exitCode === 0) throw error;
    return exitCode;
  } finally {
    await gate?.release();
    await log.flush();
  }
}

/** Asks the server for something that it protects, so that its challenge tells where and for what to sign in. */
async function askForChallenge(settings: Settings): Promise<ReturnType<typeof bearerChallenge>> {
  const client = await HttpClient.create(settings.url, settings.network);
  const { pathname, search } = settings.url;
  const headers = {
    ...settings.headers,
    Accept: 'application/json, text/event-stream',
    'Content-Type': 'application/json',
  };
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list', params: {} });
  const response = await client.exchange('POST', pathname + search, headers, body).response;
  response.destroy();
  return bearerChallenge(response.statusCode === 401 ? response.headers['www-authenticate'] : undefined);
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
