import type { MessageText } from '../byte-text.ts';
import { withId } from '../json-text.ts';
import type { JsonRpcResponse } from '../jsonrpc.ts';
import type { PendingRequest, PendingRequests } from './pending-requests.ts';
import { refusals } from './refusals.ts';

/** How long the exchange of a request that was answered by another stream may go on, in milliseconds. */
const ANSWERED_GRACE = 2_000;

/**
 * Gives an answer of the remote's to the request that it answers, under the id that the request has.
 *
 * @param origin the request on whose exchange it came
 * @returns false where nothing like it is asked
 */
export function giveAnswer(
  pending: PendingRequests,
  text: MessageText,
  message: JsonRpcResponse,
  origin: PendingRequest | undefined,
): boolean {
  const request = findAsker(pending, message, origin);
  if (!request || request.settled) return false;
  // Its own exchange does not know that it is over, and must not stay open for ever.
  if (request !== origin) setTimeout(() => request.abort?.(refusals.lostInBridge()), ANSWERED_GRACE).unref();
  const { id } = request;
  if (message.id === id) request.answer({ text, message });
  else request.answer({ text: withId(text.toString(), id), message: { ...message, id } });
  return true;
}

/**
 * The request of that id, else the one on whose exchange it came: an error to what the server could not read has no
 * id, and some servers make a string of a number.
 */
function findAsker(
  pending: PendingRequests,
  { id }: JsonRpcResponse,
  origin: PendingRequest | undefined,
): PendingRequest | undefined {
  if (id !== null && id === origin?.id) return origin;
  const exact = id === null ? undefined : pending.get(id);
  if (exact) return exact;
  return origin && String(id ?? origin.id) === String(origin.id) ? origin : undefined;
}
