import { isObject } from '../jsonrpc.ts';
import type { Headers } from '../platform/http-client.ts';
import { LATEST_MODERN, revisionNamedIn } from '../revisions.ts';

/**
 * A tool argument that is repeated in a header, so that what stands before the server can route by it
 * (MCP 2026-07-28, Streamable HTTP, Custom Headers).
 */
export interface HeaderParameter {
  /** What follows `Mcp-Param-`. */
  name: string;
  /** The keys that lead to it within the arguments. */
  path: readonly string[];
}

/** The methods that name what they are about in `Mcp-Name`, and the parameter that holds it. */
const named: Readonly<Record<string, string>> = {
  'tools/call': 'name',
  'prompts/get': 'name',
  'resources/read': 'uri',
  // Those of the extension for tasks (SEP-2663, Routing Headers).
  'tasks/get': 'taskId',
  'tasks/update': 'taskId',
  'tasks/cancel': 'taskId',
};

/**
 * The headers that a message of the modern era has beside the common ones (MCP 2026-07-28, Streamable HTTP, Standard
 * Request Headers). A notification gets them too, as far as it can; nothing is said about those.
 *
 * @param parameters those of the tool that is called
 */
export function modernHeaders(
  method: string,
  params: unknown,
  parameters: readonly HeaderParameter[] = [],
): Headers {
  const revision = revisionNamedIn(params);
  const headers: Headers = {
    'MCP-Protocol-Version': typeof revision === 'string' ? headerValue(revision) : LATEST_MODERN,
    'Mcp-Method': headerValue(method),
  };
  if (!isObject(params)) return headers;
  const key = Object.hasOwn(named, method) ? named[method] : undefined;
  const name = key === undefined ? undefined : params[key];
  if (typeof name === 'string') headers['Mcp-Name'] = headerValue(name);
  for (const parameter of parameters) {
    const value = valueAt(params.arguments, parameter.path);
    if (value !== undefined) headers[`Mcp-Param-${parameter.name}`] = headerValue(value);
  }
  return headers;
}

/** The value at a path as text; undefined where there is none, or it is of a kind that no header takes. */
function valueAt(given: unknown, path: readonly string[]): string | undefined {
  let value = given;
  for (const key of path) {
    if (!isObject(value) || !Object.hasOwn(value, key)) return undefined;
    value = value[key];
  }
  if (typeof value === 'string') return value;
  return typeof value === 'boolean' || Number.isSafeInteger(value) ? String(value) : undefined;
}

const PLAIN = /^([\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?)?$/;
/** Its two halves may share the second question mark: a reader that looks at each for itself takes that for coded. */
const LOOKS_CODED = /^=\?base64\?(.*\?)?=$/i;

/**
 * A text as the value of a header: as it is where that can be, else as base64 of its UTF-8 between `=?base64?` and `?=`
 * (MCP 2026-07-28, Streamable HTTP, Value Encoding).
 */
export function headerValue(text: string): string {
  if (PLAIN.test(text) && !LOOKS_CODED.test(text)) return text;
  return `=?base64?${Buffer.from(text).toString('base64')}?=`;
}
