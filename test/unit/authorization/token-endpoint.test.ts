import { decodeJwt } from 'jose';
import { describe, expect, test } from 'vitest';
import { Dpop, generateDpopKey } from '../../../src/authorization/dpop.ts';
import { OAuthError, postForm, requestToken } from '../../../src/authorization/token-endpoint.ts';
import type { ClientIdentity } from '../../../src/credentials/record.ts';
import { noAnswer, ScriptedOAuthHttp } from '../helpers/scripted-oauth-http.ts';

const ENDPOINT = 'https://as.example/token';
const client: ClientIdentity = { id: 'client 1', source: 'configured', authMethod: 'none' };
const good = { access_token: 'access', token_type: 'Bearer' };

function ask(
  answer: Parameters<ScriptedOAuthHttp['on']>[1],
  parameters: Record<string, string> = { grant_type: 'refresh_token', refresh_token: 'r3fresh' },
  as = client,
) {
  const http = new ScriptedOAuthHttp().on(ENDPOINT, answer);
  return { http, tokens: requestToken(http.http, ENDPOINT, as, parameters, 1000) };
}

async function failureOf(answer: Promise<unknown>): Promise<OAuthError> {
  return (await answer.then(
    () => expect.unreachable(),
    (thrown) => thrown,
  )) as OAuthError;
}

describe('the client proves who it is as it was registered (A-43)', () => {
  const secret = 's:e+c/r é%&=';

  test('none: its id in the form', async () => {
    const { http, tokens } = ask({ json: good });
    await tokens;
    expect(http.requests[0]).toMatchObject({
      method: 'POST',
      url: ENDPOINT,
      headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
      form: { grant_type: 'refresh_token', refresh_token: 'r3fresh', client_id: 'client 1' },
      timeout: 1000,
    });
    expect(http.requests[0]?.headers).not.toHaveProperty('Authorization');
  });

  test('client_secret_post: id and secret in the form', async () => {
    const { http, tokens } = ask({ json: good }, {}, { ...client, authMethod: 'client_secret_post', secret });
    await tokens;
    expect(http.requests[0]?.form).toEqual({ client_id: 'client 1', client_secret: secret });
  });

  test('client_secret_basic: form-encoded before Base64, and not in the form', async () => {
    const { http, tokens } = ask(
      { json: good },
      {},
      { ...client, authMethod: 'client_secret_basic', secret },
    );
    await tokens;
    const [scheme, pair = ''] = http.requests[0]?.headers?.Authorization?.split(' ') ?? [];
    expect(scheme).toBe('Basic');
    expect(Buffer.from(pair, 'base64').toString()).toBe('client+1:s%3Ae%2Bc%2Fr+%C3%A9%25%26%3D');
    expect(http.requests[0]?.form).toEqual({});
  });

  test('the same for other endpoints', async () => {
    const http = new ScriptedOAuthHttp().on('https://as.example/par', { status: 201, json: {} });
    await postForm(http.http, 'https://as.example/par', client, { scope: 'a b' }, 5);
    expect(http.requests[0]?.form).toEqual({ scope: 'a b', client_id: 'client 1' });
  });
});

describe('a token response (RFC 6749 section 5.1) [34, T32]', () => {
  const tokens = (json: Record<string, unknown>) => ask({ json: { ...good, ...json } }).tokens;

  test('with everything', async () => {
    expect(await tokens({ expires_in: 3600, refresh_token: 'next', scope: ' a b ' })).toEqual({
      accessToken: 'access',
      tokenType: 'Bearer',
      expiresIn: 3600,
      refreshToken: 'next',
      scope: 'a b',
    });
  });

  test('with the least, M10', async () => {
    expect(await tokens({})).toEqual({
      accessToken: 'access',
      tokenType: 'Bearer',
      expiresIn: undefined,
      refreshToken: undefined,
      scope: undefined,
    });
  });

  test.each([-1, 0, 1e99, 1.5, 31_536_001, '3600', 'x', null, true, [], Number.NaN])(
    'T32: expires_in %j is no lifetime',
    async (expires_in) => {
      expect((await tokens({ expires_in })).expiresIn).toBeUndefined();
    },
  );

  test.each([1, 31_536_000])('expires_in %i is one', async (expires_in) => {
    expect((await tokens({ expires_in })).expiresIn).toBe(expires_in);
  });

  test.each([
    undefined,
    null,
    7,
    '',
    'a\r\nX-Evil: 1',
    'a b',
    'tök',
    'a\u0000',
    'x'.repeat(16 * 1024 + 1),
    'x'.repeat(1_000_000),
  ])('T32: an access token %.20j is refused, and not shown', async (access_token) => {
    const error = await failureOf(tokens({ access_token }));
    expect(error).toMatchObject({ reason: 'authorization-server' });
    expect(error.message).toMatch(/^as\.example gave a token that can't be used/);
    expect(error.message).not.toMatch(/Evil|xxx/);
  });

  test.each(['mac', 'DPoP', 'N_A', 7, null])('T32: token_type %j is refused (A-75)', async (token_type) => {
    expect((await failureOf(tokens({ token_type }))).message).toContain('its type is not Bearer');
  });

  test.each(['bearer', 'BEARER', undefined])('token_type %s is Bearer', async (token_type) => {
    expect((await tokens({ token_type })).accessToken).toBe('access');
  });

  test.each(['r\r\n', 'x'.repeat(16 * 1024 + 1), '', 7, null])(
    'T32: a refresh token %.20j is none',
    async (refresh_token) => {
      expect((await tokens({ refresh_token })).refreshToken).toBeUndefined();
    },
  );

  test.each(['a\nb', 'ü', 7, ['a']])('a scope %j is none', async (scope) => {
    expect((await tokens({ scope })).scope).toBeUndefined();
  });
});

describe('a refusal (RFC 6749 section 5.2) [15]', () => {
  const refused = (answer: object, parameters?: Record<string, string>, as?: ClientIdentity) =>
    failureOf(ask(answer, parameters, as).tokens);

  test('its code and description are told', async () => {
    const json = { error: 'invalid_grant', error_description: 'Token\n\u001b[31mexpired\u202e' };
    const error = await refused({ status: 400, json });
    expect(error).toBeInstanceOf(OAuthError);
    expect(error).toMatchObject({
      reason: 'authorization-server',
      code: 'invalid_grant',
      status: 400,
      isPassing: false,
      details: { status: 400 },
      message: 'as.example refused to renew the token: invalid_grant (Token [31mexpired).',
    });
  });

  test('what was refused is told', async () => {
    const error = await refused({ status: 400, json: { error: 'x' } }, { grant_type: 'authorization_code' });
    expect(error.message).toBe('as.example refused the sign-in: x.');
  });

  test('T12: nothing else of the body is', async () => {
    for (const json of [undefined, { message: 'INTERNAL-SECRET' }, { error: { a: 'INTERNAL-SECRET' } }]) {
      const error = await refused({ status: 400, json });
      expect([error.message, error.code]).toEqual(['as.example refused to renew the token (HTTP 400).', '']);
      expect(JSON.stringify(error.toJsonRpcError())).not.toContain('INTERNAL');
    }
  });

  test.each(['x'.repeat(65), 'a"b', 'a\\b', 'a\nb', 'ü', ''])(
    'T12: a code %j that none may be is not',
    async (code) => {
      expect((await refused({ status: 400, json: { error: code } })).message).toContain('(HTTP 400)');
    },
  );

  test('T15: a long description is cut', async () => {
    const json = { error: 'x', error_description: 'long '.repeat(100) };
    expect((await refused({ status: 400, json })).message.length).toBeLessThan(260);
  });

  test('a description that quotes what it was sent is told without that [72]', async () => {
    const secret = 's3cret';
    const parameters = { grant_type: 'x', refresh_token: 'r3fresh', code: 'c0de', code_verifier: 'v3rifier' };
    const error_description = 'no r3fresh, c0de, v3rifier or s3cret';
    const error = await refused(
      { status: 400, json: { error: 'invalid_grant', error_description } },
      parameters,
      {
        ...client,
        authMethod: 'client_secret_post',
        secret,
      },
    );
    expect(error.message).toBe('as.example refused the sign-in: invalid_grant (no …, …, … or …).');
    expect(error.description).not.toMatch(/r3fresh|c0de|v3rifier|s3cret/);
  });

  test.each([
    [500, undefined, true],
    [503, { error: 'invalid_grant' }, true],
    [429, undefined, true],
    [400, { error: 'temporarily_unavailable' }, true],
    [400, { error: 'server_error' }, true],
    [400, { error: 'invalid_grant' }, false],
    [401, { error: 'invalid_client' }, false],
    [404, undefined, false],
    [302, undefined, false],
    [200, undefined, false],
    [200, { error: 'invalid_grant' }, false],
    [201, good, false],
  ])('%i with %j passes by itself: %s', async (status, json, isPassing) => {
    expect((await refused({ status, json })).isPassing).toBe(isPassing);
  });

  test('no answer is no refusal', async () => {
    expect(await failureOf(ask(noAnswer(true)).tokens)).not.toBeInstanceOf(OAuthError);
  });
});

describe('the ID token (OpenID Connect Core section 3.1.3.3)', () => {
  test.each([
    ['a JWT', 'eyJhbGciOiJub25lIn0.e30.c2ln', true],
    ['none', undefined, false],
    ['an opaque text', 'opaque', false],
    ['a number', 7, false],
  ])('%s', async (_what, id_token, isTaken) => {
    expect((await ask({ json: { ...good, id_token } }).tokens).idToken).toBe(isTaken ? id_token : undefined);
  });
});

describe('a request for bound tokens (RFC 9449 section 5) [X-19, X-22, X-27]', () => {
  const dpop = new Dpop(generateDpopKey());
  const bound = { ...good, token_type: 'DPoP' };
  const nonce = { status: 400, json: { error: 'use_dpop_nonce' }, headers: { 'dpop-nonce': 'n1' } };
  const claimsAt = (http: ScriptedOAuthHttp, at: number) =>
    decodeJwt(http.requests[at]?.headers?.DPoP as string);

  function askBound(isRequired: boolean, ...answers: Parameters<ScriptedOAuthHttp['on']>[1][]) {
    const http = new ScriptedOAuthHttp().on(ENDPOINT, ...answers);
    const as = { ...client, binding: { dpop: new Dpop(dpop.key), isRequired } };
    const form = { grant_type: 'authorization_code', code: 'c' };
    return { http, tokens: requestToken(http.http, ENDPOINT, as, form, 1000) };
  }

  test('has a proof, and takes the type as it comes', async () => {
    const { http, tokens } = askBound(false, { json: bound });
    expect(await tokens).toMatchObject({ tokenType: 'DPoP', accessToken: 'access' });
    expect(claimsAt(http, 0)).toMatchObject({ htm: 'POST', htu: ENDPOINT });
    expect(claimsAt(http, 0)).not.toHaveProperty('ath');
  });

  test.each(['dpop', 'DPOP'])('token_type %s is one', async (token_type) => {
    expect((await askBound(true, { json: { ...good, token_type } }).tokens).tokenType).toBe('DPoP');
  });

  test('is made again with the nonce that is asked for, once', async () => {
    const { http, tokens } = askBound(true, nonce, { json: bound });
    expect((await tokens).tokenType).toBe('DPoP');
    expect([claimsAt(http, 0).nonce, claimsAt(http, 1).nonce]).toEqual([undefined, 'n1']);
    expect(claimsAt(http, 0).jti).not.toBe(claimsAt(http, 1).jti);
    const again = askBound(true, nonce, { ...nonce, headers: { 'dpop-nonce': 'n2' } });
    expect(await failureOf(again.tokens)).toMatchObject({ code: 'use_dpop_nonce' });
    expect(again.http.requests).toHaveLength(2);
  });

  test('an assertion of the client is made anew with it', async () => {
    let made = 0;
    const http = new ScriptedOAuthHttp().on(ENDPOINT, nonce, { json: bound });
    const as = {
      ...client,
      authMethod: 'private_key_jwt' as const,
      assert: async () => `assertion-${++made}`,
      binding: { dpop: new Dpop(dpop.key), isRequired: true },
    };
    await requestToken(http.http, ENDPOINT, as, { grant_type: 'client_credentials' }, 1000);
    expect(http.requests.map(({ form }) => form.client_assertion)).toEqual(['assertion-1', 'assertion-2']);
  });

  test.each(['Bearer', undefined])(
    'token_type %s: used as it is, or refused where it has to be bound',
    async (type) => {
      const json = { ...good, token_type: type };
      expect((await askBound(false, { json }).tokens).tokenType).toBe('Bearer');
      const { message } = await failureOf(askBound(true, { json }).tokens);
      expect(message).toMatch(/not bound to a key.*--dpop off/);
      expect(message).not.toContain('access');
    },
  );

  test.each(['mac', 'N_A', 7, null, ''])('token_type %j is refused in any case', async (token_type) => {
    for (const isRequired of [true, false])
      expect(
        (await failureOf(askBound(isRequired, { json: { ...good, token_type } }).tokens)).message,
      ).toContain('its type is unknown');
  });
});
