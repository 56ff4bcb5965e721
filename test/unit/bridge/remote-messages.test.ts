import { describe, expect, test, vi } from 'vitest';
import { PendingRequests } from '../../../src/bridge/pending-requests.ts';
import { RemoteMessages } from '../../../src/bridge/remote-messages.ts';
import { ServerRequests } from '../../../src/bridge/server-requests.ts';
import { classify } from '../../../src/jsonrpc.ts';
import { Leg } from '../../../src/remote/leg.ts';
import type { OutgoingRequest } from '../../../src/remote/transport.ts';
import { resultOf } from '../../support/fake-answers.ts';
import { askModern } from '../helpers/modern-stage.ts';
import { ask } from '../helpers/pending.ts';
import { recordingLogger } from '../helpers/recording-logger.ts';

function start() {
  const pending = new PendingRequests();
  const written: string[] = [];
  const refused: string[] = [];
  const { log, lines } = recordingLogger();
  let made = 0;
  const seen = { asked: 0, room: 1 };
  const messages = new RemoteMessages({
    pending,
    serverRequests: new ServerRequests(() => `own-${++made}`),
    write: (text) => written.push(text.toString()),
    onAsked: () => seen.asked++,
    refuse: (answer) => refused.push(answer.toString()) <= seen.room,
    log,
  });
  return {
    messages,
    pending,
    written,
    refused,
    lines,
    seen,
    add(...given: Parameters<typeof ask>) {
      const asked = ask(...given);
      pending.add(asked.request);
      return asked;
    },
    says(message: object | string, origin?: OutgoingRequest) {
      const text = typeof message === 'string' ? message : JSON.stringify(message);
      messages.receive(text, classify(JSON.parse(text)), origin);
    },
  };
}

describe('an answer', () => {
  test('goes to whom it names, on whichever exchange it comes [L-36, L-44]', () => {
    const { add, says } = start();
    const [one, two] = [add('x', { id: 1 }), add('x', { id: '1' })];
    says(resultOf('1', 'b'), one.request);
    says(resultOf(1, 'a'));
    expect([one.answers, two.answers]).toEqual([[resultOf(1, 'a')], [resultOf('1', 'b')]]);
  });

  test('that changes the type of an id, or has none, goes to the request on whose exchange it came [M-32, B-86]', () => {
    for (const id of ['7', null]) {
      const { add, says } = start();
      const asked = add('x', { id: 7 });
      says(resultOf(id, 'a'));
      expect(asked.answers).toEqual([]);
      says(resultOf(id, 'a'), asked.request);
      expect(asked.answers).toEqual([resultOf(7, 'a')]);
    }
  });

  test('to a leg stops there; another one on its exchange goes on', () => {
    const { add, says } = start();
    const [asked, other] = [add('initialize', { id: 1 }), add('x', { id: 2 })];
    const leg = new Leg(asked.request);
    says(resultOf(2, 'other'), leg);
    says(resultOf('1', 'mine'), leg);
    expect([asked.answers, other.answers]).toEqual([[], [resultOf(2, 'other')]]);
    expect(leg.answer?.message.result).toBe('mine');
  });

  test('to nothing that is asked reaches nobody [L-36, B-89]', () => {
    const { add, says, written } = start();
    const asked = add('x', { id: 1 });
    asked.request.cancel();
    for (const id of [1, 2, '__proto__', null]) says(resultOf(id, 'a'), id === 1 ? asked.request : undefined);
    expect([asked.answers, written]).toEqual([[undefined], []]);
  });
});

describe('a request of the server', () => {
  test('goes to the client, who has to be heard then', () => {
    const { says, written, seen } = start();
    says('{ "jsonrpc":"2.0","id":1,"method":"roots/list"}');
    expect([written, seen.asked]).toEqual([['{ "jsonrpc":"2.0","id":1,"method":"roots/list"}'], 1]);
  });

  test('past the bound is refused, and past that dropped [S-40]', async () => {
    const { says, written, refused, lines } = start();
    for (let id = 0; id < 258; id++) says({ jsonrpc: '2.0', id, method: 'roots/list' });
    expect(written).toHaveLength(256);
    expect(refused.map((text) => JSON.parse(text))).toMatchObject([
      { id: 256, error: { data: { reason: 'overloaded' } } },
      { id: 257, error: {} },
    ]);
    await vi.waitFor(() => expect(lines).toHaveLength(1));
  });

  test('that is taken back, or whose session is gone, is cancelled at the client [L-54, L-60]', () => {
    const { says, messages, written } = start();
    const cancel = { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 1 } };
    says({ jsonrpc: '2.0', id: 1, method: 'roots/list' });
    says(cancel);
    says(cancel);
    expect(written.slice(1)).toEqual([JSON.stringify(cancel)]);
    says({ jsonrpc: '2.0', id: 2, method: 'roots/list' });
    messages.cancelServerRequests();
    messages.cancelServerRequests();
    expect(written.slice(3).map((text) => JSON.parse(text).params.requestId)).toEqual([2]);
  });
});

describe('a notification', () => {
  test('goes on as it came [L-27, B-20]', () => {
    const { says, written } = start();
    const text = '{ "jsonrpc":"2.0","method":"future/news","params":{"n":12345678901234567890}}';
    says(text);
    says('{"jsonrpc":"2.0","method":"notifications/cancelled","params":[1]}');
    expect(written).toHaveLength(2);
    expect(written[0]).toBe(text);
  });

  test('of progress goes on for what is asked, of either era [L-32]', () => {
    const { says, written, pending } = start();
    pending.add(ask('x', { params: { _meta: { progressToken: 1 } } }).request);
    pending.add(askModern('y', { id: 2, _meta: { progressToken: 'm' } }).request);
    for (const progressToken of [1, 'm', '1', null, '__proto__'])
      says({ jsonrpc: '2.0', method: 'notifications/progress', params: { progressToken, progress: 1 } });
    expect(written.map((text) => JSON.parse(text).params.progressToken)).toEqual([1, 'm']);
  });

  test('what is no message goes nowhere', async () => {
    const { says, written, lines } = start();
    for (const text of ['{}', '7', 'null', '{"jsonrpc":"1.0","method":"x"}']) says(text);
    expect(written).toEqual([]);
    await vi.waitFor(() => expect(lines).toHaveLength(4));
  });
});
