import fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';
import { DrawbridgeError } from '../../../src/errors.ts';
import type { OutgoingRequest } from '../../../src/remote/transport.ts';
import { faultOfLine } from '../../support/json-rpc.ts';
import { held, settle, startBridge } from '../helpers/bridge-harness.ts';
import { contract, type Step } from '../helpers/scripted-transport.ts';

describe('closing', () => {
  test('waits for answers that are still to come, then ends the session [L-08, L-55]', async () => {
    const bridge = startBridge();
    await bridge.handshake();
    const call = held();
    bridge.remote.on('x', call.step);
    await bridge.request(1, 'x');
    const closed = bridge.bridge.close(2000);
    await settle();
    expect(bridge.remote.closed).toBe(false);
    await bridge.says({ jsonrpc: '2.0', id: 1, result: 'x' }, call.request());
    await closed;
    expect(bridge.remote.closed).toBe(true);
    expect(bridge.messages).toEqual([{ jsonrpc: '2.0', id: 1, result: 'x' }]);
  });

  test('waits no longer than it may: the rest is answered with an error [87, 80]', async () => {
    const bridge = startBridge();
    await bridge.handshake();
    bridge.remote.on('x', held().step);
    await bridge.request(1, 'x');
    const before = performance.now();
    await bridge.bridge.close(100);
    expect(performance.now() - before).toBeLessThan(1000);
    expect(bridge.messages.map(({ id, error }) => [id, error.data.reason])).toEqual([[1, 'shutting-down']]);
  });

  test('waits for notifications that are on their way', async () => {
    const bridge = startBridge();
    await bridge.handshake();
    const post = held();
    bridge.remote.on('notifications/x', post.step);
    await bridge.client({ jsonrpc: '2.0', method: 'notifications/x' });
    const closed = bridge.bridge.close(2000);
    await settle();
    expect(bridge.remote.closed).toBe(false);
    post.end({ kind: 'done' });
    await closed;
  });

  test('that is told to hurry waits no longer', async () => {
    const bridge = startBridge();
    await bridge.handshake();
    bridge.remote.on('x', held().step);
    await bridge.request(1, 'x');
    const before = performance.now();
    const closed = bridge.bridge.close(60_000);
    await settle();
    bridge.bridge.hurry();
    await closed;
    expect(performance.now() - before).toBeLessThan(1000);
    expect(bridge.messages.map(({ id }) => id)).toEqual([1]);
  });

  test('twice is once', async () => {
    const bridge = startBridge();
    const close = vi.spyOn(bridge.remote, 'close');
    await Promise.all([bridge.bridge.close(0), bridge.bridge.close(0)]);
    expect(close).toHaveBeenCalledOnce();
  });
});

describe('the end is told', () => {
  test('when the client closes its end', async () => {
    const bridge = startBridge();
    bridge.input.end();
    await settle();
    expect(bridge.ends).toEqual(['stdin-closed']);
  });

  test('when the client does not read any more', async () => {
    const bridge = startBridge();
    bridge.output.destroy(new Error('EPIPE'));
    await settle();
    expect(bridge.ends).toEqual(['stdout-closed']);
  });

  test('when the server takes back what it had promised [L-52]', async () => {
    const bridge = startBridge();
    await bridge.handshake();
    bridge.remote.on('initialize', bridge.saysResult({ ...contract, protocolVersion: '2024-11-05' }));
    bridge.loseSession();
    await settle();
    expect(bridge.ends).toEqual([expect.objectContaining({ reason: 'session-lost' })]);
  });
});

describe('whatever the remote does', () => {
  const error = new DrawbridgeError('unreachable', 'Cut.');
  const answer = (id: unknown, result: unknown = {}) => ({ jsonrpc: '2.0', id, result });

  /** Each way of a remote, right and wrong, with one request. */
  const ways: Record<string, (bridge: ReturnType<typeof startBridge>) => Step> = {
    answers:
      ({ says }) =>
      async (message) => {
        await says(answer((message as OutgoingRequest).id), message as OutgoingRequest);
        return { kind: 'done' };
      },
    'answers twice':
      ({ says }) =>
      async (message) => {
        const request = message as OutgoingRequest;
        await says(answer(request.id), request);
        await says(answer(request.id, 'again'), request);
        await says(answer(request.id, 'again'));
        return { kind: 'done' };
      },
    'answers with a string for an id':
      ({ says }) =>
      async (message) => {
        const request = message as OutgoingRequest;
        await says(answer(String(request.id)), request);
        return { kind: 'done' };
      },
    'answers another request':
      ({ says }) =>
      async (message) => {
        await says(answer(1, 'stolen'), message as OutgoingRequest);
        return { kind: 'done' };
      },
    'gives an error without an id':
      ({ says }) =>
      async (message) => {
        await says({ jsonrpc: '2.0', error: { code: 1, message: 'm' } }, message as OutgoingRequest);
        return { kind: 'done' };
      },
    'says what is no message':
      ({ says }) =>
      async (message) => {
        for (const text of ['7', '{}', '{"jsonrpc":"2.0","id":{}}', '[]'])
          await says(text, message as OutgoingRequest);
        return { kind: 'done' };
      },
    'asks instead of answering':
      ({ says }) =>
      async (message) => {
        await says({ jsonrpc: '2.0', id: 1, method: 'roots/list' }, message as OutgoingRequest);
        return { kind: 'done' };
      },
    'is cut': () => () => ({ kind: 'failed', error, mayHaveRun: true }),
    'is away': () => () => ({ kind: 'failed', error, mayHaveRun: false }),
    throws: () => () => Promise.reject(new Error('unforeseen')),
    'never answers': () => () => new Promise(() => {}),
  };

  test('each request gets exactly one answer, and stdout holds messages only [78, 87]', async () => {
    const plans = fc.array(
      fc.record({
        way: fc.constantFrom(...Object.keys(ways)),
        method: fc.constantFrom('tools/call', 'tools/list', 'prompts/get'),
        isText: fc.boolean(),
      }),
      { minLength: 1, maxLength: 12 },
    );
    await fc.assert(
      fc.asyncProperty(plans, async (plan) => {
        const bridge = startBridge();
        await bridge.handshake();
        const ids = plan.map(({ isText }, index) => (isText ? `r${index}` : index));
        const script = new Map(
          ids.map((id, index) => [id, (ways[plan[index]?.way ?? ''] as (typeof ways)[string])(bridge)]),
        );
        bridge.remote.send = async (message) => {
          const step = 'id' in message ? script.get(message.id) : undefined;
          return step ? step(message, undefined) : { kind: 'done' };
        };
        await bridge.client(...plan.map(({ method }, index) => ({ jsonrpc: '2.0', id: ids[index], method })));
        await settle();
        await bridge.bridge.close(0);
        for (const line of bridge.lines) expect(faultOfLine(line)).toBeUndefined();
        const answered = bridge.messages.filter(({ method }) => method === undefined).map(({ id }) => id);
        expect(answered.toSorted()).toEqual(ids.toSorted());
      }),
      { numRuns: 60 },
    );
  });
});
