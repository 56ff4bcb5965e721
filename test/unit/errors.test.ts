import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { asDrawbridgeError, DrawbridgeError, displayText, LOCAL_ERROR } from '../../src/errors.ts';

/** Whether no surrogate stands alone; such text is no valid UTF-8, and some JSON parsers refuse a line with it. */
const isWellFormed = (text: string): boolean =>
  !/[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/.test(text);

describe('DrawbridgeError', () => {
  test('its message has at most 500 characters, a longer one is cut with a sign [76]', () => {
    expect(new DrawbridgeError('internal', 'x'.repeat(500)).message).toBe('x'.repeat(500));
    const { message } = new DrawbridgeError('internal', 'x'.repeat(501));
    expect(message).toBe(`${'x'.repeat(499)}…`);
  });

  test('a cut message is still well-formed text [79]', () => {
    for (const before of ['', 'x']) {
      expect(isWellFormed(new DrawbridgeError('internal', before + '😀'.repeat(400)).message)).toBe(true);
    }
  });

  test('as a JSON-RPC error it names its source, its reason and the facts', () => {
    const error = new DrawbridgeError('http-status', 'It failed.', {
      status: 500,
      url: 'https://a.test/mcp',
    });
    expect(error.toJsonRpcError()).toEqual({
      code: LOCAL_ERROR,
      message: 'It failed.',
      data: { source: 'mcp-drawbridge', reason: 'http-status', status: 500, url: 'https://a.test/mcp' },
    });
  });

  test("the bridge's own code lies outside the range that JSON-RPC reserves [M-36]", () => {
    expect(LOCAL_ERROR < -32768 || LOCAL_ERROR > -32000).toBe(true);
  });

  test.each([
    ['usage', 2, LOCAL_ERROR],
    ['unreachable', 3, LOCAL_ERROR],
    ['tls-untrusted', 3, LOCAL_ERROR],
    ['proxy-failed', 3, LOCAL_ERROR],
    ['timeout', 3, LOCAL_ERROR],
    ['invalid-answer', 3, LOCAL_ERROR],
    ['session-lost', 3, LOCAL_ERROR],
    ['unauthorized', 4, LOCAL_ERROR],
    ['token-command-failed', 4, LOCAL_ERROR],
    ['invalid-json', 1, -32700],
    ['invalid-request', 1, -32600],
    ['unknown-method', 1, -32601],
    ['tool-filtered', 1, -32602],
    ['internal', 1, LOCAL_ERROR],
  ] as const)('%s ends a command with exit code %i and is code %i in an answer', (reason, exitCode, code) => {
    const error = new DrawbridgeError(reason, 'm');
    expect([error.exitCode, error.toJsonRpcError().code]).toEqual([exitCode, code]);
  });
});

describe('asDrawbridgeError', () => {
  test('gives one of our own back as it is', () => {
    const error = new DrawbridgeError('timeout', 'm');
    expect(asDrawbridgeError(error)).toBe(error);
  });

  test.each([
    [new TypeError('token=s3cret'), 'TypeError'],
    ['s3cret', 'string'],
    [undefined, 'undefined'],
  ])('keeps the text of an unforeseen one out, since it may quote a secret [73]', (thrown, name) => {
    const error = asDrawbridgeError(thrown);
    expect(error.reason).toBe('internal');
    expect(error.message).toContain(name);
    expect(JSON.stringify(error.toJsonRpcError())).not.toContain('s3cret');
  });
});

describe('displayText', () => {
  test.each([
    ['an escape sequence', 'a\u001b[31mred\u001b[0m', 'a[31mred[0m'],
    ['an OSC 8 link with BEL', '\u001b]8;;https://evil.test\u0007x', ']8;;https://evil.testx'],
    ['a one-byte CSI of the C1 range', 'a\u009b31mb', 'a31mb'],
    ['NUL, DEL and backspace', 'a\u0000\u007f\bb', 'ab'],
    ['an override of the direction', 'a\u202eb\u202c', 'ab'],
    ['isolates', '\u2066a\u2069', 'a'],
    ['the marks of direction', '\u200e\u200f\u061ca', 'a'],
    ['zero-width characters', 'a\u200b\u200c\u200d\u2060b', 'ab'],
    ['a soft hyphen', 'a\u00adb', 'ab'],
    ['line breaks of every kind', 'a\r\nb\u2028c\u2029d\u0085e', 'a b c de'],
    ['runs of white space', '  a \t\n  b  ', 'a b'],
    ['nothing else', 'Grüße, 日本語 😀!', 'Grüße, 日本語 😀!'],
  ])('takes out or folds %s [95]', (_, text, expected) => {
    expect(displayText(text)).toBe(expected);
  });

  test('cuts at the limit, with a sign', () => {
    expect(displayText('x'.repeat(200))).toBe('x'.repeat(200));
    expect(displayText('x'.repeat(201))).toBe(`${'x'.repeat(199)}…`);
    expect(displayText('abcdef', 4)).toBe('abc…');
  });

  test('whatever comes in, what goes out is short and holds nothing that moves a cursor [95]', () => {
    const odd = fc.integer({ min: 0, max: 0x2070 }).map((code) => String.fromCharCode(code));
    fc.assert(
      fc.property(
        fc.string({ unit: fc.oneof(odd, fc.constantFrom('a', ' ', '\u001b', '\u202e')), maxLength: 300 }),
        fc.integer({ min: 1, max: 250 }),
        (text, limit) => {
          const shown = displayText(text, limit);
          expect(shown.length).toBeLessThanOrEqual(limit);
          expect(shown).not.toMatch(
            /[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/,
          );
        },
      ),
    );
  });

  test('is well-formed also where it was cut [79]', () => {
    for (const before of ['', 'x']) expect(isWellFormed(displayText(before + '😀'.repeat(300)))).toBe(true);
    expect(isWellFormed(displayText(`${'\u0000'.repeat(799)}😀`))).toBe(true);
  });

  test('is well-formed also where the text was not: a strict client would not read the answer [79]', () => {
    expect(isWellFormed(displayText('a\ud83d b\ude00'))).toBe(true);
  });

  test('looks only at the start of endless text', () => {
    expect(displayText(`${' '.repeat(10_000)}x`)).toBe('');
  });
});
