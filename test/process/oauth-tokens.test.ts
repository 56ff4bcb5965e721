import { describe, expect, test } from 'vitest';
import { callEcho, echoed, initialize, oauthStage } from '../support/oauth-stage.ts';

describe('a token response', () => {
  test.each([
    ['no access token', { access_token: undefined }],
    ['an empty one', { access_token: '' }],
    ['one with a line break', { access_token: 'canary-access\r\nX-Evil: 1' }],
    ['one with a blank', { access_token: 'canary-access and more' }],
    ['one of 64 KiB', { access_token: `canary-access-${'x'.repeat(65_536)}` }],
    ['a number for it', { access_token: 7 }],
    ['another type', { token_type: 'mac' }],
    ['an error beside it', { error: 'server_error' }],
  ])('with %s is refused, and the page says so [T32, 34, 41, T42]', async (_name, tokens) => {
    const stage = await oauthStage({ server: { tokens } });
    const answer = await initialize(stage.bridge());
    expect(answer.error?.data.reason).toBe('authorization-server');
    expect(stage.pages.at(-1)?.status).toBeGreaterThanOrEqual(400);
    // What failed once is no reason not to try again.
    stage.server.options.tokens = {};
    await stage.signIn();
    await stage.connect();
  });

  test.each([
    ['-1', -1],
    ['0', 0],
    ['a text', '3600'],
    ['1e99', 1e99],
    ['a fraction', 1.5],
    ['null', null],
    ['nothing', undefined],
  ])(
    'with an expiry of %s is a token of unknown life, renewed when it is refused [T32, 34]',
    async (_name, life) => {
      const stage = await oauthStage({ server: { tokens: { expires_in: life } } });
      await stage.signIn();
      const bridge = await stage.connect();
      expect((await callEcho(bridge)).result).toEqual(echoed);
      expect(stage.server.grants('refresh_token')).toBe(0);
      stage.server.expireAccessTokens();
      expect((await callEcho(bridge)).result).toEqual(echoed);
      expect(stage.server.grants('refresh_token')).toBe(1);
      expect(stage.windows).toBe(1);
    },
  );

  test.each([
    ['no type', { token_type: undefined }],
    ['its type in small letters', { token_type: 'bearer' }],
    ['more fields', { id_token: 'x.y.z', scope: 7, extra: { a: 1 } }],
  ])('with %s is taken', async (_name, tokens) => {
    const stage = await oauthStage({ server: { tokens } });
    const bridge = await stage.connect();
    expect((await callEcho(bridge)).result).toEqual(echoed);
  });
});

describe('the token endpoint', () => {
  test('that breaks the connection is asked once more at the most [T33, 33]', async () => {
    const stage = await oauthStage();
    stage.server.once('token', (exchange) => exchange.drop());
    await stage.signIn();
    expect(stage.server.of('token')).toHaveLength(2);
    stage.server.on('token', (exchange) => exchange.drop());
    await stage.signInFails(3);
    expect(stage.server.of('token')).toHaveLength(4);
    expect(stage.pages.at(-1)?.status).toBeGreaterThanOrEqual(400);
  });

  test('that has taken the code and then breaks ends the sign-in, which can be begun anew [T33]', async () => {
    const stage = await oauthStage();
    stage.server.once('token', (exchange, usual) => {
      const { response } = exchange;
      response.end = () => {
        exchange.drop();
        return response;
      };
      usual();
    });
    await stage.signInFails(3);
    expect(stage.server.of('token')).toHaveLength(2);
    await stage.signIn();
  });

  test.each([
    ['a text', 'text/plain', 'canary-internal at 10.0.0.1'],
    ['HTML', 'text/html', '<html>canary-internal</html>'],
    ['odd JSON', 'application/json', '{"fault":"canary-internal"}'],
    ['an odd code', 'application/json', '{"error":"canary-internal\\r\\n"}'],
  ])('that answers 400 with %s: that is shown nowhere [T12, 15]', async (_name, type, body) => {
    const stage = await oauthStage();
    stage.server.book.secrets.add('canary-internal');
    stage.server.on('token', (exchange) => exchange.body(400, body, { 'Content-Type': type }));
    const bridge = stage.bridge();
    const answer = await initialize(bridge);
    expect(answer.error?.data.reason).toBe('authorization-server');
    expect(JSON.stringify(answer)).not.toContain('canary');
    expect(stage.pages.at(-1)?.body).not.toContain('canary');
    expect(stage.server.of('token')).toHaveLength(1);
  });

  test('is not followed elsewhere [T87, 104]', async () => {
    const stage = await oauthStage();
    const other = await stage.addServer();
    for (const status of [302, 307, 308]) {
      stage.server.once('token', (exchange) => exchange.redirect(status, `${other.origin}/token`));
      await stage.signInFails(3);
    }
    expect(other.requests).toEqual([]);
  });

  test('of a captive portal gives nothing that is kept [T89]', async () => {
    const stage = await oauthStage();
    const portal = '<html><title>Welcome</title>Please accept our terms</html>';
    await stage.signIn();
    for (const endpoint of ['metadata', 'register', 'token', 'other'] as const)
      stage.server.on(endpoint, (exchange) => exchange.body(200, portal, { 'Content-Type': 'text/html' }));
    await stage.signInFails(3);
    stage.server.expireAccessTokens();
    const bridge = stage.bridge();
    const answer = await initialize(bridge);
    expect(answer.error?.data.reason).toBe('authorization-server');
    // Once the terms are accepted all is as before: nobody has to sign in.
    for (const endpoint of ['metadata', 'register', 'token', 'other'] as const) stage.server.off(endpoint);
    expect(await initialize(bridge)).toHaveProperty('result');
    expect(stage.windows).toBe(1);
    expect(stage.server.grants('refresh_token')).toBe(1);
  });
});

describe('a token without expiry and refresh token (TokPortal)', () => {
  test.each([undefined, 0])(
    'serves until it is revoked; then one sign-in is offered (%s)',
    async (expiry) => {
      const stage = await oauthStage({
        server: { tokens: { expires_in: expiry, refresh_token: undefined } },
      });
      await stage.signIn();
      const bridge = await stage.connect();
      for (let calls = 0; calls < 3; calls++) expect((await callEcho(bridge)).result).toEqual(echoed);
      expect(stage.windows).toBe(1);
      expect(stage.server.of('token')).toHaveLength(1);

      stage.server.revokeAll();
      const answers = await Promise.all([callEcho(bridge), callEcho(bridge), callEcho(bridge)]);
      expect(answers.map(({ result }) => result)).toEqual([echoed, echoed, echoed]);
      expect(stage.windows).toBe(2);
      expect(stage.server.grants('refresh_token')).toBe(0);
    },
  );

  test('two of them serve side by side, by profile', async () => {
    const stage = await oauthStage({
      server: { tokens: { expires_in: undefined, refresh_token: undefined } },
    });
    const full = await stage.connect();
    const readOnly = await stage.connect('--profile', 'read-only');
    await Promise.all([callEcho(full), callEcho(readOnly)]);
    const used = new Set(stage.remote.credentials('tools/call'));
    expect(used.size).toBe(2);
    expect(stage.windows).toBe(2);
    expect(stage.server.of('register')).toHaveLength(1);
  });
});

describe('the pages', () => {
  test('say that the sign-in is done, and only then', async () => {
    const stage = await oauthStage();
    await stage.signIn();
    expect(stage.pages).toMatchObject([{ status: 200 }]);
    stage.server.on('token', (exchange) => exchange.json(400, { error: 'invalid_grant' }));
    expect(await stage.signInFails(3)).toContain('invalid_grant');
    expect(stage.pages.at(-1)?.status).toBeGreaterThanOrEqual(400);
    // The credentials of before are still there.
    stage.server.off('token');
    await stage.connect();
    expect(stage.windows).toBe(2);
  });
});
