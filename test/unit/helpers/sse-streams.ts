import { createParser } from 'eventsource-parser';
import fc from 'fast-check';
import { type ServerSentEvent, SseReader } from '../../../src/remote/sse-reader.ts';

export interface StreamReading {
  events: (ServerSentEvent & { data: string })[];
  retries: number[];
  /** The last event id after the whole stream. */
  lastEventId: string | undefined;
}

/** What our reader makes of a stream that comes in these chunks. */
export function readOurs(chunks: Iterable<Buffer>, maxEventBytes = 1024 * 1024): StreamReading {
  const reading: StreamReading = { events: [], retries: [], lastEventId: undefined };
  const reader = new SseReader({
    maxEventBytes,
    // A long event comes as bytes, for speed; what they say is what counts here.
    onEvent: (event) => reading.events.push({ ...event, data: event.data.toString() }),
    onRetry: (milliseconds) => reading.retries.push(milliseconds),
  });
  for (const chunk of chunks) reader.push(Buffer.from(chunk));
  return { ...reading, lastEventId: reader.lastEventId };
}

/**
 * What `eventsource-parser` makes of the whole stream. It leaves WHATWG in three points, which are made good here:
 * it knows no byte order mark of decoded text (the decoder takes it), it keeps a CR at the very end back as perhaps
 * half of a CRLF (an LF is added), and it forgets the last event id after each event (so ids are not compared).
 */
export function readWithLibrary(stream: Buffer): { type: string; data: string }[] {
  const events: { type: string; data: string }[] = [];
  const parser = createParser({
    onEvent: ({ event, data }) => events.push({ type: event ?? 'message', data }),
  });
  const text = new TextDecoder().decode(stream);
  parser.feed(text.endsWith('\r') ? `${text}\n` : text);
  return events;
}

/** The standard word for word, and no faster than that: WHATWG HTML, section 9.2.6, "Interpreting an event stream". */
export function readByStandard(stream: Buffer): StreamReading {
  const reading: StreamReading = { events: [], retries: [], lastEventId: undefined };
  let [data, type, idBuffer] = ['', '', undefined as string | undefined];
  const lines = new TextDecoder().decode(stream).split(/\r\n|\r|\n/);
  lines.pop(); // what has no line end is no line
  for (const line of lines) {
    if (line === '') {
      reading.lastEventId = idBuffer;
      if (data !== '')
        reading.events.push({ type: type || 'message', data: data.slice(0, -1), id: reading.lastEventId });
      [data, type] = ['', ''];
      continue;
    }
    const [, name, value] = /^([^:]*)(?:: ?)?([\s\S]*)$/.exec(line) as unknown as [string, string, string];
    if (name === 'event') type = value;
    else if (name === 'data') data += `${value}\n`;
    else if (name === 'id' && !value.includes('\0')) idBuffer = value;
    else if (name === 'retry' && /^[0-9]+$/.test(value)) reading.retries.push(Number(value));
  }
  return reading;
}

const lineEnd = fc.constantFrom('\n', '\n', '\r\n', '\r');
const value = fc.oneof(
  fc.constantFrom(
    '',
    'x',
    '{"a":1}',
    ' two blanks',
    'a:b',
    '\0',
    'é',
    '😀',
    '\u2028',
    '\ufeff',
    '123',
    '007',
  ),
  fc.string({ maxLength: 5, unit: 'grapheme' }).map((text) => text.replace(/[\r\n]/g, '')),
);
const field = fc.tuple(
  fc.constantFrom(
    'data',
    'data',
    'data',
    'event',
    'id',
    'retry',
    '',
    'Data',
    'other',
    ' data',
    'dat',
    'datas',
  ),
  fc.constantFrom(':', ': ', ':  ', ' :', ''),
  value,
);
const line = fc.oneof(
  { weight: 3, arbitrary: field.map((parts) => parts.join('')) },
  { weight: 2, arbitrary: fc.constant('') },
);
const bytes = fc.uint8Array({ maxLength: 3 }).map((array) => Buffer.from(array));
const piece = fc.oneof(
  { weight: 20, arbitrary: fc.tuple(line, lineEnd).map((parts) => Buffer.from(parts.join(''))) },
  { weight: 1, arbitrary: bytes },
);

/** Streams of every sort: sound, odd, with bytes that are no UTF-8, with or without a byte order mark. */
export const streams: fc.Arbitrary<Buffer> = fc
  .tuple(fc.constantFrom('', '', '\ufeff'), fc.array(piece, { maxLength: 25 }), bytes)
  .map(([mark, pieces, rest]) => Buffer.concat([Buffer.from(mark), ...pieces, rest]));

/** Streams with a line that is longer than the chunks in which a network brings it, of the kind that big results are. */
export const longStreams: fc.Arbitrary<Buffer> = fc
  .record({
    before: fc.constantFrom(
      '',
      '\r',
      '\ufeff',
      'id: 1\n',
      'data: first\n',
      'data: whole\n\n',
      'event: x\r\n',
    ),
    prefix: fc.constantFrom('data: ', 'data: ', 'data:', ' data: ', ': '),
    long: fc.constantFrom('x', '€', '😀', 'data: '),
    end: lineEnd,
    after: fc.array(
      fc.tuple(line, lineEnd).map((parts) => parts.join('')),
      { maxLength: 6 },
    ),
  })
  .map(({ before, prefix, long, end, after }) =>
    Buffer.from(`${before}${prefix}${long.repeat(300_000 / long.length)}${end}${after.join('')}`),
  );
