import { describe, expect, test, vi } from 'vitest';
import { DrawbridgeError } from '../../../../src/errors.ts';
import type { Session } from '../../../../src/remote/transport.ts';
import {
  allCapabilities,
  error,
  modernMeta,
  result,
  type Stage,
  setStage,
  settled,
} from '../../helpers/modern-client-stage.ts';

const SUBSCRIPTION = 'io.modelcontextprotocol/subscriptionId';

function listen(stage: Stage, id: string | number, notifications: object) {
  const params = { notifications, _meta: modernMeta(allCapabilities) };
  return stage.send(JSON.stringify({ jsonrpc: '2.0', id, method: 'subscriptions/listen', params }));
}

/** Opens a subscription. @returns what was honoured */
async function opened(stage: Stage, id: string | number, notifications: object) {
  const asked = listen(stage, id, notifications);
  await vi.waitFor(() => expect(asked.request.acknowledged).toBe(true));
  const { method, params } = stage.told.splice(0).at(-1);
  expect(method).toBe('notifications/subscriptions/acknowledged');
  expect(params._meta).toEqual({ [SUBSCRIPTION]: id });
  return { asked, honoured: params.notifications };
}

const updated = (uri: string) => ({ method: 'notifications/resources/updated', params: { uri } });
const idsOf = (stage: Stage) => stage.told.splice(0).map(({ params }) => params._meta[SUBSCRIPTION]);

describe('subscriptions/listen [B-67]', () => {
  test('first says what the server really offers [M-65]', async () => {
    const stage = setStage();
    stage.handlers.set('resources/subscribe', ({ params }) =>
      params.uri === 'a:no' ? error(-32602) : result({}),
    );
    const { honoured } = await opened(stage, 'x', {
      toolsListChanged: true,
      promptsListChanged: false,
      resourcesListChanged: true,
      resourceSubscriptions: ['a:1', 'a:no', 'a:1', 7],
      later: true,
    });
    expect(honoured).toEqual({ toolsListChanged: true, resourceSubscriptions: ['a:1'] });
  });

  test('nothing at all is said too, and a server that takes no subscriptions is asked for none [M-65]', async () => {
    const stage = setStage({ welcome: { capabilities: { resources: {} } } });
    const { honoured } = await opened(stage, 1, { toolsListChanged: true, resourceSubscriptions: ['a:1'] });
    expect(honoured).toEqual({});
    expect(stage.server.of('resources/subscribe')).toHaveLength(0);
  });

  test('then each subscription gets its own copy of what it asked for, under its own id [M-66]', async () => {
    const stage = setStage();
    await opened(stage, 1, { toolsListChanged: true });
    await opened(stage, '1', { toolsListChanged: true, promptsListChanged: true });
    stage.server.says({ method: 'notifications/tools/list_changed' });
    expect(stage.told).toEqual([
      {
        jsonrpc: '2.0',
        method: 'notifications/tools/list_changed',
        params: { _meta: { [SUBSCRIPTION]: 1 } },
      },
      {
        jsonrpc: '2.0',
        method: 'notifications/tools/list_changed',
        params: { _meta: { [SUBSCRIPTION]: '1' } },
      },
    ]);
    stage.told.splice(0);
    stage.server.says({ method: 'notifications/prompts/list_changed', params: { _meta: { a: 1 } } });
    expect(stage.told[0].params._meta).toEqual({ a: 1, [SUBSCRIPTION]: '1' });
    stage.server.says({ method: 'notifications/resources/list_changed' });
    expect(stage.told).toHaveLength(1);
  });

  test('updates of a resource, or of a part of it [B-36]', async () => {
    const stage = setStage();
    await opened(stage, 1, { resourceSubscriptions: ['a:dir', 'a:tree/'] });
    await opened(stage, 2, { resourceSubscriptions: ['a:dir'] });
    const expected: [string, unknown[]][] = [
      ['a:dir', [1, 2]],
      ['a:dir/x', [1, 2]],
      ['a:dir#x', [1, 2]],
      ['a:directory', []],
      ['a:tree/x', [1]],
      ['a:di', []],
    ];
    for (const [uri, ids] of expected) {
      stage.server.says(updated(uri));
      expect(idsOf(stage), uri).toEqual(ids);
    }
    expect(stage.server.of('resources/subscribe')).toHaveLength(2);
  });

  test("ends with the client's cancel; the server keeps what others follow", async () => {
    const stage = setStage();
    const one = await opened(stage, 1, { resourceSubscriptions: ['a:1', 'a:2'] });
    const two = await opened(stage, 2, { resourceSubscriptions: ['a:2'] });
    stage.cancel(one.asked);
    expect(await one.asked.ended).toEqual({ kind: 'done' });
    await settled();
    expect(stage.server.of('resources/unsubscribe').map(({ params }) => params.uri)).toEqual(['a:1']);
    stage.server.says(updated('a:2'));
    expect(idsOf(stage)).toEqual([2]);
    stage.cancel(two.asked);
    await settled();
    expect(stage.server.of('resources/unsubscribe')).toHaveLength(2);
    stage.server.says(updated('a:2'));
    expect(stage.told).toEqual([]);
    expect(stage.server.of('notifications/cancelled')).toEqual([]);
  });

  test('a new subscription does not overtake the end of the one before', async () => {
    const stage = setStage();
    const held = stage.hold('resources/unsubscribe');
    const one = await opened(stage, 1, { resourceSubscriptions: ['a:1'] });
    stage.cancel(one.asked);
    await stage.arrived('resources/unsubscribe');
    const two = listen(stage, 2, { resourceSubscriptions: ['a:1'] });
    await settled(20);
    expect(stage.server.of('resources/subscribe')).toHaveLength(1);
    stage.server.says({ id: held[0]?.id, result: {} }, held[0]);
    await vi.waitFor(() => expect(two.request.acknowledged).toBe(true));
    expect(stage.server.of('resources/subscribe')).toHaveLength(2);
  });

  test('one that is cancelled before it is acknowledged is undone', async () => {
    const stage = setStage();
    const held = stage.hold('resources/subscribe');
    const asked = listen(stage, 1, { resourceSubscriptions: ['a:1'] });
    await stage.arrived('resources/subscribe');
    stage.cancel(asked);
    await asked.ended;
    stage.server.says({ id: held[0]?.id, result: {} }, held[0]);
    await settled(20);
    expect(stage.told).toEqual([]);
    expect(stage.server.of('resources/unsubscribe')).toHaveLength(1);
  });

  test('one without a filter is none', async () => {
    const asked = setStage().ask('subscriptions/listen');
    const outcome = await asked.ended;
    expect(outcome.kind === 'failed' && outcome.error.reason).toBe('invalid-params');
  });

  test('so many and no more', async () => {
    const stage = setStage();
    for (let id = 1; id <= 64; id++) await opened(stage, id, {});
    const outcome = await listen(stage, 65, {}).ended;
    expect(outcome.kind === 'failed' && outcome.error.reason).toBe('overloaded');
  });
});

describe('a session that is lost [B-71]', () => {
  test('is opened anew, with subscriptions and log level; the lists may have changed', async () => {
    const stage = setStage();
    await opened(stage, 1, { toolsListChanged: true, resourceSubscriptions: ['a:1'] });
    await stage.get('tools/list', {}, allCapabilities, { 'io.modelcontextprotocol/logLevel': 'info' });
    stage.server.loseSession();
    await vi.waitFor(() => expect(stage.told).toHaveLength(1));
    expect(stage.told[0]).toMatchObject({
      method: 'notifications/tools/list_changed',
      params: { _meta: { [SUBSCRIPTION]: 1 } },
    });
    const methods = stage.server.sent.map(({ method }) => method);
    expect(methods.slice(methods.lastIndexOf('initialize'))).toEqual([
      'initialize',
      'notifications/initialized',
      'logging/setLevel',
      'resources/subscribe',
    ]);
  });

  test('is not sought where nobody listens', async () => {
    const stage = setStage();
    await stage.get('tools/list');
    stage.server.loseSession();
    await settled(20);
    expect(stage.server.of('initialize')).toHaveLength(1);
  });

  test('for good ends the subscriptions; the next request has a session of its own terms [Q-02]', async () => {
    const stage = setStage();
    const { asked } = await opened(stage, 1, { toolsListChanged: true });
    stage.handlers.set('initialize', () => result({ protocolVersion: '2025-06-18', capabilities: {} }));
    stage.server.loseSession();
    const outcome = await asked.ended;
    expect(outcome.kind === 'failed' && outcome.error.reason).toBe('session-lost');
    expect(asked.request.acknowledged).toBe(true);
    expect(asked.answer).toBeUndefined();
    expect((await stage.get('tools/list')).result.resultType).toBe('complete');
    expect(stage.servers).toHaveLength(2);
    expect(stage.server.closed).toBe(true);
  });
});

describe('a session that the server opens anew on other terms', () => {
  test('serves the request that found that out, which had not run [B-71]', async () => {
    const stage = setStage();
    await stage.get('tools/list');
    const session = stage.server.session as Session;
    const { asked } = await opened(stage, 'x', {});
    const error = new DrawbridgeError('http-status', 'Gone.');
    stage.handlers.set('tools/call', () => {
      stage.handlers.delete('tools/call');
      return { kind: 'session-expired', session, error };
    });
    stage.handlers.set('initialize', () => result({ protocolVersion: '2025-06-18', capabilities: {} }));
    expect((await stage.get('tools/call', { name: 'a' })).result.resultType).toBe('complete');
    expect(stage.servers.map((server) => server.of('tools/call').length)).toEqual([1, 1]);
    expect(await asked.ended).toMatchObject({ kind: 'failed', error: { reason: 'session-lost' } });
  });
});

describe('a session that can not be opened', () => {
  const refuse = {
    kind: 'failed',
    error: new DrawbridgeError('http-status', 'HTTP 400.', { status: 400 }),
  } as const;
  const modern = { text: '{"code":-32022,"message":"No.","data":{}}', code: -32022 };

  test.each(['server/discover', 'tools/call', 'subscriptions/listen'])(
    "a modern server's refusal is handed on as it is: %s",
    async (method) => {
      const stage = setStage();
      const outcome = { ...refuse, mayHaveRun: false, answer: modern };
      stage.handlers.set('initialize', () => outcome);
      expect(await stage.ask(method, { notifications: {} }).ended).toBe(outcome);
    },
  );

  test('an error in an ordinary answer is such a refusal too', async () => {
    const stage = setStage({ welcome: error(-32020) });
    expect(await stage.ask('tools/list').ended).toMatchObject({
      kind: 'failed',
      error: { reason: 'invalid-answer', message: 'The server refused to open a session: No..' },
      answer: { code: -32020 },
    });
  });

  test('a challenge stays one, and the next request tries again', async () => {
    const stage = setStage();
    const welcome = stage.handlers.get('initialize');
    const challenged = {
      kind: 'challenged',
      error: new DrawbridgeError('unauthorized', 'Sign in.'),
    } as const;
    stage.handlers.set('initialize', () => challenged);
    expect(await stage.ask('server/discover').ended).toBe(challenged);
    if (welcome) stage.handlers.set('initialize', welcome);
    expect((await stage.get('tools/list')).result.resultType).toBe('complete');
    stage.handlers.set('tools/list', () => challenged);
    expect((await stage.ask('tools/list').ended).kind).toBe('challenged');
  });

  test('who waits knows that the user is asked; a probe never has that done [B-04]', async () => {
    const stage = setStage();
    const mayAsk: unknown[] = [];
    stage.handlers.set('initialize', (_message, request) => {
      request.challengedAt = 5;
      request.alive('body');
      request.postpone(1000);
      mayAsk.push(request.mayAskUser);
      return undefined;
    });
    const probe = stage.ask('server/discover');
    await stage.arrived('initialize');
    expect(probe.request.challengedAt).toBe(5);
    stage.ask('tools/list', {}, {});
    await stage.arrived('initialize', 2);
    expect(mayAsk).toEqual([false, true]);
  });
});

describe('credentials and the end', () => {
  test('a listening stream that had to wait for credentials is opened when they are there', async () => {
    const stage = setStage();
    await stage.get('tools/list');
    stage.translation.signedIn();
    expect(stage.server.listened).toBe(2);
  });

  test('closing tells the server what will not be answered, and ends all sessions', async () => {
    const stage = setStage();
    const held = stage.hold('tools/call');
    const asked = stage.ask('tools/call', { name: 'a' });
    await stage.arrived('tools/call');
    stage.server.says({ id: 1, method: 'elicitation/create', params: {} }, held[0]);
    await stage.answered(asked);
    await stage.get('tools/list', {}, {});
    await stage.translation.close(100);
    expect(stage.server.responseTo(1).result).toEqual({ action: 'cancel' });
    expect(stage.servers.map(({ closed }) => closed)).toEqual([true, true]);
  });
});
