import { type Authorizer, FixedCredentials } from '../../authorization/authorizer.ts';
import type { MessageText } from '../../byte-text.ts';
import { DrawbridgeError } from '../../errors.ts';
import { isObject, type JsonRpcMessage } from '../../jsonrpc.ts';
import type { Logger } from '../../logger.ts';
import { sleep } from '../../platform/sleep.ts';
import { isModernCode, isModernError, isStrangeRefusal } from '../../remote/http-answer.ts';
import { Leg } from '../../remote/leg.ts';
import { ACKNOWLEDGED } from '../../remote/subscription.ts';
import type { ModernRemote, Outcome, OutgoingRequest, RemoteSink } from '../../remote/transport.ts';
import { LATEST_LEGACY, LATEST_MODERN, metaKeys, metaOf } from '../../revisions.ts';
import { giveAnswer } from '../answer-matching.ts';
import { cancelled } from '../message-text.ts';
import { sendPatiently } from '../patient-send.ts';
import type { Answer, PendingRequest, PendingRequests } from '../pending-requests.ts';
import { type Verdict, verdictOfDiscover } from './detect.ts';
import {
  asModernAnswer,
  complete,
  faultOf,
  provisionalDiscovery,
  withKnownRevisions,
  withKnownVersions,
} from './modern-answers.ts';
import { PromisedSubscriptions } from './promised-subscriptions.ts';
import type { RemoteEra } from './remote-era.ts';
import { isRetry } from './terms.ts';

const modern: Verdict = { era: 'modern', version: LATEST_MODERN };
const unknown: Verdict = { era: 'unknown' };

export interface ModernFaceOptions {
  /** The server's, as it is shown. */
  host: string;
  era: RemoteEra;
  authorizer: Authorizer;
  pending: PendingRequests;
  /** Makes the way to a remote of the same era. */
  createHttp: (sink: RemoteSink) => ModernRemote;
  /** Makes the way to a legacy remote. */
  createTranslation: (sink: RemoteSink) => Promise<ModernRemote>;
  /** What the server once said of itself, if that is known. */
  remembered: () => Readonly<Record<string, unknown>> | undefined;
  /** Keeps what it says now. */
  remember: (server: Readonly<Record<string, unknown>>) => void;
  write: (text: MessageText) => void;
  flow: { readonly blocked: boolean; whenReady(resume: () => void): void };
  newId: () => string;
  log: Logger;
}

/**
 * A sign-in that is under way is waited for so long before `server/discover` is answered without it, in milliseconds:
 * some clients give their probe up after 3 s.
 */
const PROBE_PATIENCE = 2_500;

/**
 * What a client of the modern era sees (MCP 2026-07-28, stdio). No message is taken for part of a conversation: each
 * says itself what it needs.
 */
export class ModernFace implements RemoteSink {
  readonly #options: ModernFaceOptions;
  #remote: ModernRemote | undefined;
  #http: ModernRemote | undefined;
  #translation: ModernRemote | undefined;
  #translating: Promise<ModernRemote> | undefined;
  /** A `server/discover` that is under way while the era is not known. */
  #discovering: Promise<unknown> | undefined;
  readonly #promised: PromisedSubscriptions;

  constructor(options: ModernFaceOptions) {
    this.#options = options;
    this.#promised = new PromisedSubscriptions(options.write);
  }

  /** Brings a request to its answer. Never rejects. */
  async take(request: PendingRequest): Promise<void> {
    const problem = faultOf(request.params);
    if (problem) return request.fail(problem);
    const outcome = await (request.isLasting ? this.#subscribe(request) : this.#cross(request));
    const wasTold = this.#promised.end(request.id) || request.acknowledged;
    if (outcome.kind === 'done' || request.settled) return;
    if (wasTold) {
      // A subscription that ends without an answer, which is how a client knows that it is lost (checklist Q-02).
      this.#options.write(cancelled(request.id, outcome.error.message));
      request.cancel();
    } else if (outcome.kind === 'failed' && outcome.answer) {
      request.failRemotely(withKnownRevisions(outcome.answer.text));
    } else if (outcome.kind === 'challenged' && request.method === 'server/discover') {
      request.answer(provisionalDiscovery(request.id, this.#options.host, this.#options.remembered()));
    } else request.fail(outcome.error);
  }

  /** Sends a notification on; only those that mean something to a modern server, or may, come here. */
  async notify(body: MessageText, method: string): Promise<void> {
    await this.#remote?.send({ body, method });
  }

  /** An answer of the bridge's own in the modern form. */
  inItsForm(answer: Answer, method: string): Answer {
    return asModernAnswer(answer, method);
  }

  /** Credentials are there that were not. */
  signedIn(): void {
    this.#promised.signedIn();
    this.#http?.signedIn();
    this.#translation?.signedIn();
  }

  async close(timeout: number): Promise<void> {
    await Promise.all([this.#http?.close(timeout), this.#translation?.close(timeout)]);
  }

  // ---- from the remote -------------------------------------------------------------------------------------------

  receive(text: MessageText, message: JsonRpcMessage, origin?: OutgoingRequest): void {
    const { pending, write, log } = this.#options;
    if (message.kind === 'response') {
      if (origin instanceof Leg) return origin.take(text, message);
      if (!giveAnswer(pending, complete(text, message), message, origin as PendingRequest | undefined))
        log.debug('answer to nothing that is asked, dropped');
      return;
    }
    if (message.kind !== 'notification') return log.warn('message of the server dropped');
    // Nothing more is said on a request that is answered or cancelled (MCP 2026-07-28, Cancellation).
    if (origin?.settled) return;
    const { method, params } = message;
    if (method === ACKNOWLEDGED && this.#promised.take(params)) return;
    if (
      method === 'notifications/progress' &&
      isObject(params) &&
      !pending.hasProgressToken(params.progressToken)
    )
      return log.debug('progress of nothing that is asked, dropped');
    write(text);
  }

  sessionLost(): void {}

  get blocked(): boolean {
    return this.#options.flow.blocked;
  }

  whenReady(resume: () => void): void {
    this.#options.flow.whenReady(resume);
  }

  // ---- which remote ----------------------------------------------------------------------------------------------

  async #cross(request: PendingRequest): Promise<Outcome> {
    // What comes right behind a discovery need not find out the same.
    if (!this.#remote && request.method !== 'server/discover') await this.#discovering;
    if (request.settled) return { kind: 'done' };
    if (this.#remote) return this.#asFound(this.#remote, request);
    const opened = this.#open(request);
    if (request.method !== 'server/discover') return opened;
    this.#discovering = opened;
    return opened.finally(() => {
      this.#discovering = undefined;
    });
  }

  /** Sends a request in the form that the server took so far, or takes now: it may have been replaced by another. */
  async #asFound(remote: ModernRemote, request: PendingRequest): Promise<Outcome> {
    const outcome = await this.#through(remote, request);
    if (this.#options.era.isPinned || request.settled) return outcome;
    if (remote !== this.#http) return saysModern(outcome) ? this.#asModern(request) : outcome;
    if (!isStrangeRefusal(outcome) || request.acknowledged || isRetry(request.params)) return outcome;
    const { verdict } = await this.#probe(request);
    return verdict.era === 'legacy' && !request.settled ? this.#asLegacy(request) : outcome;
  }

  async #through(remote: ModernRemote, request: PendingRequest): Promise<Outcome> {
    if (request.method !== 'server/discover') return this.#sendTo(remote, request);
    const { leg, outcome } = await this.#exchange(remote, request);
    return this.#deliver(leg, request) ?? outcome;
  }

  /** Sends a request whose answer is looked at before the client gets it. */
  async #exchange(remote: ModernRemote, request: PendingRequest): Promise<{ leg: Leg; outcome: Outcome }> {
    const isProbe = request.method === 'server/discover';
    for (;;) {
      // A probe opens no window (checklist B-04).
      const leg = new Leg(request, isProbe ? { mayAskUser: false } : {});
      const outcome = await leg.ending(this.#sendTo(remote, leg));
      const isWaiting = isProbe && outcome.kind === 'challenged' && !request.settled;
      if (!isWaiting || !(await this.#awaitSignIn(request))) return { leg, outcome };
    }
  }

  /** @returns undefined where there is no answer */
  #deliver(leg: Leg, request: PendingRequest): Outcome | undefined {
    if (!leg.answer) return undefined;
    const { text, message } = leg.answer;
    const isProbe = request.method === 'server/discover';
    if (isProbe) this.#remember(message.result);
    this.receive(isProbe ? withKnownVersions(text, message) : text, message, request);
    return { kind: 'done' };
  }

  /** As a legacy server would have said it, for the time when this one can't be asked. */
  #remember(result: unknown): void {
    if (!isObject(result)) return;
    const { capabilities, instructions } = result;
    const protocolVersion = this.#options.era.known === 'legacy' ? LATEST_LEGACY : LATEST_MODERN;
    const serverInfo = metaOf(result)[metaKeys.serverInfo];
    this.#options.remember({ protocolVersion, capabilities, serverInfo, instructions });
  }

  /** Delivers the error of a legacy server that took the modern form: it may have run, and is not sent again (M-35). */
  async #deliverError(answer: Answer, request: PendingRequest): Promise<Outcome> {
    const { modernAnswer } = await import('./modern-client-answers.ts');
    const facts = { serverInfo: undefined, hasToolTasks: false };
    const declared = metaOf(request.params)[metaKeys.clientCapabilities];
    const { text, message } = modernAnswer(request, declared, answer, facts);
    this.receive(text, message, request);
    return { kind: 'done' };
  }

  async #sendTo(remote: ModernRemote, request: OutgoingRequest): Promise<Outcome> {
    return sendPatiently((message: OutgoingRequest) => remote.send(message), request);
  }

  /** A request finds out what the remote is, by itself where that can be. */
  async #open(request: PendingRequest): Promise<Outcome> {
    const { era, log } = this.#options;
    if (era.known === 'legacy') {
      const outcome = await this.#asLegacy(request);
      if (era.isPinned || !saysModern(outcome)) return outcome;
      log.info('the server has gone over to the modern protocol');
    }
    return request.isLasting || isRetry(request.params) ? this.#askFirst(request) : this.#asModern(request);
  }

  /**
   * A subscription may stay open for hours, and no answer to it comes in between. And a retry must not reach a legacy
   * server, which would take it for a call of its own.
   */
  async #askFirst(request: PendingRequest): Promise<Outcome> {
    const remote = await this.#modern();
    if (this.#options.era.known !== 'modern') {
      const { verdict, outcome } = await this.#probe(request);
      if (verdict.era !== 'legacy' && verdict.era !== 'modern')
        return outcome.kind === 'done' ? this.#withoutCommonRevision() : outcome;
      this.#settle(verdict.era === 'legacy' ? await this.#legacy() : remote, verdict.era);
    }
    return this.#sendTo(this.#remote ?? remote, request);
  }

  #withoutCommonRevision(): Outcome {
    const error = new DrawbridgeError(
      'other-era',
      `${this.#options.host} speaks no revision of the protocol that the bridge knows.`,
    );
    return { kind: 'failed', error, mayHaveRun: false };
  }

  /** Keeps a subscription, also while nobody is signed in. */
  async #subscribe(request: PendingRequest): Promise<Outcome> {
    for (;;) {
      const outcome = await this.#cross(request);
      // Where the user's own header is the credential, nobody will sign in.
      const isFinal = this.#options.authorizer instanceof FixedCredentials;
      if (outcome.kind !== 'challenged' || request.settled || isFinal) return outcome;
      await this.#promised.hold(request);
      if (request.settled) return { kind: 'done' };
    }
  }

  async #asLegacy(request: PendingRequest): Promise<Outcome> {
    const translation = await this.#legacy();
    const outcome = await this.#through(translation, request);
    if (outcome.kind === 'done') this.#settle(translation, 'legacy');
    return outcome;
  }

  async #asModern(request: PendingRequest): Promise<Outcome> {
    const { era } = this.#options;
    const remote = await this.#modern();
    const { leg, outcome } = await this.#exchange(remote, request);
    if (request.settled) return { kind: 'done' };
    const verdict = era.isPinned ? modern : await this.#verdictOf(request, leg, outcome);
    if (verdict.era === 'legacy') {
      const wasRefused = outcome.kind === 'failed' || request.method === 'server/discover';
      if (wasRefused) return this.#asLegacy(request);
      era.found('legacy');
      if (leg.answer) return this.#deliverError(leg.answer, request);
    } else if (verdict.era === 'modern' && (leg.answer || saysModern(outcome)))
      this.#settle(remote, 'modern');
    return this.#deliver(leg, request) ?? outcome;
  }

  async #verdictOf(request: PendingRequest, leg: Leg, outcome: Outcome): Promise<Verdict> {
    if (request.method === 'server/discover') return verdictOfDiscover(outcome, leg.answer?.message);
    const { error, result } = leg.answer?.message ?? {};
    if (result !== undefined) return isObject(result) && 'resultType' in result ? modern : unknown;
    if (saysModern(outcome) || (isObject(error) && isModernCode(error.code))) return modern;
    return error !== undefined || isRefused(outcome) ? (await this.#probe(request)).verdict : unknown;
  }

  /** Asks the server itself, where the client's own words have not told. */
  async #probe(request: PendingRequest): Promise<{ verdict: Verdict; outcome: Outcome }> {
    const id = this.#options.newId();
    const method = 'server/discover';
    const given = metaOf(request.params);
    const keys = [metaKeys.protocolVersion, metaKeys.clientInfo, metaKeys.clientCapabilities];
    const params = { _meta: Object.fromEntries(keys.map((key) => [key, given[key]])) };
    const body = JSON.stringify({ jsonrpc: '2.0', id, method, params });
    const leg = new Leg(request, { id, method, params, body, mayAskUser: false });
    const outcome = await leg.ending(this.#sendTo(await this.#modern(), leg));
    return { verdict: verdictOfDiscover(outcome, leg.answer?.message), outcome };
  }

  /** @returns whether somebody has signed in before the client loses its patience */
  async #awaitSignIn(request: PendingRequest): Promise<boolean> {
    const { signIn } = this.#options.authorizer;
    const left = request.since + PROBE_PATIENCE - performance.now();
    if (!signIn || left <= 0) return false;
    const settled = signIn.settled.then((error) => error === undefined);
    const over = new AbortController();
    try {
      return await Promise.race([settled, sleep(left, over.signal).then(() => false)]);
    } finally {
      over.abort();
    }
  }

  #settle(remote: ModernRemote, era: 'legacy' | 'modern'): void {
    this.#remote = remote;
    this.#options.era.found(era);
  }

  async #modern(): Promise<ModernRemote> {
    this.#http ??= this.#options.createHttp(this);
    return this.#http;
  }

  async #legacy(): Promise<ModernRemote> {
    this.#translating ??= this.#options.createTranslation(this);
    this.#translation = await this.#translating;
    return this.#translation;
  }
}

/** Whether a server has refused in a way that only one of the modern era does. */
function saysModern(outcome: Outcome): boolean {
  return outcome.kind === 'failed' && isModernError(outcome.answer);
}

/** Whether the server has said no to the request itself, by a status that is no trouble of the moment. */
function isRefused(outcome: Outcome): boolean {
  if (outcome.kind !== 'failed') return false;
  const { status } = outcome.error.details;
  return typeof status === 'number' && status >= 400 && status < 500;
}
