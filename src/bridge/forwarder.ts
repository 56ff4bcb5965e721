import { DrawbridgeError } from '../errors.ts';
import type { Logger } from '../logger.ts';
import { sleep } from '../platform/sleep.ts';
import { isModernError } from '../remote/http-answer.ts';
import { backoff } from '../remote/retry.ts';
import type { Outcome, OutgoingMessage, OutgoingRequest, RemoteTransport } from '../remote/transport.ts';
import type { Opening } from './era/opening.ts';
import { sendPatiently } from './patient-send.ts';
import type { PendingRequest } from './pending-requests.ts';
import type { SessionRecovery } from './session-recovery.ts';

export interface ForwarderOptions {
  transport: () => RemoteTransport;
  /** Goes over to the other transport and gives the way back; undefined where the user has pinned the first. */
  fallBack: (() => Promise<() => void>) | undefined;
  /** The transport to begin with, where that is not Streamable HTTP. */
  first?: RemoteTransport['name'] | undefined;
  recovery: SessionRecovery;
  /** Finds out whether the remote is of the other era; undefined: it is a legacy one. */
  opening?: Opening;
  log: Logger;
}

/** A remote that is down when the client starts is waited for so long, then `initialize` is answered with an error. */
const INITIALIZE_PATIENCE = 14_000;

/** These, and the client's answers, mean nothing in another session than the one they were made for. */
const ofItsSession = new Set([undefined, 'notifications/initialized', 'notifications/cancelled']);

/** Sends a message until it has its answer or there is no point in going on. */
export class Forwarder {
  readonly #options: ForwarderOptions;

  constructor(options: ForwarderOptions) {
    this.#options = options;
  }

  /**
   * Sends the client's `initialize`; a remote that is down is waited for.
   *
   * @returns why there is no answer of the remote's, also where the client has had another one meanwhile
   */
  async initialize(request: PendingRequest): Promise<DrawbridgeError | undefined> {
    const giveUpAt = performance.now() + INITIALIZE_PATIENCE;
    for (let failures = 1; !request.settled; failures++) {
      const outcome = await this.open(request);
      if (outcome.kind === 'done') return undefined;
      const wait = Math.min(1_000, backoff(failures));
      const isOver = performance.now() + wait > giveUpAt;
      if (isOver || !isWorthWaiting(outcome)) {
        this.#giveUp(request, outcome);
        return outcome.error;
      }
      this.#options.log.info('remote not ready, trying again', { reason: outcome.error.reason });
      await sleep(wait);
    }
    return undefined;
  }

  /** Sends an `initialize` once, by the other transport where the server does not know the first. */
  async open(request: PendingRequest): Promise<Outcome> {
    const { opening } = this.#options;
    const send = (sent: OutgoingRequest) => this.#send(sent);
    const known = await opening?.asKnown(request, send);
    if (known) return known;
    const first = await (opening ? opening.asLegacy(request, send) : send(request));
    if (first.kind === 'done') return first;
    const second = await opening?.asModern(request, first, send);
    if (second) return second;
    return this.#openOtherwise(request, first);
  }

  async #openOtherwise(request: PendingRequest, first: Refusal): Promise<Outcome> {
    const { fallBack, first: from = 'http', transport, log } = this.#options;
    if (!fallBack || transport().name !== from || !suggestsOlderTransport(first)) return first;
    log.info('this transport is not known at this URL, trying the other', { transport: from });
    const goBack = await fallBack();
    const second = await this.#send(request);
    if (second.kind === 'done') return second;
    goBack();
    if (second.error.reason === 'unauthorized') return second;
    // The server's own words, where it had any, say more than that neither transport works.
    if (first.kind === 'failed' && first.answer) return first;
    const errors = [first.error, second.error] as const;
    const [http, sse] = from === 'http' ? errors : errors.toReversed();
    return { kind: 'failed', error: neitherTransport(http, sse), mayHaveRun: false };
  }

  /** Sends a request, opening a new session where the server has forgotten ours. */
  async forward(request: PendingRequest): Promise<void> {
    const { recovery } = this.#options;
    if (recovery.canBegin) await recovery.recover(undefined);
    for (let recovered = 0; !request.settled; recovered++) {
      const outcome = await this.#send(request);
      if (outcome.kind === 'done') return;
      if (outcome.kind !== 'session-expired' || recovered > 0) return this.#giveUp(request, outcome);
      await recovery.recover(outcome.session);
    }
  }

  /** Sends a request of the bridge's own, which gets no new session if this one fails. */
  sendOwn(request: PendingRequest): Promise<Outcome> {
    return request.method === 'initialize' ? this.open(request) : this.#send(request);
  }

  /** Sends a notification, or the client's answer to a request of the server's. */
  async post(message: OutgoingMessage): Promise<Outcome> {
    const { recovery, log } = this.#options;
    let outcome = await this.#send(message);
    if (outcome.kind === 'session-expired' && !ofItsSession.has(message.method)) {
      await recovery.recover(outcome.session);
      outcome = await this.#send(message);
    }
    if (outcome.kind !== 'done') {
      log.warn('message not delivered', { method: message.method ?? null, reason: outcome.error.reason });
    }
    return outcome;
  }

  #send(message: OutgoingMessage | OutgoingRequest): Promise<Outcome> {
    return sendPatiently((sent: typeof message) => this.#options.transport().send(sent), message);
  }

  #giveUp(request: PendingRequest, outcome: Refusal): void {
    if (outcome.kind === 'failed' && outcome.answer) request.failRemotely(outcome.answer.text);
    else request.fail(outcome.error);
  }
}

type Refusal = Exclude<Outcome, { kind: 'done' }>;

/** 400, 404 or 405 that is not a modern server's refusal (MCP 2026-07-28, Backward Compatibility with HTTP+SSE). */
export function suggestsOlderTransport(outcome: Refusal): boolean {
  if (outcome.kind !== 'failed') return false;
  const { status } = outcome.error.details;
  return (status === 400 || status === 404 || status === 405) && !isModernError(outcome.answer);
}

/** Whether a remote that failed `initialize` so may be on its way up. */
function isWorthWaiting(outcome: Refusal): boolean {
  if (outcome.kind === 'busy') return outcome.retryAfter === undefined;
  if (outcome.kind !== 'failed') return false;
  const { reason, details } = outcome.error;
  return (
    reason === 'unreachable' || (reason === 'http-status' && [502, 504].includes(Number(details.status)))
  );
}

function neitherTransport(http: DrawbridgeError, sse: DrawbridgeError): DrawbridgeError {
  const { status, url } = http.details;
  const attempt = (transport: string, { reason, message, details }: DrawbridgeError) => ({
    transport,
    reason,
    message,
    ...(details.status !== undefined && { status: details.status }),
  });
  return new DrawbridgeError(
    'unsupported-transport',
    `${url} speaks neither Streamable HTTP (status ${status}) nor HTTP+SSE; is the path right? It is often /mcp or /sse.`,
    { status, url, attempts: [attempt('http', http), attempt('sse', sse)] },
  );
}
