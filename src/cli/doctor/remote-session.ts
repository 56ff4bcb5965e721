import { type Authorizer, type Challenge, FixedCredentials } from '../../authorization/authorizer.ts';
import { type Verdict, verdictOfDiscover } from '../../bridge/era/detect.ts';
import { suggestsOlderTransport } from '../../bridge/forwarder.ts';
import { createIdMaker } from '../../bridge/message-text.ts';
import { PendingRequest } from '../../bridge/pending-requests.ts';
import { RemoteEnd } from '../../bridge/remote-end.ts';
import { DrawbridgeError } from '../../errors.ts';
import { isObject, type JsonRpcResponse } from '../../jsonrpc.ts';
import type { Logger } from '../../logger.ts';
import type { HttpClient, RequestSigner } from '../../platform/http-client.ts';
import { modernHeaders } from '../../remote/mcp-headers.ts';
import { isHeaderSafe } from '../../remote/request-headers.ts';
import { StreamableHttp } from '../../remote/streamable-http.ts';
import type { Outcome, RemoteSink, RemoteTransport, TransportOptions } from '../../remote/transport.ts';
import { LATEST_LEGACY, LATEST_MODERN, metaKeys } from '../../revisions.ts';
import type { Settings } from '../../settings.ts';
import { version } from '../../version.ts';
import { atOnce, PATIENCE } from './ask-server.ts';

const clientInfo = { name: 'mcp-drawbridge', version };
const initializeParams = { protocolVersion: LATEST_LEGACY, capabilities: {}, clientInfo };

/** How a request ended. */
export type Reply =
  /** By an error of the server's, too. */
  | { kind: 'answer'; message: JsonRpcResponse }
  /** 401 or 403. */
  | { kind: 'refused'; challenge: Challenge }
  | { kind: 'failed'; error: DrawbridgeError };

/** How a server took `server/discover`, and what follows from that. */
export interface Discovery {
  reply: Reply;
  verdict: Verdict;
}

/** One credential, as it is: a refusal is noted, and nothing is done about it. */
class OneCredential extends FixedCredentials {
  refusal: Challenge | undefined;
  readonly #value: string | undefined;
  readonly #sign: Authorizer['signer'];

  constructor(value: string | undefined, sign: Authorizer['signer']) {
    super();
    this.#value = value;
    this.#sign = sign;
  }

  signer(credential: string | undefined): RequestSigner | undefined {
    return this.#sign?.(credential);
  }

  override credential(): string | undefined {
    return this.#value;
  }

  override async challenged(challenge: Challenge): Promise<DrawbridgeError> {
    this.refusal = challenge;
    return challenge.error;
  }
}

/** A conversation with the server by the bridge's own transports, in the form of either era, to its end. */
export class RemoteSession {
  readonly #authorizer: OneCredential;
  readonly #end: RemoteEnd;
  readonly #requests = new Set<PendingRequest>();
  readonly #newId = createIdMaker();
  readonly #mayFallBack: boolean;
  readonly #log: Logger;
  /** The revision that each request names; undefined: the legacy form. */
  #revision: string | undefined;
  #suggestsOlder = false;

  private constructor(
    { url, headers, maxMessageBytes, transport }: Settings,
    client: HttpClient,
    credential: string | undefined,
    Transport: new (options: TransportOptions) => RemoteTransport,
    log: Logger,
    signer: Authorizer['signer'],
  ) {
    this.#log = log;
    this.#authorizer = new OneCredential(credential, signer);
    const sink: RemoteSink = {
      ...atOnce,
      receive: (text, message) => {
        if (message.kind !== 'response') return; // what the server wants of a client is not looked at
        for (const request of this.#requests)
          if (request.id === message.id) request.answer({ text, message });
      },
      sessionLost: () => {},
    };
    this.#end = new RemoteEnd((options) => new Transport(options), {
      client,
      path: url.pathname + url.search,
      headers: { ...headers },
      authorizer: this.#authorizer,
      sink,
      maxMessageBytes,
      log,
    });
    this.#mayFallBack = transport === 'auto' && this.transport === 'http';
  }

  /**
   * @param credential the Authorization value; undefined sends none but those of the user's own headers
   * @param first the transport to begin with
   * @param signer what proves that we have the key of the credential, where it is bound to one
   */
  static async create(
    settings: Settings,
    client: HttpClient,
    credential: string | undefined,
    first: RemoteTransport['name'],
    log: Logger,
    signer?: Authorizer['signer'],
  ): Promise<RemoteSession> {
    const Transport = first === 'sse' ? (await import('../../remote/http-sse.ts')).HttpSse : StreamableHttp;
    return new RemoteSession(settings, client, credential, Transport, log, signer);
  }

  /** The transport in use. */
  get transport(): RemoteTransport['name'] {
    return this.#end.transport.name;
  }

  /** Whether requests are in the modern form. */
  get isModern(): boolean {
    return this.#revision !== undefined;
  }

  /** Whether the server has given a session id. */
  get hasId(): boolean {
    return this.#end.transport.session?.id !== undefined;
  }

  /** Opens a session, in the legacy form. */
  async initialize(): Promise<Reply> {
    const sent = await this.#send('initialize', initializeParams);
    const { outcome } = sent;
    this.#suggestsOlder = this.#mayFallBack && outcome.kind !== 'done' && suggestsOlderTransport(outcome);
    return this.#opened(sent);
  }

  /** Opens a session by the older transport. @returns undefined where that is in vain, or not worth trying */
  async initializeOlder(): Promise<Reply | undefined> {
    if (!this.#suggestsOlder) return undefined;
    const goBack = await this.#end.fallBack();
    const sent = await this.#send('initialize', initializeParams);
    if (sent.outcome.kind === 'done' || sent.outcome.kind === 'challenged') return this.#opened(sent);
    goBack();
    return undefined;
  }

  /**
   * Asks the server what it is in the modern form, once more where its answer says how. If it is modern, so are the
   * requests from then on.
   */
  async discover(): Promise<Discovery> {
    for (let revision = LATEST_MODERN, tries = 1; ; tries++) {
      const sent = await this.#send('server/discover', {}, revision);
      const { request, outcome, answer } = sent;
      const verdict = verdictOfDiscover(outcome, request.failure ? undefined : answer);
      if (verdict.era === 'modern') this.#revision = verdict.version;
      const isRepeated = tries > 1 || (verdict.era !== 'repeat' && verdict.era !== 'repair');
      if (isRepeated) return { reply: this.#replyOf(sent), verdict };
      if (verdict.era === 'repeat') revision = verdict.version;
    }
  }

  /** Sends a request in the form that was found. */
  async request(method: string): Promise<Reply> {
    return this.#replyOf(await this.#send(method, {}, this.#revision));
  }

  /** Ends the session at the server, for which it has `timeout` milliseconds. */
  async close(timeout: number): Promise<void> {
    await this.#end.transport.close(timeout);
  }

  async #opened(sent: Sent): Promise<Reply> {
    const reply = this.#replyOf(sent);
    if (reply.kind !== 'answer' || !isObject(reply.message.result)) return reply;
    const { protocolVersion } = reply.message.result;
    const { transport } = this.#end;
    const { sessionId: id } = sent.request;
    if (id !== undefined) this.#log.protect(id);
    const isSafe = typeof protocolVersion === 'string' && isHeaderSafe(protocolVersion);
    transport.useSession({ id, protocolVersion: isSafe ? protocolVersion : undefined });
    const body = '{"jsonrpc":"2.0","method":"notifications/initialized"}';
    await transport.send({ body, method: 'notifications/initialized' });
    return reply;
  }

  /** @param revision the one that the request names, in the modern form; undefined: the legacy form */
  async #send(method: string, own: object, revision?: string): Promise<Sent> {
    const id = this.#newId();
    const params = revision === undefined ? own : { ...own, _meta: metaFor(revision) };
    const body = JSON.stringify({ jsonrpc: '2.0', id, method, params });
    let answer: JsonRpcResponse | undefined;
    const request = new PendingRequest({ id, method, params, body }, undefined, (given) => {
      answer = given?.message;
    });
    if (revision !== undefined) request.modernHeaders = modernHeaders(method, params);
    const timer = setTimeout(() => request.fail(slow(method)), PATIENCE);
    this.#requests.add(request);
    this.#authorizer.refusal = undefined;
    try {
      const outcome = await this.#end.transport.send(request);
      return { request, outcome, answer };
    } finally {
      clearTimeout(timer);
      this.#requests.delete(request);
    }
  }

  #replyOf({ request, outcome, answer }: Sent): Reply {
    const { refusal } = this.#authorizer;
    if (refusal) return { kind: 'refused', challenge: refusal };
    if (request.failure) return { kind: 'failed', error: request.failure };
    if (outcome.kind === 'failed' && outcome.answer) {
      const { text, code } = outcome.answer;
      return {
        kind: 'answer',
        message: { kind: 'response', id: request.id, error: { ...JSON.parse(text), code } },
      };
    }
    if (outcome.kind !== 'done') return { kind: 'failed', error: outcome.error };
    if (answer === undefined) return { kind: 'failed', error: slow(request.method) };
    return { kind: 'answer', message: answer };
  }
}

interface Sent {
  request: PendingRequest;
  outcome: Outcome;
  answer: JsonRpcResponse | undefined;
}

/** The `_meta` that each request has in the modern form (MCP 2026-07-28, `_meta`). */
function metaFor(revision: string): Record<string, unknown> {
  return {
    [metaKeys.protocolVersion]: revision,
    [metaKeys.clientInfo]: clientInfo,
    [metaKeys.clientCapabilities]: {},
  };
}

function slow(method: string): DrawbridgeError {
  return new DrawbridgeError('timeout', `The server did not answer "${method}" within ${PATIENCE / 1000} s.`);
}
