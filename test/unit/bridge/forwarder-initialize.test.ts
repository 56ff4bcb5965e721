import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { ask } from '../helpers/pending.ts';
import {
  answers,
  busy,
  challenged,
  contract,
  fails,
  makeCrossing,
  reauthorized,
  type Step,
  unavailable,
} from '../helpers/scripted-transport.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const welcome = answers(contract);
const refused = (status: number, rpcError?: { code: number; message: string }) =>
  fails('http-status', { status, mayHaveRun: status >= 500, ...(rpcError && { rpcError }) });

/** Sends `initialize` to a remote that plays these steps, over HTTP and then over HTTP+SSE. */
async function initialize(
  http: Step[],
  { sse = [], fallBack = true }: { sse?: Step[]; fallBack?: boolean } = {},
) {
  const crossing = makeCrossing({ fallBack });
  crossing.http.on('initialize', ...http);
  crossing.sse.on('initialize', ...sse);
  const asked = ask('initialize');
  const began = performance.now();
  const done = crossing.forwarder.initialize(asked.request);
  await vi.runAllTimersAsync();
  await done;
  return {
    ...asked,
    overHttp: crossing.http.sent.length,
    overSse: crossing.sse.sent.length,
    transport: crossing.current().name,
    took: performance.now() - began,
  };
}

test('a server that answers is asked once', async () => {
  const { answers: given, overHttp, took } = await initialize([welcome]);
  expect([given[0].result, overHttp, took]).toEqual([contract, 1, 0]);
});

describe('the older transport', () => {
  test.each([400, 404, 405])('is tried after %i [L-67, L-69]', async (status) => {
    const {
      answers: given,
      overHttp,
      overSse,
      transport,
    } = await initialize([refused(status)], { sse: [welcome] });
    expect([given[0].result, overHttp, overSse, transport]).toEqual([contract, 1, 1, 'sse']);
  });

  test('is tried after a refusal that is JSON-RPC, but of the older era', async () => {
    const { overSse } = await initialize([refused(400, { code: -32000, message: 'x' })], { sse: [welcome] });
    expect(overSse).toBe(1);
  });

  test.each([-32020, -32021, -32022])(
    'is not tried where the server is a modern one: %i [L-67, M-31]',
    async (code) => {
      const { answers: given, overSse } = await initialize([refused(400, { code, message: 'x' })]);
      expect([overSse, given[0].error]).toEqual([0, { code, message: 'x' }]);
    },
  );

  test.each<[string, Step]>([
    ['401 or 403', challenged],
    ['406', refused(406)],
    ['415', refused(415)],
    ['422', refused(422)],
    ['500', refused(500)],
    ['an untrusted certificate', fails('tls-untrusted')],
    ['an answer that is none', fails('invalid-answer', { status: 200, mayHaveRun: true })],
    ['a refused redirect', fails('redirect-refused', { status: 302 })],
    ['too many requests', busy(90)],
  ])('is not tried after %s [L-68]', async (_, step) => {
    const { answers: given, overSse, overHttp } = await initialize([step]);
    expect([overSse, overHttp, given.length]).toEqual([0, 1, 1]);
    expect(given[0]).toHaveProperty('error');
  });

  test('is not tried where the user has pinned this one [L-73]', async () => {
    const { answers: given, overSse } = await initialize([refused(405)], { fallBack: false });
    expect([overSse, given[0].error.data]).toEqual([
      0,
      expect.objectContaining({ reason: 'http-status', status: 405 }),
    ]);
  });

  test('fails too: one error lists both attempts, and the next try begins anew [L-74]', async () => {
    const { answers: given, transport } = await initialize([refused(405)], { sse: [refused(404)] });
    expect(transport).toBe('http');
    expect(given[0].error.data).toMatchObject({
      reason: 'unsupported-transport',
      status: 405,
      attempts: [
        { transport: 'http', reason: 'http-status', status: 405 },
        { transport: 'sse', reason: 'http-status', status: 404 },
      ],
    });
  });

  test("fails too: the server's own words come first where it had any", async () => {
    const rpcError = { code: -32000, message: 'Send a tenant' };
    const { answers: given } = await initialize([refused(400, rpcError)], { sse: [refused(404)] });
    expect(given[0].error).toEqual(rpcError);
  });

  test('wants a sign-in: that is what the client hears [L-68]', async () => {
    const { answers: given, overSse } = await initialize([refused(405)], { sse: [challenged] });
    expect([overSse, given[0].error.data.reason]).toEqual([1, 'unauthorized']);
  });

  test('finds the credential stale, and another one: one more try over it [L-68]', async () => {
    const { answers: given, overSse } = await initialize([refused(405)], { sse: [reauthorized, welcome] });
    expect(overSse).toBe(2);
    expect(given[0].result).toEqual(contract);
  });
});

describe('a remote that is not up yet', () => {
  test.each<[string, Step]>([
    ['can not be reached', fails('unreachable')],
    ['answers 502', refused(502)],
    ['answers 504', refused(504)],
    ['answers 503', unavailable],
  ])('one that %s for five seconds is waited for', async (_, step) => {
    let up = false;
    setTimeout(() => {
      up = true;
    }, 5000);
    const waking: Step = (message, session) => (up ? welcome : step)(message, session);
    const { answers: given, took } = await initialize(Array.from({ length: 200 }, () => waking));
    expect(given).toEqual([{ jsonrpc: '2.0', id: 1, result: contract }]);
    expect(took).toBeLessThan(7000);
  });

  test('one that stays away is told of in less than 15 s, and not asked without pause', async () => {
    const {
      answers: given,
      overHttp,
      took,
    } = await initialize(Array.from({ length: 500 }, () => fails('unreachable')));
    expect(given).toHaveLength(1);
    expect(given[0].error.data.reason).toBe('unreachable');
    expect(took).toBeGreaterThan(10_000);
    expect(took).toBeLessThan(15_000);
    expect(overHttp).toBeGreaterThan(5);
    expect(overHttp).toBeLessThan(100);
  });

  test('nobody waits any more: it is not asked again', async () => {
    const crossing = makeCrossing();
    crossing.http.on('initialize', ...Array.from({ length: 500 }, () => fails('unreachable')));
    const { request, answers: given } = ask('initialize');
    const done = crossing.forwarder.initialize(request);
    await vi.advanceTimersByTimeAsync(3000);
    const { length } = crossing.http.sent;
    request.cancel();
    await vi.runAllTimersAsync();
    await done;
    expect([crossing.http.sent.length, given]).toEqual([length, [undefined]]);
  });

  test('one that comes up and has only the older transport is spoken to by that', async () => {
    const { answers: given, transport } = await initialize([fails('unreachable'), refused(405)], {
      sse: [welcome],
    });
    expect([given[0].result, transport]).toEqual([contract, 'sse']);
  });
});
