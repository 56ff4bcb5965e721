import type { MessageText } from '../byte-text.ts';
import type { DrawbridgeError } from '../errors.ts';
import { toOneLine } from '../json-text.ts';
import { isObject, type JsonRpcResponse, type MessageId } from '../jsonrpc.ts';
import type { Headers } from '../platform/http-client.ts';
import type { OutgoingRequest } from '../remote/transport.ts';
import { revisionNamedIn } from '../revisions.ts';
import type { RequestTimeout } from '../settings.ts';
import { type Limits, limitsFor } from './limits.ts';

const MAX_TASK_TOKENS = 1024;

/** An answer as it goes to whoever asked: its text and what that says. */
export interface Answer {
  text: MessageText;
  message: JsonRpcResponse;
  /** Given by the bridge in the server's place: it says nothing about the server. */
  isOurs?: boolean;
}

/** A request that awaits its one answer: the client's, or one that the bridge itself sends. */
export class PendingRequest implements OutgoingRequest {
  readonly id: MessageId;
  readonly method: string;
  readonly params: unknown;
  readonly body: MessageText;
  readonly progressToken: MessageId | undefined;
  /** Its answer only says that a task has begun; progress goes on under the same token (MCP 2025-11-25, Tasks). */
  readonly isTask: boolean;
  /** Of the modern era: its `_meta` says by which revision it is to be taken. */
  readonly isModern: boolean;
  settled = false;
  /** The error of the bridge's own that it was answered with. */
  failure: DrawbridgeError | undefined;
  abort: ((error: DrawbridgeError) => void) | undefined;
  sessionId: string | undefined;
  modernHeaders: Headers | undefined;
  acknowledged = false;
  /** When it came, on the clock of `performance.now()`. */
  readonly since = performance.now();
  /** When it is given up, on the clock of `performance.now()`. */
  deadline: number;
  readonly #limits: Limits;
  readonly #latest: number;
  readonly #onAnswer: (answer: Answer | undefined) => void;
  #onSettled: (() => void) | undefined;
  #challengedAt: number | undefined;
  #mayAskUser: boolean | undefined;
  #companions: (() => readonly OutgoingRequest[]) | undefined;

  /**
   * @param timeout `--request-timeout` in milliseconds; undefined: the defaults for the method
   * @param onAnswer called once: with the answer, or with undefined where the request was cancelled
   */
  constructor(
    request: { id: MessageId; method: string; params?: unknown; body: MessageText },
    timeout: RequestTimeout | undefined,
    onAnswer: (answer: Answer | undefined) => void,
  ) {
    this.id = request.id;
    this.method = request.method;
    this.params = request.params;
    this.isModern = revisionNamedIn(request.params) !== undefined;
    this.body = request.body;
    this.progressToken = progressTokenOf(request.params);
    this.isTask = isObject(request.params) && isObject(request.params.task);
    this.#onAnswer = onAnswer;
    this.#limits = limitsFor(request.method, timeout);
    this.deadline = this.since + this.#limits.answer;
    this.#latest = this.since + this.#limits.total;
  }

  /** Lets others share its fate, which wait for it: its signs of life are theirs, and so is the asking of the user. */
  accompany(companions: () => readonly OutgoingRequest[]): void {
    this.#companions = companions;
  }

  get challengedAt(): number | undefined {
    return this.#challengedAt;
  }

  set challengedAt(at: number | undefined) {
    this.#challengedAt = at;
    for (const one of this.#companions?.() ?? []) one.challengedAt = at;
  }

  /** One of those that wait for it may be what the user must not be asked for. */
  get mayAskUser(): boolean | undefined {
    const companions = this.#companions?.() ?? [];
    if (companions.length === 0) return this.#mayAskUser;
    return companions.some(({ mayAskUser }) => mayAskUser !== false);
  }

  set mayAskUser(may: boolean | undefined) {
    this.#mayAskUser = may;
  }

  alive(phase: 'body' | 'stream'): void {
    const limit = phase === 'stream' ? this.#limits.stream : this.#limits.answer;
    this.deadline = Math.min(performance.now() + limit, this.#latest);
    for (const one of this.#companions?.() ?? []) one.alive(phase);
  }

  postpone(milliseconds: number): void {
    this.deadline += milliseconds;
    for (const one of this.#companions?.() ?? []) one.postpone(milliseconds);
  }

  answer(answer: Answer): void {
    if (this.settled) return;
    this.settled = true;
    this.#onSettled?.();
    this.#onAnswer(answer);
  }

  /** Answers with an error of the bridge's own. */
  fail(error: DrawbridgeError): void {
    if (this.settled) return;
    this.failure = error;
    this.answer(errorAnswer(this.id, error, this.method));
    this.abort?.(error);
  }

  /**
   * Answers with an error that the remote gave.
   *
   * @param error the `error` member, JSON
   */
  failRemotely(error: string): void {
    const text = `{"jsonrpc":"2.0","id":${JSON.stringify(this.id)},"error":${toOneLine(error)}}`;
    this.answer({ text, message: { kind: 'response', id: this.id, error: JSON.parse(error) } });
  }

  /** Resolves when it is answered or cancelled. */
  whenSettled(): Promise<void> {
    return new Promise((resolve) => {
      if (this.settled) resolve();
      else this.#onSettled = resolve;
    });
  }

  /** Whether it stays open until one side ends it. */
  get isLasting(): boolean {
    return this.isModern && this.method === 'subscriptions/listen';
  }

  /** Nobody waits any more, and its exchange ends, which tells a modern server so (MCP 2026-07-28, Cancellation). */
  drop(error: DrawbridgeError): void {
    this.cancel();
    this.abort?.(error);
  }

  /** Nobody waits any more: there will be no answer. */
  cancel(): void {
    if (this.settled) return;
    this.settled = true;
    this.#onSettled?.();
    this.#onAnswer(undefined);
  }
}

/** The requests in flight, by id; a string and a number are different ids. */
export class PendingRequests {
  readonly #byId = new Map<MessageId, PendingRequest>();
  readonly #byToken = new Map<MessageId, PendingRequest>();
  readonly #taskTokens = new Set<MessageId>();

  get size(): number {
    return this.#byId.size;
  }

  get(id: MessageId): PendingRequest | undefined {
    return this.#byId.get(id);
  }

  hasProgressToken(token: unknown): boolean {
    return this.#byToken.has(token as MessageId) || this.#taskTokens.has(token as MessageId);
  }

  add(request: PendingRequest): void {
    this.#byId.set(request.id, request);
    if (request.progressToken !== undefined) this.#byToken.set(request.progressToken, request);
  }

  remove(request: PendingRequest): void {
    if (this.#byId.get(request.id) === request) this.#byId.delete(request.id);
    const { progressToken } = request;
    if (progressToken !== undefined && request.isTask) this.#keepTaskToken(progressToken);
    if (progressToken !== undefined && this.#byToken.get(progressToken) === request)
      this.#byToken.delete(progressToken);
  }

  #keepTaskToken(token: MessageId): void {
    this.#taskTokens.add(token);
    const [oldest] = this.#taskTokens;
    if (this.#taskTokens.size > MAX_TASK_TOKENS && oldest !== undefined) this.#taskTokens.delete(oldest);
  }

  [Symbol.iterator](): IterableIterator<PendingRequest> {
    return this.#byId.values();
  }
}

/**
 * An error of the bridge's own as the answer to a request. A problem with a tool call that the user can solve is a
 * tool result, so that the model reads it and can tell the user; a link is never cut there.
 */
export function errorAnswer(id: MessageId | null, error: DrawbridgeError, method?: string): Answer {
  if (method === 'tools/call' && error.exitCode === 4) {
    const { link } = error.details;
    const isCut = typeof link === 'string' && !error.message.includes(link);
    return toolAnswer(id, isCut ? `${error.message}\n${link}` : error.message, true);
  }
  const rpcError = error.toJsonRpcError();
  const text = JSON.stringify({ jsonrpc: '2.0', id, error: rpcError });
  return { text, message: { kind: 'response', id, error: rpcError } };
}

/** A result of the bridge's own making. */
export function ownAnswer(id: MessageId | null, result: Record<string, unknown>): Answer {
  const text = JSON.stringify({ jsonrpc: '2.0', id, result });
  return { text, message: { kind: 'response', id, result }, isOurs: true };
}

/** What a tool of the bridge's own says, or what a tool call is told in place of its result. */
export function toolAnswer(id: MessageId | null, text: string, isError: boolean): Answer {
  return ownAnswer(id, { content: [{ type: 'text', text }], ...(isError && { isError }) });
}

function progressTokenOf(params: unknown): MessageId | undefined {
  const meta = isObject(params) ? params._meta : undefined;
  const token = isObject(meta) ? meta.progressToken : undefined;
  return typeof token === 'string' || typeof token === 'number' ? token : undefined;
}
