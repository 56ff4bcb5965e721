import { decodeProtectedHeader } from 'jose';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { generateDpopKey } from '../../../src/authorization/dpop.ts';
import { type ConnectionRecord, findConnections } from '../../../src/credentials/record.ts';
import { DrawbridgeError } from '../../../src/errors.ts';
import type { SignInSettings } from '../../../src/settings.ts';
import { startFakeAuthorizationServer } from '../../support/fake-authorization-server.ts';
import { until } from '../../support/wait.ts';
import { asks, bearer, challenge, HOUR, reasonOf, stage } from '../helpers/authorizer-stage.ts';
import { openStore, publicClient } from '../helpers/oauth-parts.ts';

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

describe('the credential of a request', () => {
  test('nobody is signed in: there is none', async () => {
    const { bridge } = await stage();
    expect(bridge().credential()).toBeUndefined();
  });

  test('one that is good is at hand, and costs no request', async () => {
    const { signedIn, bridge, server, remote, secrets } = await stage();
    const stored = await signedIn();
    expect(bridge().credential()).toBe(bearer(stored));
    expect([server.requests, remote.metadataRequests]).toEqual([[], []]);
    expect(secrets).toEqual([stored.record.accessToken, stored.record.refreshToken]);
  });

  test('T75, [62]: one that has expired is renewed before it is used, once for all who wait', async () => {
    const { signedIn, bridge, server } = await stage();
    const stored = await signedIn({ expiresAt: Date.now() - 1 });
    const authorizer = bridge();
    const all = await Promise.all(Array.from({ length: 50 }, () => authorizer.credential()));
    expect(new Set(all).size).toBe(1);
    expect(all[0]).not.toBe(bearer(stored));
    expect([server.grants(), server.reuses, authorizer.credential()]).toEqual([1, 0, all[0]]);
  });

  test('T61: so it is for ten bridges', async () => {
    const { signedIn, bridge, server } = await stage();
    await signedIn({ expiresAt: Date.now() - 1 });
    const all = await Promise.all(Array.from({ length: 10 }, () => bridge().credential()));
    expect([new Set(all).size, server.grants(), server.reuses]).toEqual([1, 1, 0]);
  });

  test('[69]: one that will expire soon is still used, and renewed meanwhile', async () => {
    const { signedIn, bridge, server } = await stage();
    const stored = await signedIn({ obtainedAt: Date.now() - HOUR, expiresAt: Date.now() + 30_000 });
    const authorizer = bridge();
    expect(authorizer.credential()).toBe(bearer(stored));
    await until('another', () => authorizer.credential() !== bearer(stored));
    expect(server.grants()).toBe(1);
  });

  test('one that is bound waits for its key once, and is signed then; a bearer token is not [111]', async () => {
    const { signedIn, bridge, secrets } = await stage();
    const bearerToken = await signedIn();
    const authorizer = bridge();
    const value = authorizer.credential();
    expect([value, authorizer.signer(value as string)]).toEqual([bearer(bearerToken), undefined]);
    const key = generateDpopKey();
    const { record } = await signedIn({ tokenType: 'DPoP', dpopKey: key, signedInAt: Date.now() + 1000 });
    const other = bridge();
    const pending = other.credential();
    expect(pending).toBeInstanceOf(Promise);
    expect(await pending).toBe(`DPoP ${record.accessToken}`);
    expect(other.credential()).toBe(`DPoP ${record.accessToken}`);
    const proof = other.signer(`DPoP ${record.accessToken}`)?.headers('POST', 'https://mcp.example/mcp').DPoP;
    expect(decodeProtectedHeader(proof as string).jwk).toMatchObject({ x: key.x, y: key.y });
    // A value of another time has another key.
    expect(other.signer('DPoP other')).toBeUndefined();
    expect(other.signer(undefined)).toBeUndefined();
    expect(secrets).toContain(key.d);
  });

  test('one that is bound goes to nobody with --dpop off, nor a bearer token with --dpop on', async () => {
    const { signedIn, bridge } = await stage();
    await signedIn();
    expect(bridge({ dpop: 'on' }).credential()).toBeUndefined();
    expect(bridge({ dpop: 'off' }).credential()).toBeDefined();
    await signedIn({ tokenType: 'DPoP', dpopKey: generateDpopKey(), signedInAt: Date.now() + 1000 });
    expect(bridge({ dpop: 'off' }).credential()).toBeUndefined();
    expect(await bridge({ dpop: 'on' }).credential()).toMatch(/^DPoP /);
  });

  test.each(['use_dpop_nonce', 'invalid_dpop_proof'])(
    'a proof that is refused for %s begins nothing [X-23]',
    async (error) => {
      const { signedIn, bridge, program, tokenRequests } = await stage();
      await signedIn({ tokenType: 'DPoP', dpopKey: generateDpopKey() });
      const authorizer = bridge();
      const used = await authorizer.credential();
      const failure = await authorizer.challenged(challenge(used, { header: `DPoP error="${error}"` }));
      expect(failure).toMatchObject({ reason: 'unauthorized', message: expect.stringContaining(error) });
      expect([program.starts, tokenRequests()]).toEqual([[], 0]);
    },
  );

  test('without a refresh token, one that has expired is sent: the challenge tells how to go on', async () => {
    const { signedIn, bridge, tokenRequests } = await stage();
    const stored = await signedIn({ refreshToken: undefined, expiresAt: Date.now() - 1 });
    expect(bridge().credential()).toBe(bearer(stored));
    expect(tokenRequests()).toBe(0);
  });

  test('a refresh that is refused for good is told with the command, and nothing is opened', async () => {
    const { signedIn, bridge, server, program, store } = await stage();
    const stored = await signedIn({
      expiresAt: Date.now() - 1,
      client: { ...publicClient, source: 'configured' },
    });
    server.on('token', (exchange) => exchange.json(400, { error: 'invalid_request' }));
    await expect(bridge().credential()).rejects.toMatchObject({
      reason: 'authorization-server',
      message: expect.stringMatching(
        /refused to renew the token: invalid_request; if this stays so, run: npx -y mcp-drawbridge login http/,
      ),
    });
    expect([program.starts, store.read('connection', stored.id)]).toMatchObject([
      [],
      { value: { refreshToken: stored.record.refreshToken } },
    ]);
  });

  test('R4: a token endpoint that never answers: told within 15 s, the next one tries afresh', async () => {
    const { signedIn, bridge, server, tokenRequests } = await stage();
    await signedIn({ expiresAt: Date.now() - 1 });
    server.once('token', (exchange) => exchange.hang());
    const authorizer = bridge();
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'], shouldAdvanceTime: true });
    const told = Promise.resolve(authorizer.credential()).catch((error) => error);
    await vi.waitUntil(() => tokenRequests() === 1);
    await vi.advanceTimersByTimeAsync(13_000);
    expect(await told).toMatchObject({ reason: 'timeout', message: expect.stringContaining('try again') });
    // The one that hangs is awaited to its end first: it must not be overtaken [68].
    const next = authorizer.credential();
    await vi.advanceTimersByTimeAsync(15_500);
    expect(await next).toMatch(/^Bearer canary-access/);
    expect([tokenRequests(), server.grants()]).toEqual([2, 1]);
  });

  test('a sign-in in a terminal, and a sign-out, are noticed within a second', async () => {
    const { signedIn, bridge, store, folder } = await stage();
    const before = await signedIn();
    const authorizer = bridge();
    expect(authorizer.credential()).toBe(bearer(before));
    const other = openStore(folder);
    const after = await signedIn({}, other);
    await until('the other', () => authorizer.credential() === bearer(after), 2000);
    await store.delete('connection', after.id);
    await until('none', () => authorizer.credential() === undefined, 2000);
  });

  test('R10: those of another client, issuer or profile are not ours', async () => {
    const { signedIn, bridge, server } = await stage();
    const stored = await signedIn();
    expect(bridge({ clientId: 'another' }).credential()).toBeUndefined();
    expect(bridge({ issuer: 'https://other.example' }).credential()).toBeUndefined();
    expect(bridge({ profile: 'work' }).credential()).toBeUndefined();
    expect(bridge({ clientId: publicClient.id, issuer: server.issuer }).credential()).toBe(bearer(stored));
  });
});

describe('401', () => {
  test('nobody is signed in: the user is asked, then the request is sent again', async () => {
    const { bridge, program, userSignsIn, remote } = await stage();
    const authorizer = bridge();
    const header = 'Bearer resource_metadata="https://mcp.example/about", scope="a b"';
    const answer = authorizer.challenged(challenge(undefined, { header }));
    const stored = await userSignsIn(authorizer);
    expect(await answer).toBeUndefined();
    expect([authorizer.credential(), authorizer.signIn]).toEqual([bearer(stored), undefined]);
    expect(program.starts.map(({ task }) => task)).toMatchObject([
      {
        server: remote.url,
        challenge: { resourceMetadata: 'https://mcp.example/about', scope: 'a b' },
        replaces: 0,
        opensWindow: true,
        isRequested: false,
      },
    ]);
  });

  test('A1: whoever is refused meanwhile waits for the same sign-in', async () => {
    const { bridge, program, userSignsIn } = await stage();
    const authorizer = bridge();
    const answers = [1, 2, 3].map(() => authorizer.challenged(challenge(undefined)));
    await until('a sign-in', () => authorizer.signIn);
    answers.push(authorizer.challenged(challenge(undefined)));
    await userSignsIn(authorizer);
    expect([await Promise.all(answers), program.starts.length]).toEqual([
      [undefined, undefined, undefined, undefined],
      1,
    ]);
  });

  test('[63]: to a token that is no longer the one in use: again, at once', async () => {
    const { signedIn, bridge, server, remote } = await stage();
    await signedIn();
    expect(await bridge().challenged(challenge('Bearer old'))).toBeUndefined();
    expect(await bridge().challenged(challenge(undefined))).toBeUndefined();
    expect([server.requests, remote.metadataRequests]).toEqual([[], []]);
  });

  test('[63]: another process has stored another token: again, with that', async () => {
    const { signedIn, bridge, folder, tokenRequests } = await stage();
    const before = await signedIn();
    const authorizer = bridge();
    const after = await signedIn({}, openStore(folder));
    expect(await authorizer.challenged(challenge(bearer(before)))).toBeUndefined();
    expect([authorizer.credential(), tokenRequests()]).toEqual([bearer(after), 0]);
  });

  test('R1, T62, A-15: the metadata are read anew, the token renewed, once for fifty calls; no window', async () => {
    const { signedIn, bridge, server, remote, program } = await stage();
    const stored = await signedIn();
    const authorizer = bridge();
    authorizer.accepted(bearer(stored));
    const answers = await Promise.all(
      Array.from({ length: 50 }, () => authorizer.challenged(challenge(bearer(stored)))),
    );
    expect(new Set(answers)).toEqual(new Set([undefined]));
    expect([server.grants(), server.reuses, remote.metadataRequests.length, program.starts]).toEqual([
      1,
      0,
      1,
      [],
    ]);
    expect(authorizer.credential()).not.toBe(bearer(stored));
  });

  test('T84: a fresh token is refused as well: one grant, then the user; what that gives is told, with no other window', async () => {
    const { signedIn, bridge, server, program, userSignsIn } = await stage();
    await signedIn();
    const authorizer = bridge();
    const used = () => authorizer.credential() as string;
    expect(await authorizer.challenged(challenge(used()))).toBeUndefined();
    const answer = authorizer.challenged(challenge(used()));
    await userSignsIn(authorizer);
    expect(await answer).toBeUndefined();
    for (let round = 0; round < 3; round++) {
      expect(await authorizer.challenged(challenge(used()))).toMatchObject({
        reason: 'unauthorized',
        message: expect.stringContaining('refuses the very token'),
      });
    }
    expect([server.grants(), program.starts.length]).toEqual([1, 1]);
  });

  test('a token from a sign-in that has worked is renewed like another', async () => {
    const { bridge, server, userSignsIn } = await stage();
    const authorizer = bridge();
    const answer = authorizer.challenged(challenge(undefined));
    const stored = await userSignsIn(authorizer);
    await answer;
    authorizer.accepted(bearer(stored));
    expect(await authorizer.challenged(challenge(bearer(stored)))).toBeUndefined();
    expect(server.grants()).toBe(1);
  });

  test('R7, A-81: the grant is over: the user is asked, for the scopes of before', async () => {
    const { signedIn, bridge, server, program, userSignsIn } = await stage();
    const stored = await signedIn({ requestedScope: 'a b', scope: 'a' });
    server.revokeAll();
    const authorizer = bridge();
    const answer = authorizer.challenged(challenge(bearer(stored)));
    await userSignsIn(authorizer);
    expect([await answer, program.starts.length]).toEqual([undefined, 1]);
    expect(program.starts[0]?.task).toMatchObject({
      earlierScope: 'a b',
      replaces: stored.record.signedInAt,
    });
  });

  test('A-45: the registration is gone: one request at the token endpoint, then the user', async () => {
    const { signedIn, bridge, server, userSignsIn, tokenRequests } = await stage();
    const stored = await signedIn({ expiresAt: Date.now() - 1 });
    server.forgetClients();
    const authorizer = bridge();
    // Sent with what there is, so that the server's challenge says how to go on.
    expect(await authorizer.credential()).toBe(bearer(stored));
    expect(authorizer.credential()).toBe(bearer(stored));
    const answer = authorizer.challenged(challenge(bearer(stored)));
    const after = await userSignsIn(authorizer);
    expect([await answer, authorizer.credential(), tokenRequests()]).toEqual([undefined, bearer(after), 1]);
  });

  test('R3: what passes by is told, and no window is opened', async () => {
    const { signedIn, bridge, server, program } = await stage();
    const stored = await signedIn();
    // A captive portal (T89).
    server.on('token', (exchange) => exchange.body(200, '<html>', { 'Content-Type': 'text/html' }));
    expect(await reasonOf(bridge().challenged(challenge(bearer(stored))))).toBe('authorization-server');
    expect(program.starts).toEqual([]);
  });

  test('metadata that can not be read are no hindrance', async () => {
    const { signedIn, bridge, server, remote } = await stage();
    const stored = await signedIn();
    remote.protection.prm = (usual) => ({ ...usual, resource: 'https://other.example' });
    expect(await bridge().challenged(challenge(bearer(stored)))).toBeUndefined();
    expect(server.grants()).toBe(1);
  });

  test('the listening stream asks nobody', async () => {
    const { bridge, program } = await stage();
    const asked = challenge(undefined, { mayAskUser: false });
    expect(await bridge().challenged(asked)).toBe(asked.error);
    expect(program.starts).toEqual([]);
  });
});

describe('the server names another authorization server (A-47, A-48, [21, 27])', () => {
  async function moved(more: Partial<ConnectionRecord> = {}, signIn: Partial<SignInSettings> = {}) {
    const staged = await stage(asks, signIn);
    const other = await startFakeAuthorizationServer();
    const stored = await staged.signedIn(more);
    staged.remote.protection.authorizationServers = [other.issuer];
    return { ...staged, other, stored };
  }

  test.each<[string, Partial<ConnectionRecord>]>([
    ['T18: a public client', {}],
    ['T19: a secret', { client: { ...publicClient, secret: 's3cret', authMethod: 'client_secret_post' } }],
    ['T19: a metadata document', { client: { ...publicClient, source: 'metadata-document' } }],
  ])('R9, %s: nothing goes there; a new sign-in begins, and the old record is kept', async (_what, more) => {
    const { bridge, other, stored, server, program, issue, userSignsIn, store, remote } = await moved(more);
    const authorizer = bridge();
    const answer = authorizer.challenged(challenge(bearer(stored)));
    const after = await userSignsIn(authorizer, issue(other));
    expect([await answer, authorizer.credential()]).toEqual([undefined, bearer(after)]);
    expect([other.requests, server.of('token')]).toEqual([[], []]);
    expect(JSON.stringify(program.starts.map(({ task }) => task))).not.toMatch(/canary|s3cret/);
    expect(findConnections(store, remote.url, 'default').map(({ id }) => id)).toEqual([after.id, stored.id]);
  });

  test('credentials of an earlier time there are used again', async () => {
    const { bridge, other, signedIn, issue, program, stored } = await moved();
    const earlier = await signedIn({ ...issue(other), signedInAt: stored.record.signedInAt - HOUR });
    const authorizer = bridge();
    expect(authorizer.credential()).toBe(bearer(stored));
    expect(await authorizer.challenged(challenge(bearer(stored)))).toBeUndefined();
    expect([authorizer.credential(), program.starts]).toEqual([bearer(earlier), []]);
  });

  test('one of several that are named is no change', async () => {
    const { bridge, remote, other, server, stored } = await moved();
    remote.protection.authorizationServers = [other.issuer, server.issuer];
    expect(await bridge().challenged(challenge(bearer(stored)))).toBeUndefined();
    expect([server.grants(), other.requests]).toEqual([1, []]);
  });

  test('with --issuer the metadata are not even read for that', async () => {
    const { server, stored, bridge, remote } = await moved();
    expect(await bridge({ issuer: server.issuer }).challenged(challenge(bearer(stored)))).toBeUndefined();
    expect([server.grants(), remote.metadataRequests]).toEqual([1, []]);
  });

  test('a name that is no URL is a change too, and breaks nothing', async () => {
    const { bridge, remote, stored, userSignsIn } = await moved();
    remote.protection.authorizationServers = ['no url'];
    const authorizer = bridge();
    const answer = authorizer.challenged(challenge(bearer(stored)));
    await userSignsIn(authorizer);
    expect(await answer).toBeUndefined();
  });
});

describe('the end', () => {
  test('[65]: a refresh that is being stored is waited for', async () => {
    const { signedIn, bridge, server, store } = await stage();
    const stored = await signedIn({ expiresAt: Date.now() - 1 });
    server.once('token', (_exchange, usual) => void setTimeout(usual, 300));
    const authorizer = bridge();
    void authorizer.credential();
    await server.next('token');
    await authorizer.close();
    const after = store.read<ConnectionRecord>('connection', stored.id)?.value;
    expect(after?.accessToken).not.toBe(stored.record.accessToken);
  });

  test('[65]: but two seconds at most', async () => {
    const { signedIn, bridge, server } = await stage();
    await signedIn({ expiresAt: Date.now() - 1 });
    server.once('token', (exchange) => exchange.hang());
    const authorizer = bridge();
    void Promise.resolve(authorizer.credential()).catch(() => {});
    await server.next('token');
    const before = performance.now();
    await authorizer.close();
    expect(performance.now() - before).toBeLessThan(2500);
  });

  test('a sign-in that is waited for ends as the bridge does', async () => {
    const { bridge, program } = await stage();
    const authorizer = bridge();
    const answer = authorizer.challenged(challenge(undefined));
    await program.nextStart();
    await authorizer.close();
    expect(await reasonOf(answer)).toBe('shutting-down');
  });
});

test('T55: a token that could not be stored is used from memory, and not replaced by the spent one', async () => {
  const { signedIn, bridge, store, server } = await stage();
  const stored = await signedIn({ expiresAt: Date.now() - 1 });
  const write = store.write.bind(store);
  let writes = 0;
  vi.spyOn(store, 'write').mockImplementation(async (...given) => {
    if (++writes === 2) throw new DrawbridgeError('credential-store', 'no space is left');
    return write(...given);
  });
  const authorizer = bridge();
  const renewed = await authorizer.credential();
  expect(store.read('connection', stored.id)?.value).toMatchObject({
    accessToken: stored.record.accessToken,
  });
  authorizer.accepted(renewed);
  // Refused in its turn: its own refresh token is spent, on the disk is the one before.
  expect(await authorizer.challenged(challenge(renewed))).toBeUndefined();
  expect([authorizer.credential() === renewed, server.grants(), server.reuses]).toEqual([false, 2, 0]);
});

test('[24]: a resource of another origin is honoured, with a warning', async () => {
  const { bridge, lines } = await stage();
  bridge({ resource: 'https://api.example' });
  await vi.waitFor(() =>
    expect(lines).toMatchObject([{ level: 'warn', fields: { resource: 'https://api.example' } }]),
  );
});

test('what the store can not give is told to the request that needs it', async () => {
  const { bridge, signedIn, store } = await stage();
  const stored = await signedIn();
  const authorizer = bridge();
  vi.spyOn(store, 'list').mockImplementation(() => {
    throw new DrawbridgeError('credential-store', 'locked');
  });
  expect(await reasonOf(authorizer.challenged(challenge(bearer(stored))))).toBe('credential-store');
});
