import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { DrawbridgeError, displayText, type ErrorDetails } from '../errors.ts';
import { isObject, type JsonValue } from '../jsonrpc.ts';
import { parseRetryAfter } from './retry.ts';
import type { ErrorAnswer, Outcome } from './transport.ts';

/** An HTTP answer with an error status, its body read as far as it is of use. */
export interface ErrorResponse {
  status: number;
  headers: IncomingHttpHeaders;
  body: string;
  /** The JSON-RPC error in the body, where it holds one. */
  rpcError: { code: number; message: string; data?: unknown } | undefined;
}

const MAX_REMOTE_TEXT = 500;
const MAX_REMOTE_JSON = 4096;

export function isEventStream(response: IncomingMessage): boolean {
  return /^text\/event-stream\b/i.test(response.headers['content-type'] ?? '');
}

/** Tells whether the body of an error answer is a JSON-RPC error (JSON-RPC 2.0 section 5.1). */
export function parseErrorResponse(
  status: number,
  headers: IncomingHttpHeaders,
  body: string,
): ErrorResponse {
  const value = parseJson(body);
  const error = isObject(value) && value.jsonrpc === '2.0' ? value.error : undefined;
  const isRpcError = isObject(error) && Number.isInteger(error.code) && typeof error.message === 'string';
  return {
    status,
    headers,
    body,
    rpcError: isRpcError ? (error as unknown as NonNullable<ErrorResponse['rpcError']>) : undefined,
  };
}

const LOST_SESSION =
  /(no valid|invalid|unknown) session|session (id )?(is )?(not found|invalid|unknown|expired|terminated|does not exist)|not initialized/i;

/**
 * Whether an answer says that the session is not known any more: 404 to a message that carried one
 * (MCP 2025-11-25, Session Management), or the 400 that some servers give instead. A 404 that carries the JSON-RPC
 * error "method not found" is about the method.
 */
export function isSessionExpired({ status, rpcError }: ErrorResponse): boolean {
  if (status === 404) return rpcError?.code !== -32601;
  return status === 400 && rpcError !== undefined && LOST_SESSION.test(rpcError.message);
}

/**
 * Whether a server that has agreed on a legacy session refuses a message in it as only a modern one does: it was
 * replaced, and the next `initialize` finds out by what.
 */
export function isOfOtherEra({ status, rpcError }: ErrorResponse): boolean {
  return status === 400 && (rpcError?.code === -32020 || rpcError?.code === -32022);
}

/** Codes by which a server of the revision 2026-07-28 or later makes itself known in a refusal. */
export function isModernError(answer: ErrorAnswer | undefined): boolean {
  return answer !== undefined && isModernCode(answer.code);
}

/** @see isModernError */
export function isModernCode(code: unknown): boolean {
  return code === -32020 || code === -32021 || code === -32022;
}

/**
 * Whether the server has refused a message of the modern era as no server of that era does: by a 4xx that is no trouble
 * of the moment, without an error or by one that leaves open whose it is (MCP 2026-07-28, Error Codes).
 */
export function isStrangeRefusal(outcome: Outcome): boolean {
  if (outcome.kind !== 'failed') return false;
  const { error, answer } = outcome;
  const { status } = error.details;
  const isRefusal = typeof status === 'number' && status >= 400 && status < 500;
  if (!isRefusal || !answer) return isRefusal;
  return answer.code >= -32099 && answer.code <= -32000 && !isModernCode(answer.code);
}

/** An error status as an error for the local client, with what the remote said about it, bounded and marked as its. */
export function statusError(response: ErrorResponse, target: string): DrawbridgeError {
  const { status } = response;
  const remote = remoteBody(response);
  const told = { ...bodyDetails(remote), ...headerDetails(response) };
  const { retryAfter } = told;
  const details: ErrorDetails = { status, url: target, ...told, ...(remote !== undefined && { remote }) };
  if (status === 401 || status === 403) {
    const what = status === 401 ? 'wants a sign-in or an API key' : 'refuses this access (403)';
    return new DrawbridgeError(
      'unauthorized',
      `${target} ${what}; pass the credential with --header or --token-command.`,
      details,
    );
  }
  if (status === 429 || (status === 503 && retryAfter !== undefined)) {
    const when = retryAfter === undefined ? 'later' : `in ${retryAfter} s`;
    const what = status === 429 ? 'has had too many requests' : 'is not available just now';
    const message = `${target} ${what}; try again ${when}${forTheModel(told)}.`;
    return new DrawbridgeError('rate-limited', message, details);
  }
  const hint = status === 404 || status === 405 ? '; is the path of the URL right?' : '.';
  const message = `${target} answered with HTTP status ${status}${forTheModel(told)}${hint}`;
  return new DrawbridgeError('http-status', message, details);
}

/**
 * Most clients show a model the message alone: the id to quote, and the limits that were met. Only what has the form of
 * an id or a number gets into the sentence, for the words of the remote are never in it [76].
 */
function forTheModel({ requestId, rateLimit }: ErrorDetails): string {
  const limits = Object.entries(isObject(rateLimit) ? rateLimit : {}).filter(
    ([name, value]) =>
      /^(x-)?ratelimit-[a-z-]{1,20}$/.test(name) && /^\d[\d.,;=w ]{0,30}$/.test(String(value)),
  );
  const parts = [
    ...(/^[\w.:-]{1,64}$/.test(String(requestId ?? '')) ? [`request ${requestId}`] : []),
    ...limits.slice(0, 4).map(([name, value]) => `${name} ${value}`),
  ];
  return parts.length === 0 ? '' : ` (${parts.join(', ')})`;
}

/** What services tell in the body of an error that others have headers for, at the top or in an object within. */
function bodyDetails(remote: JsonValue | undefined): ErrorDetails {
  const places = [remote, memberOf(remote, 'error'), memberOf(remote, 'data')];
  const first = (name: string, type: string): JsonValue | undefined =>
    places.map((place) => memberOf(place, name)).find((value) => typeof value === type);
  const requestId = first('request_id', 'string');
  const seconds = Number(first('retry_after_seconds', 'number'));
  return {
    ...(requestId !== undefined && { requestId: displayText(String(requestId)) }),
    ...(seconds >= 0 && seconds < 1e9 && { retryAfter: Math.ceil(seconds) }),
  };
}

function memberOf(value: JsonValue | undefined, name: string): JsonValue | undefined {
  return isObject(value) && Object.hasOwn(value, name) ? (value[name] as JsonValue) : undefined;
}

/** What an error answer's headers tell beside its status: the delay, the limits, the id to quote to support. */
export function headerDetails({ headers }: ErrorResponse): ErrorDetails {
  const retryAfter = parseRetryAfter(headers['retry-after']);
  const requestId =
    headers['request-id'] ?? headers['x-request-id'] ?? headers['x-amzn-requestid'] ?? headers['cf-ray'];
  const limits = Object.entries(headers).filter(([name]) => /^(x-)?ratelimit-|-ratelimit-/.test(name));
  return {
    ...(retryAfter !== undefined && { retryAfter }),
    ...(requestId !== undefined && { requestId: displayText(String(requestId)) }),
    ...(limits.length > 0 && {
      rateLimit: Object.fromEntries(
        limits.slice(0, 20).map(([name, value]) => [name, displayText(String(value))]),
      ),
    }),
  };
}

/** What the remote itself said: its structured error, or the start of its text. */
function remoteBody({ body, rpcError }: ErrorResponse): JsonValue | undefined {
  if (rpcError) {
    const { code, message } = rpcError;
    return displayJson(body.length <= MAX_REMOTE_JSON ? (rpcError as JsonValue) : { code, message });
  }
  const value = body.length <= MAX_REMOTE_JSON ? parseJson(body) : undefined;
  if (typeof value === 'object' && value !== null) return displayJson(value as JsonValue);
  return displayText(body, MAX_REMOTE_TEXT) || undefined;
}

/** A structured error made fit to be shown, its names as well as its texts. */
function displayJson(value: JsonValue | undefined): JsonValue {
  if (typeof value === 'string') return displayText(value, MAX_REMOTE_TEXT);
  if (typeof value !== 'object' || value === null) return value ?? null;
  if (Array.isArray(value)) return value.map(displayJson);
  return Object.fromEntries(
    Object.entries(value).map(([name, part]) => [displayText(name), displayJson(part)]),
  );
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
