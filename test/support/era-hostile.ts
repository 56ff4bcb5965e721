import { expect } from 'vitest';
import { type BridgeOptions, type BridgeProcess, startBridge } from './bridge-process.ts';
import type { Exchange } from './fake-exchange.ts';
import { beModern } from './fake-modern.ts';
import {
  type FakeRemote,
  type FakeRemoteOptions,
  type Handler,
  type RecordedRequest,
  startFakeRemote,
} from './fake-remote.ts';
import type { Message } from './json-rpc.ts';
import { modernParams } from './modern-params.ts';

/** Can do all that a server may ask for. */
export const able = { elicitation: { form: {}, url: {} }, sampling: {}, roots: {} };

export const form = {
  mode: 'form',
  message: 'Your name?',
  requestedSchema: { type: 'object', properties: { name: { type: 'string' } } },
};

/** A modern remote that calls its tools so. */
export async function modernRemote(call: Handler, tools?: object[]): Promise<FakeRemote> {
  return beModern(await startFakeRemote(), tools).on('tools/call', call);
}

/** A legacy client's bridge, past its handshake. */
export async function legacyClient(
  remote: FakeRemote,
  capabilities: object = able,
  options: BridgeOptions = {},
): Promise<BridgeProcess> {
  const bridge = startBridge(remote.url, options);
  await bridge.initialize({ capabilities });
  return bridge;
}

/** Refuses messages in the modern form as a legacy server of the official SDK does. */
export function refusesModern(exchange: Exchange): boolean {
  if (exchange.request.headers['mcp-protocol-version'] !== '2026-07-28') return false;
  const error = { code: -32000, message: 'Bad Request: Unsupported protocol version' };
  exchange.json(400, { jsonrpc: '2.0', id: null, error });
  return true;
}

/** A legacy remote whose tools are called so; its session id must show nowhere. */
export async function legacyRemote(call: Handler, options: FakeRemoteOptions = {}): Promise<FakeRemote> {
  return (await startFakeRemote({ session: true, gate: refusesModern, ...options })).on('tools/call', call);
}

/** The calls that a legacy server has taken: what was refused by its form has not run. */
export function taken(remote: FakeRemote, method = 'tools/call'): RecordedRequest[] {
  return remote.of(method).filter(({ headers }) => headers['mcp-method'] === undefined);
}

/** The bridge of a modern client, which may have no word of the session on its output. */
export function modernClient(remote: FakeRemote, options: BridgeOptions = {}): BridgeProcess {
  return startBridge(remote.url, { secrets: ['session-1', 'session-2'], ...options });
}

/** A request of a modern client's, up to its answer. */
export async function ask(
  bridge: BridgeProcess,
  method: string,
  params: Record<string, unknown> = {},
  meta: Record<string, unknown> = {},
  capabilities: Record<string, unknown> = able,
): Promise<Message> {
  return await bridge.request(method, modernParams(params, capabilities, meta), 9_000);
}

export function callEcho(bridge: BridgeProcess, more: Record<string, unknown> = {}): Promise<Message> {
  return ask(bridge, 'tools/call', { name: 'echo', arguments: {}, ...more });
}

/** No code but those that a modern connection may see (MCP 2026-07-28, Error Codes). */
export function expectModernCode({ error }: Message): void {
  const code = error?.code ?? 0;
  const isReserved = code <= -32020 && code >= -32099 && ![-32020, -32021, -32022].includes(code);
  expect(isReserved || code === -32002, `error code ${code}`).toBe(false);
}

/** That it still serves its client, and has not asked or told anything that is no answer. */
export async function expectAlive(bridge: BridgeProcess, isModern: boolean): Promise<void> {
  const answer = await (isModern ? ask(bridge, 'tools/list') : bridge.request('ping'));
  expect(answer, JSON.stringify(answer)).toHaveProperty('result');
}
