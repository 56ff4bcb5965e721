import { describe, expect, test } from 'vitest';
import { ServerRequests } from '../../../src/bridge/server-requests.ts';
import { classify, type JsonRpcRequest, type JsonRpcResponse, type MessageId } from '../../../src/jsonrpc.ts';
import { byteText } from '../helpers/byte-chunks.ts';

function makeRequests() {
  let made = 0;
  const requests = new ServerRequests(() => `own-${++made}`);
  return {
    requests,
    /** The remote asks; gives the text that the client gets. */
    asks: (text: string) => requests.add(classify(JSON.parse(text)) as JsonRpcRequest, text)?.toString(),
    /** The client answers; gives the text that the remote gets. */
    answers: (text: string) =>
      requests.answer(classify(JSON.parse(text)) as JsonRpcResponse, byteText(text))?.toString(),
  };
}

const asked = (id: MessageId | string) => `{"jsonrpc":"2.0","id":${id},"method":"roots/list"}`;
const answered = (id: MessageId | string) => `{"jsonrpc":"2.0","id":${id},"result":{}}`;

describe('a request of the remote [L-27, L-58]', () => {
  test('passes as it is, and so does its answer [85]', () => {
    const { asks, answers } = makeRequests();
    const text = '{ "jsonrpc":"2.0", "id":1, "method":"x", "params":{"n":12345678901234567890} }';
    const answer = '{ "id":1,"jsonrpc":"2.0","result":{"n":1e999} }';
    expect(asks(text)).toBe(text);
    expect(answers(answer)).toBe(answer);
  });

  test('as bytes stays bytes', () => {
    const { requests } = makeRequests();
    const bytes = byteText(asked(1));
    expect(requests.add(classify(JSON.parse(asked(1))) as JsonRpcRequest, bytes)).toBe(bytes);
  });

  test('is answered once: a second answer goes nowhere [86]', () => {
    const { requests, asks, answers } = makeRequests();
    expect([requests.any, requests.has(1)]).toEqual([false, false]);
    asks(asked(1));
    expect([requests.any, requests.has(1), requests.has('1')]).toEqual([true, true, false]);
    expect(answers(answered(1))).toBeDefined();
    expect([requests.any, requests.has(1)]).toEqual([false, false]);
    expect(answers(answered(1))).toBeUndefined();
  });

  test('a text and a number are different ids', () => {
    const { asks, answers } = makeRequests();
    expect(asks(asked(1))).toBe(asked(1));
    expect(asks(asked('"1"'))).toBe(asked('"1"'));
    expect(answers(answered('"1"'))).toBe(answered('"1"'));
    expect(answers(answered(1))).toBe(answered(1));
  });

  test.each([answered(2), answered('null'), answered('"1"')])(
    'an answer to nothing that was asked goes nowhere: %s',
    (answer) => {
      const { asks, answers } = makeRequests();
      asks(asked(1));
      expect(answers(answer)).toBeUndefined();
    },
  );
});

describe('two requests with one id', () => {
  test('the second gets an id of its own towards the client, and its own answer', () => {
    const { asks, answers } = makeRequests();
    asks(asked(1));
    expect(asks(asked(1))).toBe(asked('"own-1"'));
    expect(answers(answered('"own-1"'))).toBe(answered(1));
    expect(answers(answered(1))).toBe(answered(1));
  });

  test('its answer carries the id as the remote wrote it, not as it was read', () => {
    const { asks, answers } = makeRequests();
    asks(asked('"a"'));
    expect(asks(asked('"\\u0061"'))).toBe(asked('"own-1"'));
    expect(answers(answered('"own-1"'))).toBe(answered('"\\u0061"'));
  });

  test('an id that is free again needs no other', () => {
    const { asks, answers } = makeRequests();
    asks(asked(1));
    answers(answered(1));
    expect(asks(asked(1))).toBe(asked(1));
  });
});

describe('a request that is taken back [L-60]', () => {
  test('is named by the id that the client knows', () => {
    const { requests, asks } = makeRequests();
    asks(asked(1));
    asks(asked(1));
    expect(requests.cancel(1)).toBe(1);
    expect(requests.cancel(1)).toBe('own-1');
    expect(requests.cancel(1)).toBeUndefined();
  });

  test.each([2, '1', null, undefined, {}])('one that was never asked is not known: %j', (id) => {
    const { requests, asks } = makeRequests();
    asks(asked(1));
    expect(requests.cancel(id)).toBeUndefined();
  });

  test('a late answer goes nowhere', () => {
    const { requests, asks, answers } = makeRequests();
    asks(asked(1));
    requests.cancel(1);
    expect(answers(answered(1))).toBeUndefined();
  });
});

describe('a session that is lost [L-54]', () => {
  test('every open request is named, and none is open any more', () => {
    const { requests, asks } = makeRequests();
    for (const id of [1, 2, '"a"', 1]) asks(asked(id));
    expect(requests.cancelAll()).toEqual([1, 2, 'a', 'own-1']);
    expect(requests.cancelAll()).toEqual([]);
  });

  test('a request of the new session with the old id: the late answer to the old is not taken for its answer', () => {
    const { requests, asks, answers } = makeRequests();
    asks(asked(1));
    requests.cancelAll();
    expect(asks(asked(1))).toBe(asked('"own-1"'));
    expect(answers(answered(1))).toBeUndefined();
    expect(answers(answered('"own-1"'))).toBe(answered(1));
  });

  test('once the late answer has come, the id is free', () => {
    const { requests, asks, answers } = makeRequests();
    asks(asked(1));
    requests.cancelAll();
    answers(answered(1));
    expect(asks(asked(1))).toBe(asked(1));
  });
});

describe('bounds [99]', () => {
  test('256 requests are open at most; one that is answered makes room', () => {
    const { asks, answers } = makeRequests();
    for (let id = 0; id < 256; id++) expect(asks(asked(id))).toBeDefined();
    expect(asks(asked(256))).toBeUndefined();
    answers(answered(0));
    expect(asks(asked(257))).toBeDefined();
  });

  test('the memory of ids that were taken back has an end: the oldest goes', () => {
    const { requests, asks } = makeRequests();
    for (let id = 0; id < 1025; id++) {
      asks(asked(id));
      requests.cancel(id);
    }
    expect(asks(asked(1))).toBe(asked('"own-1"'));
    expect(asks(asked(0))).toBe(asked(0));
  });
});
