/** JSON-RPC 2.0 as MCP uses it: what a message is, told from its parsed value. */

export type JsonValue =
  | string
  | number
  | boolean
  | null
  | JsonValue[]
  | { [key: string]: JsonValue | undefined };

/** A request's id: a string or a safe integer, never null (MCP 2025-11-25, Requests). */
export type MessageId = string | number;

export interface JsonRpcRequest {
  kind: 'request';
  id: MessageId;
  method: string;
  params: unknown;
}

export interface JsonRpcNotification {
  kind: 'notification';
  method: string;
  params: unknown;
}

export interface JsonRpcResponse {
  kind: 'response';
  /** Null where the sender could not read the id of the request that it refuses. */
  id: MessageId | null;
  result?: unknown;
  error?: unknown;
}

/** What parses as JSON and is no JSON-RPC message; `id` is the one to answer with, null where none can be told. */
interface InvalidMessage {
  kind: 'invalid';
  id: MessageId | null;
  problem: string;
}

export type JsonRpcMessage = JsonRpcRequest | JsonRpcNotification | JsonRpcResponse | InvalidMessage;

export function isMessageId(value: unknown): value is MessageId {
  return typeof value === 'string' || Number.isSafeInteger(value);
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Tells what kind of message a parsed JSON value is (JSON-RPC 2.0, sections 4 and 5). Never throws. */
export function classify(value: unknown): JsonRpcMessage {
  if (!isObject(value)) return invalid(null, 'it is not a JSON object');
  const { jsonrpc, id, method, params } = value;
  const knownId = isMessageId(id) ? id : null;
  if (jsonrpc !== '2.0') return invalid(knownId, 'its "jsonrpc" is not "2.0"');

  if (method !== undefined) {
    if (typeof method !== 'string') return invalid(knownId, 'its "method" is not a string');
    if ('result' in value || 'error' in value) return invalid(knownId, 'it is both a request and a response');
    if (params !== undefined && typeof params !== 'object') {
      return invalid(knownId, 'its "params" is neither an object nor an array');
    }
    if (!('id' in value)) return { kind: 'notification', method, params };
    if (knownId === null) return invalid(null, 'its "id" is neither a string nor a safe integer');
    return { kind: 'request', id: knownId, method, params };
  }

  const hasResult = 'result' in value;
  if (hasResult === 'error' in value)
    return invalid(knownId, 'it has neither a method nor one of result and error');
  if (knownId === null && id !== null && id !== undefined) {
    return invalid(null, 'its "id" is neither a string nor a safe integer');
  }
  return hasResult
    ? { kind: 'response', id: knownId, result: value.result }
    : { kind: 'response', id: knownId, error: value.error };
}

function invalid(id: MessageId | null, problem: string): InvalidMessage {
  return { kind: 'invalid', id, problem };
}
