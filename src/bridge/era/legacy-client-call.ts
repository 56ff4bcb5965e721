import type { MessageText } from '../../byte-text.ts';
import { DrawbridgeError, displayText } from '../../errors.ts';
import { removeMembers, setMember } from '../../json-edit.ts';
import { findMember, withId } from '../../json-text.ts';
import { isObject, type JsonRpcMessage } from '../../jsonrpc.ts';
import type { Logger } from '../../logger.ts';
import { sleep } from '../../platform/sleep.ts';
import { isStrangeRefusal } from '../../remote/http-answer.ts';
import type { ModernRemote, Outcome, OutgoingRequest, RemoteSink, Session } from '../../remote/transport.ts';
import { metaOf } from '../../revisions.ts';
import { type Answer, errorAnswer } from '../pending-requests.ts';
import { refusals } from '../refusals.ts';
import { type ClientInputs, InputRound, PULSE, questionsIn } from './input-rounds.ts';
import { edited } from './legacy-client-bytes.ts';
import { failureAnswer, legacyErrorAnswer } from './legacy-client-errors.ts';
import { exchange, type OwnLeg } from './legacy-client-exchange.ts';
import type { ClientSelf, RequestMeta } from './legacy-client-meta.ts';
import { legacyAnswer } from './legacy-client-results.ts';
import { mayAskBack } from './legacy-client-tables.ts';

/** What all calls of a client share. */
export interface Conversation {
  readonly remote: ModernRemote;
  /** Where the client's side is. */
  readonly sink: RemoteSink;
  readonly inputs: ClientInputs;
  readonly self: ClientSelf;
  readonly meta: RequestMeta;
  readonly newId: () => string;
  readonly log: Logger;
  readonly session: Session | undefined;
  /** Asks the server again which revisions it speaks. @returns why it is of no use; undefined: what is known is renewed */
  probe(request: OutgoingRequest): Promise<Outcome | undefined>;
}

const MAX_ROUNDS = 10;
/** Between two tries where the server asks for nothing but another try, in milliseconds. */
const PACE = 250;

/** What the server is told of the rounds so far, and nothing of earlier ones. */
interface RoundState {
  responses?: string | undefined;
  requestState?: string | undefined;
}

/** One request of a legacy client, through as many exchanges with the modern server as it takes to answer it. */
export class Call {
  readonly #request: OutgoingRequest;
  readonly #conversation: Conversation;
  readonly #stopped = new AbortController();
  #leg: OwnLeg | undefined;
  #round: InputRound | undefined;
  #progress = Number.NEGATIVE_INFINITY;
  /** The links that the user has opened: the client learns when they were of use. */
  readonly #openedLinks: string[] = [];

  constructor(request: OutgoingRequest, conversation: Conversation) {
    this.#request = request;
    this.#conversation = conversation;
  }

  /** Resolves when the request is answered, or how it failed. */
  async run(): Promise<Outcome> {
    const request = this.#request;
    const abort = (error: DrawbridgeError): void => this.stop(error);
    request.abort = abort;
    try {
      return await this.#run();
    } finally {
      if (request.abort === abort) request.abort = undefined;
    }
  }

  /** Ends what is under way: the stream, which tells a modern server to stop, and the questions to the client. */
  stop(error: DrawbridgeError): void {
    this.#stopped.abort();
    this.#round?.stop();
    this.#leg?.abort?.(error);
  }

  async #run(): Promise<Outcome> {
    const request = this.#request;
    let state: RoundState = {};
    let hasProbed = false;
    for (let legs = 0, rounds = 0; ; legs++) {
      const { leg, outcome } = await this.#send(state, legs === 0);
      // How a sign-in ended is worth knowing, though nobody waits for this any more.
      if (this.#isOver) return outcome.kind === 'challenged' ? outcome : { kind: 'done' };
      const { text, message } = leg.answer ?? {};
      if (text !== undefined && message?.error === undefined) {
        const result = isObject(message?.result) ? message.result : {};
        const { resultType = 'complete' } = result;
        if (resultType === 'complete') return this.#complete(text, result);
        if (resultType !== 'input_required' || !mayAskBack.has(request.method))
          return invalid(
            `its result is of a type (${displayText(String(resultType), 40)}) that nobody asked for`,
          );
        if (++rounds > MAX_ROUNDS) return invalid(`it asked for more than ${MAX_ROUNDS} times`);
        const next = await this.#ask(text.toString(), result);
        if (this.#isOver) return { kind: 'done' };
        if ('kind' in next) return next;
        state = next;
        continue;
      }
      if (!hasProbed && rounds === 0 && isStrangeRefusal(outcome)) {
        hasProbed = true;
        const { session } = this.#conversation;
        const useless = await this.#conversation.probe(request);
        if (this.#isOver) return { kind: 'done' };
        // The server is another one now, and the request has not run: it is for a new session.
        if (session && useless?.kind === 'failed' && useless.error.reason === 'other-era')
          return { kind: 'session-expired', session, error: useless.error };
      }
      const error = text === undefined ? refusalIn(outcome) : memberText(text.toString(), 'error');
      if (error === undefined) return this.#fail(outcome, rounds > 0);
      const answer = legacyErrorAnswer(request, error);
      if (answer !== 'probe-again') return this.#answer(answer);
      if (hasProbed) return invalid('it takes none of the protocol revisions that it lists');
      hasProbed = true;
      const useless = await this.#conversation.probe(request);
      if (this.#isOver) return { kind: 'done' };
      if (useless) return useless;
    }
  }

  get #isOver(): boolean {
    return this.#request.settled || this.#stopped.signal.aborted;
  }

  #send({ responses, requestState }: RoundState, isFirst: boolean) {
    const request = this.#request;
    const { remote, meta, newId } = this.#conversation;
    const id = isFirst ? request.id : newId();
    const translate = (json: string): string => meta.into(withoutTask(json, request), request.params);
    let body = edited(request.body, translate);
    if (!isFirst) {
      let json = withId(body.toString(), id);
      if (responses !== undefined) json = setMember(json, ['params', 'inputResponses'], responses);
      if (requestState !== undefined) json = setMember(json, ['params', 'requestState'], requestState);
      body = json;
    }
    const onMessage = (text: MessageText, message: JsonRpcMessage) => this.#pass(text, message);
    return exchange(remote, request, { id, body, params: meta.params(request.params), onMessage }, (leg) => {
      this.#leg = leg;
    });
  }

  // ---- rounds ----------------------------------------------------------------------------------------------------

  /** Puts the server's questions to the client. @returns what the next try says, or how it all ended */
  async #ask(text: string, result: Record<string, unknown>): Promise<RoundState | Outcome> {
    const { inputs, self } = this.#conversation;
    const requestState = memberText(text, 'result', 'requestState');
    const json = isObject(result.inputRequests) ? memberText(text, 'result', 'inputRequests') : undefined;
    if (json === undefined && requestState === undefined)
      return invalid('it asks for more and does not say what');
    let questions: ReturnType<typeof questionsIn>;
    try {
      questions = json === undefined ? [] : questionsIn(json, self);
    } catch (error) {
      if (error instanceof DrawbridgeError) return { kind: 'failed', error, mayHaveRun: false };
      throw error;
    }
    if (questions.length === 0) {
      await sleep(PACE, this.#stopped.signal);
      return { requestState, responses: json && '{}' };
    }
    this.#stayAlive();
    this.#round = new InputRound(inputs, questions);
    const end = await this.#round.run(() => {
      this.#stayAlive();
      this.#showProgress();
    });
    this.#round = undefined;
    if (!end) return { kind: 'done' };
    if (end.kind === 'refused') return this.#answer(failureAnswer(this.#request, end.why));
    this.#openedLinks.push(...end.opened);
    return { requestState, responses: end.responses };
  }

  /** A person takes longer than a server may. */
  #stayAlive(): void {
    this.#request.alive('stream');
    this.#request.postpone(PULSE);
  }

  /** Clients that wait for as long as there is progress go on waiting. */
  #showProgress(): void {
    const { progressToken } = metaOf(this.#request.params);
    if (progressToken === undefined) return;
    this.#progress = Math.max(0, this.#progress) + 0.001;
    const params = { progressToken, progress: this.#progress, message: 'Waiting for an answer of yours' };
    this.#notify('notifications/progress', params);
  }

  // ---- toward the client -----------------------------------------------------------------------------------------

  /** Passes on what the server says while it works. */
  #pass(text: MessageText, message: JsonRpcMessage): void {
    const { sink, log } = this.#conversation;
    if (message.kind !== 'notification' || message.method === 'notifications/cancelled')
      return log.warn('message on the stream of a request dropped', { method: this.#request.method });
    if (message.method === 'notifications/progress' && !this.#rises(message.params)) return;
    sink.receive(text, message, this.#request);
  }

  /** Each round counts from the beginning, and what the client sees may only rise (MCP, Progress). */
  #rises(params: unknown): boolean {
    const progress = isObject(params) ? params.progress : undefined;
    if (typeof progress !== 'number') return true;
    if (progress <= this.#progress) return false;
    this.#progress = progress;
    return true;
  }

  #complete(text: MessageText, result: Record<string, unknown>): Outcome {
    const { id, method } = this.#request;
    const { self } = this.#conversation;
    for (const elicitationId of this.#openedLinks)
      this.#notify('notifications/elicitation/complete', { elicitationId });
    const clean = edited(text, (json) => legacyAnswer(json, method, result, self.revision));
    const own = this.#leg?.answer?.message.id === id ? clean : withId(clean.toString(), id);
    return this.#answer({ text: own, message: { kind: 'response', id, result } });
  }

  #answer({ text, message }: Answer): Outcome {
    this.#conversation.sink.receive(text, message, this.#request);
    return { kind: 'done' };
  }

  #notify(method: string, params: Record<string, unknown>): void {
    const text = JSON.stringify({ jsonrpc: '2.0', method, params });
    this.#conversation.sink.receive(text, { kind: 'notification', method, params }, this.#request);
  }

  /** @param hasAsked what the client has answered is not asked a second time, whoever tries again */
  #fail(outcome: Outcome, hasAsked: boolean): Outcome {
    if (outcome.kind === 'done') return { kind: 'failed', error: refusals.lostInBridge(), mayHaveRun: true };
    const { error } = outcome;
    if (hasAsked && outcome.kind === 'failed')
      return this.#answer(errorAnswer(this.#request.id, error, this.#request.method));
    return outcome.kind === 'busy' ? { kind: 'failed', error, mayHaveRun: false } : outcome;
  }
}

/** The form of tasks that the legacy era has is not one that a modern server knows. */
function withoutTask(text: string, { method, params }: OutgoingRequest): string {
  if (method !== 'tools/call' || !isObject(params) || params.task === undefined) return text;
  return removeMembers(text, ['params'], (key) => key === 'task');
}

function refusalIn(outcome: Outcome): string | undefined {
  return outcome.kind === 'failed' ? outcome.answer?.text : undefined;
}

function memberText(text: string, ...path: string[]): string | undefined {
  const span = findMember(text, ...path);
  return span && text.slice(span.start, span.end);
}

function invalid(how: string): Outcome {
  const error = new DrawbridgeError('invalid-answer', `The server's answer can't be taken: ${how}.`);
  return { kind: 'failed', error, mayHaveRun: true };
}
