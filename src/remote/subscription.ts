import type { MessageText } from '../byte-text.ts';
import { DrawbridgeError } from '../errors.ts';
import { setMember } from '../json-edit.ts';
import { withId } from '../json-text.ts';
import { isObject, type JsonRpcMessage, type MessageId } from '../jsonrpc.ts';
import type { Logger } from '../logger.ts';
import { sleep } from '../platform/sleep.ts';
import { metaKeys } from '../revisions.ts';
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
  #hasShrunk = false;
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
      if (leg.answer) return this.#end(leg);
      const isNew = !request.acknowledged;
      if (outcome.kind === 'challenged' && isNew) return outcome;
      if (this.#hasShrunk) return this.#lost('and no longer offers all of it');
      else if (outcome.kind === 'failed' && isNew) return outcome;
      else if (outcome.kind === 'failed' && isRefused(outcome)) return this.#lost('and refuses it now');
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

  #wasSent = false;

  /** The server has answered: that is the end, a graceful one or a refusal. */
  #end({ answer, id }: Leg): Outcome {
    const { request, sink } = this.#options;
    if (!answer) return { kind: 'done' };
    const { text, message } = answer;
    if (message.error !== undefined && request.acknowledged) return this.#lost('and refuses it now');
    const isSame = id === request.id;
    const own = isSame ? text : this.#renamed(withId(text.toString(), request.id), 'result');
    sink.receive(own, isSame ? message : (JSON.parse(own.toString()) as never), request);
    return { kind: 'done' };
  }

  async #pause(outcome: Outcome, failures: number): Promise<void> {
    const { request } = this.#options;
    if (outcome.kind === 'reauthorized') return;
    this.#waiting = new AbortController();
    request.abort = () => this.#waiting.abort();
    const isForUser = outcome.kind === 'challenged';
    const asked = outcome.kind === 'busy' ? outcome.retryAfter : undefined;
    // For the user to sign in it waits as long as that takes, but looks now and then.
    await sleep(
      isForUser ? 60_000 : asked === undefined ? backoff(failures) : asked * 1000,
      this.#waiting.signal,
    );
  }

  #receive(text: MessageText, message: JsonRpcMessage, leg: Leg): void {
    const { sink, log, request } = this.#options;
    if (message.kind !== 'notification') return log.warn('message on a subscription dropped');
    if (message.method === ACKNOWLEDGED) return this.#acknowledged(text, message.params, leg);
    const own = leg.id === request.id ? text : this.#renamed(text.toString(), 'params');
    sink.receive(own, message);
  }

  #acknowledged(text: MessageText, params: unknown, leg: Leg): void {
    const { request, sink } = this.#options;
    const filter = isObject(params) && isObject(params.notifications) ? params.notifications : {};
    const before = this.#honoured;
    if (!request.acknowledged) {
      this.#honoured = filter;
      request.acknowledged = true;
      sink.receive(text, { kind: 'notification', method: ACKNOWLEDGED, params });
      return;
    }
    // The client has had its acknowledgement, and a promise is kept or ended.
    if (before && isSmaller(filter, before)) {
      this.#hasShrunk = true;
      leg.abort?.(new DrawbridgeError('stream-lost', 'The server offers less than it did.'));
      return;
    }
    this.#honoured = filter;
    this.#tellMissed(filter);
  }

  /** Nobody knows what went by while no stream was open: the client is told to look. */
  #tellMissed(filter: Filter): void {
    for (const notification of possiblyMissed(filter, this.#options.request.id)) {
      const text = JSON.stringify({ jsonrpc: '2.0', ...notification });
      this.#options.sink.receive(text, { kind: 'notification', ...notification });
    }
  }

  /** The client knows the subscription by the id of its own request. */
  #renamed(text: string, member: 'params' | 'result'): string {
    return setMember(
      text,
      [member, '_meta', metaKeys.subscriptionId],
      JSON.stringify(this.#options.request.id),
    );
  }

  #lost(how: string): Outcome {
    const error = new DrawbridgeError(
      'stream-lost',
      `The server broke off the subscription ${how}; list what you need again.`,
    );
    return { kind: 'failed', error, mayHaveRun: false };
  }
}

/** The notifications of all that a subscription may have missed. */
export function possiblyMissed(filter: Filter, id: MessageId): { method: string; params: unknown }[] {
  const _meta = { [metaKeys.subscriptionId]: id };
  const changed = Object.entries(listChanges).filter(([flag]) => filter[flag] === true);
  const uris = Array.isArray(filter.resourceSubscriptions) ? filter.resourceSubscriptions : [];
  return [
    ...changed.map(([, method]) => ({ method, params: { _meta } })),
    ...uris.map((uri) => ({ method: 'notifications/resources/updated', params: { uri, _meta } })),
  ];
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
    return !Array.isArray(now) || value.some((one) => !now.includes(one));
  });
}
