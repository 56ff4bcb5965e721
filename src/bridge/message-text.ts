import type { MessageText } from '../byte-text.ts';
import { findMember, replaceAt } from '../json-text.ts';
import type { JsonRpcNotification, JsonRpcRequest, MessageId } from '../jsonrpc.ts';
import { type Answer, ownAnswer } from './pending-requests.ts';

/** The few messages that the bridge writes or mends itself. */

/** Some clients write `"params": null`, which no server takes; an empty object is what they mean. */
export function withoutNullParams(
  message: JsonRpcRequest | JsonRpcNotification,
  line: MessageText,
): MessageText {
  if (message.params !== null) return line;
  const text = line.toString();
  const span = findMember(text, 'params');
  return span ? replaceAt(text, span, '{}') : line;
}

export function pong(id: MessageId): Answer {
  return ownAnswer(id, {});
}

export function cancelled(requestId: MessageId, reason: string): string {
  return JSON.stringify({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId, reason } });
}

/** Makes the ids of the bridge's own requests: no client and no server will think of the same. */
export function createIdMaker(): () => string {
  let prefix: string | undefined;
  let last = 0;
  return () => {
    prefix ??= crypto.randomUUID();
    return `drawbridge-${prefix}-${++last}`;
  };
}
