import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { onTestFinished } from 'vitest';
import type { StoreSettings } from '../../src/settings.ts';
import { bridgeEnvironment } from './bridge-command.ts';
import { within } from './wait.ts';

export interface Circumstances {
  uid?: number;
  umask?: number;
  settings?: StoreSettings;
  env?: Record<string, string | undefined>;
}

/** A process that does something with a store; see store-program.ts for what. Killed when the test ends. */
export class StoreProcess {
  readonly pid: number;
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  #stderr = '';

  constructor(program: string, folder: string, task: string[], { env, ...rest }: Circumstances = {}) {
    const argument = JSON.stringify({ folder, task, ...rest });
    this.#child = spawn(process.execPath, [program, argument], {
      env: bridgeEnvironment(env),
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.pid = this.#child.pid as number;
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr += text;
    });
    const reader = createInterface({ input: this.#child.stdout as NonNullable<ChildProcess['stdout']> });
    this.#lines = reader[Symbol.asyncIterator]();
    onTestFinished(() => this.kill());
  }

  /** What it has written to stderr so far. */
  get stderr(): string {
    return this.#stderr;
  }

  /** The next thing that it says; rejects where it ends first, or says nothing for `ms` milliseconds. */
  async says(ms = 30_000): Promise<unknown> {
    const { value, done } = await within(
      this.#lines.next(),
      ms,
      () => `a process said nothing for ${ms} ms; stderr: ${this.#stderr}`,
    );
    if (done) throw new Error(`a process ended without a word; stderr: ${this.#stderr}`);
    return JSON.parse(value as string);
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name);
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }
}
