import { onTestFinished } from 'vitest';
import { ModernClientTranslation } from '../../../src/bridge/era/modern-client.ts';
import type { Call } from '../../../src/bridge/era/modern-client-call.ts';
import type { Parking } from '../../../src/bridge/era/parking.ts';
import { createIdMaker } from '../../../src/bridge/message-text.ts';
import { PendingRequest } from '../../../src/bridge/pending-requests.ts';
import { refusals } from '../../../src/bridge/refusals.ts';
import { DrawbridgeError } from '../../../src/errors.ts';
import { classify, type MessageId } from '../../../src/jsonrpc.ts';
import {
  isRequest,
  type Outcome,
  type OutgoingMessage,
  type OutgoingRequest,
  type RemoteSink,
  type RemoteTransport,
  type Session,
  type TransportOptions,
} from '../../../src/remote/transport.ts';
import type { Settings } from '../../../src/settings.ts';
import { until } from '../../support/wait.ts';
import { recordingLogger } from './recording-logger.ts';

// biome-ignore lint/suspicious/noExplicitAny: tests reach into arbitrary messages
export type Any = any;

/** What the server does with a request: a member of a response as JSON, an outcome, or nothing yet. */
type Reply = string | Outcome | undefined;
type Handler = (message: Any, request: OutgoingRequest) => Reply;

export const result = (value: unknown): string => `"result":${JSON.stringify(value)}`;
export const error = (code: number, data?: unknown): string =>
  `"error":${JSON.stringify({ code, message: 'No.', data })}`;

const capabilities = {
  tools: { listChanged: true },
  resources: { subscribe: true },
  prompts: { listChanged: true },
  logging: {},
};

/** A legacy server that the test plays, one for each transport that is made. */
export class PlayedServer implements RemoteTransport {
  readonly name = 'http';
  readonly sent: Any[] = [];
  readonly texts: string[] = [];
  readonly #handlers: Map<string, Handler>;
  readonly #sink: RemoteSink;
  readonly #open = new Map<OutgoingRequest, (outcome: Outcome) => void>();
  session: Session | undefined;
  listened = 0;
  closed = false;
  /** How a message that is no request is taken. */
  taken: Outcome = { kind: 'done' };

  constructor(handlers: Map<string, Handler>, sink: RemoteSink) {
    this.#handlers = handlers;
    this.#sink = sink;
  }

  send(message: OutgoingMessage | OutgoingRequest): Promise<Outcome> {
    const text = message.body.toString();
    const parsed = JSON.parse(text);
    this.texts.push(text);
    this.sent.push(parsed);
    if (!isRequest(message)) return Promise.resolve(this.taken);
    return new Promise((resolve) => {
      this.#open.set(message, resolve);
      message.abort = (error) => resolve({ kind: 'failed', error, mayHaveRun: true });
      const reply = (this.#handlers.get(message.method) ?? (() => '"result":{}'))(parsed, message);
      if (typeof reply === 'object') resolve(reply);
      else if (reply !== undefined)
        this.says(`{"jsonrpc":"2.0","id":${JSON.stringify(message.id)},${reply}}`, message);
    });
  }

  /** @param origin the request on whose exchange it comes; undefined: the listening stream */
  says(said: string | object, origin?: OutgoingRequest): void {
    const text = typeof said === 'string' ? said : JSON.stringify({ jsonrpc: '2.0', ...said });
    this.#sink.receive(text, classify(JSON.parse(text)), origin);
    for (const [request, resolve] of this.#open) {
      if (!request.settled) continue;
      this.#open.delete(request);
      request.abort = undefined;
      resolve({ kind: 'done' });
    }
  }

  /** The session is gone, and the listening stream has found that out. */
  loseSession(): void {
    if (this.session) this.#sink.sessionLost(this.session);
  }

  of(method: string): Any[] {
    return this.sent.filter((message) => message.method === method);
  }

  /** What the client has answered to a request of the server's. */
  responseTo(id: MessageId): Any {
    return this.sent.find((message) => message.method === undefined && message.id === id);
  }

  useSession(session: Session | undefined): void {
    this.session = session;
  }

  async listen(): Promise<void> {
    this.listened++;
  }

  async close(): Promise<void> {
    this.closed = true;
    this.session = undefined;
    const error = new DrawbridgeError('shutting-down', 'Closed.');
    for (const resolve of this.#open.values()) resolve({ kind: 'failed', error, mayHaveRun: true });
  }
}

export interface StageOptions {
  welcome?: object | string;
  parking?: Parking<Call>;
}

/** What a modern client sends with each request. */
export const modernMeta = (declared: object = {}, more: object = {}) => ({
  'io.modelcontextprotocol/protocolVersion': '2026-07-28',
  'io.modelcontextprotocol/clientInfo': { name: 'c', version: '1' },
  'io.modelcontextprotocol/clientCapabilities': declared,
  ...more,
});

export const allCapabilities = {
  elicitation: { form: {}, url: {} },
  sampling: {},
  roots: { listChanged: true },
};

export interface Asked {
  request: PendingRequest;
  /** Undefined where it was cancelled. */
  answer: Any;
  outcome: Outcome | undefined;
  ended: Promise<Outcome>;
}

/** A stage for the running test, cleared at its end. */
export function setStage(options?: StageOptions): Stage {
  const stage = makeStage(options);
  onTestFinished(() => stage.translation.close(0));
  return stage;
}

/** A translation between a client and a legacy server that are both played by the test. */
export function makeStage({ welcome = {}, parking }: StageOptions = {}) {
  const handlers = new Map<string, Handler>();
  const servers: PlayedServer[] = [];
  const told: Any[] = [];
  const received = new Map<OutgoingRequest, number>();
  const { log, lines } = recordingLogger();
  const greeting = {
    protocolVersion: '2025-11-25',
    capabilities,
    serverInfo: { name: 's', version: '9' },
    ...(typeof welcome === 'object' && welcome),
  };
  handlers.set('initialize', (_message, request) => {
    request.sessionId = `session-${servers.length}`;
    return typeof welcome === 'string' ? welcome : result(greeting);
  });
  const sink: RemoteSink = {
    receive(text, message, origin) {
      if (message.kind === 'response' && origin) {
        received.set(origin, (received.get(origin) ?? 0) + 1);
        (origin as PendingRequest).answer({ text, message });
      } else told.push(JSON.parse(text.toString()));
    },
    sessionLost() {},
    blocked: false,
    whenReady() {},
  };
  const translation = new ModernClientTranslation(
    {
      createTransport: (given: TransportOptions) => {
        const server = new PlayedServer(handlers, given.sink);
        servers.push(server);
        return server;
      },
      transportOptions: {} as TransportOptions,
      settings: { transport: 'http', network: {} } as Settings,
      sink,
      newId: createIdMaker(),
      log,
    },
    parking,
  );
  let lastId = 0;

  const stage = {
    translation,
    handlers,
    servers,
    told,
    /** How many answers a request of the client's was given. */
    received,
    lines,
    get server(): PlayedServer {
      return servers[0] as PlayedServer;
    },
    /** The client sends a text of its own. */
    send(body: string): Asked {
      const { id, method, params } = JSON.parse(body);
      const asked = {} as Asked;
      asked.request = new PendingRequest({ id, method, params, body }, undefined, (answer) => {
        asked.answer = answer && JSON.parse(answer.text.toString());
        if (answer) sameMeaning(asked.answer, answer.message);
      });
      asked.ended = translation.send(asked.request).then((outcome) => {
        asked.outcome = outcome;
        return outcome;
      });
      return asked;
    },
    ask(method: string, params: object = {}, declared: object = allCapabilities, meta: object = {}): Asked {
      const id = ++lastId;
      const own = { ...params, _meta: modernMeta(declared, meta) };
      return stage.send(JSON.stringify({ jsonrpc: '2.0', id, method, params: own }));
    },
    /** The same, up to the answer. */
    async get(method: string, params?: object, declared?: object, meta?: object): Promise<Any> {
      const asked = stage.ask(method, params, declared, meta);
      await asked.ended;
      return asked.answer;
    },
    cancel({ request }: Asked): void {
      request.cancel();
      request.abort?.(refusals.shuttingDown());
    },
    /** A request that the server has got, by its method. */
    arrived: (method: string, count = 1): Promise<Any> =>
      until(method, () => servers.flatMap((server) => server.of(method))[count - 1]),
    /** A server whose method stays without an answer; gives what is under way there. */
    hold(method: string): OutgoingRequest[] {
      const held: OutgoingRequest[] = [];
      handlers.set(method, (_message, request) => {
        held.push(request);
        return undefined;
      });
      return held;
    },
    answered: (asked: Asked): Promise<Any> => until('an answer', () => asked.answer),
  };
  return stage;
}

export type Stage = ReturnType<typeof makeStage>;

/** What the rest of the bridge is told of a message must be what its text says. */
function sameMeaning(value: Any, message: Any): void {
  for (const member of ['id', 'result', 'error']) {
    const [a, b] = [JSON.stringify(sorted(value[member])), JSON.stringify(sorted(message[member]))];
    if (a !== b) throw new Error(`the text says ${a}, the message ${b}`);
  }
}

function sorted(value: Any): Any {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, part]) => [key, sorted(part)]),
  );
}

export const settled = (ms = 5): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
