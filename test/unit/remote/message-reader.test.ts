import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ByteText, type MessageText } from '../../../src/byte-text.ts';
import type { JsonRpcMessage } from '../../../src/jsonrpc.ts';
import { deliver } from '../../../src/remote/message-reader.ts';
import type { RemoteSink } from '../../../src/remote/transport.ts';
import { bytesOf, byteText, cuts } from '../helpers/byte-chunks.ts';
import { jsonNodes } from '../helpers/json-document.ts';
import { ask } from '../helpers/pending.ts';

function read(json: MessageText) {
  const received: { text: MessageText; message: JsonRpcMessage; origin: unknown }[] = [];
  const { request } = ask('x');
  const sink: RemoteSink = {
    receive: (text, message, origin) => received.push({ text, message, origin }),
    sessionLost: () => {},
    blocked: false,
    whenReady: () => {},
  };
  const isJson = deliver(json, sink, request);
  for (const { origin } of received) expect(origin).toBe(request);
  return { isJson, received, texts: received.map(({ text }) => text.toString()) };
}

describe('one message', () => {
  test('goes on as it came [85]', () => {
    const text = '{ "jsonrpc":"2.0","id":12, "result":{"n":12345678901234567890,"__proto__":1} }';
    for (const json of [text, byteText(text)]) {
      const { isJson, received, texts } = read(json);
      expect([isJson, texts]).toEqual([true, [text]]);
      expect(received[0]?.message).toMatchObject({ kind: 'response', id: 12 });
    }
  });

  test('on several lines is put on one; the line breaks inside its strings stay [79, L-01]', () => {
    const text = '{\r\n  "jsonrpc": "2.0",\n  "method": "a\\nb"\n}\n';
    const { texts } = read(text);
    expect(texts[0]).not.toMatch(/[\r\n]/);
    expect(JSON.parse(texts[0] as string)).toEqual({ jsonrpc: '2.0', method: 'a\nb' });
  });

  test('that is JSON and no message is handed on as such', () => {
    for (const json of ['7', 'null', '{}', '{"id":1}']) {
      expect(read(json).received[0]?.message.kind).toBe('invalid');
    }
  });

  test.each(['', ' ', '{', 'x', '<html>', '{"a":1}{', '\0'])('%j is no JSON', (json) => {
    for (const form of [json, byteText(json)])
      expect(read(form)).toMatchObject({ isJson: false, received: [] });
  });

  test('a byte order mark before it is passed over, as RFC 8259 section 8.1 lets a reader do', () => {
    expect(read(byteText('\ufeff{"jsonrpc":"2.0","method":"x"}'))).toMatchObject({ isJson: true });
  });
});

describe('a large message', () => {
  const large = (inside: string) => `{"jsonrpc":"2.0",${inside}"id":1,"result":"${'é'.repeat(40_000)}"}`;

  test('stays the bytes that came', () => {
    const bytes = byteText(large(''), [70, 1000, 70_000]);
    const { received } = read(bytes);
    expect(received[0]?.text).toBe(bytes);
    expect(received[0]?.message).toMatchObject({ kind: 'response', id: 1 });
    expect(bytesOf(bytes).toString()).toBe(large(''));
  });

  test('on several lines is put on one, byte for byte otherwise, also where a piece ends in a CRLF', () => {
    const lines = `\r\n${large('\r\n\n')}\r\n`;
    for (const places of [[], [1], [20, 70_000], [lines.length]]) {
      const { received, texts } = read(byteText(lines, places));
      expect(received[0]?.text).toBeInstanceOf(ByteText);
      expect(texts[0]).toBe(`  ${large('   ')}  `);
    }
  });

  test('with bytes that are no UTF-8 goes on as valid text [79]', () => {
    const bytes = Buffer.from(large(''));
    bytes[bytes.length - 10] = 0xff;
    for (const places of [[], [70_000]]) {
      const { texts, received } = read(byteText(bytes, places));
      expect(bytesOf(received[0]?.text ?? '').includes(0xff)).toBe(false);
      expect(JSON.parse(texts[0] as string)).toHaveProperty('id', 1);
    }
  });

  test.each(['{', '[1,', '{"a":"\u0001"}', '"\\x"'])('that is no JSON is none: … %j', (tail) => {
    expect(read(byteText(`[${JSON.stringify('x'.repeat(70_000))},${tail}`, [50, 69_000]))).toMatchObject({
      isJson: false,
      received: [],
    });
  });
});

describe('a batch [L-61, L-65]', () => {
  test('is handed on message by message, each with its own text on one line', () => {
    const { isJson, texts, received } = read(
      '[ {"jsonrpc":"2.0",\n"id":1,"result":{}} , {"jsonrpc":"2.0","method":"x"},\n7 ]',
    );
    expect(isJson).toBe(true);
    expect(texts).toEqual(['{"jsonrpc":"2.0", "id":1,"result":{}}', '{"jsonrpc":"2.0","method":"x"}', '7']);
    expect(received.map(({ message }) => message.kind)).toEqual(['response', 'notification', 'invalid']);
  });

  test('that is empty brings nothing', () => {
    expect(read('[]')).toMatchObject({ isJson: true, received: [] });
  });
});

test('whatever JSON comes, each message is one line of the same value [79]', () => {
  fc.assert(
    fc.property(jsonNodes, fc.option(cuts, { nil: undefined }), ({ text }, places) => {
      const { texts } = read(places ? byteText(text, places) : text);
      const value: unknown = JSON.parse(text);
      for (const line of texts) expect(line).not.toMatch(/[\r\n]/);
      expect(texts.map((line) => JSON.parse(line))).toEqual(Array.isArray(value) ? value : [value]);
    }),
  );
});
