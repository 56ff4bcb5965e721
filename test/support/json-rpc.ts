/** A JSON-RPC message as a test looks at it: every field is optional, nothing is checked. */
export interface Message {
  jsonrpc: '2.0';
  id?: string | number | null;
  method?: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests reach into arbitrary payloads
  params?: any;
  // biome-ignore lint/suspicious/noExplicitAny: tests reach into arbitrary payloads
  result?: any;
  // biome-ignore lint/suspicious/noExplicitAny: tests reach into arbitrary payloads
  error?: { code: number; message: string; data?: any };
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function faultOfOne(value: unknown): string | undefined {
  if (!isObject(value)) return 'not an object';
  if (value.jsonrpc !== '2.0') return 'no "jsonrpc": "2.0"';
  if ('method' in value) return typeof value.method === 'string' ? undefined : 'method is no string';
  if (!('id' in value)) return 'neither method nor id';
  if ('result' in value === 'error' in value) return 'not exactly one of result and error';
  return undefined;
}

/** Why this line of stdout is no JSON-RPC message (or batch of them), or undefined where it is one. */
export function faultOfLine(line: string): string | undefined {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (error) {
    return `not JSON: ${(error as Error).message}`;
  }
  if (!Array.isArray(value)) return faultOfOne(value);
  if (value.length === 0) return 'an empty batch';
  return value.map(faultOfOne).find((fault) => fault !== undefined);
}

/** The parameters of an `initialize` request of a client with no capabilities. */
export function initializeParams(over: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    protocolVersion: '2025-11-25',
    capabilities: {},
    clientInfo: { name: 'test-client', version: '1.0.0' },
    ...over,
  };
}
