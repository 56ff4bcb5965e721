import { createHash, randomBytes } from 'node:crypto';
import { request as httpRequest } from 'node:http';
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { DemoAuthorizationServer } from '../../../../src/cli/demo/demo-authorization-server.ts';
import { LoopbackListener } from '../../../../src/cli/demo/loopback-listener.ts';

const resource = 'http://127.0.0.1:9/mcp';
const redirectUri = 'http://127.0.0.1:8765/callback';

let server: DemoAuthorizationServer;
let origin: string;

beforeEach(async () => {
  const listener = await LoopbackListener.start([]);
  onTestFinished(() => listener.close());
  server = new DemoAuthorizationServer(listener, resource);
  origin = listener.origin;
});

type Parameters = Record<string, string | undefined>;

function form(parameters: Parameters): URLSearchParams {
  const given = Object.entries(parameters).filter(
    (entry): entry is [string, string] => entry[1] !== undefined,
  );
  return new URLSearchParams(given);
}

async function post(
  path: string,
  parameters: Parameters,
): Promise<{ status: number; body: Record<string, string> }> {
  const response = await fetch(`${origin}${path}`, { method: 'POST', body: form(parameters) });
  return { status: response.status, body: (await response.json()) as Record<string, string> };
}

async function register(redirectUris: unknown = [redirectUri]): Promise<string> {
  const body = JSON.stringify({ client_name: 'A <b>client</b>', redirect_uris: redirectUris });
  const response = await fetch(`${origin}/register`, { method: 'POST', body });
  return ((await response.json()) as { client_id?: string }).client_id ?? String(response.status);
}

interface Flow {
  clientId: string;
  verifier: string;
  /** Parameters of the authorization request. */
  parameters: Parameters;
}

async function startFlow(changes: Parameters = {}): Promise<Flow> {
  const clientId = await register();
  const verifier = randomBytes(32).toString('base64url');
  const parameters = {
    response_type: 'code',
    client_id: clientId,
    redirect_uri: redirectUri,
    scope: 'greet offline_access',
    resource,
    state: 'the-state',
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
    code_challenge_method: 'S256',
    ...changes,
  };
  return { clientId, verifier, parameters };
}

function authorize(parameters: Parameters): Promise<Response> {
  return fetch(`${origin}/authorize?${form(parameters)}`, { redirect: 'manual' });
}

/** Presses a button on the page. */
async function decide(
  page: Response,
  decision: string,
  headers: Record<string, string> = {},
): Promise<Response> {
  const [, id] = /name="request" value="([\w-]+)"/.exec(await page.text()) ?? [];
  return fetch(`${origin}/decision`, {
    method: 'POST',
    redirect: 'manual',
    headers,
    body: form({ request: id, decision }),
  });
}

function answerOf(response: Response): Record<string, string> {
  expect(response.status).toBe(303);
  const location = new URL(response.headers.get('location') ?? '');
  expect(`${location.origin}${location.pathname}`).toBe(redirectUri);
  return Object.fromEntries(location.searchParams);
}

async function codeFor(flow: Flow): Promise<string> {
  const answer = answerOf(await decide(await authorize(flow.parameters), 'approve'));
  expect(answer).toEqual({ code: expect.any(String), state: 'the-state', iss: origin });
  return answer.code as string;
}

function redeem(flow: Flow, code: string, changes: Parameters = {}): ReturnType<typeof post> {
  return post('/token', {
    grant_type: 'authorization_code',
    client_id: flow.clientId,
    code,
    redirect_uri: redirectUri,
    code_verifier: flow.verifier,
    resource,
    ...changes,
  });
}

function refresh(flow: Flow, token: string | undefined): ReturnType<typeof post> {
  return post('/token', {
    grant_type: 'refresh_token',
    client_id: flow.clientId,
    refresh_token: token,
    resource,
  });
}

describe('the metadata', () => {
  test('names itself as the issuer, S256, and iss in the response', async () => {
    const response = await fetch(`${origin}/.well-known/oauth-authorization-server`);
    expect(await response.json()).toMatchObject({
      issuer: origin,
      code_challenge_methods_supported: ['S256'],
      authorization_response_iss_parameter_supported: true,
      scopes_supported: ['greet', 'offline_access'],
    });
  });
});

describe('registration', () => {
  test.each([
    [['https://evil.example/callback']],
    [['http://127.0.0.1.evil.example/callback']],
    [['http://user@127.0.0.1/callback']],
    [['http://127.0.0.1/callback#fragment']],
    [[redirectUri, 'https://evil.example/']],
    [[]],
    ['http://127.0.0.1/callback'],
    [undefined],
  ])('takes nothing but http on the loopback: %j', async (uris) => {
    expect(await register(uris ?? null)).toBe('400');
  });

  test('survives what is no JSON', async () => {
    const response = await fetch(`${origin}/register`, { method: 'POST', body: '{' });
    expect(response.status).toBe(400);
  });
});

describe('the authorization request', () => {
  test('shows a page without scripts, under a strict policy, with what was asked for', async () => {
    const page = await authorize((await startFlow()).parameters);
    expect(page.headers.get('content-security-policy')).toMatch(
      /^default-src 'none'; style-src 'sha256-[\w+/=]+'; form-action 'self' http:\/\/127\.0\.0\.1:8765; frame-ancestors 'none'; base-uri 'none'$/,
    );
    expect(page.headers.get('x-content-type-options')).toBe('nosniff');
    const html = await page.text();
    expect(html).toContain('greet offline_access');
    expect(html).toContain('A &#60;b&#62;client');
    expect(html).not.toMatch(/<script|<b>|\son\w+=|javascript:/i);
    const [, style = ''] = /<style>(.*)<\/style>/s.exec(html) ?? [];
    const hash = createHash('sha256').update(style).digest('base64');
    expect(page.headers.get('content-security-policy')).toContain(`'sha256-${hash}'`);
  });

  test.each([
    { client_id: 'unknown' },
    { redirect_uri: 'https://evil.example/callback' },
    { redirect_uri: 'http://127.0.0.1:8765/other' },
    { redirect_uri: 'http://localhost:8765/callback' },
    { redirect_uri: undefined },
  ])('redirects nobody to where nobody registered: %j', async (change) => {
    const response = await authorize((await startFlow(change)).parameters);
    expect(response.status).toBe(400);
    expect(response.headers.get('location')).toBeNull();
  });

  test('takes another port of the loopback (RFC 8252 section 7.3)', async () => {
    const { parameters } = await startFlow({ redirect_uri: 'http://127.0.0.1:1234/callback' });
    expect((await authorize(parameters)).status).toBe(200);
  });

  test('is refused where a parameter is there twice', async () => {
    const { parameters } = await startFlow();
    const response = await fetch(`${origin}/authorize?${form(parameters)}&scope=greet`, {
      redirect: 'manual',
    });
    expect(response.status).toBe(400);
  });

  test.each([
    [{ code_challenge_method: 'plain' }, 'invalid_request'],
    [{ code_challenge_method: undefined }, 'invalid_request'],
    [{ code_challenge: undefined }, 'invalid_request'],
    [{ response_type: 'token' }, 'unsupported_response_type'],
    [{ scope: 'greet admin' }, 'invalid_scope'],
    [{ resource: 'https://other.example/mcp' }, 'invalid_target'],
  ])('%j is answered with %s, state and iss', async (change, error) => {
    const answer = answerOf(await authorize((await startFlow(change)).parameters));
    expect(answer).toMatchObject({ error, state: 'the-state', iss: origin });
  });

  test('is denied by the other button', async () => {
    const page = await authorize((await startFlow()).parameters);
    expect(answerOf(await decide(page, 'deny'))).toEqual({
      error: 'access_denied',
      state: 'the-state',
      iss: origin,
    });
  });

  test('is decided once, and not by a page of another origin', async () => {
    const { parameters } = await startFlow();
    const page = await authorize(parameters);
    const again = page.clone();
    expect((await decide(page.clone(), 'approve', { origin: 'https://evil.example' })).status).toBe(400);
    expect((await decide(page, 'approve', { origin })).status).toBe(303);
    expect((await decide(again, 'approve')).status).toBe(400);
  });

  test('gives, for its link, where Deny would lead: for a demo that ends before the user has decided', async () => {
    const { parameters } = await startFlow();
    const denial = new URL(server.denialOf(`${origin}/authorize?${form(parameters)}`));
    expect(`${denial.origin}${denial.pathname}`).toBe(redirectUri);
    expect(Object.fromEntries(denial.searchParams)).toEqual({
      error: 'access_denied',
      state: 'the-state',
      iss: origin,
    });
  });
});

describe('the token request', () => {
  test('gives a token that is good for the resource, and a refresh token', async () => {
    const flow = await startFlow();
    const { status, body } = await redeem(flow, await codeFor(flow));
    expect(status).toBe(200);
    expect(body).toMatchObject({ token_type: 'Bearer', expires_in: 600, scope: 'greet offline_access' });
    expect(server.scopesOf(body.access_token as string)).toEqual(['greet', 'offline_access']);
    expect(server.tokens).toEqual([body.access_token, body.refresh_token]);
    server.expireAccessTokens();
    expect(server.scopesOf(body.access_token as string)).toBeUndefined();
  });

  test.each([
    [{ code_verifier: 'x'.repeat(43) }, 'invalid_grant'],
    [{ code_verifier: undefined }, 'invalid_grant'],
    [{ redirect_uri: 'http://127.0.0.1:1/callback' }, 'invalid_grant'],
    [{ code: 'unknown' }, 'invalid_grant'],
    [{ client_id: 'unknown' }, 'invalid_client'],
    [{ resource: 'https://other.example/mcp' }, 'invalid_target'],
    [{ grant_type: 'password' }, 'unsupported_grant_type'],
  ])('%j is refused with %s', async (change, error) => {
    const flow = await startFlow();
    const { status, body } = await redeem(flow, await codeFor(flow), change);
    expect(status).toBe(error === 'invalid_client' ? 401 : 400);
    expect(body.error).toBe(error);
  });

  test('a code with a wrong verifier is spent', async () => {
    const flow = await startFlow();
    const code = await codeFor(flow);
    await redeem(flow, code, { code_verifier: 'x'.repeat(43) });
    expect((await redeem(flow, code)).body.error).toBe('invalid_grant');
  });

  test('a code of another client is not known', async () => {
    const code = await codeFor(await startFlow());
    const other = await startFlow();
    expect((await redeem(other, code)).body.error).toBe('invalid_grant');
  });

  test('a code serves once; coming twice, it takes its tokens along (RFC 6749 section 4.1.2)', async () => {
    const flow = await startFlow();
    const code = await codeFor(flow);
    const first = await redeem(flow, code);
    expect((await redeem(flow, code)).body.error).toBe('invalid_grant');
    expect(server.scopesOf(first.body.access_token as string)).toBeUndefined();
    expect((await refresh(flow, first.body.refresh_token)).body.error).toBe('invalid_grant');
  });

  test('without offline_access there is no refresh token; without a resource none that is good for anything', async () => {
    const flow = await startFlow({ scope: 'greet', resource: undefined });
    const { body } = await redeem(flow, await codeFor(flow), { resource: undefined });
    expect(body.refresh_token).toBeUndefined();
    expect(server.scopesOf(body.access_token as string)).toBeUndefined();
  });
});

describe('the refresh token', () => {
  test('rotates', async () => {
    const flow = await startFlow();
    const first = await redeem(flow, await codeFor(flow));
    const second = await refresh(flow, first.body.refresh_token);
    expect(second.status).toBe(200);
    expect(second.body.refresh_token).not.toBe(first.body.refresh_token);
    expect(server.scopesOf(second.body.access_token as string)).toContain('greet');
  });

  test('coming twice, it ends the grant (RFC 9700 section 4.14.2)', async () => {
    const flow = await startFlow();
    const first = await redeem(flow, await codeFor(flow));
    const second = await refresh(flow, first.body.refresh_token);
    expect((await refresh(flow, first.body.refresh_token)).body.error).toBe('invalid_grant');
    expect((await refresh(flow, second.body.refresh_token)).body.error).toBe('invalid_grant');
    expect(server.scopesOf(second.body.access_token as string)).toBeUndefined();
  });

  test('revoked, it takes its access tokens along, for its own client only', async () => {
    const flow = await startFlow();
    const { body } = await redeem(flow, await codeFor(flow));
    await post('/revoke', { token: body.refresh_token, client_id: 'another' });
    expect(server.scopesOf(body.access_token as string)).toContain('greet');
    expect((await post('/revoke', { token: body.refresh_token, client_id: flow.clientId })).status).toBe(200);
    expect(server.scopesOf(body.access_token as string)).toBeUndefined();
    expect((await post('/revoke', { token: 'unknown', client_id: flow.clientId })).status).toBe(200);
  });
});

test('a request for another host is not answered (DNS rebinding)', async () => {
  const { port } = new URL(origin);
  const status = await new Promise((resolve, reject) => {
    const headers = { host: `evil.example:${port}` };
    httpRequest({ host: '127.0.0.1', port, path: '/.well-known/oauth-authorization-server', headers })
      .once('response', (response) => resolve(response.resume().statusCode))
      .once('error', reject)
      .end();
  });
  expect(status).toBe(421);
});
