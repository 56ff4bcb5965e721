import { PassThrough } from 'node:stream';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { StdinReader } from '../../../src/bridge/stdin-reader.ts';
import type { ByteText } from '../../../src/byte-text.ts';
import type { MessageId } from '../../../src/jsonrpc.ts';
import { bytesOf, cutAt, cuts } from '../helpers/byte-chunks.ts';

type Seen = { line: string } | { oversized: MessageId | null } | 'end';

/** What the reader makes of an input that comes in these chunks and then ends. */
async function read(chunks: Iterable<Buffer | string>, maxBytes = 1_000_000): Promise<Seen[]> {
  const input = new PassThrough();
  const seen: Seen[] = [];
  await new Promise<void>((resolve) => {
    new StdinReader(input, maxBytes, {
      onLine: (line) => seen.push({ line: line.toString() }),
      onOversizedLine: (id) => seen.push({ oversized: id }),
      onEnd: () => {
        seen.push('end');
        resolve();
      },
    });
    for (const chunk of chunks) input.write(chunk);
    input.end();
  });
  return seen;
}

const lines = (...texts: string[]): Seen[] => [...texts.map((line) => ({ line })), 'end'];

describe('lines [L-01, 79]', () => {
  test.each([
    ['LF', '{"a":1}\n{"b":2}\n', ['{"a":1}', '{"b":2}']],
    ['CRLF', '{"a":1}\r\n{"b":2}\r\n', ['{"a":1}', '{"b":2}']],
    ['blank lines are passed over', '\n\r\n  \n\t\n{"a":1}\n\n', ['{"a":1}']],
    ['a byte order mark before the first line is taken away', '\ufeff{"a":1}\n', ['{"a":1}']],
    ['a byte order mark later on is data', '1\n\ufeff2\n', ['1', '\ufeff2']],
    ['a last line without its end', '{"a":1}\n{"b":2}', ['{"a":1}', '{"b":2}']],
    ['blanks around a message stay', '  {"a":1} \n', ['  {"a":1} ']],
    ['a CR inside a line stays', '{"a":\r1}\n', ['{"a":\r1}']],
    ['Unicode line separators end no line', '"a\u2028b\u0085c"\n', ['"a\u2028b\u0085c"']],
    ['nothing', '', []],
    ['only a line end', '\n', []],
  ])('%s', async (_, text, expected) => {
    expect(await read([text])).toEqual(lines(...expected));
  });

  test('bytes are handed on as they came, invalid UTF-8 and NUL too [84]', async () => {
    const got: Buffer[] = [];
    const input = new PassThrough();
    const ended = new Promise<void>((resolve) => {
      const onLine = (line: ByteText) => got.push(bytesOf(line));
      new StdinReader(input, 100, { onLine, onOversizedLine: () => {}, onEnd: resolve });
    });
    const bytes = Buffer.from([0x22, 0xff, 0x00, 0xc3, 0x22]);
    input.end(Buffer.concat([bytes, Buffer.from('\n')]));
    await ended;
    expect(got).toEqual([bytes]);
  });

  test('a byte order mark or a CRLF that is cut between chunks is none the less one', async () => {
    const bytes = Buffer.from('\ufeff{"a":1}\r\n\r\n');
    for (let at = 0; at < bytes.length; at++) {
      expect(await read([bytes.subarray(0, at), bytes.subarray(at)])).toEqual(lines('{"a":1}'));
    }
  });

  test('a CRLF that is cut after a long line is none the less one', async () => {
    const line = `{"a":"${'x'.repeat(5000)}"}`;
    expect(await read([`${line}\r`, '\n'])).toEqual(lines(line));
    expect(await read([`${line}\r`, '\n', `${line}\r`, '\n'])).toEqual(lines(line, line));
  });

  test('are the same, however the input is cut into chunks', async () => {
    const piece = fc.oneof(
      fc.constantFrom('\n', '\r\n', '\ufeff', '{"id":1}', 'é😀', ' ', '\t', '\r', '{"id":2,"x":"'),
      fc.string({ maxLength: 60 }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(piece, { maxLength: 15 }), cuts, async (pieces, places) => {
        const bytes = Buffer.from(pieces.join(''));
        expect(await read(cutAt(bytes, places), 40)).toEqual(await read([bytes], 40));
      }),
    );
  });
});

describe('a line over the limit [81]', () => {
  const long = 'x'.repeat(20_000);
  const limit = 10_000;

  test.each([
    ['in the head', `{"jsonrpc":"2.0","id":7,"method":"x","params":"${long}"}`, 7],
    ['in the head, first of all', `{"id":7,"params":"${long}"}`, 7],
    ['in the head, after the method', `{"method":"tools/call","jsonrpc":"2.0","id":7,"params":"${long}"}`, 7],
    ['in the head, with blanks', ` { "jsonrpc" : "2.0" , "id" : -7 , "params":"${long}"}`, -7],
    ['in the tail', `{"jsonrpc":"2.0","method":"x","params":{"a":"${long}"},"id":"a b"}`, 'a b'],
    ['in the tail, before jsonrpc', `{"method":"x","params":{"a":"${long}"},"id":8,"jsonrpc":"2.0"}`, 8],
    ['in the tail, before a CR', `{"method":"x","params":{"a":"${long}"}, "id": 8 } \r`, 8],
    ['as a string with escapes', `{"id":"a\\"\\u0062\\\\","params":"${long}"}`, 'a"b\\'],
    ['in no place that is sure', `{"params":{"a":"${long}","id":9},"method":"x"}`, null],
    ['only in a nested object at the end', `{"method":"x","params":{"a":"${long}","id":9}}`, null],
    ['only in a nested object at the start', `{"params":{"id":9,"a":"${long}"}}`, null],
    ['only inside a string', `{"method":"x","params":"${long},\\"id\\":9}"}`, null],
    ['as null', `{"id":null,"params":"${long}"}`, null],
    ['as a fraction', `{"id":1.5,"params":"${long}"}`, null],
    ['as a number that no double holds', `{"id":9007199254740993,"params":"${long}"}`, null],
    ['as a string that is no JSON', `{"id":"\\x","params":"${long}"}`, null],
    ['nowhere, no JSON at all', long, null],
  ])('is skipped and told of with the id that stands %s', async (_, text, id) => {
    expect(await read([`{"a":1}\n${text}\n{"b":2}\n`], limit)).toEqual([
      { line: '{"a":1}' },
      { oversized: id },
      { line: '{"b":2}' },
      'end',
    ]);
  });

  test.each([
    [`{"id":7,"method":"x","params":"${long}"}`, true],
    [`{"params":"${long}","method":"x","id":7}`, true],
    [`{"jsonrpc":"2.0","id":7,"result":{"a":"${long}"}}`, false],
    [`{"result":{"a":"${long}"},"id":7,"jsonrpc":"2.0"}`, false],
  ])('is told from an answer to the server by its method (%#)', async (text, isRequest) => {
    const input = new PassThrough();
    const told = new Promise((resolve) => {
      const onOversizedLine = (id: MessageId | null, given: boolean) => resolve([id, given]);
      new StdinReader(input, limit, { onLine: () => {}, onEnd: () => {}, onOversizedLine });
    });
    input.end(`${text}\n`);
    expect(await told).toEqual([7, isRequest]);
  });

  test('is found so, however the input is cut into chunks', async () => {
    const text = `{"a":1}\n{"method":"x","params":"${long}","id":5}\r\n{"b":2}\n{"id":6,"y":"${long}"}`;
    const whole = await read([text], limit);
    expect(whole).toEqual([
      { line: '{"a":1}' },
      { oversized: 5 },
      { line: '{"b":2}' },
      { oversized: 6 },
      'end',
    ]);
    const place = fc.array(fc.nat(50_000), { maxLength: 30 });
    await fc.assert(
      fc.asyncProperty(place, async (places) => {
        expect(await read(cutAt(Buffer.from(text), places), limit)).toEqual(whole);
      }),
      { numRuns: 50 },
    );
  });

  test('a line of just the limit is taken, one byte more is not', async () => {
    expect(await read(['x'.repeat(100), '\n'], 100)).toEqual(lines('x'.repeat(100)));
    expect(await read(['x'.repeat(101), '\n'], 100)).toEqual([{ oversized: null }, 'end']);
  });

  test('is not kept: reading 200 MB of it takes no such memory [100]', async () => {
    const chunk = Buffer.alloc(1024 * 1024, 'x');
    const input = new PassThrough();
    const ended = new Promise<void>((resolve) => {
      new StdinReader(input, 10_000, { onLine: () => {}, onOversizedLine: () => {}, onEnd: resolve });
    });
    const before = process.memoryUsage().rss;
    for (let times = 0; times < 200; times++) {
      if (!input.write(chunk)) await new Promise((resolve) => input.once('drain', resolve));
    }
    const grown = process.memoryUsage().rss - before;
    input.end();
    await ended;
    expect(grown).toBeLessThan(100 * 1024 * 1024);
  });

  test('an attempt to make the search for the id slow fails', async () => {
    const slow = `{${'"method":"x" , '.repeat(300)}${','.repeat(5000)}${', "id" : '.repeat(2000)}`;
    const before = performance.now();
    expect(await read([slow, '\n'], 1000)).toEqual([{ oversized: null }, 'end']);
    expect(performance.now() - before).toBeLessThan(200);
  });
});

describe('the end', () => {
  test.each([
    ['an error', (input: PassThrough) => input.destroy(new Error('EIO'))],
    ['a closing without an end', (input: PassThrough) => input.destroy()],
    ['an end', (input: PassThrough) => input.end()],
  ])('%s is told once [L-08]', async (_, finish) => {
    const input = new PassThrough();
    let ends = 0;
    new StdinReader(input, 100, { onLine: () => {}, onOversizedLine: () => {}, onEnd: () => ends++ });
    input.write('{"a":1}\n');
    finish(input);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(ends).toBe(1);
  });

  test('pause holds back what has not been read, resume lets it on [80]', async () => {
    const input = new PassThrough();
    const got: string[] = [];
    const handlers = { onOversizedLine: () => {}, onEnd: () => {} };
    const reader = new StdinReader(input, 100, { ...handlers, onLine: (line) => got.push(line.toString()) });
    const turn = () => new Promise((resolve) => setTimeout(resolve, 5));
    input.write('1\n');
    await turn();
    reader.pause();
    input.write('2\n');
    await turn();
    expect(got).toEqual(['1']);
    reader.resume();
    await turn();
    expect(got).toEqual(['1', '2']);
  });
});
