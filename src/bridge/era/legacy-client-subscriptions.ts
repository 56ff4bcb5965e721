import type { MessageText } from '../../byte-text.ts';
import { findMember } from '../../json-text.ts';
import { isObject, type JsonRpcNotification } from '../../jsonrpc.ts';
import type { Logger } from '../../logger.ts';
import { sleep } from '../../platform/sleep.ts';
import { backoff } from '../../remote/retry.ts';
import type { ModernRemote, Outcome, OutgoingRequest, RemoteSink } from '../../remote/transport.ts';
import { metaKeys } from '../../revisions.ts';
import { type Filter, Listen } from './legacy-client-listen.ts';
import type { RequestMeta } from './legacy-client-meta.ts';
import { withoutModernMeta } from './legacy-client-results.ts';
import { listFlags } from './legacy-client-tables.ts';

export interface SubscriptionsOptions {
  remote: () => ModernRemote;
  sink: RemoteSink;
  meta: () => RequestMeta;
  newId: () => string;
  log: Logger;
}

/** A stream that lasted this long was sound: the next break is a first one again. */
const SOUND_AFTER = 30_000;
/** So long after a change of streams the new one may bring again what the old one has brought, in milliseconds. */
const OVERLAP = 100;

/**
 * What a legacy client is told unasked, over one `subscriptions/listen` with the whole of its filter. A filter is fixed,
 * so for another one the next stream is opened before the last is closed (MCP 2026-07-28, Subscriptions).
 */
export class ClientSubscriptions {
  readonly #options: SubscriptionsOptions;
  #flags: Filter = {};
  readonly #uris = new Set<string>();
  #current: Listen | undefined;
  #next: { listen: Listen; isWelcome: (listen: Listen) => boolean } | undefined;
  #turn: Promise<unknown> = Promise.resolve();
  #ended = new AbortController();
  #failures = 0;
  /** What the old stream has brought while the new one was being opened, and how often. */
  readonly #brought = new Map<string, number>();
  #overlapUntil = 0;

  constructor(options: SubscriptionsOptions) {
    this.#options = options;
  }

  /** Takes note of what the server offers, in its answer to `server/discover`. */
  offered(capabilities: unknown): void {
    const given = isObject(capabilities) ? capabilities : {};
    this.#flags = Object.fromEntries(
      Object.entries(listFlags).flatMap(([flag, { capability }]) => {
        const offer = given[capability];
        return isObject(offer) && offer.listChanged === true ? [[flag, true]] : [];
      }),
    );
  }

  /** Opens the stream, or has it tried again. Resolves when the server has agreed or refused. */
  open(): Promise<void> {
    if (this.#current) {
      this.#options.remote().signedIn();
      return Promise.resolve();
    }
    return this.#inTurn(async () => {
      if (!this.#current) await this.#openAnew();
    });
  }

  /**
   * Adds a resource.
   *
   * @param request the client's, which is waited for no longer than it lasts
   * @returns `granted`, `refused`, or what kept the server from either
   */
  subscribe(uri: string, request: OutgoingRequest): Promise<'granted' | 'refused' | Outcome> {
    return this.#inTurn(async () => {
      if (this.#current?.hears(uri) && this.#uris.has(uri)) return 'granted';
      const listen = await this.#change([...this.#uris, uri], (opened) => opened.hears(uri), request);
      if (listen === this.#current && listen.hears(uri)) {
        this.#uris.add(uri);
        return 'granted';
      }
      const outcome = listen.ended?.outcome;
      const isForServer = outcome?.kind === 'failed' && outcome.answer === undefined;
      return outcome && (isForServer || outcome.kind === 'challenged') ? outcome : 'refused';
    });
  }

  /** Takes a resource out. Where the server refuses the smaller filter, the larger one stays. */
  unsubscribe(uri: string, request: OutgoingRequest): Promise<void> {
    return this.#inTurn(async () => {
      if (!this.#uris.delete(uri)) return;
      if (Object.keys(this.#filter([...this.#uris])).length > 0)
        await this.#change([...this.#uris], () => true, request);
      else this.#current = void this.#current?.close();
    });
  }

  /** Ends all of it. */
  end(): void {
    this.#ended.abort();
    this.#ended = new AbortController();
    this.#failures = 0;
    this.#uris.clear();
    this.#next?.listen.close();
    this.#current?.close();
    this.#next = undefined;
    this.#current = undefined;
  }

  /** Takes a message of the server's. @returns false where it belongs to no subscription */
  receive(text: MessageText, message: JsonRpcNotification): boolean {
    const { method, params } = message;
    const json = text.toString();
    const span = findMember(json, 'params', '_meta', metaKeys.subscriptionId);
    if (!span) return false;
    const id = String(JSON.parse(json.slice(span.start, span.end)));
    const listen = [this.#current, this.#next?.listen].find((one) => one?.id === id);
    if (!listen) {
      this.#options.log.debug('message of a subscription that is over, dropped');
    } else if (method === 'notifications/subscriptions/acknowledged') {
      this.#acknowledged(listen, params);
    } else if (method === 'notifications/cancelled') {
      listen.abort?.(new Error('ended by the server') as never);
    } else {
      this.#pass(listen, withoutModernMeta(json, ['params'], params), message);
    }
    return true;
  }

  #filter(uris: readonly string[]): Filter {
    return { ...this.#flags, ...(uris.length > 0 && { resourceSubscriptions: uris }) };
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(work);
    this.#turn = done.catch(() => {});
    return done;
  }

  /**
   * Opens a stream with another filter in place of the one there is.
   *
   * @param isWelcome whether it is to take its place, asked once the server has said what it agrees to
   */
  async #change(
    uris: readonly string[],
    isWelcome: (listen: Listen) => boolean,
    request?: OutgoingRequest,
  ): Promise<Listen> {
    const { remote, newId, meta } = this.#options;
    const listen = new Listen(newId(), this.#filter(uris), meta(), request ? request.mayAskUser : false);
    this.#next = { listen, isWelcome };
    this.#brought.clear();
    if (request?.settled) listen.close();
    else if (request) request.abort = () => listen.close();
    if (!listen.isClosed) void listen.run(remote()).then(() => this.#isOver(listen));
    await listen.opened;
    if (request) request.abort = undefined;
    if (this.#next?.listen === listen) this.#next = undefined;
    return listen;
  }

  #acknowledged(listen: Listen, params: unknown): void {
    const isFirst = listen.acknowledge(params);
    const next = this.#next;
    if (!isFirst || next?.listen !== listen) return;
    this.#next = undefined;
    if (!next.isWelcome(listen)) return listen.close();
    if (this.#current) this.#overlapUntil = performance.now() + OVERLAP;
    this.#current?.close();
    this.#current = listen;
  }

  #pass(listen: Listen, text: string, message: JsonRpcNotification): void {
    if (listen === this.#current && this.#next) {
      this.#brought.set(text, (this.#brought.get(text) ?? 0) + 1);
    } else if (performance.now() < this.#overlapUntil) {
      const times = this.#brought.get(text) ?? 0;
      this.#brought.set(text, times - 1);
      if (times > 0) return;
    }
    this.#options.sink.receive(text, message);
  }

  // ---- a stream that was lost --------------------------------------------------------------------------------------

  #isOver(listen: Listen): void {
    if (listen !== this.#current) return;
    this.#current = undefined;
    const isSound = performance.now() - listen.since >= SOUND_AFTER;
    this.#failures = isSound ? 1 : this.#failures + 1;
    // A server that agrees to nothing is done with it.
    const isOfUse = listen.honoured !== undefined && Object.keys(listen.honoured).length > 0;
    if (isOfUse) void this.#reopen();
  }

  /** The client has no way to see that a stream was lost, and would wait in vain. */
  async #reopen(): Promise<void> {
    const { signal } = this.#ended;
    this.#options.log.debug('subscription lost, opening it again');
    await sleep(backoff(this.#failures), signal);
    await this.#inTurn(async () => {
      if (signal.aborted || this.#current) return;
      const listen = await this.#openAnew();
      if (listen && listen === this.#current) this.#tellMissed(listen);
    });
  }

  /** @returns undefined where there is nothing to listen for */
  async #openAnew(): Promise<Listen | undefined> {
    const { log } = this.#options;
    const uris = [...this.#uris];
    if (Object.keys(this.#filter(uris)).length === 0) return undefined;
    const listen = await this.#change(uris, () => true);
    const { ended } = listen;
    if (listen === this.#current || listen.isClosed || !ended) return listen;
    const { outcome, answer } = ended;
    log.info('no subscription', { outcome: outcome.kind });
    const isRefused = answer !== undefined || (outcome.kind === 'failed' && isNo(outcome));
    if (isRefused || outcome.kind === 'challenged') return listen;
    this.#failures++;
    void this.#reopen();
    return listen;
  }

  /** Nobody knows what went by in the meantime: the client is told to look. */
  #tellMissed({ honoured = {} }: Listen): void {
    for (const [flag, { notification }] of Object.entries(listFlags)) {
      if (honoured[flag] === true) this.#tell(notification, undefined);
    }
    const uris = honoured.resourceSubscriptions;
    const own = Array.isArray(uris) ? uris.filter((uri) => this.#uris.has(uri)) : [];
    for (const uri of own) this.#tell('notifications/resources/updated', { uri });
  }

  #tell(method: string, params: Record<string, unknown> | undefined): void {
    const text = JSON.stringify({ jsonrpc: '2.0', method, params });
    this.#options.sink.receive(text, { kind: 'notification', method, params });
  }
}

/** Whether asking again is of no use: the server has said no, rather than nothing. */
function isNo({ error, answer }: Extract<Outcome, { kind: 'failed' }>): boolean {
  const { status } = error.details;
  return answer !== undefined || (typeof status === 'number' && status >= 400 && status < 500);
}
