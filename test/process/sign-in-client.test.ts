import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { BridgeProcess } from '../support/bridge-process.ts';
import { followingBrowser, followSignIn, recordingBrowser } from '../support/browsers.ts';
import type { Message } from '../support/json-rpc.ts';
import { isLinux } from '../support/prerequisites.ts';
import { openHandshake } from '../support/protected-remote.ts';
import { linkIn, paramsOf, signInWorld, toolsOf, toolText, untilTools } from '../support/sign-in-world.ts';
import { until } from '../support/wait.ts';

const urlMode = { capabilities: { elicitation: { url: {} } } };

describe.skipIf(!isLinux)('a client meanwhile', () => {
  test.each([
    ['a browser that takes 0.2 s', 200, 0],
    ['a browser that takes 3 s', 3000, 0],
    ['a call 8 s later', 200, 8000],
  ])(
    'handshake and list are open, calls are not: %s [A4]',
    async (_, delay, pause) => {
      const world = await signInWorld({
        browser: followingBrowser({ delay }),
        protection: { publicMethods: openHandshake },
      });
      const bridge = world.bridge();
      const answer = await bridge.initialize();
      expect(answer.result.serverInfo.name).toBe('fake-remote');
      expect(toolsOf(await bridge.request('tools/list'))).toEqual(['echo']);
      await world.remote.remote.next('GET');
      await new Promise((resolve) => setTimeout(resolve, pause));
      expect(world.browser.opened, 'the stream alone asks nobody').toEqual([]);
      const result = await bridge.callTool('echo', { text: 'hello' }, 30_000);
      expect(toolText(result)).toContain('hello');
      expect(world.browser.opened).toHaveLength(1);
      // The stream that was refused comes back with the token.
      await until('the stream with the token', () =>
        world.remote.credentials('GET').some((value) => value !== undefined),
      );
    },
    60_000,
  );

  test('initialize is answered within --initialize-wait; then sign_in gives the link, waits, and the tools come', async () => {
    const world = await signInWorld();
    const bridge = world.bridge({ args: ['--initialize-wait', '1'] });
    const start = performance.now();
    const answer = await bridge.initialize();
    expect(performance.now() - start).toBeGreaterThan(900);
    const { serverInfo, capabilities, instructions } = answer.result;
    expect(serverInfo.name).toBe(new URL(world.remote.url).host);
    expect(capabilities.tools).toEqual({ listChanged: true });
    expect(instructions).toContain('sign_in');
    expect(toolsOf(await bridge.request('tools/list'))).toEqual(['sign_in']);
    expect((await bridge.request('prompts/list')).result).toEqual({ prompts: [] });
    expect(await bridge.request('ping')).toHaveProperty('result');

    const url = await world.browser.nextOpened();
    const first = toolText(await bridge.callTool('sign_in', {}, 30_000));
    expect(linkIn(first)).toBe(url);
    const second = bridge.callTool('sign_in', {}, 60_000);
    const waiting = bridge.callTool('echo', { text: 'waited' }, 60_000);
    expect((await followSignIn(url)).result?.status).toBe(200);
    expect(toolText(await second)).toMatch(/^Signed in\./);
    expect(toolText(await waiting)).toContain('waited');
    for (const list of ['tools', 'prompts', 'resources'])
      await bridge.nextMessage(({ method }) => method === `notifications/${list}/list_changed`);
    expect(toolsOf(await bridge.request('tools/list'))).toEqual(['echo']);
    expect(world.remote.remote.of('initialize').filter(({ headers }) => headers.authorization)).toHaveLength(
      1,
    );
    expect(world.browser.opened).toHaveLength(1);
  }, 90_000);

  test('the next start answers from what it remembers of the server', async () => {
    const world = await signInWorld({
      browser: followingBrowser(),
      remote: { capabilities: { logging: {} } },
    });
    const first = world.bridge();
    await first.initialize();
    await untilTools(first);
    await until('what is remembered', () =>
      readdirSync(join(world.setup.home, 'memories')).some((name) => name.endsWith('.sealed')),
    );
    first.closeStdin();
    await first.exitWithin(5000);
    world.server.revokeAll();
    const later = recordingBrowser();
    const next = world.bridge({ args: ['--initialize-wait', '0.5'], env: { BROWSER: later.program } });
    const { result } = await next.initialize();
    expect(result.serverInfo.name).toBe('fake-remote');
    expect(result.capabilities).toMatchObject({ logging: {}, tools: { listChanged: true } });
    expect(result.capabilities).not.toHaveProperty('prompts');
    expect((await followSignIn(await later.nextOpened())).result?.status).toBe(200);
    await untilTools(next);
  }, 60_000);

  test('a call that waits in vain is told the link as a result of the tool, and its end does not end the sign-in', async () => {
    const world = await signInWorld();
    const bridge = world.bridge({ args: ['--initialize-wait', '0.5'] });
    await bridge.initialize();
    const url = await world.browser.nextOpened();
    const [call, prompt] = await Promise.all([
      bridge.callTool('echo', {}, 70_000),
      bridge.request('prompts/get', { name: 'a' }, 70_000),
    ]);
    expect(call.result?.isError).toBe(true);
    expect(toolText(call)).toContain(linkIn(toolText(call)));
    expect(linkIn(toolText(call))).toBe(url);
    expect(prompt.error?.data).toMatchObject({
      source: 'mcp-drawbridge',
      reason: 'sign-in-needed',
      link: url,
    });

    bridge.send({ jsonrpc: '2.0', id: 'cancelled', method: 'tools/call', params: { name: 'echo' } });
    bridge.notify('notifications/cancelled', { requestId: 'cancelled' });
    expect(await bridge.request('ping')).toHaveProperty('result');
    expect((await followSignIn(url)).result?.status).toBe(200);
    await untilTools(bridge);
    expect(bridge.messages.filter(({ id }) => id === 'cancelled')).toEqual([]);
    expect(world.browser.opened).toHaveLength(1);
  }, 120_000);

  describe('that opens links itself (URL-mode elicitation)', () => {
    const asked = (bridge: BridgeProcess): Promise<Message> =>
      bridge.nextMessage(({ method }) => method === 'elicitation/create', 20_000);
    const reply = (bridge: BridgeProcess, { id }: Message, over: object) =>
      bridge.send({ jsonrpc: '2.0', id, ...over });

    test('accept: it is asked once, no window opens, and it hears when all is done', async () => {
      const world = await signInWorld();
      const bridge = world.bridge();
      await bridge.initialize(urlMode);
      const question = await asked(bridge);
      const { mode, url, elicitationId } = question.params;
      expect(mode).toBe('url');
      reply(bridge, question, { result: { action: 'accept' } });
      expect((await followSignIn(url)).result?.status).toBe(200);
      const done = await bridge.nextMessage(({ method }) => method === 'notifications/elicitation/complete');
      expect(done.params).toEqual({ elicitationId });
      await untilTools(bridge);
      expect(world.browser.opened).toEqual([]);
      expect(bridge.messages.filter(({ method }) => method === 'elicitation/create')).toHaveLength(1);
      // The server never hears of the question.
      expect(world.remote.remote.of('response')).toEqual([]);
    });

    test('decline: the sign-in is over, and no window opens', async () => {
      const world = await signInWorld();
      const bridge = world.bridge();
      await bridge.initialize(urlMode);
      const question = await asked(bridge);
      reply(bridge, question, { result: { action: 'decline' } });
      await world.signInEnded();
      const { port } = new URL(paramsOf(question.params.url).redirect_uri as string);
      expect(port).not.toBe('');
      const call = await bridge.callTool('echo', {}, 20_000);
      expect(call.result?.isError).toBe(true);
      expect(toolText(call)).toContain('login');
      expect(world.browser.opened).toEqual([]);
    });

    test('cancel: put off, no window opens, and the tool begins anew', async () => {
      const world = await signInWorld();
      const bridge = world.bridge();
      await bridge.initialize(urlMode);
      reply(bridge, await asked(bridge), { result: { action: 'cancel' } });
      await world.signInEnded();
      const tool = bridge.callTool('sign_in', {}, 40_000);
      const question = await asked(bridge);
      reply(bridge, question, { result: { action: 'accept' } });
      expect((await followSignIn(question.params.url)).result?.status).toBe(200);
      expect(toolText(await tool)).toMatch(/^Signed in\./);
      await untilTools(bridge);
      expect(world.browser.opened).toEqual([]);
    }, 60_000);

    test('in the middle of a session, too: the call waits for it', async () => {
      const world = await signInWorld();
      const bridge = world.bridge();
      await bridge.initialize(urlMode);
      const first = await asked(bridge);
      reply(bridge, first, { result: { action: 'accept' } });
      await followSignIn(first.params.url);
      await untilTools(bridge);
      world.server.revokeAll();
      const call = bridge.callTool('echo', { text: 'after' }, 30_000);
      const second = await asked(bridge);
      reply(bridge, second, { result: { action: 'accept' } });
      expect((await followSignIn(second.params.url)).result?.status).toBe(200);
      expect(toolText(await call)).toContain('after');
      expect(world.browser.opened).toEqual([]);
    });

    test('an error: the window opens after all', async () => {
      const world = await signInWorld({ browser: followingBrowser() });
      const bridge = world.bridge();
      await bridge.initialize(urlMode);
      const question = await asked(bridge);
      reply(bridge, question, { error: { code: -32603, message: 'cannot' } });
      expect(await world.browser.nextOpened()).toBe(question.params.url);
      await untilTools(bridge);
      expect(world.browser.opened).toHaveLength(1);
    });
  });
});
