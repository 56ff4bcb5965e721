import { onTestFinished } from 'vitest';
import type { Authorizer } from '../../../src/authorization/authorizer.ts';
import type { EraMemory } from '../../../src/bridge/era/era-file.ts';
import { ModernFace } from '../../../src/bridge/era/modern-face.ts';
import { RemoteEra } from '../../../src/bridge/era/remote-era.ts';
import { PendingRequest, PendingRequests } from '../../../src/bridge/pending-requests.ts';
import { DrawbridgeError } from '../../../src/errors.ts';
import type { MessageId } from '../../../src/jsonrpc.ts';
import type {
  ModernRemote,
  Outcome,
  OutgoingMessage,
  OutgoingRequest,
  RemoteSink,
} from '../../../src/remote/transport.ts';
import type { ProtocolEra } from '../../../src/revisions.ts';
import type { Message } from '../../support/json-rpc.ts';
import { settle } from './bridge-harness.ts';
import { modernMeta } from './modern-stage.ts';
import { recordingLogger } from './recording-logger.ts';
import { ScriptedAuthorizer } from './scripted-authorizer.ts';
import { discovered, ModernExchange } from './scripted-modern.ts';

type Script = (exchange: ModernExchange) => Outcome | Promise<Outcome>;

/** A way to a remote that the test plays; what has no script is well answered. */
class PlayedRemote implements ModernRemote {
  readonly exchanges: ModernExchange[] = [];
  readonly #scripts = new Map<string, Script[]>();
  sink!: RemoteSink;
  signIns = 0;
  closed = 0;

  /** Scripts the next answers to a method; the last one stays. */
  on(method: string, ...scripts: Script[]): this {
    this.#scripts.set(method, scripts);
    return this;
  }

  /** The methods of what was sent. */
  get methods(): (string | undefined)[] {
    return this.exchanges.map(({ message }) => message.method);
  }

  async send(message: OutgoingMessage | OutgoingRequest): Promise<Outcome> {
    const exchange = new ModernExchange(message, this.sink);
    this.exchanges.push(exchange);
    const scripts = this.#scripts.get(message.method ?? '') ?? [];
    const script = scripts.length > 1 ? scripts.shift() : scripts[0];
    if (script) return script(exchange);
    return exchange.request ? exchange.answer({ by: exchange.message.method }) : { kind: 'done' };
  }

  signedIn(): void {
    this.signIns++;
  }

  async close(): Promise<void> {
    this.closed++;
  }
}

/** 401 that nobody solves. */
export const challenged: Script = () => ({
  kind: 'challenged',
  error: new DrawbridgeError('unauthorized', 'Sign in.', { status: 401 }),
});

export interface FaceSetup {
  era?: ProtocolEra | 'auto';
  /** What an earlier start has found. */
  verdict?: ProtocolEra;
  authorizer?: Authorizer;
  remembered?: Record<string, unknown>;
}

/** What a modern client sees, before a server of one era or the other. */
export function faceStage({ era = 'auto', verdict, authorizer, remembered }: FaceSetup = {}) {
  const { log, lines } = recordingLogger();
  const http = new PlayedRemote().on('server/discover', (exchange) => exchange.answer(discovered));
  const legacy = new PlayedRemote();
  const found: ProtocolEra[] = [];
  const kept: Readonly<Record<string, unknown>>[] = [];
  const memory: EraMemory = {
    read: () => verdict && { era: verdict, at: Date.now() },
    write: (given) => void found.push(given.era),
  };
  const pending = new PendingRequests();
  const written: Message[] = [];
  let translations = 0;
  let made = 0;
  const face = new ModernFace({
    host: 'a.test',
    era: new RemoteEra(era, memory),
    authorizer: authorizer ?? new ScriptedAuthorizer(),
    pending,
    createHttp: (sink) => {
      http.sink = sink;
      return http;
    },
    createTranslation: async (sink) => {
      translations++;
      await settle();
      legacy.sink = sink;
      return legacy;
    },
    remembered: () => remembered,
    remember: (server) => void kept.push(server),
    write: (text) => written.push(JSON.parse(text.toString())),
    flow: { blocked: false, whenReady: () => {} },
    newId: () => `own-${++made}`,
    log,
  });
  onTestFinished(() => face.close(0));

  const start = (method: string, params: object = {}, id: MessageId = 1, _meta: object = modernMeta) => {
    const body = JSON.stringify({ jsonrpc: '2.0', id, method, params: { ...params, _meta } });
    const answers: (Message | undefined)[] = [];
    const request: PendingRequest = new PendingRequest({ ...JSON.parse(body), body }, undefined, (answer) => {
      pending.remove(request);
      answers.push(answer && JSON.parse(answer.text.toString()));
    });
    pending.add(request);
    return { request, answers, ended: face.take(request) };
  };
  return {
    face,
    kept,
    http,
    legacy,
    found,
    pending,
    written,
    lines,
    start,
    get translations() {
      return translations;
    },
    /** Sends a request of the client's; its answer. */
    async ask(...given: Parameters<typeof start>): Promise<Message | undefined> {
      const { answers, ended } = start(...given);
      await ended;
      return answers[0];
    },
  };
}
