import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { RefreshGrant } from '../../../src/authorization/refresh-grant.ts';
import { OAuthError } from '../../../src/authorization/token-endpoint.ts';
import { type Refreshed, TokenRefresher } from '../../../src/authorization/tokens.ts';
import { connectionId } from '../../../src/credentials/ids.ts';
import type { ConnectionRecord, StoredConnection } from '../../../src/credentials/record.ts';

import { DrawbridgeError } from '../../../src/errors.ts';
import {
  connectionRecord,
  ISSUER,
  newStore,
  openStore,
  SERVER,
  storeConnection,
  storedConnection,
} from '../helpers/oauth-parts.ts';
import { recordingLogger } from '../helpers/recording-logger.ts';
import { noAnswer, ScriptedOAuthHttp } from '../helpers/scripted-oauth-http.ts';

const TOKEN = `${ISSUER}/token`;
type Answer = Parameters<ScriptedOAuthHttp['on']>[1];

/** The pauses between tries; they take no time, but the clock goes on by them. */
const clock = vi.hoisted(() => ({ pauses: [] as number[], passed: 0 }));
vi.mock('../../../src/platform/sleep.ts', () => ({
  sleep: async (milliseconds: number) => {
    clock.pauses.push(milliseconds);
    clock.passed += milliseconds;
  },
}));

beforeEach(() => {
  clock.pauses.length = 0;
  clock.passed = 0;
  const now = performance.now.bind(performance);
  vi.spyOn(performance, 'now').mockImplementation(() => now() + clock.passed);
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

/** An authorization server that rotates: each refresh token is good once, and its reuse ends the grant. */
function rotating(delay = 0) {
  const state = { grants: 0, reuses: 0, isRevoked: false, current: 1 };
  const answer = async (request: { form: Record<string, string> }) => {
    if (delay > 0) await new Promise((resolve) => setTimeout(resolve, delay));
    if (request.form.refresh_token !== `refresh-${state.current}` || state.isRevoked) {
      state.reuses++;
      state.isRevoked = true;
      return { status: 400, json: { error: 'invalid_grant' } };
    }
    state.grants++;
    state.current++;
    const json = {
      access_token: `access-${state.current}`,
      refresh_token: `refresh-${state.current}`,
      token_type: 'Bearer',
      expires_in: 3600,
    };
    return { json };
  };
  return { state, answer };
}

async function start(answers: Answer[], more: Partial<ConnectionRecord> = {}, secret?: string) {
  const { store, folder } = newStore();
  const known = await storeConnection(store, connectionRecord(more));
  const http = new ScriptedOAuthHttp().on(TOKEN, ...answers);
  const { log, lines } = recordingLogger();
  const refresherOf = (of: typeof store) =>
    new TokenRefresher(
      of,
      new RefreshGrant(http.http, { clientSecret: secret, clientKey: undefined }, log),
      connectionId(SERVER, 'default'),
      log,
    );
  return {
    store,
    known,
    http,
    lines,
    refresher: refresherOf(store),
    /** As another process of the user's has it. */
    another: () => refresherOf(openStore(folder)),
    stored: () => storedConnection(store, known),
  };
}

function tokenOf(refreshed: Refreshed): string {
  if (refreshed.kind !== 'renewed') throw new Error(`it is ${refreshed.kind}`);
  return refreshed.stored.record.accessToken;
}

const good = (more: object = {}) => ({ json: { access_token: 'access-2', token_type: 'Bearer', ...more } });
const refused = (error: string, status = 400) => ({ status, json: { error } });
const html = (status: number) => ({ status });

describe('a refresh (RFC 6749 section 6)', () => {
  test('stores what it has got before it gives it out [65, A-78]', async () => {
    const { refresher, known, http, stored } = await start([
      good({ refresh_token: 'refresh-2', expires_in: 3600, scope: 'a' }),
    ]);
    const before = Date.now();
    const refreshed = await refresher.refresh(known, undefined);
    expect(refreshed).toMatchObject({ kind: 'renewed', isStored: true });
    expect(stored()).toMatchObject({ accessToken: 'access-2', refreshToken: 'refresh-2', scope: 'a' });
    const { expiresAt = 0, obtainedAt, signedInAt, refreshPending } = stored();
    expect(expiresAt - obtainedAt).toBe(3_600_000);
    expect(obtainedAt).toBeGreaterThanOrEqual(before);
    expect([signedInAt, refreshPending]).toEqual([known.record.signedInAt, undefined]);
    expect(refreshed).toMatchObject({ stored: { record: stored() } });
    expect(http.requests[0]).toMatchObject({
      url: TOKEN,
      method: 'POST',
      // [68]: 30 s for all of it.
      timeout: 28_000,
      // T21, A-56: the resource goes along.
      form: {
        grant_type: 'refresh_token',
        refresh_token: 'refresh-1',
        resource: SERVER,
        client_id: 'client-1',
      },
    });
  });

  test('T21: no resource where the grant has none', async () => {
    const { refresher, known, http } = await start([good()], { resource: null });
    await refresher.refresh(known, undefined);
    expect(http.requests[0]?.form).not.toHaveProperty('resource');
  });

  test('M10: what the answer leaves out stays, and without an end there is none', async () => {
    const { refresher, known, stored } = await start([good()], { scope: 'a b', requestedScope: 'a b c' });
    await refresher.refresh(known, undefined);
    expect(stored()).toMatchObject({ refreshToken: 'refresh-1', scope: 'a b', requestedScope: 'a b c' });
    expect(stored().expiresAt).toBeUndefined();
  });

  test('R9, T17: goes to the token endpoint of the sign-in and asks for no metadata [19-21]', async () => {
    const { refresher, known, http } = await start([good()]);
    await refresher.refresh(known, undefined);
    expect(http.places).toEqual([TOKEN]);
  });

  test("the secret of the user's own client is the one given now, a registered one's the stored", async () => {
    const client = {
      id: 'c',
      secret: 'old',
      authMethod: 'client_secret_post',
      source: 'configured',
    } as const;
    const configured = await start([good()], { client }, 'new');
    await configured.refresher.refresh(configured.known, undefined);
    expect(configured.http.requests[0]?.form.client_secret).toBe('new');
    const registered = await start([good()], { client: { ...client, source: 'registered' } }, 'new');
    await registered.refresher.refresh(registered.known, undefined);
    expect(registered.http.requests[0]?.form.client_secret).toBe('old');
  });

  test('M6: a resource that is refused is left out', async () => {
    const { refresher, known, http } = await start([refused('invalid_target'), good()]);
    expect(tokenOf(await refresher.refresh(known, undefined))).toBe('access-2');
    expect(http.requests.map(({ form }) => form.resource)).toEqual([SERVER, undefined]);
  });

  test('without a refresh token there is nothing to do', async () => {
    const { refresher, known, http } = await start([good()], { refreshToken: undefined });
    expect(await refresher.refresh(known, undefined)).toEqual({ kind: 'ended' });
    expect(http.requests).toEqual([]);
  });
});

describe('one grant, whoever wants it [57-63]', () => {
  test.each<[string, Partial<ConnectionRecord>, string | undefined]>([
    ['T61, R2: expired', {}, undefined],
    ['T62, R1: valid by the clock, and refused', { expiresAt: Date.now() + 3_600_000 }, 'access-1'],
    ['T63: without an end, and refused', { expiresAt: undefined }, 'access-1'],
  ])('%s, at ten processes: one grant, no reuse, one token for all', async (_what, more, refusedToken) => {
    const { state, answer } = rotating(20);
    const { known, another, stored } = await start([answer], more);
    const all = await Promise.all(Array.from({ length: 10 }, () => another().refresh(known, refusedToken)));
    expect(new Set(all.map(tokenOf))).toEqual(new Set(['access-2']));
    expect([state.grants, state.reuses, stored().refreshToken]).toEqual([1, 0, 'refresh-2']);
  });

  test('T75: fifty at once in one process', async () => {
    const { state, answer } = rotating();
    const { known, refresher } = await start([answer]);
    const all = await Promise.all(Array.from({ length: 50 }, () => refresher.refresh(known, 'access-1')));
    expect(new Set(all.map(tokenOf)).size).toBe(1);
    expect([state.grants, state.reuses]).toEqual([1, 0]);
  });

  test('T64: those who wait for a slow one share its end', async () => {
    const { state, answer } = rotating(500);
    const { known, another } = await start([answer]);
    const first = another().refresh(known, undefined);
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(tokenOf(await another().refresh(known, undefined))).toBe('access-2');
    expect([tokenOf(await first), state.grants]).toEqual(['access-2', 1]);
  });

  test('T64: one who waits too long is told, and does not refresh [68]', async () => {
    const { known, refresher, store, http } = await start([good()]);
    const lock = vi.spyOn(store, 'lock').mockResolvedValue(undefined);
    expect(await refresher.refresh(known, undefined)).toMatchObject({
      kind: 'failed',
      error: { reason: 'authorization-server', message: expect.stringContaining('Another process') },
    });
    expect([http.requests.length, lock.mock.calls[0]?.[1]]).toEqual([0, 40_000]);
  });

  test('the same lock is taken whichever way it is wanted, and let go after a failure too', async () => {
    const { known, refresher, store } = await start([refused('invalid_request')], {
      client: { id: 'c', authMethod: 'none', source: 'configured' },
    });
    expect(await refresher.refresh(known, undefined)).toMatchObject({ kind: 'failed' });
    const lock = await store.lock(`record:${connectionId(SERVER, 'default')}`, 0);
    expect(lock).toBeDefined();
    await lock?.release();
  });

  test('[63]: a token that another process has stored is taken before anything is spent', async () => {
    const { known, refresher, store, http } = await start([good()]);
    await storeConnection(
      store,
      connectionRecord({
        accessToken: 'access-9',
        expiresAt: Date.now() + 3_600_000,
        refreshToken: 'refresh-9',
      }),
    );
    expect(tokenOf(await refresher.refresh(known, undefined))).toBe('access-9');
    expect(tokenOf(await refresher.refresh(known, 'access-1'))).toBe('access-9');
    expect(http.requests).toEqual([]);
  });

  test('[61]: one that has expired as well is renewed with the refresh token beside it', async () => {
    const { known, refresher, store, http } = await start([good()]);
    await storeConnection(store, connectionRecord({ accessToken: 'access-9', refreshToken: 'refresh-9' }));
    expect(tokenOf(await refresher.refresh(known, undefined))).toBe('access-2');
    expect(http.requests[0]?.form.refresh_token).toBe('refresh-9');
  });

  test('one after the other: each spends the token of the one before', async () => {
    const { state, answer } = rotating();
    const { known, another } = await start([answer]);
    let latest: StoredConnection = known;
    for (let round = 0; round < 3; round++) {
      const refreshed = await another().refresh(latest, latest.record.accessToken);
      if (refreshed.kind === 'renewed') latest = refreshed.stored;
    }
    expect([state.grants, state.reuses, latest.record.accessToken]).toEqual([3, 0, 'access-4']);
  });
});

describe('what passes by keeps everything, and is tried again (R3, DESIGN rule 3)', () => {
  test.each<[string, Answer]>([
    ['503 with HTML', html(503)],
    ['500', html(500)],
    ['429', html(429)],
    ['server_error', refused('server_error')],
    ['temporarily_unavailable', refused('temporarily_unavailable')],
    ['connection refused', noAnswer(false)],
    ['the name is not known', noAnswer(false)],
    ['the answer got lost', noAnswer(true)],
  ])('R3: %s, then well', async (_what, answer) => {
    const { known, refresher, http, stored } = await start([answer, good({ refresh_token: 'refresh-2' })]);
    expect(tokenOf(await refresher.refresh(known, undefined))).toBe('access-2');
    expect(http.requests.map(({ form }) => form.refresh_token)).toEqual(['refresh-1', 'refresh-1']);
    expect([stored().refreshToken, stored().refreshPending, clock.pauses]).toEqual([
      'refresh-2',
      undefined,
      [500],
    ]);
  });

  test.each<[string, Answer]>([
    ['503', html(503)],
    ['connection refused', noAnswer(false)],
  ])('R3: %s for long: told after ten seconds, the refresh token kept', async (_what, answer) => {
    const { known, refresher, stored } = await start([answer]);
    expect(await refresher.refresh(known, undefined)).toMatchObject({ kind: 'failed' });
    expect(clock.pauses).toEqual([500, 1000, 2000, 4000]);
    expect(stored()).toMatchObject({ accessToken: 'access-1', refreshToken: 'refresh-1' });
  });

  test('[67]: an answer that gets lost twice may have been a token: it is not spent a third time', async () => {
    const { known, refresher, http, stored } = await start([noAnswer(true)]);
    expect(await refresher.refresh(known, undefined)).toMatchObject({ kind: 'failed' });
    expect([http.requests.length, stored().refreshToken]).toEqual([2, 'refresh-1']);
  });

  test.each<[string, Answer]>([
    ['R4: none in time', noAnswer(true, 'timeout')],
    ['one that is too large', noAnswer(true, 'too-large')],
    ['one that is no HTTP', noAnswer(true, 'invalid-answer')],
    ['a token that can not be used (T32)', { json: { access_token: 'a\nb', token_type: 'Bearer' } }],
    ['a captive portal (T89)', html(200)],
    ['a page that is not there', html(404)],
    ['a firewall', html(403)],
    ['a redirect (T87)', html(307)],
  ])('an answer that says nothing of the grant, %s: once, kept, and no sign-in', async (_what, answer) => {
    const { known, refresher, http, stored } = await start([answer]);
    expect(await refresher.refresh(known, undefined)).toMatchObject({ kind: 'failed' });
    expect(http.requests.length).toBe(1);
    expect(stored()).toMatchObject({ accessToken: 'access-1', refreshToken: 'refresh-1' });
  });

  test('R4: the next one tries afresh', async () => {
    const { known, refresher } = await start([noAnswer(true, 'timeout'), good()]);
    await refresher.refresh(known, undefined);
    expect(tokenOf(await refresher.refresh(known, undefined))).toBe('access-2');
  });

  test('an address that is refused is told and keeps everything', async () => {
    const error = new DrawbridgeError('authorization-server', 'nothing is sent there');
    const { known, refresher, stored } = await start([error]);
    expect(await refresher.refresh(known, undefined)).toEqual({ kind: 'failed', error });
    expect(stored().refreshToken).toBe('refresh-1');
  });
});

describe('what ends a grant', () => {
  test('R7, A-81: invalid_grant forgets the refresh token, and nothing else', async () => {
    const { known, refresher, http, stored } = await start([refused('invalid_grant')], { scope: 'a' });
    expect(await refresher.refresh(known, undefined)).toEqual({ kind: 'ended' });
    const { refreshToken, refreshPending, accessToken, scope } = stored();
    expect([refreshToken, refreshPending, accessToken, scope]).toEqual([
      undefined,
      undefined,
      'access-1',
      'a',
    ]);
    expect(await refresher.refresh(known, undefined)).toEqual({ kind: 'ended' });
    expect(http.requests.length).toBe(1);
  });

  test('T74, [64, 71]: but not where somebody else has stored another meanwhile', async () => {
    const { known, refresher, store, stored } = await start([
      async () => {
        await storeConnection(
          store,
          connectionRecord({
            accessToken: 'access-w',
            refreshToken: 'refresh-w',
            expiresAt: Date.now() + 3_600_000,
          }),
        );
        return refused('invalid_grant');
      },
    ]);
    expect(tokenOf(await refresher.refresh(known, undefined))).toBe('access-w');
    expect(stored()).toMatchObject({ accessToken: 'access-w', refreshToken: 'refresh-w' });
  });

  test.each(['invalid_client', 'unauthorized_client', 'invalid_request', 'unsupported_grant_type'])(
    'A-45: %s to a client that was registered by itself: a sign-in heals it, the grant is kept',
    async (error) => {
      const { known, refresher, stored } = await start([refused(error, 401)]);
      expect(await refresher.refresh(known, undefined)).toEqual({ kind: 'ended' });
      expect(stored().refreshToken).toBe('refresh-1');
    },
  );

  test.each(['configured', 'metadata-document'] as const)(
    'A-45: invalid_client to one that is %s: that is told',
    async (source) => {
      const { known, refresher, stored } = await start([refused('invalid_client', 401)], {
        client: { id: 'c', authMethod: 'none', source },
      });
      const refreshed = await refresher.refresh(known, undefined);
      expect(refreshed).toMatchObject({ kind: 'failed', error: expect.any(OAuthError) });
      expect(stored().refreshToken).toBe('refresh-1');
    },
  );

  test('T60: signed out before: nothing is asked, nothing comes back', async () => {
    const { known, refresher, store, http } = await start([good()]);
    await store.delete('connection', known.id);
    expect(await refresher.refresh(known, undefined)).toEqual({ kind: 'ended' });
    expect([http.requests.length, store.list('connection')]).toEqual([0, []]);
  });

  test('T60: signed out while it is asked: what comes is not stored, nor used', async () => {
    const { known, refresher, store } = await start([
      async () => {
        await store.delete('connection', known.id);
        return good();
      },
    ]);
    expect(await refresher.refresh(known, undefined)).toEqual({ kind: 'ended' });
    expect(store.list('connection')).toEqual([]);
  });
});

describe('a store that can not be written [66, 67]', () => {
  const full = () => new DrawbridgeError('credential-store', 'no space is left');

  test('T55, T56: nothing is spent', async () => {
    const { known, refresher, store, http, stored } = await start([good()]);
    vi.spyOn(store, 'write').mockRejectedValue(full());
    expect(await refresher.refresh(known, undefined)).toMatchObject({
      kind: 'failed',
      error: { reason: 'credential-store' },
    });
    expect([http.requests.length, stored().refreshToken]).toEqual([0, 'refresh-1']);
  });

  test('that it is written at full size comes first, and says that a token is being spent [67]', async () => {
    const { known, refresher, stored } = await start([
      () => {
        expect(stored()).toMatchObject({
          refreshToken: 'refresh-1',
          accessToken: 'access-1',
          refreshPending: true,
        });
        return good();
      },
    ]);
    await refresher.refresh(known, undefined);
    expect(stored().refreshPending).toBeUndefined();
  });

  test('T65, R6: a process that died after that: the same token is tried once more', async () => {
    const alive = await start([good()], { refreshPending: true });
    expect(tokenOf(await alive.refresher.refresh(alive.known, undefined))).toBe('access-2');
    const dead = await start([refused('invalid_grant')], { refreshPending: true });
    expect(await dead.refresher.refresh(dead.known, undefined)).toEqual({ kind: 'ended' });
  });

  /** The second write fails: the token is spent, and its successor not on the disk. */
  async function unstored() {
    const { state, answer } = rotating();
    const started = await start([answer]);
    const { store } = started;
    const write = store.write.bind(store);
    let writes = 0;
    const spy = vi.spyOn(store, 'write').mockImplementation(async (...given) => {
      if (++writes === 2) throw full();
      return write(...given);
    });
    const refreshed = await started.refresher.refresh(started.known, undefined);
    if (refreshed.kind !== 'renewed') throw new Error('not renewed');
    return { ...started, state, refreshed, spy };
  }

  test('T55: full after the answer: the new token is served from memory, with a warning', async () => {
    const { refreshed, stored, lines } = await unstored();
    expect(refreshed).toMatchObject({ isStored: false, stored: { record: { accessToken: 'access-2' } } });
    expect(stored()).toMatchObject({ accessToken: 'access-1', refreshPending: true });
    expect(lines.map(({ event }) => event)).toContain('renewed token not stored');
  });

  test('T55: the next refresh spends the new one, not the old one on the disk', async () => {
    const { refreshed, refresher, state, stored } = await unstored();
    const next = await refresher.refresh(refreshed.stored, 'access-2');
    expect([tokenOf(next), state.grants, state.reuses]).toEqual(['access-3', 2, 0]);
    expect(stored()).toMatchObject({ accessToken: 'access-3', refreshToken: 'refresh-3' });
  });

  test('T55: and it is stored as soon as there is space', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'], shouldAdvanceTime: true });
    const { stored } = await unstored();
    await vi.advanceTimersByTimeAsync(5000);
    await vi.waitFor(() =>
      expect(stored()).toMatchObject({ accessToken: 'access-2', refreshToken: 'refresh-2' }),
    );
    expect(stored().refreshPending).toBeUndefined();
  });

  test('T60: unless it was signed out meanwhile', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'], shouldAdvanceTime: true });
    const { store, known, spy } = await unstored();
    await store.delete('connection', known.id);
    await vi.advanceTimersByTimeAsync(30_000);
    expect([store.list('connection'), spy.mock.calls.length]).toEqual([[], 3]);
  });
});

test('nothing of all this is logged with a secret in it [72]', async () => {
  const { known, refresher, lines } = await start([
    html(503),
    { status: 400, json: { error: 'invalid_grant', error_description: 'refresh-1 is spent' } },
  ]);
  await refresher.refresh(known, undefined);
  expect(lines.length).toBeGreaterThan(1);
  expect(JSON.stringify(lines)).not.toMatch(/refresh-\d|access-\d/);
});
