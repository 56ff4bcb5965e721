import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { expect } from 'vitest';
import { bridgeEnvironment, bridgeFile, type Environment } from './bridge-command.ts';
import { initializeParams, type Message } from './json-rpc.ts';
import { closedAtTestEnd } from './lifetime.ts';
import { StdoutLines } from './stdout-lines.ts';
import { within } from './wait.ts';

export interface BridgeOptions {
  args?: string[];
  env?: Environment;
  /** Another program in place of Node with the bridge's file; gets `args` alone. */
  command?: string;
  /** Texts that must appear neither on stdout nor on stderr. */
  secrets?: string[];
}

interface Exit {
  code: number | null;
  signal: NodeJS.Signals | null;
  /** Milliseconds from the call of `exitWithin` to the exit. */
  ms: number;
}

/** Starts the bridge in front of `url` for the running test, and kills it at that test's end. */
export function startBridge(url: string, options: BridgeOptions = {}): BridgeProcess {
  return runBridge({ ...options, args: [url, ...(options.args ?? [])] });
}

/** As `startBridge`, with exactly these arguments. */
export function runBridge(options: BridgeOptions): BridgeProcess {
  return closedAtTestEnd(new BridgeProcess(options));
}

/** A running bridge, seen through its stdin, stdout and stderr. */
export class BridgeProcess {
  readonly child: ChildProcessWithoutNullStreams;
  readonly stdout: StdoutLines;
  stderr = '';
  readonly #secrets: string[];
  readonly #exit: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
  #nextId = 0;

  constructor({ args = [], env = {}, command, secrets = [] }: BridgeOptions) {
    this.#secrets = secrets;
    const argv = command === undefined ? [bridgeFile, ...args] : args;
    this.child = spawn(command ?? process.execPath, argv, { env: bridgeEnvironment(env), stdio: 'pipe' });
    this.#exit = new Promise((resolve) => {
      this.child.once('close', (code, signal) => resolve({ code, signal }));
    });
    this.stdout = new StdoutLines(this.child.stdout);
    this.child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text;
    });
    this.child.stdin.on('error', () => {}); // EPIPE when a test writes to a bridge that has ended
  }

  get pid(): number {
    return this.child.pid as number;
  }

  /** Every message of stdout so far, batches taken apart. */
  get messages(): Message[] {
    return this.stdout.messages;
  }

  sendRaw(bytes: string | Uint8Array): void {
    this.child.stdin.write(bytes);
  }

  send(message: unknown): void {
    this.sendRaw(`${JSON.stringify(message)}\n`);
  }

  notify(method: string, params?: unknown): void {
    this.send({ jsonrpc: '2.0', method, ...(params === undefined ? {} : { params }) });
  }

  /** Sends a request under the next id (0, 1, 2, …) and waits for its answer, result or error. */
  async request(method: string, params?: unknown, ms = 10_000): Promise<Message> {
    const id = this.#nextId++;
    this.stdout.expectOnce(id);
    this.send({ jsonrpc: '2.0', id, method, ...(params === undefined ? {} : { params }) });
    return await this.answer(id, ms);
  }

  callTool(name: string, args: unknown = {}, ms?: number): Promise<Message> {
    return this.request('tools/call', { name, arguments: args }, ms);
  }

  /** Sends one line as it is and waits for the answer with this id. */
  async ask(line: string, id: string | number | null, ms?: number): Promise<Message> {
    this.sendRaw(`${line}\n`);
    return await this.answer(id, ms);
  }

  answer(id: string | number | null, ms?: number): Promise<Message> {
    return this.nextMessage((message) => message.id === id && message.method === undefined, ms);
  }

  /** The handshake: `initialize`, its answer, `notifications/initialized`. */
  async initialize(params: Record<string, unknown> = {}): Promise<Message> {
    const answer = await this.request('initialize', initializeParams(params));
    expect(answer, `${JSON.stringify(answer.error)} ${this.stderr}`).toHaveProperty('result');
    this.notify('notifications/initialized');
    return answer;
  }

  /** The first message of stdout, sent already or to come, that fits and that no earlier call has taken. */
  async nextMessage(fits: (message: Message) => boolean, ms = 10_000): Promise<Message> {
    return await within(this.stdout.take(fits), ms, () => {
      const seen = this.stdout.lines.slice(-5).map((line) => line.slice(0, 300));
      return `no such message within ${ms} ms; last lines: ${seen.join('\n')}\nstderr: ${this.stderr.slice(-2000)}`;
    });
  }

  closeStdin(): void {
    this.child.stdin.end();
  }

  kill(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  /** Waits for the end of the process and of its output. */
  async exitWithin(ms: number): Promise<Exit> {
    const start = performance.now();
    const exit = await within(
      this.#exit,
      ms,
      () => `process ${this.pid} still runs after ${ms} ms; stderr: ${this.stderr.slice(-2000)}`,
    );
    return { ...exit, ms: performance.now() - start };
  }

  /** Kills what is left and checks what holds for every run: valid lines, one answer a request, no secret shown. */
  async close(): Promise<void> {
    if (this.child.exitCode === null && this.child.signalCode === null) this.child.kill('SIGKILL');
    this.child.stdout.resume();
    await within(this.#exit, 5000, () => `process ${this.pid} survived SIGKILL`);
    if (this.child.signalCode === null) expect(this.stdout.unfinished, 'last line without its end').toBe('');
    expect(this.stdout.faults, 'lines of stdout that are no JSON-RPC').toEqual([]);
    expect(this.stdout.answeredTwice, 'ids answered more than once').toEqual([]);
    for (const secret of this.#secrets) {
      expect(this.stdout.lines.join('\n'), 'stdout').not.toContain(secret);
      expect(this.stderr, 'stderr').not.toContain(secret);
    }
  }
}
