import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { JsonRpcNotification } from '../../../src/jsonrpc.ts';
import { possiblyMissed } from '../../../src/remote/subscription.ts';
import { metaKeys } from '../../../src/revisions.ts';
import { settle } from '../helpers/bridge-harness.ts';
import { drop } from '../helpers/modern-stage.ts';
import {
  ACKNOWLEDGED,
  establishedSubscription as established,
  startSubscription as start,
  TOOLS,
} from '../helpers/subscription-stage.ts';

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] }));
afterEach(() => void vi.useRealTimers());

describe('a subscription', () => {
  test('is asked for in the words of the client, under its id, and asks no user [M-64, M-74, B-82]', () => {
    const { streams, request } = start();
    expect(streams).toHaveLength(1);
    expect(streams[0]?.leg.body).toBe(request.body);
    expect(streams[0]?.leg.id).toBe('listen');
    expect(streams[0]?.leg.mayAskUser).toBe(false);
  });

  test('passes the acknowledgement and what follows as they came [M-65, M-66, B-80]', () => {
    const { stream, sink, request } = start();
    const _meta = `{"${metaKeys.subscriptionId}":"listen","x":12345678901234567890}`;
    const ack = `{ "jsonrpc":"2.0","method":"${ACKNOWLEDGED}","params":{"notifications":{},"_meta":${_meta}}}`;
    const news = `{"jsonrpc":"2.0","method":"future/news","params":{"_meta":${_meta}}}`;
    stream(0).saysText(ack).saysText(news);
    expect(sink.texts).toEqual([ack, news]);
    expect(request.acknowledged).toBe(true);
  });

  test.each([
    [{ [metaKeys.subscriptionId]: '7' }, 7],
    [{ [metaKeys.subscriptionId]: 7 }, '7'],
    [{}, 'listen'],
    [{ [metaKeys.subscriptionId]: 'other' }, 'listen'],
  ])(
    'is named by the id of the client with its type, where the server says %j and it is %j [M-66]',
    (_meta, id) => {
      const { stream, sink, heard } = start({ id: id as string });
      stream(0).says(ACKNOWLEDGED, { notifications: {} }, { ..._meta, x: 1 });
      const message = sink.messages[0] as JsonRpcNotification;
      expect(message.params).toEqual({ notifications: {}, _meta: { [metaKeys.subscriptionId]: id, x: 1 } });
      expect(heard()[0].params).toEqual(message.params);
    },
  );

  test.each(['[]', 'null', '{"_meta":[]}', '{"_meta":null}', '{"__proto__":{"_meta":1}}'])(
    'params that are %s break nothing [S-41]',
    (params) => {
      const { stream, heard } = established();
      stream(0).saysText(`{"jsonrpc":"2.0","method":"${TOOLS}","params":${params}}`);
      expect(heard()[0].params._meta).toEqual({ [metaKeys.subscriptionId]: 'listen' });
    },
  );

  test('lets nothing pass before the acknowledgement, and no second one [M-65, M-72]', () => {
    const { stream, heard } = start();
    stream(0).says(TOOLS);
    expect(heard()).toEqual([]);
    stream(0).acknowledges({ toolsListChanged: true }).acknowledges({ toolsListChanged: true }).says(TOOLS);
    expect(heard().map(({ method }) => method)).toEqual([ACKNOWLEDGED, TOOLS]);
  });

  test('brings no requests and no answers [M-68, M-82]', () => {
    const { stream, heard } = established();
    stream(0).saysText('{"jsonrpc":"2.0","id":1,"method":"roots/list"}').saysText('{"no":"message"}');
    expect(heard()).toEqual([]);
  });

  test('the acknowledgement may be of nothing, and of what nobody knows [M-65, N-08]', () => {
    for (const notifications of [{}, { futureEvents: ['a'] }]) {
      const { stream, heard } = start();
      stream(0).acknowledges(notifications);
      expect(heard()[0].params.notifications).toEqual(notifications);
    }
  });
});

describe('the end of a subscription', () => {
  test('by a result is that result [M-69]', async () => {
    const { stream, ended, asked } = established();
    const result = { resultType: 'complete', _meta: { [metaKeys.subscriptionId]: 'listen' } };
    stream(0).answers({ result });
    await ended;
    expect(asked.answers).toEqual([{ jsonrpc: '2.0', id: 'listen', result }]);
  });

  test('by a result on another stream is under the id of the client, in both places [B-82]', async () => {
    const stage = established({ toolsListChanged: true }, 7);
    stage.stream(0).lose();
    const second = await stage.opened(2);
    second.acknowledges({ toolsListChanged: true });
    stage.heard();
    second.answers({
      result: { resultType: 'complete', _meta: { [metaKeys.subscriptionId]: second.leg.id } },
    });
    await stage.ended;
    expect(stage.heard()).toEqual([
      {
        jsonrpc: '2.0',
        id: 7,
        result: { resultType: 'complete', _meta: { [metaKeys.subscriptionId]: 7 } },
      },
    ]);
    expect(stage.outcome).toEqual({ kind: 'done' });
  });

  test('by an error before the acknowledgement is that error, and no result [M-73]', async () => {
    const stage = start();
    stage.stream(0).answers({ error: { code: -32603, message: 'too many' } });
    await stage.ended;
    expect(stage.heard()).toEqual([
      { jsonrpc: '2.0', id: 'listen', error: { code: -32603, message: 'too many' } },
    ]);
  });

  test.each([400, 401, 403, 404, 405, 500, 503])(
    'by status %i before the acknowledgement is told, and nothing is tried by itself [M-73]',
    async (status) => {
      const stage = start();
      stage.stream(0).refuse(status);
      await stage.ended;
      expect(stage.outcome).toMatchObject({ error: { details: { status } } });
      expect(stage.streams).toHaveLength(1);
      expect(stage.request.acknowledged).toBe(false);
    },
  );

  test('by a stream that breaks before the acknowledgement is told', async () => {
    const stage = start();
    stage.stream(0).lose('unreachable');
    await stage.ended;
    expect(stage.outcome).toMatchObject({ kind: 'failed', error: { reason: 'unreachable' } });
  });

  test('by a cancellation of the server is a loss [M-46, M-70]', async () => {
    const stage = established({ toolsListChanged: true }, 7);
    stage.stream(0).says('notifications/cancelled', { requestId: '8' });
    expect(stage.stream(0).aborted).toBe(false);
    stage.stream(0).says('notifications/cancelled', { requestId: '7' });
    await stage.ended;
    expect(stage.stream(0).aborted).toBe(true);
    expect(stage.outcome).toMatchObject({ kind: 'failed', error: { reason: 'stream-lost' } });
    expect(stage.heard()).toEqual([]);
    expect(stage.streams).toHaveLength(1);
  });

  test('by the client closes its stream at once [M-42, M-43]', async () => {
    const stage = established();
    drop(stage.request);
    await stage.ended;
    expect(stage.stream(0).aborted).toBe(true);
    expect(stage.outcome).toEqual({ kind: 'done' });
  });

  test('by the client while no stream is open opens none [M-43, M-44]', async () => {
    const stage = established();
    stage.stream(0).lose();
    await settle();
    drop(stage.request);
    await stage.ended;
    await vi.advanceTimersByTimeAsync(120_000);
    expect(stage.streams).toHaveLength(1);
    expect(stage.heard()).toEqual([]);
  });

  test('by the end of the bridge', async () => {
    const stage = established();
    stage.stream(0).lose();
    await settle();
    stage.subscription.close();
    await stage.ended;
    expect(stage.outcome).toEqual({ kind: 'done' });
  });
});

describe('a stream that was lost', () => {
  const all = {
    toolsListChanged: true,
    promptsListChanged: true,
    resourcesListChanged: true,
    resourceSubscriptions: ['file:///a', 'file:///b'],
  };

  test('is opened again under a new id; the client hears what to look at, once [M-39, M-71, M-72]', async () => {
    const stage = established(all);
    stage.stream(0).lose();
    const second = await stage.opened(2);
    expect(second.leg.id).toBe('own-1');
    expect(JSON.parse(second.leg.body.toString())).toEqual({
      ...JSON.parse(stage.request.body.toString()),
      id: 'own-1',
    });
    expect(stage.heard()).toEqual([]);
    second.acknowledges(all);
    const told = stage.heard();
    expect(told.map(({ method, params }) => [method, params.uri])).toEqual([
      [TOOLS, undefined],
      ['notifications/prompts/list_changed', undefined],
      ['notifications/resources/list_changed', undefined],
      ['notifications/resources/updated', 'file:///a'],
      ['notifications/resources/updated', 'file:///b'],
    ]);
    for (const { params } of told) expect(params._meta).toEqual({ [metaKeys.subscriptionId]: 'listen' });
  });

  test('goes on under the id that the client knows, number or text [M-66, B-82]', async () => {
    for (const id of [7, '7']) {
      const stage = established({ toolsListChanged: true }, id);
      stage.stream(0).lose();
      const second = await stage.opened(2);
      second.acknowledges({ toolsListChanged: true });
      stage.heard();
      second.says(TOOLS);
      expect(stage.heard()[0].params._meta).toEqual({ [metaKeys.subscriptionId]: id });
    }
  });

  test('whose server offers more now: it goes on [M-72]', async () => {
    const stage = established({ toolsListChanged: true });
    stage.stream(0).lose();
    (await stage.opened(2)).acknowledges({ toolsListChanged: true, promptsListChanged: true });
    expect(stage.outcome).toBeUndefined();
  });

  test.each([
    [{ ...all, toolsListChanged: false }],
    [{ ...all, resourceSubscriptions: ['file:///a'] }],
    [{ ...all, resourceSubscriptions: 'file:///a' }],
    [{}],
  ])('whose server offers less now, %j: the client hears that it is lost [M-72]', async (notifications) => {
    const stage = established(all);
    stage.stream(0).lose();
    const second = await stage.opened(2);
    second.acknowledges(notifications);
    await stage.ended;
    expect(second.aborted).toBe(true);
    expect(stage.outcome).toMatchObject({ kind: 'failed', error: { reason: 'stream-lost' } });
    expect(stage.heard()).toEqual([]);
  });

  test.each([400, 403, 404, 405])(
    'and that the server refuses with %i now is lost for good [M-71]',
    async (status) => {
      const stage = established();
      stage.stream(0).lose();
      (await stage.opened(2)).refuse(status);
      await stage.ended;
      expect(stage.outcome).toMatchObject({ kind: 'failed', error: { reason: 'stream-lost' } });
    },
  );

  test('and that the server refuses by an error now is lost for good; the client gets no answer to it [Q-02]', async () => {
    const stage = established();
    stage.stream(0).lose();
    (await stage.opened(2)).answers({ error: { code: -32603, message: 'no' } });
    await stage.ended;
    expect(stage.outcome).toMatchObject({ kind: 'failed', error: { reason: 'stream-lost' } });
    expect(stage.heard()).toEqual([]);
  });

  test('is tried again and again, ever more slowly, while the server is away [M-71]', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(0.999);
    const stage = established();
    const begun = performance.now();
    for (let tries = 1; tries <= 8; tries++) {
      stage.stream(tries - 1).lose('unreachable');
      await stage.opened(tries + 1);
    }
    expect(performance.now() - begun).toBeGreaterThan(100_000);
    stage.stream(8).acknowledges({ toolsListChanged: true });
    expect(stage.heard()).toHaveLength(1);
    // It was sound for a while: the next break is a first one.
    await vi.advanceTimersByTimeAsync(31_000);
    stage.stream(8).lose();
    const at = performance.now();
    await stage.opened(10);
    expect(performance.now() - at).toBeLessThanOrEqual(1_000);
    vi.restoreAllMocks();
  });

  test('waits as long as a busy server asks', async () => {
    const stage = established();
    stage.stream(0).refuse(503);
    await vi.advanceTimersByTimeAsync(6_900);
    expect(stage.streams).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(200);
    expect(stage.streams).toHaveLength(2);
  });

  test('with a credential that was renewed is opened at once, but no server wears out one after the other', async () => {
    const stage = established();
    stage.stream(0).renewCredential();
    await settle();
    expect(stage.streams).toHaveLength(2);
    for (let at = 1; at < 200 && stage.streams[at]; at++) {
      stage.stream(at).renewCredential();
      await vi.advanceTimersByTimeAsync(1_000);
    }
    expect(stage.streams.length).toBeLessThan(50);
  });

  test('for want of a sign-in waits for one, and looks each minute [B-93]', async () => {
    const stage = established();
    stage.stream(0).refuse(401);
    await vi.advanceTimersByTimeAsync(59_000);
    expect(stage.streams).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(2_000);
    expect(stage.streams).toHaveLength(2);
    stage.stream(1).refuse(401);
    await settle();
    stage.subscription.goOn();
    await settle();
    expect(stage.streams).toHaveLength(3);
  });

  test('for want of a sign-in that came just then does not wait', async () => {
    const stage = established();
    stage.subscription.goOn();
    stage.stream(0).refuse(401);
    await settle();
    expect(stage.streams).toHaveLength(2);
  });
});

describe('what may have been missed', () => {
  const missed = (granted: object, asked: object) =>
    possiblyMissed(granted as never, { id: 1, params: { notifications: asked } }).map(({ params }) => params);

  test('is no more than the client has asked for, whatever the server lists [S-40]', () => {
    const uris = Array.from({ length: 200_000 }, (_, at) => `file:///${at}`);
    expect(
      missed({ resourceSubscriptions: uris }, { resourceSubscriptions: ['file:///7', 'file:///x'] }),
    ).toEqual([{ uri: 'file:///7', _meta: { [metaKeys.subscriptionId]: 1 } }]);
    expect(missed({ resourceSubscriptions: uris }, {})).toEqual([]);
    expect(missed({ resourceSubscriptions: 'x', toolsListChanged: 'yes' }, {})).toEqual([]);
  });

  test('filters of 100,000 resources are compared in no time [S-40]', async () => {
    const notifications = {
      resourceSubscriptions: Array.from({ length: 100_000 }, (_, at) => `file:///${at}`),
    };
    const stage = established(notifications);
    stage.stream(0).lose();
    const second = await stage.opened(2);
    vi.useRealTimers();
    const begun = performance.now();
    second.acknowledges(notifications);
    expect(performance.now() - begun).toBeLessThan(3_000);
    expect(stage.outcome).toBeUndefined();
    stage.request.cancel();
  });
});
