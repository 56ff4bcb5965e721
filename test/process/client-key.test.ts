import { generateKeyPairSync } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { startBridge } from '../support/bridge-process.ts';
import { followingBrowser } from '../support/browsers.ts';
import { callEcho, echoed, initialize } from '../support/oauth-stage.ts';
import { type OidcServerOptions, startOidcServer } from '../support/oidc-server.ts';
import { startProtectedRemote } from '../support/protected-remote.ts';
import { runCommand } from '../support/run-command.ts';
import { findSecrets, signInSetup } from '../support/signed-in.ts';
import { tempFolder } from '../support/temp-folder.ts';

/** A client with a key at oidc-provider, which people sign in with. */
async function world(options: Partial<OidcServerOptions> = {}) {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const file = join(tempFolder(), 'client.pem');
  const pem = privateKey.export({ format: 'pem', type: 'pkcs8' }).toString();
  writeFileSync(file, pem, { mode: 0o600 });
  const client = {
    client_id: 'desktop',
    application_type: 'native',
    grant_types: ['authorization_code', 'refresh_token'],
    redirect_uris: ['http://127.0.0.1/callback'],
    token_endpoint_auth_method: 'private_key_jwt',
    token_endpoint_auth_signing_alg: 'ES256',
    jwks: { keys: [{ ...publicKey.export({ format: 'jwk' }), use: 'sig' }] },
  };
  const server = await startOidcServer({ clients: [client], registration: false, ...options });
  const remote = await startProtectedRemote({
    isValid: (token) => server.verifyNow(token, remote.url),
    authorizationServers: [server.issuer],
    scopes: ['mcp:tools', 'offline_access'],
  });
  const setup = signInSetup(followingBrowser());
  const words = ['--client-id', 'desktop', '--client-key', file];
  const bridge = () =>
    startBridge(remote.url, {
      args: [...words, '--initialize-wait', '60', '--log-level', 'trace'],
      env: setup.env,
      secrets: pem.split('\n').slice(1, -2),
    });
  return { server, remote, setup, words, bridge, pem };
}

describe('a user’s sign-in with a client that a key proves, at oidc-provider', () => {
  test.each([
    ['as it is', {}],
    ['with pushed requests', { par: 'required' as const }],
  ])('%s: the code and the refresh token are exchanged by it, and revoked by it', async (_name, options) => {
    const { server, remote, setup, bridge, pem } = await world({ accessTokenTtl: 2, ...options });
    const one = bridge();
    expect(await initialize(one), one.stderr).toHaveProperty('result');
    await delay(2_100);
    expect((await callEcho(one)).result).toEqual(echoed);
    expect([server.grants('authorization_code'), server.refusals]).toEqual([1, []]);
    expect(server.grants('refresh_token')).toBeGreaterThan(0);
    expect(setup.browser.opened).toHaveLength(1);
    one.closeStdin();
    await one.exitWithin(10_000);
    // Without any option: where the key is, is kept.
    const { code, stderr, stdout } = await runCommand(['logout', remote.url], setup.env, 30_000);
    expect(code, stderr).toBe(0);
    expect(stdout + stderr).toContain('were revoked');
    expect(server.of('grant.revoked').length).toBeGreaterThan(0);
    expect(findSecrets(pem.split('\n').slice(1, -2), setup.home, stdout, stderr)).toEqual([]);
  });

  test('without its key nothing can be renewed, and that is told', async () => {
    const { remote, setup, words, bridge } = await world({ accessTokenTtl: 1 });
    const one = bridge();
    expect(await initialize(one), one.stderr).toHaveProperty('result');
    writeFileSync(words.at(-1) as string, 'gone');
    await delay(1_100);
    const { code, stderr } = await runCommand(['token', remote.url, ...words], setup.env, 30_000);
    expect(code).toBe(2);
    expect(stderr).toContain('The key of --client-key holds no private key');
  });
});
