import { describe, expect, test } from 'vitest';
import { ClientMessages } from '../../../src/bridge/client-messages.ts';
import type { MessageId } from '../../../src/jsonrpc.ts';
import { byteText } from '../helpers/byte-chunks.ts';
import { resultAnswer } from '../helpers/pending.ts';

interface Setup {
  inFlight?: MessageId[];
  hasBatches?: boolean;
}

function makeReader({ inFlight = [], hasBatches = false }: Setup = {}) {
  const seen: [kind: string, body: string][] = [];
  const written: string[] = [];
  const deliver: ((answer: ReturnType<typeof resultAnswer> | undefined) => void)[] = [];
  const messages = new ClientMessages(1024 * 1024, {
    onRequest: (_request, body, give) => {
      seen.push(['request', body.toString()]);
      deliver.push(give);
    },
    onNotification: (_notification, body) => seen.push(['notification', body.toString()]),
    onResponse: (_response, body) => seen.push(['response', body.toString()]),
    isInFlight: (id) => inFlight.includes(id),
    hasBatches: () => hasBatches,
    write: (text) => written.push(text.toString()),
  });
  return {
    messages,
    seen,
    written,
    deliver,
    read: (line: string | Buffer, places?: number[]) => messages.read(byteText(line, places)),
    refusals: () => written.map((line) => JSON.parse(line)),
  };
}

const refusal = (code: number, id: MessageId | null) =>
  expect.objectContaining({ jsonrpc: '2.0', id, error: expect.objectContaining({ code }) });

describe('a message goes on byte for byte [85]', () => {
  test.each([
    [
      'request',
      '{ "jsonrpc":"2.0","id":1, "method":"future/x","params":{"n":12345678901234567890},"new":[] }',
    ],
    ['request', '{"jsonrpc":"2.0","id":"\\u0061","method":"x","params":{"__proto__":{"a":"\\u0000"}}}'],
    ['notification', ' {"jsonrpc":"2.0","method":"notifications/x"} '],
    ['response', '{"jsonrpc":"2.0","id":1,"result":{"n":1.0}}'],
    ['response', '{"jsonrpc":"2.0","id":1,"error":{"code":-1,"message":"é"}}'],
  ])('a %s: %s', (kind, line) => {
    const { read, seen, written } = makeReader();
    read(line);
    expect(seen).toEqual([[kind, line]]);
    expect(written).toEqual([]);
  });

  test('a long one as the bytes that came, without being made text and bytes again', () => {
    const bodies: unknown[] = [];
    const messages = new ClientMessages(1024 * 1024, {
      onRequest: (_request, body) => bodies.push(body),
      onNotification: () => {},
      onResponse: () => {},
      isInFlight: () => false,
      hasBatches: () => false,
      write: () => {},
    });
    const line = byteText(`{"jsonrpc":"2.0","id":1,"method":"x","params":["${'é'.repeat(50_000)}"]}`);
    messages.read(line);
    expect(bodies[0]).toBe(line);
  });

  test('but for null params, which no server takes', () => {
    const { read, seen } = makeReader();
    read('{"jsonrpc":"2.0","id":1,"method":"x","params":null}');
    read('{"jsonrpc":"2.0","method":"x","params":null}');
    expect(seen).toEqual([
      ['request', '{"jsonrpc":"2.0","id":1,"method":"x","params":{}}'],
      ['notification', '{"jsonrpc":"2.0","method":"x","params":{}}'],
    ]);
  });

  test('the answer goes to the client as it came; none after a cancellation', () => {
    const { read, written, deliver } = makeReader();
    read('{"jsonrpc":"2.0","id":1,"method":"x"}');
    deliver[0]?.(resultAnswer(1, 'y'));
    deliver[0]?.(undefined);
    expect(written).toEqual([resultAnswer(1, 'y').text]);
  });
});

describe('what is no message is answered [82, 83]', () => {
  test.each([
    ['no JSON', '{', -32700, null],
    ['no JSON, though it names an id', '{"jsonrpc":"2.0","id":1,', -32700, null],
    ['two values on a line', '{} {}', -32700, null],
    ['a number', '7', -32600, null],
    ['the wrong version', '{"jsonrpc":"1.0","id":1,"method":"x"}', -32600, 1],
    ['a null id', '{"jsonrpc":"2.0","id":null,"method":"x"}', -32600, null],
    ['a fraction for an id', '{"jsonrpc":"2.0","id":1.5,"method":"x"}', -32600, null],
    ['scalar params', '{"jsonrpc":"2.0","id":"a","method":"x","params":1}', -32600, 'a'],
  ])('%s', (_, line, code, id) => {
    const { read, seen, refusals } = makeReader();
    read(line);
    expect(refusals()).toEqual([refusal(code, id)]);
    expect(seen).toEqual([]);
  });

  test.each([
    ['a byte that never occurs', [0xff]],
    ['a sequence that is cut', [0xe2, 0x82]],
    ['an overlong slash', [0xc0, 0xaf]],
    ['a surrogate', [0xed, 0xa0, 0x80]],
  ])('invalid UTF-8 is refused, never passed on altered: %s [84]', (_, bytes) => {
    const { read, seen, refusals } = makeReader();
    const line = Buffer.concat([
      Buffer.from('{"jsonrpc":"2.0","id":1,"method":"'),
      Buffer.from(bytes),
      Buffer.from('"}'),
    ]);
    read(line);
    expect(refusals()).toEqual([refusal(-32700, null)]);
    expect(seen).toEqual([]);
  });

  test('a request with an id in flight is refused, not sent [83]', () => {
    const { read, seen, refusals } = makeReader({ inFlight: [1] });
    read('{"jsonrpc":"2.0","id":1,"method":"x"}');
    read('{"jsonrpc":"2.0","id":"1","method":"x"}');
    expect(refusals()).toEqual([refusal(-32600, 1)]);
    expect(seen).toHaveLength(1);
  });

  test('a faulty message with an id in flight does not answer the running request [87]', () => {
    const { read, refusals } = makeReader({ inFlight: [1] });
    read('{"jsonrpc":"2.0","id":1,"method":7}');
    expect(refusals()).toEqual([refusal(-32600, null)]);
  });

  test('nesting that would overflow a recursive reader', () => {
    const { read, seen } = makeReader({ hasBatches: true });
    const deep = `${'['.repeat(50_000)}${']'.repeat(50_000)}`;
    read(`{"jsonrpc":"2.0","id":1,"method":"x","params":${deep}}`);
    expect(seen).toHaveLength(1);
  });
});

describe('a message over the limit [81]', () => {
  test('is refused under its id, with the limit and the option', () => {
    const { messages, refusals } = makeReader();
    messages.refuseOversized('a');
    messages.refuseOversized(null);
    expect(refusals()).toEqual([refusal(-32600, 'a'), refusal(-32600, null)]);
    expect(refusals()[0].error.message).toContain('1 MiB (--max-message-size)');
  });

  test('whose id is in flight does not answer the running request: it may be the answer to the server [87]', () => {
    const { messages, refusals } = makeReader({ inFlight: [1] });
    messages.refuseOversized(1);
    expect(refusals()).toEqual([refusal(-32600, null)]);
  });
});

describe('a batch', () => {
  const two = '[{"jsonrpc":"2.0","id":1,"method":"a"},{"jsonrpc":"2.0","id":2,"method":"b"}]';

  test('is refused where the revision has none [L-64, 82]', () => {
    const { read, seen, refusals } = makeReader();
    read(two);
    expect(refusals()).toEqual([refusal(-32600, null)]);
    expect(seen).toEqual([]);
  });

  test('is refused where it is empty [82]', () => {
    const { read, refusals } = makeReader({ hasBatches: true });
    read('[]');
    expect(refusals()).toEqual([refusal(-32600, null)]);
  });

  test('goes on message by message, each with its own text; one line answers it [L-61, L-63]', () => {
    const { read, seen, written, deliver } = makeReader({ hasBatches: true });
    const requests = ['{ "jsonrpc":"2.0","id":1,"method":"a" }', '{"method":"b","id":"é","jsonrpc":"2.0"}'];
    read(
      `[ ${requests[0]} , {"jsonrpc":"2.0","method":"n"},${requests[1]},{"jsonrpc":"2.0","id":9,"result":{}}]`,
    );
    expect(seen).toEqual([
      ['request', requests[0]],
      ['notification', '{"jsonrpc":"2.0","method":"n"}'],
      ['request', requests[1]],
      ['response', '{"jsonrpc":"2.0","id":9,"result":{}}'],
    ]);
    deliver[0]?.(resultAnswer(1, 'a'));
    expect(written).toEqual([]);
    deliver[1]?.(resultAnswer('é', 'b'));
    expect(written).toEqual([`[${resultAnswer(1, 'a').text},${resultAnswer('é', 'b').text}]`]);
  });

  test('never holds initialize [L-62]', () => {
    const { read, seen, refusals } = makeReader({ hasBatches: true });
    read('[{"jsonrpc":"2.0","id":1,"method":"initialize"}]');
    expect(refusals()).toEqual([[refusal(-32600, 1)]]);
    expect(seen).toEqual([]);
  });

  test('of notifications and answers only gets no answer', () => {
    const { read, written } = makeReader({ hasBatches: true });
    read('[{"jsonrpc":"2.0","method":"n"},{"jsonrpc":"2.0","id":9,"result":{}}]');
    expect(written).toEqual([]);
  });

  test('its faulty parts are answered in the same line', () => {
    const { read, written, deliver } = makeReader({ hasBatches: true });
    read('[1,{"jsonrpc":"2.0","id":1,"method":"a"},{"jsonrpc":"2.0","id":2}]');
    deliver[0]?.(resultAnswer(1, 'a'));
    expect(written.map((line) => JSON.parse(line))).toEqual([
      [refusal(-32600, null), refusal(-32600, 2), JSON.parse(resultAnswer(1, 'a').text as string)],
    ]);
  });
});
