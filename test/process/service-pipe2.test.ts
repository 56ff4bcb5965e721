import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import type { BridgeProcess } from '../support/bridge-process.ts';
import { initializeParams } from '../support/json-rpc.ts';
import { isLinux } from '../support/prerequisites.ts';
import { startPipe2 } from '../support/services/pipe2.ts';
import { connectBy, type Line, signInAgain, signInBy, use } from '../support/services/service.ts';
import { type SignInWorld, toolText, userOf } from '../support/sign-in-world.ts';

const bearer = ['--header', 'Authorization: Bearer ${PIPE2_TOKEN}'];

/** What a client is told that begins now. */
const refusal = async (bridge: BridgeProcess) =>
  (await bridge.request('initialize', initializeParams(), 30_000)).error?.message ?? '';

async function store(world: SignInWorld, url: string, token: string): Promise<void> {
  const login = world.login({ url, args: ['--with-token'] });
  login.child.stdin.end(token);
  expect(await login.exitWithin(15_000), login.stderr).toBe(0);
}

describe.skipIf(!isLinux)('Pipe2.ai', () => {
  test('the whole way by the discovery of 2025-03-26: connect, use, expire, revoke, sign in again', async () => {
    const pipe2 = await startPipe2();
    const { server, remote, url } = pipe2;
    const world = userOf(server, remote);
    const bridge = await signInBy(world, { url });
    await use(bridge, 'first');
    server.expireAccessTokens();
    await use(bridge, 'renewed');
    expect([server.grants('refresh_token'), world.browser.opened.length]).toEqual([1, 1]);
    server.revokeAll();
    await signInAgain(world, bridge, { url });
    expect(server.of('register')).toHaveLength(1);
    for (const { params } of server.of('authorize')) expect(params.code_challenge_method).toBe('S256');
    expect(server.of('metadata').length).toBeGreaterThan(0);
  }, 90_000);

  test('a personal access token in place of a sign-in: missing, expired and revoked are told apart', async () => {
    const pipe2 = await startPipe2();
    const { server, remote, url } = pipe2;
    const world = userOf(server, remote);
    const again = `run: npx -y mcp-drawbridge login ${url}/ --with-token`;

    const first = pipe2.personalToken();
    await store(world, url, first);
    const bridge = await connectBy(world, { url });
    await use(bridge, 'by token');
    expect(remote.credentials('tools/call').at(-1)).toBe(`Bearer ${first}`);

    pipe2.revokePersonalToken(first);
    const revoked = await bridge.callTool('echo', {}, 30_000);
    const text = toolText(revoked) || revoked.error?.message;
    expect(text).toContain('was revoked: it was accepted before, and is refused now');
    expect(text).toContain(again);

    const short = pipe2.personalToken(2);
    await store(world, url, short);
    await use(bridge, 'the new one, without a restart');
    await delay(2500);
    const expired = await refusal(world.bridge({ url }));
    expect(expired).toMatch(/expired on \d{4}-\d\d-\d\d/);
    expect(expired).toContain(again);

    await store(world, url, pipe2.personalToken());
    await use(bridge, 'and the next');
    await use(await connectBy(world, { url }), 'also in a new start');
    const logout = world.command(['logout', url]);
    expect(await logout.exitWithin(15_000)).toBe(0);
    await delay(1200);
    const missing = await bridge.callTool('echo', {}, 30_000);
    expect(toolText(missing) || missing.error?.message).toMatch(/is missing: it was removed here/);
    expect([world.browser.opened, server.of('authorize')]).toEqual([[], []]);
  }, 120_000);

  test('the same token in a header: missing, expired and revoked are told apart there too', async () => {
    const pipe2 = await startPipe2();
    const { server, remote, url } = pipe2;
    const world = userOf(server, remote);
    const withToken = (token: string): Line => ({ url, args: bearer, env: { PIPE2_TOKEN: token } });

    const unset = world.command([url, ...bearer]);
    expect(await unset.exitWithin(10_000)).toBe(2);
    expect(unset.stderr).toContain('PIPE2_TOKEN');

    const good = pipe2.personalToken();
    const bridge = await connectBy(world, withToken(good));
    await use(bridge, 'by header');
    pipe2.revokePersonalToken(good);
    const revoked = await bridge.callTool('echo', {}, 30_000);
    const revokedText = toolText(revoked) || revoked.error?.message || '';
    const expired = await refusal(world.bridge(withToken(pipe2.personalToken(-60))));
    expect(revokedText).toMatch(/revoked/);
    expect(expired).toMatch(/expired/);
    expect(world.browser.opened).toEqual([]);
  }, 90_000);
});
