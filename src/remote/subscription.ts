import type { MessageText } from '../byte-text.ts';
import { DrawbridgeError } from '../errors.ts';
import { setMember } from '../json-edit.ts';
import { withId } from '../json-text.ts';
import { isObject, type JsonRpcMessage, type JsonRpcNotification, type MessageId } from '../jsonrpc.ts';
import type { Logger } from '../logger.ts';
import { sleep } from '../platform/sleep.ts';
import { metaKeys, metaOf } from '../revisions.ts';
import { Leg } from './leg.ts';
import { backoff } from './retry.ts';
import type { Outcome, OutgoingRequest, RemoteSink } from './transport.ts';

export interface SubscriptionOptions {
  /** The `subscriptions/listen` that it serves, for as long as that lasts. */
  request: OutgoingRequest;
  send: (leg: Leg) => Promise<Outcome>;
  sink: RemoteSink;
  newId: () => string;
  log: Logger;
}

export const ACKNOWLEDGED = 'notifications/subscriptions/acknowledged';
/** A stream that lasted this long was sound: the next break is a first one again. */
const SOUND_AFTER = 30_000;

/** The flags of a filter, and the notification that each is about (MCP 2026-07-28, Subscriptions). */
export const listChanges: Readonly<Record<string, string>> = {
  toolsListChanged: 'notifications/tools/list_changed',
  promptsListChanged: 'notifications/prompts/list_changed',
  resourcesListChanged: 'notifications/resources/list_changed',
};

export type Filter = Readonly<Record<string, unknown>>;

/**
 * A subscription that the client holds, through as many streams as that takes: on stdio it has no way to see that one
 * was lost, so the bridge opens another and tells the client of what it may have missed (MCP 2026-07-28, Subscriptions).
 */
export class Subscription {
  readonly #options: SubscriptionOptions;
  /** What the server has agreed to; undefined before it has said so. */
  #honoured: Filter | undefined;
  /** The exchange that has brought the last acknowledgement. */
  #acknowledgedOn: Leg | undefined;
  /** Why no other stream is opened. */
  #end: string | undefined;
  #wasSent = false;
  #waiting = new AbortController();
  #isClosed = false;

  constructor(options: SubscriptionOptions) {
    this.#options = options;
  }

  /** Resolves when it is over: ended by the client, gracefully by the server, refused, or lost for good. */
  async run(): Promise<Outcome> {
    const { request, log } = this.#options;
    for (let failures = 1; ; failures++) {
      const begun = performance.now();
      const leg = this.#makeLeg();
      const outcome = await this.#options.send(leg);
      if (request.settled || this.#isClosed) return { kind: 'done' };
      if (leg.answer) return this.#answered(leg);
      if (this.#end !== undefined) return this.#lost(this.#end);
      if (!request.acknowledged) return outcome;
      if (outcome.kind === 'failed' && isRefused(outcome)) return this.#lost('and refuses it now');
      log.debug('subscription interrupted', { outcome: outcome.kind });
      if (performance.now() - begun >= SOUND_AFTER) failures = 1;
      await this.#pause(outcome, failures);
      if (request.settled || this.#isClosed) return { kind: 'done' };
    }
  }

  /** What it waits for may be there now. */
  goOn(): void {
    this.#waiting.abort();
  }

  close(): void {
    this.#isClosed = true;
    this.#waiting.abort();
  }

  #makeLeg(): Leg {
    const { request, newId } = this.#options;
    const parts = {
      // Nobody is to be asked for what only goes on in the background.
      mayAskUser: false,
      onMessage: (text: MessageText, message: JsonRpcMessage) => this.#receive(text, message, leg),
    };
    const id = this.#wasSent ? newId() : request.id;
    this.#wasSent = true;
    const isSame = id === request.id;
    const leg: Leg = new Leg(
      request,
      isSame ? parts : { ...parts, id, body: withId(request.body.toString(), id) },
    );
    return leg;
  }

  /** The server has answered: that is the end, a graceful one or a refusal. */
  #answered({ answer }: Leg): Outcome {
    const { request, sink } = this.#options;
    if (!answer) return { kind: 'done' };
    const { text, message } = answer;
    if (message.error !== undefined && request.acknowledged) return this.#lost('and refuses it now');
    const own = message.id === request.id ? text : withId(text.toString(), request.id);
    const named = message.error === undefined ? this.#named(own, 'result', message.result) : own;
    sink.receive(named, { ...message, id: request.id }, request);
    return { kind: 'done' };
  }

  async #pause(outcome: Outcome, failures: number): Promise<void> {
    const { request } = this.#options;
    // A server that takes no credential, however new, is not to wear them all out.
    if (outcome.kind === 'reauthorized' && failures === 1) return;
    request.abort = () => this.#waiting.abort();
    const isForUser = outcome.kind === 'challenged';
    const asked = outcome.kind === 'busy' ? outcome.retryAfter : undefined;
    // For the user to sign in it waits as long as that takes, but looks now and then.
    await sleep(
      isForUser ? 60_000 : asked === undefined ? backoff(failures) : asked * 1000,
      this.#waiting.signal,
    );
    this.#waiting = new AbortController();
  }

  #receive(text: MessageText, message: JsonRpcMessage, leg: Leg): void {
    const { log, request } = this.#options;
    if (message.kind !== 'notification') return log.warn('message on a subscription dropped');
    const { method, params } = message;
    if (method === 'notifications/cancelled') {
      const id = isObject(params) ? params.requestId : undefined;
      if (id === leg.id || String(id) === String(leg.id)) this.#giveUp('of its own accord', leg);
    } else if (method === ACKNOWLEDGED) {
      if (this.#acknowledgedOn === leg) return log.warn('second acknowledgement of a subscription dropped');
      this.#acknowledgedOn = leg;
      this.#acknowledged(text, message, leg);
    } else if (request.acknowledged) this.#pass(text, message);
    else log.warn('message before the acknowledgement of a subscription dropped');
  }

  #acknowledged(text: MessageText, message: JsonRpcNotification, leg: Leg): void {
    const { request, sink } = this.#options;
    const { params } = message;
    const filter = isObject(params) && isObject(params.notifications) ? params.notifications : {};
    const before = this.#honoured;
    // A promise is kept or ended.
    if (before && isSmaller(filter, before)) return this.#giveUp('and no longer offers all of it', leg);
    this.#honoured = filter;
    if (!request.acknowledged) {
      request.acknowledged = true;
      return this.#pass(text, message);
    }
    // The client has had its acknowledgement. Nobody knows what went by while no stream was open: it is told to look.
    for (const notification of possiblyMissed(filter, request)) {
      const missed = JSON.stringify({ jsonrpc: '2.0', ...notification });
      sink.receive(missed, { kind: 'notification', ...notification }, request);
    }
  }

  #pass(text: MessageText, message: JsonRpcNotification): void {
    const { request, sink } = this.#options;
    const { params } = message;
    const named = this.#named(text, 'params', params);
    const _meta = { ...metaOf(params), [metaKeys.subscriptionId]: request.id };
    const ownParams = isObject(params) ? { ...params, _meta } : { _meta };
    sink.receive(named, named === text ? message : { ...message, params: ownParams }, request);
  }

  /** The client knows the subscription by the id of its own request, and tells it from others by that alone. */
  #named(text: MessageText, member: 'params' | 'result', value: unknown): MessageText {
    const { id } = this.#options.request;
    if (metaOf(value)[metaKeys.subscriptionId] === id) return text;
    return setMember(text.toString(), [member, '_meta', metaKeys.subscriptionId], JSON.stringify(id));
  }

  #giveUp(how: string, leg: Leg): void {
    this.#end = how;
    leg.abort?.(new DrawbridgeError('stream-lost', 'The subscription has ended.'));
  }

  #lost(how: string): Outcome {
    const error = new DrawbridgeError(
      'stream-lost',
      `The server broke off the subscription ${how}; list what you need again.`,
    );
    return { kind: 'failed', error, mayHaveRun: false };
  }
}

/**
 * The notifications of all that a subscription may have missed.
 *
 * @param filter what the server has agreed to; of resources it counts only where the client has asked for them
 */
export function possiblyMissed(
  filter: Filter,
  { id, params }: { id: MessageId; params: unknown },
): { method: string; params: unknown }[] {
  const _meta = { [metaKeys.subscriptionId]: id };
  const changed = Object.entries(listChanges).filter(([flag]) => filter[flag] === true);
  const asked = isObject(params) && isObject(params.notifications) ? params.notifications : {};
  const granted = new Set(urisIn(filter));
  return [
    ...changed.map(([, method]) => ({ method, params: { _meta } })),
    ...urisIn(asked)
      .filter((uri) => granted.has(uri))
      .map((uri) => ({ method: 'notifications/resources/updated', params: { uri, _meta } })),
  ];
}

function urisIn({ resourceSubscriptions: uris }: Filter): unknown[] {
  return Array.isArray(uris) ? uris : [];
}

/** Whether asking again is of no use: the server has said no, rather than nothing. */
function isRefused({ error }: Extract<Outcome, { kind: 'failed' }>): boolean {
  const { status } = error.details;
  return typeof status === 'number' && status >= 400 && status < 500;
}

/** Whether a filter lacks something of another. */
function isSmaller(filter: Filter, before: Filter): boolean {
  return Object.entries(before).some(([name, value]) => {
    const now = filter[name];
    if (!Array.isArray(value)) return value === true && now !== true;
    const granted = new Set(Array.isArray(now) ? now : []);
    return value.some((one) => !granted.has(one));
  });
}
