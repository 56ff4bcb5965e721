import type { MessageText } from '../byte-text.ts';
import { findMember, replaceAt } from '../json-text.ts';
import type { JsonRpcRequest, JsonRpcResponse, MessageId } from '../jsonrpc.ts';

const MAX_OPEN = 256;
const MAX_STALE = 1024;

/**
 * The remote's requests to the client (sampling, elicitation, roots): who asked what, so that each gets its own answer.
 * An id is passed on as it is, but for one that the client still knows from a session that is gone.
 */
export class ServerRequests {
  /** By the id that the client sees; the value is the id as the remote wrote it. */
  readonly #open = new Map<MessageId, { id: MessageId; idText: string }>();
  /** Ids of cancelled requests, whose late answers must not be taken for another request's. */
  readonly #stale = new Set<MessageId>();
  readonly #newId: () => string;

  /** @param newId makes an id that nobody else uses */
  constructor(newId: () => string) {
    this.#newId = newId;
  }

  /**
   * Enters a request of the remote's.
   *
   * @returns the text to hand to the client; undefined where too many are open already
   */
  add(request: JsonRpcRequest, text: MessageText): MessageText | undefined {
    if (this.#open.size >= MAX_OPEN) return undefined;
    const json = text.toString();
    const idSpan = findMember(json, 'id');
    if (!idSpan) return undefined;
    const taken = this.#open.has(request.id) || this.#stale.has(request.id);
    const clientId = taken ? this.#newId() : request.id;
    this.#open.set(clientId, { id: request.id, idText: json.slice(idSpan.start, idSpan.end) });
    return taken ? replaceAt(json, idSpan, JSON.stringify(clientId)) : text;
  }

  get any(): boolean {
    return this.#open.size > 0;
  }

  has(id: MessageId): boolean {
    return this.#open.has(id);
  }

  /** @returns the client's answer as the remote is to get it; undefined where nothing like it was asked */
  answer(response: JsonRpcResponse, text: MessageText): MessageText | undefined {
    const request = response.id === null ? undefined : this.#open.get(response.id);
    if (!request || response.id === null) {
      if (response.id !== null) this.#stale.delete(response.id);
      return undefined;
    }
    this.#open.delete(response.id);
    if (request.id === response.id) return text;
    const json = text.toString();
    const idSpan = findMember(json, 'id');
    return idSpan && replaceAt(json, idSpan, request.idText);
  }

  /** The remote takes a request back. @returns the id by which the client knows it; undefined where it does not */
  cancel(id: unknown): MessageId | undefined {
    for (const [clientId, request] of this.#open) {
      if (request.id !== id) continue;
      this.#retire(clientId);
      return clientId;
    }
    return undefined;
  }

  /** The session is gone. @returns the ids that the client still works on */
  cancelAll(): MessageId[] {
    const ids = [...this.#open.keys()];
    for (const id of ids) this.#retire(id);
    return ids;
  }

  #retire(id: MessageId): void {
    this.#open.delete(id);
    this.#stale.add(id);
    const [oldest] = this.#stale;
    if (this.#stale.size > MAX_STALE && oldest !== undefined) this.#stale.delete(oldest);
  }
}
