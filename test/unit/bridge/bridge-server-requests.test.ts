import { describe, expect, test } from 'vitest';
import { settle, startBridge } from '../helpers/bridge-harness.ts';
import { contract } from '../helpers/scripted-transport.ts';

const methods = (bridge: ReturnType<typeof startBridge>) => bridge.remote.methods();

describe('requests of the server', () => {
  const asks = (id: unknown) => ({ jsonrpc: '2.0', id, method: 'roots/list' });

  test('reach the client, and its answer the server [L-58]', async () => {
    const bridge = startBridge();
    await bridge.handshake();
    await bridge.says(asks(7));
    expect(bridge.messages).toEqual([asks(7)]);
    const answer = '{"jsonrpc":"2.0", "id":7,"result":{"roots":[]}}';
    await bridge.client(answer, answer);
    expect(bridge.remote.sent.map(({ body }) => body)).toEqual([answer]);
  });

  test('that are taken back: the client hears of it by the id that it knows', async () => {
    const bridge = startBridge();
    await bridge.handshake();
    const cancelled = { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 7 } };
    await bridge.says(asks(7));
    await bridge.says(asks(7));
    const [, { id: renamed }] = bridge.messages;
    await bridge.says(cancelled);
    await bridge.says(cancelled);
    await bridge.says(cancelled);
    expect(renamed).not.toBe(7);
    expect(bridge.messages.slice(2).map(({ params }) => params.requestId)).toEqual([7, renamed]);
  });

  test('of a session that is lost are cancelled at the client, whose late answer goes nowhere [L-54]', async () => {
    const bridge = startBridge();
    await bridge.handshake();
    bridge.remote.on('initialize', bridge.saysResult(contract));
    await bridge.says(asks(7));
    bridge.loseSession();
    await settle();
    expect(bridge.messages.map(({ method }) => method)).toEqual([
      'roots/list',
      'notifications/cancelled',
      'notifications/tools/list_changed',
      'notifications/prompts/list_changed',
    ]);
    await bridge.client('{"jsonrpc":"2.0","id":7,"result":{}}');
    expect(methods(bridge)).toEqual(['initialize', 'notifications/initialized']);
  });

  test('that are too many are refused, so that the server does not wait for ever [99]', async () => {
    const bridge = startBridge();
    await bridge.handshake();
    for (let id = 0; id < 257; id++) await bridge.says(asks(id));
    expect(bridge.messages).toHaveLength(256);
    expect(bridge.remote.sent.map(({ body }) => JSON.parse(body))).toEqual([
      expect.objectContaining({ id: 256, error: expect.objectContaining({ code: -31000 }) }),
    ]);
  });

  test("the client's answer that is too large is told to the server, not to the client [81]", async () => {
    const bridge = startBridge();
    await bridge.handshake();
    await bridge.says(asks(7));
    const large = 'x'.repeat(2 * 1024 * 1024);
    await bridge.client(`{"jsonrpc":"2.0","id":7,"result":{"text":"${large}"}}`);
    expect(bridge.remote.sent.map(({ body }) => JSON.parse(body))).toEqual([
      expect.objectContaining({ id: 7, error: expect.objectContaining({ code: -31000 }) }),
    ]);
    expect(bridge.messages).toEqual([asks(7)]);
  });

  test('a request of the client that is too large is refused, also where the server uses the same id', async () => {
    const bridge = startBridge();
    await bridge.handshake();
    await bridge.says(asks(7));
    const large = 'x'.repeat(2 * 1024 * 1024);
    await bridge.client(`{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"text":"${large}"}}`);
    expect(bridge.messages[1]).toMatchObject({ id: 7, error: { code: -32600 } });
    expect(bridge.remote.sent).toEqual([]);
  });
});
