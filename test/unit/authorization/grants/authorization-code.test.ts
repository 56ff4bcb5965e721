import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import {
  type AuthorizationRequest,
  buildAuthorizationRequest,
  exchangeCode,
  processAuthorizationResponse,
} from '../../../../src/authorization/grants/authorization-code.ts';
import { ISSUER, publicClient, SERVER, serverMetadata } from '../../helpers/oauth-parts.ts';
import { noAnswer, ScriptedOAuthHttp } from '../../helpers/scripted-oauth-http.ts';

const TOKEN = `${ISSUER}/token`;
const REDIRECT = 'http://127.0.0.1:4711/callback';
const parts = {
  server: serverMetadata(),
  client: publicClient,
  redirectUri: REDIRECT,
  scope: 'a b',
  resource: SERVER,
};
type Parts = Partial<Parameters<typeof buildAuthorizationRequest>[1]>;

const build = (more: Parts = {}, extra: Record<string, string> = {}, http = new ScriptedOAuthHttp()) =>
  buildAuthorizationRequest(http.http, { ...parts, ...more }, extra);
const queryOf = ({ url }: { url: string }) => Object.fromEntries(new URL(url).searchParams);

describe('the authorization request (RFC 6749 section 4.1.1)', () => {
  test('PKCE with S256, state, scope and resource (A-53, A-56, [28, 32])', async () => {
    const request = await build();
    expect(queryOf(request)).toEqual({
      response_type: 'code',
      client_id: 'client-1',
      redirect_uri: REDIRECT,
      state: request.state,
      code_challenge: createHash('sha256').update(request.verifier).digest('base64url'),
      code_challenge_method: 'S256',
      scope: 'a b',
      resource: SERVER,
    });
    // 32 random bytes each.
    expect(request.verifier).toMatch(/^[\w-]{43}$/);
    expect(request.state).toMatch(/^[\w-]{43}$/);
    expect(request.url.startsWith(`${ISSUER}/authorize?`)).toBe(true);
  });

  test('A-53: state and verifier are fresh each time', async () => {
    const requests = await Promise.all([build(), build(), build()]);
    expect(new Set(requests.flatMap(({ state, verifier }) => [state, verifier])).size).toBe(6);
  });

  test('M1: without scope and resource, neither is sent', async () => {
    const query = queryOf(await build({ scope: undefined, resource: null }));
    expect(query).not.toHaveProperty('scope');
    expect(query).not.toHaveProperty('resource');
  });

  test('T21, A-58: the resource goes byte for byte', async () => {
    expect(queryOf(await build({ resource: 'https://MCP.example' })).resource).toBe('https://MCP.example');
  });

  test('T7, A-64: what the endpoint carries stays, but for what is ours, and nothing is there twice [6]', async () => {
    const authorizationEndpoint = `${ISSUER}/authorize?tenant=1&state=evil&state=more&redirect_uri=https://evil.example&client_id=evil&code_challenge_method=plain`;
    const request = await build({ server: serverMetadata({ authorizationEndpoint }) });
    const { searchParams } = new URL(request.url);
    expect(searchParams.getAll('state')).toEqual([request.state]);
    expect(searchParams.getAll('client_id')).toEqual(['client-1']);
    expect(searchParams.getAll('redirect_uri')).toEqual([REDIRECT]);
    expect(searchParams.getAll('code_challenge_method')).toEqual(['S256']);
    expect(searchParams.get('tenant')).toBe('1');
    expect(request.url).not.toContain('evil');
  });

  test('parameters of the user go along, and undo nothing [6]', async () => {
    const request = await build({}, { prompt: 'consent', state: 'mine', code_challenge: 'x' });
    expect(queryOf(request)).toMatchObject({ prompt: 'consent', state: request.state });
    expect(queryOf(request).code_challenge).not.toBe('x');
  });

  test('longer than 8 KiB it is none [1]', async () => {
    await expect(build({ scope: 'x'.repeat(8192) })).rejects.toMatchObject({
      reason: 'authorization-server',
      message: expect.stringContaining('8 KiB'),
    });
  });
});

describe('a pushed authorization request (RFC 9126)', () => {
  const PAR = `${ISSUER}/par`;
  const server = serverMetadata({ pushedAuthorizationRequestEndpoint: PAR, requiresPushedRequests: true });
  const uri = 'urn:ietf:params:oauth:request_uri:1';

  test('is made where the server requires it, and the browser sees nothing of its content', async () => {
    const http = new ScriptedOAuthHttp().on(PAR, { status: 201, json: { request_uri: uri } });
    const request = await build({ server }, { prompt: 'login' }, http);
    expect(queryOf(request)).toEqual({ client_id: 'client-1', request_uri: uri });
    expect(http.requests[0]).toMatchObject({ method: 'POST', timeout: 20_000 });
    expect(http.requests[0]?.form).toMatchObject({
      client_id: 'client-1',
      response_type: 'code',
      redirect_uri: REDIRECT,
      state: request.state,
      code_challenge_method: 'S256',
      resource: SERVER,
      prompt: 'login',
    });
  });

  test('not where it only may be made', async () => {
    const http = new ScriptedOAuthHttp();
    await build({ server: { ...server, requiresPushedRequests: false } }, {}, http);
    expect(http.requests).toEqual([]);
  });

  test.each([
    [{ status: 400, json: { error: 'invalid_target' } }, 'invalid_target'],
    [{ status: 201, json: {} }, 'HTTP 201'],
    [{ status: 302 }, 'HTTP 302'],
  ])('%j is a refusal', async (answer, message) => {
    const http = new ScriptedOAuthHttp().on(PAR, answer);
    await expect(build({ server }, {}, http)).rejects.toThrow(message);
  });
});

describe('a callback is believed in this order: state, iss, then what it says [29-31]', () => {
  const request = (sendsIssuer = true): AuthorizationRequest => ({
    ...parts,
    server: serverMetadata({ sendsIssuer }),
    url: '',
    state: 'the-state',
    verifier: 'v',
  });
  const process = (query: string, sendsIssuer = true) =>
    processAuthorizationResponse(new URLSearchParams(query), request(sendsIssuer));
  const iss = encodeURIComponent(ISSUER);

  test('a genuine one', () => {
    expect(process(`state=the-state&iss=${iss}&code=c`)).toEqual({ code: 'c' });
  });

  test.each([
    ['no state', `iss=${iss}&code=c`],
    ['an empty one', `state=&iss=${iss}&code=c`],
    ['another', `state=other&iss=${iss}&code=c`],
    ['one that begins right', `state=the-state-&iss=${iss}&code=c`],
    ['another case', `state=The-State&iss=${iss}&code=c`],
    ['an error without state (T26)', 'error=access_denied'],
    ['an error with another (T26)', `state=other&error=access_denied&iss=${iss}`],
  ])('T25: %s is none', (_what, query) => {
    expect(process(query)).toBeUndefined();
  });

  test.each([
    ['missing though it is announced', 'state=the-state&code=c', true, false],
    ['missing and not announced', 'state=the-state&code=c', false, true],
    ['right and not announced', `state=the-state&code=c&iss=${iss}`, false, true],
    ['wrong', 'state=the-state&code=c&iss=https%3A%2F%2Fevil.example', true, false],
    ['wrong though not announced', 'state=the-state&code=c&iss=https%3A%2F%2Fevil.example', false, false],
    ['with a slash at its end', `state=the-state&code=c&iss=${iss}%2F`, true, false],
    ['in another case', 'state=the-state&code=c&iss=https%3A%2F%2FAS.example', true, false],
    ['with the default port', `state=the-state&code=c&iss=${iss}%3A443`, true, false],
    ['empty', 'state=the-state&code=c&iss=', false, false],
    ['encoded twice', `state=the-state&code=c&iss=${encodeURIComponent(iss)}`, true, false],
  ])('T29, A-67, A-68: iss %s', (_what, query, isAnnounced, isRight) => {
    expect(process(query, isAnnounced)).toEqual(isRight ? { code: 'c' } : undefined);
  });

  test('A-69: an error of another issuer is not believed either', () => {
    expect(
      process('state=the-state&error=access_denied&error_description=x&iss=https%3A%2F%2Fevil.example'),
    ).toBe(undefined);
    expect(process('state=the-state&error=access_denied')).toBeUndefined();
  });

  test('T27: a genuine error, with a code that may be shown', () => {
    const error = (code: string) => process(`state=the-state&iss=${iss}&error=${code}&error_description=why`);
    expect(error('access_denied')).toEqual({ error: 'access_denied', description: 'why' });
    for (const code of ['', 'a%22b', 'a%5Cb', '%0A', '%C3%BC', 'x'.repeat(65)])
      expect(error(code)).toEqual({ error: 'server_error', description: 'why' });
  });

  test('an error counts where there is a code as well', () => {
    expect(process(`state=the-state&iss=${iss}&code=c&error=access_denied`)).toMatchObject({
      error: 'access_denied',
    });
  });

  test('T28: without a code, or with an empty one, it is none', () => {
    expect(process(`state=the-state&iss=${iss}`)).toBeUndefined();
    expect(process(`state=the-state&iss=${iss}&code=`)).toBeUndefined();
    expect(process(`state=the-state&iss=${iss}&code[x]=1`)).toBeUndefined();
  });
});

describe('the code is redeemed (RFC 6749 section 4.1.3)', () => {
  const good = { json: { access_token: 'a', token_type: 'Bearer' } };
  const exchange = async (...answers: Parameters<ScriptedOAuthHttp['on']>[1][]) => {
    const http = new ScriptedOAuthHttp().on(TOKEN, ...answers);
    const request = await build();
    return { http, request, tokens: exchangeCode(http.http, request, 'the-code') };
  };

  test('with verifier, redirect and resource (A-56, T21)', async () => {
    const { http, request, tokens } = await exchange(good);
    expect((await tokens).accessToken).toBe('a');
    expect(http.requests[0]?.form).toEqual({
      grant_type: 'authorization_code',
      code: 'the-code',
      redirect_uri: REDIRECT,
      code_verifier: request.verifier,
      client_id: 'client-1',
      resource: SERVER,
    });
  });

  test('T33: the connection is dropped: once more, and no more [33]', async () => {
    const lost = await exchange(noAnswer(true), good);
    expect((await lost.tokens).accessToken).toBe('a');
    const twice = await exchange(noAnswer(true), noAnswer(true), good);
    await expect(twice.tokens).rejects.toMatchObject({ reason: 'unreachable' });
    expect(twice.http.requests.length).toBe(2);
    expect(twice.http.requests[0]?.form).toEqual(twice.http.requests[1]?.form);
  });

  test.each([
    ['a refusal', { status: 400, json: { error: 'invalid_grant' } }],
    ['a failure', { status: 503 }],
    ['a redirect (T87)', { status: 307, headers: { location: 'https://evil.example' } }],
    ['no JSON', { status: 200 }],
    ['a token that is none', { json: { access_token: 'a\nb', token_type: 'Bearer' } }],
    ['an answer that is too large', noAnswer(true, 'too-large')],
    ['an answer that is no HTTP', noAnswer(true, 'invalid-answer')],
    ['none in time', noAnswer(true, 'timeout')],
  ])('T33: %s is final: the code is sent once', async (_what, answer) => {
    const { http, tokens } = await exchange(answer, good);
    await expect(tokens).rejects.toBeDefined();
    expect(http.places).toEqual([TOKEN]);
  });
});
