import { describe, expect, test } from 'vitest';
import type { PendingRequest } from '../../../src/bridge/pending-requests.ts';
import { DrawbridgeError } from '../../../src/errors.ts';
import {
  answers,
  contract,
  establish,
  fails,
  initializeBody,
  initializedBody,
  makeCrossing,
  sessionExpired,
} from '../helpers/scripted-transport.ts';

const reasonOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'resolved',
    (error) => error.reason,
  );

describe("the client's session", () => {
  test('uses the session id and the revision that initialize gave [L-45, L-46, L-19]', () => {
    const crossing = makeCrossing();
    establish(crossing);
    expect(crossing.http.session).toEqual({ id: 'session-1', protocolVersion: '2025-11-25' });
    expect(crossing.recovery.protocolVersion).toBe('2025-11-25');
  });

  test('its id is a secret [L-47, 72]', () => {
    const crossing = makeCrossing();
    establish(crossing);
    expect(crossing.secrets).toEqual(['session-1']);
  });

  test.each([undefined, 7, 'a\r\nb', '', 'x'.repeat(2000)])(
    'a revision that no header can carry is sent in none: %j [94]',
    (protocolVersion) => {
      const crossing = makeCrossing();
      establish(crossing, { protocolVersion, capabilities: {} });
      expect(crossing.http.session).toEqual({ id: 'session-1', protocolVersion: undefined });
    },
  );

  test('can be begun for the client where it was not, once the client has said how', () => {
    const { recovery } = makeCrossing();
    expect(recovery.canBegin).toBe(false);
    recovery.remember(initializeBody);
    expect(recovery.canBegin).toBe(true);
    recovery.confirmed(initializedBody, false);
    expect(recovery.canBegin).toBe(true);
    recovery.confirmed(initializedBody, true);
    expect(recovery.canBegin).toBe(false);
  });
});

describe('a new session in place of one that is gone', () => {
  test("is opened with the client's own words and a new id, and confirmed with them [L-49, L-50]", async () => {
    const crossing = makeCrossing();
    const { http, recovery, seen } = crossing;
    http.on('initialize', answers(contract, 'session-2'));
    const lost = establish(crossing);
    await recovery.recover(lost);
    expect(http.sent).toEqual([
      {
        method: 'initialize',
        body: initializeBody.replace('"id":1', '"id":"own-1"'),
        session: undefined,
      },
      {
        method: 'notifications/initialized',
        body: initializedBody,
        session: { id: 'session-2', protocolVersion: '2025-11-25' },
      },
    ]);
    expect(http.listened).toBe(1);
    expect(seen).toMatchObject({ sessionEnded: 1, broken: [] });
    expect(crossing.secrets).toContain('session-2');
    expect(recovery.canBegin).toBe(false);
  });

  test('gets the last log level and the subscriptions that still hold, under new ids [L-50]', async () => {
    const crossing = makeCrossing();
    const { http, recovery } = crossing;
    const lost = establish(crossing);
    const note = (method: string, params: unknown): void =>
      recovery.note(method, params, JSON.stringify({ jsonrpc: '2.0', id: 5, method, params }));
    note('logging/setLevel', { level: 'debug' });
    note('logging/setLevel', { level: 'error' });
    note('resources/subscribe', { uri: 'a' });
    note('resources/subscribe', { uri: 'b' });
    note('resources/unsubscribe', { uri: 'a' });
    note('tools/list', {});
    http.on('initialize', answers(contract, 'session-2'));
    await recovery.recover(lost);
    expect(http.sent.slice(2).map(({ body }) => JSON.parse(body))).toEqual([
      { jsonrpc: '2.0', id: 'own-2', method: 'logging/setLevel', params: { level: 'error' } },
      { jsonrpc: '2.0', id: 'own-3', method: 'resources/subscribe', params: { uri: 'b' } },
    ]);
    expect(http.sent.slice(2).every(({ session }) => session?.id === 'session-2')).toBe(true);
  });

  test('that refuses to be set up again is used all the same, with a warning', async () => {
    const crossing = makeCrossing();
    const lost = establish(crossing);
    crossing.recovery.note('logging/setLevel', {}, '{"jsonrpc":"2.0","id":5,"method":"logging/setLevel"}');
    crossing.http.on('initialize', answers(contract)).on('logging/setLevel', fails('http-status'));
    await crossing.recovery.recover(lost);
    expect(crossing.lines.map(({ level }) => level)).toContain('warn');
    expect(crossing.seen.recovered).toHaveLength(1);
  });

  test('the client is told of the lists that may have changed, where the server had said that it would [L-51]', async () => {
    const crossing = makeCrossing();
    const lost = establish(crossing);
    crossing.http.on('initialize', answers(contract));
    await crossing.recovery.recover(lost);
    expect(crossing.seen.recovered.map((lines) => lines.map((line) => JSON.parse(line)))).toEqual([
      [
        { jsonrpc: '2.0', method: 'notifications/tools/list_changed' },
        { jsonrpc: '2.0', method: 'notifications/prompts/list_changed' },
      ],
    ]);
  });

  test('one for all who ask at the same time, also for who finds out later [L-53]', async () => {
    const crossing = makeCrossing();
    const { http, recovery } = crossing;
    http.on('initialize', answers(contract, 'session-2'));
    const lost = establish(crossing);
    const first = recovery.recover(lost);
    expect(recovery.running).toBeDefined();
    await Promise.all([first, recovery.recover(lost), recovery.recover(lost)]);
    expect(recovery.running).toBeUndefined();
    await recovery.recover(lost);
    expect(http.methods()).toEqual(['initialize', 'notifications/initialized']);
  });

  test('can be lost and opened again', async () => {
    const crossing = makeCrossing();
    const { http, recovery } = crossing;
    http.on('initialize', answers(contract, 'session-2'), answers(contract, 'session-3'));
    await recovery.recover(establish(crossing));
    await recovery.recover(http.session);
    expect(http.session?.id).toBe('session-3');
    expect(crossing.seen.sessionEnded).toBe(2);
  });

  test('what a former session of the client had set up is forgotten with a new initialize', async () => {
    const crossing = makeCrossing();
    establish(crossing);
    crossing.recovery.note('resources/subscribe', { uri: 'a' }, '{"jsonrpc":"2.0","id":5}');
    crossing.recovery.note('logging/setLevel', {}, '{"jsonrpc":"2.0","id":6}');
    crossing.http.on('initialize', answers(contract));
    await crossing.recovery.recover(establish(crossing));
    expect(crossing.http.methods()).toEqual(['initialize', 'notifications/initialized']);
  });

  test('a client that never confirmed gets the usual words', async () => {
    const { http, recovery } = makeCrossing();
    recovery.remember(initializeBody);
    http.on('initialize', answers(contract));
    await recovery.recover(undefined);
    expect(http.sent[1]?.body).toBe('{"jsonrpc":"2.0","method":"notifications/initialized"}');
  });

  test('the first one tells the client of no change, since there was nothing before', async () => {
    const { http, recovery, seen } = makeCrossing();
    recovery.remember(initializeBody);
    http.on('initialize', answers(contract));
    await recovery.recover(undefined);
    expect(seen.recovered).toEqual([[]]);
  });
});

describe('a first session after a provisional answer', () => {
  test('may be of another revision than the client was told, whose rules go on on its side [L-20, B-21]', async () => {
    const { http, recovery, seen } = makeCrossing();
    recovery.remember(initializeBody);
    recovery.promise('2025-03-26');
    expect([recovery.protocolVersion, recovery.canBegin]).toEqual(['2025-03-26', true]);
    recovery.clientReady(initializedBody);
    http.on('initialize', answers(contract, 'session-1'));
    await recovery.recover(undefined);
    expect(seen).toMatchObject({ broken: [], recovered: [[]] });
    expect(http.session).toEqual({ id: 'session-1', protocolVersion: '2025-11-25' });
    expect(http.sent[1]?.body).toBe(initializedBody);
    expect([recovery.protocolVersion, recovery.contract?.protocolVersion]).toEqual([
      '2025-03-26',
      '2025-11-25',
    ]);
  });

  test('that waits for the user too long is given up with the words that the request was given', async () => {
    const { http, recovery } = makeCrossing();
    recovery.remember(initializeBody);
    http.on('initialize', (message) => {
      (message as PendingRequest).fail(new DrawbridgeError('sign-in-needed', 'Sign in.'));
      return new Promise(() => {});
    });
    expect(await reasonOf(recovery.recover(undefined))).toBe('sign-in-needed');
  });
});

describe('a new session that is not what the client was promised [L-52]', () => {
  test.each([
    ['another revision', { ...contract, protocolVersion: '2025-06-18' }],
    ['a capability less', { ...contract, capabilities: { tools: {}, resources: {} } }],
    ['no capabilities', { protocolVersion: contract.protocolVersion }],
  ])('with %s ends the bridge loudly', async (_, result) => {
    const crossing = makeCrossing();
    const lost = establish(crossing);
    crossing.http.on('initialize', answers(result, 'session-2'));
    expect(await reasonOf(crossing.recovery.recover(lost))).toBe('session-lost');
    expect(crossing.seen.broken.map(({ reason }) => reason)).toEqual(['session-lost']);
    expect(crossing.http.methods()).toEqual(['initialize']);
  });

  test('a name of the server in that sentence is made fit to be shown [76, 95]', async () => {
    const crossing = makeCrossing();
    const lost = establish(crossing, { ...contract, capabilities: { [`\u001b[2J${'x'.repeat(5000)}`]: {} } });
    crossing.http.on('initialize', answers(contract, 'session-2'));
    await reasonOf(crossing.recovery.recover(lost));
    const message = crossing.seen.broken[0]?.message;
    expect(message).not.toContain('\u001b');
    expect(message).toMatch(/; restart the client\.$/);
  });

  test('with more than before goes on', async () => {
    const crossing = makeCrossing();
    const lost = establish(crossing);
    const more = { ...contract, capabilities: { ...contract.capabilities, logging: {} } };
    crossing.http.on('initialize', answers(more, 'session-2'));
    await crossing.recovery.recover(lost);
    expect(crossing.seen.broken).toEqual([]);
  });
});

describe('where no new session can be had', () => {
  test.each([
    ['the server is away', fails('unreachable'), 'unreachable'],
    ['the server answers with an error', () => ({ kind: 'done' }) as const, 'session-lost'],
    ['the result is no object', answers('x'), 'session-lost'],
  ])('%s: all who wait hear why, and the next one tries again', async (_, step, reason) => {
    const crossing = makeCrossing();
    const { http, recovery } = crossing;
    const lost = establish(crossing);
    http.on('initialize', step, answers(contract, 'session-2'));
    const both = [recovery.recover(lost), recovery.recover(lost)].map(reasonOf);
    expect(await Promise.all(both)).toEqual([reason, reason]);
    expect(recovery.canBegin).toBe(true);
    await recovery.recover(undefined);
    expect(http.session?.id).toBe('session-2');
  });

  test('an error in answer to initialize is no new session', async () => {
    const crossing = makeCrossing();
    const lost = establish(crossing);
    crossing.http.on('initialize', (message) => {
      (message as PendingRequest).failRemotely('{"code":-32600,"message":"no"}');
      return { kind: 'done' };
    });
    expect(await reasonOf(crossing.recovery.recover(lost))).toBe('session-lost');
  });

  test('a refused confirmation is no new session', async () => {
    const crossing = makeCrossing();
    const lost = establish(crossing);
    crossing.http.on('initialize', answers(contract)).on('notifications/initialized', fails('http-status'));
    expect(await reasonOf(crossing.recovery.recover(lost))).toBe('http-status');
    expect(crossing.seen.recovered).toEqual([]);
    expect(crossing.recovery.canBegin).toBe(true);
  });

  test('a request that finds the old session gone only after that failure opens a new one too', async () => {
    const crossing = makeCrossing();
    const { http, recovery } = crossing;
    const lost = establish(crossing);
    http.on('initialize', fails('unreachable'), answers(contract, 'session-2'));
    expect(await reasonOf(recovery.recover(lost))).toBe('unreachable');
    await recovery.recover(lost);
    expect(http.session?.id).toBe('session-2');
  });

  test('the client has not said yet how to begin', async () => {
    const { recovery } = makeCrossing();
    expect(await reasonOf(recovery.recover(undefined))).toBe('session-lost');
  });

  test('a session that expires while it is set up does not lead into a circle', async () => {
    const crossing = makeCrossing();
    const lost = establish(crossing);
    crossing.recovery.note('logging/setLevel', {}, '{"jsonrpc":"2.0","id":5,"method":"logging/setLevel"}');
    crossing.http.on('initialize', answers(contract, 's2')).on('logging/setLevel', sessionExpired);
    await crossing.recovery.recover(lost);
    expect(crossing.http.methods()).toEqual(['initialize', 'notifications/initialized', 'logging/setLevel']);
  });
});
