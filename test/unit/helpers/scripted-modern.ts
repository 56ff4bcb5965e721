import { LegacyClientTranslation } from '../../../src/bridge/era/legacy-client.ts';
import { createIdMaker } from '../../../src/bridge/message-text.ts';
import { PendingRequest } from '../../../src/bridge/pending-requests.ts';
import type { MessageText } from '../../../src/byte-text.ts';
import { DrawbridgeError, type ErrorDetails } from '../../../src/errors.ts';
import { classify, type JsonRpcMessage, type MessageId } from '../../../src/jsonrpc.ts';
import { Leg } from '../../../src/remote/leg.ts';
import {
  isRequest,
  type ModernRemote,
  type Outcome,
  type OutgoingMessage,
  type OutgoingRequest,
  type RemoteSink,
} from '../../../src/remote/transport.ts';
import type { Message } from '../../support/json-rpc.ts';
import { type LogLine, recordingLogger } from './recording-logger.ts';

/** One message that the server got, and the means to answer it. */
export class ModernExchange {
  readonly text: string;
  readonly message: Message;
  readonly request: OutgoingRequest | undefined;
  readonly #sink: RemoteSink;
  aborted = false;

  constructor(sent: OutgoingMessage | OutgoingRequest, sink: RemoteSink) {
    this.text = sent.body.toString();
    this.message = JSON.parse(this.text);
    this.request = isRequest(sent) ? sent : undefined;
    this.#sink = sink;
  }

  /** Answers by text; `result` is JSON. */
  answerText(result: string): Outcome {
    return this.#deliver(`{"jsonrpc":"2.0","id":${JSON.stringify(this.message.id)},"result":${result}}`);
  }

  answer(result: unknown = {}): Outcome {
    return this.answerText(JSON.stringify({ resultType: 'complete', ...(result as object) }));
  }

  error(code: number, message = 'no', data?: unknown): Outcome {
    return this.#deliver(
      JSON.stringify({ jsonrpc: '2.0', id: this.message.id, error: { code, message, data } }),
    );
  }

  notify(method: string, params: unknown): void {
    this.#deliver(JSON.stringify({ jsonrpc: '2.0', method, params }));
  }

  /** Says something on this subscription. */
  tell(method: string, params: Record<string, unknown> = {}): void {
    const _meta = { 'io.modelcontextprotocol/subscriptionId': this.message.id };
    const message = { jsonrpc: '2.0', method, params: { ...params, _meta } };
    this.#sink.receive(JSON.stringify(message), classify(message));
  }

  /** Agrees to this subscription. */
  acknowledge(notifications: unknown = this.message.params.notifications): void {
    if (this.request) this.request.acknowledged = true;
    this.tell('notifications/subscriptions/acknowledged', { notifications });
  }

  /** Does not end before it is aborted. */
  untilAborted(): Promise<Outcome> {
    return new Promise((resolve) => {
      if (this.request)
        this.request.abort = (error) => {
          this.aborted = true;
          resolve({ kind: 'failed', error, mayHaveRun: true });
        };
    });
  }

  #deliver(text: string): Outcome {
    const message = classify(JSON.parse(text));
    const { request } = this;
    if (!(request instanceof Leg)) this.#sink.receive(text, message, request);
    else if (message.kind === 'response') request.take(text, message);
    else if (request.onMessage) request.onMessage(text, message);
    else this.#sink.receive(text, message, request.request);
    return { kind: 'done' };
  }
}

type Script = (exchange: ModernExchange) => Outcome | Promise<Outcome>;

/** A failed outcome as a transport gives it. */
export function failed(
  status: number | undefined,
  error?: { code: number; message?: string; data?: unknown },
  details: ErrorDetails = {},
): Outcome {
  const reason = status === undefined ? 'unreachable' : 'http-status';
  return {
    kind: 'failed',
    error: new DrawbridgeError(reason, `status ${status}`, {
      ...(status !== undefined && { status }),
      ...details,
    }),
    mayHaveRun: false,
    answer: error && { text: JSON.stringify({ message: 'no', ...error }), code: error.code },
  };
}

export const discovered = {
  supportedVersions: ['2026-07-28'],
  capabilities: {
    tools: { listChanged: true },
    prompts: {},
    resources: { subscribe: true, listChanged: true },
    logging: {},
  },
  instructions: 'Be kind.',
  ttlMs: 1000,
  cacheScope: 'public',
  _meta: { 'io.modelcontextprotocol/serverInfo': { name: 'modern', version: '3' } },
};

/** A modern server that does what it is told, and a legacy client before the translation. */
export class LegacyClientStage implements ModernRemote, RemoteSink {
  readonly exchanges: ModernExchange[] = [];
  /** All that the client got, in order. */
  readonly received: Message[] = [];
  readonly texts: string[] = [];
  readonly scripts = new Map<string, Script[]>();
  readonly translation: LegacyClientTranslation;
  readonly lines: LogLine[];
  blocked = false;
  signIns = 0;
  closed = 0;
  #sink!: RemoteSink;
  #lastId = 100;

  constructor() {
    const { log, lines } = recordingLogger();
    this.lines = lines;
    this.translation = new LegacyClientTranslation({
      createRemote: (sink) => {
        this.#sink = sink;
        return this;
      },
      sink: this,
      host: 'example.com',
      newId: createIdMaker(),
      log,
    });
    this.on('server/discover', (exchange) => exchange.answer(discovered));
  }

  /** Scripts the next answers to a method; the last one stays. */
  on(method: string, ...scripts: Script[]): void {
    this.scripts.set(method, scripts);
  }

  /** What the server got by a method. */
  got(method: string): ModernExchange[] {
    return this.exchanges.filter(({ message }) => message.method === method);
  }

  /** What the client got by a method. */
  heard(method: string): Message[] {
    return this.received.filter((message) => message.method === method);
  }

  // ---- the server --------------------------------------------------------------------------------------------------

  async send(message: OutgoingMessage | OutgoingRequest): Promise<Outcome> {
    const exchange = new ModernExchange(message, this.#sink);
    this.exchanges.push(exchange);
    const scripts = this.scripts.get(message.method ?? '') ?? [];
    const script = scripts.length > 1 ? scripts.shift() : scripts[0];
    if (script) return script(exchange);
    return exchange.request ? exchange.answer() : { kind: 'done' };
  }

  signedIn(): void {
    this.signIns++;
  }

  async close(): Promise<void> {
    this.closed++;
  }

  // ---- the client --------------------------------------------------------------------------------------------------

  receive(text: MessageText, message: JsonRpcMessage, origin?: OutgoingRequest): void {
    this.texts.push(text.toString());
    this.received.push(JSON.parse(text.toString()));
    if (message.kind === 'response') (origin as PendingRequest).answer({ text, message });
  }

  sessionLost(): void {}

  whenReady(): void {}

  /** Sends a request of the client's, and waits for how that ends. */
  async ask(method: string, params?: unknown, over: { id?: MessageId; body?: string } = {}): Promise<Asked> {
    return this.start(method, params, over).ended;
  }

  start(
    method: string,
    params?: unknown,
    over: { id?: MessageId; body?: string } = {},
  ): { request: PendingRequest; ended: Promise<Asked> } {
    const id = over.id ?? ++this.#lastId;
    const body = over.body ?? JSON.stringify({ jsonrpc: '2.0', id, method, params });
    const asked: Asked = { outcome: { kind: 'done' }, answer: undefined, text: '' };
    const parsed = JSON.parse(body);
    const request = new PendingRequest(
      { id: parsed.id, method, params: parsed.params, body },
      undefined,
      (answer) => {
        asked.text = answer?.text.toString() ?? '';
        asked.answer = answer && JSON.parse(asked.text);
      },
    );
    const ended = this.translation.send(request).then((outcome) => ({ ...asked, outcome }));
    return { request, ended };
  }

  notify(method: string, params?: unknown): Promise<Outcome> {
    return this.translation.send({ method, body: JSON.stringify({ jsonrpc: '2.0', method, params }) });
  }

  /** Answers a request of the server's. */
  reply(id: unknown, answer: { result: unknown } | { error: unknown }): Promise<Outcome> {
    return this.translation.send({
      method: undefined,
      body: JSON.stringify({ jsonrpc: '2.0', id, ...answer }),
    });
  }

  initialize(over: Record<string, unknown> = {}): Promise<Asked> {
    return this.ask('initialize', {
      protocolVersion: '2025-11-25',
      capabilities: {
        elicitation: { form: {}, url: {} },
        sampling: { tools: {} },
        roots: { listChanged: true },
      },
      clientInfo: { name: 'old client', version: '1' },
      ...over,
    });
  }

  /** Cancels as the bridge does. */
  async cancel(request: PendingRequest): Promise<void> {
    const hasLeft = request.abort !== undefined;
    request.cancel();
    if (!hasLeft) return;
    await this.notify('notifications/cancelled', { requestId: request.id });
    request.abort?.(new DrawbridgeError('shutting-down', 'cancelled'));
  }
}

export interface Asked {
  outcome: Outcome;
  answer: Message | undefined;
  text: string;
}
