import { describe, expect, test } from 'vitest';
import { isLinux } from '../support/prerequisites.ts';
import { signInWorld, toolText, untilConnected } from '../support/sign-in-world.ts';
import { findSecrets } from '../support/signed-in.ts';

const TOKEN = 'canary-pat-5f0c2d';

/** A JWT that says this of its end; its signature is none. */
function jwt(exp: unknown): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  return `${part({ alg: 'RS256' })}.${part({ sub: 'me', exp })}.c2ln`;
}

/** A server that takes the tokens of a list, and nothing that an authorization server would give. */
async function stage(tokens = new Set([TOKEN])) {
  const world = await signInWorld({ protection: { isValid: (token) => tokens.has(token) } });
  const store = async (input: string, args: string[] = []) => {
    const login = world.login({ args: ['--with-token', ...args] });
    login.child.stdin.end(input);
    return { code: await login.exitWithin(15_000), stdout: login.stdout, stderr: login.stderr };
  };
  return { world, store, tokens };
}

describe.skipIf(!isLinux)('login --with-token', () => {
  test('stores the token that comes on stdin; bridges use it, and open nothing', async () => {
    const { world, store } = await stage();
    const { code, stdout, stderr } = await store(`${TOKEN}\n`);
    expect({ code, stdout }).toEqual({ code: 0, stdout: '' });
    expect(stderr).toContain('Stored the personal access token');
    expect(stderr).not.toContain(TOKEN);
    expect(findSecrets([TOKEN], world.setup.home)).toEqual([]);
    await untilConnected(world.bridge());
    await untilConnected(world.bridge({ args: ['--client-id', 'mine', '--issuer', 'https://as.example'] }));
    expect(new Set(world.remote.credentials('tools/list'))).toEqual(new Set([`Bearer ${TOKEN}`]));
    expect([world.browser.opened, world.server.requests]).toEqual([[], []]);
  });

  test('with a profile, as JSON, with a scheme before it, without a line break', async () => {
    const exp = Math.floor(Date.now() / 1000) + 86_400;
    const token = jwt(exp);
    const { world, store } = await stage(new Set([token]));
    const { code, stdout, stderr } = await store(`Bearer ${token}`, ['--profile', 'work', '--json']);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      server: world.remote.url,
      profile: 'work',
      kind: 'personal-token',
      issuer: world.remote.origin,
      scopes: null,
      expiresAt: new Date(exp * 1000).toISOString().replace('.000', ''),
      refreshable: false,
    });
    expect(stderr).toMatch(/It expires in 23 h .* by its own word/);
  });

  test('stdin that stays open: the first line is the token', async () => {
    const { world } = await stage();
    const login = world.login({ args: ['--with-token'] });
    login.type(TOKEN);
    expect(await login.exitWithin(10_000)).toBe(0);
  });

  test.each([
    ['nothing', '', /There was no token on stdin/],
    ['blanks', '  \n', /There was no token on stdin/],
    ['two lines', `${TOKEN}\n${TOKEN}\n`, /more than one line/],
    ['a word and another', `${TOKEN} ${TOKEN}\n`, /not visible ASCII/],
    ['a control character', `${TOKEN}\u0007\n`, /not visible ASCII/],
    ['another alphabet', 'ключ\n', /not visible ASCII/],
    ['what is too long', `${'x'.repeat(20_000)}\n`, /longer than 16 KiB/],
    ['what does not end', 'x'.repeat(200_000), /longer than 16 KiB/],
  ])('%s is no token: code 2, nothing is sent', async (_, input, why) => {
    const { world, store } = await stage();
    const { code, stderr } = await store(input);
    expect(code).toBe(2);
    expect(stderr).toMatch(why);
    expect(stderr).not.toContain('canary');
    expect(world.remote.remote.requests).toEqual([]);
  });

  test('one that the server refuses is not stored: code 4', async () => {
    const { world, store } = await stage();
    const { code, stderr } = await store('another\n');
    expect(code).toBe(4);
    expect(stderr).toMatch(/refuses this token \(HTTP 401\): .* Nothing was stored\.$/m);
    const expired = await store(jwt(1_600_000_000));
    expect(expired.stderr).toContain('it expired at 2020-09-13 12:26 UTC');
    expect(world.remote.credentials('initialize')).toEqual([]);
  });

  test('a server that can not be reached is no reason against it', async () => {
    const { world } = await stage();
    const login = world.login({ args: ['--with-token'], url: 'http://127.0.0.1:9/mcp' });
    login.child.stdin.end(TOKEN);
    expect(await login.exitWithin(10_000)).toBe(0);
    expect(login.stderr).toContain('It could not be tried');
  });

  test('with --device-code, or with nothing on a stdin that stays open: refused', async () => {
    const { world } = await stage();
    const both = world.login({ args: ['--with-token', '--device-code'] });
    expect(await both.exitWithin(10_000)).toBe(2);
    const silent = world.login({ args: ['--with-token', '--sign-in-timeout', '1'] });
    expect(await silent.exitWithin(10_000)).toBe(4);
    expect(silent.stderr).toContain('No token came on stdin within 1 s');
  });

  test('revoked: said so with the command that helps, no window, and a new one is picked up', async () => {
    const { world, store, tokens } = await stage();
    await store(TOKEN);
    const bridge = world.bridge();
    await untilConnected(bridge);
    tokens.clear();
    const refused = await bridge.callTool('echo', {}, 15_000);
    const text = toolText(refused) || JSON.stringify(refused);
    expect(text).toContain('was revoked: it was accepted before, and is refused now');
    expect(text).toContain(`run: npx -y mcp-drawbridge login ${world.remote.url} --with-token`);
    tokens.add('canary-pat-2');
    expect((await store('canary-pat-2')).code).toBe(0);
    expect(await bridge.callTool('echo', {}, 15_000)).toHaveProperty('result.content');
    expect([world.browser.opened, world.server.requests, world.signInProcesses]).toEqual([[], [], []]);
  });

  test('expired, and refused by a bridge that has never seen it accepted', async () => {
    const soon = jwt(Date.now() / 1000 + 1);
    const { world, store, tokens } = await stage(new Set([soon, TOKEN]));
    await store(soon);
    tokens.delete(soon);
    await new Promise((resolve) => setTimeout(resolve, 1200));
    const expired = await world.bridge().request('initialize', {
      protocolVersion: '2025-11-25',
      capabilities: {},
      clientInfo: { name: 'test', version: '1' },
    });
    expect(expired.error?.message).toMatch(
      /The personal access token for .* expired on \d{4}-\d\d-\d\d; run: /,
    );
    await store(TOKEN);
    tokens.delete(TOKEN);
    const refused = await world.bridge().request('initialize', {
      protocolVersion: '2025-11-25',
      capabilities: {},
      clientInfo: { name: 'test', version: '1' },
    });
    expect(refused.error?.message).toContain('it was revoked, or was never good for this server');
    expect(world.browser.opened).toEqual([]);
  });

  test('a sign-in takes its place', async () => {
    const { world, store } = await stage();
    await store(TOKEN);
    world.remote.protection.isValid = world.server.isValid;
    const login = world.login({ args: ['--no-browser'] });
    const { followSignIn } = await import('../support/browsers.ts');
    await followSignIn(await login.link());
    expect(await login.exitWithin(10_000)).toBe(0);
    await untilConnected(world.bridge());
    expect(world.remote.credentials('tools/list').at(-1)).toMatch(/^Bearer canary-access/);
  });
});
