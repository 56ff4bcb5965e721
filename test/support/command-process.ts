import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { bridgeEnvironment, bridgeFile, type Environment } from './bridge-command.ts';
import { closedAtTestEnd } from './lifetime.ts';
import { until, within } from './wait.ts';

/** Starts a command such as `login` for the running test, with an open stdin; it is killed at that test's end. */
export function startCommand(args: string[], env: Environment = {}): CommandProcess {
  return closedAtTestEnd(new CommandProcess(args, env));
}

/** A running command, seen through its streams. */
export class CommandProcess {
  readonly child: ChildProcessWithoutNullStreams;
  stdout = '';
  stderr = '';
  readonly #exit: Promise<number | null>;

  constructor(args: string[], env: Environment) {
    this.child = spawn(process.execPath, [bridgeFile, ...args], { env: bridgeEnvironment(env) });
    this.#exit = new Promise((resolve) => this.child.once('close', resolve));
    this.child.stdin.on('error', () => {}); // it may have ended
    this.child.stdout.setEncoding('utf8').on('data', (text: string) => {
      this.stdout += text;
    });
    this.child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text;
    });
  }

  get pid(): number {
    return this.child.pid as number;
  }

  type(line: string): void {
    this.child.stdin.write(`${line}\n`);
  }

  kill(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  /** The first line of stdout that is a URL. */
  link(ms = 15_000): Promise<string> {
    return until('the link', () => /^http\S+$/m.exec(this.stdout)?.[0], ms);
  }

  /** The exit code; null where a signal ended it. */
  exitWithin(ms: number): Promise<number | null> {
    return within(this.#exit, ms, () => `still running after ${ms} ms; stderr: ${this.stderr.slice(-2000)}`);
  }

  async close(): Promise<void> {
    if (this.child.exitCode === null && this.child.signalCode === null) this.child.kill('SIGKILL');
    await this.exitWithin(5000);
  }
}
