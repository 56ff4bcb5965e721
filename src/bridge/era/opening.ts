import { isObject } from '../../jsonrpc.ts';
import { Leg } from '../../remote/leg.ts';
import type { Outcome, OutgoingRequest, RemoteSink } from '../../remote/transport.ts';
import { isModernRevision } from '../../revisions.ts';
import type { PendingRequest } from '../pending-requests.ts';
import type { SecondLookOptions } from './second-look.ts';

export interface OpeningOptions extends SecondLookOptions {
  sink: RemoteSink;
}

/** Most servers are looked at once. */
const secondLook = () => import('./second-look.ts');

type Send = (request: OutgoingRequest) => Promise<Outcome>;

/**
 * Finds out the remote's era by how it takes a legacy client's `initialize`: a modern server refuses it, and then
 * `server/discover` has the word (MCP 2026-07-28, Versioning; Streamable HTTP, Backward Compatibility).
 */
export class Opening {
  readonly #options: OpeningOptions;
  #settling: Promise<void> | undefined;

  constructor(options: OpeningOptions) {
    this.#options = options;
  }

  /** Resolves when it is known which form the conversation goes on in; undefined: it is. Never rejects. */
  get settling(): Promise<void> | undefined {
    return this.#settling;
  }

  /** Opens with a server that is known to be modern. @returns undefined where it is not, or no longer */
  async asKnown(request: PendingRequest, send: Send): Promise<Outcome | undefined> {
    const { end, era, log } = this.#options;
    if (era.known !== 'modern') return undefined;
    const goBack = await end.goModern();
    const outcome = await send(request);
    if (outcome.kind === 'done') era.found('modern');
    const isOther = outcome.kind === 'failed' && outcome.error.reason === 'other-era';
    if (!isOther) return outcome;
    // What the server says about a form that it does not know is of no help to the user.
    if (era.isPinned) return { kind: 'failed', error: outcome.error, mayHaveRun: false };
    log.info('the server no longer speaks the modern protocol');
    goBack();
    return undefined;
  }

  /** Opens as a legacy client does. What the server says against that is kept back: it may be of the other era. */
  async asLegacy(request: PendingRequest, send: Send): Promise<Outcome> {
    const { end, sink, era } = this.#options;
    if (era.isPinned || end.transport.name !== 'http') return send(request);
    const leg = new Leg(request);
    const outcome = await leg.ending(send(leg));
    if (!leg.answer) return outcome;
    const { text, message } = leg.answer;
    if (message.error !== undefined) return (await secondLook()).refusalOf(text.toString(), message);
    if (isObject(message.result) && isModernRevision(message.result.protocolVersion))
      return (await secondLook()).misfit();
    request.sessionId = leg.sessionId;
    sink.receive(text, message, request);
    if (request.sessionId !== undefined || era.known !== undefined) era.found('legacy', 'http');
    else {
      this.#settling = this.#lookAgain(request, message.result).finally(() => {
        this.#settling = undefined;
      });
    }
    return { kind: 'done' };
  }

  /** The server has answered the client's `initialize`. */
  opened(): void {
    const { end, era } = this.#options;
    // No modern server has that transport.
    if (end.transport.name === 'sse') era.found('legacy', 'sse');
  }

  async #lookAgain(request: PendingRequest, result: unknown): Promise<void> {
    const { lookAgain } = await secondLook();
    await lookAgain(this.#options, request, result);
  }

  /** Tries the other era where a server has refused a legacy opening in so many words. @returns undefined: in vain */
  async asModern(request: PendingRequest, first: Outcome, send: Send): Promise<Outcome | undefined> {
    const { end, era, log } = this.#options;
    const isRefused = first.kind === 'failed' && first.answer !== undefined;
    if (!isRefused || era.isPinned || end.transport.name !== 'http') return undefined;
    log.info('initialize refused, asking for the modern protocol');
    const goBack = await end.goModern();
    const second = await send(request);
    if (second.kind === 'done') {
      era.found('modern');
      return second;
    }
    goBack();
    return second.kind === 'challenged' ? second : undefined;
  }
}
