import { vi } from 'vitest';
// Loaded now, so that nothing has to be read while the clock is the test's.
import '../../../src/bridge/sign-in-gate.ts';
import { settle, startBridge } from './bridge-harness.ts';
import { ScriptedAuthorizer } from './scripted-authorizer.ts';

export const realServer = {
  protocolVersion: '2025-11-25',
  capabilities: { tools: { listChanged: true }, prompts: {}, resources: {}, logging: {}, completions: {} },
  serverInfo: { name: 'real', version: '7' },
};

export interface SignedOutOptions extends NonNullable<Parameters<typeof startBridge>[0]> {
  /** What the server says in answer to `initialize` once somebody is signed in. */
  server?: object;
  /** Whether the server lets nobody in who is not signed in, or only refuses what the test guards. */
  isOpen?: boolean;
}

/** A bridge in front of a server that nobody is signed in to, and the clock in the test's hands. */
export function startSignedOut({ server = realServer, isOpen = false, ...more }: SignedOutOptions = {}) {
  vi.useFakeTimers({
    toFake: ['setInterval', 'clearInterval', 'setTimeout', 'clearTimeout', 'performance'],
  });
  const authorizer = new ScriptedAuthorizer();
  const bridge = startBridge({ authorizer, ...more });
  const welcome = bridge.saysResult(server);
  const step = isOpen ? welcome : authorizer.guard(welcome);
  bridge.remote.on('initialize', step, step, step, step, step, step);

  const harness = {
    ...bridge,
    authorizer,
    get messages() {
      return bridge.messages;
    },
    /** What was written since the last look. */
    news() {
      const { messages } = bridge;
      bridge.lines.splice(0);
      return messages;
    },
    /** What the server was sent since the last look. */
    sent() {
      return bridge.remote.sent.splice(0).map(({ method }) => method);
    },
    async pass(milliseconds: number): Promise<void> {
      await vi.advanceTimersByTimeAsync(milliseconds);
      await settle();
    },
    async initialize(params: object = {}): Promise<void> {
      await bridge.request('init', 'initialize', {
        protocolVersion: '2025-11-25',
        capabilities: {},
        ...params,
      });
    },
    async initialized(): Promise<void> {
      await bridge.client({ jsonrpc: '2.0', method: 'notifications/initialized' });
    },
    /** The client has its provisional answer; what was written until then is forgotten. */
    async provisional(params?: object): Promise<void> {
      await harness.initialize(params);
      await harness.pass(3000);
      await harness.initialized();
      harness.news();
      harness.sent();
    },
    signIn(id: string, _meta?: object): Promise<void> {
      return bridge.request(id, 'tools/call', { name: 'sign_in', arguments: {}, _meta });
    },
  };
  return harness;
}

export const changed = (list: string) => ({ jsonrpc: '2.0', method: `notifications/${list}/list_changed` });

// biome-ignore lint/suspicious/noExplicitAny: tests reach into arbitrary answers
export const textOf = (message: any): string => message.result.content[0].text;
