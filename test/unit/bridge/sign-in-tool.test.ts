import { afterEach, describe, expect, test, vi } from 'vitest';
import { COMMAND, LINK, type ScriptedSignIn } from '../helpers/scripted-authorizer.ts';
import { challenged } from '../helpers/scripted-transport.ts';
import { startSignedOut, textOf } from '../helpers/sign-in-harness.ts';

afterEach(() => void vi.useRealTimers());

/** A bridge with its provisional answer out, and the sign-in as it stands then. */
async function pending(link: string | undefined = LINK, windowOpened = false) {
  const bridge = startSignedOut();
  await bridge.provisional();
  await bridge.authorizer.signIn?.give(link, windowOpened);
  return bridge;
}

describe('the tool sign_in', () => {
  test('gives the link at once where no window was opened, and words for the model', async () => {
    const bridge = await pending();
    await bridge.signIn('a');
    const [message] = bridge.news();
    expect(message.result.isError).toBeUndefined();
    expect(textOf(message)).toMatch(/^Ask the user to open this link/);
    expect(textOf(message)).toContain(`\n\n${LINK}\n\n`);
    expect(textOf(message)).toContain('call sign_in again');
    expect(bridge.authorizer.signIns).toHaveLength(1);
  });

  test('gives a link of any length whole', async () => {
    const link = `${LINK}&${'x'.repeat(3000)}`;
    const bridge = await pending(link);
    await bridge.signIn('a');
    expect(textOf(bridge.news()[0])).toContain(`\n${link}\n`);
  });

  test('waits the next time, and tells when it is done', async () => {
    const bridge = await pending();
    await bridge.signIn('a');
    bridge.news();
    await bridge.signIn('b');
    await bridge.pass(45_000);
    expect(bridge.news()).toEqual([]);
    await bridge.authorizer.succeed();
    const done = bridge.news().find(({ id }) => id === 'b');
    expect(done.result).toEqual({
      content: [{ type: 'text', text: "Signed in. The server's tools are available now." }],
    });
    expect(bridge.remote.methods()).toEqual(['initialize', 'notifications/initialized']);
  });

  test('gives the link again where the user needs longer than a client waits', async () => {
    const bridge = await pending();
    await bridge.signIn('a');
    bridge.news();
    await bridge.signIn('b');
    await bridge.pass(50_250);
    const [message] = bridge.news();
    expect([message.result.isError, textOf(message)]).toEqual([undefined, expect.stringContaining(LINK)]);
  });

  test('with a window open: ten seconds the first time, then as long as a client waits', async () => {
    const bridge = await pending(LINK, true);
    await bridge.signIn('a');
    await bridge.pass(9000);
    expect(bridge.lines).toEqual([]);
    await bridge.pass(1500);
    expect(textOf(bridge.news()[0])).toMatch(/not finished yet.*browser window[\s\S]*https:/);
    await bridge.signIn('b');
    await bridge.pass(49_000);
    expect(bridge.lines).toEqual([]);
    await bridge.pass(1500);
    expect(bridge.news()).toHaveLength(1);
  });

  test('without a link that is known: the command', async () => {
    const bridge = startSignedOut();
    await bridge.provisional();
    await bridge.signIn('a');
    await bridge.pass(10_250);
    expect(textOf(bridge.news()[0])).toContain(COMMAND);
    // The link comes later: then it is told at once.
    await bridge.authorizer.signIn?.give(LINK);
    await bridge.signIn('b');
    expect(textOf(bridge.news()[0])).toContain(LINK);
  });

  test('where there is to be no link, the command at once, then it waits', async () => {
    const bridge = startSignedOut();
    await bridge.provisional();
    await bridge.authorizer.signIn?.give(undefined);
    await bridge.signIn('a');
    expect(textOf(bridge.news()[0])).toContain(COMMAND);
    await bridge.signIn('b');
    await bridge.pass(30_000);
    expect(bridge.news()).toEqual([]);
  });

  test('tells the link by progress at once, where the call asks for progress', async () => {
    const bridge = await pending(LINK, true);
    await bridge.signIn('a', { progressToken: 'p' });
    expect(bridge.news()).toEqual([
      {
        jsonrpc: '2.0',
        method: 'notifications/progress',
        params: { progressToken: 'p', progress: 0, message: expect.stringContaining(LINK) },
      },
    ]);
  });

  test('says why the sign-in failed, and begins another one the next time', async () => {
    const bridge = await pending(LINK, true);
    await bridge.signIn('a');
    await bridge.authorizer.fail('authorization-server');
    const [failed] = bridge.news();
    expect(failed.result).toEqual({
      content: [{ type: 'text', text: 'It failed: authorization-server.' }],
      isError: true,
    });
    await bridge.signIn('b');
    expect(bridge.authorizer.signIns).toHaveLength(2);
    await (bridge.authorizer.signIn as ScriptedSignIn | undefined)?.give(LINK);
    expect(textOf(bridge.news()[0])).toContain(LINK);
    await bridge.request(1, 'resources/read', { uri: 'x' });
    expect(bridge.lines).toEqual([]);
    await bridge.authorizer.succeed();
    expect(bridge.news().map(({ method, id }) => method ?? id)).toContain(1);
  });

  test('a cancelled call ends no sign-in, and gets no answer', async () => {
    const bridge = await pending(LINK, true);
    await bridge.signIn('a');
    await bridge.client({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 'a' } });
    await bridge.pass(60_000);
    expect([bridge.lines, bridge.authorizer.signIn?.calls]).toEqual([[], []]);
  });

  test('is still ours when it is called after the sign-in, unless the server lists one of that name', async () => {
    const bridge = await pending();
    await bridge.authorizer.succeed();
    bridge.news();
    bridge.sent();
    await bridge.signIn('a');
    expect(textOf(bridge.news()[0])).toMatch(/^You are signed in\./);
    expect(bridge.sent()).toEqual([]);
    bridge.remote.on('tools/list', bridge.saysResult({ tools: [{ name: 'x' }, { name: 'sign_in' }] }));
    await bridge.request(1, 'tools/list');
    await bridge.signIn('b');
    expect(bridge.sent()).toEqual(['tools/list', 'tools/call']);
  });

  test('begins a sign-in again when the credential has gone since, though no window was opened for that', async () => {
    const bridge = await pending();
    await bridge.authorizer.succeed();
    bridge.remote.on('resources/read', challenged);
    await bridge.request(1, 'resources/read', { uri: 'x' });
    expect(bridge.news().at(-1).error.data.reason).toBe('unauthorized');
    await bridge.signIn('a');
    expect(bridge.authorizer.signIns).toHaveLength(2);
    await bridge.authorizer.succeed();
    expect(textOf(bridge.news()[0])).toMatch(/^Signed in\./);
  });

  test('a later page without it leaves the server its own', async () => {
    const bridge = await pending();
    await bridge.authorizer.succeed();
    bridge.remote.on(
      'tools/list',
      bridge.saysResult({ tools: [{ name: 'sign_in' }], nextCursor: '2' }),
      bridge.saysResult({ tools: [{ name: 'x' }] }),
    );
    await bridge.request(1, 'tools/list');
    await bridge.request(2, 'tools/list', { cursor: '2' });
    bridge.sent();
    await bridge.signIn('a');
    expect(bridge.sent()).toEqual(['tools/call']);
  });

  test('is the server’s where the bridge never offered it', async () => {
    const bridge = startSignedOut({ isOpen: true });
    await bridge.initialize();
    await bridge.initialized();
    bridge.sent();
    await bridge.signIn('a');
    expect(bridge.sent()).toEqual(['tools/call']);
  });

  test('a kind of credential that knows no sign-in says the command', async () => {
    const bridge = startSignedOut();
    bridge.authorizer.begins = false;
    await bridge.provisional();
    bridge.authorizer.beginSignIn = () => undefined as never;
    await bridge.signIn('a');
    const [message] = bridge.news();
    expect([message.result.isError, textOf(message)]).toEqual([
      true,
      expect.stringContaining('npx mcp-drawbridge login https://a.test/mcp'),
    ]);
  });

  test('what goes wrong in the bridge is told, and quoted nowhere', async () => {
    const bridge = await pending();
    await bridge.authorizer.fail('sign-in-timeout');
    bridge.authorizer.beginSignIn = () => {
      throw new Error('s3cret');
    };
    await bridge.signIn('a');
    const [message] = bridge.news();
    expect(message.result.isError).toBe(true);
    expect(textOf(message)).not.toContain('s3cret');
  });
});
