import type { JsonValue } from './jsonrpc.ts';

/**
 * The code of every JSON-RPC error that the bridge itself makes, where JSON-RPC defines none.
 * It lies outside −32768…−32000, so that nobody takes it for an error of the remote (MCP 2026-07-28, Error Codes).
 */
export const LOCAL_ERROR = -31000;

/** What each reason means to the two readers of an error: the exit code of a command, the code in a JSON-RPC answer. */
const reasons = {
  usage: { exitCode: 2, code: LOCAL_ERROR },
  unreachable: { exitCode: 3, code: LOCAL_ERROR },
  'tls-untrusted': { exitCode: 3, code: LOCAL_ERROR },
  'proxy-failed': { exitCode: 3, code: LOCAL_ERROR },
  timeout: { exitCode: 3, code: LOCAL_ERROR },
  'stream-lost': { exitCode: 3, code: LOCAL_ERROR },
  'session-lost': { exitCode: 3, code: LOCAL_ERROR },
  'http-status': { exitCode: 3, code: LOCAL_ERROR },
  'rate-limited': { exitCode: 3, code: LOCAL_ERROR },
  'invalid-answer': { exitCode: 3, code: LOCAL_ERROR },
  'too-large': { exitCode: 3, code: LOCAL_ERROR },
  'redirect-refused': { exitCode: 3, code: LOCAL_ERROR },
  'unsupported-transport': { exitCode: 3, code: LOCAL_ERROR },
  'other-era': { exitCode: 3, code: LOCAL_ERROR },
  'authorization-server': { exitCode: 3, code: LOCAL_ERROR },
  unauthorized: { exitCode: 4, code: LOCAL_ERROR },
  'sign-in-needed': { exitCode: 4, code: LOCAL_ERROR },
  'sign-in-refused': { exitCode: 4, code: LOCAL_ERROR },
  'sign-in-timeout': { exitCode: 4, code: LOCAL_ERROR },
  'insufficient-scope': { exitCode: 4, code: LOCAL_ERROR },
  'credential-store': { exitCode: 5, code: LOCAL_ERROR },
  'token-command-failed': { exitCode: 4, code: LOCAL_ERROR },
  'client-config': { exitCode: 1, code: LOCAL_ERROR },
  'tool-filtered': { exitCode: 1, code: -32602 },
  'unsupported-revision': { exitCode: 1, code: -32022 },
  'invalid-params': { exitCode: 1, code: -32602 },
  'unknown-method': { exitCode: 1, code: -32601 },
  'invalid-json': { exitCode: 1, code: -32700 },
  'invalid-request': { exitCode: 1, code: -32600 },
  overloaded: { exitCode: 1, code: LOCAL_ERROR },
  'shutting-down': { exitCode: 1, code: LOCAL_ERROR },
  internal: { exitCode: 1, code: LOCAL_ERROR },
} as const;

/** A stable, kebab-case name for what went wrong; programs branch on it, people read the message. */
export type Reason = keyof typeof reasons;

export function isReason(text: string): text is Reason {
  return Object.hasOwn(reasons, text);
}

/** Facts that go with an error into `error.data`: `status`, `url`, `retryAfter` in seconds, and what the remote said. */
export type ErrorDetails = Readonly<Record<string, JsonValue | undefined>>;

/** Every failure that the program itself reports: one sentence a person can act on, no secret in it. */
export class DrawbridgeError extends Error {
  override readonly name = 'DrawbridgeError';
  readonly reason: Reason;
  readonly details: ErrorDetails;

  constructor(reason: Reason, message: string, details: ErrorDetails = {}, cause?: unknown) {
    super(cut(message, 500), cause === undefined ? {} : { cause });
    this.reason = reason;
    this.details = details;
  }

  /** The process's exit code where this error ends a command (CLI.md, "Exit codes"). */
  get exitCode(): number {
    return reasons[this.reason].exitCode;
  }

  /** The `error` member of a JSON-RPC answer. */
  toJsonRpcError(): { code: number; message: string; data: Record<string, unknown> } {
    return {
      code: reasons[this.reason].code,
      message: this.message,
      data: { source: 'mcp-drawbridge', reason: this.reason, ...this.details },
    };
  }
}

/** Whatever was thrown, as a DrawbridgeError; an unforeseen one keeps its text out, since that may quote a secret. */
export function asDrawbridgeError(error: unknown): DrawbridgeError {
  if (error instanceof DrawbridgeError) return error;
  const name = error instanceof Error ? error.name : typeof error;
  return new DrawbridgeError('internal', `The bridge met an unexpected problem (${name}).`, {}, error);
}

/**
 * Text of the remote made fit to be shown: control, bidirectional and zero-width characters out,
 * white space folded, at most `limit` characters.
 */
export function displayText(text: string, limit = 200): string {
  const clean = text
    .slice(0, limit * 4)
    .replace(/[\s\u2028\u2029]+/g, ' ')
    .replace(/[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]/g, '')
    .trim();
  return cut(clean, limit);
}

/** At most `limit` characters, and no half of one: a strict client would not read the message. */
function cut(text: string, limit: number): string {
  const fit = text.length > limit ? `${text.slice(0, limit - 1)}…` : text;
  return fit.replace(/\p{Surrogate}/gu, '');
}
