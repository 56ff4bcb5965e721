import type { MessageText } from '../byte-text.ts';
import type { DrawbridgeError } from '../errors.ts';
import type { JsonRpcMessage, JsonRpcResponse, MessageId } from '../jsonrpc.ts';
import type { Headers } from '../platform/http-client.ts';
import type { Outcome, OutgoingRequest } from './transport.ts';

/** What a leg may have of its own; all else is its request's. */
export interface LegParts {
  id?: MessageId;
  method?: string;
  params?: unknown;
  body?: MessageText;
  mayAskUser?: boolean;
  /** Takes what comes on its exchange and is no answer; undefined: that goes where the request's would. */
  onMessage?: (text: MessageText, message: JsonRpcMessage) => void;
}

/**
 * One exchange on a request's behalf, in its own or in other words. Its answer stops here, to be looked at before the
 * request gets any; cancelling or failing the request ends the exchange.
 */
export class Leg implements OutgoingRequest {
  readonly request: OutgoingRequest;
  readonly id: MessageId;
  readonly method: string;
  readonly params: unknown;
  readonly body: MessageText;
  readonly mayAskUser: boolean | undefined;
  readonly onMessage: LegParts['onMessage'];
  sessionId: string | undefined;
  modernHeaders: Headers | undefined;
  #abort: ((error: DrawbridgeError) => void) | undefined;
  #answer: { text: MessageText; message: JsonRpcResponse } | undefined;
  #onAnswer: (() => void) | undefined;

  constructor(request: OutgoingRequest, parts: LegParts = {}) {
    this.request = request;
    this.id = parts.id ?? request.id;
    this.method = parts.method ?? request.method;
    this.params = 'params' in parts ? parts.params : request.params;
    this.body = parts.body ?? request.body;
    this.mayAskUser = parts.mayAskUser ?? request.mayAskUser;
    this.onMessage = parts.onMessage ?? (request instanceof Leg ? request.onMessage : undefined);
  }

  /** The answer of the remote's, under the id of this leg. */
  get answer(): { text: MessageText; message: JsonRpcResponse } | undefined {
    return this.#answer;
  }

  /**
   * How the leg ends: as sending it does, or with its answer, since some servers leave the stream open after that.
   *
   * @param sent the end of sending it
   */
  ending(sent: Promise<Outcome>): Promise<Outcome> {
    const answered = new Promise<Outcome>((resolve) => {
      if (this.#answer) resolve({ kind: 'done' });
      else this.#onAnswer = () => resolve({ kind: 'done' });
    });
    return Promise.race([sent, answered]);
  }

  get settled(): boolean {
    return this.#answer !== undefined || this.request.settled;
  }

  get abort(): ((error: DrawbridgeError) => void) | undefined {
    return this.#abort;
  }

  /** A stream may still be closing while the next exchange for the same request is under way, which it must not untie. */
  set abort(abort: ((error: DrawbridgeError) => void) | undefined) {
    if (abort !== undefined || this.request.abort === this.#abort) this.request.abort = abort;
    this.#abort = abort;
  }

  get challengedAt(): number | undefined {
    return this.request.challengedAt;
  }

  set challengedAt(at: number | undefined) {
    this.request.challengedAt = at;
  }

  alive(phase: 'body' | 'stream'): void {
    this.request.alive(phase);
  }

  postpone(milliseconds: number): void {
    this.request.postpone(milliseconds);
  }

  isAnsweredBy(response: JsonRpcResponse): boolean {
    return isAnswerTo(this, response);
  }

  /** Takes the answer; whatever comes after it is not of interest. */
  take(text: MessageText, message: JsonRpcResponse): void {
    if (this.settled) return;
    this.#answer = { text, message };
    this.#onAnswer?.();
  }
}

/**
 * Whether a response that came on a request's own exchange answers it. Some servers make a text of a number, and what
 * they could not read has no id to answer under.
 */
export function isAnswerTo(request: OutgoingRequest, { id }: JsonRpcResponse): boolean {
  return id === null || String(id) === String(request.id);
}
