import { expect, onTestFinished } from 'vitest';
import { type BridgeProcess, startBridge } from './bridge-process.ts';
import type { Page } from './browser-program.d.mts';
import { type Browser, followSignIn, recordingBrowser } from './browsers.ts';
import {
  type FakeAuthorizationServer,
  type FakeAuthorizationServerOptions,
  startFakeAuthorizationServer,
} from './fake-authorization-server.ts';
import type { FakeRemoteOptions } from './fake-remote.ts';
import { initializeParams, type Message } from './json-rpc.ts';
import { type ProtectedRemote, type Protection, startProtectedRemote } from './protected-remote.ts';
import { runCommand } from './run-command.ts';
import { findSecrets, type SignInSetup, signInSetup } from './signed-in.ts';

interface StageOptions {
  server?: FakeAuthorizationServerOptions;
  /** The authorization server lives on the remote's own origin (MCP 2025-03-26). */
  sharesOrigin?: boolean;
  protection?: Partial<Protection>;
  remote?: FakeRemoteOptions;
  browser?: Browser;
  /** Whether somebody goes to the end of each window; yes by default. */
  isAttended?: boolean;
}

/** Patience with processes on a machine that has much to do, in milliseconds. */
const PATIENCE = 30_000;

/** A protected remote, its authorization server, a person's home and browser; `login` and `bridge` act in it. */
export async function oauthStage(options: StageOptions = {}): Promise<OAuthStage> {
  const { server: settings, sharesOrigin, protection, remote, isAttended = true } = options;
  const stage = new OAuthStage(signInSetup(options.browser ?? recordingBrowser()));
  // Registered before anything else is started: looks for secrets when all else has come to its end.
  onTestFinished(() => stage.expectNoSecret());
  if (sharesOrigin) {
    const { FakeAuthorizationServer } = await import('./fake-authorization-server.ts');
    stage.server = new FakeAuthorizationServer(settings);
  } else stage.server = await startFakeAuthorizationServer(settings);
  const { server } = stage;
  const others = sharesOrigin ? { own: server } : { authorizationServers: [server.issuer] };
  stage.remote = await startProtectedRemote({ isValid: server.isValid, ...others, ...protection }, remote);
  if (isAttended) stage.attend();
  return stage;
}

export class OAuthStage {
  readonly setup: SignInSetup;
  server!: FakeAuthorizationServer;
  remote!: ProtectedRemote;
  /** More servers whose secrets are looked for. */
  readonly others: FakeAuthorizationServer[] = [];
  /** The last page of each window. */
  readonly pages: Page[] = [];
  readonly #bridges: BridgeProcess[] = [];
  readonly #outputs: string[] = [];

  constructor(setup: SignInSetup) {
    this.setup = setup;
  }

  /** What the bridges are started with. */
  get url(): string {
    return this.remote.url;
  }

  /** Windows that were opened so far. */
  get windows(): number {
    return this.setup.browser.opened.length;
  }

  /** The parameters of each authorization request, in their order. */
  get authorizations(): Record<string, string>[] {
    return this.server.of('authorize').map(({ params }) => params);
  }

  /** From now on somebody follows each window to its end, also where the callback sends the browser on. */
  attend(): void {
    let attended = 0;
    const timer = setInterval(() => {
      for (const url of this.setup.browser.opened.slice(attended)) {
        attended++;
        void this.#visit(url).catch(() => {}); // the page shows nothing then, and the test what is missing
      }
    }, 20);
    onTestFinished(() => clearInterval(timer));
  }

  async #visit(url: string): Promise<void> {
    const { result } = await followSignIn(url);
    if (result === undefined) return;
    const { location } = result.headers;
    if (location !== undefined && result.status === 302) return this.#visit(String(location));
    this.pages.push(result);
  }

  /** Another authorization server for this stage. */
  async addServer(settings?: FakeAuthorizationServerOptions): Promise<FakeAuthorizationServer> {
    const server = await startFakeAuthorizationServer(settings);
    this.others.push(server);
    return server;
  }

  /** A bridge in this home, which holds `initialize` for as long as a sign-in takes. */
  bridge(...args: string[]): BridgeProcess {
    const all = ['--initialize-wait', '60', '--log-level', 'trace', ...args];
    const bridge = startBridge(this.url, { args: all, env: this.setup.env });
    this.#bridges.push(bridge);
    return bridge;
  }

  /** Starts a bridge and opens its session, through a sign-in where one is needed. */
  async connect(...args: string[]): Promise<BridgeProcess> {
    const bridge = this.bridge(...args);
    expect(await initialize(bridge), bridge.stderr).toHaveProperty('result');
    bridge.notify('notifications/initialized');
    return bridge;
  }

  /** Runs `login` to its end. */
  async login(...args: string[]): ReturnType<typeof runCommand> {
    const argv = ['login', this.url, '--log-level', 'trace', ...args];
    const outcome = await runCommand(argv, this.setup.env, PATIENCE);
    this.#outputs.push(outcome.stdout, outcome.stderr);
    return outcome;
  }

  /** As `login`, which has to succeed. */
  async signIn(...args: string[]): Promise<void> {
    const { code, stderr } = await this.login(...args);
    expect(code, stderr).toBe(0);
  }

  /** As `login`, which has to fail with this exit code; gives what it said. */
  async signInFails(exitCode: number, ...args: string[]): Promise<string> {
    const { code, stderr } = await this.login(...args);
    expect(code, stderr).toBe(exitCode);
    return stderr;
  }

  /** Whatever is secret stands in no output of the bridges and commands, and in no file of the home. */
  expectNoSecret(): void {
    const servers = [this.server, ...this.others].filter(Boolean);
    // The link that is shown has the URI of a pushed request in it.
    const secrets = servers
      .flatMap((server) => server.secretsSeen())
      .filter((secret) => secret !== '' && !secret.startsWith('canary-pushed'));
    if (secrets.length === 0) return; // nothing was issued
    const outputs = this.#bridges.flatMap((bridge) => [bridge.stdout.lines.join('\n'), bridge.stderr]);
    expect(findSecrets(secrets, this.setup.home, ...this.#outputs, ...outputs)).toEqual([]);
  }
}

/** `initialize` of a client without capabilities, through a sign-in where one is needed. */
export function initialize(bridge: BridgeProcess): Promise<Message> {
  return bridge.request('initialize', initializeParams(), PATIENCE);
}

/** A call that succeeds only where the remote has taken the token. */
export function callEcho(bridge: BridgeProcess, ms = PATIENCE): Promise<Message> {
  return bridge.callTool('echo', { text: 'hello' }, ms);
}

/** The result of a call that reached the server. */
export const echoed = { content: [{ type: 'text', text: '{"text":"hello"}' }] };
