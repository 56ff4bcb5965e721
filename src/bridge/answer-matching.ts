import type { MessageText } from '../byte-text.ts';
import type { JsonRpcResponse } from '../jsonrpc.ts';
import { withId } from './message-text.ts';
import type { Answer, PendingRequest, PendingRequests } from './pending-requests.ts';

/**
 * Whose answer it is: the request of that id, else the one on whose exchange it came. An error to what the server could
 * not read has no id, and some servers make a string of a number.
 *
 * @returns undefined where nothing like it was asked
 */
export function findAsker(
  pending: PendingRequests,
  { id }: JsonRpcResponse,
  origin: PendingRequest | undefined,
): PendingRequest | undefined {
  if (id !== null && id === origin?.id) return origin;
  const exact = id === null ? undefined : pending.get(id);
  if (exact) return exact;
  return origin && String(id ?? origin.id) === String(origin.id) ? origin : undefined;
}

/** The answer under the id that the request has. */
export function answerTo({ id }: PendingRequest, text: MessageText, message: JsonRpcResponse): Answer {
  if (message.id === id) return { text, message };
  return { text: withId(text.toString(), id), message: { ...message, id } };
}
