import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import {
  answers,
  busy,
  contract,
  establish,
  fails,
  makeCrossing,
  sessionExpired,
} from '../helpers/scripted-transport.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const cut = fails('unreachable', { mayHaveRun: true });

describe('what has no answer', () => {
  test('a notification is repeated where that does no harm, and the client hears nothing of a failure', async () => {
    const { http, forwarder, lines } = makeCrossing();
    const message = { body: '{"secret":1}', method: 'notifications/progress' };
    http.on(message.method, busy(1), answers({}), fails('http-status'));
    const posted = forwarder.post(message);
    await vi.runAllTimersAsync();
    expect((await posted).kind).toBe('done');
    expect((await forwarder.post(message)).kind).toBe('failed');
    expect(http.sent).toHaveLength(3);
    expect(lines).toEqual([
      {
        level: 'warn',
        event: 'message not delivered',
        fields: { method: message.method, reason: 'http-status' },
      },
    ]);
  });

  test("the client's answer to the server is repeated after a cut: a second one is ignored", async () => {
    const { http, forwarder } = makeCrossing();
    http.on('', cut, answers({}));
    expect((await forwarder.post({ body: '{}', method: undefined })).kind).toBe('done');
  });

  test('a notification that finds the session gone goes into the new one', async () => {
    const crossing = makeCrossing();
    establish(crossing);
    crossing.http.on('initialize', answers(contract, 'session-2'));
    crossing.http.on('notifications/roots/list_changed', sessionExpired);
    const posted = await crossing.forwarder.post({ body: '{}', method: 'notifications/roots/list_changed' });
    expect([posted.kind, crossing.http.sent.at(-1)?.session?.id]).toEqual(['done', 'session-2']);
  });

  test.each([undefined, 'notifications/cancelled', 'notifications/initialized'])(
    'what means nothing in another session is not sent into one: %s [L-54]',
    async (method) => {
      const crossing = makeCrossing();
      establish(crossing);
      crossing.http.on(method ?? '', sessionExpired);
      expect((await crossing.forwarder.post({ body: '{}', method })).kind).toBe('session-expired');
      expect(crossing.http.sent).toHaveLength(1);
    },
  );
});
