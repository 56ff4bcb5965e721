import { type Answer, PendingRequest } from '../../../src/bridge/pending-requests.ts';
import type { MessageId } from '../../../src/jsonrpc.ts';

/** A request in flight, with the answers that it has been given. */
export interface Asked {
  request: PendingRequest;
  /** As parsed JSON; undefined where it was cancelled. */
  // biome-ignore lint/suspicious/noExplicitAny: tests reach into arbitrary answers
  answers: any[];
}

export function ask(
  method: string,
  { id = 1, params, timeout }: { id?: MessageId; params?: unknown; timeout?: number } = {},
): Asked {
  const answers: unknown[] = [];
  const body = JSON.stringify({ jsonrpc: '2.0', id, method, params });
  const request = new PendingRequest({ id, method, params, body }, timeout, (answer) => {
    answers.push(answer && JSON.parse(answer.text.toString()));
  });
  return { request, answers };
}

export function resultAnswer(id: MessageId, result: unknown): Answer {
  return {
    text: JSON.stringify({ jsonrpc: '2.0', id, result }),
    message: { kind: 'response', id, result },
  };
}
