import { parse } from 'smol-toml';

/** A `[table]` or `[[table]]` of a TOML text. */
export interface TomlHeader {
  path: string[];
  /** Offset of the line of the header. */
  start: number;
  /** Offset after the line of the last key of the table; what follows are blank lines and comments. */
  end: number;
}

/** Finds the tables of a text that is known to be sound TOML. */
export function tomlHeaders(text: string): TomlHeader[] {
  const headers: TomlHeader[] = [];
  for (let at = 0; at < text.length; ) {
    const end = endOfStatement(text, at);
    const line = text.slice(at, end);
    const statement = line.trimStart();
    if (statement.startsWith('[')) headers.push({ path: pathOf(statement), start: at, end });
    else if (statement !== '' && !statement.startsWith('#')) {
      const current = headers.at(-1);
      if (current) current.end = end;
    }
    at = end;
  }
  return headers;
}

/** The parser knows best how a header is quoted. */
function pathOf(header: string): string[] {
  const path: string[] = [];
  let table: unknown = parse(header);
  while (typeof table === 'object' && table !== null) {
    const [key] = Object.keys(table);
    if (key === undefined) break;
    if (!Array.isArray(table)) path.push(key);
    table = (table as Record<string, unknown>)[key];
  }
  return path;
}

/** What a newline does not end: strings of several lines, comments and plain strings with brackets in them, arrays. */
const piece =
  /"""(?:\\[\s\S]|[^\\])*?"""+|'''[\s\S]*?'''+|"(?:\\.|[^"\\\r\n])*"|'[^'\r\n]*'|#[^\r\n]*|[[{]|[\]}]|\n|[^"'#[\]{}\n]+/y;

/** The offset after the line end that closes a statement, or the end of the text. */
function endOfStatement(text: string, from: number): number {
  let depth = 0;
  let at = from;
  while (at < text.length) {
    piece.lastIndex = at;
    const found = piece.exec(text)?.[0] ?? text.slice(at, at + 1);
    at += found.length;
    if (found === '[' || found === '{') depth++;
    else if (found === ']' || found === '}') depth--;
    else if (found === '\n' && depth <= 0) return at;
  }
  return text.length;
}
