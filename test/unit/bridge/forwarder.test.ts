import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { ask } from '../helpers/pending.ts';
import {
  answers,
  busy,
  challenged,
  contract,
  establish,
  fails,
  makeCrossing,
  reauthorized,
  type Step,
  sessionExpired,
} from '../helpers/scripted-transport.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** Forwards a request to a remote that plays these steps, and waits until there is no more to wait for. */
async function forward(method: string, ...steps: Step[]) {
  const crossing = makeCrossing();
  establish(crossing);
  crossing.http.on(
    'initialize',
    ...Array.from({ length: 9 }, (_, n) => answers(contract, `session-${n + 2}`)),
  );
  crossing.http.on(method, ...steps);
  const asked = ask(method);
  const began = performance.now();
  const result = crossing.forwarder.forward(asked.request);
  result.catch(() => {});
  await vi.runAllTimersAsync();
  await result;
  const times = (what: string) => crossing.http.methods().filter((sent) => sent === what).length;
  return { ...crossing, ...asked, times, sent: times(method), took: performance.now() - began };
}

const reads = ['tools/list', 'resources/read', 'prompts/get', 'completion/complete', 'tasks/get', 'x/list'];
const doers = ['tools/call', 'future/method', 'sampling/createMessage', 'tools/list/x'];
const cut = fails('unreachable', { mayHaveRun: true });

describe('a request that is answered', () => {
  test('is sent once', async () => {
    const { sent, answers: given } = await forward('tools/call', answers('x'));
    expect([sent, given]).toEqual([1, [{ jsonrpc: '2.0', id: 1, result: 'x' }]]);
  });
});

describe('a session that has expired [L-49, L-50]', () => {
  test.each(['tools/call', 'tools/list'])(
    '%s: a new session, and the refused message once more',
    async (method) => {
      const { sent, times, answers: given, http } = await forward(method, sessionExpired, answers('x'));
      expect([sent, times('initialize')]).toEqual([2, 1]);
      expect(http.sent.at(-1)?.session?.id).toBe('session-2');
      expect(given).toHaveLength(1);
      expect(given[0].result).toBe('x');
    },
  );

  test('twice for the same request: it fails, there is no circle [L-56]', async () => {
    const { sent, times, answers: given } = await forward('tools/list', sessionExpired, sessionExpired);
    expect([sent, times('initialize'), given.length]).toEqual([2, 1, 1]);
    expect(given[0].error.data).toMatchObject({ reason: 'http-status', status: 404 });
  });

  test('one new session for requests that fail together [L-53]', async () => {
    const crossing = makeCrossing();
    establish(crossing);
    crossing.http.on('initialize', answers(contract, 'session-2'));
    crossing.http.on('tools/call', ...Array.from({ length: 5 }, () => sessionExpired));
    const asked = [1, 2, 3, 4, 5].map((id) => ask('tools/call', { id }));
    await Promise.all(asked.map(({ request }) => crossing.forwarder.forward(request)));
    expect(crossing.http.methods().filter((method) => method === 'initialize')).toHaveLength(1);
    expect(asked.map(({ answers: given }) => given.length)).toEqual([1, 1, 1, 1, 1]);
  });

  test('a request that finds the session gone when no new one could be had is not sent without one', async () => {
    const crossing = makeCrossing();
    const lost = establish(crossing);
    crossing.http.on('initialize', fails('unreachable'), answers(contract, 'session-2'));
    let release: (() => void) | undefined;
    const late: Step = async (message, session) => {
      await new Promise<void>((resolve) => {
        release = resolve;
      });
      return sessionExpired(message, session);
    };
    crossing.http.on('tools/call', late, answers('x'));
    const { request, answers: given } = ask('tools/call');
    const forwarded = crossing.forwarder.forward(request);
    await crossing.recovery.recover(lost).catch(() => {});
    release?.();
    await forwarded;
    expect(crossing.http.sent.at(-1)).toMatchObject({ method: 'tools/call', session: { id: 'session-2' } });
    expect(given).toHaveLength(1);
  });

  test('a session that never stood is begun for the client before its request', async () => {
    const crossing = makeCrossing();
    crossing.recovery.remember('{"jsonrpc":"2.0","id":1,"method":"initialize"}');
    crossing.http.on('initialize', answers(contract, 'session-1'));
    await crossing.forwarder.forward(ask('tools/list').request);
    expect(crossing.http.methods()).toEqual(['initialize', 'notifications/initialized', 'tools/list']);
  });
});

describe('a refused credential [108, L-68]', () => {
  test.each([...reads, ...doers])('%s: another credential, one more try', async (method) => {
    const { sent, answers: given } = await forward(method, reauthorized, answers('x'));
    expect([sent, given[0].result]).toEqual([2, 'x']);
  });

  test('a refresh, a sign-in and a step-up: up to three more tries', async () => {
    const thrice = [reauthorized, reauthorized, reauthorized];
    const { sent, answers: given } = await forward('tools/call', ...thrice, answers('x'));
    expect([sent, given[0].result]).toEqual([4, 'x']);
  });

  test('refused again after that: an error, not another try', async () => {
    const four = [reauthorized, reauthorized, reauthorized, reauthorized];
    const { sent, answers: given } = await forward('tools/list', ...four, answers('x'));
    expect([sent, given.length, given[0].error.data.reason]).toEqual([4, 1, 'unauthorized']);
  });

  test('another credential takes nothing from the tries that are left for other troubles', async () => {
    const script = [reauthorized, reauthorized, cut, busy(1), busy(1)];
    const { sent, answers: given } = await forward('tools/list', ...script, answers('x'));
    expect([sent, given[0].error?.data]).toEqual([5, expect.objectContaining({ reason: 'rate-limited' })]);
  });

  test('for good: the model reads of it where it called a tool, the client otherwise', async () => {
    const call = await forward('tools/call', challenged);
    expect([call.sent, call.answers[0].result.isError]).toEqual([1, true]);
    const list = await forward('tools/list', challenged);
    expect([list.sent, list.answers[0].error.data.status]).toEqual([1, 401]);
  });
});

describe('a server that is busy [108]', () => {
  test.each(reads)('%s: waits as long as the server says, and is sent again', async (method) => {
    const { sent, answers: given, took } = await forward(method, busy(30), answers('x'));
    expect([sent, given[0].result, took]).toEqual([2, 'x', 30_000]);
  });

  test('without a word of the server the wait grows at random', async () => {
    const { sent, took } = await forward('tools/list', busy(), busy(), answers('x'));
    expect(sent).toBe(3);
    expect(took).toBeLessThan(3000);
    expect(took).toBeGreaterThanOrEqual(100);
  });

  test('waiting does not count against its limit', async () => {
    const asked = ask('tools/list', { timeout: 10_000 });
    const crossing = makeCrossing();
    establish(crossing);
    crossing.http.on('tools/list', busy(60));
    void crossing.forwarder.forward(asked.request);
    await vi.advanceTimersByTimeAsync(30_000);
    expect(asked.request.deadline).toBeGreaterThan(performance.now());
    await vi.runAllTimersAsync();
  });

  test('three times: an error that says how long to wait', async () => {
    const { sent, answers: given } = await forward('tools/list', busy(5), busy(5), busy(5), answers('x'));
    expect(sent).toBe(3);
    expect(given[0].error.data).toMatchObject({ reason: 'rate-limited', retryAfter: 5 });
  });

  test('for more than a minute: told at once', async () => {
    const { sent, took, answers: given } = await forward('tools/list', busy(61), answers('x'));
    expect([sent, took, given[0].error.data.retryAfter]).toEqual([1, 0, 61]);
  });

  test.each(doers)('%s is not sent again', async (method) => {
    const { sent, answers: given } = await forward(method, busy(1), answers('x'));
    expect([sent, given[0].error.data.reason]).toEqual([1, 'rate-limited']);
  });

  test('a request that is cancelled meanwhile is not sent again, and gets no answer [M-44]', async () => {
    const crossing = makeCrossing();
    establish(crossing);
    crossing.http.on('tools/list', busy(30));
    const { request, answers: given } = ask('tools/list');
    const done = crossing.forwarder.forward(request);
    await vi.advanceTimersByTimeAsync(1000);
    request.cancel();
    await vi.runAllTimersAsync();
    await done;
    expect([crossing.http.sent.length, given]).toEqual([1, [undefined]]);
  });
});

describe('a connection that is cut [L-42, M-40]', () => {
  test.each(reads)('%s only reads: sent once more', async (method) => {
    expect((await forward(method, cut, answers('x'))).sent).toBe(2);
    const twice = await forward(method, cut, cut, answers('x'));
    expect([twice.sent, twice.answers[0].error.data.reason]).toEqual([2, 'unreachable']);
  });

  test.each(doers)('%s may have run: told, not sent again', async (method) => {
    const { sent, answers: given } = await forward(method, cut, answers('x'));
    expect([sent, given[0].error.data.reason]).toEqual([1, 'unreachable']);
  });

  test.each(['stream-lost', 'timeout', 'too-large', 'invalid-answer', 'http-status'] as const)(
    'after %s nothing is sent again: the server has it',
    async (reason) => {
      const { sent } = await forward('tools/list', fails(reason, { mayHaveRun: true }), answers('x'));
      expect(sent).toBe(1);
    },
  );

  test('a server that can not be reached is told of at once', async () => {
    const { sent, took } = await forward('tools/list', fails('unreachable'), answers('x'));
    expect([sent, took]).toEqual([1, 0]);
  });
});

test("the remote's own error reaches the client as the remote gave it [M-31]", async () => {
  const rpcError = { code: -32042, message: 'Do it like this', data: { a: [1] } };
  const { answers: given } = await forward('tools/call', fails('http-status', { status: 400, rpcError }));
  expect(given).toEqual([{ jsonrpc: '2.0', id: 1, error: rpcError }]);
});

describe('whatever the remote does', () => {
  const steps: [name: string, step: Step][] = [
    ['cut', cut],
    ['busy', busy(1)],
    ['away', fails('unreachable')],
    ['broken', fails('stream-lost', { mayHaveRun: true })],
    ['expired', sessionExpired],
    ['reauthorized', reauthorized],
    ['challenged', challenged],
    ['answered', answers('x')],
  ];

  test('each request gets exactly one answer, and a tool call runs once at most [87, 108]', async () => {
    const scripts = fc.array(fc.constantFrom(...steps), { minLength: 1, maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(fc.constantFrom('tools/call', 'tools/list'), scripts, async (method, script) => {
        const { answers: given, sent } = await forward(method, ...script.map(([, step]) => step));
        expect(given).toHaveLength(1);
        // Only what the server has refused before doing anything is sent again.
        const played = script.slice(0, sent - 1).map(([name]) => name);
        if (method === 'tools/call')
          expect(played.filter((name) => !['expired', 'reauthorized'].includes(name))).toEqual([]);
      }),
    );
  });
});
