import { spawnSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { splitCommand } from '../../../src/cli/command-words.ts';

describe('words, quotes and backslashes', () => {
  test.each<[line: string, words: string[] | undefined]>([
    ['op read op://private/mcp/token', ['op', 'read', 'op://private/mcp/token']],
    ['  a \t b\n', ['a', 'b']],
    ['', []],
    ['   ', []],
    ["a 'b c' d", ['a', 'b c', 'd']],
    ['a "b c" d', ['a', 'b c', 'd']],
    ["''", ['']],
    ['a "" b', ['a', '', 'b']],
    ['a"b"\'c\'d', ['abcd']],
    ['a\\ b', ['a b']],
    ['\\"a\\\'', ['"a\'']],
    ['"a\\"b"', ['a"b']],
    ['"a\\\\b"', ['a\\b']],
    ['"a\\nb"', ['a\\nb']],
    ['"\\$x \\`y\\`"', ['$x `y`']],
    ["'a\\b'", ['a\\b']],
    ["'a\"b'", ['a"b']],
    ['"a\'b"', ["a'b"]],
    ['a\\', ['a\\']],
    ['"C:\\Program Files\\x.exe" y', ['C:\\Program Files\\x.exe', 'y']],
    ["'a", undefined],
    ['"a', undefined],
    ['"a\\"', undefined],
    ["a 'b' \"", undefined],
  ])('%j is %j', (line, words) => {
    expect(splitCommand(line)).toEqual(words);
  });

  test.each([
    ['$HOME ~ *', ['$HOME', '~', '*']],
    ['a;b|c&d>e<f', ['a;b|c&d>e<f']],
    ['`id` $(id)', ['`id`', '$(id)']],
    ['a #b', ['a', '#b']],
    ['X=1 a', ['X=1', 'a']],
  ])('nothing else that a shell does is done: %s', (line, words) => {
    expect(splitCommand(line)).toEqual(words);
  });

  test('only blanks of the shell part words: a no-break space is part of one', () => {
    expect(splitCommand('a\u00a0b c\u2003d')).toEqual(['a\u00a0b', 'c\u2003d']);
  });

  test('a backslash before a line break joins the lines, as in the shell', () => {
    expect(splitCommand('op \\\nread')).toEqual(['op', 'read']);
    expect(splitCommand('"a\\\nb"')).toEqual(['ab']);
  });
});

test.skipIf(process.platform === 'win32')('any line of these characters is split as sh splits it', () => {
  const unit = fc.constantFrom('a', 'b', ' ', '\t', "'", '"', '\\', '=', 'é');
  fc.assert(
    fc.property(fc.string({ unit, maxLength: 12 }), (line) => {
      fc.pre(!line.endsWith('\\')); // POSIX leaves open what stands before the end of a script
      expect(splitCommand(line)).toEqual(wordsBySh(line));
    }),
    { numRuns: 200 },
  );
});

/** The words that sh makes of a line; undefined where a quote is not closed. */
function wordsBySh(line: string): string[] | undefined {
  const script = `set -- ${line}\nfor word do printf '%s\\0' "$word"; done`;
  const { status, stdout } = spawnSync('sh', ['-c', script], { encoding: 'utf8' });
  return status === 0 ? stdout.split('\0').slice(0, -1) : undefined;
}
