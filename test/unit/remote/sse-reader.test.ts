import { describe, expect, test } from 'vitest';
import { SseReader } from '../../../src/remote/sse-reader.ts';
import { readByStandard, readOurs, readWithLibrary } from '../helpers/sse-streams.ts';

const message = (data: string, id?: string, type = 'message') => ({ type, data, id });

/** Each odd stream with the events that the standard gives it. */
const corpus: [name: string, stream: string, events: ReturnType<typeof message>[]][] = [
  ['LF', 'data: a\n\ndata: b\n\n', [message('a'), message('b')]],
  ['CR', 'data: a\r\rdata: b\r\r', [message('a'), message('b')]],
  ['CRLF', 'data: a\r\n\r\ndata: b\r\n\r\n', [message('a'), message('b')]],
  [
    'line ends that change',
    'data: a\r\n\rdata: b\n\r\ndata: c\r\n\n',
    ['a', 'b', 'c'].map((x) => message(x)),
  ],
  ['LF after CR begins no new line twice', 'data: a\r\ndata: b\r\n\r\n', [message('a\nb')]],
  ['several data lines', 'data: a\ndata:\ndata: b\n\n', [message('a\n\nb')]],
  ['data without a colon', 'data\n\n', [message('')]],
  ['two data lines without a colon', 'data\ndata\n\n', [message('\n')]],
  ['empty data', 'data:\n\n', [message('')]],
  ['only one blank after the colon is taken', 'data:  a \n\ndata:b\n\n', [message(' a '), message('b')]],
  ['a colon in the value', 'data: a: b\n\n', [message('a: b')]],
  ['comments', ': hello\n:\n:data: x\ndata: a\n: more\n\n: ping\n\n', [message('a')]],
  ['a byte order mark', '\ufeffdata: a\n\n', [message('a')]],
  ['only one byte order mark is taken', '\ufeff\ufeffdata: a\n\ndata: b\n\n', [message('b')]],
  ['a byte order mark later on is data', 'data: \ufeff\n\n', [message('\ufeff')]],
  ['types', 'event: endpoint\ndata: /x\n\ndata: a\n\n', [message('/x', undefined, 'endpoint'), message('a')]],
  ['an empty type', 'event: x\nevent:\ndata: a\n\n', [message('a')]],
  ['a type without data', 'event: x\n\ndata: a\n\n', [message('a')]],
  ['an id that lasts', 'id: 1\ndata: a\n\ndata: b\n\n', [message('a', '1'), message('b', '1')]],
  ['an id that is taken back', 'id: 1\ndata: a\n\nid\ndata: b\n\n', [message('a', '1'), message('b', '')]],
  ['an id with NUL', 'id: 1\ndata: a\n\nid: 2\0\ndata: b\n\n', [message('a', '1'), message('b', '1')]],
  ['the last of several ids', 'id: 1\nid: 2\ndata: a\n\n', [message('a', '2')]],
  ['fields that are not known', 'Data: x\n data: y\ndata : z\nfoo\ndata: a\n\n', [message('a')]],
  ['field names in part', 'dat: x\ndatax: y\ndata: a\n\n', [message('a')]],
  ['no blank line at the end', 'data: a\n\ndata: b\n', [message('a')]],
  ['no line end at the end', 'data: a\n\ndata: b', [message('a')]],
  ['many blank lines', '\n\n\r\n\rdata: a\n\n\n\n\n', [message('a')]],
  [
    'line separators of Unicode are data',
    'data: a\u2028b\u0085c\u000bd\n\n',
    [message('a\u2028b\u0085c\u000bd')],
  ],
  ['nothing', '', []],
];

describe.each(corpus)('a stream with %s [L-25]', (_, text, events) => {
  const stream = Buffer.from(text);

  test('gives the events of the standard, as eventsource-parser does', () => {
    expect(readOurs([stream]).events).toEqual(events);
    expect(readByStandard(stream).events).toEqual(events);
    expect(readWithLibrary(stream)).toEqual(events.map(({ type, data }) => ({ type, data })));
  });

  test('gives the same, one byte at a time and cut in two anywhere', () => {
    expect(readOurs([...stream].map((byte) => Buffer.from([byte]))).events).toEqual(events);
    for (let at = 0; at <= stream.length; at++) {
      expect(readOurs([stream.subarray(0, at), stream.subarray(at)]).events).toEqual(events);
    }
  });
});

describe('event ids', () => {
  test('an event with an id and without data primes the cursor, and is no event [L-26]', () => {
    const { events, lastEventId } = readOurs([Buffer.from('id: 7\n\n')]);
    expect([events, lastEventId]).toEqual([[], '7']);
  });

  test('an event with an id and empty data primes the cursor too [L-26]', () => {
    const { events, lastEventId } = readOurs([Buffer.from('id: 7\ndata:\n\n')]);
    expect([events, lastEventId]).toEqual([[message('', '7')], '7']);
  });

  test('the id of an event that broke off does not count: resuming by it would skip that event [L-37]', () => {
    // WHATWG: the last event ID is set when the event is dispatched. The server resumes after the id it is given.
    const stream = Buffer.from('id: 1\ndata: a\n\nid: 2\ndata: b\n');
    expect(readByStandard(stream).lastEventId).toBe('1');
    expect(readOurs([stream]).lastEventId).toBe('1');
  });
});

describe('retry', () => {
  test.each([
    ['1500', [1500]],
    ['0', [0]],
    ['007', [7]],
    ['', []],
    ['1.5', []],
    ['-1', []],
    ['+1', []],
    ['1e3', []],
    ['0x10', []],
    ['10s', []],
    [' 10', []],
    ['١٢', []],
  ])('of "%s" gives %j: ASCII digits or nothing', (value, retries) => {
    expect(readOurs([Buffer.from(`retry: ${value}\n`)]).retries).toEqual(retries);
  });

  test('with more digits than a number holds is still a wait, a very long one [101]', () => {
    const [retry] = readOurs([Buffer.from('retry: 99999999999999999999\n')]).retries;
    expect(retry).toBeGreaterThan(60_000);
  });
});

describe('characters', () => {
  test('UTF-8 cut anywhere between chunks is put together again [L-25]', () => {
    const stream = Buffer.from('data: é€😀\n\n');
    for (let size = 1; size <= 5; size++) {
      const chunks = [];
      for (let at = 0; at < stream.length; at += size) chunks.push(stream.subarray(at, at + size));
      expect(readOurs(chunks).events).toEqual([message('é€😀')]);
    }
  });

  test('bytes that are no UTF-8 become replacement characters, and the stream goes on', () => {
    const stream = Buffer.concat([
      Buffer.from('data: a'),
      Buffer.from([0xff, 0xc3]),
      Buffer.from('b\n\ndata: c\n\n'),
    ]);
    expect(readOurs([stream]).events.map(({ data }) => data)).toEqual(['a\ufffd\ufffdb', 'c']);
  });
});

describe('a line that is longer than many chunks', () => {
  const long = 'x'.repeat(300_000);
  const read = (...texts: string[]) => readOurs(texts.map((text) => Buffer.from(text))).events;

  test('whose CRLF is cut ends one line, not two', () => {
    expect(read(`data: ${long}`, '\r', '\ndata: more\r\n\r\n')).toEqual([message(`${long}\nmore`)]);
    expect(read(`data: ${long}`, 'y\r', '\n', 'data: more\r\n\r\n')).toEqual([message(`${long}y\nmore`)]);
  });

  test('after another data line is added to it', () => {
    expect(read(`data: first\ndata: ${long}`, '\n\n')).toEqual([message(`first\n${long}`)]);
    expect(read('data\n', `data: ${long}`, '\n\n')).toEqual([message(`\n${long}`)]);
  });

  test('before another of its kind is joined with it', () => {
    expect(read(`data: ${long}`, `\ndata: ${long}`, '\n\n')).toEqual([message(`${long}\n${long}`)]);
  });

  test('of another field is that field', () => {
    expect(read(`id: ${long}`, '\ndata: a\n\n')).toEqual([message('a', long)]);
    expect(read(`: ${long}`, '\ndata: a\n\n')).toEqual([message('a')]);
  });
});

describe('sizes', () => {
  test('100,000 tiny events come through in order, within a second', () => {
    const stream = Buffer.from(Array.from({ length: 100_000 }, (_, n) => `data: ${n}\n\n`).join(''));
    const chunks = [];
    for (let at = 0; at < stream.length; at += 65_536) chunks.push(stream.subarray(at, at + 65_536));
    const before = performance.now();
    const { events } = readOurs(chunks);
    expect(performance.now() - before).toBeLessThan(1000);
    expect(events).toHaveLength(100_000);
    expect(events.every(({ data }, n) => data === `${n}`)).toBe(true);
  });

  test('an event just within the limit comes whole, in time linear to its size, whatever the chunks', () => {
    const size = 8 * 1024 * 1024;
    const stream = Buffer.from(`data: ${'x'.repeat(size - 'data: '.length)}\n\n`);
    const chunks = [];
    for (let at = 0; at < stream.length; at += 4096) chunks.push(stream.subarray(at, at + 4096));
    const before = performance.now();
    expect(readOurs(chunks, size).events[0]?.data).toHaveLength(size - 'data: '.length);
    expect(performance.now() - before).toBeLessThan(1000);
  });

  // An empty data line takes five bytes on the way and one in the event.
  const endless: [string, Iterable<string>, number][] = [
    ['a line that never ends', repeat('x'.repeat(100)), 20_000],
    ['a comment that never ends', [':', ...repeat('x'.repeat(100))], 20_000],
    ['data lines without end', repeat(`data: ${'x'.repeat(94)}\n`), 20_000],
    ['data lines of characters that take three bytes', repeat(`data: ${'€'.repeat(32)}\n`), 20_000],
    ['empty data lines without end', repeat('data\n'.repeat(20)), 60_000],
  ];

  test.each(endless)(
    '%s: the stream fails before much more than the limit has come [99, 100]',
    (_, chunks, most) => {
      const reader = new SseReader({ maxEventBytes: 10_000, onEvent: () => {} });
      let taken = 0;
      const feed = (): void => {
        for (const chunk of chunks) {
          reader.push(Buffer.from(chunk));
          taken += Buffer.byteLength(chunk);
          if (taken > 100_000) return;
        }
      };
      expect(feed).toThrow(expect.objectContaining({ reason: 'too-large' }));
      expect(taken).toBeLessThan(most);
    },
  );

  test('the start of the next event does not count to one that is whole', () => {
    const whole = `data: ${'x'.repeat(990)}\n\n`;
    const chunks = [whole.slice(0, 500), `${whole.slice(500)}data: ${'y'.repeat(100)}`, '\n\n'].map((text) =>
      Buffer.from(text),
    );
    expect(readOurs(chunks, 1000).events).toHaveLength(2);
  });

  test('the same where the event is one long line', () => {
    const whole = `data: ${'x'.repeat(999_000)}\n\n`;
    const chunks = [whole.slice(0, 500_000), `${whole.slice(500_000)}data: ${'y'.repeat(2000)}`, '\n\n'].map(
      (text) => Buffer.from(text),
    );
    expect(readOurs(chunks, 1_000_000).events).toHaveLength(2);
  });

  test('the limit is for one event: many small ones pass it together', () => {
    const { events } = readOurs(
      [...repeat(`: ping\nid: 1\ndata: ${'x'.repeat(80)}\n\n`)].map((text) => Buffer.from(text)),
      200,
    );
    expect(events).toHaveLength(1000);
  });
});

/** A thousand of it, each made when it is asked for. */
function* repeat(text: string): Generator<string> {
  for (let times = 0; times < 1000; times++) yield text;
}
