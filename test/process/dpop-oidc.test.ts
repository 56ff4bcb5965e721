import { describe, expect, test } from 'vitest';
import { startBridge } from '../support/bridge-process.ts';
import { followingBrowser, followSignIn } from '../support/browsers.ts';
import { startCommand } from '../support/command-process.ts';
import type { Exchange } from '../support/fake-exchange.ts';
import { callEcho, echoed, initialize } from '../support/oauth-stage.ts';
import { type OidcServerOptions, startOidcServer } from '../support/oidc-server.ts';
import { type CheckedProof, ProofCheck } from '../support/proof-check.ts';
import { type ProtectedRemote, startProtectedRemote } from '../support/protected-remote.ts';
import { runCommand } from '../support/run-command.ts';
import { signInSetup } from '../support/signed-in.ts';
import { until } from '../support/wait.ts';

/** oidc-provider, which binds tokens, and a resource that takes no others; both are judges that know nothing of ours. */
async function world(options: OidcServerOptions) {
  const server = await startOidcServer({ dpop: true, ...options });
  const check = new ProofCheck();
  const proofs: CheckedProof[] = [];
  let isOver = (_token: string): boolean => false;
  const guard = async (exchange: Exchange): Promise<boolean> => {
    const { headers, method, path } = exchange.request;
    const [scheme, token = ''] = (headers.authorization ?? '').split(' ');
    const url = remote.origin + path;
    const proof = scheme === 'DPoP' ? await check.check(headers.dpop, { method, url, token }) : undefined;
    const claims = proof && !isOver(token) ? await server.verify(token, remote.url) : undefined;
    if (proof && (claims?.cnf as { jkt?: string } | undefined)?.jkt === proof.jkt) {
      proofs.push(proof);
      return false;
    }
    const field = `DPoP algs="ES256 EdDSA"${headers.authorization ? ', error="invalid_token"' : ''}`;
    exchange.json(401, { error: 'unauthorized' }, { 'WWW-Authenticate': field });
    return true;
  };
  const remote: ProtectedRemote = await startProtectedRemote({
    isValid: () => false,
    authorizationServers: [server.issuer],
    scopes: ['mcp:tools', 'offline_access'],
    guard,
  });
  const setup = signInSetup(followingBrowser());
  const bridge = () => startBridge(remote.url, { args: ['--initialize-wait', '60'], env: setup.env });
  const end = (token: string): void => {
    isOver = (one) => one === token;
  };
  return { server, remote, setup, check, proofs, bridge, end };
}

describe('bound tokens with oidc-provider', () => {
  test.each([
    ['as it is', {}],
    ['which wants nonces', { dpopNonces: true }],
    ['which wants nonces and pushed requests', { dpopNonces: true, par: 'required' as const }],
  ])('%s: sign-in, calls and a refresh [X-19, X-22, X-25]', async (_name, options) => {
    const { server, remote, setup, check, proofs, bridge, end } = await world(options);
    const one = bridge();
    expect(await initialize(one), one.stderr).toHaveProperty('result');
    expect((await callEcho(one)).result).toEqual(echoed);
    const { stdout } = await runCommand(['token', remote.url], setup.env, 30_000);
    end(stdout.trim());
    expect((await callEcho(one)).result).toEqual(echoed);
    expect([server.grants('authorization_code'), server.grants('refresh_token')]).toEqual([1, 1]);
    expect(server.refusals.filter(({ error }) => error !== 'use_dpop_nonce')).toEqual([]);
    expect(check.faults).toEqual([]);
    expect(new Set(proofs.map(({ jkt }) => jkt)).size).toBe(1);
    // Another process has the key from the store.
    const other = bridge();
    expect(await initialize(other)).toHaveProperty('result');
    expect(setup.browser.opened).toHaveLength(1);
  });

  test.each([false, true])('by device code, nonces %s', async (dpopNonces) => {
    const { remote, setup, bridge, check } = await world({ dpopNonces, device: true });
    const login = startCommand(['login', remote.url, '--device-code'], setup.env);
    const page = await until(
      'the page',
      () => /^ {2}(http\S+user_code=\S+)$/m.exec(login.stderr)?.[1],
      15_000,
    );
    expect((await followSignIn(page)).result?.status).toBe(200);
    expect(await login.exitWithin(20_000), login.stderr).toBe(0);
    const one = bridge();
    expect(await initialize(one)).toHaveProperty('result');
    expect((await callEcho(one)).result).toEqual(echoed);
    expect([check.faults, setup.browser.opened]).toEqual([[], []]);
  });

  test.each(['auto', 'on'])(
    'by client credentials, --dpop %s: got and renewed with one key [X-07, X-19]',
    async (choice) => {
      const { server, setup, remote, check, proofs, end } = await world({
        dpopNonces: true,
        machines: true,
        clients: [
          {
            client_id: 'service',
            client_secret: 'canary-service-secret',
            grant_types: ['client_credentials'],
            response_types: [],
            redirect_uris: [],
          },
        ],
      });
      const client = [
        '--client-credentials',
        '--client-id',
        'service',
        '--client-secret',
        'canary-service-secret',
      ];
      const args = [...client, '--dpop', choice];
      const one = startBridge(remote.url, { args, env: setup.env });
      expect(await initialize(one), one.stderr).toHaveProperty('result');
      const { stdout } = await runCommand(['token', remote.url, ...args], setup.env, 30_000);
      end(stdout.trim());
      expect((await callEcho(one)).result).toEqual(echoed);
      expect(server.grants('client_credentials')).toBe(2);
      expect(server.refusals.filter(({ error }) => error !== 'use_dpop_nonce')).toEqual([]);
      expect(check.faults).toEqual([]);
      expect(new Set(proofs.map(({ jkt }) => jkt)).size).toBe(1);
      expect(setup.browser.opened).toEqual([]);
    },
  );

  test('logout revokes the bound tokens', async () => {
    const { remote, setup, bridge, server } = await world({ dpopNonces: true });
    const one = bridge();
    expect(await initialize(one)).toHaveProperty('result');
    one.closeStdin();
    await one.exitWithin(10_000);
    const { code, stderr } = await runCommand(['logout', remote.url], setup.env, 30_000);
    expect(code, stderr).toBe(0);
    expect(server.of('grant.revoked').length).toBeGreaterThan(0);
  });
});
