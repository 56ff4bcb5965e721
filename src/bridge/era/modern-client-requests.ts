import { removeMembers, setMember } from '../../json-edit.ts';
import { findMember, members, type Span, skipSpace, withId } from '../../json-text.ts';
import { isObject } from '../../jsonrpc.ts';
import { LATEST_LEGACY, metaKeys, metaOf } from '../../revisions.ts';
import { version } from '../../version.ts';
import { reservedMeta, TASKS_EXTENSION } from './modern-client-tables.ts';

/** A modern client's messages in the form of the legacy era; what need not change is left as it is (B-88). */

/** The capabilities as a legacy server is told them: what no modern message can honour is not promised (B-59). */
export function legacyCapabilities(declared: unknown): Record<string, unknown> {
  if (!isObject(declared)) return {};
  const { tasks: _, roots, extensions, ...rest } = declared;
  const kept = isObject(extensions)
    ? Object.fromEntries(Object.entries(extensions).filter(([name]) => name !== TASKS_EXTENSION))
    : {};
  return {
    ...rest,
    ...(isObject(roots) && { roots: {} }),
    ...(Object.keys(kept).length > 0 && { extensions: kept }),
  };
}

/** The `initialize` by which a session is opened in the name of a modern client, whose request says who it is (B-58). */
export function initializeFor(params: unknown): string {
  const meta = metaOf(params);
  const info = meta[metaKeys.clientInfo];
  const isInfo = isObject(info) && typeof info.name === 'string' && typeof info.version === 'string';
  return JSON.stringify({
    jsonrpc: '2.0',
    id: 0,
    method: 'initialize',
    params: {
      protocolVersion: LATEST_LEGACY,
      capabilities: legacyCapabilities(meta[metaKeys.clientCapabilities]),
      clientInfo: isInfo ? info : { name: 'mcp-drawbridge', version },
    },
  });
}

/**
 * @param body the client's request, JSON; `params` are its parameters, parsed
 * @param id under which the server is to answer; it serves as progress token too (B-86, B-87)
 * @param asTask whether the server is to run the tool as a task
 */
export function legacyRequest(
  body: string,
  method: string,
  params: unknown,
  id: string,
  asTask: boolean,
): string {
  // The modern era has no such parameter, and the legacy one would answer with a task in place of the result.
  const isStray = method === 'tools/call' && isObject(params) && 'task' in params;
  if (!asTask && !isStray) {
    const usual = usualRequest(body, JSON.stringify(id));
    if (usual !== undefined) return usual;
  }
  let text = withoutModernMeta(withId(body, id));
  if ('progressToken' in metaOf(params))
    text = setMember(text, ['params', '_meta', 'progressToken'], JSON.stringify(id));
  if (asTask) return setMember(text, ['params', 'task'], '{}');
  return isStray ? removeMembers(text, ['params'], (key) => key === 'task') : text;
}

/** The same in one pass, for a request that has each of its members once; undefined for another. */
function usualRequest(body: string, id: string): string | undefined {
  const top = members(body, skipSpace(body, 0));
  const own = only(top, 'id');
  const params = only(top, 'params');
  if (!own || !params || body[params.start] !== '{') return undefined;
  const inner = members(body, params.start);
  const meta = only(inner, '_meta');
  if (!meta || body[meta.start] !== '{') return undefined;
  const kept = members(body, meta.start)
    .filter(({ key }) => !reservedMeta.has(key))
    .map(({ key, keyStart, end }) =>
      key === 'progressToken' ? `"progressToken":${id}` : body.slice(keyStart, end),
    );
  const edits = [
    { start: own.start, end: own.end, text: id },
    kept.length === 0
      ? { ...withComma(inner, meta), text: '' }
      : { start: meta.start, end: meta.end, text: `{${kept.join(',')}}` },
  ].sort((one, other) => one.start - other.start);
  let text = '';
  let at = 0;
  for (const edit of edits) {
    text += body.slice(at, edit.start) + edit.text;
    at = edit.end;
  }
  return text + body.slice(at);
}

/** The place of a member with the comma that goes with it. */
function withComma(all: readonly Member[], member: Member): Span {
  const index = all.indexOf(member);
  const [before, after] = [all[index - 1], all[index + 1]];
  if (before) return { start: before.end, end: member.end };
  return { start: member.keyStart, end: after?.keyStart ?? member.end };
}

type Member = ReturnType<typeof members>[number];

function only(all: readonly Member[], key: string): Member | undefined {
  const found = all.filter((member) => member.key === key);
  return found.length === 1 ? found[0] : undefined;
}

/** A request or notification without what the modern era has put into its `_meta`. */
export function withoutModernMeta(body: string): string {
  const text = removeMembers(body, ['params', '_meta'], (key) => reservedMeta.has(key));
  const meta = findMember(text, 'params', '_meta');
  const isEmpty =
    meta !== undefined && text[meta.start] === '{' && text[skipSpace(text, meta.start + 1)] === '}';
  return isEmpty && text !== body ? removeMembers(text, ['params'], (key) => key === '_meta') : text;
}
