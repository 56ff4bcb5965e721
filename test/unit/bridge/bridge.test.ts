import { afterEach, describe, expect, test, vi } from 'vitest';
import { held, settle, startBridge } from '../helpers/bridge-harness.ts';
import { contract } from '../helpers/scripted-transport.ts';

afterEach(() => void vi.useRealTimers());

const methods = (bridge: ReturnType<typeof startBridge>) => bridge.remote.methods();

describe('what passes', () => {
  test('goes on and comes back byte for byte [85]', async () => {
    const bridge = startBridge();
    await bridge.handshake();
    const question = '{ "jsonrpc":"2.0", "id":1,"method":"future/x","params":{"n":12345678901234567890} }';
    const answer = '{ "jsonrpc":"2.0", "id":1,"result":{"n":1e999,"__proto__":[]} }';
    const call = held();
    bridge.remote.on('future/x', call.step);
    await bridge.client(question);
    expect(bridge.remote.sent[0]?.body).toBe(question);
    await bridge.says(answer, call.request());
    expect(bridge.lines).toEqual([answer]);
  });

  test('everything waits for the handshake, in its order [L-04, L-05]', async () => {
    const bridge = startBridge();
    const [init, confirmed] = [held(), held()];
    bridge.remote.on('initialize', init.step).on('notifications/initialized', confirmed.step);
    await bridge.client(
      { jsonrpc: '2.0', id: 1, method: 'initialize', params: {} },
      { jsonrpc: '2.0', method: 'notifications/initialized' },
      { jsonrpc: '2.0', id: 2, method: 'tools/list' },
    );
    expect(methods(bridge)).toEqual(['initialize']);
    init.request().sessionId = 'session-1';
    await bridge.says({ jsonrpc: '2.0', id: 1, result: contract }, init.request());
    init.end({ kind: 'done' });
    await settle();
    expect(methods(bridge)).toEqual(['initialize', 'notifications/initialized']);
    confirmed.end({ kind: 'done' });
    await settle();
    expect(methods(bridge)).toEqual(['initialize', 'notifications/initialized', 'tools/list']);
    expect(bridge.remote.listened).toBe(1);
  });
});

describe('what the bridge answers itself', () => {
  test('server/discover after initialize, which the client has agreed to do without [B-08]', async () => {
    const bridge = startBridge();
    await bridge.handshake();
    await bridge.request(1, 'server/discover');
    expect(bridge.messages).toMatchObject([{ id: 1, error: { code: -32601 } }]);
    expect(bridge.remote.sent).toEqual([]);
  });

  test.each(['tools/list', 'tools/call', 'server/discover', 'x/y'])(
    '%s before anything was agreed on: it is told both ways in [B-03, B-08, M-05]',
    async (method) => {
      const bridge = startBridge();
      await bridge.request(1, method, { name: 'x' });
      expect(bridge.messages).toMatchObject([
        { id: 1, error: { code: -32602, data: { reason: 'invalid-params' } } },
      ]);
      expect(bridge.messages[0].error.message).toMatch(/"initialize".*_meta/);
      expect(bridge.remote.sent).toEqual([]);
    },
  );

  test('a ping while no session stands [L-07]', async () => {
    const bridge = startBridge();
    await bridge.request(1, 'ping');
    expect(bridge.messages).toEqual([{ jsonrpc: '2.0', id: 1, result: {} }]);
    expect(bridge.remote.sent).toEqual([]);
    await bridge.handshake();
    bridge.remote.on('ping', bridge.saysResult({}));
    await bridge.request(2, 'ping');
    expect(methods(bridge)).toEqual(['ping']);
  });

  test('a call of a tool that is switched off', async () => {
    const bridge = startBridge({ tools: { allow: [], ignore: ['delete_*'] } });
    await bridge.handshake();
    for (const params of [{ name: 'delete_all' }, { name: 7 }, {}, undefined]) {
      await bridge.request('x', 'tools/call', params);
      expect(bridge.messages.at(-1)).toMatchObject({
        id: 'x',
        error: { code: -32602, data: { reason: 'tool-filtered' } },
      });
    }
    expect(bridge.remote.sent).toEqual([]);
    bridge.remote.on('tools/call', bridge.saysResult('done'));
    await bridge.request(2, 'tools/call', { name: 'read_all' });
    expect(bridge.messages.at(-1)).toMatchObject({ id: 2, result: 'done' });
  });

  test('the list of tools, cut', async () => {
    const bridge = startBridge({ tools: { allow: [], ignore: ['delete_*'] } });
    await bridge.handshake();
    bridge.remote.on('tools/list', bridge.saysResult({ tools: [{ name: 'delete_x' }, { name: 'read' }] }));
    await bridge.request(1, 'tools/list');
    expect(bridge.messages[0].result).toEqual({ tools: [{ name: 'read' }] });
  });
});

describe('answers that do not fit [86]', () => {
  async function asking() {
    const bridge = startBridge();
    await bridge.handshake();
    const call = held();
    bridge.remote.on('tools/call', call.step);
    await bridge.request(1, 'tools/call', { _meta: { progressToken: 't' } });
    return { bridge, call };
  }

  test('a second one, and one to nothing that was asked, go nowhere', async () => {
    const { bridge, call } = await asking();
    const answer = { jsonrpc: '2.0', id: 1, result: 'x' };
    await bridge.says({ jsonrpc: '2.0', id: 99, result: 'y' }, call.request());
    await bridge.says({ jsonrpc: '2.0', id: '1', result: 'y' });
    await bridge.says(answer, call.request());
    await bridge.says(answer, call.request());
    await bridge.says(answer);
    expect(bridge.messages).toEqual([answer]);
  });

  test('one that comes on the exchange of another request is taken, and its own exchange ended', async () => {
    const { bridge, call } = await asking();
    const other = held();
    bridge.remote.on('x', other.step);
    await bridge.request(2, 'x');
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    await bridge.says({ jsonrpc: '2.0', id: 1, result: 'crossed' }, other.request());
    expect(bridge.messages).toEqual([{ jsonrpc: '2.0', id: 1, result: 'crossed' }]);
    expect(call.aborted).toEqual([]);
    vi.advanceTimersByTime(3000);
    expect([call.aborted.length, other.aborted.length]).toEqual([1, 0]);
  });

  test('an id that the server made a string of is the number again', async () => {
    const { bridge, call } = await asking();
    await bridge.says('{"jsonrpc":"2.0","id":"1","result":"x"}', call.request());
    expect(bridge.lines).toEqual(['{"jsonrpc":"2.0","id":1,"result":"x"}']);
  });

  test.each([
    '{"jsonrpc":"2.0","error":{"code":1,"message":"m"}}',
    '{"jsonrpc":"2.0","id":null,"error":{"code":1,"message":"m"}}',
  ])('an error without an id gets that of the request on whose exchange it came: %s [M-32]', async (text) => {
    const { bridge, call } = await asking();
    await bridge.says(text, call.request());
    expect(bridge.messages).toEqual([{ jsonrpc: '2.0', id: 1, error: { code: 1, message: 'm' } }]);
  });

  test('progress of what is asked passes, other progress does not [L-32]', async () => {
    const { bridge, call } = await asking();
    const progress = (progressToken: unknown) => ({
      jsonrpc: '2.0',
      method: 'notifications/progress',
      params: { progressToken },
    });
    await bridge.says(progress('t'), call.request());
    await bridge.says(progress('u'), call.request());
    await bridge.says({ jsonrpc: '2.0', id: 1, result: {} }, call.request());
    await bridge.says(progress('t'));
    expect(bridge.messages.map(({ method }) => method)).toEqual(['notifications/progress', undefined]);
  });

  test('what is no message goes nowhere [78]', async () => {
    const { bridge } = await asking();
    for (const text of ['7', '{}', '{"jsonrpc":"2.0","id":1}']) await bridge.says(text);
    expect(bridge.lines).toEqual([]);
    expect(bridge.logLines.filter(({ level }) => level === 'warn')).toHaveLength(3);
  });

  test('a transport that forgets a request does not leave the client waiting [87]', async () => {
    const bridge = startBridge();
    await bridge.handshake();
    bridge.remote.on('x', () => ({ kind: 'done' })).on('y', () => Promise.reject(new Error('s3cret')));
    await bridge.request(1, 'x');
    await bridge.request(2, 'y');
    expect(bridge.messages.map(({ id, error }) => [id, error.data.reason])).toEqual([
      [1, 'internal'],
      [2, 'internal'],
    ]);
    expect(bridge.lines.join()).not.toContain('s3cret');
  });
});

describe('a cancellation [L-59, L-60, M-44]', () => {
  const cancel = (requestId: unknown) => ({
    jsonrpc: '2.0',
    method: 'notifications/cancelled',
    params: { requestId },
  });

  test('is passed on, ends what is under way, and nothing more is written for the request', async () => {
    const bridge = startBridge();
    await bridge.handshake();
    const call = held();
    bridge.remote.on('tools/call', call.step);
    await bridge.request(1, 'tools/call');
    await bridge.client(cancel(1));
    expect(methods(bridge)).toEqual(['tools/call', 'notifications/cancelled']);
    expect(call.aborted).toHaveLength(1);
    await bridge.says({ jsonrpc: '2.0', id: 1, result: 'late' }, call.request());
    expect(bridge.lines).toEqual([]);
  });

  test('the stream is closed only after the server was told: closing cancels nothing', async () => {
    const bridge = startBridge();
    await bridge.handshake();
    const [call, told] = [held(), held()];
    bridge.remote.on('tools/call', call.step).on('notifications/cancelled', told.step);
    await bridge.request(1, 'tools/call');
    await bridge.client(cancel(1));
    expect(call.aborted).toEqual([]);
    told.end({ kind: 'done' });
    await settle();
    expect(call.aborted).toHaveLength(1);
  });

  test('of a request that has not left yet needs no word, and the request never leaves', async () => {
    const bridge = startBridge();
    const init = held();
    bridge.remote.on('initialize', init.step);
    await bridge.client(
      { jsonrpc: '2.0', id: 0, method: 'initialize', params: {} },
      { jsonrpc: '2.0', id: 1, method: 'x' },
      cancel(1),
    );
    await bridge.says({ jsonrpc: '2.0', id: 0, result: contract }, init.request());
    init.end({ kind: 'done' });
    await settle();
    expect(methods(bridge)).toEqual(['initialize']);
    expect(bridge.messages.map(({ id }) => id)).toEqual([0]);
  });

  test('of initialize, of nothing in flight, or malformed, is passed over [L-22, M-47]', async () => {
    const bridge = startBridge();
    const init = held();
    bridge.remote.on('initialize', init.step);
    await bridge.client(
      { jsonrpc: '2.0', id: 0, method: 'initialize', params: {} },
      cancel(0),
      cancel(9),
      cancel({}),
      {
        jsonrpc: '2.0',
        method: 'notifications/cancelled',
      },
    );
    await bridge.says({ jsonrpc: '2.0', id: 0, result: contract }, init.request());
    expect(methods(bridge)).toEqual(['initialize']);
    expect(bridge.messages.map(({ id }) => id)).toEqual([0]);
  });

  test('the id is free again', async () => {
    const bridge = startBridge();
    await bridge.handshake();
    bridge.remote.on('x', held().step, bridge.saysResult('second'));
    await bridge.request(1, 'x');
    await bridge.client(cancel(1));
    await bridge.request(1, 'x');
    expect(bridge.messages).toEqual([{ jsonrpc: '2.0', id: 1, result: 'second' }]);
  });
});

test('a request that waits too long: an error for the client, a cancellation for the server [87, L-23]', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'performance'] });
  const bridge = startBridge({ requestTimeout: 2000 });
  await bridge.handshake();
  const call = held();
  bridge.remote.on('tools/call', call.step);
  await bridge.request(1, 'tools/call');
  vi.advanceTimersByTime(1500);
  expect(bridge.lines).toEqual([]);
  vi.advanceTimersByTime(1000);
  await settle();
  expect(bridge.messages).toEqual([
    expect.objectContaining({ id: 1, error: expect.objectContaining({ code: -31000 }) }),
  ]);
  expect(methods(bridge)).toEqual(['tools/call', 'notifications/cancelled']);
  expect(call.aborted).toHaveLength(1);
});
