import { type Challenge, FixedCredentials } from '../../authorization/authorizer.ts';
import { suggestsOlderTransport } from '../../bridge/forwarder.ts';
import { createIdMaker } from '../../bridge/message-text.ts';
import { PendingRequest } from '../../bridge/pending-requests.ts';
import { RemoteEnd } from '../../bridge/remote-end.ts';
import { DrawbridgeError } from '../../errors.ts';
import type { JsonRpcResponse } from '../../jsonrpc.ts';
import type { Logger } from '../../logger.ts';
import type { HttpClient } from '../../platform/http-client.ts';
import { isModernError } from '../../remote/http-answer.ts';
import { HttpSse } from '../../remote/http-sse.ts';
import { isHeaderSafe } from '../../remote/request-headers.ts';
import { StreamableHttp } from '../../remote/streamable-http.ts';
import type { Outcome, RemoteSink, RemoteTransport } from '../../remote/transport.ts';
import type { Settings } from '../../settings.ts';
import { version } from '../../version.ts';
import { atOnce, PATIENCE } from './ask-server.ts';

/** The newest revision that the bridge itself speaks. */
const PROTOCOL_VERSION = '2025-11-25';

/** How a request ended. */
export type Reply =
  | { kind: 'answer'; message: JsonRpcResponse }
  /** 401 or 403. */
  | { kind: 'refused'; challenge: Challenge }
  /** By a server that knows only revisions from 2026-07-28 on. */
  | { kind: 'modern' }
  | { kind: 'failed'; error: DrawbridgeError };

/** One credential, as it is: a refusal is noted, and nothing is done about it. */
class OneCredential extends FixedCredentials {
  refusal: Challenge | undefined;
  readonly #value: string | undefined;

  constructor(value: string | undefined) {
    super();
    this.#value = value;
  }

  override credential(): string | undefined {
    return this.#value;
  }

  override async challenged(challenge: Challenge): Promise<DrawbridgeError> {
    this.refusal = challenge;
    return challenge.error;
  }
}

/** A session with the server by the bridge's own transports, from `initialize` to its end. */
export class RemoteSession {
  readonly #authorizer: OneCredential;
  readonly #end: RemoteEnd;
  readonly #requests = new Set<PendingRequest>();
  readonly #newId = createIdMaker();
  readonly #mayFallBack: boolean;

  /**
   * @param credential the Authorization value; undefined sends none but those of the user's own headers
   * @param first the transport to begin with
   */
  constructor(
    settings: Settings,
    client: HttpClient,
    credential: string | undefined,
    first: RemoteTransport['name'],
    log: Logger,
  ) {
    const { url, headers, maxMessageBytes, transport } = settings;
    this.#authorizer = new OneCredential(credential);
    this.#mayFallBack = transport === 'auto' && first === 'http';
    const sink: RemoteSink = {
      ...atOnce,
      receive: (text, message) => {
        if (message.kind !== 'response') return; // what the server wants of a client is not looked at
        for (const request of this.#requests) if (request.id === message.id) request.answer({ text, message });
      },
      sessionLost: () => {},
    };
    this.#end = new RemoteEnd(
      (options) => (first === 'sse' ? new HttpSse(options) : new StreamableHttp(options)),
      {
        client,
        path: url.pathname + url.search,
        headers: { ...headers },
        authorizer: this.#authorizer,
        sink,
        maxMessageBytes,
        log,
      },
    );
  }

  /** The transport in use. */
  get transport(): RemoteTransport['name'] {
    return this.#end.transport.name;
  }

  /** Whether the server has given a session id. */
  get hasId(): boolean {
    return this.#end.transport.session?.id !== undefined;
  }

  /** Opens the session, by the older transport where the server does not know the newer. */
  async initialize(): Promise<Reply> {
    const clientInfo = { name: 'mcp-drawbridge', version };
    const params = { protocolVersion: PROTOCOL_VERSION, capabilities: {}, clientInfo };
    const first = this.#create('initialize', params);
    const outcome = await this.#send(first);
    if (outcome.kind === 'done' || !this.#mayFallBack || !suggestsOlderTransport(outcome))
      return this.#opened(first, outcome);
    const goBack = await this.#end.fallBack();
    const second = this.#create('initialize', params);
    const older = await this.#send(second);
    if (older.kind === 'done' || older.kind === 'challenged') return this.#opened(second, older);
    goBack();
    return this.#opened(first, outcome);
  }

  /** Sends a request within the session. */
  async request(method: string): Promise<Reply> {
    const request = this.#create(method, {});
    return this.#reply(request, await this.#send(request));
  }

  /** Ends the session at the server, for which it has `timeout` milliseconds. */
  async close(timeout: number): Promise<void> {
    await this.#end.transport.close(timeout);
  }

  #create(method: string, params: object): PendingRequest {
    const id = this.#newId();
    const body = JSON.stringify({ jsonrpc: '2.0', id, method, params });
    return new PendingRequest({ id, method, params, body }, undefined, ({ message } = noAnswer) =>
      this.#answers.set(request, message),
    );
  }

  readonly #answers = new WeakMap<PendingRequest, JsonRpcResponse | undefined>();
}
