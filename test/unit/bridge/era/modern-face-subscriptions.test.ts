import { afterEach, describe, expect, test, vi } from 'vitest';
import { FixedCredentials } from '../../../../src/authorization/authorizer.ts';
import { DrawbridgeError } from '../../../../src/errors.ts';
import { metaKeys } from '../../../../src/revisions.ts';
import { settle } from '../../helpers/bridge-harness.ts';
import { challenged, faceStage } from '../../helpers/face-stage.ts';
import { drop } from '../../helpers/modern-stage.ts';
import { ScriptedAuthorizer } from '../../helpers/scripted-authorizer.ts';
import { discovered, failed } from '../../helpers/scripted-modern.ts';

afterEach(() => void vi.useRealTimers());

describe('a subscription', () => {
  const filter = { notifications: { toolsListChanged: true, resourceSubscriptions: ['file:///a'] } };

  test('to an unknown server is preceded by a question, and holds nobody up [M-64, M-84]', async () => {
    const { start, ask, http, found } = faceStage();
    http.on('subscriptions/listen', (exchange) => {
      exchange.acknowledge();
      return exchange.untilAborted();
    });
    const listen = start('subscriptions/listen', filter, 'l');
    expect((await ask('tools/list', {}, 2))?.result).toBeDefined();
    await settle();
    expect(http.methods.filter((method) => method !== 'tools/list')).toEqual([
      'server/discover',
      'subscriptions/listen',
    ]);
    expect(found).toEqual(['modern']);
    drop(listen.request);
    await listen.ended;
    expect(listen.answers).toEqual([undefined]);
  });

  test('to a legacy server holds nobody up, either [B-67]', async () => {
    const { start, ask, http, legacy, found } = faceStage();
    http.on('server/discover', (exchange) => exchange.error(-32601));
    legacy.on('subscriptions/listen', (exchange) => exchange.untilAborted());
    start('subscriptions/listen', filter, 'l');
    await vi.waitFor(() => expect(legacy.methods).toEqual(['subscriptions/listen']));
    expect(found).toEqual(['legacy']);
    expect((await ask('tools/list', {}, 2))?.result).toBeDefined();
    expect(http.methods).toEqual(['server/discover']);
  });

  test('to a server of other revisions only is an error that says so [B-81, B-89]', async () => {
    const { ask, http } = faceStage();
    http.on('server/discover', (exchange) =>
      exchange.answer({ ...discovered, supportedVersions: ['2099-01-01'] }),
    );
    expect((await ask('subscriptions/listen', filter))?.error?.data).toMatchObject({ reason: 'other-era' });
  });

  test('that is refused before its acknowledgement has that as its answer [M-73]', async () => {
    const { ask, http, written } = faceStage({ era: 'modern' });
    http.on('subscriptions/listen', () => failed(400, { code: -32603, message: 'too many' }));
    expect((await ask('subscriptions/listen', filter, 's'))?.error).toMatchObject({ message: 'too many' });
    expect(written).toEqual([]);
  });

  test('that is lost for good after it: the client hears of it by a cancellation, and gets no answer [M-70, Q-02]', async () => {
    const { start, http, written, pending } = faceStage({ era: 'modern' });
    http.on('subscriptions/listen', (exchange) => {
      exchange.acknowledge();
      return { kind: 'failed', error: new DrawbridgeError('stream-lost', 'Gone.'), mayHaveRun: false };
    });
    const listen = start('subscriptions/listen', filter, 7);
    await listen.ended;
    expect(listen.answers).toEqual([undefined]);
    expect(written.at(-1)).toEqual({
      jsonrpc: '2.0',
      method: 'notifications/cancelled',
      params: { requestId: 7, reason: 'Gone.' },
    });
    expect(pending.size).toBe(0);
  });

  test("refused where the credential is the user's own header is refused: nobody will sign in", async () => {
    const { start, http, written } = faceStage({ era: 'modern', authorizer: new FixedCredentials() });
    http.on('subscriptions/listen', challenged);
    const listen = start('subscriptions/listen', filter, 'l');
    await listen.ended;
    expect(written).toEqual([]);
    expect(listen.answers).toMatchObject([{ id: 'l', error: { data: { reason: 'unauthorized' } } }]);
  });

  test('before a sign-in is acknowledged for the lists; then it hears what it has missed [M-65, B-93]', async () => {
    const stage = faceStage({ era: 'modern' });
    const { start, http, face, written } = stage;
    http.on('subscriptions/listen', challenged, (exchange) => {
      exchange.acknowledge({ toolsListChanged: true, resourceSubscriptions: ['file:///a', 'file:///evil'] });
      return exchange.untilAborted();
    });
    const listen = start('subscriptions/listen', filter, 'l');
    await settle();
    expect(written.splice(0)).toEqual([
      {
        jsonrpc: '2.0',
        method: 'notifications/subscriptions/acknowledged',
        params: { notifications: { toolsListChanged: true }, _meta: { [metaKeys.subscriptionId]: 'l' } },
      },
    ]);
    face.signedIn();
    await settle();
    expect(written.map(({ method, params }) => [method, params.uri])).toEqual([
      ['notifications/tools/list_changed', undefined],
      ['notifications/resources/updated', 'file:///a'],
    ]);
    expect(http.signIns).toBe(1);
    drop(listen.request);
    await listen.ended;
  });

  test('that is cancelled while nobody is signed in is over [M-44]', async () => {
    const { start, http, face } = faceStage({ era: 'modern' });
    http.on('subscriptions/listen', challenged);
    const listen = start('subscriptions/listen', filter);
    await settle();
    drop(listen.request);
    await listen.ended;
    face.signedIn();
    await settle();
    expect(http.methods).toEqual(['subscriptions/listen']);
  });
});

describe('a discovery while nobody is signed in', () => {
  test('asks no user, then and later, and is answered from what is known [B-03, B-04, B-06]', async () => {
    const remembered = {
      capabilities: { tools: {} },
      instructions: 'As before.',
      serverInfo: { name: 'known', version: '2' },
    };
    const { ask, http, found } = faceStage({ remembered });
    http.on('server/discover', challenged);
    for (let times = 0; times < 2; times++) {
      expect(await ask('server/discover')).toMatchObject({
        id: 1,
        result: {
          resultType: 'complete',
          supportedVersions: ['2026-07-28'],
          instructions: 'As before.',
          ttlMs: 0,
          cacheScope: 'private',
          _meta: { [metaKeys.serverInfo]: remembered.serverInfo },
        },
      });
    }
    expect(http.exchanges.map(({ request }) => request?.mayAskUser)).toEqual([false, false]);
    expect(found).toEqual([]);
  });

  test('of a server that is known asks no user either [B-04]', async () => {
    const { ask, http } = faceStage();
    await ask('tools/list');
    http.on('server/discover', challenged);
    expect((await ask('server/discover'))?.result).toMatchObject({ supportedVersions: ['2026-07-28'] });
    expect(http.exchanges.at(-1)?.request?.mayAskUser).toBe(false);
    expect(http.exchanges[0]?.request?.mayAskUser).toBeUndefined();
  });

  test('waits for a sign-in that is under way, but not longer than clients do [B-04, B-06]', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
    for (const isInTime of [true, false]) {
      const authorizer = new ScriptedAuthorizer();
      const { start, http } = faceStage({ authorizer });
      http.on('server/discover', challenged, (exchange) => exchange.answer(discovered));
      authorizer.beginSignIn();
      const asked = start('server/discover');
      await vi.advanceTimersByTimeAsync(2_000);
      expect(asked.answers).toEqual([]);
      if (isInTime) await authorizer.succeed();
      await vi.advanceTimersByTimeAsync(600);
      await asked.ended;
      expect(asked.answers[0]?.result?.instructions === discovered.instructions).toBe(isInTime);
    }
  });
});
