/** What a text for people is written to: a terminal of some width, or anything else. */
export interface Surface {
  /** In columns; undefined: lines are not broken, since a program may read them. */
  width: number | undefined;
  hasColour: boolean;
}

/**
 * How stdout is to be written to: coloured on a terminal, unless NO_COLOR says no (no-color.org); FORCE_COLOR has the
 * last word, as in Node.
 */
export function surfaceOf(
  { isTTY = false, columns }: { isTTY?: boolean; columns?: number },
  env: NodeJS.ProcessEnv,
): Surface {
  const { FORCE_COLOR: forced, NO_COLOR: refused, TERM } = env;
  const isForced = forced ? !/^(0|false)$/.test(forced) : undefined;
  const hasColour = isForced ?? (isTTY && !refused && TERM !== 'dumb');
  return { width: isTTY && columns ? Math.max(columns, 40) : undefined, hasColour };
}

export function stdoutSurface(): Surface {
  return surfaceOf(process.stdout, process.env);
}

/** Writes to stdout, to its end. A reader that has gone (`| head`) is no failure. */
export function print(text: string): Promise<void> {
  process.stdout.on('error', () => {});
  return new Promise((resolve) => process.stdout.write(text, () => resolve()));
}

/** Breaks a text at blanks, with `indent` before each line but the first; a word that is too long stays whole. */
export function wrap(text: string, width: number | undefined, indent: number): string {
  if (width === undefined) return text;
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const last = lines.at(-1);
    if (last !== undefined && indent + last.length + 1 + word.length <= width)
      lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines.join(`\n${' '.repeat(indent)}`);
}
