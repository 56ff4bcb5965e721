import { existsSync } from 'node:fs';
import { release } from 'node:os';
import { loginCommand } from '../authorization/sign-in/command.ts';
import { createTask, SIGN_IN_GATE } from '../authorization/sign-in/task.ts';
import { signInId } from '../credentials/apart.ts';
import { openStore } from '../credentials/open-store.ts';
import type { ConnectionRecord } from '../credentials/record.ts';
import type { CredentialStore } from '../credentials/store.ts';
import { asDrawbridgeError, DrawbridgeError } from '../errors.ts';
import type { Logger } from '../logger.ts';
import { stateFolder } from '../platform/paths.ts';
import type { Settings } from '../settings.ts';
import { type Asked, askForChallenge } from './ask-for-challenge.ts';
import { createLogger } from './create-logger.ts';
import { type Interactivity, judgeSurroundings } from './login/interactivity.ts';
import { Terminal } from './login/terminal.ts';
import { granted, grantedDocument } from './login/texts.ts';

const signals = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;

export interface LoginOptions {
  /** Takes a personal access token from stdin in place of a sign-in. */
  withToken?: boolean;
  /** What was granted is printed as a document, and nothing else on stdout. */
  json?: boolean;
}

/**
 * `login`: signs in now, in this process, and stores the credentials; a sign-in that was there is replaced.
 *
 * @returns the exit code
 * @throws DrawbridgeError with what went wrong
 */
export async function runLogin(settings: Settings, options: LoginOptions = {}): Promise<number> {
  const log = createLogger(settings.log);
  const folder = await stateFolder(process.env);
  const abort = new AbortController();
  let exitCode = 0;
  const end = (code: number): void => {
    exitCode = code;
    abort.abort(new DrawbridgeError('shutting-down', 'The sign-in was ended.'));
  };
  for (const [signal, code] of Object.entries(signals)) process.once(signal, () => end(code));
  const terminal = new Terminal(() => end(signals.SIGINT));

  try {
    const interactivity = judge();
    refuse(settings, options, interactivity);
    const open = async (): Promise<CredentialStore> =>
      (await openStore(settings.store, folder, { log, mayPrompt: true })).store;
    const login = { settings, options, folder, log, signal: abort.signal, interactivity, terminal };
    const record = options.withToken
      ? await takeToken(login, open, () => end(signals.SIGINT))
      : await signIn(login, await open());
    terminal.close();
    terminal.say(granted(record, Date.now()));
    if (options.json) terminal.print(JSON.stringify(grantedDocument(record), null, 2));
    return 0;
  } catch (error) {
    if (exitCode === 0) throw error;
    return exitCode;
  } finally {
    terminal.close();
    await log.flush();
  }
}

interface Login {
  settings: Settings;
  options: LoginOptions;
  folder: string;
  log: Logger;
  signal: AbortSignal;
  interactivity: Interactivity;
  terminal: Terminal;
}

async function takeToken(
  { settings, log, signal, terminal }: Login,
  open: () => Promise<CredentialStore>,
  onInterrupt: () => void,
): Promise<ConnectionRecord> {
  const { readToken } = await import('./login/read-token.ts');
  const token = await readToken(
    process.stdin,
    (text) => process.stderr.write(text),
    onInterrupt,
    signal,
    settings.signIn.timeout,
  );
  log.protect(token);
  const { storeToken } = await import('./login/with-token.ts');
  return storeToken(settings, await open(), token, (text) => terminal.say(text), signal);
}

async function signIn(login: Login, store: CredentialStore): Promise<ConnectionRecord> {
  const { settings, signal, terminal } = login;
  const { url, signIn } = settings;
  terminal.say(`Signing in to ${url.host} …`);
  const asked = await askForChallenge(settings, signal);
  try {
    return await (signIn.grant === 'user' ? asUser : byGrant)(login, store, asked.challenge);
  } catch (error) {
    throw explained(asDrawbridgeError(error), url, asked);
  }
}

/** By a machine's grant, which may have a part of the user's: the sign-in at the company's identity provider. */
async function byGrant(
  login: Login,
  store: CredentialStore,
  challenge: Asked['challenge'],
): Promise<ConnectionRecord> {
  const { settings, folder, log, signal, terminal } = login;
  if (needsUser(settings)) {
    const { identityProviderSettings } = await import('../authorization/machine/identity-provider.ts');
    const identityProvider = identityProviderSettings(settings);
    terminal.say(`The identity provider is ${identityProvider.url.host}.`);
    await asUser({ ...login, settings: identityProvider }, store, {});
  }
  const { loginByGrant } = await import('./login/by-grant.ts');
  return loginByGrant({ settings, folder, store, log, challenge, signal });
}

/** Whether somebody has to sign in somewhere. */
function needsUser({ signIn: { grant, identityProvider } }: Settings): boolean {
  return grant === 'user' || (identityProvider !== undefined && identityProvider.idTokenFile === undefined);
}

async function asUser(
  { settings, options, folder, log, signal, interactivity, terminal }: Login,
  store: CredentialStore,
  challenge: Asked['challenge'],
): Promise<ConnectionRecord> {
  const { url, signIn } = settings;
  const gate = await store.lock(SIGN_IN_GATE, 0);
  const connection = signInId(url.href, signIn);
  const task = createTask(settings, folder, {
    challenge,
    earlierScope: undefined,
    replaces: 0,
    opensWindow: signIn.browser && interactivity.noBrowser === undefined,
    isRequested: true,
  });
  const stage = {
    task,
    store,
    log,
    signal,
    interactivity,
    terminal,
    printLink: (link: string) => (options.json ? terminal.say(link) : terminal.print(link)),
    announce: (link: string, windowOpened: boolean) => gate?.announce({ connection, link, windowOpened }),
  };
  try {
    if (signIn.deviceCode) return await (await import('./login/by-device-code.ts')).loginByDeviceCode(stage);
    return await (await import('./login/by-browser.ts')).loginByBrowser(stage);
  } finally {
    await gate?.release();
  }
}

function judge(): Interactivity {
  return judgeSurroundings({
    platform: process.platform,
    release: release(),
    env: process.env,
    isStdinTerminal: process.stdin.isTTY === true,
    isStderrTerminal: process.stderr.isTTY === true,
    exists: existsSync,
  });
}

/** @throws DrawbridgeError where it can't come to anything */
function refuse(settings: Settings, { withToken }: LoginOptions, interactivity: Interactivity): void {
  const { headers, tokenCommand, signIn, store } = settings;
  const hasHeader = Object.keys(headers).some((name) => name.toLowerCase() === 'authorization');
  // With credentials of the user's own a bridge would never use what the sign-in gives.
  if (hasHeader || tokenCommand) {
    const option = hasHeader ? 'an Authorization header' : '--token-command';
    throw new DrawbridgeError(
      'usage',
      `With ${option} there is nothing to sign in to; leave it out to sign in.`,
    );
  }
  if (withToken && signIn.deviceCode)
    throw new DrawbridgeError('usage', '--with-token and --device-code are two ways; give one of them.');
  if (withToken && signIn.grant !== 'user')
    throw new DrawbridgeError('usage', '--with-token stores a token; leave out what would get another one.');
  if (store.choice === 'memory')
    throw new DrawbridgeError('usage', '--store memory keeps nothing that "login" could store.');
  const { isAttended, noBrowser } = interactivity;
  const asksNobody = withToken || !needsUser(settings);
  if (asksNobody || signIn.deviceCode || !signIn.browser || isAttended || noBrowser === undefined) return;
  throw new DrawbridgeError(
    'sign-in-needed',
    `Nobody is at a terminal, and no browser can be opened: ${noBrowser}. In a terminal, run: ${loginCommand(settings, '--no-browser')}`,
  );
}

/** Where the server had not asked for a sign-in, that may be why there was none. */
function explained(failure: DrawbridgeError, { host }: URL, { status }: Asked): DrawbridgeError {
  // That it offers none is known by now.
  const offersNone = failure.reason === 'unauthorized';
  if (status === 401 || !(failure.exitCode === 3 || offersNone)) return failure;
  const why = status < 400 ? 'it may need none' : 'it may be out of order, or the URL be wrong';
  return new DrawbridgeError(
    offersNone ? 'authorization-server' : failure.reason,
    `${offersNone ? '' : `${failure.message} `}${host} had not asked for a sign-in (HTTP ${status}): ${why}.`,
    failure.details,
  );
}
