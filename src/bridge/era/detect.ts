import { isObject, type JsonRpcResponse } from '../../jsonrpc.ts';
import type { Outcome } from '../../remote/transport.ts';
import { isLegacyRevision, isModernRevision } from '../../revisions.ts';

/** What the answer to `server/discover` says about the era of a server. */
export type Verdict =
  /** It speaks this revision, which the bridge speaks too. */
  | { era: 'modern'; version: string }
  /** It is to be opened by `initialize`. */
  | { era: 'legacy' }
  /** It is modern, and is to be asked once more, in this revision. */
  | { era: 'repeat'; version: string }
  /** It found fault with the request as only a modern server can: once more, and then it is taken for a legacy one. */
  | { era: 'repair' }
  /** It speaks revisions that are newer than the bridge, and no other. */
  | { era: 'foreign'; supported: readonly string[] }
  /** It was not heard, or wants something else first: nothing follows from that. */
  | { era: 'unknown' };

const HEADER_MISMATCH = -32020;
const MISSING_CAPABILITY = -32021;
const UNSUPPORTED_VERSION = -32022;
const METHOD_NOT_FOUND = -32601;

/** 4xx that say something about this moment or about the way, and nothing about the server. */
const passing = new Set([401, 403, 407, 408, 425, 429]);

/**
 * Tells the era of a server by how it takes `server/discover` (MCP 2026-07-28, Versioning; Streamable HTTP, Backward
 * Compatibility). An authorization is waited for, and a server that is down says nothing.
 *
 * @param outcome how sending it ended
 * @param answer what the server answered, where that reached us as an answer
 */
export function verdictOfDiscover(outcome: Outcome, answer?: JsonRpcResponse): Verdict {
  if (answer?.result !== undefined) return ofResult(answer.result);
  if (answer) return ofError(answer.error, undefined);
  if (outcome.kind !== 'failed') return { era: 'unknown' };
  const { reason, details } = outcome.error;
  const status = typeof details.status === 'number' ? details.status : undefined;
  if (outcome.answer) return ofError(JSON.parse(outcome.answer.text), status);
  // An answer that is none: no modern server gives it, and what a legacy one says to an unknown method varies.
  if (reason === 'invalid-answer') return { era: 'legacy' };
  return ofStatus(status);
}

function ofResult(result: unknown): Verdict {
  const supported = isObject(result) ? result.supportedVersions : undefined;
  if (!Array.isArray(supported)) return { era: 'legacy' };
  const version = supported.find(isModernRevision);
  return version === undefined ? withoutMutual(supported) : { era: 'modern', version };
}

function ofError(error: unknown, status: number | undefined): Verdict {
  const { code, data } = isObject(error) ? error : {};
  switch (code) {
    case METHOD_NOT_FOUND:
      return { era: 'legacy' };
    case UNSUPPORTED_VERSION: {
      const supported = isObject(data) && Array.isArray(data.supported) ? data.supported : [];
      const version = supported.find(isModernRevision);
      return version === undefined ? withoutMutual(supported) : { era: 'repeat', version };
    }
    case HEADER_MISMATCH:
    case MISSING_CAPABILITY:
      return { era: 'repair' };
    default:
      return status === undefined ? { era: 'legacy' } : ofStatus(status);
  }
}

function ofStatus(status: number | undefined): Verdict {
  const isAgainst = status !== undefined && status >= 400 && status < 500 && !passing.has(status);
  return { era: isAgainst ? 'legacy' : 'unknown' };
}

/** Nothing is known to both: a legacy revision leads to `initialize`, a list of newer ones leads nowhere. */
function withoutMutual(versions: readonly unknown[]): Verdict {
  const supported = versions.filter((version) => typeof version === 'string');
  return supported.length === 0 || supported.some(isLegacyRevision)
    ? { era: 'legacy' }
    : { era: 'foreign', supported };
}
