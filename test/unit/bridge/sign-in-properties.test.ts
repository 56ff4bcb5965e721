import fc from 'fast-check';
import { afterEach, expect, test, vi } from 'vitest';
import { LINK } from '../helpers/scripted-authorizer.ts';
import { startSignedOut } from '../helpers/sign-in-harness.ts';

afterEach(() => void vi.useRealTimers());

type Bridge = ReturnType<typeof startSignedOut>;

const methods = ['tools/list', 'tools/call', 'prompts/list', 'resources/read', 'ping', 'future/x', 'sign_in'];

const happenings = {
  link: ({ authorizer }: Bridge) => authorizer.signIn?.give(LINK),
  window: ({ authorizer }: Bridge) => authorizer.signIn?.give(LINK, true),
  succeed: ({ authorizer }: Bridge) => authorizer.succeed(),
  fail: ({ authorizer }: Bridge) => authorizer.fail('sign-in-timeout'),
  revoke: ({ authorizer }: Bridge) => {
    authorizer.token = undefined;
  },
  confirm: (bridge: Bridge) => bridge.initialized(),
  second: (bridge: Bridge) => bridge.pass(1000),
  minute: (bridge: Bridge) => bridge.pass(60_000),
};

const event = fc.oneof(
  { weight: 3, arbitrary: fc.record({ ask: fc.constantFrom(...methods) }) },
  { weight: 1, arbitrary: fc.record({ cancel: fc.nat(5) }) },
  { weight: 3, arbitrary: fc.constantFrom(...(Object.keys(happenings) as (keyof typeof happenings)[])) },
);

test('whatever becomes of the sign-in, each request gets exactly one answer in bounded time [87]', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(event, { maxLength: 15 }), fc.boolean(), async (events, opensLinks) => {
      const bridge = startSignedOut();
      for (const method of methods) {
        const step = bridge.authorizer.guard(bridge.saysResult({}));
        bridge.remote.on(method, ...Array.from({ length: 60 }, () => step));
      }
      await bridge.initialize(opensLinks ? { capabilities: { elicitation: { url: {} } } } : {});
      let asked = 0;
      const cancelled = new Set<number>();
      for (const what of events) {
        if (typeof what === 'string') await happenings[what](bridge);
        else if ('ask' in what) {
          const params = what.ask === 'sign_in' ? { name: 'sign_in' } : { name: 'x' };
          await bridge.request(asked++, what.ask === 'sign_in' ? 'tools/call' : what.ask, params);
        } else {
          const requestId = asked - 1 - what.cancel;
          const isAnswered = bridge.messages.some(({ id }) => id === requestId);
          if (requestId >= 0 && !isAnswered) cancelled.add(requestId);
          await bridge.client({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId } });
        }
      }
      await bridge.pass(130_000);
      const ids = bridge.messages.filter(({ method }) => method === undefined).map(({ id }) => id);
      const expected = Array.from({ length: asked }, (_, id) => id).filter((id) => !cancelled.has(id));
      expect(ids.map(String).sort()).toEqual([...expected, 'init'].map(String).sort());
      expect(bridge.ends).toEqual([]);
      await bridge.bridge.close(0);
    }),
    { numRuns: 100 },
  );
}, 60_000);
