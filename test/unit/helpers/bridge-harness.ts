import { PassThrough, Writable } from 'node:stream';
import { onTestFinished } from 'vitest';
import { type Authorizer, FixedCredentials } from '../../../src/authorization/authorizer.ts';
import { Bridge, type BridgeOptions } from '../../../src/bridge/bridge.ts';
import type { ServerMemory } from '../../../src/bridge/server-memory.ts';
import { classify } from '../../../src/jsonrpc.ts';
import {
  isRequest,
  type Outcome,
  type OutgoingRequest,
  type RemoteSink,
} from '../../../src/remote/transport.ts';
import type { Settings, ToolFilterSettings } from '../../../src/settings.ts';
import { recordingLogger } from './recording-logger.ts';
import { contract, ScriptedTransport, type Step } from './scripted-transport.ts';

export interface HarnessOptions {
  tools?: ToolFilterSettings;
  requestTimeout?: number;
  authorizer?: Authorizer;
  /** In milliseconds. */
  initializeWait?: number;
  memory?: ServerMemory;
  /** In place of the scripted remote. */
  createTransport?: BridgeOptions['createTransport'];
  client?: BridgeOptions['client'];
  /** What the server says in answer to `initialize`. */
  welcome?: object;
  era?: Settings['era'];
}

/** A bridge between a client and a remote that are both played by the test. */
export function startBridge({
  tools,
  requestTimeout,
  authorizer = new FixedCredentials(),
  initializeWait = 3000,
  memory,
  createTransport,
  client = { target: 'https://a.test/mcp' } as BridgeOptions['client'],
  welcome = contract,
  era = 'auto',
}: HarnessOptions = {}) {
  const input = new PassThrough();
  const lines: string[] = [];
  let partial = '';
  const output = new Writable({
    write(chunk, _encoding, done) {
      const parts = (partial + chunk).split('\n');
      partial = parts.pop() as string;
      lines.push(...parts);
      done();
    },
  });
  const remote = new ScriptedTransport();
  const { log, lines: logLines } = recordingLogger();
  const ends: unknown[] = [];
  let sink: RemoteSink | undefined;
  const options: BridgeOptions = {
    settings: {
      tools: tools ?? { allow: [], ignore: [] },
      signIn: { initializeWait },
      maxMessageBytes: 1024 * 1024,
      network: { requestTimeout },
      transport: 'http',
      era,
      url: new URL('https://a.test/mcp'),
      headers: {},
    } as unknown as Settings,
    client,
    authorizer,
    memory,
    createTransport: (given) => {
      sink = given.sink;
      return createTransport ? createTransport(given) : remote;
    },
    log,
    input,
    output,
    onEnd: (cause) => ends.push(cause),
  };
  const bridge = new Bridge(options);
  onTestFinished(() => bridge.close(0));

  const harness = {
    bridge,
    input,
    output,
    remote,
    lines,
    logLines,
    ends,
    get messages() {
      return lines.map((line) => JSON.parse(line));
    },
    /** The client writes lines; resolves when all that follows at once has followed. */
    async client(...texts: (string | object)[]): Promise<void> {
      for (const text of texts) input.write(`${typeof text === 'string' ? text : JSON.stringify(text)}\n`);
      await settle();
    },
    async request(id: string | number, method: string, params?: object): Promise<void> {
      await harness.client({ jsonrpc: '2.0', id, method, params });
    },
    /** The remote says something, on the exchange of a request or on its own. */
    async says(text: string | object, origin?: OutgoingRequest): Promise<void> {
      const json = typeof text === 'string' ? text : JSON.stringify(text);
      sink?.receive(json, classify(JSON.parse(json)), origin);
      await settle();
    },
    loseSession(): void {
      if (remote.session) sink?.sessionLost(remote.session);
    },
    /** Client and server get to know each other; what was written until then is forgotten. */
    async handshake(): Promise<void> {
      remote.on('initialize', says(welcome));
      await harness.request('init', 'initialize', { protocolVersion: '2025-11-25', capabilities: {} });
      await harness.client({ jsonrpc: '2.0', method: 'notifications/initialized' });
      lines.splice(0);
      remote.sent.splice(0);
    },
  };

  /** A step in which the remote answers through the bridge, as a transport does. */
  function says(result: unknown): Step {
    return (message) => {
      if (isRequest(message)) {
        // A server that keeps a session is one of the legacy era, and needs no second look.
        if (message.method === 'initialize') message.sessionId = 'session-1';
        const text = JSON.stringify({ jsonrpc: '2.0', id: message.id, result });
        sink?.receive(text, classify(JSON.parse(text)), message);
      }
      return { kind: 'done' };
    };
  }
  return Object.assign(harness, { saysResult: says });
}

export async function settle(): Promise<void> {
  for (let turns = 0; turns < 8; turns++) await new Promise((resolve) => setImmediate(resolve));
}

/** A step that stays under way until the test ends it. */
export function held(): {
  step: Step;
  request: () => OutgoingRequest;
  end: (outcome: Outcome) => void;
  aborted: unknown[];
} {
  let given: OutgoingRequest | undefined;
  let end: (outcome: Outcome) => void = () => {};
  const aborted: unknown[] = [];
  return {
    step: (message) => {
      given = message as OutgoingRequest;
      return new Promise((resolve) => {
        end = resolve;
        if (isRequest(message)) {
          message.abort = (error) => {
            aborted.push(error);
            resolve({ kind: 'failed', error, mayHaveRun: true });
          };
        }
      });
    },
    request: () => given as OutgoingRequest,
    end: (outcome) => end(outcome),
    aborted,
  };
}
