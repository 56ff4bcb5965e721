/**
 * Surgery on JSON text. A message that must change in one place is cut there and nowhere else: re-serialising it
 * would round big integers and drop what a parser does not keep.
 * Every function takes text that JSON.parse has already accepted.
 */

/** A value's place in the text: from `start` up to, not including, `end`. */
export interface Span {
  start: number;
  end: number;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/**
 * The place of a value inside the object that begins at the text's first brace.
 *
 * @param path the keys that lead to it, outermost first
 * @returns undefined where a key is missing or a value on the way is no object
 */
export function findMember(text: string, ...path: string[]): Span | undefined {
  let span: Span | undefined = { start: skipSpace(text, 0), end: text.length };
  for (const key of path) {
    if (!span || text[span.start] !== '{') return undefined;
    span = memberOf(text, span.start, key);
  }
  return span;
}

/**
 * Whether each key of the path occurs once only: of several, one reader takes the first and another the last.
 *
 * @param path as for `findMember`
 */
export function isUnambiguous(text: string, ...path: string[]): boolean {
  return path.every((key, depth) => {
    const object = findMember(text, ...path.slice(0, depth));
    return !object || text[object.start] !== '{' || membersNamed(text, object.start, key).length <= 1;
  });
}

/** The places of the elements of the array that begins at `start`. */
export function findElements(text: string, start = skipSpace(text, 0)): Span[] {
  const elements: Span[] = [];
  let at = skipSpace(text, start + 1);
  while (text[at] !== ']') {
    const end = skipValue(text, at);
    elements.push({ start: at, end });
    at = skipSpace(text, end);
    if (text[at] === ',') at = skipSpace(text, at + 1);
  }
  return elements;
}

/** The text with what stands at `span` replaced. */
export function replaceAt(text: string, span: Span, replacement: string): string {
  return text.slice(0, span.start) + replacement + text.slice(span.end);
}

/** A message with another id, or with one where it has none. */
export function withId(text: string, id: string | number): string {
  const span = findMember(text, 'id');
  if (span) return replaceAt(text, span, JSON.stringify(id));
  return text.replace('{', () => `{"id":${JSON.stringify(id)},`);
}

/** The text as one line. In valid JSON a raw line break is white space between tokens, so nothing is lost. */
export function toOneLine(text: string): string {
  return text.includes('\n') || text.includes('\r') ? text.replace(/[\r\n]/g, ' ') : text;
}

function memberOf(text: string, objectStart: number, key: string): Span | undefined {
  // The last of several members of one name counts, as it does for JSON.parse.
  return membersNamed(text, objectStart, key).at(-1);
}

function membersNamed(text: string, objectStart: number, key: string): Span[] {
  return members(text, objectStart).filter((member) => member.key === key);
}

/** The members of the object that begins at `objectStart`: each key, where it begins, and the place of its value. */
export function members(text: string, objectStart: number): (Span & { key: string; keyStart: number })[] {
  const found = [];
  let at = skipSpace(text, objectStart + 1);
  while (text[at] !== '}') {
    const keyStart = at;
    const keyEnd = skipString(text, at);
    const start = skipSpace(text, skipSpace(text, keyEnd) + 1);
    const end = skipValue(text, start);
    found.push({ key: keyAt(text, keyStart, keyEnd), keyStart, start, end });
    at = skipSpace(text, end);
    if (text[at] === ',') at = skipSpace(text, at + 1);
  }
  return found;
}

function keyAt(text: string, start: number, end: number): string {
  const raw = text.slice(start + 1, end - 1);
  return raw.includes('\\') ? (JSON.parse(`"${raw}"`) as string) : raw;
}

/** @returns the place of the first character from `at` on that is no white space */
export function skipSpace(text: string, at: number): number {
  for (;;) {
    const code = text.charCodeAt(at);
    if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return at;
    at++;
  }
}

function skipString(text: string, at: number): number {
  for (let end = at; ; ) {
    end = text.indexOf('"', end + 1);
    let backslashes = 0;
    while (text.charCodeAt(end - 1 - backslashes) === BACKSLASH) backslashes++;
    if (backslashes % 2 === 0) return end + 1;
  }
}

function skipValue(text: string, at: number): number {
  const first = text.charCodeAt(at);
  if (first === QUOTE) return skipString(text, at);
  if (first !== 0x7b && first !== 0x5b) {
    while (at < text.length && !/[\s,\]}]/.test(text[at] as string)) at++;
    return at;
  }
  for (let depth = 0; ; ) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) {
      at = skipString(text, at);
      continue;
    }
    if (code === 0x7b || code === 0x5b) depth++;
    if (code === 0x7d || code === 0x5d) depth--;
    at++;
    if (depth === 0) return at;
  }
}
