import type { MessageText } from '../byte-text.ts';
import { asDrawbridgeError, DrawbridgeError, displayText } from '../errors.ts';
import { findMember, replaceAt } from '../json-text.ts';
import { isObject, type JsonRpcResponse } from '../jsonrpc.ts';
import type { Logger } from '../logger.ts';
import { sleep } from '../platform/sleep.ts';
import { isHeaderSafe } from '../remote/request-headers.ts';
import { backoff } from '../remote/retry.ts';
import type { Outcome, OutgoingMessage, RemoteTransport, Session } from '../remote/transport.ts';
import type { RequestTimeout } from '../settings.ts';
import { type Answer, PendingRequest } from './pending-requests.ts';

export interface RecoveryOptions {
  transport: () => RemoteTransport;
  /** Sends a request of the bridge's own until it has its answer. */
  sendOwn: (request: PendingRequest) => Promise<Outcome>;
  /** Sends a message that has no answer. */
  post: (message: OutgoingMessage) => Promise<Outcome>;
  newId: () => string;
  requestTimeout: RequestTimeout | undefined;
  /** How often the server is pinged while its session stands, in milliseconds; undefined: never. */
  pingInterval?: number | undefined;
  /** Opens the listening stream of a new session; what it resolves with is waited for. Undefined: until it stands. */
  listen?: () => Promise<void>;
  /** The session that was is no more: what hangs on it is to be let go. */
  onSessionEnded: () => void;
  /** A new session stands; these notifications tell the client what may have changed. */
  onRecovered: (notifications: string[]) => void;
  /** What the server said in answer to an `initialize`. */
  onOpened?: (result: Record<string, unknown>) => void;
  /** The server now speaks another revision, or can do less: the client's picture of it is wrong for good. */
  onContractBroken: (error: DrawbridgeError) => void;
  log: Logger;
}

/** How long the server may take to accept `notifications/initialized` before the rest goes on, in milliseconds. */
export const CONFIRMATION_PATIENCE = 5_000;

/** A session that lasted this long was sound: the next loss is a first one again. */
const SOUND_AFTER = 30_000;

/** What `initialize` settled between client and server, as far as the bridge must know. */
export interface Contract {
  protocolVersion: string | undefined;
  capabilities: Record<string, unknown>;
}

/**
 * Keeps the client's session alive through sessions of the server's: when one is gone, a new one is opened with the
 * client's own words, and what the client had set up in the old is set up again (MCP 2025-11-25, Session Management).
 */
export class SessionRecovery {
  readonly #options: RecoveryOptions;
  #initialize: string | undefined;
  #initialized: string | undefined;
  #contract: Contract | undefined;
  /** The revision that the client was told before the server could be asked. */
  #promisedVersion: string | undefined;
  #logLevel: string | undefined;
  readonly #subscriptions = new Map<string, string>();
  #running: Promise<void> | undefined;
  /** Whether any handshake has been brought to its end; before that there is nothing to recover, only to begin. */
  #established = false;
  /** Since when the session stands, on the clock of `performance.now()`. */
  #since = 0;
  #failures = 0;
  #pings: NodeJS.Timeout | undefined;
  readonly #closed = new AbortController();

  constructor(options: RecoveryOptions) {
    this.#options = options;
  }

  /** The revision that the client was told; undefined before `initialize` was answered. */
  get protocolVersion(): string | undefined {
    return this.#promisedVersion ?? this.#contract?.protocolVersion;
  }

  /** Whether the client has opened a session, or tried to. */
  get isBegun(): boolean {
    return this.#initialize !== undefined;
  }

  /** What the server can do; undefined before it has said so. */
  get contract(): Contract | undefined {
    return this.#contract;
  }

  /** Whether the client has sent `notifications/initialized`: only then may it be asked anything. */
  get isClientReady(): boolean {
    return this.#initialized !== undefined;
  }

  /** Resolves when no recovery is under way; undefined where none is. */
  get running(): Promise<void> | undefined {
    return this.#running;
  }

  /** Whether the client has said how to begin, and no session stands: the bridge can begin in its name. */
  get canBegin(): boolean {
    return !this.#established && this.#initialize !== undefined;
  }

  /** The client opens its session: the words are kept. */
  remember(initialize: MessageText): void {
    this.#initialize = initialize.toString();
    this.#initialized = undefined;
    this.#contract = undefined;
    this.#promisedVersion = undefined;
    this.#established = false;
    this.#logLevel = undefined;
    this.#subscriptions.clear();
  }

  /** The server has answered the client's `initialize`. */
  opened(request: PendingRequest, result: Record<string, unknown>): void {
    this.#contract = contractOf(result);
    this.#useSession(request, this.#contract);
    this.#options.onOpened?.(result);
  }

  /** The client's `initialize` was answered in the server's place: what the server says later breaks no promise. */
  promise(protocolVersion: string): void {
    this.#promisedVersion = protocolVersion;
  }

  /** The client confirms; its words are kept. */
  clientReady(initialized: MessageText): void {
    this.#initialized = initialized.toString();
  }

  /** The client has confirmed; `accepted` says whether the server took it. */
  confirmed(initialized: MessageText, accepted: boolean): void {
    this.#initialized = initialized.toString();
    this.#established = accepted;
    this.#since = performance.now();
    this.#startPings();
  }

  /** Takes note of what a request that the server has granted has set up there. */
  note(method: string, params: unknown, body: MessageText): void {
    const uri = isObject(params) ? String(params.uri) : '';
    if (method === 'logging/setLevel') this.#logLevel = body.toString();
    else if (method === 'resources/subscribe') this.#subscriptions.set(uri, body.toString());
    else if (method === 'resources/unsubscribe') this.#subscriptions.delete(uri);
  }

  /**
   * Opens a new session in place of one that is gone; callers that come while that runs share it.
   *
   * @param lost the session that is gone; undefined where there was none yet
   * @throws DrawbridgeError the reason why there is no new one
   */
  recover(lost: Session | undefined): Promise<void> {
    const { transport } = this.#options;
    if (this.#running) return this.#running;
    const { session } = transport();
    if (session !== undefined && session !== lost) return Promise.resolve();
    this.#running = this.#recover()
      .catch((error: unknown) => {
        // Half a session is none: the next request tries again.
        transport().useSession(undefined);
        this.#established = false;
        throw error;
      })
      .finally(() => {
        this.#running = undefined;
      });
    return this.#running;
  }

  /** Opens a new session though nobody waits for one, so that the client goes on hearing from the server. */
  async reopen(lost: Session): Promise<void> {
    const { transport, log } = this.#options;
    if (performance.now() - this.#since >= SOUND_AFTER) this.#failures = 0;
    for (let gone: Session | undefined = lost; !this.#closed.signal.aborted; gone = undefined) {
      if (this.#failures++ > 0) await sleep(backoff(this.#failures), this.#closed.signal);
      const { session } = transport();
      if (this.#closed.signal.aborted || (session !== undefined && session !== gone)) return;
      try {
        return await this.recover(session);
      } catch (error) {
        log.info('no new session yet', { reason: asDrawbridgeError(error).reason });
      }
    }
  }

  close(): void {
    clearInterval(this.#pings);
    this.#closed.abort();
  }

  /** Something passes now and then, so that nobody on the way takes the session for dead (MCP 2025-11-25, Ping). */
  #startPings(): void {
    const { pingInterval, log } = this.#options;
    if (pingInterval === undefined || this.#closed.signal.aborted) return;
    this.#pings ??= setInterval(() => {
      if (!this.#established || this.#running) return;
      // The next real request finds out what is wrong, and does something about it.
      this.#sendOwn('{"jsonrpc":"2.0","id":0,"method":"ping"}', 'ping', false).catch((error: unknown) =>
        log.debug('ping not answered', { reason: asDrawbridgeError(error).reason }),
      );
    }, pingInterval);
    this.#pings.unref();
  }

  async #recover(): Promise<void> {
    const { transport, post, log, onSessionEnded, onRecovered, onContractBroken } = this.#options;
    if (this.#initialize === undefined) throw lostForGood();
    log.info('opening a new session');
    onSessionEnded();
    transport().useSession(undefined);
    const { request, answer } = await this.#sendOwn(this.#initialize, 'initialize');
    const { result } = answer;
    if (!isObject(result)) throw lostForGood();

    const contract = contractOf(result);
    const broken = this.#contract && brokenPromise(this.#contract, contract);
    if (broken) {
      const error = new DrawbridgeError(
        'session-lost',
        `The server ended the session, and ${broken}; restart the client.`,
      );
      onContractBroken(error);
      throw error;
    }
    this.#useSession(request, contract);
    const initialized = this.#initialized ?? '{"jsonrpc":"2.0","method":"notifications/initialized"}';
    const confirming = post({ body: initialized, method: 'notifications/initialized' });
    const outcome = await Promise.race([confirming, sleep(CONFIRMATION_PATIENCE)]);
    if (outcome && outcome.kind !== 'done') throw outcome.error;
    this.#established = true;
    this.#since = performance.now();
    this.#startPings();
    await (this.#options.listen ?? (() => transport().listen()))();
    const setUp = [...this.#subscriptions.values()].map((body) => ({ body, method: 'resources/subscribe' }));
    if (this.#logLevel !== undefined) setUp.unshift({ body: this.#logLevel, method: 'logging/setLevel' });
    for (const { body, method } of setUp) {
      await this.#sendOwn(body, method).catch((error: unknown) => {
        log.warn('not set up again in the new session', { method, reason: asDrawbridgeError(error).reason });
      });
    }
    const before = this.#contract;
    this.#contract = contract;
    this.#options.onOpened?.(result);
    onRecovered(before ? listChanges(contract) : []);
  }

  async #sendOwn(
    body: string,
    method: string,
    mayAskUser?: boolean,
  ): Promise<{ request: PendingRequest; answer: JsonRpcResponse }> {
    const { newId, requestTimeout, sendOwn } = this.#options;
    const id = newId();
    const idSpan = findMember(body, 'id');
    if (!idSpan) throw lostForGood();
    const own = { id, method, body: replaceAt(body, idSpan, JSON.stringify(id)) };
    let answer: Answer | undefined;
    const request = new PendingRequest(own, requestTimeout, (given) => {
      answer = given;
    });
    request.mayAskUser = mayAskUser;
    // One that waited for the user too long is over, though its exchange goes on.
    const outcome = await Promise.race([sendOwn(request), request.whenSettled()]);
    if (request.failure) throw request.failure;
    if (answer) return { request, answer: answer.message };
    throw !outcome || outcome.kind === 'done' ? lostForGood() : outcome.error;
  }

  #useSession(request: PendingRequest, { protocolVersion }: Contract): void {
    const { transport, log } = this.#options;
    if (request.sessionId !== undefined) log.protect(request.sessionId);
    transport().useSession({ id: request.sessionId, protocolVersion });
  }
}

function contractOf({ protocolVersion, capabilities }: Record<string, unknown>): Contract {
  return {
    protocolVersion:
      typeof protocolVersion === 'string' && isHeaderSafe(protocolVersion) ? protocolVersion : undefined,
    capabilities: isObject(capabilities) ? capabilities : {},
  };
}

/** @returns what the new contract takes back of the old; undefined where it keeps all of it */
function brokenPromise(old: Contract, now: Contract): string | undefined {
  if (old.protocolVersion !== now.protocolVersion) return 'the new one is of another protocol revision';
  const missing = Object.keys(old.capabilities).filter((name) => !(name in now.capabilities));
  return missing[0] === undefined ? undefined : `the new one lacks "${displayText(missing[0], 40)}"`;
}

/** The catalogues of the new session may differ: the client is told to look, where it was told that it would be. */
function listChanges({ capabilities }: Contract): string[] {
  return ['tools', 'prompts', 'resources']
    .filter((list) => isObject(capabilities[list]) && capabilities[list].listChanged === true)
    .map((list) => JSON.stringify({ jsonrpc: '2.0', method: `notifications/${list}/list_changed` }));
}

function lostForGood(): DrawbridgeError {
  return new DrawbridgeError(
    'session-lost',
    'The server ended the session and opened no new one; restart the client.',
  );
}
