import { Forwarder } from '../../../src/bridge/forwarder.ts';
import type { PendingRequest } from '../../../src/bridge/pending-requests.ts';
import { SessionRecovery } from '../../../src/bridge/session-recovery.ts';
import { DrawbridgeError, type Reason } from '../../../src/errors.ts';
import {
  isRequest,
  type Outcome,
  type OutgoingMessage,
  type OutgoingRequest,
  type RemoteTransport,
  type Session,
} from '../../../src/remote/transport.ts';
import { resultAnswer } from './pending.ts';
import { recordingLogger } from './recording-logger.ts';

export interface Sent {
  method: string | undefined;
  body: string;
  session: Session | undefined;
}

export type Step = (
  message: OutgoingMessage | OutgoingRequest,
  session: Session | undefined,
) => Outcome | Promise<Outcome>;

/** Answers the request with a result; with `initialize`, `sessionId` is the one that the server hands out. */
export function answers(result: unknown, sessionId?: string): Step {
  return (message) => {
    if (isRequest(message)) {
      message.sessionId = sessionId;
      (message as PendingRequest).answer(resultAnswer(message.id, result));
    }
    return { kind: 'done' };
  };
}

export function fails(
  reason: Reason,
  {
    mayHaveRun = false,
    ...more
  }: { mayHaveRun?: boolean; status?: number; rpcError?: { code: number; message: string } } = {},
): Step {
  const { status, rpcError } = more;
  const error = new DrawbridgeError(reason, `It failed: ${reason}.`, { status, url: 'https://a.test/mcp' });
  const answer = rpcError && { text: JSON.stringify(rpcError), code: rpcError.code };
  return () => ({ kind: 'failed', error, mayHaveRun, answer });
}

const unauthorized = new DrawbridgeError('unauthorized', 'Sign in.', { status: 401 });
export const reauthorized: Step = () => ({ kind: 'reauthorized', error: unauthorized });
export const challenged: Step = () => ({ kind: 'challenged', error: unauthorized });

/** 429 with a Retry-After, in seconds, where one is given. */
export function busy(retryAfter?: number): Step {
  const error = new DrawbridgeError('rate-limited', 'Too many requests.', { status: 429, retryAfter });
  return () => ({ kind: 'busy', retryAfter, error });
}

/** 503 without a word on how long. */
export const unavailable: Step = () => ({
  kind: 'busy',
  retryAfter: undefined,
  error: new DrawbridgeError('http-status', 'HTTP 503.', { status: 503 }),
});

/** The session that the message is sent in is no longer known; a message without one is answered. */
export const sessionExpired: Step = (message, session) => {
  if (session === undefined) return answers({})(message, session);
  return {
    kind: 'session-expired',
    session,
    error: new DrawbridgeError('http-status', 'HTTP 404.', { status: 404 }),
  };
};

/** A remote that plays a script: for each method the steps in their order; what has none is well answered. */
export class ScriptedTransport implements RemoteTransport {
  readonly name: 'http' | 'sse';
  readonly sent: Sent[] = [];
  readonly #script = new Map<string, Step[]>();
  session: Session | undefined;
  listened = 0;
  closed = false;

  constructor(name: 'http' | 'sse' = 'http') {
    this.name = name;
  }

  on(method: string, ...steps: Step[]): this {
    this.#script.set(method, [...(this.#script.get(method) ?? []), ...steps]);
    return this;
  }

  async send(message: OutgoingMessage | OutgoingRequest): Promise<Outcome> {
    if (isRequest(message) && message.settled) return { kind: 'done' };
    const session = message.method === 'initialize' ? undefined : this.session;
    this.sent.push({ method: message.method, body: message.body.toString(), session });
    const step = this.#script.get(message.method ?? '')?.shift() ?? answers({});
    return step(message, session);
  }

  useSession(session: Session | undefined): void {
    this.session = session;
  }

  async listen(): Promise<void> {
    this.listened++;
  }

  async close(): Promise<void> {
    this.closed = true;
  }

  methods(): (string | undefined)[] {
    return this.sent.map(({ method }) => method);
  }
}

/** Recovery and forwarder, joined as the bridge joins them, over a scripted remote. */
export function makeCrossing({ fallBack = true } = {}) {
  const { log, lines, secrets } = recordingLogger();
  const http = new ScriptedTransport('http');
  const sse = new ScriptedTransport('sse');
  const seen = { sessionEnded: 0, recovered: [] as string[][], broken: [] as DrawbridgeError[] };
  let transport = http;
  let made = 0;
  const recovery: SessionRecovery = new SessionRecovery({
    transport: () => transport,
    sendOwn: (request) => forwarder.sendOwn(request),
    post: (message) => forwarder.post(message),
    newId: () => `own-${++made}`,
    requestTimeout: undefined,
    onSessionEnded: () => seen.sessionEnded++,
    onRecovered: (notifications) => seen.recovered.push(notifications),
    onContractBroken: (error) => seen.broken.push(error),
    log,
  });
  const goOver = async () => {
    transport = sse;
    return () => {
      transport = http;
    };
  };
  const forwarder: Forwarder = new Forwarder({
    transport: () => transport,
    fallBack: fallBack ? goOver : undefined,
    recovery,
    log,
  });
  return { http, sse, recovery, forwarder, seen, lines, secrets, current: () => transport };
}

export const initializeBody = `{ "jsonrpc":"2.0","id":1, "method":"initialize","params":{"protocolVersion":"2025-11-25","n":12345678901234567890}}`;
export const initializedBody = '{"jsonrpc":"2.0", "method":"notifications/initialized"}';

export const contract = {
  protocolVersion: '2025-11-25',
  capabilities: { tools: { listChanged: true }, resources: {}, prompts: { listChanged: true } },
};

/** Brings a crossing to the point where the client's session stands. */
export function establish(
  { recovery, http }: ReturnType<typeof makeCrossing>,
  result: Record<string, unknown> = contract,
): Session {
  recovery.remember(initializeBody);
  recovery.opened({ sessionId: 'session-1' } as PendingRequest, result);
  recovery.confirmed(initializedBody, true);
  return http.session as Session;
}
