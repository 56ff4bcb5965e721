import { describe, expect, test } from 'vitest';
import { isLinux } from '../support/prerequisites.ts';
import { connectBy, signInAgain, signInBy, use } from '../support/services/service.ts';
import { startTokPortal } from '../support/services/tokportal.ts';
import { toolText, userOf } from '../support/sign-in-world.ts';

describe.skipIf(!isLinux)('TokPortal', () => {
  test('the whole way: a key without an end serves every start, until it is deleted', async () => {
    const tokportal = await startTokPortal();
    const { server, url } = tokportal;
    const world = userOf(server, tokportal.remote);
    const bridge = await signInBy(world, { url });
    await use(bridge, 'first');
    await use(await connectBy(world, { url }), 'the next start');
    expect(server.of('token')).toHaveLength(1);
    expect(server.of('authorize')[0]?.params).toMatchObject({
      response_type: 'code',
      code_challenge_method: 'S256',
      code_challenge: expect.stringMatching(/^[\w-]{43}$/),
    });
    tokportal.revoke('full');
    await signInAgain(world, bridge, { url });
    expect(server.of('token').map(({ params }) => params.grant_type)).toEqual([
      'authorization_code',
      'authorization_code',
    ]);
    expect(server.of('register')).toHaveLength(1);
  }, 90_000);

  test('full and read-only side by side, by profile; each is revoked by itself', async () => {
    const tokportal = await startTokPortal();
    const { server, remote, url } = tokportal;
    const world = userOf(server, remote);
    const careful = { url, args: ['--profile', 'read-only'] };
    const full = await signInBy(world, { url });
    tokportal.choose('read_only');
    const readOnly = await signInBy(world, careful);
    expect((await full.callTool('write', { post: 1 })).result?.isError).toBeUndefined();
    const refused = await readOnly.callTool('write', { post: 2 }, 30_000);
    expect(refused.result?.isError, JSON.stringify(refused)).toBe(true);
    await Promise.all([use(full, 'full'), use(readOnly, 'read only')]);
    expect(world.browser.opened).toHaveLength(2);

    tokportal.revoke('read_only');
    await signInAgain(world, readOnly, careful);
    await use(full, 'not concerned');
    tokportal.revoke('full');
    tokportal.choose('full');
    await signInAgain(world, full, { url });
    await use(readOnly, 'not concerned either');
  }, 120_000);

  test('an error reaches the model with its id, the delay and the limits', async () => {
    const tokportal = await startTokPortal();
    const world = userOf(tokportal.server, tokportal.remote);
    const bridge = await signInBy(world, { url: tokportal.url });
    const { requestId } = tokportal.limitNextCall(30);
    const { error } = await bridge.callTool('echo', {});
    // Most clients show the model the message alone.
    expect(error?.message).toContain('try again in 30 s');
    expect(error?.message).toContain(requestId);
    expect(error?.data).toMatchObject({
      reason: 'rate-limited',
      status: 429,
      retryAfter: 30,
      requestId,
      rateLimit: { 'x-ratelimit-limit': '120', 'x-ratelimit-remaining': '0' },
      remote: { error: { code: 'RATE_LIMITED', retry_after_seconds: 30, request_id: requestId } },
    });
    // The call was sent once: whether to try again is for the model to say.
    expect(tokportal.remote.remote.of('tools/call')).toHaveLength(1);
  });

  test('an error that the tool itself tells is passed on as it came', async () => {
    const tokportal = await startTokPortal();
    const { remote } = tokportal.remote;
    const world = userOf(tokportal.server, tokportal.remote);
    const bridge = await signInBy(world, { url: tokportal.url });
    const text = '{"error":"QUOTA","request_id":"req_9","retry_after_seconds":3600}';
    remote.once('tools/call', (exchange) =>
      exchange.result({ isError: true, content: [{ type: 'text', text }] }),
    );
    const told = await bridge.callTool('echo', {});
    expect([told.result?.isError, toolText(told)]).toEqual([true, text]);
    // A JSON-RPC error keeps its own message and data; what only the headers tell is added.
    const data = { request_id: 'req_10', retry_after_seconds: 60 };
    remote.once('tools/call', (exchange) => {
      const error = { code: -32002, message: 'Quota used up', data };
      exchange.json(402, { jsonrpc: '2.0', id: exchange.id, error }, { 'X-RateLimit-Remaining': '0' });
    });
    expect((await bridge.callTool('echo', {})).error).toEqual({
      code: -32002,
      message: 'Quota used up',
      data: { ...data, status: 402, rateLimit: { 'x-ratelimit-remaining': '0' } },
    });
  });
});
