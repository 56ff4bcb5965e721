import { afterEach, describe, expect, test, vi } from 'vitest';
import { held } from '../helpers/bridge-harness.ts';
import { LINK } from '../helpers/scripted-authorizer.ts';
import { fails, sessionExpired } from '../helpers/scripted-transport.ts';
import { changed, startSignedOut, textOf } from '../helpers/sign-in-harness.ts';

afterEach(() => void vi.useRealTimers());

/** A session that stands, with a server that then wants a sign-in for what the test guards [A4]. */
async function inSession() {
  const bridge = startSignedOut({ isOpen: true });
  await bridge.initialize();
  await bridge.initialized();
  bridge.news();
  bridge.sent();
  const guard = (method: string, result: unknown) => {
    const step = bridge.authorizer.guard(bridge.saysResult(result));
    bridge.remote.on(method, step, step);
  };
  return { ...bridge, guard, news: bridge.news, sent: bridge.sent };
}

describe('a sign-in in the middle of a session', () => {
  test('a call waits for it, and is sent again when it is done', async () => {
    const bridge = await inSession();
    bridge.guard('tools/call', 'called');
    await bridge.request(1, 'tools/call', { name: 'x' });
    await bridge.pass(8000);
    expect(bridge.lines).toEqual([]);
    await bridge.authorizer.succeed();
    expect(bridge.news()).toEqual([{ jsonrpc: '2.0', id: 1, result: 'called' }]);
  });

  test('opens the listening stream again, which was refused without', async () => {
    const bridge = await inSession();
    bridge.guard('tools/call', 'called');
    await bridge.request(1, 'tools/call', { name: 'x' });
    const before = bridge.remote.listened;
    await bridge.authorizer.succeed();
    expect(bridge.remote.listened).toBe(before + 1);
  });

  test('so does one in a terminal, which this bridge has not asked for', async () => {
    const bridge = await inSession();
    const before = bridge.remote.listened;
    await bridge.authorizer.succeed();
    expect(bridge.remote.listened).toBe(before + 1);
  });

  test('the list of tools becomes the one tool, and the client hears when it is over', async () => {
    const bridge = await inSession();
    bridge.guard('tools/list', { tools: [{ name: 'real' }] });
    await bridge.request(1, 'tools/list');
    await bridge.pass(2500);
    expect(bridge.lines).toEqual([]);
    await bridge.pass(1000);
    expect(bridge.news()[0].result.tools.map(({ name }: { name: string }) => name)).toEqual(['sign_in']);
    await bridge.authorizer.signIn?.give(LINK);
    await bridge.signIn('s');
    expect(textOf(bridge.news()[0])).toContain(LINK);
    await bridge.authorizer.succeed();
    expect(bridge.news()).toEqual([changed('tools')]);
    expect(bridge.sent()).toEqual(['tools/list']);
  });

  test('anything else gets an answer in time that says what to do, and is not sent later', async () => {
    const bridge = await inSession();
    await bridge.authorizer.beginSignIn().give(LINK);
    bridge.guard('tools/call', 'called');
    bridge.guard('resources/read', 'read');
    await bridge.request(1, 'tools/call', { name: 'x' });
    await bridge.request(2, 'resources/read', { uri: 'x' });
    await bridge.pass(49_000);
    expect(bridge.lines).toEqual([]);
    await bridge.pass(1500);
    const [call, read] = bridge.news();
    expect([call.result.isError, textOf(call)]).toEqual([true, expect.stringContaining(LINK)]);
    expect(read.error.data.reason).toBe('sign-in-needed');
    expect(bridge.sent()).toEqual(['tools/call', 'resources/read']);
    await bridge.authorizer.succeed();
    expect([bridge.sent(), bridge.news()]).toEqual([[], []]);
  });

  test('the waiting does not count against the limit of the request', async () => {
    const bridge = startSignedOut({ isOpen: true, requestTimeout: 2000 });
    await bridge.initialize();
    await bridge.initialized();
    const call = held();
    const step = bridge.authorizer.guard(call.step);
    bridge.remote.on('tools/call', step, step);
    bridge.news();
    await bridge.request(1, 'tools/call', { name: 'x' });
    await bridge.pass(30_000);
    await bridge.authorizer.succeed();
    await bridge.pass(1500);
    expect(bridge.lines).toEqual([]);
    await bridge.pass(1000);
    expect(bridge.news()[0].error.data.reason).toBe('timeout');
  });

  test('a ping is answered all the while [L-07]', async () => {
    const bridge = await inSession();
    bridge.guard('ping', {});
    await bridge.request(1, 'ping');
    await bridge.pass(250);
    bridge.authorizer.beginSignIn();
    await bridge.pass(250);
    expect(bridge.news()).toEqual([{ jsonrpc: '2.0', id: 1, result: {} }]);
  });

  test('a refresh that takes its time makes no tool of it', async () => {
    const bridge = await inSession();
    bridge.authorizer.begins = false;
    bridge.guard('tools/list', { tools: [] });
    await bridge.request(1, 'tools/list');
    await bridge.pass(15_000);
    expect(bridge.lines).toEqual([]);
    await bridge.authorizer.succeed();
    expect(bridge.news()).toEqual([{ jsonrpc: '2.0', id: 1, result: { tools: [] } }]);
  });

  test('a cancelled request ends no sign-in; the server, which had refused it, is told nothing', async () => {
    const bridge = await inSession();
    bridge.guard('tools/call', 'called');
    await bridge.request(1, 'tools/call', { name: 'x' });
    await bridge.client({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 1 } });
    expect(bridge.sent()).toEqual(['tools/call']);
    expect([bridge.authorizer.signIn?.calls, bridge.authorizer.signIns.length]).toEqual([[], 1]);
    await bridge.authorizer.succeed();
    expect([bridge.sent(), bridge.news()]).toEqual([[], []]);
  });

  test('the error of one that failed is what the request gets', async () => {
    const bridge = await inSession();
    bridge.guard('tools/call', 'called');
    await bridge.request(1, 'tools/call', { name: 'x' });
    await bridge.authorizer.fail('sign-in-refused');
    expect(textOf(bridge.news()[0])).toBe('It failed: sign-in-refused.');
  });

  test('one that a new session waits for holds nobody longer than others do', async () => {
    const bridge = await inSession();
    bridge.remote.useSession({ id: 's', protocolVersion: '2025-11-25' });
    bridge.remote.on('resources/read', sessionExpired);
    const { send } = bridge.remote;
    const refuse = bridge.authorizer.guard(fails('internal'));
    bridge.remote.send = (message) =>
      message.method === 'initialize'
        ? Promise.resolve(refuse(message, undefined))
        : send.call(bridge.remote, message);
    await bridge.request(1, 'resources/read', { uri: 'x' });
    await bridge.pass(50_500);
    expect(bridge.news().map(({ id, error }) => [id, error.data.reason])).toEqual([[1, 'sign-in-needed']]);
  });
});
