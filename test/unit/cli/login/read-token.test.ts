import { PassThrough } from 'node:stream';
import { describe, expect, test, vi } from 'vitest';
import { readToken } from '../../../../src/cli/login/read-token.ts';
import { DrawbridgeError } from '../../../../src/errors.ts';

function reader(isTTY = false) {
  const modes: boolean[] = [];
  const input = Object.assign(new PassThrough(), {
    isTTY,
    setRawMode(mode: boolean) {
      modes.push(mode);
      return this;
    },
  });
  const asked: string[] = [];
  const interrupt = vi.fn();
  const abort = new AbortController();
  // biome-ignore lint/suspicious/noExplicitAny: a stream that plays a terminal
  const token = readToken(input as any, (text) => asked.push(text), interrupt, abort.signal, 5000);
  token.catch(() => {});
  return { input, modes, asked, interrupt, abort, token };
}

describe('the token', () => {
  test.each([
    ['abc\n', 'abc'],
    ['abc\r\n', 'abc'],
    ['  abc \n\n', 'abc'],
    ['Bearer abc\n', 'abc'],
    ['bearer  abc', 'abc'],
    [`${'x'.repeat(16_384)}\n`, 'x'.repeat(16_384)],
  ])('piped in', async (text, token) => {
    const read = reader();
    read.input.end(text);
    expect(await read.token).toBe(token);
    expect([read.asked, read.modes]).toEqual([[], []]);
  });

  test('in pieces, the break of the line among them', async () => {
    const read = reader();
    for (const piece of ['a', 'b\r', '\n']) read.input.write(piece);
    expect(await read.token).toBe('ab');
  });

  test('typed: the terminal is raw meanwhile, and as it was afterwards', async () => {
    const read = reader(true);
    for (const key of ['x', '\u0015', 'a', 'é', '\u007f', 'b', '\r']) read.input.write(key);
    expect(await read.token).toBe('ab');
    expect(read.modes).toEqual([true, false]);
    expect(read.asked).toEqual(['Paste the token and press Enter; it is not shown: ', '\n']);
  });

  test('Ctrl-C, Ctrl-D, and the end of the program', async () => {
    const read = reader(true);
    read.input.write('ab\u0003');
    await vi.waitFor(() => expect(read.interrupt).toHaveBeenCalledOnce());
    read.input.write('\u0004');
    await expect(read.token).rejects.toMatchObject({ reason: 'usage' });
    const ended = reader(true);
    const reason = new DrawbridgeError('shutting-down', 'The sign-in was ended.');
    ended.abort.abort(reason);
    await expect(ended.token).rejects.toBe(reason);
    expect(ended.modes).toEqual([true, false]);
  });
});
