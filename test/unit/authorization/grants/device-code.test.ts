import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import {
  pollForToken,
  processDeviceAuthorization,
  requestDeviceAuthorization,
} from '../../../../src/authorization/grants/device-code.ts';
import { DrawbridgeError } from '../../../../src/errors.ts';
import { ISSUER, publicClient, SERVER, serverMetadata } from '../../helpers/oauth-parts.ts';
import { recordingLogger } from '../../helpers/recording-logger.ts';
import { noAnswer, ScriptedOAuthHttp } from '../../helpers/scripted-oauth-http.ts';

const server = new URL(SERVER);
const DEVICE = `${ISSUER}/device`;
const TOKEN = `${ISSUER}/token`;
const response = {
  device_code: 'device-code-1',
  user_code: 'WDJB-MJHT',
  verification_uri: `${ISSUER}/activate`,
  expires_in: 600,
};
const request = {
  server: serverMetadata({ deviceAuthorizationEndpoint: DEVICE }),
  client: publicClient,
  scope: 'a b' as string | undefined,
  resource: SERVER as string | null,
};
const process = (more: Record<string, unknown> = {}) =>
  processDeviceAuthorization({ ...response, ...more }, 'as.example', server);

describe('the device authorization', () => {
  test('is asked for with the client, the scope and the resource (RFC 8628 section 3.1, [23])', async () => {
    const http = new ScriptedOAuthHttp().on(DEVICE, { json: response });
    const given = await requestDeviceAuthorization(http.http, request, { audience: 'x' }, server);
    expect(http.requests[0]).toMatchObject({
      method: 'POST',
      form: { client_id: 'client-1', scope: 'a b', resource: SERVER, audience: 'x' },
    });
    expect(given).toMatchObject({ userCode: 'WDJB-MJHT', expiresIn: 600_000, interval: 5000 });
    const bare = { ...request, scope: undefined, resource: null };
    await requestDeviceAuthorization(http.http, bare, {}, server);
    expect(http.requests[1]?.form).toEqual({ client_id: 'client-1' });
  });

  test('that is refused is told with the reason', async () => {
    const http = new ScriptedOAuthHttp().on(DEVICE, { status: 400, json: { error: 'unauthorized_client' } });
    await expect(requestDeviceAuthorization(http.http, request, {}, server)).rejects.toMatchObject({
      code: 'unauthorized_client',
      message: 'as.example refused the sign-in by device code: unauthorized_client.',
    });
  });

  test.each([
    [undefined, 5000],
    [0, 5000],
    [-5, 5000],
    ['5', 5000],
    [Number.NaN, 5000],
    [null, 5000],
    [0.2, 1000],
    [1, 1000],
    [7, 7000],
    [60, 60_000],
    [1e9, 60_000],
    [Number.POSITIVE_INFINITY, 60_000],
  ])('[109], T114: the interval %s gives %i ms', (interval, milliseconds) => {
    expect(process({ interval }).interval).toBe(milliseconds);
  });

  test.each([
    [undefined, 1_800_000],
    [-1, 1_800_000],
    ['60', 1_800_000],
    [60, 60_000],
    [1e9, 1_800_000],
  ])('[109]: expires_in %s gives %i ms', (expires_in, milliseconds) => {
    expect(process({ expires_in }).expiresIn).toBe(milliseconds);
  });

  test.each([
    ['user_code', 'AB\u001b[31mCD'],
    ['user_code', ''],
    ['user_code', 'AB CD'],
    ['user_code', 'A'.repeat(33)],
    ['user_code', undefined],
    ['device_code', ''],
    ['device_code', 'a\nb'],
    ['device_code', 7],
    ['verification_uri', 'http://as.example/activate'],
    ['verification_uri', 'http://127.0.0.1/activate'],
    ['verification_uri', 'https://user@as.example/'],
    ['verification_uri', 'javascript:alert(1)'],
    ['verification_uri', undefined],
  ])('[97]: %s %j is refused', (name, value) => {
    expect(() => process({ [name]: value })).toThrow(/gave a device code that can't be used: /);
  });

  test('the address is called as in the drafts by some; http is for a server of this machine', () => {
    const draft = process({ verification_uri: undefined, verification_url: `${ISSUER}/old` });
    expect(draft.verificationUri.href).toBe(`${ISSUER}/old`);
    const local = { ...response, verification_uri: 'http://127.0.0.1:8/activate' };
    const { verificationUri } = processDeviceAuthorization(local, 'h', new URL('http://localhost:9/mcp'));
    expect(verificationUri.port).toBe('8');
  });

  test('the complete address only where it is of the same origin', () => {
    const complete = (verification_uri_complete: unknown) =>
      process({ verification_uri_complete }).verificationUriComplete?.href;
    expect(complete(`${ISSUER}/activate?c=WDJB-MJHT`)).toBe(`${ISSUER}/activate?c=WDJB-MJHT`);
    for (const other of ['https://evil.example/', 'javascript:x', `${ISSUER}:8443/`, 7, undefined])
      expect(complete(other)).toBeUndefined();
  });
});

describe('the polling', () => {
  const pending = { status: 400, json: { error: 'authorization_pending' } };
  const granted = { json: { access_token: 'token-1', token_type: 'Bearer', expires_in: 60 } };
  const given = {
    ...process(),
    interval: 5000,
    expiresIn: 600_000,
  };

  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  function poll(...answers: Parameters<ScriptedOAuthHttp['on']>[1][]) {
    const times: number[] = [];
    const start = performance.now();
    const queue = [...answers];
    const http = new ScriptedOAuthHttp().on(TOKEN, (sent) => {
      times.push(performance.now() - start);
      const next = (queue.length > 1 ? queue.shift() : queue[0]) as (typeof answers)[number];
      return typeof next === 'function' ? next(sent) : next;
    });
    const abort = new AbortController();
    const { log, lines } = recordingLogger();
    const done = pollForToken(http.http, request, given, { log, signal: abort.signal });
    done.catch(() => {});
    const pass = (milliseconds: number) => vi.advanceTimersByTimeAsync(milliseconds);
    return { http, times, abort, done, pass, lines };
  }

  test('at the interval, until there is a token (RFC 8628 sections 3.4 and 3.5)', async () => {
    const { http, times, done, pass } = poll(pending, pending, granted);
    await pass(15_000);
    expect(await done).toMatchObject({ accessToken: 'token-1', expiresIn: 60 });
    expect(times).toEqual([5000, 10_000, 15_000]);
    expect(http.requests[0]?.form).toEqual({
      grant_type: 'urn:ietf:params:oauth:grant-type:device_code',
      device_code: 'device-code-1',
      client_id: 'client-1',
      resource: SERVER,
    });
  });

  test('slow_down ×5: five seconds more each time, for all that follow [109], T114', async () => {
    const slow = { status: 400, json: { error: 'slow_down' } };
    const { times, done, pass } = poll(slow, slow, slow, slow, slow, pending, granted);
    await pass(300_000);
    await done;
    expect(times.map((time, index) => time - (times[index - 1] ?? 0))).toEqual([
      5000, 10_000, 15_000, 20_000, 25_000, 30_000, 30_000,
    ]);
  });

  test('too many requests are a reason to slow down, too', async () => {
    const { times, done, pass } = poll({ status: 429 }, granted);
    await pass(60_000);
    await done;
    expect(times).toEqual([5000, 15_000]);
  });

  test.each([
    ['503 with HTML', { status: 503 }],
    ['500 with an OAuth error', { status: 500, json: { error: 'server_error' } }],
    ['temporarily_unavailable', { status: 400, json: { error: 'temporarily_unavailable' } }],
    ['200 with HTML', { status: 200 }],
    ['a redirect', { status: 302 }],
    ['no connection', noAnswer(false)],
    ['a broken connection', noAnswer(true)],
    ['an answer that is no answer', noAnswer(true, 'invalid-answer')],
  ])('%s ends nothing [109]', async (_, answer) => {
    const { times, done, pass } = poll(answer, answer, granted);
    await pass(15_000);
    expect(await done).toMatchObject({ accessToken: 'token-1' });
    expect(times).toEqual([5000, 10_000, 15_000]);
  });

  test('a timeout makes the pauses longer, up to a minute', async () => {
    const { times, done, pass } = poll(
      ...Array.from({ length: 6 }, () => noAnswer(true, 'timeout')),
      granted,
    );
    await pass(400_000);
    await done;
    expect(times.map((time, index) => time - (times[index - 1] ?? 0))).toEqual([
      5000, 10_000, 20_000, 40_000, 60_000, 60_000, 60_000,
    ]);
  });

  test.each([
    ['access_denied', 'sign-in-refused', 'The sign-in at as.example was declined.'],
    ['expired_token', 'sign-in-timeout', /has expired before anybody entered it/],
    ['invalid_grant', 'authorization-server', /refused the sign-in: invalid_grant/],
    ['invalid_client', 'authorization-server', /invalid_client/],
    ['unsupported_grant_type', 'authorization-server', /unsupported_grant_type/],
  ])('%s ends it', async (error, reason, message) => {
    const { http, done, pass } = poll({ status: 400, json: { error } });
    await pass(60_000);
    const failure = await done.catch((caught) => caught);
    expect(failure).toMatchObject({ reason });
    expect(failure.message).toMatch(message);
    expect(http.requests).toHaveLength(1);
  });

  test('a refusal that is no OAuth answer ends it, too', async () => {
    const { done, pass } = poll({ status: 404 });
    await pass(60_000);
    await expect(done).rejects.toMatchObject({ reason: 'authorization-server', status: 404 });
  });

  test('the code expires by our clock, between two polls', async () => {
    const { http, done, pass } = poll(pending);
    await pass(601_000);
    await expect(done).rejects.toMatchObject({ reason: 'sign-in-timeout', exitCode: 4 });
    expect(http.requests).toHaveLength(119);
  });

  test('the signal ends it at once, with its reason, in a pause and in a request', async () => {
    const reason = new DrawbridgeError('shutting-down', 'The sign-in was ended.');
    const first = poll(pending);
    await first.pass(7000);
    first.abort.abort(reason);
    await expect(first.done).rejects.toBe(reason);
    const second = poll(() => new Promise(() => {}));
    await second.pass(6000);
    second.abort.abort(reason);
    await expect(second.done).rejects.toBe(reason);
  });

  test('neither code is in what is logged or told [56, 72]', async () => {
    const quotes = { error: 'invalid_grant', error_description: 'device-code-1 is unknown' };
    const { done, pass, lines } = poll(noAnswer(true), { status: 503 }, { status: 400, json: quotes });
    await pass(60_000);
    const failure = await done.catch((caught) => caught);
    expect(JSON.stringify([lines, failure.message])).not.toMatch(/device-code-1|WDJB/);
  });
});
