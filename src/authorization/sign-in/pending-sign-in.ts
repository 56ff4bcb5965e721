import type { ChildProcess } from 'node:child_process';
import type { CredentialStore } from '../../credentials/store.ts';
import { asDrawbridgeError, DrawbridgeError, isReason } from '../../errors.ts';
import type { Logger } from '../../logger.ts';
import { withoutSecrets } from '../../platform/child-environment.ts';
import { sleep } from '../../platform/sleep.ts';
import type { SignIn } from '../authorizer.ts';
import type { SignInAttempts } from './attempts.ts';
import { readAnnouncement, SIGN_IN_GATE, type SignInEvent, type SignInTask } from './task.ts';

/** What the sign-in process needs of our environment whatever it holds: the ways to the network. */
const networkVariables = /^((https?|all|no)_proxy|NODE_EXTRA_CA_CERTS|MCP_DRAWBRIDGE_HOME)$/i;
const LOOK_EVERY = 1_000;
/** A process that dies is replaced so often [70]. */
const MAX_STARTS = 3;

export interface PendingSignInOptions {
  task: SignInTask;
  connection: string;
  store: CredentialStore;
  attempts: SignInAttempts;
  /** Whether the store holds credentials now that serve. */
  isDone: () => boolean;
  /** The command that signs in from a terminal. */
  command: string;
  /** What the environment of no other process may hold. */
  secrets: readonly string[];
  log: Logger;
}

/**
 * A sign-in as a bridge sees it: a process of its own does it, so that it outlives the bridge, and only one on this
 * machine at a time. The bridge starts that process, or waits for the one that another bridge has started.
 */
export class PendingSignIn implements SignIn {
  link: string | undefined;
  windowOpened = false;
  readonly linked: Promise<void>;
  readonly settled: Promise<DrawbridgeError | undefined>;
  readonly command: string;
  readonly #options: PendingSignInOptions;
  readonly #startedAt = Date.now();
  readonly #closed = new AbortController();
  #process: ChildProcess | undefined;
  #onLinked!: () => void;
  #declined: DrawbridgeError | undefined;

  constructor(options: PendingSignInOptions) {
    this.#options = options;
    this.command = options.command;
    this.linked = new Promise((resolve) => {
      this.#onLinked = resolve;
    });
    this.settled = this.#run().catch((error: unknown) => asDrawbridgeError(error));
    void this.settled.then(this.#onLinked);
  }

  shown(): void {
    this.#process?.stdin?.write('shown\n');
  }

  openWindow(): void {
    this.#process?.stdin?.write('open\n');
  }

  cancel(isRefusal: boolean): void {
    this.#declined ??= new DrawbridgeError(
      'sign-in-refused',
      `The sign-in was ${isRefusal ? 'declined' : 'put off'}; to sign in, run: ${this.command}`,
    );
    this.#process?.stdin?.write(isRefusal ? 'decline\n' : 'cancel\n');
    this.#closed.abort();
  }

  /** The bridge ends; what the user has begun in the browser goes on without it. */
  leave(): void {
    this.#closed.abort();
    this.#process?.stdin?.destroy();
    this.#process?.stdout?.destroy();
    this.#process?.unref();
  }

  async #run(): Promise<DrawbridgeError | undefined> {
    const { store, isDone, attempts, task } = this.#options;
    const watch = this.#watchStore();
    try {
      const { browser, deviceCode } = task.signIn;
      if (deviceCode || (!task.opensWindow && !browser)) return await this.#elsewhere();
      for (let starts = 0; starts < MAX_STARTS; ) {
        // Another process may have made it since.
        await store.unlock();
        if (isDone()) return undefined;
        const failure = attempts.failureSince(this.#startedAt);
        if (failure) return this.#withAdvice(failure);
        if (this.#closed.signal.aborted) return this.#declined ?? ended();
        const holder = await store.follow(SIGN_IN_GATE);
        if (holder) {
          await Promise.race([this.#follow(holder), watch.done]);
          continue;
        }
        const outcome = await Promise.race([this.#start(), watch.done, this.#aborted()]);
        if (outcome === 'done') {
          await store.unlock();
          return undefined;
        }
        if (outcome instanceof DrawbridgeError) return this.#withAdvice(outcome);
        if (outcome === 'busy') await sleep(50);
        else starts++;
      }
      return new DrawbridgeError('internal', `The sign-in broke off; to sign in, run: ${this.command}`);
    } finally {
      watch.stop();
    }
  }

  /** No window is to be opened from here: the user signs in in a terminal, which is seen. */
  async #elsewhere(): Promise<DrawbridgeError | undefined> {
    const { isDone, task } = this.#options;
    this.#onLinked();
    const giveUpAt = performance.now() + task.signIn.timeout;
    while (!this.#closed.signal.aborted && performance.now() < giveUpAt) {
      if (isDone()) return undefined;
      await sleep(LOOK_EVERY, this.#closed.signal);
    }
    return this.#declined ?? neededError(new URL(task.server), this.command);
  }

  async #follow(holder: NonNullable<Awaited<ReturnType<CredentialStore['follow']>>>): Promise<void> {
    const take = (value: Parameters<typeof readAnnouncement>[0]): void => {
      const announced = readAnnouncement(value);
      if (announced?.connection !== this.#options.connection) return;
      this.link = announced.link;
      this.windowOpened = announced.windowOpened;
      this.#onLinked();
    };
    take(holder.announced);
    holder.onAnnounced(take);
    await Promise.race([holder.gone, this.#aborted()]);
    holder.close();
  }

  /** @returns how the process ended; `died` without a word */
  async #start(): Promise<'done' | 'busy' | 'died' | DrawbridgeError> {
    const { spawn } = await import('node:child_process');
    const { task, secrets, log } = this.#options;
    const program = process.argv[1] as string;
    const child = spawn(process.execPath, [program, 'sign-in-process'], {
      stdio: ['pipe', 'pipe', 'ignore'],
      detached: true,
      windowsHide: true,
      env: {
        ...withoutSecrets(process.env, secrets),
        ...Object.fromEntries(Object.entries(process.env).filter(([name]) => networkVariables.test(name))),
      },
    });
    this.#process = child;
    let outcome: 'done' | 'busy' | 'died' | DrawbridgeError = 'died';
    const onEvent = (event: SignInEvent): void => {
      if (event.event === 'link') {
        this.link = event.url;
        this.windowOpened = event.opening;
        this.#onLinked();
      } else if (event.event === 'no-window') {
        this.windowOpened = false;
        // Where nobody else shows the link, the log has to [77].
        log.warn('no browser window: sign in by this link', { url: event.url, why: event.why });
      } else if (event.event === 'warning') {
        log.warn(event.message, event.fields);
      } else if (event.event === 'failed' && event.reason === 'shutting-down') {
        outcome = 'died'; // a signal ended it; nobody has said no
      } else if (event.event === 'failed') {
        const reason = isReason(event.reason) ? event.reason : 'internal';
        outcome = new DrawbridgeError(reason, event.message);
      } else {
        outcome = event.event;
      }
    };
    child.stdin.on('error', () => {});
    child.stdin.write(`${JSON.stringify(task)}\n`);
    return new Promise((resolve) => {
      let text = '';
      child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
        const lines = text.split('\n');
        text = lines.pop() ?? '';
        for (const line of lines) onEvent(JSON.parse(line) as SignInEvent);
      });
      child.on('error', () => resolve('died'));
      child.on('close', () => {
        this.#process = undefined;
        resolve(outcome);
      });
    });
  }

  /** Where it is the user's turn, the command is told as well, whosever sign-in it was that ended. */
  #withAdvice(failure: DrawbridgeError): DrawbridgeError {
    const { reason, message, details } = failure;
    const isUsersTurn = reason === 'sign-in-refused' || reason === 'sign-in-timeout';
    const isAdvised = message.includes('--') || message.includes(this.command);
    if (!isUsersTurn || isAdvised) return failure;
    return new DrawbridgeError(reason, `${message} To sign in, run: ${this.command}`, details);
  }

  /** Another process may store credentials at any time: a terminal, another bridge. */
  #watchStore(): { done: Promise<'done'>; stop: () => void } {
    let timer: NodeJS.Timeout | undefined;
    const done = new Promise<'done'>((resolve) => {
      timer = setInterval(() => {
        if (this.#options.isDone()) resolve('done');
      }, LOOK_EVERY);
    });
    return { done, stop: () => clearInterval(timer) };
  }

  #aborted(): Promise<DrawbridgeError> {
    return new Promise((resolve) => {
      const { signal } = this.#closed;
      const end = (): void => resolve(this.#declined ?? ended());
      if (signal.aborted) end();
      else signal.addEventListener('abort', end, { once: true });
    });
  }
}

/** What a client is told while nobody has signed in. */
export function neededError({ host }: URL, command: string): DrawbridgeError {
  return new DrawbridgeError('sign-in-needed', `${host} needs you to sign in; run: ${command}`);
}

function ended(): DrawbridgeError {
  return new DrawbridgeError('shutting-down', 'The bridge is shutting down.');
}
