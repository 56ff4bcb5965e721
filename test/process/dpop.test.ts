import { readdirSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { type BoundStageOptions, boundStage, schemesOf } from '../support/bound-stage.ts';
import { speakSse } from '../support/fake-sse-remote.ts';
import { callEcho, echoed } from '../support/oauth-stage.ts';
import { runCommand } from '../support/run-command.ts';
import { findSecrets } from '../support/signed-in.ts';
import { storedConnections } from '../support/stored-connection.ts';
import { until } from '../support/wait.ts';

describe('where tokens are bound (docs/decisions/0015) [X-24]', () => {
  const bindings: [string, BoundStageOptions, string[], 'DPoP' | 'Bearer'][] = [
    ['the challenge is for it', {}, [], 'DPoP'],
    ['the challenge is for both', { schemes: ['Bearer', 'DPoP'], takesBearer: true }, [], 'DPoP'],
    [
      'the resource requires it',
      { schemes: ['Bearer', 'DPoP'], prm: { dpop_bound_access_tokens_required: true } },
      [],
      'DPoP',
    ],
    [
      'the resource lists it',
      { schemes: ['Bearer', 'DPoP'], prm: { dpop_signing_alg_values_supported: ['RS256', 'ES256'] } },
      [],
      'DPoP',
    ],
    [
      'the resource lists only what is not known here',
      {
        schemes: ['Bearer', 'DPoP'],
        takesBearer: true,
        prm: { dpop_signing_alg_values_supported: ['RS256'] },
      },
      [],
      'Bearer',
    ],
    ['only the authorization server lists it', { schemes: ['Bearer'], takesBearer: true }, [], 'Bearer'],
    [
      'the authorization server lists only what is not known here',
      { algorithms: ['RS256'], schemes: ['Bearer', 'DPoP'], takesBearer: true },
      [],
      'Bearer',
    ],
    [
      'the authorization server knows nothing of it',
      { algorithms: undefined, schemes: ['Bearer', 'DPoP'], takesBearer: true },
      [],
      'Bearer',
    ],
    ['the user demands it', { schemes: ['Bearer', 'DPoP'], takesBearer: true }, ['--dpop', 'on'], 'DPoP'],
    [
      'the user does not want it',
      { schemes: ['Bearer', 'DPoP'], takesBearer: true },
      ['--dpop', 'off'],
      'Bearer',
    ],
  ];

  test.each(bindings)('%s', async (_name, options, args, scheme) => {
    const { stage, presented } = await boundStage(options);
    const bridge = await stage.connect(...args);
    expect((await callEcho(bridge)).result).toEqual(echoed);
    expect(schemesOf({ presented })).toEqual([scheme]);
    expect(stage.windows).toBe(1);
    const [record] = storedConnections(stage);
    expect(record?.tokenType).toBe(scheme);
    expect(record?.dpopKey === undefined).toBe(scheme === 'Bearer');
  });
});

describe('a bound token', () => {
  test('the code, the token and the refresh token are bound to one key, and each request has its proof [X-19, X-20, X-21, X-25, 111]', async () => {
    const { stage, authorization, resource, bound, presented } = await boundStage({
      stage: { remote: { session: true } },
    });
    const bridge = await stage.connect();
    expect((await callEcho(bridge)).result).toEqual(echoed);
    await until('the stream', () => resource.proofs.some(({ claims }) => claims.htm === 'GET'));
    stage.server.expireAccessTokens();
    expect((await callEcho(bridge)).result).toEqual(echoed);
    bridge.closeStdin();
    await bridge.exitWithin(10_000);
    const [record] = storedConnections(stage);
    const jkt = bound.get(record?.accessToken ?? '');
    expect(stage.authorizations.map(({ dpop_jkt }) => dpop_jkt)).toEqual([jkt]);
    expect([...authorization.proofs, ...resource.proofs].filter((proof) => proof.jkt !== jkt)).toEqual([]);
    expect(authorization.proofs.map(({ claims }) => claims.htm)).toEqual(['POST', 'POST']);
    expect(new Set(resource.proofs.map(({ claims }) => claims.htm))).toEqual(
      new Set(['POST', 'GET', 'DELETE']),
    );
    expect([authorization.check.faults, resource.check.faults]).toEqual([[], []]);
    expect(stage.server.grants('refresh_token')).toBe(1);
    // Every request that carried one, and the first of all, which had none.
    expect(resource.proofs).toHaveLength(presented.length);
    expect(stage.windows).toBe(1);
  });

  test('a redirect and a stream that is resumed have proofs of their own [X-20, X-21]', async () => {
    const { stage, resource } = await boundStage({ resourceNonces: 'rotating' });
    const { remote } = stage.remote;
    const bridge = await stage.connect();
    remote.once('tools/call', (exchange) => exchange.redirect(307, '/moved?x=1'));
    expect((await callEcho(bridge)).result).toEqual(echoed);
    expect(resource.proofs.at(-1)?.claims.htu).toBe(`${stage.remote.origin}/moved`);
    let id: unknown;
    remote.once('tools/call', (exchange) => {
      id = exchange.id;
      const stream = exchange.sse();
      stream.send({ jsonrpc: '2.0', method: 'notifications/message', params: {} }, { id: 'e1', retry: 1 });
      stream.end();
    });
    remote.on('GET', (exchange) => {
      if (exchange.request.headers['last-event-id'] !== 'e1') return exchange.status(405);
      const stream = exchange.sse();
      stream.send({ jsonrpc: '2.0', id, result: echoed });
      stream.end();
    });
    expect((await callEcho(bridge)).result).toEqual(echoed);
    expect(resource.proofs.at(-1)?.claims.htm).toBe('GET');
    expect(resource.check.faults).toEqual([]);
  });

  test('a client registers itself for it, apart from the one for bearer tokens [X-24]', async () => {
    const { stage, options } = await boundStage({ schemes: ['Bearer', 'DPoP'], takesBearer: true });
    await stage.signIn('--dpop', 'off');
    await stage.signIn('--dpop', 'on');
    await stage.signIn('--dpop', 'on');
    const registered = stage.server
      .of('register')
      .map(({ body }) => JSON.parse(body) as Record<string, unknown>);
    expect(registered.map((one) => one.dpop_bound_access_tokens)).toEqual([undefined, true]);
    expect(options.tokenType).toBe('DPoP');
  });

  test('the key stands in no file, line or argument but sealed [A-82, S-29]', async () => {
    const { stage } = await boundStage();
    const bridge = await stage.connect();
    expect((await callEcho(bridge)).result).toEqual(echoed);
    const [record] = storedConnections(stage);
    const { d = '' } = record?.dpopKey ?? {};
    expect(d).toHaveLength(43);
    expect(findSecrets([d], stage.setup.home, bridge.stderr, bridge.stdout.lines.join('\n'))).toEqual([]);
    expect(bridge.stderr).not.toMatch(/eyJ0eXAiOiJkcG9wK2p3dCI/);
    expect(readdirSync(stage.setup.home).length).toBeGreaterThan(0);
  });

  test('over HTTP+SSE: the stream and each message', async () => {
    const { stage, resource } = await boundStage();
    speakSse(stage.remote.remote);
    const bridge = await stage.connect('--transport', 'sse');
    expect((await callEcho(bridge)).result).toEqual(echoed);
    expect(resource.check.faults).toEqual([]);
    const { origin, url } = stage.remote;
    const proven = resource.proofs.map(({ claims: { htm, htu } }) => `${htm} ${htu}`);
    expect(new Set(proven)).toEqual(new Set([`GET ${url}`, `POST ${origin}/message`]));
  });

  test('is shown as that by token, status and doctor', async () => {
    const { stage } = await boundStage();
    await stage.signIn();
    const [record] = storedConnections(stage);
    const token = await runCommand(['token', stage.url], stage.setup.env, 30_000);
    expect([token.code, token.stdout]).toEqual([0, `${record?.accessToken}\n`]);
    expect(token.stderr).toContain('bound to a key');
    const status = await runCommand(['status', stage.url], stage.setup.env, 30_000);
    expect(status.stdout).toContain('bound to a key (DPoP)');
    const json = await runCommand(['status', stage.url, '--json'], stage.setup.env, 30_000);
    expect(JSON.parse(json.stdout).connections[0].tokenType).toBe('DPoP');
    expect(json.stdout).not.toContain(record?.dpopKey?.d);
    const doctor = await runCommand(['doctor', stage.url, '--json'], stage.setup.env, 30_000);
    expect(doctor.code, doctor.stdout).toBe(0);
    expect(doctor.stdout).toContain('"dpop":"required"'.replace(':', ': '));
    expect(doctor.stdout).not.toContain(record?.dpopKey?.d);
  });

  test('logout revokes it as any other', async () => {
    const { stage } = await boundStage();
    await stage.signIn();
    const { code, stderr } = await runCommand(['logout', stage.url], stage.setup.env, 30_000);
    expect(code, stderr).toBe(0);
    expect(stage.server.of('revoke').length).toBeGreaterThan(0);
    expect(storedConnections(stage)).toEqual([]);
  });
});

describe('nonces [X-22, X-23, T116]', () => {
  test.each(['one', 'rotating'] as const)(
    '%s of both servers: one more request where one is asked for',
    async (mode) => {
      const { stage, authorization, resource } = await boundStage({
        authorizationNonces: mode,
        resourceNonces: mode,
      });
      const bridge = await stage.connect();
      expect((await callEcho(bridge)).result).toEqual(echoed);
      expect((await callEcho(bridge)).result).toEqual(echoed);
      stage.server.expireAccessTokens();
      expect((await callEcho(bridge)).result).toEqual(echoed);
      expect(stage.windows).toBe(1);
      expect(stage.server.grants('refresh_token')).toBe(1);
      // The code, and the refresh by another process than the sign-in.
      expect(authorization.asked).toBe(2);
      expect(resource.asked).toBeLessThanOrEqual(mode === 'one' ? 2 : 6);
      for (const { claims } of resource.proofs) expect(String(claims.nonce ?? 'rs-')).toMatch(/^rs-/);
      for (const { claims } of authorization.proofs) expect(String(claims.nonce ?? 'as-')).toMatch(/^as-/);
    },
  );

  test('twenty calls at once, when the nonce has changed', async () => {
    const { stage, resource } = await boundStage({ resourceNonces: 'one' });
    const bridge = await stage.connect();
    resource.forget();
    const answers = await Promise.all(Array.from({ length: 20 }, () => callEcho(bridge)));
    expect(answers.filter(({ result }) => result === undefined)).toEqual([]);
  });

  test('a nonce that is no longer known is replaced, and nobody signs in', async () => {
    const { stage, resource } = await boundStage({ resourceNonces: 'one' });
    const bridge = await stage.connect();
    expect((await callEcho(bridge)).result).toEqual(echoed);
    const { asked } = resource;
    resource.forget();
    expect((await callEcho(bridge)).result).toEqual(echoed);
    expect([resource.asked - asked, stage.windows, stage.server.grants('refresh_token')]).toEqual([1, 1, 0]);
  });

  test('a resource that asks for ever is told of, and begins no sign-in', async () => {
    const { stage, resource } = await boundStage();
    const bridge = await stage.connect();
    expect((await callEcho(bridge)).result).toEqual(echoed);
    resource.mode = 'endless';
    const before = resource.proofs.length;
    const { error, result } = await callEcho(bridge);
    expect(JSON.stringify(error ?? result)).toContain('proof of possession');
    expect(resource.proofs.length - before).toBe(2);
    expect([stage.windows, stage.server.grants('refresh_token')]).toEqual([1, 0]);
  });

  test('an authorization server that asks for ever is told of', async () => {
    const { stage, authorization } = await boundStage({ authorizationNonces: 'endless' });
    expect(await stage.signInFails(3)).toContain('use_dpop_nonce');
    expect(authorization.proofs).toHaveLength(2);
  });

  test('one that does so at the refresh loses nothing', async () => {
    const { stage, authorization } = await boundStage();
    const bridge = await stage.connect();
    authorization.mode = 'endless';
    stage.server.expireAccessTokens();
    expect(JSON.stringify(await callEcho(bridge))).toContain('use_dpop_nonce');
    authorization.mode = 'none';
    expect((await callEcho(bridge)).result).toEqual(echoed);
    expect(stage.windows).toBe(1);
  });
});

describe('clocks [X-26]', () => {
  test.each([600_000, -600_000])(
    '%i ms ahead: put right by the Date header, once for each server',
    async (ahead) => {
      const { stage, authorization, resource } = await boundStage({ ahead });
      const bridge = await stage.connect();
      expect((await callEcho(bridge)).result).toEqual(echoed);
      expect((await callEcho(bridge)).result).toEqual(echoed);
      expect(authorization.check.faults).toHaveLength(1);
      expect(resource.check.faults.length).toBeLessThanOrEqual(2); // the first POST and the stream
      expect(stage.windows).toBe(1);
    },
  );
});

describe('processes that share a record', () => {
  test('renew it once, with its key', async () => {
    const { stage, authorization } = await boundStage({ authorizationNonces: 'one', resourceNonces: 'one' });
    const bridges = [await stage.connect(), await stage.connect(), await stage.connect()];
    stage.server.expireAccessTokens();
    const answers = await Promise.all(bridges.map((bridge) => callEcho(bridge)));
    expect(answers.map(({ result }) => result)).toEqual([echoed, echoed, echoed]);
    expect(stage.server.grants('refresh_token')).toBe(1);
    expect(new Set(authorization.proofs.map(({ jkt }) => jkt)).size).toBe(1);
    expect(stage.windows).toBe(1);
  });

  test('one is killed while it renews: the next goes on with the same key', async () => {
    const { stage } = await boundStage();
    const first = await stage.connect();
    const key = storedConnections(stage)[0]?.dpopKey;
    stage.server.expireAccessTokens();
    const usual = new Promise<void>((resolve) => {
      stage.server.once('token', () => resolve()); // it never answers
    });
    first.send({ jsonrpc: '2.0', id: 'x', method: 'tools/list', params: {} });
    await usual;
    first.kill('SIGKILL');
    const second = await stage.connect();
    expect((await callEcho(second)).result).toEqual(echoed);
    expect(storedConnections(stage)[0]?.dpopKey).toEqual(key);
    expect(stage.windows).toBe(1);
  });

  test('another sign-in makes another key, which running bridges take up', async () => {
    const { stage, presented } = await boundStage();
    const bridge = await stage.connect();
    const before = storedConnections(stage)[0];
    await stage.signIn();
    const after = storedConnections(stage)[0];
    expect(after?.dpopKey).not.toEqual(before?.dpopKey);
    await new Promise((resolve) => setTimeout(resolve, 1_200));
    expect((await callEcho(bridge)).result).toEqual(echoed);
    expect(presented.at(-1)).toBe(`DPoP ${after?.accessToken}`);
  });
});
