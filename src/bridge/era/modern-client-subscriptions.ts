import type { MessageText } from '../../byte-text.ts';
import { asDrawbridgeError, DrawbridgeError } from '../../errors.ts';
import { classify, isObject, type JsonValue } from '../../jsonrpc.ts';
import type { Logger } from '../../logger.ts';
import type { Outcome, OutgoingRequest, RemoteSink } from '../../remote/transport.ts';
import { metaKeys } from '../../revisions.ts';
import type { LegacyEngine } from './legacy-engine.ts';
import { ofSubscription } from './modern-client-answers.ts';
import { lists } from './modern-client-tables.ts';

/** So many resources may one subscription follow, and so many subscriptions be open. */
const MAX_URIS = 1024;
const MAX_OPEN = 64;
/** So many requests about resources are with the server at a time. */
const MAX_ASKING = 16;

/** One `subscriptions/listen` of the client's. */
interface Listen {
  request: OutgoingRequest;
  /** The notifications of lists that it gets. */
  lists: Set<string>;
  uris: Set<string>;
  end: (outcome: Outcome) => void;
}

/** Subscriptions of modern clients on what a legacy server says unasked (B-67). */
export class Subscriptions {
  readonly #engine: LegacyEngine;
  readonly #sink: RemoteSink;
  readonly #log: Logger;
  readonly #open = new Set<Listen>();
  /** By URI: how many subscriptions follow it, and whether the server has granted that. */
  readonly #followed = new Map<string, { count: number; granted: Promise<boolean> }>();
  /** What is just being unsubscribed from, so that the next subscription does not overtake that. */
  readonly #leaving = new Map<string, Promise<unknown>>();

  #asking = 0;
  /** Those that wait for their turn to ask. */
  readonly #turns: (() => void)[] = [];

  constructor(engine: LegacyEngine, sink: RemoteSink, log: Logger) {
    this.#engine = engine;
    this.#sink = sink;
    this.#log = log;
  }

  get any(): boolean {
    return this.#open.size > 0;
  }

  /** Serves a `subscriptions/listen` for as long as it is open. */
  async serve(request: OutgoingRequest): Promise<Outcome> {
    const filter = isObject(request.params) ? request.params.notifications : undefined;
    if (!isObject(filter)) return invalid('The subscription names no "notifications", an object.');
    if (this.#open.size >= MAX_OPEN) {
      const message = 'Too many subscriptions are open; end one of them first.';
      return { kind: 'failed', error: new DrawbridgeError('overloaded', message), mayHaveRun: false };
    }
    const opened = await this.#engine.open(request);
    if (opened.kind !== 'done' || request.settled) return opened;
    const listen: Listen = { request, lists: new Set(), uris: new Set(), end: () => {} };
    const ended = new Promise<Outcome>((resolve) => {
      listen.end = resolve;
    });
    request.abort = (error) =>
      listen.end(request.settled ? { kind: 'done' } : { kind: 'failed', error, mayHaveRun: false });
    this.#open.add(listen);
    const granted = await Promise.race([this.#honour(listen, filter), ended.then(() => undefined)]);
    if (granted && !request.settled) this.#acknowledge(listen, granted);
    const outcome = await ended;
    this.#open.delete(listen);
    request.abort = undefined;
    for (const uri of listen.uris) this.#unfollow(uri);
    return outcome;
  }

  /** A list of the server's may have changed. */
  listChanged(method: string, text: MessageText): void {
    for (const { request, lists: wanted } of this.#open) {
      if (wanted.has(method)) this.#notify(request, text);
    }
  }

  /** A resource, or a part of one, has changed. */
  updated(uri: unknown, text: MessageText): void {
    if (typeof uri !== 'string') return;
    for (const { request, uris } of this.#open) {
      if ([...uris].some((followed) => isPartOf(uri, followed))) this.#notify(request, text);
    }
  }

  /** The session is gone for good, and all subscriptions with it. */
  endAll(error: DrawbridgeError): void {
    for (const { end } of this.#open) end({ kind: 'failed', error, mayHaveRun: false });
  }

  #notify(request: OutgoingRequest, text: MessageText): void {
    if (!request.acknowledged || request.settled) return;
    const json = ofSubscription(text.toString(), request.id);
    this.#sink.receive(json, classify(JSON.parse(json)));
  }

  /** @returns what the server really offers of what is asked */
  async #honour(listen: Listen, filter: Record<string, unknown>): Promise<Record<string, JsonValue>> {
    const { capabilities } = this.#engine;
    const granted: Record<string, JsonValue> = {};
    for (const { flag, capability, notification } of lists) {
      const offer = capabilities[capability];
      if (filter[flag] !== true || !isObject(offer) || offer.listChanged !== true) continue;
      granted[flag] = true;
      listen.lists.add(notification);
    }
    const asked = Array.isArray(filter.resourceSubscriptions) ? filter.resourceSubscriptions : undefined;
    if (!asked || !isObject(capabilities.resources) || capabilities.resources.subscribe !== true)
      return granted;
    const uris = [...new Set(asked.filter((uri) => typeof uri === 'string'))].slice(0, MAX_URIS);
    const isGranted = await Promise.all(uris.map((uri) => this.#follow(listen, uri)));
    granted.resourceSubscriptions = uris.filter((_, index) => isGranted[index]);
    return granted;
  }

  async #follow(listen: Listen, uri: string): Promise<boolean> {
    const known = this.#followed.get(uri);
    const entry = known ?? { count: 0, granted: this.#subscribe(uri) };
    entry.count++;
    listen.uris.add(uri);
    this.#followed.set(uri, entry);
    const granted = await entry.granted;
    if (!granted && listen.uris.delete(uri)) this.#unfollow(uri, false);
    return granted;
  }

  /** @param wasGranted whether the server has anything to undo */
  #unfollow(uri: string, wasGranted = true): void {
    const entry = this.#followed.get(uri);
    if (!entry || --entry.count > 0) return;
    this.#followed.delete(uri);
    if (!wasGranted) return;
    const left = this.#ask('resources/unsubscribe', uri).then(() => {
      if (this.#leaving.get(uri) === left) this.#leaving.delete(uri);
    });
    this.#leaving.set(uri, left);
  }

  async #subscribe(uri: string): Promise<boolean> {
    await this.#leaving.get(uri);
    return this.#ask('resources/subscribe', uri);
  }

  async #ask(method: string, uri: string): Promise<boolean> {
    if (this.#asking < MAX_ASKING) this.#asking++;
    else await new Promise<void>((resolve) => this.#turns.push(resolve));
    try {
      return (await this.#engine.ask(method, { uri })).error === undefined;
    } catch (error) {
      this.#log.info('not granted', { method, reason: asDrawbridgeError(error).reason });
      return false;
    } finally {
      const next = this.#turns.shift();
      if (next) next();
      else this.#asking--;
    }
  }

  #acknowledge({ request }: Listen, notifications: Record<string, JsonValue>): void {
    const method = 'notifications/subscriptions/acknowledged';
    const params = { notifications, _meta: { [metaKeys.subscriptionId]: request.id } };
    const text = JSON.stringify({ jsonrpc: '2.0', method, params });
    request.acknowledged = true;
    this.#sink.receive(text, { kind: 'notification', method, params });
  }
}

/** Servers may name a part of what is subscribed to (MCP 2025-11-25, `ResourceUpdatedNotificationParams`). */
function isPartOf(uri: string, followed: string): boolean {
  if (uri === followed) return true;
  if (!uri.startsWith(followed)) return false;
  return followed.endsWith('/') || /^[/?#]/.test(uri.slice(followed.length));
}

function invalid(message: string): Outcome {
  return { kind: 'failed', error: new DrawbridgeError('invalid-params', message), mayHaveRun: false };
}
