import { randomUUID } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { generateKeyPair, jwtVerify, SignJWT } from 'jose';
import { describe, expect, onTestFinished, test } from 'vitest';
import { type BridgeProcess, startBridge } from '../support/bridge-process.ts';
import { recordingBrowser } from '../support/browsers.ts';
import { startFakeAuthorizationServer } from '../support/fake-authorization-server.ts';
import { callEcho, echoed, initialize } from '../support/oauth-stage.ts';
import { startProtectedRemote } from '../support/protected-remote.ts';
import { runCommand } from '../support/run-command.ts';
import { findSecrets, signInSetup } from '../support/signed-in.ts';
import { tempFolder } from '../support/temp-folder.ts';

const GRANT = 'urn:ietf:params:oauth:grant-type:jwt-bearer';

/** A platform that signs JWTs for its workloads, an authorization server that trusts it, a resource, and a home. */
async function world({ ttl = 3600, grantTypes = [GRANT] }: { ttl?: number; grantTypes?: string[] } = {}) {
  const { publicKey, privateKey } = await generateKeyPair('ES256');
  const file = join(tempFolder(), 'token');
  const issued: string[] = [];
  const given = new Map<string, number>();
  let refusal: string | undefined;
  const server = await startFakeAuthorizationServer({
    metadata: (usual) => ({
      ...usual,
      grant_types_supported: grantTypes,
      token_endpoint_auth_methods_supported: ['none'],
    }),
  });
  server.on('token', async (exchange) => {
    const { assertion = '', scope } = exchange.params;
    if (refusal) return exchange.json(400, { error: refusal, error_description: `not ${assertion}` });
    try {
      await jwtVerify(assertion, publicKey, { audience: server.issuer });
    } catch {
      return exchange.json(400, { error: 'invalid_grant' });
    }
    const token = `canary-access-${randomUUID()}`;
    given.set(token, Date.now() + ttl * 1000);
    exchange.json(200, {
      access_token: token,
      token_type: 'Bearer',
      expires_in: ttl,
      ...(scope && { scope }),
    });
  });
  const remote = await startProtectedRemote({
    isValid: (token) => (given.get(token) ?? 0) > Date.now(),
    authorizationServers: [server.issuer],
    scopes: ['mcp:tools'],
  });
  const setup = signInSetup(recordingBrowser());
  const bridges: BridgeProcess[] = [];
  const outputs: string[] = [];
  onTestFinished(() => {
    const printed = bridges.flatMap((bridge) => [bridge.stdout.lines.join('\n'), bridge.stderr]);
    expect(findSecrets([...issued, ...given.keys()], setup.home, ...printed, ...outputs)).toEqual([]);
    expect(setup.browser.opened).toEqual([]);
  });
  const sign = async (claims: { aud?: string; exp?: string; typ?: string } = {}): Promise<string> => {
    const token = await new SignJWT({ jti: randomUUID() })
      .setProtectedHeader({ alg: 'ES256', ...(claims.typ && { typ: claims.typ }) })
      .setIssuer('https://platform.example')
      .setSubject('system:serviceaccount:default:agent')
      .setAudience(claims.aud ?? server.issuer)
      .setIssuedAt()
      .setExpirationTime(claims.exp ?? '10m')
      .sign(privateKey);
    issued.push(token);
    return token;
  };
  const bridge = (...args: string[]): BridgeProcess => {
    const all = ['--log-level', 'trace', ...(args.length > 0 ? args : ['--workload-token-file', file])];
    const one = startBridge(remote.url, { args: all, env: setup.env });
    bridges.push(one);
    return one;
  };
  return {
    server,
    remote,
    setup,
    file,
    bridge,
    sign,
    /** The platform renews the file. */
    write: async (claims?: Parameters<typeof sign>[0]) => writeFileSync(file, `${await sign(claims)}\n`),
    refuse: (error: string | undefined) => {
      refusal = error;
    },
    command: async (name: string, ...args: string[]) => {
      const outcome = await runCommand([name, remote.url, ...args], setup.env, 20_000);
      outputs.push(outcome.stderr);
      return outcome;
    },
    /** The token requests so far. */
    get requests() {
      return server.of('token').map(({ params, headers }) => ({ params, headers }));
    },
    issued,
  };
}

async function refusalOf(bridge: BridgeProcess): Promise<{ message: string; reason: unknown }> {
  const { error } = await initialize(bridge);
  return { message: error?.message ?? '', reason: error?.data?.reason };
}

describe('workload identity federation', () => {
  test('[X-28] the JWT is the grant: resource and scope, no client, no secret', async () => {
    const at = await world();
    await at.write();
    const bridge = at.bridge();
    expect(await initialize(bridge), bridge.stderr).toHaveProperty('result');
    expect((await callEcho(bridge)).result).toEqual(echoed);
    expect(at.requests.map(({ params }) => params)).toEqual([
      { grant_type: GRANT, assertion: at.issued[0], resource: at.remote.url, scope: 'mcp:tools' },
    ]);
    expect(at.requests[0]?.headers.authorization).toBeUndefined();
    expect(at.server.of('register')).toEqual([]);
  });

  test('[X-29] it is read again at each use', async () => {
    const at = await world({ ttl: 4 });
    await at.write();
    const bridge = at.bridge();
    expect(await initialize(bridge)).toHaveProperty('result');
    await at.write();
    at.remote.refused.splice(0);
    for (const end = Date.now() + 5_000; Date.now() < end; await delay(250))
      expect((await callEcho(bridge)).result).toEqual(echoed);
    const [first, second] = at.requests.map(({ params }) => params.assertion);
    expect([first, second]).toEqual([at.issued[0], at.issued[1]]);
    // Ahead of its end, so that nothing is refused.
    expect(at.remote.refused).toEqual([]);
  });

  test('a command may print it; it runs without a shell, and with nothing of ours in its environment', async () => {
    const at = await world();
    await at.write();
    const seen = join(tempFolder(), 'seen');
    const script = join(tempFolder(), 'platform.mjs');
    writeFileSync(
      script,
      `import { readFileSync, writeFileSync } from 'node:fs';
      writeFileSync(${JSON.stringify(seen)}, JSON.stringify([process.argv.slice(2), Object.keys(process.env)]));
      process.stdout.write(readFileSync(${JSON.stringify(at.file)}));`,
    );
    const bridge = at.bridge('--workload-token-command', `'${process.execPath}' '${script}' 'a b' $HOME`);
    expect(await initialize(bridge), bridge.stderr).toHaveProperty('result');
    const [args, names] = JSON.parse(readFileSync(seen, 'utf8')) as [string[], string[]];
    expect(args).toEqual(['a b', '$HOME']);
    expect(names.filter((name) => name.startsWith('MCP_DRAWBRIDGE_'))).toEqual([]);
  });

  test.each(['invalid_grant', 'invalid_scope', 'unauthorized_client'])(
    '[X-32] after %s the same JWT is not handed in again, and nothing else is tried',
    async (error) => {
      const at = await world();
      await at.write();
      at.refuse(error);
      const bridge = at.bridge();
      for (let request = 0; request < 3; request++)
        expect(await refusalOf(bridge)).toMatchObject({
          reason: 'sign-in-refused',
          message: expect.stringContaining(error),
        });
      expect(at.requests).toHaveLength(1);
      expect(at.server.of('authorize')).toEqual([]);
      // With what the platform has renewed since, it works.
      at.refuse(undefined);
      await at.write();
      expect(await initialize(at.bridge())).toHaveProperty('result');
      expect(at.requests.map(({ params }) => params.grant_type)).toEqual([GRANT, GRANT]);
    },
  );

  test('[X-30] a JWT for somebody else is refused there, and both are named', async () => {
    const at = await world();
    await at.write({ aud: 'https://wrong.example' });
    const { message } = await refusalOf(at.bridge());
    expect(message).toContain(`the JWT is for https://wrong.example, the server is ${at.server.issuer}`);
  });

  test.each<[string, (at: Awaited<ReturnType<typeof world>>) => Promise<void> | void, string]>([
    ['that has ended', (at) => at.write({ exp: '-2m' }), 'ended at '],
    ['about a user [X-34]', (at) => at.write({ typ: 'oauth-id-jag+jwt' }), 'ID-JAG'],
    ['that is none', (at) => writeFileSync(at.file, 'canary-no-jwt'), 'is not one JWT'],
    [
      'that is two',
      async (at) => writeFileSync(at.file, `${await at.sign()}\n${await at.sign()}\n`),
      'is not one JWT',
    ],
    ['of 20 KiB', (at) => writeFileSync(at.file, `e30.${'x'.repeat(20_000)}.x`), 'is not one JWT'],
    ['that is not there', () => {}, "can't be read (ENOENT)"],
  ])('a JWT %s is told, and sent nowhere', async (_name, prepare, text) => {
    const at = await world();
    await at.sign();
    await prepare(at);
    const { message } = await refusalOf(at.bridge());
    expect(message).toContain(text);
    expect(message).not.toContain('canary');
    expect(at.requests).toEqual([]);
  });

  test('the file may come later: nothing has to be started again', async () => {
    const at = await world();
    const bridge = at.bridge();
    expect((await refusalOf(bridge)).reason).toBe('usage');
    await at.write();
    expect(await initialize(bridge)).toHaveProperty('result');
  });

  test('[X-31] a server that does not list the grant is not asked', async () => {
    const at = await world({ grantTypes: ['authorization_code'] });
    await at.write();
    const { message, reason } = await refusalOf(at.bridge());
    expect(reason).toBe('sign-in-refused');
    expect(message).toContain('jwt-bearer');
    expect(at.requests).toEqual([]);
  });

  test('a client that is registered all the same is named', async () => {
    const at = await world();
    await at.write();
    const bridge = at.bridge('--workload-token-file', at.file, '--client-id', 'agent');
    expect(await initialize(bridge)).toHaveProperty('result');
    expect(at.requests[0]?.params).toMatchObject({ client_id: 'agent' });
  });

  test('[X-33] token, status and logout know it, and none shows or keeps the JWT', async () => {
    const at = await world();
    await at.write();
    const words = ['--workload-token-file', at.file];
    const first = await at.command('token', ...words);
    expect([first.code, first.stderr]).toEqual([0, '']);
    expect((await at.command('token', ...words)).stdout).toBe(first.stdout);
    const { stdout } = await at.command('status', '--json');
    expect(JSON.parse(stdout).connections).toMatchObject([
      { grant: 'workload', state: 'ok', refreshable: true },
    ]);
    expect((await at.command('status')).stdout).toContain('workload');
    expect((await at.command('logout')).code).toBe(0);
    expect(existsSync(at.file)).toBe(true);
  });
});
