import { describe, expect, test } from 'vitest';
import { callEcho, echoed, oauthStage } from '../support/oauth-stage.ts';

type Stage = Awaited<ReturnType<typeof oauthStage>>;
const scopesAsked = ({ authorizations }: Stage): (string | undefined)[] =>
  authorizations.map(({ scope }) => scope);
const scopeRegistered = ({ server }: Stage): unknown =>
  (server.of('register').at(-1)?.message as { scope?: unknown } | undefined)?.scope;

describe('the scope', () => {
  test('is left out where none is known [M1]', async () => {
    const stage = await oauthStage();
    await stage.signIn();
    expect(scopesAsked(stage)).toEqual([undefined]);
    expect(scopeRegistered(stage)).toBeUndefined();
  });

  test('is never what the authorization server lists [M2]', async () => {
    const stage = await oauthStage({
      server: { metadata: { scopes_supported: ['admin', 'offline_access'] } },
    });
    await stage.signIn();
    expect(scopesAsked(stage)).toEqual([undefined]);
  });

  test('is what the resource lists, with offline_access where the authorization server knows it [M3]', async () => {
    const stage = await oauthStage({
      server: { metadata: { scopes_supported: ['admin', 'offline_access'] } },
      protection: { scopes: ['a', 'b'] },
    });
    await stage.signIn();
    expect(scopesAsked(stage)).toEqual(['a b offline_access']);
    expect(scopeRegistered(stage)).toBe('a b offline_access');
  });

  test('has no offline_access where only the resource lists that', async () => {
    const stage = await oauthStage({ protection: { scopes: ['a', 'offline_access'] } });
    await stage.signIn();
    expect(scopesAsked(stage)).toEqual(['a']);
  });

  test('is what the challenge says, whatever the resource lists', async () => {
    const stage = await oauthStage({ protection: { scopes: ['a', 'b'], scopeNeeded: 'c' } });
    await stage.signIn();
    expect(scopesAsked(stage)).toEqual(['c']);
  });

  test('is exactly what --scope says', async () => {
    const stage = await oauthStage({
      server: { metadata: { scopes_supported: ['offline_access'] } },
      protection: { scopes: ['a', 'b'], scopeNeeded: 'c' },
    });
    await stage.signIn('--scope', 'x y');
    expect(scopesAsked(stage)).toEqual(['x y']);
    expect(scopeRegistered(stage)).toBe('x y');
  });

  test('that is refused is left out in the same tab, and from then on [M4]', async () => {
    const stage = await oauthStage({ server: { scopes: [] }, protection: { scopes: ['a', 'b'] } });
    const bridge = await stage.connect();
    expect((await callEcho(bridge)).result).toEqual(echoed);
    expect(scopesAsked(stage)).toEqual(['a b', undefined]);
    expect(stage.windows).toBe(1);
    stage.server.revokeAll();
    expect((await callEcho(bridge)).result).toEqual(echoed);
    expect(scopesAsked(stage).slice(2)).not.toContain('a b');
    expect(stage.windows).toBe(2);
  });

  test('that is refused gives way to that of the challenge [M4]', async () => {
    const stage = await oauthStage({
      server: { scopes: ['c'], metadata: { scopes_supported: ['offline_access'] } },
      protection: { scopes: ['a'], scopeNeeded: 'c' },
    });
    await stage.signIn();
    expect(scopesAsked(stage)).toEqual(['c offline_access', 'c']);
    await stage.signIn();
    expect(new Set(scopesAsked(stage).slice(2))).toEqual(new Set(['c']));
    expect(stage.windows).toBe(2);
  });

  test('that is refused later on is left out as well', async () => {
    const stage = await oauthStage({ server: { scopes: [] }, protection: { scopes: ['a', 'b'] } });
    await stage.signIn();
    stage.remote.protection.scopes = ['c'];
    await stage.signIn();
    expect(scopesAsked(stage).filter((scope) => scope !== undefined)).toEqual(['a b', 'c']);
    expect(stage.windows).toBe(2);
  });

  test('is given up after one refusal more', async () => {
    const stage = await oauthStage({
      server: { scopes: [], requires: ['scope'] },
      protection: { scopes: ['a'] },
    });
    expect(await stage.signInFails(3)).toContain('invalid_scope');
    expect(scopesAsked(stage).length).toBeLessThanOrEqual(3);
    expect(stage.windows).toBe(1);
  });

  test('of --scope is not changed: the refusal is told', async () => {
    const stage = await oauthStage({ server: { scopes: ['a'] }, protection: { scopes: ['a'] } });
    expect(await stage.signInFails(3, '--scope', 'b')).toContain('invalid_scope');
    expect(scopesAsked(stage)).toEqual(['b']);
  });

  test('that the registration refuses is left out of it, and asked for all the same', async () => {
    const stage = await oauthStage({ protection: { scopes: ['a'] } });
    stage.server.once('register', (exchange) =>
      exchange.json(400, { error: 'invalid_client_metadata', error_description: 'unknown scope' }),
    );
    await stage.signIn();
    expect(stage.server.of('register')).toHaveLength(2);
    expect(scopeRegistered(stage)).toBeUndefined();
    expect(scopesAsked(stage)).toEqual(['a']);
    // It is as good as any other registration: another sign-in makes none.
    await stage.signIn();
    expect(stage.server.of('register')).toHaveLength(2);
  });

  test('and the resource are both left out where both are refused, in one tab', async () => {
    const stage = await oauthStage({ server: { scopes: [], resources: [] }, protection: { scopes: ['a'] } });
    await stage.signIn();
    expect(stage.windows).toBe(1);
    expect(stage.authorizations.at(-1)).not.toHaveProperty('scope');
    expect(stage.authorizations.at(-1)).not.toHaveProperty('resource');
  });
});

describe('--authorize-param', () => {
  test('adds to the authorization request', async () => {
    const stage = await oauthStage();
    await stage.signIn(
      '--authorize-param',
      'audience=https://api.example',
      '--authorize-param',
      'prompt=consent',
    );
    expect(stage.authorizations.at(-1)).toMatchObject({ audience: 'https://api.example', prompt: 'consent' });
    const [token] = stage.server.of('token');
    expect(token?.params).not.toHaveProperty('audience');
  });

  test('is pushed with the rest', async () => {
    const stage = await oauthStage({ server: { par: 'required' } });
    await stage.signIn('--authorize-param', 'audience=https://api.example');
    expect(stage.server.of('par')[0]?.params.audience).toBe('https://api.example');
  });

  test.each(['state=x', 'redirect_uri=x', 'resource=x', 'code_challenge=x', 'nothing', '=x'])(
    '%s is a usage error',
    async (parameter) => {
      const stage = await oauthStage();
      expect(await stage.signInFails(2, '--authorize-param', parameter)).toContain('authorize-param');
      expect(stage.windows).toBe(0);
    },
  );
});
