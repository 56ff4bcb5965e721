import { decodeJwt } from 'jose';
import { expect, onTestFinished } from 'vitest';
import type { Environment } from './bridge-command.ts';
import { type BridgeProcess, startBridge } from './bridge-process.ts';
import { type Browser, followingBrowser } from './browsers.ts';
import { type OidcServer, type OidcServerOptions, startOidcServer } from './oidc-server.ts';
import { type ProtectedRemote, type Protection, startProtectedRemote } from './protected-remote.ts';
import { runCommand } from './run-command.ts';
import { findSecrets, type SignInSetup, signInSetup } from './signed-in.ts';
import { until } from './wait.ts';

const TOKEN_EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange';
const JWT_BEARER = 'urn:ietf:params:oauth:grant-type:jwt-bearer';
const PATIENCE = 30_000;

interface WorldOptions {
  browser?: Browser;
  /** Of the identity provider. */
  idp?: OidcServerOptions;
  /** Of the authorization server. */
  server?: OidcServerOptions;
  /** Whether the identity provider gives refresh tokens; it does by default. */
  refreshes?: boolean;
  /** How many MCP servers there are, 1 by default. */
  remotes?: number;
  protection?: Partial<Protection>;
}

/** A company: its identity provider, MCP servers with their authorization server, and a person with home and browser. */
export async function enterpriseWorld(options: WorldOptions = {}): Promise<EnterpriseWorld> {
  const setup = signInSetup(options.browser ?? followingBrowser());
  const world = new EnterpriseWorld(setup);
  // Registered before anything else is started: looks for secrets when all else has come to its end.
  onTestFinished(() => world.expectNoSecrets());
  world.idp = await startOidcServer({
    registration: false,
    clients: [
      {
        client_id: 'desktop',
        client_secret: 'canary-idp-secret',
        token_endpoint_auth_method: 'client_secret_basic',
        application_type: 'native',
        redirect_uris: ['http://127.0.0.1/callback'],
        grant_types: [
          'authorization_code',
          ...(options.refreshes === false ? [] : ['refresh_token']),
          TOKEN_EXCHANGE,
        ],
      },
    ],
    exchanges: {},
    ...options.idp,
  });
  world.server = await startOidcServer({
    registration: false,
    trusts: world.idp.issuer,
    clients: [
      {
        client_id: 'mcp-client',
        client_secret: 'canary-mcp-secret',
        token_endpoint_auth_method: 'client_secret_basic',
        redirect_uris: [],
        response_types: [],
        grant_types: [JWT_BEARER],
      },
    ],
    ...options.server,
  });
  await world.idp.setExchanges({ [world.server.issuer]: 'mcp-client' });
  for (let count = options.remotes ?? 1; count > 0; count--) {
    const remote: ProtectedRemote = await startProtectedRemote({
      isValid: (token) => !world.revoked.has(token) && world.server.verifyNow(token, remote.url),
      authorizationServers: [world.server.issuer],
      ...options.protection,
    });
    world.remotes.push(remote);
  }
  return world;
}

export class EnterpriseWorld {
  idp!: OidcServer;
  server!: OidcServer;
  readonly remotes: ProtectedRemote[] = [];
  readonly setup: SignInSetup;
  /** Access tokens that the MCP servers no longer take. */
  readonly revoked = new Set<string>();
  /** What the environment has of both clients. */
  readonly secrets: Environment = {
    MCP_DRAWBRIDGE_IDP_CLIENT_SECRET: 'canary-idp-secret',
    MCP_DRAWBRIDGE_CLIENT_SECRET: 'canary-mcp-secret',
  };
  readonly #bridges: BridgeProcess[] = [];
  readonly #outputs: string[] = [];

  constructor(setup: SignInSetup) {
    this.setup = setup;
  }

  get windows(): string[] {
    return this.setup.browser.opened;
  }

  /** How often the ID token was exchanged, and the assertion taken. */
  get counts(): { exchanges: number; assertions: number } {
    return { exchanges: this.idp.of('exchange').length, assertions: this.server.of('assertion').length };
  }

  get options(): string[] {
    return ['--idp-issuer', this.idp.issuer, '--idp-client-id', 'desktop', '--client-id', 'mcp-client'];
  }

  get env(): Environment {
    return { ...this.setup.env, ...this.secrets };
  }

  urlOf(remote = 0): string {
    return (this.remotes[remote] as ProtectedRemote).url;
  }

  bridge(args: string[] = [], remote = 0): BridgeProcess {
    const all = [...this.options, '--initialize-wait', '60', '--log-level', 'trace', ...args];
    const bridge = startBridge(this.urlOf(remote), { args: all, env: this.env });
    this.#bridges.push(bridge);
    return bridge;
  }

  /** A bridge whose server has answered. */
  async connect(args: string[] = [], remote = 0): Promise<BridgeProcess> {
    const bridge = this.bridge(args, remote);
    const answer = await bridge.initialize();
    expect(answer, bridge.stderr).toHaveProperty('result.serverInfo.name', 'fake-remote');
    bridge.notify('notifications/initialized');
    return bridge;
  }

  /** A command with the options of this company, or with those that are given. */
  async command(argv: string[], options = this.options): ReturnType<typeof runCommand> {
    const outcome = await runCommand([...argv, ...options], this.env, PATIENCE);
    this.#outputs.push(outcome.stdout, outcome.stderr);
    return outcome;
  }

  /** Waits until the first ID token and the first access token are over. */
  async untilAllHasEnded(): Promise<void> {
    const [{ subjectToken = '' } = {}] = this.idp.of('exchange');
    const [{ accessToken = '' } = {}] = this.server.of('assertion');
    const ends = [subjectToken, accessToken].map((token) => Number(decodeJwt(token).exp) * 1000);
    await until('the end of the tokens', () => Math.max(...ends) < Date.now(), 10_000);
  }

  /** Whatever is secret stands in no output and in no file of the home. */
  expectNoSecrets(): void {
    const given = [...this.idp.events, ...this.server.events].flatMap(
      ({ subjectToken, assertion, accessToken }) => [subjectToken, assertion, accessToken],
    );
    const secrets = [...new Set(given)].filter((secret) => secret !== undefined);
    const outputs = this.#bridges.flatMap((bridge) => [bridge.stdout.lines.join('\n'), bridge.stderr]);
    const all = [...secrets, 'canary-idp-secret', 'canary-mcp-secret'];
    expect(findSecrets(all, this.setup.home, ...this.#outputs, ...outputs)).toEqual([]);
  }
}
