import { type BearerChallenge, bearerChallenge } from '../authorization/challenge.ts';
import { asDrawbridgeError, DrawbridgeError } from '../errors.ts';
import { HttpClient } from '../platform/http-client.ts';
import type { Settings } from '../settings.ts';

/** How long the server may take to answer, in milliseconds. */
const PATIENCE = 15_000;

export interface Asked {
  /** What the server said of the way to sign in; nothing where it did not refuse. */
  challenge: Partial<BearerChallenge>;
  /** 401, or the status of its answer to `tools/list`. */
  status: number;
}

/**
 * Asks the server for something that it protects, so that its challenge tells where and for what to sign in (MCP
 * 2025-11-25, Protected Resource Metadata Discovery Requirements).
 *
 * @param signal its reason, a DrawbridgeError, is what is thrown
 * @throws DrawbridgeError where the server can't be reached, or does not answer
 */
export async function askForChallenge(settings: Settings, signal: AbortSignal): Promise<Asked> {
  const client = await HttpClient.create(settings.url, settings.network);
  const list = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list', params: {} });
  const types = { Accept: 'application/json, text/event-stream', 'Content-Type': 'application/json' };
  const posted = await ask(client, settings, signal, 'POST', types, list);
  if (posted.status === 401) return posted;
  // Some leave the lists open, and protect the stream and the calls.
  const streamed = await ask(client, settings, signal, 'GET', { Accept: 'text/event-stream' }).catch(() => {
    signal.throwIfAborted();
  });
  return streamed?.status === 401 ? streamed : posted;
}

async function ask(
  client: HttpClient,
  { url, headers }: Settings,
  signal: AbortSignal,
  method: string,
  more: Record<string, string>,
  body?: string,
): Promise<Asked> {
  signal.throwIfAborted();
  const exchange = client.exchange(method, url.pathname + url.search, { ...headers, ...more }, body);
  const onAbort = (): void => exchange.abort(asDrawbridgeError(signal.reason));
  signal.addEventListener('abort', onAbort, { once: true });
  const timer = setTimeout(() => {
    exchange.abort(new DrawbridgeError('timeout', `${url.host} did not answer within ${PATIENCE / 1000} s.`));
  }, PATIENCE);
  try {
    const response = await exchange.response;
    response.destroy();
    const { statusCode: status = 0 } = response;
    const challenge = status === 401 ? bearerChallenge(response.headers['www-authenticate']) : {};
    return { status, challenge };
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', onAbort);
  }
}
