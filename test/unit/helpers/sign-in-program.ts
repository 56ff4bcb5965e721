import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { SignInTask } from '../../../src/authorization/sign-in/task.ts';
import { tempFolder } from '../../support/temp-folder.ts';
import { until } from '../../support/wait.ts';

interface Start {
  argv: string[];
  env: Record<string, string>;
  task: SignInTask;
  pid: number;
}

/**
 * Plays the program that bridges start for a sign-in, until the running test ends. `script` is the body of an async
 * function: `say(event)`, `await next()` (the next line on stdin, undefined at its end), `note(text)`, `start` (1, 2 …).
 */
export function playSignInProgram(script: string): SignInProgram {
  const program = new SignInProgram(tempFolder(), script);
  const before = process.argv[1] as string;
  process.argv[1] = program.file;
  onTestFinished(() => {
    process.argv[1] = before;
    for (const { pid } of program.starts) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {} // it has ended
    }
  });
  return program;
}

export class SignInProgram {
  readonly file: string;
  readonly #log: string;

  constructor(folder: string, script: string) {
    this.file = join(folder, 'program.cjs');
    this.#log = join(folder, 'log');
    writeFileSync(
      this.file,
      `const fs = require('node:fs');
      const log = ${JSON.stringify(this.#log)};
      const write = (entry) => fs.appendFileSync(log, JSON.stringify(entry) + '\\n');
      const say = (event) => fs.writeSync(1, JSON.stringify(event) + '\\n');
      const note = (text) => write({ note: text ?? null });
      const lines = [], waiting = [];
      const take = (line) => (waiting.length > 0 ? waiting.shift()(line) : lines.push(line));
      const next = () => new Promise((resolve) => (lines.length > 0 ? resolve(lines.shift()) : waiting.push(resolve)));
      require('node:readline').createInterface({ input: process.stdin }).on('line', take).on('close', () => take(undefined));
      (async () => {
        const task = JSON.parse(await next());
        const before = fs.existsSync(log) ? fs.readFileSync(log, 'utf8') : '';
        const start = before.split('"argv"').length;
        write({ argv: process.argv.slice(2), env: process.env, task, pid: process.pid });
        ${script}
        process.exit();
      })();`,
    );
  }

  get starts(): Start[] {
    return this.#entries.filter((entry) => 'argv' in entry) as Start[];
  }

  get notes(): (string | null)[] {
    return this.#entries.flatMap((entry) => ('note' in entry ? [entry.note] : []));
  }

  async nextStart(count = 1): Promise<Start> {
    return await until(`start ${count}`, () => this.starts[count - 1]);
  }

  get #entries(): (Start | { note: string | null })[] {
    if (!existsSync(this.#log)) return [];
    const complete = readFileSync(this.#log, 'utf8').split('\n').slice(0, -1);
    return complete.map((line) => JSON.parse(line));
  }
}
