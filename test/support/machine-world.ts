import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { exportJWK, exportPKCS8, type GenerateKeyPairResult, generateKeyPair } from 'jose';
import { expect, onTestFinished } from 'vitest';
import { type BridgeProcess, startBridge } from './bridge-process.ts';
import { recordingBrowser } from './browsers.ts';
import { initialize } from './oauth-stage.ts';
import { type OidcServer, type OidcServerOptions, startOidcServer } from './oidc-server.ts';
import { type ProtectedRemote, type Protection, startProtectedRemote } from './protected-remote.ts';
import { runCommand } from './run-command.ts';
import { findSecrets, type SignInSetup, signInSetup } from './signed-in.ts';
import { tempFolder } from './temp-folder.ts';

export const SECRET = 'canary-client-secret-0123456789';

/** How an authorization server knows a client that is a machine. */
export type MachineMethod =
  | 'client_secret_basic'
  | 'client_secret_post'
  | 'RS256'
  | 'PS256'
  | 'ES256'
  | 'EdDSA';

interface Options {
  server?: Partial<OidcServerOptions>;
  protection?: Partial<Protection>;
  /** The key's file is a JWK rather than PEM. */
  isJwk?: boolean;
}

/** oidc-provider with one client that gets tokens for itself, a resource that takes them, and a home. */
export async function machineWorld(method: MachineMethod, options: Options = {}): Promise<MachineWorld> {
  const isSecret = method.startsWith('client_secret_');
  const keys = isSecret ? undefined : await generateKeyPair(method, { extractable: true });
  const client = {
    client_id: 'machine',
    grant_types: ['client_credentials'],
    redirect_uris: [],
    response_types: [],
    ...(keys
      ? {
          token_endpoint_auth_method: 'private_key_jwt',
          token_endpoint_auth_signing_alg: method,
          jwks: { keys: [{ ...(await exportJWK(keys.publicKey)), kid: 'k1', use: 'sig' }] },
        }
      : { token_endpoint_auth_method: method, client_secret: SECRET }),
  };
  const server = await startOidcServer({
    clients: [client],
    registration: false,
    machines: true,
    ...options.server,
  });
  const refused = new Set<string>();
  const remote = await startProtectedRemote({
    isValid: (token) => !refused.has(token) && server.verifyNow(token, remote.url),
    authorizationServers: [server.issuer],
    scopes: ['mcp:tools'],
    ...options.protection,
  });
  const words = keys
    ? ['--client-key', await keyFile(keys, options.isJwk ? method : undefined), '--client-key-id', 'k1']
    : ['--client-secret', '${MACHINE_SECRET}'];
  const world = new MachineWorld(server, remote, [
    '--client-credentials',
    '--client-id',
    'machine',
    ...words,
  ]);
  world.refuse = (token) => void refused.add(token);
  onTestFinished(() => world.expectNoSecret());
  return world;
}

export class MachineWorld {
  readonly server: OidcServer;
  readonly remote: ProtectedRemote;
  readonly options: readonly string[];
  readonly setup: SignInSetup = signInSetup(recordingBrowser(), { MACHINE_SECRET: SECRET });
  /** The resource takes this token no longer. */
  refuse: (token: string) => void = () => {};
  readonly #bridges: BridgeProcess[] = [];
  readonly #outputs: string[] = [];

  constructor(server: OidcServer, remote: ProtectedRemote, options: readonly string[]) {
    this.server = server;
    this.remote = remote;
    this.options = options;
  }

  get url(): string {
    return this.remote.url;
  }

  /** Tokens that were given to the client. */
  get tokens(): number {
    return this.server.grants('client_credentials');
  }

  bridge(...args: string[]): BridgeProcess {
    const all = [...this.options, '--log-level', 'trace', ...args];
    const bridge = startBridge(this.url, { args: all, env: this.setup.env });
    this.#bridges.push(bridge);
    return bridge;
  }

  /** Starts a bridge and opens its session. */
  async connect(...args: string[]): Promise<BridgeProcess> {
    const bridge = this.bridge(...args);
    expect(await initialize(bridge), bridge.stderr).toHaveProperty('result');
    bridge.notify('notifications/initialized');
    return bridge;
  }

  /** Runs a command with the options of the client, or without. */
  async command(name: string, args: string[] = [], isClient = true): ReturnType<typeof runCommand> {
    const words = [name, this.url, ...(isClient ? this.options : []), ...args];
    const outcome = await runCommand(words, this.setup.env, 30_000);
    if (name !== 'token') this.#outputs.push(outcome.stdout);
    this.#outputs.push(outcome.stderr);
    return outcome;
  }

  /** The bearer tokens that the resource has been sent, each once. */
  get used(): string[] {
    const values = this.remote.remote.requests.map(({ headers }) => headers.authorization);
    return [
      ...new Set(values.flatMap((value) => (value === undefined ? [] : [value.slice('Bearer '.length)]))),
    ];
  }

  /** Nothing opens a window, and whatever is secret stands in no output and in no file of the home. */
  expectNoSecret(): void {
    expect(this.setup.browser.opened).toEqual([]);
    const outputs = this.#bridges.flatMap((bridge) => [bridge.stdout.lines.join('\n'), bridge.stderr]);
    const secrets = [SECRET, ...this.used];
    expect(findSecrets(secrets, this.setup.home, ...this.#outputs, ...outputs)).toEqual([]);
  }
}

/** @param alg of a JWK; undefined: the file is PEM */
async function keyFile({ privateKey }: GenerateKeyPairResult, alg: string | undefined): Promise<string> {
  const file = join(tempFolder(), 'key');
  const text = alg
    ? JSON.stringify({ ...(await exportJWK(privateKey)), alg })
    : await exportPKCS8(privateKey);
  writeFileSync(file, text, { mode: 0o600 });
  return file;
}
