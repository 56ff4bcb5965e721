import { expect } from 'vitest';
import type { BridgeProcess } from '../bridge-process.ts';
import { followSignIn } from '../browsers.ts';
import type { FakeAuthorizationServer } from '../fake-authorization-server.ts';
import type { EventStream, Exchange } from '../fake-exchange.ts';
import type { Message } from '../json-rpc.ts';
import type { ProtectedRemote } from '../protected-remote.ts';
import { paramsOf, type SignInWorld, toolsOf, toolText, untilTools } from '../sign-in-world.ts';

/** A service of the world, emulated: an MCP server and what authorizes for it. */
export interface Service {
  server: FakeAuthorizationServer;
  remote: ProtectedRemote;
}

/** A connection as its one line of configuration makes it. */
export interface Line {
  url: string;
  args?: string[];
  env?: Record<string, string>;
}

/** Starts the bridge by its line, and signs in by the window that opens: the tools of the server are there. */
export async function signInBy(world: SignInWorld, line: Line): Promise<BridgeProcess> {
  const windows = world.browser.opened.length;
  const bridge = world.bridge(line);
  const greeting = bridge.initialize();
  const { result } = await followSignIn(await world.browser.nextOpened(windows + 1));
  expect(result?.status, result?.body).toBe(200);
  await greeting;
  await untilTools(bridge);
  return bridge;
}

/** As `signInBy`, where nothing is left to ask: no window. */
export async function connectBy(world: SignInWorld, line: Line): Promise<BridgeProcess> {
  const windows = world.browser.opened.length;
  const bridge = world.bridge(line);
  await bridge.initialize();
  await untilTools(bridge);
  expect(world.browser.opened).toHaveLength(windows);
  return bridge;
}

/** A call that has to come back with what was sent. */
export async function use(bridge: BridgeProcess, text: string): Promise<void> {
  const answer = await bridge.callTool('echo', { text }, 40_000);
  expect(toolText(answer), JSON.stringify(answer)).toBe(JSON.stringify({ text }));
}

/** The resource that was asked for in each window, in their order. */
export function resourcesAskedFor({ browser }: SignInWorld): (string | undefined)[] {
  return browser.opened.map((url) => paramsOf(url).resource);
}

/**
 * What a user sees once a grant is gone: the next call says so and how to sign in again, and where a window can be
 * opened that one sign-in is all it takes. The call that has met the end is answered by the server after all.
 */
export async function signInAgain(world: SignInWorld, bridge: BridgeProcess, line: Line): Promise<void> {
  await expectSignInNeeded(world, line);
  const windows = world.browser.opened.length;
  const call = bridge.callTool('echo', { text: 'again' }, 40_000);
  const { result } = await followSignIn(await world.browser.nextOpened(windows + 1));
  expect(result?.status, result?.body).toBe(200);
  expect(toolText(await call)).toBe('{"text":"again"}');
  expect(world.browser.opened).toHaveLength(windows + 1);
  // So does whoever starts afterwards.
  await use(await connectBy(world, line), 'later');
}

/** A bridge that may open no window has the one tool left that says which command signs in. */
export async function expectSignInNeeded(world: SignInWorld, line: Line): Promise<void> {
  const args = [...(line.args ?? []), '--no-browser', '--initialize-wait', '0.5'];
  const bridge = world.bridge({ ...line, args });
  await bridge.initialize();
  expect(toolsOf(await bridge.request('tools/list'))).toEqual(['sign_in']);
  expect(toolText(await bridge.callTool('sign_in'))).toContain(`mcp-drawbridge login ${line.url}`);
  bridge.closeStdin();
  await bridge.exitWithin(10_000);
}

/** The listening streams that clients hold open at an endpoint, for what the server tells by itself. */
export class Listeners {
  readonly #streams: { path: string; stream: EventStream }[] = [];

  constructor({ remote }: ProtectedRemote) {
    remote.on('GET', (exchange: Exchange) => {
      this.#streams.push({ path: exchange.request.path, stream: exchange.sse() });
    });
  }

  count(path: string): number {
    return this.#streams.filter((one) => one.path === path && !one.stream.closed).length;
  }

  tell(path: string, message: Message): void {
    for (const one of this.#streams) if (one.path === path && !one.stream.closed) one.stream.send(message);
  }
}
