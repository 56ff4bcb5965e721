import { removeMembers, setMember } from '../../json-edit.ts';
import { findElements, findMember } from '../../json-text.ts';
import { isObject } from '../../jsonrpc.ts';
import { withKnownBlocksInMessages } from './legacy-client-results.ts';
import { knows } from './legacy-client-tables.ts';

type Params = Record<string, unknown>;

/** A question that a modern server may put into its answer, as a legacy client is asked it. */
export interface InputKind {
  /** Whether a client with these capabilities may be asked so (MCP 2026-07-28, Multi Round-Trip Requests). */
  isDeclared(params: Params, capabilities: Params): boolean;
  /** @returns the parameters, JSON, in the form of the revision; undefined where it has none for them */
  toLegacy(json: string, params: Params, revision: string): string | undefined;
  /** The answer in place of one that the client could not give, or refused by an error; undefined: there is none. */
  cancel: string | undefined;
}

export const inputKinds: Readonly<Record<string, InputKind>> = {
  'elicitation/create': {
    isDeclared: ({ mode = 'form' }, { elicitation }) => {
      if (!isObject(elicitation)) return false;
      // An empty object means forms only, as it did before there were links.
      if (mode === 'form') return 'form' in elicitation || !('url' in elicitation);
      return mode === 'url' && 'url' in elicitation;
    },
    toLegacy: (json, params, revision) => {
      // A modern server gives none, and a legacy client does not take a link without.
      if (params.mode === 'url')
        return setMember(json, ['elicitationId'], JSON.stringify(crypto.randomUUID()));
      return knows(revision, 'elicitation.enums') ? json : withPlainEnums(json, params.requestedSchema);
    },
    cancel: '{"action":"cancel"}',
  },
  'sampling/createMessage': {
    isDeclared: ({ tools, toolChoice }, { sampling }) =>
      isObject(sampling) && ((tools === undefined && toolChoice === undefined) || isObject(sampling.tools)),
    toLegacy: (json, { messages }, revision) => {
      const single = knows(revision, 'sampling.blocks') ? json : withSingleBlocks(json, messages);
      if (single === undefined) return undefined;
      const given = single === json ? messages : (JSON.parse(single) as Params).messages;
      return withKnownBlocksInMessages(single, ['messages'], given, revision);
    },
    cancel: undefined,
  },
  'roots/list': {
    isDeclared: (_, { roots }) => isObject(roots),
    toLegacy: (json) => json,
    cancel: undefined,
  },
};

/** Choices with titles as 2025-06-18 has them; undefined where several may be chosen, which it does not know. */
function withPlainEnums(json: string, schema: unknown): string | undefined {
  const properties = isObject(schema) && isObject(schema.properties) ? schema.properties : {};
  let text = json;
  for (const [name, property] of Object.entries(properties)) {
    if (!isObject(property)) continue;
    if (property.type === 'array') return undefined;
    const { oneOf } = property;
    if (!Array.isArray(oneOf)) continue;
    const path = ['requestedSchema', 'properties', name];
    const choices = oneOf.filter(isObject);
    text = removeMembers(text, path, (key) => key === 'oneOf');
    text = setMember(
      text,
      [...path, 'enumNames'],
      JSON.stringify(choices.map(({ title, const: value }) => title ?? value)),
    );
    text = setMember(text, [...path, 'enum'], JSON.stringify(choices.map(({ const: value }) => value)));
  }
  return text;
}

/** Messages with one block each, as they were before 2025-11-25; undefined where one has several. */
function withSingleBlocks(json: string, messages: unknown): string | undefined {
  if (!Array.isArray(messages)) return json;
  let text = json;
  for (const [index, message] of messages.entries()) {
    const content: unknown = isObject(message) ? message.content : undefined;
    if (!Array.isArray(content)) continue;
    if (content.length !== 1) return undefined;
    const array = findMember(text, 'messages');
    const span = array && findElements(text, array.start)[index];
    if (!span) return undefined;
    const element = text.slice(span.start, span.end);
    const [block] = findElements(element, findMember(element, 'content')?.start);
    if (!block) return undefined;
    const single = setMember(element, ['content'], element.slice(block.start, block.end));
    text = text.slice(0, span.start) + single + text.slice(span.end);
  }
  return text;
}
