import { readFileSync } from 'node:fs';
import { expect, onTestFinished } from 'vitest';
import type { Environment } from './bridge-command.ts';
import { type BridgeProcess, startBridge } from './bridge-process.ts';
import { type Browser, recordingBrowser } from './browsers.ts';
import { type CommandProcess, startCommand } from './command-process.ts';
import {
  type FakeAuthorizationServer,
  type FakeAuthorizationServerOptions,
  startFakeAuthorizationServer,
} from './fake-authorization-server.ts';
import type { FakeRemoteOptions } from './fake-remote.ts';
import type { Message } from './json-rpc.ts';
import { processesWith } from './processes.ts';
import { type ProtectedRemote, type Protection, startProtectedRemote } from './protected-remote.ts';
import { findSecrets, type SignInSetup, signInSetup } from './signed-in.ts';
import { until } from './wait.ts';

interface WorldOptions {
  /** Only notes the URL, by default. */
  browser?: Browser;
  env?: Environment;
  authorization?: FakeAuthorizationServerOptions;
  protection?: Partial<Protection>;
  remote?: FakeRemoteOptions;
}

interface StartOptions {
  args?: string[];
  env?: Environment;
  url?: string;
}

/** A protected remote, its authorization server, and a user with a home and a browser, for the running test. */
export async function signInWorld(options: WorldOptions = {}): Promise<SignInWorld> {
  const server = await startFakeAuthorizationServer(options.authorization);
  const remote = await protectedBy(server, options.protection, options.remote);
  return userOf(server, remote, options);
}

/** Somebody with a home and a browser, in front of servers that are there already. */
export function userOf(
  server: FakeAuthorizationServer,
  remote: ProtectedRemote,
  { browser, env }: Pick<WorldOptions, 'browser' | 'env'> = {},
): SignInWorld {
  const world = new SignInWorld(server, remote, signInSetup(browser ?? recordingBrowser(), env));
  // Runs before the home is deleted and after every process of the test was ended.
  onTestFinished(() => world.expectNoSecrets());
  return world;
}

export function protectedBy(
  server: FakeAuthorizationServer,
  protection: Partial<Protection> = {},
  options: FakeRemoteOptions = {},
): Promise<ProtectedRemote> {
  const usual = { isValid: server.isValid, authorizationServers: [server.issuer] };
  return startProtectedRemote({ ...usual, ...protection }, options);
}

export class SignInWorld {
  readonly server: FakeAuthorizationServer;
  readonly remote: ProtectedRemote;
  readonly setup: SignInSetup;
  readonly #bridges: BridgeProcess[] = [];
  readonly #commands: CommandProcess[] = [];

  constructor(server: FakeAuthorizationServer, remote: ProtectedRemote, setup: SignInSetup) {
    this.server = server;
    this.remote = remote;
    this.setup = setup;
  }

  get browser(): Browser {
    return this.setup.browser;
  }

  bridge({ args, env, url = this.remote.url }: StartOptions = {}): BridgeProcess {
    const bridge = startBridge(url, { args: args ?? [], env: { ...this.setup.env, ...env } });
    this.#bridges.push(bridge);
    return bridge;
  }

  /** `login` in a terminal. */
  login({ args = [], env, url = this.remote.url }: StartOptions = {}): CommandProcess {
    return this.command(['login', url, ...args], env);
  }

  command(args: string[], env: Environment = {}): CommandProcess {
    const command = startCommand(args, { ...this.setup.env, ...env });
    this.#commands.push(command);
    return command;
  }

  /** The processes that sign in for a bridge. */
  get signInProcesses(): number[] {
    return processesWith(this.setup.home).filter((pid) => commandLineOf(pid).includes('sign-in-process'));
  }

  /** Waits for the process that signs in. */
  signInProcess(): Promise<number> {
    return until('the process that signs in', () => this.signInProcesses[0], 15_000);
  }

  async signInEnded(ms = 10_000): Promise<void> {
    await until('the end of the process that signs in', () => this.signInProcesses.length === 0, ms);
  }

  /** What holds of every run: nothing secret in the home or in what was printed, and no `state` in the home [28, 46]. */
  expectNoSecrets(): void {
    const { home } = this.setup;
    const printed = [
      ...this.#bridges.flatMap(({ stdout, stderr }) => [stdout.lines.join('\n'), stderr]),
      ...this.#commands.flatMap(({ stdout, stderr }) => [stdout, stderr]),
    ];
    const secrets = this.server.secretsSeen();
    if (secrets.length > 0) expect(findSecrets(secrets, home, ...printed)).toEqual([]);
    const states = this.server.statesSeen();
    if (states.length > 0) expect(findSecrets(states, home)).toEqual([]);
  }
}

/** The handshake, answered by the server itself or provisionally, and then the server's own tools. */
export async function untilConnected(bridge: BridgeProcess, ms = 30_000): Promise<void> {
  await bridge.initialize();
  await untilTools(bridge, ms);
}

/** Waits until the server's own tools are listed. */
export async function untilTools(bridge: BridgeProcess, ms = 30_000): Promise<void> {
  await until(
    'the tools of the server',
    async () => toolsOf(await bridge.request('tools/list')).includes('echo'),
    ms,
  );
}

export function toolsOf({ result }: Message): string[] {
  return ((result?.tools ?? []) as { name: string }[]).map(({ name }) => name);
}

/** The first text of a tool's result. */
export function toolText({ result }: Message): string {
  return String(result?.content?.[0]?.text ?? '');
}

/** The parameters of an authorization URL. */
export function paramsOf(url: string): Record<string, string> {
  return Object.fromEntries(new URL(url).searchParams);
}

function commandLineOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
  } catch {
    return '';
  }
}

/** The link to the authorization page in a text; throws where there is none. */
export function linkIn(text: string): string {
  const link = /http:\/\/\S+\/authorize\?[^\s"]+/.exec(text)?.[0];
  if (link === undefined) throw new Error(`no link in: ${text}`);
  return link;
}
