import { isDeepStrictEqual } from 'node:util';
import { parse, stringify, TomlError, type TomlTable } from 'smol-toml';
import { ConfigFault, type ConfigFormat, lineEndOf, type ServerEntry, splice } from './config-format.ts';
import { type TomlHeader, tomlHeaders } from './toml-headers.ts';

/**
 * Servers as tables of a TOML file, `[container.name]`. Such a table is put at the end, or taken out, as text; the parser
 * only checks that nothing else has changed.
 */
export function tomlConfig(container: string): ConfigFormat {
  const serversIn = (document: TomlTable): TomlTable | undefined => {
    const servers = document[container];
    if (servers === undefined) return undefined;
    if (!isTable(servers)) throw new ConfigFault(`"${container}" should be a table`);
    return servers;
  };

  /** The text with the tables of a server cut out, and where that was. */
  const cut = (text: string, name: string): { text: string; at: number } => {
    const headers = tomlHeaders(text);
    const isOwn = ({ path }: TomlHeader) => path[0] === container && path[1] === name;
    const first = headers.findIndex(isOwn);
    const count = headers.slice(first).findIndex((header) => !isOwn(header));
    const last = headers[count === -1 ? headers.length - 1 : first + count - 1];
    const [from, to] = [headers[first]?.start, last?.end];
    if (
      from === undefined ||
      to === undefined ||
      headers.filter(isOwn).length !== headers.indexOf(last!) - first + 1
    )
      throw new ConfigFault(
        `"${name}" is not written as a table [${container}.${name}] of its own; please edit it by hand`,
      );
    const blanks = blankLinesBefore(text, from, to);
    return { text: splice(text, [{ from: from - blanks, to, text: '' }]), at: from - blanks };
  };

  return {
    find(text, name) {
      const entry = serversIn(parseToml(text))?.[name];
      if (entry === undefined) return undefined;
      if (!isTable(entry)) throw new ConfigFault(`"${container}.${name}" should be a table`);
      return { ...entry } as ServerEntry;
    },

    set(text, name, entry) {
      const before = parseToml(text);
      const isThere = serversIn(before)?.[name] !== undefined;
      const rest = isThere ? cut(text, name) : { text, at: text.length };
      const lineEnd = lineEndOf(text);
      const table = renderTable(container, name, entry).replaceAll('\n', lineEnd);
      const after = isThere ? insertAt(rest, table, lineEnd) : append(text, table, lineEnd);
      check(before, after, container, name, entry);
      return after;
    },

    remove(text, name) {
      const after = cut(text, name).text;
      check(parseToml(text), after, container, name, undefined);
      return after;
    },
  };
}

/** @throws ConfigFault with the place of the fault */
function parseToml(text: string): TomlTable {
  try {
    // Whole numbers beyond 2^53 are none of our business.
    return parse(text, { integersAsBigInt: 'asNeeded' });
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    const [what = ''] = error.message.replace('Invalid TOML document: ', '').split('\n');
    throw new ConfigFault(what, { line: error.line, column: error.column });
  }
}

function isTable(value: unknown): value is TomlTable {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date);
}

/** A file that does not end in a line end is left without one. */
function append(text: string, table: string, lineEnd: string): string {
  if (text === '') return table + lineEnd;
  return /\n$/.test(text) ? text + lineEnd + table + lineEnd : text + lineEnd + lineEnd + table;
}

function insertAt({ text, at }: { text: string; at: number }, table: string, lineEnd: string): string {
  if (at === text.length) return append(text, table, lineEnd);
  const before = at === 0 ? '' : lineEnd;
  return splice(text, [{ from: at, to: at, text: before + table + lineEnd }]);
}

/** How much before a table goes with it: the blank line that was put there, and the line end that the file lacked. */
function blankLinesBefore(text: string, from: number, to: number): number {
  const before = text.slice(0, from);
  const isUnended = to === text.length && !/\n$/.test(text.slice(from, to));
  const blanks = isUnended ? /(\r?\n){1,2}$/ : /(?<=\n)\r?\n$/;
  return blanks.exec(before)?.[0].length ?? 0;
}

/** @throws ConfigFault unless the two differ in that server alone */
function check(
  before: TomlTable,
  text: string,
  container: string,
  name: string,
  entry: ServerEntry | undefined,
): void {
  const withoutServer = (document: TomlTable): TomlTable => {
    const { [name]: _, ...others } = (document[container] ?? {}) as TomlTable;
    const { [container]: __, ...rest } = document;
    return Object.keys(others).length > 0 ? { ...rest, [container]: others } : rest;
  };
  // Compared as text: the parser's tables have no prototype.
  const render = (server: ServerEntry) => renderTable(container, name, server);
  let isSame = false;
  try {
    const after = parseToml(text);
    const found = (after[container] as TomlTable | undefined)?.[name];
    isSame =
      isDeepStrictEqual(withoutServer(before), withoutServer(after)) &&
      (entry === undefined
        ? found === undefined
        : isTable(found) && render(found as ServerEntry) === render(entry));
  } catch (error) {
    if (!(error instanceof ConfigFault)) throw error;
  }
  if (!isSame)
    throw new ConfigFault(
      `"${container}" is written in a way that can't be changed safely; please edit it by hand`,
    );
}

function renderTable(container: string, name: string, entry: ServerEntry): string {
  const lines = Object.entries(entry).map(([key, value]) => `${renderKey(key)} = ${renderValue(value)}`);
  return [`[${container}.${renderKey(name)}]`, ...lines].join('\n');
}

function renderKey(key: string): string {
  return /^[A-Za-z0-9_-]+$/.test(key) ? key : renderString(key);
}

/** A basic string: JSON's escapes are among its own, but DEL must be one too (TOML 1.0.0, String). */
function renderString(text: string): string {
  return JSON.stringify(text).replaceAll('\u007f', '\\u007f');
}

function renderValue(value: unknown): string {
  if (typeof value === 'string') return renderString(value);
  if (Array.isArray(value)) return `[${value.map(renderValue).join(', ')}]`;
  if (isTable(value)) {
    const members = Object.entries(value).map(
      ([key, member]) => `${renderKey(key)} = ${renderValue(member)}`,
    );
    return members.length === 0 ? '{}' : `{ ${members.join(', ')} }`;
  }
  return stringify({ value }).replace('value = ', '').trimEnd();
}
