import type { MessageText } from '../byte-text.ts';
import {
  isObject,
  type JsonRpcMessage,
  type JsonRpcNotification,
  type JsonRpcResponse,
  type MessageId,
} from '../jsonrpc.ts';
import type { Logger } from '../logger.ts';
import { Leg } from '../remote/leg.ts';
import type { OutgoingRequest } from '../remote/transport.ts';
import { giveAnswer } from './answer-matching.ts';
import { cancelled } from './message-text.ts';
import { errorAnswer, type PendingRequest, type PendingRequests } from './pending-requests.ts';
import { refusals } from './refusals.ts';
import type { ServerRequests } from './server-requests.ts';

export interface RemoteMessagesOptions {
  pending: PendingRequests;
  serverRequests: ServerRequests;
  write: (text: MessageText) => void;
  /** The client is being asked something, and has to be heard. */
  onAsked: () => void;
  /** Sends an answer of the bridge's own to the remote; false where too many are under way. */
  refuse: (answer: MessageText) => boolean;
  log: Logger;
}

/** What a legacy remote says, on its way to the client. */
export class RemoteMessages {
  readonly #options: RemoteMessagesOptions;

  constructor(options: RemoteMessagesOptions) {
    this.#options = options;
  }

  receive(text: MessageText, message: JsonRpcMessage, origin?: OutgoingRequest): void {
    const { log } = this.#options;
    switch (message.kind) {
      case 'response':
        return this.#receiveResponse(text, message, origin);
      case 'request':
        return this.#receiveRequest(text, message.id, message.method, message.params);
      case 'notification':
        return this.#receiveNotification(text, message);
      case 'invalid':
        return log.warn('message of the server dropped', { problem: message.problem });
    }
  }

  /** The session is gone: what the client was asked in it is of no interest any more. */
  cancelServerRequests(): void {
    const { serverRequests, write } = this.#options;
    for (const id of serverRequests.cancelAll()) write(cancelled(id, 'The session with the server was lost'));
  }

  #receiveResponse(text: MessageText, message: JsonRpcResponse, origin: OutgoingRequest | undefined): void {
    const { pending, log } = this.#options;
    if (origin instanceof Leg) {
      if (origin.isAnsweredBy(message)) return origin.take(text, message);
    }
    const asker = origin instanceof Leg ? undefined : (origin as PendingRequest | undefined);
    if (!giveAnswer(pending, text, message, asker)) log.debug('answer to nothing that is asked, dropped');
  }

  #receiveRequest(text: MessageText, id: MessageId, method: string, params: unknown): void {
    const { serverRequests, write, onAsked, refuse, log } = this.#options;
    const forClient = serverRequests.add({ kind: 'request', id, method, params }, text);
    if (forClient !== undefined) {
      onAsked();
      return write(forClient);
    }
    // A server that floods us is not flooded with refusals.
    if (!refuse(errorAnswer(id, refusals.tooManyOfServer()).text)) log.warn('request of the server dropped');
  }

  #receiveNotification(text: MessageText, { method, params }: JsonRpcNotification): void {
    const { pending, serverRequests, write, log } = this.#options;
    const isOfNothing =
      method === 'notifications/progress' &&
      isObject(params) &&
      !pending.hasProgressToken(params.progressToken);
    if (isOfNothing) return log.debug('progress of nothing that is asked, dropped');
    if (method !== 'notifications/cancelled' || !isObject(params)) return write(text);
    const clientId = serverRequests.cancel(params.requestId);
    if (clientId === params.requestId) write(text);
    else if (clientId !== undefined) write(cancelled(clientId, 'The server took the request back'));
  }
}
