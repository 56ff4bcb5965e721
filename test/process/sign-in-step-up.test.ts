import { describe, expect, test } from 'vitest';
import { followingBrowser } from '../support/browsers.ts';
import type { RecordedRequest } from '../support/fake-remote.ts';
import { initializeParams } from '../support/json-rpc.ts';
import { isLinux } from '../support/prerequisites.ts';
import type { Protection } from '../support/protected-remote.ts';
import { paramsOf, signInWorld, toolText, untilConnected } from '../support/sign-in-world.ts';

/** The tool that a request calls. */
const toolOf = ({ message }: RecordedRequest) =>
  message?.method === 'tools/call' ? (message.params?.name as string) : undefined;

/** A challenge with these scopes, and where the metadata is. */
const challenge =
  (scopeFor: (request: RecordedRequest) => string): NonNullable<Protection['challenge']> =>
  (problem, request) =>
    `Bearer resource_metadata="http://${request.headers.host}/.well-known/oauth-protected-resource/mcp", scope="${
      problem === 'insufficient_scope' ? scopeFor(request) : 'read'
    }"${problem === 'missing' ? '' : `, error="${problem}"`}`;

describe.skipIf(!isLinux)('a server that wants more', () => {
  test.each([
    ['at once', 0],
    ['after 2 s', 2000],
  ])(
    'one tool needs another scope, the user consents %s: the union is asked for, the call is sent again once [M9]',
    async (_, delay) => {
      const world = await signInWorld({ browser: followingBrowser({ delay }) });
      const { server, remote, browser } = world;
      remote.protection.challenge = challenge(() => 'write');
      remote.protection.isValid = (token, request) => {
        if (!server.isValid(token)) return false;
        return (
          toolOf(request) !== 'write' || server.scopesOf(token).includes('write') || 'insufficient_scope'
        );
      };
      const bridge = world.bridge();
      await untilConnected(bridge);
      const answer = await bridge.callTool('write', { text: 'done' }, 30_000);
      expect(toolText(answer)).toContain('done');
      expect(remote.remote.requests.filter((request) => toolOf(request) === 'write')).toHaveLength(2);
      expect(browser.opened.map((url) => paramsOf(url).scope)).toEqual(['read', 'read write']);
      // A second call has what it needs; so has a bridge that starts later.
      expect(toolText(await bridge.callTool('write', { text: 'again' }))).toContain('again');
      const other = world.bridge();
      await untilConnected(other);
      expect(toolText(await other.callTool('write', { text: 'there' }))).toContain('there');
      expect(browser.opened).toHaveLength(2);
    },
    60_000,
  );

  test('ten calls at once need the same scope: one window', async () => {
    const world = await signInWorld({ browser: followingBrowser({ delay: 300 }) });
    const { server, remote, browser } = world;
    remote.protection.challenge = challenge(() => 'write');
    remote.protection.isValid = (token, request) => {
      if (!server.isValid(token)) return false;
      return toolOf(request) !== 'write' || server.scopesOf(token).includes('write') || 'insufficient_scope';
    };
    const bridge = world.bridge();
    await untilConnected(bridge);
    const answers = await Promise.all(
      Array.from({ length: 10 }, (_, text) => bridge.callTool('write', { text }, 30_000)),
    );
    for (const [text, answer] of answers.entries()) expect(toolText(answer)).toBe(JSON.stringify({ text }));
    expect(browser.opened).toHaveLength(2);
  }, 60_000);

  test('three bridges need the same scope at once: one window', async () => {
    const world = await signInWorld({ browser: followingBrowser({ delay: 300 }) });
    const { server, remote, browser } = world;
    remote.protection.challenge = challenge(() => 'write');
    remote.protection.isValid = (token, request) => {
      if (!server.isValid(token)) return false;
      return toolOf(request) !== 'write' || server.scopesOf(token).includes('write') || 'insufficient_scope';
    };
    const bridges = [world.bridge(), world.bridge(), world.bridge()];
    for (const bridge of bridges) await untilConnected(bridge);
    const answers = await Promise.all(
      bridges.map((bridge, text) => bridge.callTool('write', { text }, 30_000)),
    );
    for (const [text, answer] of answers.entries()) expect(toolText(answer)).toBe(JSON.stringify({ text }));
    expect(browser.opened).toHaveLength(2);
  }, 60_000);

  test('403 for ever, with another scope each time: two step-ups at the most, then an error that names it [T24]', async () => {
    const world = await signInWorld({ browser: followingBrowser() });
    const { server, remote, browser } = world;
    let count = 0;
    remote.protection.challenge = challenge(() => `scope-${++count}`);
    remote.protection.isValid = (token, request) => {
      if (!server.isValid(token)) return false;
      return toolOf(request) === undefined || 'insufficient_scope';
    };
    const bridge = world.bridge();
    await untilConnected(bridge);
    for (let calls = 1; calls <= 6; calls++) {
      const answer = await bridge.callTool('write', {}, 30_000);
      expect(answer.result?.isError, JSON.stringify(answer)).toBe(true);
      expect(toolText(answer)).toMatch(/scope-\d/);
    }
    expect(browser.opened.length).toBeLessThanOrEqual(3);
    expect(server.grants()).toBeLessThanOrEqual(3);
  }, 60_000);

  test('the user refuses the scope: told, and not asked again for it', async () => {
    const world = await signInWorld({ browser: followingBrowser() });
    const { server, remote, browser } = world;
    remote.protection.challenge = challenge(() => 'write');
    remote.protection.isValid = (token, request) => {
      if (!server.isValid(token)) return false;
      return toolOf(request) !== 'write' || 'insufficient_scope';
    };
    const bridge = world.bridge();
    await untilConnected(bridge);
    server.options.redirect = (usual) => ({ ...usual, code: undefined, error: 'access_denied' });
    for (let calls = 1; calls <= 3; calls++)
      expect((await bridge.callTool('write', {}, 30_000)).result?.isError).toBe(true);
    expect(browser.opened).toHaveLength(2);
    expect(await bridge.callTool('echo', { text: 'still' })).toMatchObject({
      result: { content: [{ text: '{"text":"still"}' }] },
    });
  }, 60_000);

  test('401 for ever, with tokens that were just given: a window, an error, and an end [T84]', async () => {
    const world = await signInWorld({ browser: followingBrowser(), protection: { isValid: () => false } });
    const { server, browser, remote } = world;
    const bridge = world.bridge({ args: ['--initialize-wait', '20'] });
    await bridge.request('initialize', initializeParams(), 30_000);
    for (let tries = 1; tries <= 5; tries++) {
      const answer = await bridge.callTool('echo', {}, 30_000);
      expect(JSON.stringify(answer)).toContain('refuses the very token');
    }
    expect(browser.opened).toHaveLength(1);
    expect(server.grants()).toBeLessThanOrEqual(2);
    expect(remote.remote.of('tools/call').length).toBeLessThanOrEqual(5 * 3);
    // Nor does another bridge, which only finds the token in the store, make a storm of it.
    const other = world.bridge({ args: ['--initialize-wait', '20'] });
    await other.request('initialize', initializeParams(), 30_000);
    for (let tries = 1; tries <= 3; tries++) await other.callTool('echo', {}, 30_000);
    expect(browser.opened.length).toBeLessThanOrEqual(2);
    expect(server.grants()).toBeLessThanOrEqual(5);
  }, 90_000);

  test('401 for ever after a good start: two grants a request at the most, and one window [T84]', async () => {
    const world = await signInWorld({ browser: followingBrowser() });
    const { server, browser, remote } = world;
    const bridge = world.bridge();
    await untilConnected(bridge);
    remote.protection.isValid = () => false;
    for (let tries = 1; tries <= 5; tries++) {
      const before = server.grants();
      await bridge.callTool('echo', {}, 30_000);
      expect(server.grants() - before).toBeLessThanOrEqual(2);
    }
    expect(browser.opened).toHaveLength(2);
    remote.protection.isValid = server.isValid;
    expect(await bridge.callTool('echo', { text: 'well' }, 30_000)).toMatchObject({
      result: { content: [{ text: '{"text":"well"}' }] },
    });
    expect(browser.opened).toHaveLength(2);
  }, 90_000);
});
