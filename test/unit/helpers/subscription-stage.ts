import { expect, vi } from 'vitest';
import { DrawbridgeError } from '../../../src/errors.ts';
import { classify, type MessageId } from '../../../src/jsonrpc.ts';
import type { Leg } from '../../../src/remote/leg.ts';
import { Subscription } from '../../../src/remote/subscription.ts';
import type { Outcome } from '../../../src/remote/transport.ts';
import { metaKeys } from '../../../src/revisions.ts';
import { askModern } from './modern-stage.ts';
import { recordingLogger } from './recording-logger.ts';
import { ScriptedSink } from './scripted-sink.ts';

export const ACKNOWLEDGED = 'notifications/subscriptions/acknowledged';
export const TOOLS = 'notifications/tools/list_changed';

/** One stream of a subscription's, at the server. */
class Stream {
  readonly leg: Leg;
  readonly ended: Promise<Outcome>;
  aborted = false;
  #end!: (outcome: Outcome) => void;

  constructor(leg: Leg) {
    this.leg = leg;
    this.ended = new Promise((resolve) => {
      this.#end = resolve;
    });
    leg.abort = () => {
      this.aborted = true;
      this.lose();
    };
  }

  says(
    method: string,
    params: object = {},
    _meta: object = { [metaKeys.subscriptionId]: this.leg.id },
  ): this {
    const message = { jsonrpc: '2.0', method, params: { ...params, _meta } };
    return this.saysText(JSON.stringify(message));
  }

  saysText(text: string): this {
    this.leg.onMessage?.(text, classify(JSON.parse(text)));
    return this;
  }

  acknowledges(notifications: object): this {
    return this.says(ACKNOWLEDGED, { notifications });
  }

  answers(answer: { result: object } | { error: object }): void {
    const text = JSON.stringify({ jsonrpc: '2.0', id: this.leg.id, ...answer });
    this.leg.take(text, classify(JSON.parse(text)) as never);
    this.#end({ kind: 'done' });
  }

  lose(reason: 'stream-lost' | 'unreachable' | 'timeout' = 'stream-lost'): void {
    this.#end({ kind: 'failed', error: new DrawbridgeError(reason, 'It broke.'), mayHaveRun: true });
  }

  refuse(status: number): void {
    const error = new DrawbridgeError('http-status', 'It said no.', { status });
    if (status === 401) this.#end({ kind: 'challenged', error });
    else if (status === 503) this.#end({ kind: 'busy', retryAfter: 7, error });
    else this.#end({ kind: 'failed', error, mayHaveRun: false });
  }

  renewCredential(): void {
    this.#end({ kind: 'reauthorized', error: new DrawbridgeError('unauthorized', 'Again.') });
  }
}

/** A subscription whose server and client are played by the test. */
export function startSubscription({
  id = 'listen',
  notifications = { toolsListChanged: true } as object,
} = {}) {
  const streams: Stream[] = [];
  const sink = new ScriptedSink();
  const { log, lines } = recordingLogger();
  const asked = askModern('subscriptions/listen', { id: id as MessageId, params: { notifications } });
  const { request } = asked;
  let made = 0;
  const subscription = new Subscription({
    request,
    send: (leg) => {
      const stream = new Stream(leg);
      streams.push(stream);
      return stream.ended;
    },
    sink,
    newId: () => `own-${++made}`,
    log,
  });
  let outcome: Outcome | undefined;
  const ended = subscription.run().then((given) => {
    outcome = given;
  });
  return {
    subscription,
    request,
    asked,
    streams,
    sink,
    lines,
    ended,
    get outcome() {
      return outcome;
    },
    /** What the client has heard so far; forgotten then. */
    heard: () => sink.texts.splice(0).map((text) => JSON.parse(text)),
    stream: (at: number) => streams[at] as Stream,
    /** Waits until the `count`th stream is opened. */
    async opened(count: number): Promise<Stream> {
      for (let ms = 0; ms < 130_000 && streams.length < count; ms += 500)
        await vi.advanceTimersByTimeAsync(500);
      expect(streams).toHaveLength(count);
      return streams[count - 1] as Stream;
    },
  };
}

/** One that stands, with a filter that was granted. */
export function establishedSubscription(
  notifications: object = { toolsListChanged: true },
  id: MessageId = 'listen',
) {
  const stage = startSubscription({ id: id as string, notifications });
  stage.stream(0).acknowledges(notifications);
  stage.heard();
  return stage;
}
