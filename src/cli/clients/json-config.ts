import { getNodeValue, type Node, type ParseError, parseTree, printParseErrorCode } from 'jsonc-parser';
import type { JsonValue } from '../../jsonrpc.ts';
import {
  ConfigFault,
  type ConfigFormat,
  positionAt,
  type ServerEntry,
  type Splice,
  splice,
} from './config-format.ts';
import { indentOfLine, type Layout, layoutOf, ownIndent, renderJson, skipTrivia } from './json-text.ts';

export interface JsonDialect {
  /** The property of the outermost object that holds the servers. */
  container: string;
  comments: boolean;
  trailingCommas: boolean;
}

/** Servers in JSON as one client reads it. Only what has to be is spliced into the text; nothing is formatted anew. */
export function jsonConfig({ container, comments, trailingCommas }: JsonDialect): ConfigFormat {
  /** @returns undefined where the text holds nothing but, perhaps, comments */
  const parseRoot = (text: string): Node | undefined => {
    const trivia = skipTrivia(text, 0);
    if (trivia.end === text.length && (comments || trivia.comment === undefined)) return undefined;
    const errors: ParseError[] = [];
    const root = parseTree(text, errors, { disallowComments: !comments, allowTrailingComma: trailingCommas });
    const [first] = errors;
    if (first) throw new ConfigFault(wordsFor(first), positionAt(text, first.offset));
    if (root?.type !== 'object')
      throw new ConfigFault('an object ({ … }) was expected', positionAt(text, root?.offset ?? 0));
    return root;
  };

  const servers = (text: string, root: Node): Node | undefined => {
    const value = memberOf(propertyOf(text, root, container));
    if (value !== undefined && value.type !== 'object')
      throw new ConfigFault(`"${container}" should be an object ({ … })`, positionAt(text, value.offset));
    return value;
  };

  return {
    find(text, name) {
      const root = parseRoot(text);
      const holder = root && servers(text, root);
      const value = holder && memberOf(propertyOf(text, holder, name));
      if (value === undefined) return undefined;
      if (value.type !== 'object')
        throw new ConfigFault(`"${name}" should be an object ({ … })`, positionAt(text, value.offset));
      return getNodeValue(value) as ServerEntry;
    },

    set(text, name, entry) {
      const root = parseRoot(text);
      const layout = layoutOf(text, root?.children?.[0]?.offset);
      if (root === undefined) {
        const before = text.trim() === '' || /[\r\n]$/.test(text) ? '' : layout.lineEnd;
        return `${text}${before}${renderJson({ [container]: { [name]: entry } }, '', layout)}${layout.lineEnd}`;
      }
      const holder = servers(text, root);
      if (holder === undefined)
        return splice(text, insertion(text, root, container, { [name]: entry }, layout));
      const value = memberOf(propertyOf(text, holder, name));
      if (value === undefined) return splice(text, insertion(text, holder, name, entry, layout));
      const rendered = renderJson(entry, indentOfLine(text, value.offset), layout);
      return splice(text, [{ from: value.offset, to: value.offset + value.length, text: rendered }]);
    },

    remove(text, name) {
      const root = parseRoot(text);
      const holder = root && servers(text, root);
      const property = holder && propertyOf(text, holder, name);
      return property === undefined ? text : splice(text, removal(text, holder as Node, property));
    },
  };
}

/** @throws ConfigFault where a key comes twice: clients differ in which one counts */
function propertyOf(text: string, object: Node, key: string): Node | undefined {
  const [found, second] = (object.children ?? []).filter(({ children }) => children?.[0]?.value === key);
  if (second) throw new ConfigFault(`"${key}" is there twice`, positionAt(text, second.offset));
  return found;
}

function memberOf(property: Node | undefined): Node | undefined {
  return property?.children?.[1];
}

const endOf = ({ offset, length }: Node): number => offset + length;

/** Puts a property behind the last one of an object, and behind the comments there. */
function insertion(text: string, object: Node, key: string, value: JsonValue, layout: Layout): Splice[] {
  const close = endOf(object) - 1;
  const last = object.children?.at(-1);
  if (last === undefined) return fillEmpty(text, object, key, value, layout);

  const isOnLine = !/[\r\n]/.test(text.slice(object.offset, close));
  const local = isOnLine ? { ...layout, isOneLine: true } : layout;
  const indent = ownIndent(text, last.offset) ?? indentOfLine(text, object.offset) + layout.step;
  const start = isOnLine ? local.gap : layout.lineEnd + indent;
  const member = `${start}${JSON.stringify(key)}:${local.gap}${renderJson(value, indent, local)}`;
  const afterLast = skipTrivia(text, endOf(last));
  const hasComma = text[afterLast.end] === ',';
  const comma = hasComma ? afterLast.end + 1 : endOf(last);
  const at = skipTrivia(text, comma).comment ?? comma;
  return hasComma
    ? [{ from: at, to: at, text: `${member},` }]
    : at === comma
      ? [{ from: at, to: at, text: `,${member}` }]
      : [
          { from: comma, to: comma, text: ',' },
          { from: at, to: at, text: member },
        ];
}

function fillEmpty(text: string, object: Node, key: string, value: JsonValue, layout: Layout): Splice[] {
  const open = object.offset + 1;
  const close = endOf(object) - 1;
  const { comment } = skipTrivia(text, open);
  const outer = indentOfLine(text, object.offset);
  const indent = outer + layout.step;
  const member = `${JSON.stringify(key)}:${layout.gap}${renderJson(value, indent, layout)}`;
  if (comment === undefined && layout.isOneLine) return [{ from: open, to: close, text: member }];
  const start = layout.lineEnd + indent;
  const end = layout.lineEnd + outer;
  if (comment === undefined) return [{ from: open, to: close, text: start + member + end }];
  const isClosed = /[\r\n]/.test(text.slice(comment, close));
  return [{ from: comment, to: comment, text: start + member + (isClosed ? '' : end) }];
}

/** Takes a property out, with one comma and the blanks before it; comments stay. */
function removal(text: string, object: Node, property: Node): Splice[] {
  const open = object.offset + 1;
  const close = endOf(object) - 1;
  const from = open + text.slice(open, property.offset).trimEnd().length;
  const following = skipTrivia(text, endOf(property)).end;
  const hasComma = text[following] === ',';
  const rest = text.slice(open, from) + text.slice(hasComma ? following + 1 : endOf(property), close);
  if (object.children?.length === 1 && rest.trim() === '') return [{ from: open, to: close, text: '' }];

  const own = { from, to: endOf(property), text: '' };
  if (hasComma) {
    return following === own.to
      ? [{ ...own, to: following + 1 }]
      : [own, { from: following, to: following + 1, text: '' }];
  }
  const previous = object.children?.[object.children.indexOf(property) - 1];
  if (previous === undefined) return [own];
  const comma = skipTrivia(text, endOf(previous)).end;
  return [{ from: comma, to: comma + 1, text: '' }, own];
}

/** "CommaExpected" as "comma expected". */
function wordsFor({ error }: ParseError): string {
  return error === 10
    ? 'a comment, which this client does not read'
    : printParseErrorCode(error)
        .replace(/(?!^)[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)
        .toLowerCase();
}
