import { DrawbridgeError } from '../../errors.ts';
import { setMember } from '../../json-edit.ts';
import { findMember } from '../../json-text.ts';
import { isModernCode } from '../../remote/http-answer.ts';
import {
  isRequest,
  type ModernRemote,
  type Outcome,
  type OutgoingMessage,
  type OutgoingRequest,
  type RemoteSink,
} from '../../remote/transport.ts';
import { metaKeys, metaOf } from '../../revisions.ts';
import type { EngineOptions } from './legacy-engine.ts';
import type { Call } from './modern-client-call.ts';
import { legacyCapabilities } from './modern-client-requests.ts';
import { TranslatedSession } from './modern-client-session.ts';
import { methodRow, modernErrorCode, staleClientNotifications } from './modern-client-tables.ts';
import { bindingOf, canonical, Parking } from './parking.ts';
import { isRetry } from './terms.ts';

export interface ModernClientOptions extends EngineOptions {
  /** Where answers and notifications for the client go, in the modern form. */
  sink: RemoteSink;
}

/** So many sessions at most, each for another set of capabilities; what is beyond shares the first (B-58). */
const MAX_SESSIONS = 4;
const INTERNAL_ERROR = -32603;

/**
 * Speaks to a legacy server in the name of a client of the revision 2026-07-28: that says with each request who it is
 * and what it can do, a legacy server is told once for a session. What the server asks in the course of a request
 * becomes the answer to it, and the client's retry its continuation (checklist 3.5).
 */
export class ModernClientTranslation implements ModernRemote {
  readonly #options: ModernClientOptions;
  readonly #sessions = new Map<string, TranslatedSession>();
  readonly #parking: Parking<Call>;

  /** @param parking where calls wait for the client */
  constructor(options: ModernClientOptions, parking = new Parking<Call>()) {
    this.#options = options;
    this.#parking = parking;
  }

  async send(message: OutgoingMessage | OutgoingRequest): Promise<Outcome> {
    if (!isRequest(message)) return this.#notify(message);
    const { method, params } = message;
    const { handling, mayAsk } = methodRow(method);
    if (handling === 'refuse') return failed('unknown-method', `Method not found: ${method.slice(0, 100)}`);
    if (mayAsk && isRetry(params)) return this.#resume(message, params.requestState);
    const session = this.#sessionFor(params);
    const outcome = await session.serve(message);
    // No conversation hangs on the terms of a session: what has not run yet goes on under new ones.
    const isOver = ![...this.#sessions.values()].includes(session);
    const canGoOn = !message.settled && !message.acknowledged && neverRan(outcome);
    return withModernCode(isOver && canGoOn ? await this.#sessionFor(params).serve(message) : outcome);
  }

  signedIn(): void {
    for (const { engine } of this.#sessions.values()) engine.listen();
  }

  async close(timeout: number): Promise<void> {
    this.#parking.close();
    await Promise.all([...this.#sessions.values()].map(({ engine }) => engine.close(timeout)));
  }

  async #resume(request: OutgoingRequest, state: unknown): Promise<Outcome> {
    const call = this.#parking.claim(state, bindingOf(request.method, request.params));
    if (call) return call.resume(request);
    return failed(
      'invalid-params',
      'This requestState is not known here: it was used, is too old, or belongs to another request or start of the bridge. The request was not run again, and may have run before; send it anew without requestState to run it.',
    );
  }

  async #notify({ body, method }: OutgoingMessage): Promise<Outcome> {
    if (method !== undefined && staleClientNotifications.has(method)) return { kind: 'done' };
    const text = body.toString();
    const { params } = JSON.parse(text) as { params?: unknown };
    const declares = metaKeys.clientCapabilities in metaOf(params);
    const [first] = this.#sessions.values();
    const session = declares || !first ? this.#sessionFor(params) : first;
    return session.notify(text, method);
  }

  #sessionFor(params: unknown): TranslatedSession {
    const declared = legacyCapabilities(metaOf(params)[metaKeys.clientCapabilities]);
    const key = canonical(declared);
    const [first] = this.#sessions.values();
    const known = this.#sessions.get(key) ?? (this.#sessions.size >= MAX_SESSIONS ? first : undefined);
    if (known) return known;
    const options = {
      ...this.#options,
      parking: this.#parking,
      onLostForGood: () => this.#sessions.delete(key),
    };
    const session = new TranslatedSession(options, params);
    this.#sessions.set(key, session);
    return session;
  }
}

function neverRan(outcome: Outcome): boolean {
  return outcome.kind === 'failed' && outcome.error.reason === 'session-lost' && !outcome.mayHaveRun;
}

/** What the server said against a session, under a code that a modern client may see (M-35); the era's own stay (B-14). */
function withModernCode(outcome: Outcome): Outcome {
  if (outcome.kind !== 'failed' || !outcome.answer || isModernCode(outcome.answer.code)) return outcome;
  const { answer } = outcome;
  const code = Number.isInteger(answer.code) ? modernErrorCode(answer.code) : INTERNAL_ERROR;
  if (code === answer.code) return outcome;
  const original = findMember(answer.text, 'code');
  const json = original ? answer.text.slice(original.start, original.end) : 'null';
  const text = setMember(answer.text, ['data', 'originalCode'], json);
  return { ...outcome, answer: { text: setMember(text, ['code'], String(code)), code } };
}

function failed(reason: 'unknown-method' | 'invalid-params', message: string): Outcome {
  return { kind: 'failed', error: new DrawbridgeError(reason, message), mayHaveRun: false };
}
