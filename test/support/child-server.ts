import { type ChildProcess, spawn } from 'node:child_process';
import { bridgeEnvironment, type Environment } from './bridge-command.ts';
import { listening } from './free-port.ts';
import { within } from './wait.ts';

/** A server in a process of its own, killed on `close`, and with this process at the latest. */
export class ChildServer {
  readonly port: number;
  #child: ChildProcess | undefined;
  readonly #command: string;
  readonly #args: string[];
  readonly #env: Environment;
  readonly #killNow = () => {
    this.#child?.kill('SIGKILL');
  };

  constructor(port: number, command: string, args: string[], env: Environment = {}) {
    this.port = port;
    this.#command = command;
    this.#args = args;
    this.#env = env;
  }

  /** Starts it and waits until its port takes connections. */
  async start(): Promise<void> {
    process.once('exit', this.#killNow);
    this.#child = spawn(this.#command, this.#args, { env: bridgeEnvironment(this.#env), stdio: 'ignore' });
    this.#child.on('error', () => {});
    await listening(this.port, 15_000);
  }

  async close(): Promise<void> {
    process.off('exit', this.#killNow);
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const exit = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await within(exit, 5000, () => 'a server process survived SIGKILL');
  }

  /** Ends it and starts it anew on the same port. */
  async restart(): Promise<void> {
    await this.close();
    await this.start();
  }
}
