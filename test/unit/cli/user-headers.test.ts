import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readUserHeaders } from '../../../src/cli/user-headers.ts';
import { tempFolder } from '../../support/temp-folder.ts';

const SECRET = 's3cret-value';
const read = (lines: string[], env: NodeJS.ProcessEnv = {}) => readUserHeaders(lines, undefined, env);

/** The refusal, which must be a usage error that does not hold the value. */
function refusal(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    expect(error).toMatchObject({ reason: 'usage', exitCode: 2 });
    const { message } = error as Error;
    expect(message).not.toContain(SECRET);
    return message;
  }
  throw new Error('it was taken');
}

describe('a header that is taken [88, 92]', () => {
  test.each<[line: string, headers: Record<string, string>]>([
    ['X-Key: value', { 'X-Key': 'value' }],
    ['X-Key:value', { 'X-Key': 'value' }],
    ['X-Key:   value \t', { 'X-Key': 'value' }],
    [' X-Key : value', { 'X-Key': 'value' }],
    ['X-Key: a:b: c', { 'X-Key': 'a:b: c' }],
    ['X-Key:', { 'X-Key': '' }],
    ['Authorization: Bearer abc', { Authorization: 'Bearer abc' }],
    ["!#$%&'*+-.^_`|~09aZ: x", { "!#$%&'*+-.^_`|~09aZ": 'x' }],
    ['X-Key: a\tb ~', { 'X-Key': 'a\tb ~' }],
    ['User-Agent: me', { 'User-Agent': 'me' }],
    ['Cookie: a=1', { Cookie: 'a=1' }],
  ])('%j', (line, headers) => {
    expect(read([line])).toEqual(headers);
  });

  test('the later of two with one name counts, whatever its case', () => {
    expect(read(['X-Key: 1', 'Other: 2', 'x-key: 3'])).toEqual({ 'x-key': '3', Other: '2' });
  });
});

describe('${VAR} [91, 93]', () => {
  test('is expanded from the environment, also several', () => {
    expect(read(['Authorization: ${KIND} ${TOKEN}x'], { KIND: 'Bearer', TOKEN: 'abc' })).toEqual({
      Authorization: 'Bearer abcx',
    });
  });

  test.each([
    ['${TOKEN', '${TOKEN'],
    ['$TOKEN', '$TOKEN'],
    ['$${TOKEN}', '$abc'],
    ['{TOKEN}', '{TOKEN}'],
  ])('%s becomes %s', (text, value) => {
    expect(read([`X: ${text}`], { TOKEN: 'abc' })).toEqual({ X: value });
  });

  test('what it brings is put in literally, and not expanded again', () => {
    expect(read(['X: ${A}'], { A: '${B} $& $1', B: 'never' })).toEqual({ X: '${B} $& $1' });
  });

  test.each(['${MISSING}', '${}', '${ TOKEN }', '${constructor}', '${__proto__}'])(
    'one that is not set is fatal: the server must not be asked without it: %s',
    (text) => {
      expect(refusal(() => read([`X-Key: ${text}`], { TOKEN: 'abc' }))).toContain('X-Key');
    },
  );

  test('the name is never expanded', () => {
    refusal(() => read(['${NAME}: x'], { NAME: 'X-Key' }));
  });

  test.each(['\r\nX-Evil: 1', '\n', '\0', '\u007f', 'é', '😀', '\u0080'])(
    'what it brings is checked: %j is refused, the header named, the value not [88]',
    (odd) => {
      const message = refusal(() => read(['X-Key: ${TOKEN}'], { TOKEN: SECRET + odd }));
      expect(message).toContain('"X-Key"');
    },
  );
});

describe('a header that is refused [88, 90, 91]', () => {
  test.each([
    SECRET,
    `: ${SECRET}`,
    `X Key: ${SECRET}`,
    `X\tKey: ${SECRET}`,
    `X-Kéy: ${SECRET}`,
    `X"Key: ${SECRET}`,
    `(X): ${SECRET}`,
    `X\0: ${SECRET}`,
    `X\r\nY: ${SECRET}`,
    '',
  ])('with a name that is none: %j', (line) => {
    expect(refusal(() => read([line]))).toContain('Name: value');
  });

  test.each([
    'Host',
    'Content-Length',
    'Content-Type',
    'Content-Encoding',
    'Transfer-Encoding',
    'Connection',
    'Keep-Alive',
    'Upgrade',
    'TE',
    'Trailer',
    'Expect',
    'Accept',
    'Accept-Encoding',
    'DPoP',
    'Last-Event-ID',
    'Mcp-Session-Id',
    'MCP-Protocol-Version',
    'mcp-anything',
    'Proxy-Authorization',
    'proxy-connection',
  ])('%s is set by the bridge itself', (name) => {
    expect(refusal(() => read([`${name}: ${SECRET}`]))).toContain(`"${name}"`);
    expect(refusal(() => read([`${name.toUpperCase()}: ${SECRET}`]))).toContain('set by the bridge');
  });

  test.each(['Accept-Language', 'X-Host', 'Hostx', 'Content-Language', 'X-Mcp-Key', 'Authorization'])(
    '%s is not',
    (name) => {
      expect(read([`${name}: x`])).toEqual({ [name]: 'x' });
    },
  );
});

describe('--header-file [92]', () => {
  function file(text: string | Buffer, mode = 0o600): string {
    const path = join(tempFolder(), 'headers');
    writeFileSync(path, text);
    chmodSync(path, mode);
    return path;
  }

  test('one header a line, comments and blank lines passed over; an option wins over it', () => {
    const path = file('# mine\n\nX-One: 1\r\n  X-Two: ${TWO}  \n#X-No: 3\nX-Three: #3\n');
    expect(readUserHeaders(['x-one: 9'], path, { TWO: '2' })).toEqual({
      'x-one': '9',
      'X-Two': '2',
      'X-Three': '#3',
    });
  });

  test('a faulty line is fatal, its value not repeated', () => {
    refusal(() => readUserHeaders([], file(`X-One: 1\n${SECRET}\n`), {}));
  });

  test.each([
    ['that is not there', () => join(tempFolder(), 'none'), 'ENOENT'],
    ['that is a folder', () => tempFolder(), 'regular file'],
    ['that is too large', () => file(`X: ${'x'.repeat(16 * 1024)}`), '16 KiB'],
  ])('one %s is an error that names it', (_, make, why) => {
    const path = make();
    const message = refusal(() => readUserHeaders([], path, {}));
    expect(message).toContain(why);
    expect(message).toContain(path);
  });

  test.skipIf(process.platform === 'win32')('one that is a pipe is refused, not waited for', () => {
    const path = join(tempFolder(), 'pipe');
    execFileSync('mkfifo', [path]);
    expect(refusal(() => readUserHeaders([], path, {}))).toContain('regular file');
  });

  test.skipIf(process.platform === 'win32').each([0o640, 0o604, 0o620, 0o602, 0o610, 0o644, 0o777])(
    'one with the mode %o is refused: others can read or change it',
    (mode) => {
      expect(refusal(() => readUserHeaders([], file(`X: ${SECRET}`, mode), {}))).toContain('chmod 600');
    },
  );

  test.skipIf(process.platform === 'win32')('one that only its owner can read is taken', () => {
    expect(readUserHeaders([], file('X: 1', 0o400), {})).toEqual({ X: '1' });
  });

  test.skipIf(process.geteuid?.() !== 0)('one of another user is refused', () => {
    const path = file(`X: ${SECRET}`);
    chownSync(path, 12345, 12345);
    expect(refusal(() => readUserHeaders([], path, {}))).toContain('another user');
  });

  test('a byte order mark at its start is no part of a name', () => {
    expect(readUserHeaders([], file('\ufeffX: 1\n'), {})).toEqual({ X: '1' });
  });

  test('a folder within the way is told of as such', () => {
    const folder = tempFolder();
    mkdirSync(join(folder, 'a'));
    expect(refusal(() => readUserHeaders([], join(folder, 'a'), {}))).toContain('regular file');
  });
});
