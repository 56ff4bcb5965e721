import { DrawbridgeError, displayText } from '../../errors.ts';
import { removeMembers } from '../../json-edit.ts';
import { findMember, members } from '../../json-text.ts';
import { classify, isObject, type JsonRpcResponse, type MessageId } from '../../jsonrpc.ts';
import type { RemoteSink } from '../../remote/transport.ts';
import { cancelled } from '../message-text.ts';
import { type InputKind, inputKinds } from './input-rounds-kinds.ts';
import type { ClientSelf } from './legacy-client-meta.ts';

/** How long the client, and the person before it, may take for the questions of one round, in milliseconds. */
const ROUND_LIMIT = 10 * 60_000;
/** How often the request that waits is said to be alive, in milliseconds. */
export const PULSE = 20_000;
/** So many questions may one answer of a server's hold, and so many may the client have before it in all. */
const MAX_IN_ROUND = 64;
const MAX_OPEN = 256;

/** A question to the client, made from an entry of `inputRequests`. */
interface Question {
  key: string;
  method: string;
  kind: InputKind;
  /** JSON; undefined where the client's revision has no form for it. */
  params: string | undefined;
  /** The name of a link, by which the client is told later that it was dealt with. */
  elicitationId: string | undefined;
}

/** How a round ended. */
export type RoundEnd =
  /** `responses` is the `inputResponses` of the next try, JSON; `opened` names the links that the user has opened. */
  | { kind: 'answered'; responses: string; opened: string[] }
  /** The client refused by an error, for which the modern era has no answer; or nobody answered at all. */
  | { kind: 'refused'; why: string };

interface Taken {
  text: string;
  message: JsonRpcResponse;
}

/** The questions that the client has not answered yet, of all requests. */
export class ClientInputs {
  readonly #sink: RemoteSink;
  readonly #newId: () => string;
  readonly #open = new Map<MessageId, (taken: Taken) => void>();

  constructor(sink: RemoteSink, newId: () => string) {
    this.#sink = sink;
    this.#newId = newId;
  }

  /** How many more the client may be asked. */
  get room(): number {
    return MAX_OPEN - this.#open.size;
  }

  /** Takes what the client answers. @returns false where nothing like it is asked */
  take(text: string): boolean {
    const message = classify(JSON.parse(text));
    if (message.kind !== 'response' || message.id === null) return false;
    const give = this.#open.get(message.id);
    this.#open.delete(message.id);
    give?.({ text, message });
    return give !== undefined;
  }

  /** Asks the client. */
  ask({ method, params }: Question): { id: string; answer: Promise<Taken> } {
    const id = this.#newId();
    const answer = new Promise<Taken>((resolve) => this.#open.set(id, resolve));
    const member = params === undefined ? '' : `,"params":${params}`;
    const text = `{"jsonrpc":"2.0","id":${JSON.stringify(id)},"method":${JSON.stringify(method)}${member}}`;
    const parsed: unknown = params === undefined ? undefined : JSON.parse(params);
    this.#sink.receive(text, { kind: 'request', id, method, params: parsed });
    return { id, answer };
  }

  /** Takes a question back that nobody needs an answer to any more. */
  withdraw(id: string): void {
    if (!this.#open.delete(id)) return;
    const text = cancelled(id, 'The request that this was asked for is over');
    const { params } = JSON.parse(text) as { params: unknown };
    this.#sink.receive(text, { kind: 'notification', method: 'notifications/cancelled', params });
  }
}

/**
 * Reads the questions of a server's answer.
 *
 * @param json the answer's `inputRequests`
 * @throws DrawbridgeError where one is of a kind that the client was not declared to know: then none may be asked
 */
export function questionsIn(json: string, self: ClientSelf): Question[] {
  const given: unknown = JSON.parse(json);
  if (!isObject(given)) throw invalid('its questions are no object');
  if (Object.keys(given).length > MAX_IN_ROUND)
    throw invalid(`it asks for more than ${MAX_IN_ROUND} things at once`);
  const spans = new Map(members(json, json.indexOf('{')).map((member) => [member.key, member]));
  return Object.entries(given).map(([key, entry]): Question => {
    const method = isObject(entry) ? entry.method : undefined;
    const kind =
      typeof method === 'string' && Object.hasOwn(inputKinds, method) ? inputKinds[method] : undefined;
    const params = isObject(entry) && isObject(entry.params) ? entry.params : {};
    if (!kind?.isDeclared(params, self.capabilities))
      throw invalid(`it asks for "${displayText(String(method), 60)}", which this client did not offer`);
    const span = spans.get(key);
    const text = span ? json.slice(span.start, span.end) : '{}';
    const at = findMember(text, 'params');
    const own = at && text.slice(at.start, at.end);
    const legacy = own === undefined ? own : kind.toLegacy(own, params, self.revision);
    const isImpossible = own !== undefined && legacy === undefined;
    if (isImpossible && kind.cancel === undefined)
      throw invalid(`it asks for "${method}" in a form that this client's protocol revision does not have`);
    const { elicitationId } = legacy === undefined ? {} : (JSON.parse(legacy) as { elicitationId?: string });
    return {
      key,
      method: String(method),
      kind,
      params: legacy,
      elicitationId: params.mode === 'url' ? elicitationId : undefined,
    };
  });
}

/** The questions of one round, all of them before the client at once. */
export class InputRound {
  readonly #inputs: ClientInputs;
  readonly #questions: readonly Question[];
  readonly #asked: string[] = [];
  #end!: (end: RoundEnd | undefined) => void;

  constructor(inputs: ClientInputs, questions: readonly Question[]) {
    this.#inputs = inputs;
    this.#questions = questions;
  }

  /**
   * Asks, and waits for all answers.
   *
   * @param onPulse called every 20 s while it waits
   * @returns undefined where it was ended by `stop`
   */
  async run(onPulse: () => void): Promise<RoundEnd | undefined> {
    if (this.#questions.length > this.#inputs.room)
      return { kind: 'refused', why: 'Too many questions of the server wait for the client.' };
    const ended = new Promise<RoundEnd | undefined>((resolve) => {
      this.#end = resolve;
    });
    const limit = setTimeout(
      () => this.#end({ kind: 'refused', why: 'Nobody answered what the server asked in time.' }),
      ROUND_LIMIT,
    );
    const pulse = setInterval(onPulse, PULSE);
    try {
      return await Promise.race([ended, this.#collect()]);
    } finally {
      clearTimeout(limit);
      clearInterval(pulse);
      for (const id of this.#asked) this.#inputs.withdraw(id);
    }
  }

  /** Nobody waits any more: what is not answered yet is taken back. */
  stop(): void {
    this.#end?.(undefined);
  }

  async #collect(): Promise<RoundEnd> {
    const opened: string[] = [];
    const parts = this.#questions.map(async (question) => {
      const json = await this.#answerTo(question);
      if (
        question.elicitationId !== undefined &&
        (JSON.parse(json) as { action?: unknown }).action === 'accept'
      )
        opened.push(question.elicitationId);
      return `${JSON.stringify(question.key)}:${json}`;
    });
    try {
      return { kind: 'answered', responses: `{${(await Promise.all(parts)).join(',')}}`, opened };
    } catch (error) {
      if (error instanceof Refused) return { kind: 'refused', why: error.message };
      throw error;
    }
  }

  async #answerTo(question: Question): Promise<string> {
    const { kind, method, params } = question;
    if (params === undefined && kind.cancel !== undefined) return kind.cancel;
    const { id, answer } = this.#inputs.ask(question);
    this.#asked.push(id);
    const { text, message } = await answer;
    const span = isObject(message.result) ? findMember(text, 'result') : undefined;
    if (span) return bare(text.slice(span.start, span.end), message.result as Record<string, unknown>);
    if (kind.cancel !== undefined) return kind.cancel;
    const why = isObject(message.error) ? message.error.message : undefined;
    const words = typeof why === 'string' ? `: ${displayText(why)}` : '.';
    throw new Refused(`The client did not answer what the server asked (${method})${words}`);
  }
}

class Refused extends Error {}

/** The answer without what belongs to its frame. */
function bare(json: string, result: Record<string, unknown>): string {
  const isFrame = (key: string): boolean => key === '_meta' || key === 'resultType';
  return Object.keys(result).some(isFrame) ? removeMembers(json, [], isFrame) : json;
}

function invalid(how: string): DrawbridgeError {
  return new DrawbridgeError('invalid-answer', `The server's answer can't be taken: ${how}.`);
}
