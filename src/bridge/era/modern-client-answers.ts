import { LOCAL_ERROR } from '../../errors.ts';
import { keepElements, removeMembers, setMember } from '../../json-edit.ts';
import { findElements, findMember, replaceAt, withId } from '../../json-text.ts';
import { isObject, type JsonRpcResponse, type JsonValue, type MessageId } from '../../jsonrpc.ts';
import type { OutgoingRequest } from '../../remote/transport.ts';
import { metaKeys, metaOf, modernRevisions } from '../../revisions.ts';
import type { Answer } from '../pending-requests.ts';
import {
  cacheFields,
  methodRow,
  modernErrorCode,
  needsPages,
  TASKS_EXTENSION,
  undeclared,
} from './modern-client-tables.ts';

/** A legacy server's answers in the form of the modern era; what need not change is left as it is (B-88). */

const COMPLETE = { resultType: 'complete' } as const;

/** An answer in the modern form, and what it says. */
export interface ModernAnswer {
  text: string;
  message: JsonRpcResponse;
}

/** What every result may need to know of the server. */
export interface ServerFacts {
  /** Its `serverInfo` as JSON, and what becomes of it in a result; undefined where it gave none. */
  serverInfo: { json: string; meta: Record<string, unknown>; member: string } | undefined;
  /** Whether it runs tools as tasks. */
  hasToolTasks: boolean;
}

/** What a server's answer to `initialize` says of it. */
export function factsOf(welcome: string): ServerFacts {
  const info = findMember(welcome, 'result', 'serverInfo');
  const tasks = findMember(welcome, 'result', 'capabilities', 'tasks', 'requests', 'tools', 'call');
  const json = info && welcome[info.start] === '{' ? welcome.slice(info.start, info.end) : undefined;
  return {
    serverInfo: json === undefined ? undefined : { json, ...inMeta(json) },
    hasToolTasks: tasks !== undefined,
  };
}

/** A `serverInfo` as the `_meta` of a result, parsed and as a member to be put in. */
function inMeta(json: string): { meta: Record<string, unknown>; member: string } {
  const meta = { [metaKeys.serverInfo]: JSON.parse(json) as unknown };
  return { meta, member: `,"_meta":{"${metaKeys.serverInfo}":${json}}` };
}

/** The answer to `server/discover`, made of the one to `initialize` (B-57). */
export function discoverAnswer(id: MessageId, welcome: string, facts: ServerFacts): ModernAnswer {
  const span = findMember(welcome, 'result');
  let result = span ? welcome.slice(span.start, span.end) : '{}';
  result = removeMembers(result, [], (key) => key === 'protocolVersion' || key === 'serverInfo');
  result = removeMembers(result, ['capabilities'], (key) => key === 'tasks');
  result = removeMembers(result, ['capabilities', 'extensions'], (key) => key === TASKS_EXTENSION);
  if (!findMember(result, 'capabilities')) result = setMember(result, ['capabilities'], '{}');
  result = setMember(result, ['supportedVersions'], JSON.stringify(modernRevisions));
  return answerWith(id, completed('server/discover', result, JSON.parse(result), facts));
}

/**
 * A server's answer to a request of a modern client.
 *
 * @param method of what the client has asked, as are `params` and `declared`, its capabilities
 */
export function modernAnswer(
  { id, method, params }: Pick<OutgoingRequest, 'id' | 'method' | 'params'>,
  declared: unknown,
  { text, message: { result, error } }: Answer,
  facts: ServerFacts,
): ModernAnswer {
  if (isObject(result)) return modernResult(id, method, text.toString(), result, facts);
  if (result !== undefined) return errorAnswerOf(id, -32603, 'The server gave a result that is no object.');
  if (needsPages(method, error) && undeclared('elicitation/create', { mode: 'url' }, declared)) {
    const message = 'The server wants the user to visit a page, which this client can not show.';
    return errorAnswerOf(id, -32021, message, { requiredCapabilities: { elicitation: { url: {} } } });
  }
  return modernError(id, text.toString(), error, params);
}

/** @param text a response of the server's with a result that is an object */
function modernResult(
  id: MessageId,
  method: string,
  text: string,
  result: Record<string, unknown>,
  facts: ServerFacts,
): ModernAnswer {
  const span = findMember(text, 'result');
  const json = span ? text.slice(span.start, span.end) : '{}';
  const isList = method === 'tools/list' && Array.isArray(result.tools);
  const fixed = isList ? withoutExecution(json, result, facts) : { json, result };
  const done = completed(method, fixed.json, fixed.result, facts);
  return {
    text: withId(span ? replaceAt(text, span, done.json) : text, id),
    message: { kind: 'response', id, result: done.result },
  };
}

/** Adds what every result of the modern era has (M-29, M-30, M-75). */
function completed(
  method: string,
  json: string,
  result: Record<string, unknown>,
  { serverInfo }: ServerFacts,
): Fixed {
  const isCall = method === 'tools/call' && !Array.isArray(result.content); // B-73
  const isPlain = !isCall && !methodRow(method).isCacheable;
  // Mostly nothing of it is there yet, and one insertion does.
  if (isPlain && !('resultType' in result) && !(serverInfo && '_meta' in result)) {
    const rest = Object.keys(result).length === 0 ? '' : ',';
    const own = serverInfo ? { ...COMPLETE, _meta: serverInfo.meta } : COMPLETE;
    return {
      json: `{"resultType":"complete"${serverInfo?.member ?? ''}${rest}${json.slice(json.indexOf('{') + 1)}`,
      result: { ...result, ...own },
    };
  }
  const fields: Record<string, JsonValue> = {
    ...COMPLETE,
    ...(methodRow(method).isCacheable && cacheFields),
    ...(isCall && { content: [] }),
  };
  const meta = serverInfo && { _meta: { ...metaOf(result), ...serverInfo.meta } };
  const whole = { ...result, ...fields, ...meta };
  let text = json;
  for (const [key, value] of Object.entries(fields)) text = setMember(text, [key], JSON.stringify(value));
  if (serverInfo) text = setMember(text, ['_meta', metaKeys.serverInfo], serverInfo.json);
  return { json: text, result: whole };
}

interface Fixed {
  json: string;
  result: Record<string, unknown>;
}

/**
 * Tool definitions of the modern era have no `execution` (B-72). A tool that wants to be a task where the server runs
 * none could not be called (B-77).
 */
function withoutExecution(
  json: string,
  result: Record<string, unknown>,
  { hasToolTasks }: ServerFacts,
): Fixed {
  const tools = result.tools as unknown[];
  if (!tools.some((tool) => isObject(tool) && 'execution' in tool)) return { json, result };
  const keeps = tools.map((tool) => hasToolTasks || !requiresTask(tool));
  const kept = keepElements(json, ['tools'], keeps);
  const array = findMember(kept, 'tools');
  if (!array) return { json, result };
  const elements = findElements(kept, array.start).map(({ start, end }) =>
    removeMembers(kept.slice(start, end), [], (key) => key === 'execution'),
  );
  const values = tools.filter((_, index) => keeps[index]).map(withoutExecutionMember);
  return { json: replaceAt(kept, array, `[${elements.join(',')}]`), result: { ...result, tools: values } };
}

function withoutExecutionMember(tool: unknown): unknown {
  if (!isObject(tool)) return tool;
  const { execution: _, ...rest } = tool;
  return rest;
}

/** Whether a tool runs as a task only (MCP 2025-11-25, Tasks). */
export function requiresTask(tool: unknown): boolean {
  return isObject(tool) && isObject(tool.execution) && tool.execution.taskSupport === 'required';
}

/**
 * A server's error in the modern form (section 3.7).
 *
 * @param text a response of the server's with an error
 * @param params of the request that it answers
 */
function modernError(id: MessageId, text: string, error: unknown, params: unknown): ModernAnswer {
  const code = isObject(error) && Number.isInteger(error.code) ? (error.code as number) : undefined;
  let json = withId(text, id);
  const now = code === undefined ? -32603 : modernErrorCode(code);
  if (now === code) return { text: json, message: { kind: 'response', id, error } };
  if (!isObject(error)) return errorAnswerOf(id, now, 'The server gave an error that is none.');
  const data = findMember(json, 'error', 'data');
  const uri = isObject(params) ? params.uri : undefined;
  const added: Record<string, string> =
    code === -32002
      ? typeof uri === 'string' && !findMember(json, 'error', 'data', 'uri')
        ? { uri: JSON.stringify(uri) }
        : {}
      : { originalCode: JSON.stringify(error.code ?? null) };
  // Data that is no object takes nothing in: it becomes part of one.
  if (data && json[data.start] !== '{' && Object.keys(added).length > 0)
    json = replaceAt(json, data, `{"originalData":${json.slice(data.start, data.end)}}`);
  for (const [key, value] of Object.entries(added)) json = setMember(json, ['error', 'data', key], value);
  json = setMember(json, ['error', 'code'], String(now));
  return {
    text: json,
    message: { kind: 'response', id, error: (JSON.parse(json) as { error: unknown }).error },
  };
}

/** An error that the bridge itself makes under a code of the protocol's (M-36: it says whose it is). */
function errorAnswerOf(
  id: MessageId,
  code: number,
  message: string,
  data: Record<string, JsonValue> = {},
): ModernAnswer {
  const error = { code, message, data: { source: 'mcp-drawbridge', ...data } };
  return { text: JSON.stringify({ jsonrpc: '2.0', id, error }), message: { kind: 'response', id, error } };
}

/** Tells the client that its request stops here. A tool's is told to the model, which can go on from there (B-91). */
export function stoppedAnswer(
  id: MessageId,
  method: string,
  message: string,
  facts: ServerFacts,
): ModernAnswer {
  if (method !== 'tools/call') return errorAnswerOf(id, LOCAL_ERROR, message);
  const result = { content: [{ type: 'text', text: message }], isError: true };
  return answerWith(id, completed(method, JSON.stringify(result), result, facts));
}

/** @param requests JSON of the input requests by their keys */
export function inputRequiredAnswer(
  id: MessageId,
  requests: ReadonlyMap<string, string>,
  state: string,
  { serverInfo }: ServerFacts,
): ModernAnswer {
  const entries = [...requests].map(([key, json]) => `${JSON.stringify(key)}:${json}`);
  const json = `{"resultType":"input_required","inputRequests":{${entries.join(',')}},"requestState":${JSON.stringify(state)}${serverInfo?.member ?? ''}}`;
  return answerWith(id, { json, result: JSON.parse(json) });
}

function answerWith(id: MessageId, { json, result }: Fixed): ModernAnswer {
  const text = `{"jsonrpc":"2.0","id":${JSON.stringify(id)},"result":${json}}`;
  return { text, message: { kind: 'response', id, result } };
}

/** A notification of the server's as one of a subscription's (M-66). */
export function ofSubscription(text: string, id: MessageId): string {
  return setMember(text, ['params', '_meta', metaKeys.subscriptionId], JSON.stringify(id));
}
