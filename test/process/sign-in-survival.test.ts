import { describe, expect, test } from 'vitest';
import { followSignIn } from '../support/browsers.ts';
import { initializeParams } from '../support/json-rpc.ts';
import { accepts } from '../support/listening-ports.ts';
import { isLinux } from '../support/prerequisites.ts';
import { isRunning } from '../support/processes.ts';
import { paramsOf, signInWorld, untilTools } from '../support/sign-in-world.ts';
import { until } from '../support/wait.ts';

describe.skipIf(!isLinux)('a sign-in outlives the bridge that began it (DESIGN rule 4)', () => {
  const ends = {
    SIGKILL: { end: 'SIGKILL', code: null },
    SIGTERM: { end: 'SIGTERM', code: 143 },
    SIGINT: { end: 'SIGINT', code: 130 },
    'the end of stdin': { end: undefined, code: 0 },
  } as const;

  test.each(Object.entries(ends))(
    '%s: the bridge is gone at once, the tab is finished, the next one needs no window [B-22]',
    async (_, { end, code }) => {
      const world = await signInWorld();
      const bridge = world.bridge();
      bridge.send({ jsonrpc: '2.0', id: 'i', method: 'initialize', params: initializeParams() });
      const url = await world.browser.nextOpened();
      if (end) bridge.kill(end);
      else bridge.closeStdin();
      const exit = await bridge.exitWithin(5000);
      expect(exit.code).toBe(code);
      expect(isRunning(await world.signInProcess())).toBe(true);

      const { result } = await followSignIn(url);
      expect(result).toMatchObject({ status: 200, body: expect.stringContaining('You are signed in') });
      const { port } = new URL(paramsOf(url).redirect_uri as string);
      await until('the port is free', async () => !(await accepts(Number(port))), 2000);
      await world.signInEnded();

      const next = world.bridge();
      const answer = await next.initialize();
      expect(answer.result.serverInfo.name).toBe('fake-remote');
      await untilTools(next);
      expect(world.browser.opened).toHaveLength(1);
      expect(world.server.grants()).toBe(1);
    },
  );

  test('the next bridge finds the tab still open: it waits for that one', async () => {
    const world = await signInWorld();
    const first = world.bridge();
    first.send({ jsonrpc: '2.0', id: 'i', method: 'initialize', params: initializeParams() });
    const url = await world.browser.nextOpened();
    first.kill('SIGKILL');
    await first.exitWithin(5000);

    const next = world.bridge();
    const answer = await next.initialize();
    expect(answer.result.serverInfo.name).not.toBe('fake-remote');
    const told = await next.callTool('sign_in', {}, 20_000);
    expect(JSON.stringify(told)).toContain(paramsOf(url).state as string);
    expect((await followSignIn(url)).result?.status).toBe(200);
    await untilTools(next);
    expect(world.browser.opened).toHaveLength(1);
  });

  test('a client that dies before there was a link leaves nothing behind', async () => {
    const world = await signInWorld();
    world.server.on('metadata', (exchange) => exchange.hang());
    const bridge = world.bridge();
    bridge.send({ jsonrpc: '2.0', id: 'i', method: 'initialize', params: initializeParams() });
    await world.server.next('metadata', 1, 15_000);
    bridge.kill('SIGKILL');
    await world.signInEnded(5000);
    expect(world.browser.opened).toEqual([]);

    world.server.off('metadata');
    const next = world.bridge();
    const handshake = next.initialize();
    expect((await followSignIn(await world.browser.nextOpened())).result?.status).toBe(200);
    await handshake;
    await untilTools(next);
  });

  test('nobody finishes the tab of a bridge that is gone: the sign-in ends by itself', async () => {
    const world = await signInWorld();
    const bridge = world.bridge({ args: ['--sign-in-timeout', '3'] });
    bridge.send({ jsonrpc: '2.0', id: 'i', method: 'initialize', params: initializeParams() });
    const url = await world.browser.nextOpened();
    bridge.kill('SIGKILL');
    await world.signInEnded(15_000);
    expect(await accepts(Number(new URL(paramsOf(url).redirect_uri as string).port))).toBe(false);
  });
});
