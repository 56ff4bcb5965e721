import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { Page } from './browser-program.d.mts';
import { isRunning } from './processes.ts';
import { tempFolder } from './temp-folder.ts';
import { until } from './wait.ts';

export type { FollowOptions } from './browser-program.d.mts';
export { followSignIn, navigate } from './browser-program.mjs';

interface Opening {
  /** Milliseconds that a person takes before anything is done, 0 by default. */
  delay?: number;
  /** End at once and go on in a process of its own, as the openers of a desktop do. */
  detaches?: boolean;
}

interface Following extends Opening {
  deny?: boolean;
  login?: string;
}

interface Visiting extends Following {
  colorScheme?: 'light' | 'dark';
  /** False: JavaScript is switched off. */
  scripts?: boolean;
  /** The file to put a picture of the last page into. */
  screenshot?: string;
}

/** A page as Chromium has it. */
export interface VisitedPage extends Page {
  title: string;
  text: string;
  style: { backgroundColor: string; color: string };
}

interface Line {
  event: 'opened' | 'started' | 'page' | 'console' | 'pageerror' | 'done' | 'failed';
  time: number;
  argv?: string[];
  env?: Record<string, string>;
  pid?: number;
  type?: string;
  text?: string;
  error?: string;
  callback?: string;
  result?: VisitedPage;
}

/** The path of Chromium or Chrome; undefined where there is none in PATH. */
export const chromium = ['chromium', 'chromium-browser', 'google-chrome']
  .map((name) => spawnSync('which', [name], { encoding: 'utf8' }).stdout?.trim())
  .find((path) => path);

export const withoutChromium = 'no chromium, chromium-browser or google-chrome in PATH';

/** Only notes the URL and ends with this code, or never. */
export function recordingBrowser(options: { exitCode?: number; hangs?: boolean } = {}): Browser {
  return new Browser({ mode: 'record', ...options });
}

/** Follows the redirects to the callback, and signs in and consents by the forms of oidc-provider where it meets them. */
export function followingBrowser(options: Following = {}): Browser {
  return new Browser({ mode: 'follow', ...options });
}

/** Real Chromium without a window, doing the same. Only where `chromium` is defined. */
export function chromiumBrowser(options: Visiting = {}): Browser {
  return new Browser({ mode: 'chromium', executable: chromium, ...options });
}

/**
 * A program for BROWSER in a folder of the running test. It works with an empty environment: whatever it needs is
 * written into it. What it has started is killed when the test ends.
 */
export class Browser {
  /** The value for BROWSER. */
  readonly program: string;
  readonly #log: string;

  constructor(settings: Record<string, unknown>) {
    const folder = tempFolder();
    this.#log = join(folder, 'log');
    this.program = join(folder, 'browser.mjs');
    const runtime = new URL('browser-program.mjs', import.meta.url).href;
    const lines = [
      `#!${process.execPath}`,
      `import { run } from ${JSON.stringify(runtime)};`,
      `await run(${JSON.stringify({ ...settings, log: this.#log })});`,
    ];
    writeFileSync(this.program, `${lines.join('\n')}\n`);
    chmodSync(this.program, 0o755);
    onTestFinished(() => {
      for (const { pid } of this.lines) if (pid !== undefined && isRunning(pid)) process.kill(pid, 'SIGKILL');
    });
  }

  get lines(): Line[] {
    if (!existsSync(this.#log)) return [];
    const complete = readFileSync(this.#log, 'utf8').split('\n').slice(0, -1);
    return complete.map((line) => JSON.parse(line) as Line);
  }

  /** Each start of the program: its arguments and its environment. */
  get starts(): Line[] {
    return this.#of('opened');
  }

  /** The URL of each start: one for each window. */
  get opened(): string[] {
    return this.starts.map(({ argv }) => argv?.at(-1) ?? '');
  }

  /** What the console of Chromium said, violations of the page's policy among it. */
  get complaints(): string[] {
    return [...this.#of('console'), ...this.#of('pageerror')].map(({ text }) => text ?? '');
  }

  /** Waits for the `count`th window and gives its URL. */
  async nextOpened(count = 1, ms = 10_000): Promise<string> {
    return await until(`window ${count}`, () => this.opened[count - 1], ms);
  }

  /** Waits for the `count`th visit to have come to its end, and gives the last page of it. */
  async finished(count = 1, ms = 20_000): Promise<VisitedPage> {
    const { result, error } = await until(
      `the end of visit ${count}`,
      () => this.lines.filter(({ event }) => event === 'done' || event === 'failed')[count - 1],
      ms,
    );
    if (result === undefined) throw new Error(`the browser failed: ${error}`);
    return result;
  }

  #of(event: Line['event']): Line[] {
    return this.lines.filter((line) => line.event === event);
  }
}
