import { existsSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { mcpRemoteFiles } from '../support/mcp-remote-files.ts';
import { OAuthClient } from '../support/oauth-client.ts';
import { callEcho, echoed, type OAuthStage, oauthStage } from '../support/oauth-stage.ts';
import { startOidcServer } from '../support/oidc-server.ts';
import { startProtectedRemote } from '../support/protected-remote.ts';
import { runCommand } from '../support/run-command.ts';
import { findSecrets } from '../support/signed-in.ts';
import { changeConnection, storedConnections } from '../support/stored-connection.ts';
import { hasTerminal, startInTerminal } from '../support/terminal.ts';
import { until } from '../support/wait.ts';

async function logout(stage: OAuthStage, args: string[], env = {}) {
  const outcome = await runCommand(['logout', ...args], { ...stage.setup.env, ...env }, 30_000);
  const { stdout, stderr } = outcome;
  expect(findSecrets(stage.server.secretsSeen(), stage.setup.home, stdout, stderr)).toEqual([]);
  expect(stdout).toBe('');
  return outcome;
}

async function signedInStage(options: Parameters<typeof oauthStage>[0] = {}): Promise<OAuthStage> {
  const stage = await oauthStage(options);
  await stage.signIn();
  return stage;
}

/** Names of the sealed files of a kind. */
function filesOf({ setup }: OAuthStage, folder: string): string[] {
  const path = join(setup.home, folder);
  return existsSync(path) ? readdirSync(path).filter((name) => name.endsWith('.sealed')) : [];
}

describe('logout', () => {
  test('revokes both tokens at their issuer, and deletes what is stored [T60]', async () => {
    const stage = await signedInStage();
    const [record] = storedConnections(stage);
    const { code, stderr } = await logout(stage, [stage.url]);
    expect(code, stderr).toBe(0);
    const revoked = stage.server.of('revoke').map(({ params }) => [params.token_type_hint, params.token]);
    expect(Object.fromEntries(revoked)).toEqual({
      access_token: record?.accessToken,
      refresh_token: record?.refreshToken,
    });
    expect(stage.server.isValid(record?.accessToken as string)).toBe(false);
    expect(storedConnections(stage)).toEqual([]);
    expect(filesOf(stage, 'connections').concat(filesOf(stage, 'attempts'))).toEqual([]);
    expect(stderr).toContain('Signed out of');
    expect(stderr).toContain(`revoked at ${new URL(stage.server.issuer).host}`);
    const again = await logout(stage, [stage.url]);
    expect([again.code, again.stderr]).toEqual([0, expect.stringContaining('Nothing is stored for')]);
  });

  test.each([
    ['of the server', (stage: OAuthStage) => [stage.url]],
    ['of all', () => ['--all', '--yes']],
  ])('forgets what was found out about the server with the credentials %s', async (_, args) => {
    const stage = await oauthStage();
    const bridge = await stage.connect();
    const folder = join(stage.setup.home, 'servers');
    const kept = () => (existsSync(folder) ? readdirSync(folder) : []);
    await until('the note about the server', () => kept().length > 0);
    bridge.closeStdin();
    await bridge.exitWithin(5000);
    expect((await logout(stage, args(stage))).code).toBe(0);
    expect(kept()).toEqual([]);
  });

  test('authenticates as the client was registered', async () => {
    const secret = 'canary-client-secret';
    const client = {
      id: 'known',
      secret,
      method: 'client_secret_basic',
      redirectUris: ['http://127.0.0.1/callback'],
    };
    const stage = await oauthStage({ server: { clients: [client] } });
    await stage.signIn('--client-id', 'known', '--client-secret', secret);
    expect((await logout(stage, [stage.url])).code).toBe(0);
    for (const { headers } of stage.server.of('revoke')) expect(headers.authorization).toMatch(/^Basic /);
    expect(stage.server.of('revoke')).toHaveLength(2);
  });

  test.each<[string, (stage: OAuthStage) => unknown, RegExp]>([
    [
      'fails',
      ({ server }) => server.on('revoke', (exchange) => exchange.status(503)),
      /could not be revoked/,
    ],
    [
      'quotes the token',
      ({ server }) =>
        server.on('revoke', (exchange) =>
          exchange.json(400, { error: 'invalid_request', error_description: exchange.params.token }),
        ),
      /could not be revoked/,
    ],
    ['is down', ({ server }) => server.stop(), /could not be revoked/],
    ['hangs', ({ server }) => server.on('revoke', () => {}), /no answer within/],
  ])('deletes what is stored though the revocation endpoint %s', async (_, arrange, said) => {
    const stage = await signedInStage();
    await arrange(stage);
    const { code, stderr, ms } = await logout(stage, [stage.url]);
    expect(code).toBe(0);
    expect(ms).toBeLessThan(13_000);
    expect(stderr).toMatch(said);
    expect(filesOf(stage, 'connections')).toEqual([]);
  });

  test('says so where the server offers no revocation', async () => {
    const stage = await signedInStage({ server: { metadata: { revocation_endpoint: undefined } } });
    const { code, stderr } = await logout(stage, [stage.url]);
    expect([code, stderr]).toEqual([0, expect.stringContaining('offers no revocation')]);
  });

  test('leaves other profiles and other servers alone', async () => {
    const stage = await signedInStage();
    await stage.signIn('--profile', 'work');
    expect((await logout(stage, [stage.url, '--profile', 'work'])).code).toBe(0);
    expect(storedConnections(stage)).toHaveLength(1);
    expect(filesOf(stage, 'connections')).toHaveLength(1);
    expect(stage.server.isValid(storedConnections(stage)[0]?.accessToken as string)).toBe(true);
  });

  test('works with a store that is locked, and says that nothing could be revoked', async () => {
    const stage = await oauthStage();
    const open = { MCP_DRAWBRIDGE_PASSPHRASE: 'correct horse', MCP_DRAWBRIDGE_STORE: 'auto' };
    const login = await runCommand(['login', stage.url], { ...stage.setup.env, ...open }, 30_000);
    expect(login.code, login.stderr).toBe(0);
    const { code, stderr } = await logout(stage, [stage.url]);
    expect(code).toBe(0);
    expect(stderr).toContain('nothing could be revoked');
    expect(filesOf(stage, 'connections')).toEqual([]);
    expect(stage.server.of('revoke')).toEqual([]);
  });

  test('five running bridges fall to signed-out, and none brings the record back [T60]', async () => {
    const stage = await signedInStage();
    const bridges = await Promise.all(Array.from({ length: 5 }, () => stage.connect('--no-browser')));
    // A renewal is under way while the user signs out.
    stage.server.expireAccessTokens();
    stage.server.on('token', (_exchange, usual) => void setTimeout(1500).then(usual));
    const early = bridges.map((bridge) => callEcho(bridge));
    await stage.server.next('token', 2);
    const { code, stderr } = await logout(stage, [stage.url]);
    expect(code, stderr).toBe(0);
    expect(stage.server.of('revoke')).toHaveLength(2);
    const old = [...stage.server.book.accessTokens.keys()];
    expect(old.filter(stage.server.isValid)).toEqual([]);
    stage.server.off('token');

    // Within a second they have noticed.
    await setTimeout(1200);
    const before = stage.remote.remote.requests.length;
    const late = bridges.map((bridge) => callEcho(bridge));
    await setTimeout(1000);
    expect(filesOf(stage, 'connections')).toEqual([]);
    expect(stage.windows).toBe(1);

    // And they need no restart to take the next sign-in.
    await stage.signIn();
    for (const { result } of await Promise.all([...early, ...late]))
      expect(JSON.stringify(result)).toBe(JSON.stringify(echoed));
    const used = stage.remote.remote.requests.slice(before).map(({ headers }) => headers.authorization);
    expect(used.filter((value) => old.some((token) => value?.includes(token)))).toEqual([]);
    expect(stage.server.grants('refresh_token')).toBe(1);
  }, 60_000);

  test('what mcp-remote keeps does not take the place of what was deleted', async () => {
    const stage = await oauthStage();
    const client = await OAuthClient.register(stage.server.issuer, stage.url);
    const { access_token, refresh_token } = await client.signIn();
    const { issuer } = stage.server;
    const files = mcpRemoteFiles('0.15.1', {
      url: stage.url,
      tokens: { access_token, refresh_token, expires_in: 3600, scope: undefined, issuer },
      client: { client_id: client.client.client_id, issuer },
    });
    const env = { MCP_REMOTE_CONFIG_DIR: files.folder };
    const token = () => runCommand(['token', stage.url], { ...stage.setup.env, ...env });
    expect((await token()).stdout).toBe(`${access_token}\n`);
    expect((await logout(stage, [stage.url], env)).code).toBe(0);
    expect((await token()).code).toBe(4);
    // Nor where nothing was ever taken over.
    rmSync(stage.setup.home, { recursive: true });
    const first = await logout(stage, [stage.url], env);
    expect([first.code, first.stderr]).toEqual([0, expect.stringContaining('not taken over')]);
    expect((await token()).code).toBe(4);
  });

  test('oidc-provider: revokes the grant and deletes the registration [RFC 7009, RFC 7592]', async () => {
    const stage = await oauthStage();
    const oidc = await startOidcServer({ registrationManagement: true });
    stage.remote.protection.authorizationServers = [oidc.issuer];
    await stage.signIn('--scope', 'mcp:tools');
    const { env } = stage.setup;
    const bearer = await runCommand(['token', stage.url], env);
    expect(await oidc.verify(bearer.stdout.trim(), stage.url)).toBeDefined();
    const { code, stderr } = await runCommand(['logout', stage.url], env);
    expect(code, stderr).toBe(0);
    expect(stderr).toContain('The tokens were revoked');
    expect(stderr).toContain('registration of this program');
    expect(oidc.of('registration_delete')).toHaveLength(1);
    expect(filesOf(stage, 'clients')).toEqual([]);
  });
});

describe('logout --all', () => {
  test('signs out of every server and profile, and deletes the registrations', async () => {
    const stage = await signedInStage();
    await stage.signIn('--profile', 'work');
    const other = await startProtectedRemote({
      isValid: stage.server.isValid,
      authorizationServers: [stage.server.issuer],
    });
    const login = await runCommand(['login', other.url], stage.setup.env, 30_000);
    expect(login.code, login.stderr).toBe(0);
    expect(filesOf(stage, 'connections')).toHaveLength(3);
    const { code, stderr } = await logout(stage, ['--all', '--yes']);
    expect(code, stderr).toBe(0);
    expect(stderr).toContain('Signed out of 3 connections');
    expect(stage.server.of('revoke')).toHaveLength(6);
    for (const kind of ['connections', 'clients', 'attempts', 'issuers'])
      expect(filesOf(stage, kind), kind).toEqual([]);
  });

  test('needs --yes without a terminal: exit 2, and nothing is deleted', async () => {
    const stage = await signedInStage();
    const { code, stderr } = await logout(stage, ['--all']);
    expect([code, stderr]).toEqual([2, expect.stringContaining('--yes')]);
    expect(storedConnections(stage)).toHaveLength(1);
  });

  test.skipIf(!hasTerminal).each([
    ['n', 1, 1],
    ['', 1, 1],
    ['\u0004', 1, 1],
    ['y', 0, 0],
  ])('asks on the terminal: %j', async (typed, exitCode, left) => {
    const stage = await signedInStage();
    const terminal = startInTerminal(['logout', '--all'], stage.setup.env);
    await terminal.shows('Sign out of 1 connection, and delete all that is stored? [y/N]');
    terminal.type(typed === '\u0004' ? typed : `${typed}\r`);
    expect(await terminal.exitWithin(15_000), terminal.screen).toBe(exitCode);
    expect(storedConnections(stage)).toHaveLength(left);
  });

  test.skipIf(!hasTerminal)('is ended by Ctrl-C while it asks', async () => {
    const stage = await signedInStage();
    const terminal = startInTerminal(['logout', '--all'], stage.setup.env);
    await terminal.shows('[y/N]');
    terminal.type('\u0003');
    expect(await terminal.exitWithin(15_000), terminal.screen).toBe(130);
    expect(storedConnections(stage)).toHaveLength(1);
  });

  test.each([[[]], [['--all', 'https://mcp.example/mcp']], [['--all', '--profile', 'x']], [['--nope']]])(
    'usage errors: %j',
    async (args) => {
      const { code, stdout, stderr } = await runCommand(['logout', ...args]);
      expect([code, stdout]).toEqual([2, '']);
      expect(stderr.trimEnd().split('\n')).toHaveLength(1);
    },
  );

  test('exit 5 where the files can not be deleted', async () => {
    const stage = await signedInStage();
    await changeConnection(stage, {});
    rmSync(join(stage.setup.home, 'lock-secret'));
    writeFileSync(join(stage.setup.home, 'lock-secret'), 'short');
    expect((await logout(stage, [stage.url])).code).toBe(5);
  });
});
