const CONTEXT = 3;

/**
 * What changes between two texts, as one hunk of a unified diff with three lines around it.
 *
 * @param path undefined where there was no such file before, or is none after
 */
export function textDiff(
  before: { path?: string; text: string },
  after: { path?: string; text: string },
): string {
  const [old, now] = [linesOf(before.text), linesOf(after.text)];
  const shared = Math.min(old.length, now.length);
  let start = 0;
  while (start < shared && old[start] === now[start]) start++;
  let end = 0;
  while (end < shared - start && old[old.length - 1 - end] === now[now.length - 1 - end]) end++;

  const from = Math.max(start - CONTEXT, 0);
  const behind = Math.min(end, CONTEXT);
  const hunk = [
    ...old.slice(from, start).map((line) => mark(' ', line)),
    ...old.slice(start, old.length - end).map((line) => mark('-', line)),
    ...now.slice(start, now.length - end).map((line) => mark('+', line)),
    ...old.slice(old.length - end, old.length - end + behind).map((line) => mark(' ', line)),
  ];
  const range = (lines: string[]): string => {
    const count = lines.length - end + behind - from;
    return `${count === 0 ? from : from + 1},${count}`;
  };
  return [
    `--- ${before.path ?? '/dev/null'}`,
    `+++ ${after.path ?? '/dev/null'}`,
    `@@ -${range(old)} +${range(now)} @@`,
    ...hunk,
    '',
  ].join('\n');
}

/** The lines with their ends: a line that lacks one differs from one that has it. */
function linesOf(text: string): string[] {
  return text.match(/[^\n]*\n|[^\n]+$/g) ?? [];
}

/** Control characters of the file must not steer the terminal. */
function mark(sign: string, line: string): string {
  const shown = line.replace(/\r?\n$/, '').replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, '\ufffd');
  return line.endsWith('\n') ? sign + shown : `${sign}${shown}\n\\ No newline at end of file`;
}
