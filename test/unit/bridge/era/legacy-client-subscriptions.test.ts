import { describe, expect, test, vi } from 'vitest';
import { DrawbridgeError } from '../../../../src/errors.ts';
import type { Outcome } from '../../../../src/remote/transport.ts';
import { until } from '../../../support/wait.ts';
import { discovered, failed, LegacyClientStage, type ModernExchange } from '../../helpers/scripted-modern.ts';

const LISTEN = 'subscriptions/listen';
const agrees = (exchange: ModernExchange): Promise<Outcome> => {
  exchange.acknowledge();
  return exchange.untilAborted();
};

async function opened(script: (exchange: ModernExchange) => Outcome | Promise<Outcome> = agrees) {
  const stage = new LegacyClientStage();
  stage.on(LISTEN, script);
  await stage.initialize();
  stage.translation.useSession({ id: undefined, protocolVersion: '2025-11-25' });
  return stage;
}

async function listening(script?: (exchange: ModernExchange) => Outcome | Promise<Outcome>) {
  const stage = await opened(script);
  await stage.translation.listen();
  stage.received.length = 0;
  return stage;
}

const changed = 'notifications/tools/list_changed';
const updated = 'notifications/resources/updated';

describe('the stream for what the server says unasked [B-34]', () => {
  test('asks for the lists that were offered', async () => {
    const stage = await listening();
    const [listen] = stage.got(LISTEN);
    expect(listen?.message.params.notifications).toEqual({
      toolsListChanged: true,
      resourcesListChanged: true,
    });
    expect(listen?.message.params._meta['io.modelcontextprotocol/protocolVersion']).toBe('2026-07-28');
    expect(listen?.request?.params).toEqual(listen?.message.params);
  });

  test('brings changes in the legacy form, and nothing of its own [B-31, B-36]', async () => {
    const stage = await listening();
    const [listen] = stage.got(LISTEN);
    listen?.tell(changed);
    listen?.tell(updated, { uri: 'test://a/b', odd: 1 });
    expect(stage.received).toEqual([
      { jsonrpc: '2.0', method: changed, params: {} },
      { jsonrpc: '2.0', method: updated, params: { uri: 'test://a/b', odd: 1 } },
    ]);
  });

  test('is not opened where nothing was offered', async () => {
    const stage = await opened();
    stage.on('server/discover', (exchange) =>
      exchange.answer({ ...discovered, capabilities: { tools: {} } }),
    );
    await stage.initialize();
    await stage.translation.listen();
    expect(stage.got(LISTEN)).toEqual([]);
  });

  test('is waited for no longer than a second', async () => {
    const stage = await opened((exchange) => exchange.untilAborted());
    const started = performance.now();
    await stage.translation.listen();
    expect(performance.now() - started).toBeLessThan(1_500);
  });

  test.each<[string, Outcome]>([
    ['an error', failed(400, { code: -32602 })],
    ['404', failed(404)],
    ['want of a sign-in', { kind: 'challenged', error: new DrawbridgeError('unauthorized', 'x') }],
  ])('is not asked for again after %s', async (_, outcome) => {
    const stage = await listening(() => outcome);
    await new Promise((resolve) => setTimeout(resolve, 700));
    expect(stage.got(LISTEN)).toHaveLength(1);
    await stage.translation.listen();
    expect(stage.got(LISTEN)).toHaveLength(2);
  });

  test('is asked for again where the server was down', async () => {
    const stage = await opened();
    stage.on(LISTEN, () => failed(503), agrees);
    await stage.translation.listen();
    await until('another try', () => stage.got(LISTEN).length === 2);
  });

  test('a second call has what waits for credentials go on', async () => {
    const stage = await listening();
    await stage.translation.listen();
    expect(stage.signIns).toBe(1);
    expect(stage.got(LISTEN)).toHaveLength(1);
  });

  test('asks nobody to sign in', async () => {
    const stage = await listening();
    expect(stage.got(LISTEN)[0]?.request?.mayAskUser).toBe(false);
  });

  test.each(['the session', 'the bridge'])('ends with %s', async (what) => {
    const stage = await listening();
    if (what === 'the session') stage.translation.useSession(undefined);
    else await stage.translation.close(10);
    expect(stage.got(LISTEN)[0]?.aborted).toBe(true);
    stage.got(LISTEN)[0]?.tell(changed);
    expect(stage.received).toEqual([]);
  });
});

describe('a stream that was lost [B-37, Q-02]', () => {
  const tells = ['notifications/tools/list_changed', 'notifications/resources/list_changed'];

  test.each<[string, (listen: ModernExchange) => void]>([
    ['gracefully', (listen) => void listen.answer()],
    [
      'by a word of the server',
      (listen) => listen.tell('notifications/cancelled', { requestId: listen.message.id }),
    ],
    ['for good', (listen) => listen.request?.abort?.(new DrawbridgeError('stream-lost', 'x'))],
  ])('%s is opened again, and the client is told to look', async (_, end) => {
    let finish: (() => void) | undefined;
    const stage = await listening((exchange) => {
      exchange.acknowledge();
      return Promise.race([
        exchange.untilAborted(),
        new Promise<Outcome>((resolve) => {
          finish = () => resolve({ kind: 'done' });
        }),
      ]);
    });
    const [listen] = stage.got(LISTEN);
    const first = finish;
    end(listen as ModernExchange);
    first?.();
    await until('another stream', () => stage.received.length >= 2);
    expect(stage.received.map(({ method }) => method)).toEqual(tells);
    expect(stage.got(LISTEN)).toHaveLength(2);
    expect(stage.got(LISTEN)[1]?.message.id).not.toBe(listen?.message.id);
  });

  test('a server that agreed to nothing is left alone', async () => {
    const stage = await listening((exchange) => {
      exchange.acknowledge({});
      return exchange.answer();
    });
    await new Promise((resolve) => setTimeout(resolve, 700));
    expect(stage.got(LISTEN)).toHaveLength(1);
  });
});

describe('updates of a resource [B-35]', () => {
  test('are asked for by a stream with all of the filter; the old one ends when the new one stands', async () => {
    const stage = await listening();
    const order: unknown[] = [];
    stage.on(LISTEN, (exchange) => {
      order.push(stage.got(LISTEN)[0]?.aborted);
      exchange.acknowledge();
      order.push(stage.got(LISTEN)[0]?.aborted);
      return exchange.untilAborted();
    });
    expect((await stage.ask('resources/subscribe', { uri: 'test://a' })).answer?.result).toEqual({});
    expect(order).toEqual([false, true]);
    expect(stage.got(LISTEN)[1]?.message.params.notifications).toEqual({
      toolsListChanged: true,
      resourcesListChanged: true,
      resourceSubscriptions: ['test://a'],
    });
    await stage.ask('resources/subscribe', { uri: 'test://b' });
    expect(stage.got(LISTEN)[2]?.message.params.notifications.resourceSubscriptions).toEqual([
      'test://a',
      'test://b',
    ]);
    await stage.ask('resources/unsubscribe', { uri: 'test://a' });
    expect(stage.got(LISTEN)[3]?.message.params.notifications.resourceSubscriptions).toEqual(['test://b']);
    expect(stage.got(LISTEN).map(({ aborted }) => aborted)).toEqual([true, true, true, false]);
  });

  test('asked for at the same time are both there in the end', async () => {
    const stage = await listening();
    await Promise.all(['test://a', 'test://b'].map((uri) => stage.ask('resources/subscribe', { uri })));
    const last = stage.got(LISTEN).at(-1);
    expect(last?.message.params.notifications.resourceSubscriptions).toEqual(['test://a', 'test://b']);
    expect(stage.got(LISTEN).filter(({ aborted }) => !aborted)).toEqual([last]);
  });

  test('twice for one resource is once', async () => {
    const stage = await listening();
    await stage.ask('resources/subscribe', { uri: 'test://a' });
    expect((await stage.ask('resources/subscribe', { uri: 'test://a' })).answer?.result).toEqual({});
    expect((await stage.ask('resources/unsubscribe', { uri: 'test://x' })).answer?.result).toEqual({});
    expect(stage.got(LISTEN)).toHaveLength(2);
  });

  test.each<[string, (exchange: ModernExchange) => Outcome | Promise<Outcome>]>([
    [
      'agrees to less',
      (exchange) => {
        exchange.acknowledge({ toolsListChanged: true });
        return exchange.untilAborted();
      },
    ],
    ['answers with an error', (exchange) => exchange.error(-32000, 'too many')],
    ['refuses', () => failed(400, { code: -32602 })],
    ['ends it at once', (exchange) => exchange.answer()],
  ])(
    'that the server does not have are refused with the uri, and the old stream stays: it %s',
    async (_, script) => {
      const stage = await listening();
      stage.on(LISTEN, script);
      const { answer } = await stage.ask('resources/subscribe', { uri: 'test://a' });
      expect(answer?.error).toMatchObject({ code: -32602, data: { uri: 'test://a' } });
      expect(stage.got(LISTEN)[0]?.aborted).toBe(false);
      stage.got(LISTEN)[0]?.tell(changed);
      expect(stage.heard(changed)).toHaveLength(1);
      stage.on(LISTEN, agrees);
      await stage.ask('resources/subscribe', { uri: 'test://b' });
      expect(stage.got(LISTEN).at(-1)?.message.params.notifications.resourceSubscriptions).toEqual([
        'test://b',
      ]);
    },
  );

  test('that could not be asked for are a failure', async () => {
    const stage = await listening();
    stage.on(LISTEN, () => failed(502));
    expect((await stage.ask('resources/subscribe', { uri: 'test://a' })).outcome).toEqual(failed(502));
  });

  test.each(['resources/subscribe', 'resources/unsubscribe'])(
    '%s without a uri is refused',
    async (method) => {
      const stage = await listening();
      expect((await stage.ask(method, {})).answer?.error?.code).toBe(-32602);
    },
  );

  test('that nobody waits for any more are not asked for', async () => {
    const stage = await listening();
    stage.on(LISTEN, (exchange) => exchange.untilAborted());
    const { request, ended } = stage.start('resources/subscribe', { uri: 'test://a' });
    await until('the new stream', () => stage.got(LISTEN).length === 2);
    await stage.cancel(request);
    expect((await ended).outcome).toEqual({ kind: 'done' });
    expect(stage.got(LISTEN).map(({ aborted }) => aborted)).toEqual([false, true]);
  });

  test('that both streams bring are told once', async () => {
    const stage = await listening();
    stage.on(LISTEN, (exchange) => {
      stage.got(LISTEN)[0]?.tell(changed);
      exchange.acknowledge();
      exchange.tell(changed);
      return exchange.untilAborted();
    });
    await stage.ask('resources/subscribe', { uri: 'test://a' });
    stage.got(LISTEN)[0]?.tell(changed);
    expect(stage.heard(changed)).toHaveLength(1);
    stage.got(LISTEN)[1]?.tell(changed);
    expect(stage.heard(changed)).toHaveLength(2);
  });

  test('may ask the user to sign in until the stream stands, no longer', async () => {
    const stage = await listening();
    await stage.ask('resources/subscribe', { uri: 'test://a' });
    expect(stage.got(LISTEN)[1]?.request?.mayAskUser).toBe(false);
    stage.on(LISTEN, (exchange) => {
      expect(exchange.request?.mayAskUser).toBeUndefined();
      return agrees(exchange);
    });
    await stage.ask('resources/subscribe', { uri: 'test://b' });
  });

  test('a server that takes the request and says nothing is given up', async () => {
    vi.useFakeTimers();
    try {
      const stage = await listening();
      stage.on(LISTEN, (exchange) => exchange.untilAborted());
      const { ended } = stage.start('resources/subscribe', { uri: 'test://a' });
      await vi.advanceTimersByTimeAsync(15_001);
      expect((await ended).answer?.error?.code).toBe(-32602);
    } finally {
      vi.useRealTimers();
    }
  });
});
