import fc from 'fast-check';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { DrawbridgeError } from '../../../../src/errors.ts';
import type { OutgoingRequest, Session } from '../../../../src/remote/transport.ts';
import { type Asked, makeStage, type Stage } from '../../helpers/modern-client-stage.ts';

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }));
afterEach(() => void vi.useRealTimers());

/** A client and a server that do with their calls whatever they like. */
class World {
  readonly stage: Stage = makeStage();
  readonly held: OutgoingRequest[];
  readonly asked: Asked[] = [];
  readonly cancelled = new Set<Asked>();
  fresh = 0;
  questions = 0;

  constructor() {
    this.held = this.stage.hold('tools/call');
  }

  send(params: Record<string, unknown>): void {
    this.asked.push(this.stage.ask('tools/call', params));
  }

  /** What the client was asked, with the keys to answer by; not all of it still holds. */
  get parked(): { name: string; state: string; keys: string[] }[] {
    return this.asked.flatMap(({ request, answer }) => {
      const { inputRequests, requestState } = answer?.result ?? {};
      const { name } = request.params as { name: string };
      return inputRequests ? [{ name, state: requestState, keys: Object.keys(inputRequests) }] : [];
    });
  }

  /** What is under way at the server. */
  get running(): OutgoingRequest[] {
    return this.held.filter(({ settled, abort }) => !settled && abort !== undefined);
  }

  get inFlight(): Asked[] {
    return this.asked.filter((one) => !one.request.settled && one.outcome === undefined);
  }

  do(what: string, pick: number): void {
    const of = <T>(list: readonly T[]): T | undefined => list[pick % Math.max(1, list.length)];
    const { server } = this.stage;
    switch (what) {
      case 'call':
        return this.send({ name: `t${this.fresh++}` });
      case 'retry':
      case 'retry in part': {
        const parked = of(this.parked);
        if (!parked) return;
        const keys = what === 'retry' ? parked.keys : parked.keys.slice(1);
        const inputResponses = Object.fromEntries(keys.map((key) => [key, { action: 'accept' }]));
        return this.send({ name: parked.name, requestState: parked.state, inputResponses });
      }
      case 'cancel': {
        const one = of(this.inFlight);
        if (!one) return;
        this.cancelled.add(one);
        return this.stage.cancel(one);
      }
      case 'question': {
        const one = of(this.running);
        if (!one) return;
        return server.says({ id: ++this.questions, method: 'elicitation/create', params: {} }, one);
      }
      case 'withdraw':
        return server?.says({ method: 'notifications/cancelled', params: { requestId: this.questions } });
      case 'result': {
        const one = of(this.running);
        return one && server.says({ id: one.id, result: {} }, one);
      }
      case 'loss': {
        if (!server?.session) return;
        const session = server.session as Session;
        const error = new DrawbridgeError('http-status', 'Gone.');
        this.stage.handlers.set('tools/list', () => {
          this.stage.handlers.delete('tools/list');
          return { kind: 'session-expired', session, error };
        });
        this.stage.ask('tools/list');
      }
    }
  }
}

const step = fc.tuple(
  fc.constantFrom(
    'call',
    'call',
    'question',
    'question',
    'retry',
    'retry',
    'retry in part',
    'cancel',
    'withdraw',
    'result',
    'loss',
  ),
  fc.nat(5),
  fc.constantFrom(0, 5, 30),
);

test('each request has its one answer, no question two, and no tool runs twice [B-62] [B-89]', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
      const world = new World();
      for (const [what, pick, wait] of steps) {
        world.do(what, pick);
        await vi.advanceTimersByTimeAsync(wait);
      }
      await vi.advanceTimersByTimeAsync(6000);
      for (const one of world.running) world.stage.server.says({ id: one.id, result: {} }, one);
      await vi.advanceTimersByTimeAsync(30);
      world.asked.forEach((one) => {
        const isCancelled = world.cancelled.has(one);
        expect(one.outcome, JSON.stringify(steps)).toBeDefined();
        // Answered by the translation, or by its caller for it, or cancelled.
        expect(world.stage.received.get(one.request) ?? 0).toBe(
          !isCancelled && one.outcome?.kind === 'done' ? 1 : 0,
        );
      });
      const sent = world.stage.servers.flatMap((server) => server.sent);
      const names = sent.filter(({ method }) => method === 'tools/call').map(({ params }) => params.name);
      expect(new Set(names).size).toBe(names.length);
      const responses = sent.filter(({ method }) => method === undefined).map(({ id }) => id);
      expect(new Set(responses).size).toBe(responses.length);
      await world.stage.translation.close(0);
    }),
    { numRuns: 300 },
  );
});
