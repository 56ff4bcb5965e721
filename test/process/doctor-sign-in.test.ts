import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { followingBrowser } from '../support/browsers.ts';
import { startCommand } from '../support/command-process.ts';
import { type DoctorReport, runDoctor } from '../support/doctor.ts';
import type { EndpointRequest } from '../support/fake-authorization-server.ts';
import { mcpRemoteFiles } from '../support/mcp-remote-files.ts';
import { type OAuthStage, oauthStage } from '../support/oauth-stage.ts';
import { startOidcServer } from '../support/oidc-server.ts';
import { openHandshake } from '../support/protected-remote.ts';
import { startProtectedSdkRemote } from '../support/protected-sdk-remote.ts';
import { runCommand } from '../support/run-command.ts';
import { signInSetup } from '../support/signed-in.ts';
import { changeConnection, storedConnections } from '../support/stored-connection.ts';

/** `doctor` in this stage: what it never does is checked every time. */
async function examine(stage: OAuthStage, ...args: string[]): Promise<DoctorReport> {
  const { server, setup } = stage;
  const before = { windows: stage.windows, registrations: server.of('register').length };
  const report = await runDoctor(stage.url, { args, env: setup.env });
  expect({ windows: stage.windows, registrations: server.of('register').length }).toEqual(before);
  const printed = JSON.stringify(report.steps);
  for (const secret of server.secretsSeen()) expect(printed).not.toContain(secret);
  return report;
}

const refreshes = ({ server }: OAuthStage): EndpointRequest[] =>
  server.of('token').filter(({ params }) => params.grant_type === 'refresh_token');

describe('doctor before the sign-in', () => {
  test('finds everything that it needs, and says that it is needed', async () => {
    const stage = await oauthStage({ protection: { scopes: ['read'], scopeNeeded: 'read write' } });
    const { code, step, those, fix } = await examine(stage);
    expect(code).toBe(4);
    expect(those('fail')).toEqual(['credentials']);
    expect(those('warn')).toEqual([]);
    expect(step('endpoint').text).toMatch(/401 and a Bearer challenge, which names its metadata.*read write/);
    expect(step('protected-resource').text).toContain('/.well-known/oauth-protected-resource/mcp');
    expect(step('authorization-server').facts).toMatchObject({ issuer: stage.server.issuer });
    expect(step('pkce').text).toBe('S256');
    expect(step('registration').facts).toEqual({ ways: ['pre-registered', 'dynamic'] });
    expect(step('scope').facts).toEqual({ scope: 'read write' });
    expect(step('resource').facts).toEqual({ resource: stage.url });
    expect(step('credentials').reason).toBe('sign-in-needed');
    expect(step('initialize')).toMatchObject({ status: 'skip', text: 'there is no token to try' });
    expect(fix).toBe(`npx -y mcp-drawbridge login ${stage.url}`);
    expect(stage.server.of('token')).toEqual([]);
  });

  test('takes note of a challenge that does not say where to sign in', async () => {
    const stage = await oauthStage({ protection: { challenge: () => undefined } });
    const { step } = await examine(stage);
    expect(step('endpoint')).toMatchObject({ status: 'warn', reason: 'no-challenge' });
    expect(step('protected-resource').status).toBe('ok');
    stage.remote.protection.challenge = 'Basic realm="x"';
    const { step: second } = await examine(stage);
    expect(second('endpoint')).toMatchObject({ status: 'warn', reason: 'other-scheme' });
  });

  test('finds a server that protects its calls, and not its list', async () => {
    const stage = await oauthStage({ protection: { publicMethods: openHandshake } });
    const { code, step } = await examine(stage);
    expect(code).toBe(4);
    expect(step('endpoint').text).toContain('lists its tools openly');
    expect(step('tools').status).toBe('ok');
  });

  test('names metadata that are nowhere', async () => {
    const stage = await oauthStage({ protection: { prm: false } });
    const { code, step, those } = await examine(stage);
    expect(code).toBe(3);
    expect(step('protected-resource')).toMatchObject({ status: 'warn', reason: 'no-metadata' });
    expect(those('fail')).toEqual(['authorization-server', 'credentials']);
    expect(step('authorization-server').text).toContain('no metadata anywhere');
  });

  test('finds the older way of discovery', async () => {
    const stage = await oauthStage({ sharesOrigin: true, protection: { prm: false } });
    const { code, step } = await examine(stage);
    expect(code).toBe(4);
    expect(step('authorization-server').text).toContain(stage.remote.origin);
    expect(step('resource').facts).toEqual({ resource: stage.url });
  });

  test('names an issuer that calls itself otherwise', async () => {
    const stage = await oauthStage({ server: { metadata: { issuer: 'https://other.example' } } });
    const { code, step } = await examine(stage);
    expect(code).toBe(3);
    expect(step('authorization-server')).toMatchObject({ status: 'fail', reason: 'authorization-server' });
    expect(step('authorization-server').text).toMatch(/names another issuer, https:\/\/other\.example/);
    expect(step('authorization-server').fix).toContain('--issuer https://other.example');
    expect(step('pkce').text).toBe('because “Authorization server” has failed');
  });

  test('names an authorization server that can not be reached', async () => {
    const stage = await oauthStage();
    await stage.server.stop();
    const { code, step } = await examine(stage);
    expect(code).toBe(3);
    expect(step('authorization-server').reason).toBe('unreachable');
  });

  test('names metadata for another resource, and the option', async () => {
    const stage = await oauthStage({ protection: { resource: 'https://other.example/mcp' } });
    const { code, step, those } = await examine(stage);
    expect(code).toBe(3);
    expect(those('fail')).toEqual(['protected-resource', 'credentials']);
    expect(step('protected-resource').text).toContain('another resource, https://other.example/mcp');
    expect(step('protected-resource').fix).toContain('--resource https://other.example/mcp');
    const second = await examine(stage, '--resource', 'https://other.example/mcp');
    expect(second.those('fail')).toEqual(['credentials']);
    expect(second.step('resource')).toMatchObject({ status: 'warn', reason: 'other-resource' });
  });

  test('names a server without PKCE, and the option', async () => {
    const stage = await oauthStage({ server: { metadata: { code_challenge_methods_supported: ['plain'] } } });
    const { code, step } = await examine(stage);
    expect(code).toBe(4);
    expect(step('pkce')).toMatchObject({ status: 'fail', reason: 'sign-in-refused' });
    expect(step('pkce').fix).toContain('--allow-missing-pkce');
    const second = await examine(stage, '--allow-missing-pkce');
    expect(second.step('pkce')).toMatchObject({ status: 'warn', reason: 'no-pkce' });
  });

  test('names a server that registers nobody, and one that has refused to', async () => {
    const stage = await oauthStage({ server: { metadata: { registration_endpoint: undefined } } });
    const { code, step } = await examine(stage);
    expect(code).toBe(4);
    expect(step('registration')).toMatchObject({ status: 'fail', facts: { ways: ['pre-registered'] } });
    expect(step('registration').fix).toContain('--client-id');
    const known = await examine(stage, '--client-id', 'known');
    expect(known.step('registration').status).toBe('ok');

    stage.server.options.metadata = {};
    stage.server.options.refusesRedirect = () => true;
    await stage.login();
    const refused = await runDoctor(stage.url, { env: stage.setup.env });
    expect(refused.step('registration').status).toBe('fail');
    expect(refused.step('registration').text).toMatch(/refused to register.*invalid_redirect_uri/);
  });

  test('finds the client ID metadata document', async () => {
    const stage = await oauthStage({ server: { metadata: { client_id_metadata_document_supported: true } } });
    const { step } = await examine(stage, '--client-metadata-url', 'https://client.example/mcp.json');
    expect(step('registration').text).toContain('metadata document');
    expect(step('registration').facts).toEqual({ ways: ['pre-registered', 'metadata-document', 'dynamic'] });
  });

  test('sees that --scope leaves out what the server wants', async () => {
    const stage = await oauthStage({ protection: { scopeNeeded: 'read write' } });
    const { step } = await examine(stage, '--scope', 'read');
    expect(step('scope')).toMatchObject({ status: 'warn', reason: 'insufficient-scope' });
  });
});

describe('doctor after the sign-in', () => {
  test('finds it sound, and renews nothing', async () => {
    const stage = await oauthStage({ protection: { scopes: ['read'] } });
    await stage.signIn();
    const { code, step, those } = await examine(stage);
    expect(those('fail')).toEqual([]);
    expect(code).toBe(0);
    expect(those('warn')).toEqual([]);
    expect(step('credentials').text).toMatch(/good for 60 min, and it can be renewed/);
    expect(step('credentials').facts).toMatchObject({ profile: 'default', canRefresh: true, scope: 'read' });
    expect(step('granted-scope').text).toBe('“read”');
    expect(step('store').text).toContain('key');
    expect(step('tools').text).toBe('1 tool');
    expect(refreshes(stage)).toEqual([]);
  });

  test('renews a token that is due, once, and stores it', async () => {
    const stage = await oauthStage();
    await stage.signIn();
    await changeConnection(stage, { expiresAt: Date.now() - 1000 });
    stage.server.expireAccessTokens();
    const { code, step } = await examine(stage);
    expect(code).toBe(0);
    expect(step('credentials').text).toContain('renewed just now');
    expect(refreshes(stage)).toHaveLength(1);
    expect((await examine(stage)).code).toBe(0);
    expect(refreshes(stage)).toHaveLength(1);
  });

  test('finds at the renewal that the grant is gone', async () => {
    const stage = await oauthStage();
    await stage.signIn();
    await changeConnection(stage, { expiresAt: Date.now() - 1000 });
    stage.server.revokeAll();
    const { code, step, fix } = await examine(stage);
    expect(code).toBe(4);
    expect(step('credentials')).toMatchObject({ status: 'fail', reason: 'sign-in-needed' });
    expect(step('credentials').text).toMatch(/no longer takes the refresh token.*revoked/);
    expect(fix).toContain('mcp-drawbridge login');
    expect(step('initialize').status).toBe('skip');
  });

  test('finds by a refusal that a fresh token was revoked, and spends no refresh token on that', async () => {
    const stage = await oauthStage();
    await stage.signIn();
    stage.server.revokeAll();
    const { code, step, those } = await examine(stage);
    expect(code).toBe(4);
    expect(those('fail')).toEqual(['initialize']);
    expect(step('initialize')).toMatchObject({ reason: 'unauthorized', facts: { status: 401 } });
    expect(step('initialize').text).toMatch(/401 invalid_token.*revoked/);
    expect(refreshes(stage)).toEqual([]);
  });

  test('does not renew for a server that can not be reached, and keeps what is stored', async () => {
    const stage = await oauthStage();
    await stage.signIn();
    await changeConnection(stage, { expiresAt: Date.now() - 1000 });
    await stage.remote.remote.stop();
    const { code, step } = await examine(stage);
    expect(code).toBe(3);
    expect(step('credentials').status).toBe('ok');
    expect(refreshes(stage)).toEqual([]);
    await stage.remote.remote.start();
    await stage.server.stop();
    const second = await examine(stage);
    expect(second.code).toBe(3);
    expect(storedConnections(stage)[0]?.refreshToken).toBeDefined();
  });

  test('names an access token that has ended and can not be renewed', async () => {
    const stage = await oauthStage({ server: { tokens: { refresh_token: undefined } } });
    await stage.signIn();
    await changeConnection(stage, { expiresAt: Date.now() - 1000 });
    const { code, step } = await examine(stage);
    expect(code).toBe(4);
    expect(step('credentials').text).toContain('can not be renewed');
  });

  test('names the audience that a token is for, where it tells', async () => {
    const claims = Buffer.from('{"aud":"https://other.example/api?x=1","sub":"ada"}').toString('base64url');
    const token = `eyJhbGciOiJub25lIn0.${claims}.c2lnbmF0dXJl`;
    const stage = await oauthStage({ server: { tokens: { access_token: token } } });
    await stage.signIn();
    stage.remote.protection.isValid = () => false;
    const { code, step } = await examine(stage);
    expect(code).toBe(4);
    expect(step('initialize').text).toMatch(/for another audience, “https:\/\/other\.example\/api\?…”/);
    expect(step('initialize').fix).toContain('resource');
  });

  test('names the resource that a token was asked for, where that is another', async () => {
    const stage = await oauthStage();
    await stage.signIn('--resource', `${stage.remote.origin}/other`);
    stage.remote.protection.isValid = () => false;
    const { step } = await examine(stage, '--resource', `${stage.remote.origin}/other`);
    expect(step('initialize').text).toContain('another audience');
    expect(step('initialize').fix).toMatch(/^leave --resource out: npx -y mcp-drawbridge login \S+$/);
  });

  test('names the scope that is missing where the server says so', async () => {
    const stage = await oauthStage({
      protection: { isValid: () => 'insufficient_scope', scopes: ['read'] },
    });
    await stage.signIn();
    stage.remote.protection.scopeNeeded = 'write';
    const { code, step, those } = await examine(stage);
    expect(code).toBe(4);
    expect(those('fail')).toEqual(['initialize']);
    expect(step('initialize')).toMatchObject({ reason: 'insufficient-scope' });
    expect(step('initialize').text).toMatch(/403 insufficient_scope.*“write” is missing.*“read”/);
    expect(step('initialize').fix).toContain('--scope "read write"');
    expect(step('granted-scope')).toMatchObject({ status: 'warn', reason: 'insufficient-scope' });
  });

  test('names the token without any scope, with which tools are listed and every call fails', async () => {
    const stage = await oauthStage({ server: { tokens: { scope: '' } }, protection: { scopes: ['read'] } });
    await stage.signIn();
    const { code, step } = await examine(stage);
    expect(code).toBe(4);
    expect(step('granted-scope')).toMatchObject({ status: 'fail', reason: 'insufficient-scope' });
    expect(step('granted-scope').text).toContain('no scope at all');
    expect(step('granted-scope').fix).toContain('--scope "read"');
    expect(step('tools').status).toBe('ok');
  });

  test('sees that the server has gone over to another authorization server', async () => {
    const stage = await oauthStage();
    const other = await stage.addServer();
    await stage.signIn();
    stage.remote.protection.authorizationServers = [other.issuer];
    const { step } = await examine(stage);
    expect(step('credentials')).toMatchObject({ status: 'warn', reason: 'issuer-changed' });
    expect(other.requests.filter(({ endpoint }) => endpoint !== 'metadata')).toEqual([]);
  });

  test('looks at the profile that was asked for', async () => {
    const stage = await oauthStage();
    await stage.signIn('--profile', 'work');
    expect((await examine(stage)).code).toBe(4);
    expect((await examine(stage, '--profile', 'work')).code).toBe(0);
  });
});

describe('doctor at a real server', () => {
  test('of the SDK with oidc-provider finds it sound, and a grant that was revoked', async () => {
    const server = await startOidcServer();
    const remote = await startProtectedSdkRemote({ authorizationServer: server, scopes: ['mcp:tools'] });
    const { env } = signInSetup(followingBrowser());
    const before = await runDoctor(remote.url, { env });
    expect(before.those('fail')).toEqual(['credentials']);
    const login = await runCommand(['login', remote.url], env, 30_000);
    expect(login.code, login.stderr).toBe(0);
    const sound = await runDoctor(remote.url, { env });
    expect(sound.those('fail')).toEqual([]);
    expect(sound.step('initialize').facts).toMatchObject({ transport: 'http', hasSessionId: true });
    expect(sound.step('granted-scope').text).toContain('mcp:tools');
    await server.revokeGrants();
    const revoked = await runDoctor(remote.url, { env });
    expect(revoked.code).toBe(4);
    expect(revoked.step('initialize').text).toContain('revoked');
  });
});

describe('doctor and other credentials', () => {
  test('tries a personal access token, asks for nothing of a sign-in, and names one that is refused', async () => {
    const token = 'canary-personal-token-1234';
    const stage = await oauthStage({ protection: { prm: false, isValid: (given) => given === token } });
    const login = startCommand(['login', stage.url, '--with-token'], stage.setup.env);
    login.child.stdin.end(`${token}\n`);
    expect(await login.exitWithin(20_000), login.stderr).toBe(0);
    const secrets = [token];
    const good = await runDoctor(stage.url, { env: stage.setup.env, secrets });
    expect(good.code).toBe(0);
    expect(good.step('credentials').facts).toMatchObject({ kind: 'personal-token' });
    expect(good.step('authorization-server').text).toContain('personal access token');
    stage.remote.protection.isValid = () => false;
    const refused = await runDoctor(stage.url, { env: stage.setup.env, secrets });
    expect(refused.code).toBe(4);
    expect(refused.step('initialize').text).toMatch(/401.*refuses the stored personal access token/);
    expect(refused.fix).toContain('--with-token');
  });

  test('sees a sign-in of mcp-remote, which a bridge would take over', async () => {
    const stage = await oauthStage();
    const { folder, tokens } = mcpRemoteFiles('0.15.1', { url: stage.url });
    const env = { ...stage.setup.env, MCP_REMOTE_CONFIG_DIR: folder };
    const { code, step } = await runDoctor(stage.url, { env, secrets: [String(tokens.access_token)] });
    expect(code).toBe(0);
    expect(step('credentials')).toMatchObject({ status: 'warn', reason: 'mcp-remote' });
    expect(step('initialize').status).toBe('skip');
    expect(step('leftovers').status).toBe('ok');
    await stage.signIn();
    const second = await runDoctor(stage.url, { env, secrets: [String(tokens.access_token)] });
    expect(second.code).toBe(0);
    expect(second.step('leftovers')).toMatchObject({ status: 'warn', reason: 'plain-text' });
  });

  test('says whether a device code could be had', async () => {
    const stage = await oauthStage();
    const { step } = await examine(stage, '--device-code');
    expect(step('pkce')).toMatchObject({ status: 'fail', reason: 'sign-in-refused' });
    expect(step('pkce').text).toContain('device code');
  });
});

describe('doctor and the credential store', () => {
  test('names one that a newer version has written', async () => {
    const stage = await oauthStage();
    await stage.signIn();
    writeFileSync(join(stage.setup.home, 'key.json'), '{"version":99,"kid":"x","slots":[]}');
    const { code, step } = await examine(stage);
    expect(code).toBe(5);
    expect(step('store')).toMatchObject({ status: 'fail', reason: 'credential-store' });
    expect(step('store').text).toContain('newer version');
    expect(step('store').fix).toContain('mcp-drawbridge@latest');
    expect(step('endpoint').status).toBe('ok');
    expect(step('credentials').text).toBe('because “Credential store” has failed');
  });

  test('names one that the passphrase does not open, and does not show that', async () => {
    const stage = await oauthStage();
    const env = { ...stage.setup.env, MCP_DRAWBRIDGE_STORE: undefined };
    stage.setup.env.MCP_DRAWBRIDGE_PASSPHRASE = 'canary-right-passphrase';
    stage.setup.env.MCP_DRAWBRIDGE_STORE = undefined;
    await stage.signIn();
    const wrong = { ...env, MCP_DRAWBRIDGE_PASSPHRASE: 'canary-wrong-passphrase' };
    const secrets = ['canary-right-passphrase', 'canary-wrong-passphrase'];
    const { code, step } = await runDoctor(stage.url, { env: wrong, secrets });
    expect(code).toBe(5);
    expect(step('store').text).toMatch(/MCP_DRAWBRIDGE_PASSPHRASE is not the passphrase/);
    expect(step('environment').text).toContain('MCP_DRAWBRIDGE_PASSPHRASE');
    const right = await runDoctor(stage.url, { env: stage.setup.env, secrets });
    expect(right.code).toBe(0);
    expect(right.step('store').facts).toMatchObject({ holder: 'passphrase' });
  });

  test('names files that others could read', async () => {
    const { chmodSync } = await import('node:fs');
    const stage = await oauthStage();
    await stage.signIn();
    chmodSync(stage.setup.home, 0o755);
    const { code, step } = await examine(stage);
    expect(code).toBe(0);
    expect(step('store')).toMatchObject({ status: 'warn', reason: 'loose-modes' });
    expect((await examine(stage)).step('store').status).toBe('ok');
  });
});
