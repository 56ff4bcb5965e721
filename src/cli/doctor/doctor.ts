import { homedir } from 'node:os';
import { asDrawbridgeError, DrawbridgeError } from '../../errors.ts';
import type { Logger } from '../../logger.ts';
import { stateFolder } from '../../platform/paths.ts';
import { sleep } from '../../platform/sleep.ts';
import type { Settings } from '../../settings.ts';
import { version } from '../../version.ts';
import { createLogger } from '../create-logger.ts';
import { Examination } from './examination.ts';
import { makePublic } from './public-text.ts';
import { document, exitCodeOf, heading, lineOf, type Subject, summary } from './report.ts';
import { runSteps } from './run-steps.ts';
import { stepsFor } from './steps.ts';

const signals = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;
/** The session and a renewed token may take so long to be put away, in milliseconds. */
const LEAVING = 2_000;

/**
 * `doctor`: looks at one connection step by step and says what is wrong and what helps. Opens no browser, registers
 * nothing, and renews a token only where a bridge would do so at its next request.
 *
 * @param json one JSON document in place of the lines for people
 * @returns the exit code (CLI.md, "Exit codes")
 * @throws DrawbridgeError `credential-store` where there is no folder to look in
 */
export async function runDoctor(settings: Settings, { json }: { json: boolean }): Promise<number> {
  process.stdout.on('error', () => {}); // whoever reads it has read enough
  const log = createLogger(settings.log);
  protectSecrets(settings, log);
  const abort = new AbortController();
  let interrupted: number | undefined;
  const ended = new Promise<never>((_resolve, reject) => {
    for (const [signal, code] of Object.entries(signals))
      process.once(signal, () => {
        interrupted = code;
        const error = new DrawbridgeError('shutting-down', 'The examination was ended.');
        abort.abort(error);
        reject(error);
      });
  });
  ended.catch(() => {});
  const examination = new Examination(settings, await stateFolder(process.env), log, abort.signal);
  try {
    return await Promise.race([examine(examination, json), ended]);
  } catch (error) {
    if (interrupted === undefined) throw asDrawbridgeError(error);
    return interrupted;
  } finally {
    await Promise.race([
      Promise.all([examination.session?.close(LEAVING), examination.refreshing]),
      sleep(LEAVING),
    ]);
    await log.flush();
  }
}

async function examine(examination: Examination, json: boolean): Promise<number> {
  const { url, signIn } = examination.settings;
  const publish = makePublic((text) => examination.log.scrub(text), homeFolder());
  const server = publish({ id: '', title: '', status: 'ok', text: shownUrl(url) }).text;
  const subject: Subject = { server, profile: signIn.profile, version, at: examination.now() };
  const hasColours = wantsColours(process.env);
  const print = (text: string): void => void process.stdout.write(text);
  if (!json) print(heading(subject));
  const raw = await runSteps(stepsFor(examination.settings), examination, (result) => {
    if (!json) print(lineOf(publish(result), hasColours));
  });
  const results = raw.map(publish);
  print(json ? document(subject, results) : summary(results));
  return exitCodeOf(results);
}

/** What a server quotes of a request, or a path holds, is not shown. */
function protectSecrets({ headers, signIn, store, network }: Settings, log: Logger): void {
  for (const value of Object.values(headers)) log.protect(value);
  const { clientSecret, identityProvider } = signIn;
  const passphrase = store.secret?.from === 'text' ? store.secret.value : undefined;
  for (const secret of [clientSecret, identityProvider?.clientSecret, passphrase])
    if (secret !== undefined) log.protect(secret);
  for (const [name, value] of Object.entries(network.env)) {
    if (value === undefined || !/_proxy$/i.test(name) || !URL.canParse(value)) continue;
    const { password } = new URL(value);
    if (password !== '') for (const form of [password, decoded(password)]) log.protect(form);
  }
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** A query may hold a key. */
function shownUrl({ origin, pathname, search }: URL): string {
  return `${origin}${pathname}${search && '?…'}`;
}

function homeFolder(): string | undefined {
  try {
    return homedir();
  } catch {
    return undefined;
  }
}

/** https://no-color.org, and its counterpart. */
function wantsColours({ NO_COLOR, FORCE_COLOR, TERM }: NodeJS.ProcessEnv): boolean {
  if (NO_COLOR) return false;
  if (FORCE_COLOR) return FORCE_COLOR !== '0';
  return process.stdout.isTTY === true && TERM !== 'dumb';
}
