import { openSync } from 'node:fs';
import { createInterface } from 'node:readline/promises';
import { ReadStream } from 'node:tty';

/**
 * Asks a yes-or-no question on the terminal itself: stdin may be anything [98].
 *
 * @returns undefined where there is no terminal to ask on
 */
export async function confirm(question: string): Promise<boolean | undefined> {
  if (!process.stderr.isTTY) return undefined;
  let terminal: number;
  try {
    terminal = openSync(process.platform === 'win32' ? '\\\\.\\CONIN$' : '/dev/tty', 'r+');
  } catch {
    return undefined;
  }
  const input = new ReadStream(terminal);
  // The terminal edits the line itself then, and Ctrl-C ends the program as everywhere.
  const lines = createInterface({ input, output: process.stderr, terminal: false });
  try {
    const answer = await Promise.race([
      lines.question(`${question} [y/N] `),
      new Promise<string>((resolve) => lines.once('close', () => resolve(''))),
    ]);
    return /^(y|yes)$/i.test(answer.trim());
  } finally {
    lines.close();
    input.destroy();
  }
}
