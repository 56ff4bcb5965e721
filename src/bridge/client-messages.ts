import { type ByteText, LARGE_MESSAGE, type MessageText } from '../byte-text.ts';
import { DrawbridgeError } from '../errors.ts';
import { findElements, type Span } from '../json-text.ts';
import {
  classify,
  type JsonRpcMessage,
  type JsonRpcNotification,
  type JsonRpcRequest,
  type JsonRpcResponse,
  type MessageId,
} from '../jsonrpc.ts';
import { parseLargeJson } from '../large-json.ts';
import { Batch } from './batch.ts';
import { withoutNullParams } from './message-text.ts';
import { type Answer, errorAnswer } from './pending-requests.ts';

export interface ClientMessageHandlers {
  /** @param deliver takes the answer; undefined where there will be none */
  onRequest(request: JsonRpcRequest, body: MessageText, deliver: (answer: Answer | undefined) => void): void;
  onNotification(notification: JsonRpcNotification, body: MessageText): void;
  onResponse(response: JsonRpcResponse, body: MessageText): void;
  isInFlight(id: MessageId): boolean;
  /** Whether the revision that was negotiated has batches: 2025-03-26 only. */
  hasBatches(): boolean;
  write(text: MessageText): void;
}

/** Reads the client's lines as messages, and answers the ones that are none (JSON-RPC 2.0 section 5.1). */
export class ClientMessages {
  readonly #handlers: ClientMessageHandlers;
  readonly #maxBytes: number;

  constructor(maxBytes: number, handlers: ClientMessageHandlers) {
    this.#maxBytes = maxBytes;
    this.#handlers = handlers;
  }

  read(line: ByteText): void {
    if (!line.isUtf8()) return this.#refuse(null, 'invalid-json', 'The message is not valid UTF-8.');
    // A small message goes on as text, which node:http sends in one piece with the headers.
    const body = line.length < LARGE_MESSAGE ? line.toString() : line;
    let value: unknown;
    try {
      value = typeof body === 'string' ? JSON.parse(body) : parseLargeJson(body);
    } catch {
      return this.#refuse(null, 'invalid-json', 'The message is not valid JSON.');
    }
    if (Array.isArray(value)) this.#readBatch(body.toString());
    else this.#accept(classify(value), body);
  }

  refuseOversized(id: MessageId | null): void {
    const limit = this.#maxBytes / 1024 / 1024;
    const answerTo = id !== null && this.#handlers.isInFlight(id) ? null : id;
    this.#refuse(
      answerTo,
      'invalid-request',
      `The message is longer than ${limit} MiB (--max-message-size).`,
    );
  }

  #readBatch(text: string): void {
    const values = JSON.parse(text) as unknown[];
    if (values.length === 0 || !this.#handlers.hasBatches()) {
      const problem = values.length === 0 ? 'it is empty' : 'this protocol revision has none';
      return this.#refuse(null, 'invalid-request', `A batch can't be taken: ${problem}.`);
    }
    const batch = new Batch((line) => this.#handlers.write(line));
    const spans = findElements(text);
    values.forEach((value, index) => {
      const { start, end } = spans[index] as Span;
      this.#accept(classify(value), text.slice(start, end), batch);
    });
    batch.complete();
  }

  #accept(message: JsonRpcMessage, line: MessageText, batch?: Batch): void {
    const { onRequest, onNotification, onResponse, isInFlight, write } = this.#handlers;
    const deliver = batch?.expect() ?? ((answer: Answer | undefined) => answer && write(answer.text));
    switch (message.kind) {
      case 'request':
        if (batch && message.method === 'initialize') {
          return deliver(invalidRequest(message.id, '"initialize" is never part of a batch'));
        }
        if (!isInFlight(message.id)) return onRequest(message, withoutNullParams(message, line), deliver);
        return deliver(invalidRequest(message.id, 'its "id" is that of a request still in flight'));
      case 'invalid': {
        const id = message.id !== null && isInFlight(message.id) ? null : message.id;
        return deliver(invalidRequest(id, message.problem));
      }
      case 'notification':
        onNotification(message, withoutNullParams(message, line));
        return deliver(undefined);
      case 'response':
        onResponse(message, line);
        return deliver(undefined);
    }
  }

  #refuse(id: MessageId | null, reason: 'invalid-json' | 'invalid-request', message: string): void {
    this.#handlers.write(errorAnswer(id, new DrawbridgeError(reason, message)).text);
  }
}

function invalidRequest(id: MessageId | null, problem: string): Answer {
  return errorAnswer(
    id,
    new DrawbridgeError('invalid-request', `The message is no valid request: ${problem}.`),
  );
}
