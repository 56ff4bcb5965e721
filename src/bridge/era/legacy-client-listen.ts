import type { DrawbridgeError } from '../../errors.ts';
import { isObject, type JsonRpcResponse, type MessageId } from '../../jsonrpc.ts';
import type { Headers } from '../../platform/http-client.ts';
import type { ModernRemote, Outcome, OutgoingRequest } from '../../remote/transport.ts';
import { sendPatiently } from '../patient-send.ts';
import type { RequestMeta } from './legacy-client-meta.ts';

/** A server that takes the request and then says nothing is given up after this, in milliseconds. */
const ACKNOWLEDGEMENT_LIMIT = 15_000;

/** What a subscription is for (MCP 2026-07-28, Subscriptions). */
export type Filter = Readonly<Record<string, unknown>>;

/** One `subscriptions/listen` of the bridge's own; its filter stays as it is for as long as it lasts. */
export class Listen implements OutgoingRequest {
  readonly id: MessageId;
  readonly method = 'subscriptions/listen';
  readonly params: Record<string, unknown>;
  readonly body: string;
  readonly filter: Filter;
  /** Resolves when the server has agreed to it, or it has ended without. */
  readonly opened: Promise<void>;
  readonly #mayAskUser: boolean | undefined;
  #isOpened!: () => void;
  /** What the server agreed to; undefined before it has. */
  honoured: Filter | undefined;
  /** Since when it stands, on the clock of `performance.now()`. */
  since = 0;
  /** How it ended, and what the server said to that. */
  ended: { outcome: Outcome; answer: JsonRpcResponse | undefined } | undefined;
  #answer: JsonRpcResponse | undefined;
  #isClosed = false;
  acknowledged = false;
  settled = false;
  abort: ((error: DrawbridgeError) => void) | undefined;
  challengedAt: number | undefined;
  sessionId: string | undefined;
  modernHeaders: Headers | undefined;

  /** @param mayAskUser whether the user may be asked to sign in, until it stands */
  constructor(id: string, filter: Filter, meta: RequestMeta, mayAskUser: boolean | undefined) {
    this.id = id;
    this.filter = filter;
    this.#mayAskUser = mayAskUser;
    this.params = meta.params({ notifications: filter });
    this.body = `{"jsonrpc":"2.0","id":${JSON.stringify(id)},"method":"${this.method}","params":{"_meta":{${meta.json}},"notifications":${JSON.stringify(filter)}}}`;
    this.opened = new Promise((resolve) => {
      this.#isOpened = resolve;
    });
  }

  get mayAskUser(): boolean | undefined {
    return this.acknowledged ? false : this.#mayAskUser;
  }

  /** Whether its end was wanted by the bridge. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  alive(): void {}

  postpone(): void {}

  /** Resolves when it is over. */
  async run(remote: ModernRemote): Promise<void> {
    const limit = setTimeout(() => this.honoured ?? this.close(), ACKNOWLEDGEMENT_LIMIT);
    void this.opened.then(() => clearTimeout(limit));
    const outcome = await sendPatiently((message: Listen) => remote.send(message), this);
    this.settled = true;
    this.ended = { outcome, answer: this.#answer };
    this.#isOpened();
  }

  /** The server has agreed. @returns false where it had done so before */
  acknowledge(params: unknown): boolean {
    const isFirst = this.honoured === undefined;
    this.honoured = isObject(params) && isObject(params.notifications) ? params.notifications : {};
    this.acknowledged = true;
    this.since = performance.now();
    this.#isOpened();
    return isFirst;
  }

  /** The server has ended or refused it. */
  take(answer: JsonRpcResponse): void {
    this.#answer = answer;
    this.settled = true;
  }

  close(error = new Error('closed')): void {
    this.#isClosed = true;
    this.settled = true;
    this.abort?.(error as DrawbridgeError);
    this.#isOpened();
  }

  /** Whether the server sends updates of a resource. */
  hears(uri: string): boolean {
    const uris = this.honoured?.resourceSubscriptions;
    return Array.isArray(uris) && uris.includes(uri);
  }
}
