import { removeMembers, setMember } from '../../json-edit.ts';
import { findElements, findMember, replaceAt, type Span } from '../../json-text.ts';
import { isObject } from '../../jsonrpc.ts';
import { metaKeys, metaOf } from '../../revisions.ts';
import { asciiJson } from './legacy-client-bytes.ts';
import { knows, modernResultMembers, requests } from './legacy-client-tables.ts';

/** A change to the text of an answer. `result` is its result, parsed, but for long strings in a large message. */
type Edit = (text: string, result: Record<string, unknown>, revision: string) => string;

/** What is done to the results of a method, beside what is done to all. */
const edits: Readonly<Record<string, readonly Edit[]>> = {
  'tools/list': [withoutOddOutputSchemas],
  'tools/call': [
    withLegacyStructure,
    (text, { content }, revision) => withKnownBlocks(text, ['result', 'content'], content, revision),
  ],
  'prompts/get': [withKnownMessages],
};

/** An answer of a modern server as a legacy client of the given revision takes it; what it can take stays as it is. */
export function legacyAnswer(
  text: string,
  method: string,
  result: Record<string, unknown>,
  revision: string,
): string {
  const clean = withoutModernMembers(text, method, result);
  if (!Object.hasOwn(edits, method)) return clean;
  return (edits[method] as readonly Edit[]).reduce((json, edit) => edit(json, result, revision), clean);
}

const ofServerOnly: ReadonlySet<string> = new Set([metaKeys.serverInfo, metaKeys.subscriptionId]);

/** Takes out of the object at `path` what its `_meta` holds for modern clients only. */
export function withoutModernMeta(text: string, path: readonly string[], value: unknown): string {
  const keys = Object.keys(metaOf(value));
  const own = keys.filter((key) => ofServerOnly.has(key)).length;
  if (own === 0) return text;
  return own === keys.length
    ? removeMembers(text, path, (key) => key === '_meta')
    : removeMembers(text, [...path, '_meta'], (key) => ofServerOnly.has(key));
}

function withoutModernMembers(text: string, method: string, result: Record<string, unknown>): string {
  const keys = Object.keys(metaOf(result));
  const own = keys.filter((key) => ofServerOnly.has(key)).length;
  const isMetaEmpty = own > 0 && own === keys.length;
  // In the result of a method that MCP does not define, members of these names may mean something else.
  const isKnown = Object.hasOwn(requests, method);
  const isUnwanted = (key: string): boolean =>
    key === 'resultType' || (isKnown && modernResultMembers.has(key)) || (key === '_meta' && isMetaEmpty);
  const clean = Object.keys(result).some(isUnwanted) ? removeMembers(text, ['result'], isUnwanted) : text;
  return own > 0 && !isMetaEmpty ? withoutModernMeta(clean, ['result'], result) : clean;
}

// ---- tools -------------------------------------------------------------------------------------------------------

/** One schema with another root than an object makes typed clients refuse the whole list (SEP-2106, Compatibility). */
function withoutOddOutputSchemas(text: string, { tools }: Record<string, unknown>, revision: string): string {
  if (!Array.isArray(tools)) return text;
  const isOdd = (tool: unknown): boolean => {
    if (!isObject(tool) || tool.outputSchema === undefined) return false;
    const { outputSchema } = tool;
    return !knows(revision, 'structuredContent') || !isObject(outputSchema) || outputSchema.type !== 'object';
  };
  if (!tools.some(isOdd)) return text;
  return mapElements(text, ['result', 'tools'], (tool, index) =>
    isOdd(tools[index]) ? removeMembers(tool, [], (key) => key === 'outputSchema') : undefined,
  );
}

/** Structured content is an object in the legacy era, and in its first revisions it is not there at all. */
function withLegacyStructure(text: string, result: Record<string, unknown>, revision: string): string {
  const { structuredContent, content } = result;
  if (structuredContent === undefined) return text;
  if (isObject(structuredContent) && knows(revision, 'structuredContent')) return text;
  const span = findMember(text, 'result', 'structuredContent') as Span;
  const json = text.slice(span.start, span.end);
  const rest = removeMembers(text, ['result'], (key) => key === 'structuredContent');
  const array = findMember(rest, 'result', 'content');
  const hasContent = Array.isArray(content) && array !== undefined;
  if (hasContent && holdsText(rest.slice(array.start, array.end), json)) return rest;
  const block = `{"type":"text","text":${JSON.stringify(json)}}`;
  if (!hasContent) return setMember(rest, ['result', 'content'], `[${block}]`);
  const isEmpty = content.length === 0;
  const end = array.end - 1;
  return replaceAt(rest, { start: end, end }, isEmpty ? block : `,${block}`);
}

/** Whether one of the blocks is the JSON as text, however that is spaced. */
function holdsText(content: string, json: string): boolean {
  const same = JSON.stringify(JSON.parse(json));
  const blocks = JSON.parse(content) as unknown[];
  return blocks.some((block) => {
    if (!isObject(block) || block.type !== 'text' || typeof block.text !== 'string') return false;
    try {
      return JSON.stringify(JSON.parse(block.text)) === same;
    } catch {
      return false;
    }
  });
}

// ---- blocks of content -------------------------------------------------------------------------------------------

/** Puts text in the place of blocks whose type a strict client of the revision refuses. */
function withKnownBlocks(text: string, path: readonly string[], blocks: unknown, revision: string): string {
  if (!Array.isArray(blocks)) return text;
  const substitutes = blocks.map((block) => substituteFor(block, revision));
  if (substitutes.every((substitute) => substitute === undefined)) return text;
  return mapElements(text, path, (_, index) => substitutes[index]);
}

/** Puts known blocks into messages, each of which has one, or an array of them. */
export function withKnownBlocksInMessages(
  text: string,
  path: readonly string[],
  messages: unknown,
  revision: string,
): string {
  if (!Array.isArray(messages)) return text;
  const isOdd = messages.some((message) => {
    const content: unknown = isObject(message) ? message.content : undefined;
    const blocks: unknown[] = Array.isArray(content) ? content : [content];
    return blocks.some((block) => substituteFor(block, revision) !== undefined);
  });
  if (!isOdd) return text;
  return mapElements(text, path, (json, index) => {
    const content: unknown = isObject(messages[index]) ? messages[index].content : undefined;
    if (Array.isArray(content)) return withKnownBlocks(json, ['content'], content, revision);
    const substitute = substituteFor(content, revision);
    return substitute === undefined ? undefined : setMember(json, ['content'], substitute);
  });
}

function withKnownMessages(text: string, { messages }: Record<string, unknown>, revision: string): string {
  return withKnownBlocksInMessages(text, ['result', 'messages'], messages, revision);
}

/** @returns the text block that stands for one the revision does not know, JSON; undefined where it may stay */
function substituteFor(block: unknown, revision: string): string | undefined {
  if (!isObject(block)) return undefined;
  if (block.type === 'audio' && !knows(revision, 'audio')) {
    const kind = typeof block.mimeType === 'string' ? ` (${block.mimeType})` : '';
    return textBlock(`[Audio${kind}, which this client's protocol revision can not carry]`);
  }
  if (block.type === 'resource_link' && !knows(revision, 'resource_link')) {
    const name = typeof block.title === 'string' ? block.title : block.name;
    return textBlock(typeof name === 'string' ? `${name}: ${String(block.uri)}` : String(block.uri));
  }
  return undefined;
}

function textBlock(text: string): string {
  return asciiJson(JSON.stringify({ type: 'text', text }));
}

/** Rewrites elements of the array at `path`; undefined leaves one as it is. */
function mapElements(
  text: string,
  path: readonly string[],
  rewrite: (json: string, index: number) => string | undefined,
): string {
  const array = findMember(text, ...path);
  if (!array) return text;
  const all = findElements(text, array.start).map(({ start, end }, index) => {
    const json = text.slice(start, end);
    return rewrite(json, index) ?? json;
  });
  return replaceAt(text, array, `[${all.join(',')}]`);
}
