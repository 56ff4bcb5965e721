import type { MessageText } from '../../byte-text.ts';
import { asDrawbridgeError, DrawbridgeError } from '../../errors.ts';
import { setMember } from '../../json-edit.ts';
import { isObject, type JsonRpcRequest } from '../../jsonrpc.ts';
import { sleep } from '../../platform/sleep.ts';
import { backoff } from '../../remote/retry.ts';
import type { Outcome, OutgoingRequest } from '../../remote/transport.ts';
import { metaKeys, metaOf } from '../../revisions.ts';
import { cancelled } from '../message-text.ts';
import { type Answer, PendingRequest } from '../pending-requests.ts';
import { refusals } from '../refusals.ts';
import { type LegacyEngine, outcomeOf } from './legacy-engine.ts';
import {
  inputRequiredAnswer,
  type ModernAnswer,
  modernAnswer,
  type ServerFacts,
  stoppedAnswer,
} from './modern-client-answers.ts';
import { Asks } from './modern-client-asks.ts';
import { legacyRequest } from './modern-client-requests.ts';
import { methodRow, needsPages, undeclared } from './modern-client-tables.ts';
import { bindingOf, type Parkable, type Parking } from './parking.ts';

/** Requests of the server's that come within so many milliseconds go to the client in one answer. */
const GATHERING = 20;
/** So often is a call made again because pages were to be visited first. */
const MAX_REPLAYS = 8;
/** So many streams may break before the result of a task is given up. */
const MAX_LOST = 5;

/** What a call needs of the session that it is made in. */
export interface CallHost {
  readonly engine: LegacyEngine;
  readonly facts: ServerFacts;
  readonly parking: Parking<Call>;
  newId(): string;
  /** From now on messages of the server's about `id` are the call's. */
  track(id: string, call: Call): void;
  /** The call is over. */
  forget(call: Call): void;
  /** A request of the client's carries the call, up to its answer. */
  carried(request: OutgoingRequest): Promise<void> | undefined;
  /** Nothing more is told to that request. */
  left(request: OutgoingRequest): void;
  answer(request: OutgoingRequest, answer: ModernAnswer): void;
  /** Whether a tool is known to run as a task only. */
  isTask(params: unknown): boolean;
  noteTask(params: unknown): void;
  noteTools(result: Record<string, unknown>): void;
}

/** A request of the client's that waits for this call. */
interface Bearer {
  request: OutgoingRequest;
  resolve: (outcome: Outcome) => void;
}

type Ending = { answer: Answer } | { outcome: Exclude<Outcome, { kind: 'done' }> };

/**
 * One request to a legacy server, carried by one request of a modern client after another: whenever the server asks
 * something in its course, the client is answered with that, and its retry brings the answers (B-60).
 */
export class Call implements Parkable {
  readonly #host: CallHost;
  readonly #method: string;
  readonly #params: unknown;
  readonly #body: string;
  readonly #asks = new Asks();
  readonly #ids: string[] = [];
  #bearer: Bearer | undefined;
  /** What the client's latest request has declared. */
  #capabilities: unknown;
  #upstream: PendingRequest | undefined;
  /** Where the server runs it as a task: its id, once that is known. */
  #task: { id: string | undefined } | undefined;
  /** How the streams broke on which its result was awaited. */
  readonly #lost: DrawbridgeError[] = [];
  #ending: Ending | undefined;
  #gathering: NodeJS.Timeout | undefined;
  #replays = 0;
  /** Whether the server has refused it until the user has visited some pages: it has not run, and is to be sent again. */
  #awaitsPages = false;
  #isReleased = false;

  constructor(host: CallHost, request: OutgoingRequest) {
    this.#host = host;
    this.#method = request.method;
    this.#params = request.params;
    this.#body = request.body.toString();
  }

  get ids(): readonly string[] {
    return this.#ids;
  }

  /** Whether the server may ask the client something in its course. */
  get mayAsk(): boolean {
    return methodRow(this.#method).mayAsk === true && !this.#ending;
  }

  /** The client's request in flight; undefined while the call waits for the next one. */
  get request(): OutgoingRequest | undefined {
    return this.#bearer?.request;
  }

  /** Makes the call. @returns how the client's request ended */
  start(request: OutgoingRequest): Promise<Outcome> {
    const ended = this.#carry(request);
    void this.#begin(request);
    return ended;
  }

  /** Goes on with the client's retry. @returns how that ended */
  resume(request: OutgoingRequest): Promise<Outcome> {
    const ended = this.#carry(request);
    void this.#host.carried(request);
    if (this.#ending) this.#deliver(this.#ending);
    else this.#takeAnswers(request);
    return ended;
  }

  /** Takes in a request of the server's. @returns why it can't be answered */
  ask(text: MessageText, message: JsonRpcRequest): { code: number; message: string } | undefined {
    const problem = undeclared(message.method, message.params, this.#capabilities);
    if (problem) return problem;
    if (!this.#asks.add(text, message))
      return { code: -32603, message: 'Too many requests wait for the client.' };
    this.#gather();
    return undefined;
  }

  /** The server takes back a request of its own. @returns whether it was made in the course of this call */
  withdraw(id: unknown): boolean {
    return this.#asks.withdraw(id);
  }

  /** The progress of the server's work in the client's words; undefined where the client has not asked for it (B-87). */
  progress(text: string): string | undefined {
    const token = metaOf(this.request?.params).progressToken;
    const isToken = typeof token === 'string' || typeof token === 'number';
    return isToken ? setMember(text, ['params', 'progressToken'], JSON.stringify(token)) : undefined;
  }

  /** The session is gone, and what the server has asked in it can't be answered any more (B-62, B-71). */
  sessionEnded(): void {
    if (this.#asks.size > 0 && this.#upstream && !this.#upstream.settled)
      this.#upstream.fail(lostWithSession());
  }

  /** Nobody waits for it any longer: the server is told (B-63). */
  release(): void {
    if (this.#isReleased) return;
    this.#isReleased = true;
    clearTimeout(this.#gathering);
    const { engine } = this.#host;
    for (const response of this.#asks.giveUp()) void engine.post(response);
    this.#host.forget(this);
    const upstream = this.#upstream;
    if (!upstream || this.#ending) return;
    // Its task can only be cancelled when its id is known.
    if (this.#task && this.#task.id === undefined) return;
    const isUnderWay = upstream.abort !== undefined && upstream.challengedAt === undefined;
    const hasLeft = !upstream.settled && isUnderWay;
    upstream.cancel();
    const told = hasLeft || this.#task ? this.#cancelUpstream(upstream) : Promise.resolve();
    // Closing a stream cancels nothing in the legacy era, so it is closed after the server was told.
    void told.then(() => upstream.abort?.(refusals.shuttingDown()));
  }

  async #begin(request: OutgoingRequest): Promise<void> {
    const opened = await this.#host.engine.open(request);
    if (opened.kind !== 'done') return this.#end({ outcome: opened });
    await this.#host.carried(request);
    if (!this.#isReleased) this.#send(this.#host.isTask(this.#params));
  }

  // ---- the client's side -----------------------------------------------------------------------------------------

  #carry(request: OutgoingRequest): Promise<Outcome> {
    this.#capabilities = metaOf(request.params)[metaKeys.clientCapabilities];
    request.abort = (error) => this.#abandon(request, error);
    return new Promise((resolve) => {
      this.#bearer = { request, resolve };
    });
  }

  #abandon(request: OutgoingRequest, error: DrawbridgeError): void {
    if (this.#bearer?.request !== request) return;
    this.#leave(request.settled ? { kind: 'done' } : { kind: 'failed', error, mayHaveRun: true });
    this.release();
  }

  #leave(outcome: Outcome): void {
    const bearer = this.#bearer;
    if (!bearer) return;
    this.#bearer = undefined;
    bearer.request.abort = undefined;
    this.#host.left(bearer.request);
    bearer.resolve(outcome);
  }

  #answer(request: OutgoingRequest, answer: ModernAnswer): void {
    request.abort = undefined;
    this.#host.answer(request, answer);
    this.#leave({ kind: 'done' });
  }

  #takeAnswers(request: OutgoingRequest): void {
    const { engine, facts } = this.#host;
    const responses = isObject(request.params) ? request.params.inputResponses : undefined;
    const { posts, pages } = this.#asks.answer(request.body.toString(), responses, engine.protocolVersion);
    for (const response of posts) void this.#post(response);
    if (pages.some((action) => action !== 'accept')) {
      const message = 'The user did not open the page that the server asked for, so the call was not made.';
      this.#answer(request, stoppedAnswer(request.id, this.#method, message, facts));
      return this.release();
    }
    if (this.#asks.size > 0) this.#gather();
    else if (this.#awaitsPages) this.#send(this.#task !== undefined);
  }

  async #post(response: string): Promise<void> {
    const outcome = await this.#host.engine.post(response);
    if (outcome.kind !== 'done') this.#upstream?.fail(outcome.error);
  }

  #gather(): void {
    this.#gathering ??= setTimeout(() => {
      this.#gathering = undefined;
      if (this.#asks.size > 0 && !this.#ending && !this.#isReleased) this.#park();
    }, GATHERING);
  }

  /** Hands the server's requests to the client, which then comes back with another request of its own. */
  #park(): void {
    const request = this.#bearer?.request;
    if (!request) return;
    const { parking, facts } = this.#host;
    const state = parking.park(this, bindingOf(this.#method, this.#params));
    this.#answer(request, inputRequiredAnswer(request.id, this.#asks.show(), state, facts));
  }

  // ---- the server's side -----------------------------------------------------------------------------------------

  #send(asTask: boolean): void {
    this.#awaitsPages = false;
    if (asTask) this.#task = { id: undefined };
    const id = this.#host.newId();
    this.#sendUpstream(id, this.#method, legacyRequest(this.#body, this.#method, this.#params, id, asTask));
  }

  #sendUpstream(id: string, method: string, body: string): void {
    const upstream: PendingRequest = new PendingRequest({ id, method, body }, undefined, (answer) => {
      if (answer) this.#answered(upstream, answer);
    });
    upstream.accompany(() => (this.#bearer ? [this.#bearer.request] : []));
    this.#upstream = upstream;
    this.#ids.push(id);
    this.#host.track(id, this);
    void this.#follow(upstream);
  }

  async #follow(upstream: PendingRequest): Promise<void> {
    const outcome = await this.#host.engine.forward(upstream);
    if (upstream.settled) return;
    if (outcome.kind === 'done') upstream.fail(refusals.lostInBridge());
    else this.#end({ outcome });
  }

  #answered(upstream: PendingRequest, answer: Answer): void {
    const { failure } = upstream;
    const { error, result } = answer.message;
    const task = isObject(result) && isObject(result.task) ? result.task.taskId : undefined;
    const isTask = this.#task !== undefined && this.#task.id === undefined && typeof task === 'string';
    if (this.#isReleased) {
      if (isTask) void this.#cancelTask(task);
      return;
    }
    if (failure?.reason === 'stream-lost' && this.#task?.id !== undefined && this.#lost.length < MAX_LOST) {
      this.#lost.push(failure);
      return void this.#awaitTaskAgain(this.#task.id);
    }
    const [lost] = this.#lost;
    if (failure || (lost && error !== undefined))
      return this.#end({ outcome: outcomeOf(lost ?? (failure as DrawbridgeError), true) });
    const code = isObject(error) ? error.code : undefined;
    if (needsPages(this.#method, error) && this.#demandPages(error)) return;
    if (isTask) return this.#awaitTask(task);
    // A tool that runs as a task only says so by this error, before anything has run (B-77).
    const mayBeTask = this.#method === 'tools/call' && !this.#task && this.#host.facts.hasToolTasks;
    if (code === -32601 && mayBeTask) return this.#send(true);
    this.#end({ answer });
  }

  #awaitTask(taskId: string): void {
    this.#task = { id: taskId };
    this.#host.noteTask(this.#params);
    const id = this.#host.newId();
    const method = 'tasks/result';
    this.#sendUpstream(id, method, JSON.stringify({ jsonrpc: '2.0', id, method, params: { taskId } }));
  }

  /** The task goes on without the stream, and its result can be asked for any number of times. */
  async #awaitTaskAgain(taskId: string): Promise<void> {
    await sleep(backoff(this.#lost.length));
    if (!this.#isReleased) this.#awaitTask(taskId);
  }

  /** The user has to visit pages before the call is made again. @returns false where that is no way out (B-68) */
  #demandPages(error: unknown): boolean {
    const data = isObject(error) ? error.data : undefined;
    const method = 'elicitation/create';
    if (undeclared(method, { mode: 'url' }, this.#capabilities)) return false;
    if (++this.#replays > MAX_REPLAYS || !this.#asks.addPages(isObject(data) ? data.elicitations : undefined))
      return false;
    this.#awaitsPages = true;
    this.#gather();
    return true;
  }

  #end(ending: Ending): void {
    if (this.#ending || this.#isReleased) return;
    this.#ending = ending;
    clearTimeout(this.#gathering);
    this.#asks.giveUp();
    this.#host.forget(this);
    if (this.#bearer) this.#deliver(ending);
  }

  #deliver(ending: Ending): void {
    const request = this.#bearer?.request;
    if (!request) return;
    if ('outcome' in ending) return this.#leave(ending.outcome);
    try {
      const { result } = ending.answer.message;
      if (this.#method === 'tools/list' && isObject(result)) this.#host.noteTools(result);
      this.#answer(request, modernAnswer(request, this.#capabilities, ending.answer, this.#host.facts));
    } catch (error) {
      this.#leave(outcomeOf(asDrawbridgeError(error), true));
    }
  }

  async #cancelUpstream(upstream: PendingRequest): Promise<void> {
    if (this.#task?.id !== undefined) return this.#cancelTask(this.#task.id);
    const text = cancelled(upstream.id, 'The client gave the request up');
    await this.#host.engine.post(text, 'notifications/cancelled');
  }

  /** A task goes on when the request that began it is cancelled (MCP 2025-11-25, Tasks, Cancellation). */
  async #cancelTask(taskId: string): Promise<void> {
    await this.#host.engine.ask('tasks/cancel', { taskId }).catch(asDrawbridgeError);
  }
}

function lostWithSession(): DrawbridgeError {
  return new DrawbridgeError(
    'session-lost',
    'The server ended its session while it waited for the answers; the request may have run in part, and is not run again.',
  );
}
