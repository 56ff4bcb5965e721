import { afterEach, describe, expect, test, vi } from 'vitest';
import { LINK, type ScriptedSignIn } from '../helpers/scripted-authorizer.ts';
import { startSignedOut } from '../helpers/sign-in-harness.ts';

afterEach(() => void vi.useRealTimers());

const able = { capabilities: { elicitation: { url: {} } } };

/** The client opens links itself, and has been asked to. */
async function asked() {
  const bridge = startSignedOut();
  await bridge.initialize(able);
  const signIn = bridge.authorizer.signIn as ScriptedSignIn;
  await signIn.give(LINK);
  await bridge.initialized();
  const question = bridge.news().find(({ method }) => method === 'elicitation/create');
  const answer = (outcome: object) => bridge.client({ jsonrpc: '2.0', id: question.id, ...outcome });
  bridge.sent();
  return { bridge, signIn, question, answer };
}

describe('a client that opens links itself', () => {
  test.each([
    [able, true],
    [{ capabilities: { elicitation: { form: {}, url: {} } } }, true],
    [{ capabilities: { elicitation: {} } }, false],
    [{ capabilities: { elicitation: { form: {} } } }, false],
    [{ capabilities: {} }, false],
    [{ capabilities: null }, false],
  ])('is known by what it declares, before anything is sent: %j', async (params, expected) => {
    const bridge = startSignedOut();
    const seen: boolean[] = [];
    const { authorizer } = bridge;
    authorizer.challenged = (challenge) => {
      seen.push(authorizer.clientOpensLinks);
      return Object.getPrototypeOf(authorizer).challenged.call(authorizer, challenge);
    };
    await bridge.initialize(params);
    expect(seen).toEqual([expected]);
  });

  test('has its answer to initialize as soon as there is a link, and is asked when it has confirmed [L-05]', async () => {
    const bridge = startSignedOut();
    await bridge.initialize(able);
    expect(bridge.lines).toEqual([]);
    await bridge.authorizer.signIn?.give(LINK);
    expect(bridge.news().map(({ id }) => id)).toEqual(['init']);
    await bridge.pass(1000);
    expect(bridge.lines).toEqual([]);
    await bridge.initialized();
    expect(bridge.news()).toEqual([
      {
        jsonrpc: '2.0',
        id: expect.stringMatching(/^drawbridge-/),
        method: 'elicitation/create',
        params: {
          mode: 'url',
          elicitationId: expect.stringMatching(/^[0-9a-f-]{36}$/),
          url: LINK,
          message: expect.stringContaining('a.test'),
        },
      },
    ]);
    expect(bridge.sent()).toEqual(['initialize']);
  });

  test('accepts: nothing more, and it hears when the sign-in is done', async () => {
    const { bridge, signIn, question, answer } = await asked();
    await answer({ result: { action: 'accept' } });
    // It no longer ends with the client: the user has the page open.
    expect([signIn.calls, bridge.news(), bridge.sent()]).toEqual([['shown'], [], []]);
    await bridge.authorizer.succeed();
    const { elicitationId } = question.params;
    const news = bridge.news();
    expect(news).toContainEqual({
      jsonrpc: '2.0',
      method: 'notifications/elicitation/complete',
      params: { elicitationId },
    });
    expect(news.map(({ method }) => method)).not.toContain('notifications/cancelled');
  });

  test.each(['decline', 'cancel'])('%s: the sign-in is ended', async (action) => {
    const { signIn, answer, bridge } = await asked();
    await answer({ result: { action } });
    expect([signIn.calls, bridge.sent()]).toEqual([[action], []]);
  });

  test('is asked nothing where a window shows the link already', async () => {
    const bridge = startSignedOut();
    await bridge.initialize(able);
    const signIn = bridge.authorizer.signIn as ScriptedSignIn;
    await signIn.give(LINK, true);
    await bridge.initialized();
    expect(bridge.news().map(({ method }) => method)).not.toContain('elicitation/create');
  });

  test.each([{ error: { code: -32603, message: 'no browser' } }, { result: {} }, { result: 'x' }])(
    'that can not: a window is opened after all: %j',
    async (outcome) => {
      const { signIn, answer, bridge } = await asked();
      await answer(outcome);
      expect([signIn.calls, bridge.sent()]).toEqual([['openWindow'], []]);
    },
  );

  test('that has not answered yet is told that it need not any more, and a late answer goes nowhere', async () => {
    const { bridge, signIn, question, answer } = await asked();
    await bridge.authorizer.succeed();
    expect(bridge.news()).toContainEqual({
      jsonrpc: '2.0',
      method: 'notifications/cancelled',
      params: { requestId: question.id, reason: expect.any(String) },
    });
    bridge.sent();
    await answer({ result: { action: 'decline' } });
    expect([signIn.calls, bridge.sent()]).toEqual([[], []]);
  });

  test('is not asked where the sign-in is over before there was a link, or before it could be asked', async () => {
    const early = startSignedOut();
    await early.initialize(able);
    await early.authorizer.succeed();
    await early.initialized();
    const late = startSignedOut();
    await late.initialize(able);
    await late.authorizer.signIn?.give(LINK);
    await late.authorizer.succeed();
    await late.initialized();
    for (const { messages } of [early, late])
      expect(messages.map(({ method }) => method)).not.toContain('elicitation/create');
  });

  test('is asked in the middle of a session too', async () => {
    const bridge = startSignedOut({ isOpen: true });
    await bridge.initialize(able);
    await bridge.initialized();
    const step = bridge.authorizer.guard(bridge.saysResult('called'));
    bridge.remote.on('tools/call', step, step);
    await bridge.request(1, 'tools/call', { name: 'x' });
    bridge.news();
    await bridge.authorizer.signIn?.give(LINK);
    expect(bridge.news().map(({ method }) => method)).toEqual(['elicitation/create']);
    await bridge.authorizer.succeed();
    expect(bridge.news()).toContainEqual({ jsonrpc: '2.0', id: 1, result: 'called' });
  });

  test('also while the confirmation itself waits for the sign-in', async () => {
    const bridge = startSignedOut({ isOpen: true });
    const step = bridge.authorizer.guard(() => ({ kind: 'done' }));
    bridge.remote.on('notifications/initialized', step, step);
    await bridge.initialize(able);
    bridge.news();
    await bridge.initialized();
    await bridge.authorizer.signIn?.give(LINK);
    expect(bridge.news().map(({ method }) => method)).toEqual(['elicitation/create']);
  });

  test('other clients are asked nothing', async () => {
    const bridge = startSignedOut();
    await bridge.provisional();
    await bridge.authorizer.signIn?.give(LINK);
    await bridge.authorizer.succeed();
    expect(bridge.messages.map(({ method }) => method)).not.toContain('elicitation/create');
  });
});
