import { type ChildProcess, spawn } from 'node:child_process';
import { release } from 'node:os';
import { DrawbridgeError } from '../../errors.ts';
import { scrubbedEnvironment, withoutSecrets } from '../../platform/child-environment.ts';

/** What came of it. */
export interface Opening {
  opened: boolean;
  /** Why not: a clause for a sentence, without the URL. */
  why?: string;
}

const MAX_LENGTH = 8192;
/** How long a program is watched: one that still runs then is the browser, or has it to open. */
const GRACE = 2_000;

/**
 * Opens a web page in the user's browser: by the program that BROWSER names, with the URL as its one argument, else as
 * the desktop does it. No shell is started with the URL. The program outlives this process, and does not keep it.
 *
 * @param secrets values that no program may be handed
 * @returns after two seconds at most where a program was started, since some tell a failure late
 */
export async function openBrowser(
  url: string,
  env: NodeJS.ProcessEnv,
  secrets: readonly string[] = [],
): Promise<Opening> {
  try {
    const target = encodeForOpening(url);
    const program = env.BROWSER?.trim();
    if (program) return await openBy(program, target, withoutSecrets(env, secrets));
    const missing = missingDisplay(env);
    return missing === undefined ? await openByDesktop(target, env) : { opened: false, why: missing };
  } catch (error) {
    const why =
      error instanceof DrawbridgeError ? error.message : `no browser could be started (${codeOf(error)})`;
    return { opened: false, why };
  }
}

/**
 * The URL as it may be handed to a program [1, 2, 5]: http or https, of harmless characters only, all others encoded. It
 * begins with "http", so it can't be read as an option, and nothing is left that a shell would expand.
 *
 * @throws DrawbridgeError `authorization-server`
 */
export function encodeForOpening(url: string): string {
  // Before parsing: the parser would drop tabs and line breaks, and turn backslashes round.
  if (url.length > MAX_LENGTH || /[\u0000-\u0020\u007f-\u00a0\\]/.test(url)) refuse();
  if (!/^https?:\/\//i.test(url) || !URL.canParse(url)) refuse();
  const { href, hostname, username, password } = new URL(url);
  if (username || password || !/^[\w.-]+$|^\[[\d:a-f.]+\]$/.test(hostname)) refuse();
  const encoded = href.replace(
    /[^A-Za-z0-9._~:/?#[\]@!&*+,;=%-]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`,
  );
  if (encoded.length > MAX_LENGTH || !/^https?:\/\/[A-Za-z0-9._~:/?#[\]@!&*+,;=%-]+$/.test(encoded)) refuse();
  return encoded;
}

function refuse(): never {
  throw new DrawbridgeError(
    'authorization-server',
    'The address of the sign-in page that the authorization server names can not be opened safely.',
  );
}

/** Why no opener can work here; undefined where one may. Clients often start servers without the desktop's variables. */
function missingDisplay(env: NodeJS.ProcessEnv): string | undefined {
  if (['darwin', 'win32', 'android'].includes(process.platform)) return undefined;
  if (env.DISPLAY || env.WAYLAND_DISPLAY) return undefined;
  if (env.WSL_DISTRO_NAME || /microsoft/i.test(release())) return undefined;
  return 'there is no display (neither DISPLAY nor WAYLAND_DISPLAY is set)';
}

function openBy(program: string, url: string, env: NodeJS.ProcessEnv): Promise<Opening> {
  const child = spawn(program, [url], { env, stdio: 'ignore', detached: true, shell: false });
  child.unref();
  return outcomeOf(child, `the program that BROWSER names, ${program},`);
}

async function openByDesktop(url: string, env: NodeJS.ProcessEnv): Promise<Opening> {
  const { default: open } = await import('open');
  const child = await withEnvironment(scrubbedEnvironment(env), () => open(url));
  child.unref();
  return outcomeOf(child, "the desktop's opener");
}

/**
 * `open` takes no environment for its child, and a child inherits what a loop over `process.env` finds. For as long as
 * `open` works that is the given environment; everything else stays readable, for a request that runs meanwhile.
 */
async function withEnvironment<T>(env: NodeJS.ProcessEnv, work: () => Promise<T>): Promise<T> {
  const whole = process.env;
  const hidden = Object.entries(whole)
    .filter(([name]) => !(name in env))
    .map(
      ([name, value]) => [name, { value, enumerable: false, writable: true, configurable: true }] as const,
    );
  process.env = Object.defineProperties({ ...env }, Object.fromEntries(hidden));
  try {
    return await work();
  } finally {
    process.env = whole;
  }
}

/** A program that ends well or goes on has opened the page; one that can't be started or fails has not. */
function outcomeOf(child: ChildProcess, name: string): Promise<Opening> {
  return new Promise((resolve) => {
    const settle = (why?: string): void => {
      clearTimeout(timer);
      resolve(why === undefined ? { opened: true } : { opened: false, why });
    };
    const ended = (code: number | null, signal: NodeJS.Signals | null): void =>
      settle(code === 0 ? undefined : `${name} failed (${code ?? signal})`);
    const timer = setTimeout(settle, GRACE);
    child.on('error', (error) => settle(`${name} could not be started (${codeOf(error)})`));
    child.once('exit', ended);
    if (child.exitCode !== null || child.signalCode !== null) ended(child.exitCode, child.signalCode);
  });
}

function codeOf(error: unknown): string {
  const { code, name } = error as NodeJS.ErrnoException;
  return String(code ?? name);
}
