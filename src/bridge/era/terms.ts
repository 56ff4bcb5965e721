import { isObject } from '../../jsonrpc.ts';

/** The levels of log messages, most verbose first (RFC 5424; both eras have the same). */
export const severities: readonly unknown[] = [
  'debug',
  'info',
  'notice',
  'warning',
  'error',
  'critical',
  'alert',
  'emergency',
];

/** Whether a request goes on with one that was answered by `input_required` (MCP 2026-07-28, Multi Round-Trip Requests). */
export function isRetry(params: unknown): params is Record<string, unknown> {
  return isObject(params) && ('requestState' in params || 'inputResponses' in params);
}
