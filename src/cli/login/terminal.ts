import { createInterface } from 'node:readline';

/** Where the texts of a command for people go: the terminal, or a log. */
export class Terminal {
  readonly #onInterrupt: () => void;
  #closers: (() => void)[] = [];

  /** @param onInterrupt is called at Ctrl-C while lines are edited, when the terminal makes no signal of it */
  constructor(onInterrupt: () => void) {
    this.#onInterrupt = onInterrupt;
  }

  say(text: string): void {
    process.stderr.write(`${text}\n`);
  }

  /** For programs that read stdout. */
  print(line: string): void {
    process.stdout.write(`${line}\n`);
  }

  /**
   * Hears each line that is typed, pasted or piped in. On a terminal the line is edited here: left to the terminal it
   * would be cut at 1,024 or 4,096 characters, and addresses may be longer.
   */
  hearLines(onLine: (line: string) => void): void {
    const isTerminal = process.stdin.isTTY === true;
    const lines = isTerminal
      ? createInterface({
          input: process.stdin,
          output: process.stderr,
          terminal: true,
          historySize: 0,
          prompt: '',
        })
      : createInterface({ input: process.stdin });
    lines.on('line', onLine);
    lines.on('SIGINT', this.#onInterrupt);
    this.#closers.push(() => lines.close());
  }

  /**
   * Says that something is waited for: on a terminal with the time that is left, in a log once.
   *
   * @param limit how long at the most, in milliseconds
   * @returns ends it
   */
  wait(text: string, limit: number): () => void {
    const { stderr } = process;
    if (!stderr.isTTY || process.env.TERM === 'dumb') {
      this.say(`${text}, for ${Math.round(limit / 1000)} s at the most …`);
      return () => {};
    }
    const until = performance.now() + limit;
    const show = (): void => {
      const left = Math.max(0, Math.ceil((until - performance.now()) / 1000));
      const clock = `${Math.floor(left / 60)}:${String(left % 60).padStart(2, '0')}`;
      stderr.write(`\r${text} (${clock} left, Ctrl-C ends it)\u001b[K`);
    };
    show();
    const timer = setInterval(show, 1000);
    const end = (): void => {
      clearInterval(timer);
      stderr.write('\r\u001b[K');
    };
    this.#closers.push(end);
    return () => {
      this.#closers = this.#closers.filter((one) => one !== end);
      end();
    };
  }

  /** Leaves the terminal as it was. */
  close(): void {
    for (const close of this.#closers) close();
    this.#closers = [];
  }
}
