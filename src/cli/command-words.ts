/**
 * Splits a command line into words as a POSIX shell does (blanks, single and double quotes, backslash), and does
 * nothing else a shell does: no variables, no globs, no pipes.
 *
 * @returns undefined where a quote is not closed
 */
export function splitCommand(line: string): string[] | undefined {
  const words: string[] = [];
  let word: string | undefined;
  let quote = '';
  for (let at = 0; at < line.length; at++) {
    const char = line[at] as string;
    if (char === '\\' && line[at + 1] === '\n' && quote !== "'") {
      at++; // a line that goes on in the next
    } else if (quote) {
      if (char === quote) quote = '';
      // Inside double quotes a backslash speaks only before these (POSIX Shell Command Language, 2.2.3).
      else if (char === '\\' && quote === '"' && /["\\$`]/.test(line[at + 1] ?? ''))
        word += line[++at] as string;
      else word += char;
    } else if (char === '"' || char === "'") {
      quote = char;
      word ??= '';
    } else if (' \t\n'.includes(char)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else {
      word = (word ?? '') + (char === '\\' && at + 1 < line.length ? (line[++at] as string) : char);
    }
  }
  if (quote) return undefined;
  if (word !== undefined) words.push(word);
  return words;
}
