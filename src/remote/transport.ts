import type { Authorizer } from '../authorization/authorizer.ts';
import type { MessageText } from '../byte-text.ts';
import type { DrawbridgeError } from '../errors.ts';
import type { JsonRpcMessage, MessageId } from '../jsonrpc.ts';
import type { Logger } from '../logger.ts';
import type { Headers, HttpClient } from '../platform/http-client.ts';
import type { FlowControl } from './body.ts';

/** How long the server may take to accept a message that has no answer, in milliseconds. */
export const MESSAGE_TIMEOUT = 15_000;

/** A message on its way to the remote. */
export interface OutgoingMessage {
  /** JSON text of exactly one message. */
  readonly body: MessageText;
  readonly method: string | undefined;
  /**
   * Set for a message of the revision 2026-07-28 or later: the headers that it has beside the common ones. It belongs to
   * no session, and the stream of its answer can't be resumed.
   */
  modernHeaders?: Headers | undefined;
}

/** A request on its way; the transport lets go of it as soon as it is settled. */
export interface OutgoingRequest extends OutgoingMessage {
  readonly id: MessageId;
  readonly method: string;
  /** As parsed; the long strings of a large message come out empty (parseLargeJson). */
  readonly params: unknown;
  /** Whether the user may be asked to sign in for it; undefined: yes. */
  readonly mayAskUser?: boolean | undefined;
  /** Set where the acknowledgement of a subscription was handed to the sink. */
  acknowledged?: boolean;
  /** Answered, failed or cancelled: nothing that still comes for it is of interest. */
  readonly settled: boolean;
  /** Set by the transport while the request is under way: ends that, and what was awaited fails with `error`. */
  abort: ((error: DrawbridgeError) => void) | undefined;
  /** Called by the transport at each sign of life, with the phase that the request is in. */
  alive(phase: 'body' | 'stream'): void;
  /** Waiting is part of the plan: it is given up so many milliseconds later. */
  postpone(milliseconds: number): void;
  /** Set while its 401 or 403 is being dealt with, on the clock of `performance.now()`: the user may be asked. */
  challengedAt: number | undefined;
  /** `Mcp-Session-Id` of the answer to `initialize`. */
  sessionId: string | undefined;
}

/** How sending a message ended. */
export type Outcome =
  /** A request: its answer was handed to the sink, or will be by a stream. Another message: it was accepted. */
  | { kind: 'done' }
  /** The server no longer knows the session that the message was sent in. */
  | { kind: 'session-expired'; session: Session; error: DrawbridgeError }
  /** 401 or 403, and another credential was found: worth one more try. */
  | { kind: 'reauthorized'; error: DrawbridgeError }
  /** 401 or 403 for good. */
  | { kind: 'challenged'; error: DrawbridgeError }
  /** The server refused for now, before doing anything; `retryAfter` in seconds where it said one. */
  | { kind: 'busy'; retryAfter: number | undefined; error: DrawbridgeError }
  /** `mayHaveRun`: the server may have acted on it. `answer`: what it said itself. */
  | { kind: 'failed'; error: DrawbridgeError; mayHaveRun: boolean; answer?: ErrorAnswer | undefined };

/** The remote's own JSON-RPC error that came with an HTTP error status. */
export interface ErrorAnswer {
  /** The `error` member, JSON on one or several lines. */
  text: string;
  code: number;
}

/** One session with the remote; compared by identity. */
export interface Session {
  /** Undefined where the server keeps no session. */
  readonly id: string | undefined;
  /** As negotiated by `initialize`; undefined where its result names none that can be put into a header. */
  readonly protocolVersion: string | undefined;
}

/** Where messages of the remote go. */
export interface RemoteSink extends FlowControl {
  /**
   * @param text the message as it came, JSON on one or several lines
   * @param message what it was found to be
   * @param origin the request on whose exchange it came
   */
  receive(text: MessageText, message: JsonRpcMessage, origin?: OutgoingRequest): void;
  /** The session is over without a message of ours having found out, e.g. the listening stream did. */
  sessionLost(session: Session): void;
}

export interface TransportOptions {
  client: HttpClient;
  /** Path and query of the MCP endpoint. */
  path: string;
  headers: Headers;
  authorizer: Authorizer;
  sink: RemoteSink;
  maxMessageBytes: number;
  log: Logger;
}

/** A way to the remote: Streamable HTTP, or the older HTTP+SSE. */
export interface RemoteTransport {
  readonly name: 'http' | 'sse';
  /** Sends one message. Never rejects. */
  send(message: OutgoingMessage | OutgoingRequest): Promise<Outcome>;
  /** Begins to use a session that `initialize` has opened; undefined forgets the one there was. */
  useSession(session: Session | undefined): void;
  readonly session: Session | undefined;
  /**
   * Opens the stream for what the server says unasked, where there is one.
   *
   * @returns resolves when it stands, or is known not to come, at the latest after a second
   */
  listen(): Promise<void>;
  /** Ends streams and session. Resolves within `timeout` milliseconds. */
  close(timeout: number): Promise<void>;
}

/** A way to the remote for messages in the form of the revision 2026-07-28. */
export interface ModernRemote {
  /**
   * Sends one request or notification. What comes back is handed to the sink in the same form, an answer with the
   * request as its origin and under its id. Never rejects.
   */
  send(message: OutgoingMessage | OutgoingRequest): Promise<Outcome>;
  /** Credentials are there that were not: what waits for them goes on. */
  signedIn(): void;
  /** Ends streams and sessions. Resolves within `timeout` milliseconds. */
  close(timeout: number): Promise<void>;
}

export function isRequest(message: OutgoingMessage | OutgoingRequest): message is OutgoingRequest {
  return 'id' in message;
}
