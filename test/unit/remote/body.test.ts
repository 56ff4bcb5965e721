import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { PassThrough, Readable } from 'node:stream';
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { decodedBody, type FlowControl, readBody, readChunks, readStart } from '../../../src/remote/body.ts';
import { within } from '../../support/wait.ts';

const free: FlowControl = { blocked: false, whenReady: () => {} };

/** An answer of which only the headers and the body are of interest. */
function answerOf(chunks: Iterable<Buffer>, headers: IncomingHttpHeaders = {}): IncomingMessage {
  return Object.assign(Readable.from(chunks), { headers }) as unknown as IncomingMessage;
}

const read = async (body: Buffer, coding?: string, limit = 100_000_000): Promise<string> => {
  const headers = coding === undefined ? {} : { 'content-encoding': coding };
  return (await readBody(await decodedBody(answerOf([body], headers)), limit, free)).toString();
};

describe('a coded body [99]', () => {
  const text = 'Grüße '.repeat(1000);

  test.each([
    [undefined, Buffer.from(text)],
    ['', Buffer.from(text)],
    ['identity', Buffer.from(text)],
    [' Identity ', Buffer.from(text)],
    ['gzip', gzipSync(text)],
    ['GZIP', gzipSync(text)],
    ['x-gzip', gzipSync(text)],
    ['deflate', deflateSync(text)],
    ['br', brotliCompressSync(text)],
  ])('%s is undone', async (coding, body) => {
    expect(await read(body, coding)).toBe(text);
  });

  test.each(['compress', 'zstd', 'gzip, br', 'gzip,gzip', 'constructor', '__proto__'])(
    '%s is refused: one coding, and a known one',
    async (coding) => {
      await expect(read(Buffer.from('x'), coding)).rejects.toMatchObject({ reason: 'invalid-answer' });
    },
  );

  test('a bomb is given up long before it has unpacked [99, 100]', async () => {
    const bomb = gzipSync(Buffer.alloc(200 * 1024 * 1024), { level: 9 });
    const before = process.memoryUsage().rss;
    const body = await decodedBody(answerOf([bomb], { 'content-encoding': 'gzip' }));
    let unpacked = 0;
    const reading = readChunks(body, free, (chunk) => {
      unpacked += chunk.length;
    });
    await expect(reading).rejects.toMatchObject({ reason: 'too-large' });
    expect(unpacked).toBeLessThan(bomb.length * 101 + 1024 * 1024);
    expect(process.memoryUsage().rss - before).toBeLessThan(150 * 1024 * 1024);
  });

  test('a body that packs well and is small is no bomb', async () => {
    expect(await read(gzipSync(Buffer.alloc(1024 * 1024, 'x'), { level: 9 }), 'gzip')).toHaveLength(
      1024 * 1024,
    );
  });

  test('the limit counts what comes out', async () => {
    await expect(read(gzipSync('x'.repeat(1001)), 'gzip', 1000)).rejects.toMatchObject({
      reason: 'too-large',
    });
  });

  test.each([
    ['that is cut off', gzipSync(text).subarray(0, 50)],
    ['that is none', Buffer.from('no gzip at all')],
  ])('a gzip body %s is an error, not a short body', async (_, body) => {
    await expect(read(body, 'gzip')).rejects.toThrow();
  });

  test('an answer that breaks breaks the decoding', async () => {
    const answer = Object.assign(new PassThrough(), { headers: { 'content-encoding': 'gzip' } });
    const body = await decodedBody(answer as unknown as IncomingMessage);
    const reading = readBody(body, 1000, free);
    answer.write(gzipSync(text).subarray(0, 20));
    answer.destroy(new Error('ECONNRESET'));
    await expect(reading).rejects.toThrow('ECONNRESET');
  });

  test.each([
    ['with an error', new Error('ECONNRESET')],
    ['without one', undefined],
  ])(
    'an answer that had broken %s before it was decoded breaks the reading, and nothing else',
    async (_, error) => {
      const unheard = vi.fn();
      process.on('uncaughtException', unheard);
      onTestFinished(() => void process.off('uncaughtException', unheard));
      const answer = Object.assign(new PassThrough(), { headers: { 'content-encoding': 'gzip' } });
      answer.on('error', () => {});
      answer.destroy(error);
      await new Promise((resolve) => setImmediate(resolve));
      const reading = decodedBody(answer as unknown as IncomingMessage).then((body) =>
        readBody(body, 1000, free),
      );
      await expect(within(reading, 500, () => 'it hangs')).rejects.toThrow(/ECONNRESET|closed/);
      await new Promise((resolve) => setImmediate(resolve));
      expect(unheard).not.toHaveBeenCalled();
    },
  );

  test('giving up lets go of the connection', async () => {
    const answer = Object.assign(new PassThrough(), { headers: { 'content-encoding': 'gzip' } });
    const body = await decodedBody(answer as unknown as IncomingMessage);
    body.destroy();
    await new Promise((resolve) => setImmediate(resolve));
    expect(answer.destroyed).toBe(true);
  });
});

describe('readChunks', () => {
  test('hands on each chunk in order and resolves at the end', async () => {
    const chunks: string[] = [];
    await readChunks(Readable.from(['a', 'b', 'c'].map((text) => Buffer.from(text))), free, (chunk) => {
      chunks.push(chunk.toString());
    });
    expect(chunks).toEqual(['a', 'b', 'c']);
  });

  test.each([
    ['an error', (body: PassThrough) => body.destroy(new Error('broken'))],
    ['a closing without an end', (body: PassThrough) => body.destroy()],
  ])('rejects at %s while it reads', async (_, breakIt) => {
    const body = new PassThrough();
    const reading = readChunks(body, free, () => {});
    breakIt(body);
    await expect(within(reading, 500, () => 'it hangs')).rejects.toThrow(/broken|closed/);
  });

  test.each([
    ['an error', new Error('broken')],
    ['a closing without an end', undefined],
  ])('rejects where %s came before anybody read', async (_, error) => {
    const body = new PassThrough();
    body.on('error', () => {});
    body.destroy(error);
    await new Promise((resolve) => setImmediate(resolve));
    const reading = readChunks(body, free, () => {});
    await expect(within(reading, 500, () => 'it hangs')).rejects.toThrow(/broken|closed/);
  });

  test('what the reader throws ends the reading', async () => {
    const body = new PassThrough();
    const reading = readChunks(body, free, () => {
      throw new Error('too much');
    });
    body.write('x');
    await expect(reading).rejects.toThrow('too much');
    expect(body.destroyed).toBe(true);
  });

  test('rests while the client does not keep up, and goes on when it does [80]', async () => {
    const body = new PassThrough();
    const seen: string[] = [];
    let ready: (() => void) | undefined;
    const flow = { blocked: false, whenReady: (resume: () => void) => (ready = resume) };
    const reading = readChunks(body, flow, (chunk) => {
      seen.push(chunk.toString());
      flow.blocked = true;
    });
    body.write('a');
    await vi.waitFor(() => expect(seen).toEqual(['a']));
    body.write('b');
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(seen).toEqual(['a']);
    flow.blocked = false;
    ready?.();
    await vi.waitFor(() => expect(seen).toEqual(['a', 'b']));
    flow.blocked = false;
    ready?.();
    body.end();
    await within(reading, 500, () => 'it hangs');
  });
});

describe('readBody', () => {
  test('puts the chunks together and tells of each', async () => {
    let progress = 0;
    const body = await readBody(
      Readable.from([Buffer.from('é').subarray(0, 1), Buffer.from('é').subarray(1)]),
      10,
      free,
      () => progress++,
    );
    expect([body.toString(), progress]).toEqual(['é', 2]);
  });

  test('takes a body of just the limit, and refuses a longer one with the option that raises it [99]', async () => {
    const limit = 1024 * 1024;
    expect(await read(Buffer.alloc(limit), undefined, limit)).toHaveLength(limit);
    const error = { reason: 'too-large', message: expect.stringContaining('1 MiB (--max-message-size)') };
    await expect(read(Buffer.alloc(limit + 1), undefined, limit)).rejects.toMatchObject(error);
  });
});

describe('readStart', () => {
  test('gives the body of an error answer, decoded', async () => {
    expect(await readStart(answerOf([gzipSync('why')], { 'content-encoding': 'gzip' }), free)).toBe('why');
  });

  test.each([
    ['endless', answerOf(Array.from({ length: 40 }, () => Buffer.alloc(64 * 1024)))],
    ['oddly coded', answerOf([Buffer.from('x')], { 'content-encoding': 'zstd' })],
  ])('gives nothing of a body that is %s, and lets go of it', async (_, answer) => {
    expect(await readStart(answer, free)).toBe('');
    expect(answer.destroyed).toBe(true);
  });
});
