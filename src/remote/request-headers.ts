import type { Headers } from '../platform/http-client.ts';
import type { Session } from './transport.ts';

/**
 * What is put into a header on the remote's word (session id, event id): visible ASCII, at most 1 KiB.
 * Anything else could smuggle a second header in (MCP 2025-11-25, Session Management).
 */
export function isHeaderSafe(value: string): boolean {
  return value.length <= 1024 && /^[\x21-\x7e]+$/.test(value);
}

/** The headers of every request: the user's own, the session's, the credential. */
export function commonHeaders(
  own: Headers,
  session: Session | undefined,
  credential: string | undefined,
): Headers {
  return {
    ...own,
    ...(session?.id !== undefined && { 'Mcp-Session-Id': session.id }),
    ...(session?.protocolVersion !== undefined && { 'MCP-Protocol-Version': session.protocolVersion }),
    ...(credential !== undefined && { Authorization: credential }),
  };
}

/** The headers of a POST that carries one message. */
export function postHeaders(common: Headers): Headers {
  return {
    ...common,
    // Both, on notifications and responses too (MCP 2025-11-25, Sending Messages).
    Accept: 'application/json, text/event-stream',
    'Content-Type': 'application/json',
    'Accept-Encoding': 'identity',
  };
}

/** The headers of a GET that opens or resumes a stream. */
export function streamHeaders(common: Headers, lastEventId: string | undefined): Headers {
  return {
    ...common,
    Accept: 'text/event-stream',
    'Accept-Encoding': 'identity',
    ...(lastEventId !== undefined && { 'Last-Event-ID': lastEventId }),
  };
}
