import { type ChildProcessWithoutNullStreams, spawn, spawnSync } from 'node:child_process';
import { bridgeEnvironment, bridgeFile, type Environment } from './bridge-command.ts';
import { closedAtTestEnd } from './lifetime.ts';
import { until, within } from './wait.ts';

/** Whether there is the `script` of util-linux, which gives a command a pseudo-terminal. */
export const hasTerminal =
  process.platform === 'linux' &&
  /util-linux/.test(spawnSync('script', ['--version'], { encoding: 'utf8' }).stdout ?? '');

export const withoutTerminal = 'no "script" of util-linux in PATH';

/** Starts a command on a terminal of its own for the running test. Only where `hasTerminal`. */
export function startInTerminal(args: string[], env: Environment = {}): TerminalProcess {
  return closedAtTestEnd(new TerminalProcess(args, env));
}

/** A command as a person has it before him: what it writes and what is typed stand on one screen. */
export class TerminalProcess {
  screen = '';
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #exit: Promise<number | null>;

  constructor(args: string[], env: Environment) {
    const command = [process.execPath, bridgeFile, ...args].map((word) => `'${word}'`).join(' ');
    // In a group of its own, so that all of it ends with the test.
    this.#child = spawn('script', ['-qefc', `exec ${command}`, '/dev/null'], {
      env: bridgeEnvironment({ TERM: 'xterm', SHELL: '/bin/sh', ...env }),
      detached: true,
    });
    this.#exit = new Promise((resolve) => this.#child.once('close', resolve));
    this.#child.stdin.on('error', () => {}); // it may have ended
    this.#child.stdout.setEncoding('utf8').on('data', (text: string) => {
      this.screen += text;
    });
  }

  /** Keys as the terminal sends them: Enter is "\r", Ctrl-C "\u0003". */
  type(keys: string): void {
    this.#child.stdin.write(keys);
  }

  async shows(what: string | RegExp, ms = 15_000): Promise<void> {
    const isThere = () => (typeof what === 'string' ? this.screen.includes(what) : what.test(this.screen));
    await until(`"${what}" on the screen`, isThere, ms).catch((error) => {
      throw new Error(`${error}; the screen: ${JSON.stringify(this.screen.slice(-2000))}`);
    });
  }

  exitWithin(ms: number): Promise<number | null> {
    return within(this.#exit, ms, () => `still running after ${ms} ms: ${this.screen.slice(-2000)}`);
  }

  async close(): Promise<void> {
    const { pid, exitCode, signalCode } = this.#child;
    if (pid === undefined || exitCode !== null || signalCode !== null) return;
    process.kill(-pid, 'SIGKILL');
    await this.exitWithin(5000);
  }
}
