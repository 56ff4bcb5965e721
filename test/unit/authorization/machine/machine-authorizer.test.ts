import { describe, expect, onTestFinished, test } from 'vitest';
import type { Challenge } from '../../../../src/authorization/authorizer.ts';
import { MachineAuthorizer } from '../../../../src/authorization/machine/machine-authorizer.ts';
import { findConnections } from '../../../../src/credentials/record.ts';
import { DrawbridgeError } from '../../../../src/errors.ts';
import type { SignInSettings } from '../../../../src/settings.ts';
import { startFakeAuthorizationServer } from '../../../support/fake-authorization-server.ts';
import { startProtectedRemote } from '../../../support/protected-remote.ts';
import { newStore, openStore, settingsFor } from '../../helpers/oauth-parts.ts';
import { recordingLogger } from '../../helpers/recording-logger.ts';

const machine: Partial<SignInSettings> = {
  grant: 'client-credentials',
  clientId: 'me',
  clientSecret: 'canary-secret',
};

/** A server of machines, the resource behind it, and bridges that share a store. */
async function stage(signIn: Partial<SignInSettings> = {}) {
  const server = await startFakeAuthorizationServer();
  let count = 0;
  let expiresIn: number | undefined = 3600;
  server.on('token', (exchange) => {
    const { scope } = exchange.params;
    count++;
    exchange.json(200, {
      access_token: `access-${count}`,
      refresh_token: `canary-refresh-${count}`,
      token_type: 'Bearer',
      ...(expiresIn !== undefined && { expires_in: expiresIn }),
      ...(scope && { scope }),
    });
  });
  const remote = await startProtectedRemote({
    isValid: () => false,
    authorizationServers: [server.issuer],
    scopes: ['a'],
  });
  const { store, folder } = newStore();
  const { log, lines, secrets } = recordingLogger();
  const bridge = (more: Partial<SignInSettings> = {}, of = store) => {
    const settings = settingsFor(remote.url, { ...machine, ...signIn, ...more });
    const authorizer = new MachineAuthorizer({ settings, folder, store: of, log });
    onTestFinished(() => authorizer.close());
    return authorizer;
  };
  const refuse = (
    used: string | undefined,
    more: Partial<Challenge> & { field?: string } = {},
  ): Challenge => ({
    status: 401,
    header:
      more.field ?? `Bearer resource_metadata="${remote.origin}/.well-known/oauth-protected-resource/mcp"`,
    error: new DrawbridgeError('unauthorized', 'refused', { status: 401 }),
    used,
    mayAskUser: true,
    ...more,
  });
  return {
    server,
    remote,
    store,
    lines,
    secrets,
    bridge,
    another: () => bridge({}, openStore(folder)),
    refuse,
    live: (seconds: number | undefined) => {
      expiresIn = seconds;
    },
    /** Starts with a token that the resource takes. */
    async ready() {
      const authorizer = bridge();
      expect(await authorizer.challenged(refuse(undefined))).toBeUndefined();
      authorizer.accepted('Bearer access-1');
      return authorizer;
    },
    records: () => findConnections(store, remote.url, 'default').map(({ record }) => record),
    get asked() {
      return server.of('token').map(({ params }) => params);
    },
  };
}

describe('a first token', () => {
  test('is got when the server asks for one: its challenge says where and for what', async () => {
    const at = await stage();
    const authorizer = at.bridge();
    expect(authorizer.credential()).toBeUndefined();
    const field = 'Bearer scope="x y"';
    expect(await authorizer.challenged(at.refuse(undefined, { field }))).toBeUndefined();
    expect(authorizer.credential()).toBe('Bearer access-1');
    expect(at.asked).toEqual([{ grant_type: 'client_credentials', scope: 'x y', resource: at.remote.url }]);
    expect(authorizer.signIn).toBeUndefined();
    expect(authorizer.beginSignIn()).toBeUndefined();
  });

  test('[X-07] is kept as what it is, without the refresh token that it needs not', async () => {
    const at = await stage();
    await at.ready();
    const [record, ...more] = at.records();
    expect(more).toEqual([]);
    expect(record).toMatchObject({
      grant: 'client_credentials',
      issuer: at.server.issuer,
      resource: at.remote.url,
      client: { id: 'me', source: 'configured', authMethod: 'client_secret_basic' },
      requestedScope: 'a',
      scope: 'a',
      accessToken: 'access-1',
    });
    expect(record).not.toHaveProperty('refreshToken');
    expect(at.secrets).toEqual(expect.arrayContaining(['canary-secret', 'access-1']));
  });

  test('is one for all that ask at the same time, here and in other processes', async () => {
    const at = await stage();
    const bridges = [at.bridge(), at.another(), at.another()];
    const ends = await Promise.all(
      bridges.flatMap((one) => [one.challenged(at.refuse(undefined)), one.challenged(at.refuse(undefined))]),
    );
    expect(ends).toEqual(ends.map(() => undefined));
    expect(bridges.map((one) => one.credential())).toEqual(bridges.map(() => 'Bearer access-1'));
    expect(at.asked).toHaveLength(1);
  });

  test('is not asked for where another process has stored one while this one found out where to ask', async () => {
    const at = await stage();
    const one = at.bridge();
    // It finds nothing in the store; the metadata is slow, and meanwhile the other is done.
    let answerSlowly: () => void = () => {};
    const slow = new Promise<void>((resolve) => {
      answerSlowly = resolve;
    });
    at.server.once('metadata', async (_exchange, usual) => {
      await slow;
      usual();
    });
    const waiting = one.challenged(at.refuse(undefined));
    await at.server.next('metadata');
    const other = at.another();
    expect(await other.challenged(at.refuse(undefined))).toBeUndefined();
    answerSlowly();
    expect(await waiting).toBeUndefined();
    expect([one.credential(), other.credential()]).toEqual(['Bearer access-1', 'Bearer access-1']);
    expect(at.asked).toHaveLength(1);
  });

  test('parameters of the user go with it', async () => {
    const at = await stage({ authorizeParams: { audience: 'https://api.example' } });
    await at.ready();
    expect(at.asked[0]).toMatchObject({ audience: 'https://api.example' });
  });

  test('a scope or a resource that is refused is left out, and that is remembered', async () => {
    const at = await stage();
    at.server.once('token', (exchange) => exchange.json(400, { error: 'invalid_target' }));
    at.server.once('token', (exchange) => exchange.json(400, { error: 'invalid_scope' }));
    await at.ready();
    expect(at.asked.map(({ resource, scope }) => [resource, scope])).toEqual([
      [at.remote.url, 'a'],
      [undefined, 'a'],
      [undefined, undefined],
    ]);
    expect(at.records()[0]).toMatchObject({ resource: null });
  });

  test('what is refused is told with what helps, and nobody asks again so soon', async () => {
    const at = await stage();
    at.server.on('token', (exchange) =>
      exchange.json(401, { error: 'invalid_client', error_description: 'no canary-secret' }),
    );
    const authorizer = at.bridge();
    for (let request = 0; request < 3; request++) {
      const failure = await authorizer.challenged(at.refuse(undefined));
      expect(failure).toMatchObject({ reason: 'sign-in-refused', exitCode: 4 });
      expect(failure?.message).toContain('--client-secret');
      expect(failure?.message).not.toContain('canary-secret');
    }
    expect(at.asked).toHaveLength(1);
  });

  test('what passes by is tried again', async () => {
    const at = await stage();
    at.server.once('token', (exchange) => exchange.status(503));
    await at.ready();
    expect(at.asked).toHaveLength(2);
  });

  test('without metadata nothing is guessed: the secret would go to whoever answers there', async () => {
    const at = await stage();
    at.remote.protection.prm = false;
    const failure = await at.bridge().challenged(at.refuse(undefined, { field: 'Bearer' }));
    expect(failure).toMatchObject({ reason: 'sign-in-refused' });
    expect(failure?.message).toContain('--token-endpoint');
    expect(
      at.remote.remote.requests.filter(({ method, path }) => method === 'POST' && path === '/token'),
    ).toEqual([]);
  });
});

describe('a token that is there', () => {
  test('is used by the next process without any request', async () => {
    const at = await stage();
    await at.ready();
    const before = at.server.requests.length + at.remote.metadataRequests.length;
    expect(at.another().credential()).toBe('Bearer access-1');
    expect(at.server.requests.length + at.remote.metadataRequests.length).toBe(before);
  });

  test('is renewed ahead of its end while requests go on with it', async () => {
    const at = await stage();
    at.live(2);
    const authorizer = await at.ready();
    at.live(3600);
    await new Promise((resolve) => setTimeout(resolve, 1_050));
    // Soon over, unless this machine was slow.
    expect(['Bearer access-1', 'Bearer access-2']).toContain(await authorizer.credential());
    await expect.poll(() => authorizer.credential()).toBe('Bearer access-2');
    expect(at.asked.map(({ grant_type }) => grant_type)).toEqual([
      'client_credentials',
      'client_credentials',
    ]);
    expect(at.records()).toHaveLength(1);
  });

  test('is waited for where it has ended, without discovery', async () => {
    const at = await stage();
    at.live(1);
    const authorizer = await at.ready();
    at.live(3600);
    const before = at.remote.metadataRequests.length;
    await new Promise((resolve) => setTimeout(resolve, 1_050));
    expect(await authorizer.credential()).toBe('Bearer access-2');
    expect(at.remote.metadataRequests.length).toBe(before);
  });

  test('that another process has renewed is taken over', async () => {
    const at = await stage();
    const one = await at.ready();
    const other = at.another();
    expect(await other.challenged(at.refuse('Bearer access-1'))).toBeUndefined();
    expect(await one.challenged(at.refuse('Bearer access-1'))).toBeUndefined();
    expect([one.credential(), other.credential()]).toEqual(['Bearer access-2', 'Bearer access-2']);
    expect(at.asked).toHaveLength(2);
  });

  test('[108] that is refused is got anew once, and then the client is told', async () => {
    const at = await stage();
    const authorizer = await at.ready();
    expect(await authorizer.challenged(at.refuse('Bearer access-1'))).toBeUndefined();
    const failure = await authorizer.challenged(at.refuse('Bearer access-2'));
    expect(failure).toMatchObject({ reason: 'unauthorized' });
    expect(failure?.message).toContain('refuses the very token');
    expect(at.asked).toHaveLength(2);
  });

  test('[108] the first one as well: another would be no other', async () => {
    const at = await stage();
    const authorizer = at.bridge();
    await authorizer.challenged(at.refuse(undefined));
    expect(await authorizer.challenged(at.refuse('Bearer access-1'))).toMatchObject({
      reason: 'unauthorized',
    });
    expect(at.asked).toHaveLength(1);
  });

  test('a request that went out with an older one is only sent again', async () => {
    const at = await stage();
    const authorizer = await at.ready();
    await authorizer.challenged(at.refuse('Bearer access-1'));
    expect(await authorizer.challenged(at.refuse('Bearer access-1'))).toBeUndefined();
    expect(at.asked).toHaveLength(2);
  });

  test('[110] of a server that names another issuer now: nothing goes there', async () => {
    const at = await stage();
    const authorizer = await at.ready();
    const other = await startFakeAuthorizationServer();
    at.remote.protection.authorizationServers = [other.issuer];
    await authorizer.challenged(at.refuse('Bearer access-1'));
    const failure = await authorizer.challenged(at.refuse('Bearer access-2'));
    expect(failure).toMatchObject({ reason: 'sign-in-refused' });
    expect(failure?.message).toContain(`--issuer ${other.issuer}`);
    expect(other.requests).toEqual([]);
  });

  test('a token endpoint that is somewhere else by now is found again', async () => {
    const at = await stage();
    const authorizer = await at.ready();
    at.server.once('token', (exchange) => exchange.status(404));
    expect(await authorizer.challenged(at.refuse('Bearer access-1'))).toBeUndefined();
    expect(authorizer.credential()).toBe('Bearer access-2');
    expect(at.asked).toHaveLength(3);
  });

  test('with another --scope it is another one, at once', async () => {
    const at = await stage();
    await at.ready();
    const other = at.bridge({ scope: 'b' });
    expect(other.credential()).toBeUndefined();
    expect(await other.challenged(at.refuse(undefined))).toBeUndefined();
    expect(at.asked.map(({ scope }) => scope)).toEqual(['a', 'b']);
  });

  test('signed out meanwhile: the next challenge gets another one', async () => {
    const at = await stage();
    const authorizer = await at.ready();
    const [stored] = findConnections(at.store, at.remote.url, 'default');
    await at.store.delete('connection', stored?.id ?? '');
    expect(await authorizer.challenged(at.refuse('Bearer access-1'))).toBeUndefined();
    expect(authorizer.credential()).toBe('Bearer access-2');
  });
});

describe('a step-up', () => {
  const needs = (scope: string) => ({
    status: 403,
    field: `Bearer error="insufficient_scope", scope="${scope}"`,
  });

  test('asks for what there was and what is wanted, once for parallel requests', async () => {
    const at = await stage();
    const authorizer = await at.ready();
    const ends = await Promise.all([
      authorizer.challenged(at.refuse('Bearer access-1', needs('b'))),
      authorizer.challenged(at.refuse('Bearer access-1', needs('b'))),
    ]);
    expect(ends).toEqual([undefined, undefined]);
    expect(authorizer.credential()).toBe('Bearer access-2');
    expect(at.asked.map(({ scope }) => scope)).toEqual(['a', 'a b']);
    expect(at.records()).toMatchObject([{ requestedScope: 'a b', accessToken: 'access-2' }]);
  });

  test('that is refused leaves the token, and is not tried again', async () => {
    const at = await stage();
    const authorizer = await at.ready();
    at.server.on('token', (exchange) => exchange.json(400, { error: 'access_denied' }));
    for (let request = 0; request < 2; request++)
      expect(await authorizer.challenged(at.refuse('Bearer access-1', needs('b')))).toBeDefined();
    expect(authorizer.credential()).toBe('Bearer access-1');
    expect(at.asked).toHaveLength(2);
  });

  test.each<[string, Partial<SignInSettings>, ReturnType<typeof needs>]>([
    ['with --scope', { scope: 'a' }, needs('b')],
    ['for what was asked for already', {}, needs('a')],
    ['for nothing in particular', {}, { status: 403, field: 'Bearer error="insufficient_scope"' }],
  ])('%s is pointless', async (_name, signIn, challenge) => {
    const at = await stage(signIn);
    const authorizer = await at.ready();
    const failure = await authorizer.challenged(at.refuse('Bearer access-1', challenge));
    expect(failure).toMatchObject({ reason: 'insufficient-scope' });
    expect(at.asked).toHaveLength(1);
  });

  test('any other 403 is the client’s', async () => {
    const at = await stage();
    const authorizer = await at.ready();
    const challenge = at.refuse('Bearer access-1', { status: 403, field: 'Bearer' });
    expect(await authorizer.challenged(challenge)).toBe(challenge.error);
  });
});

test('a proof of possession that is refused gets nothing anew', async () => {
  const at = await stage();
  const authorizer = at.bridge();
  const failure = await authorizer.challenged(
    at.refuse('DPoP x', { field: 'DPoP error="invalid_dpop_proof"' }),
  );
  expect(failure?.message).toContain('does not take our proof of possession');
  expect(at.asked).toEqual([]);
});
