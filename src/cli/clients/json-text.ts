import type { JsonValue } from '../../jsonrpc.ts';
import { lineEndOf } from './config-format.ts';

/** How a JSON text is laid out, so that what is added looks like the rest. */
export interface Layout {
  lineEnd: string;
  /** One step of indentation. */
  step: string;
  /** What stands after : and , within a line. */
  gap: string;
  /** Whether all of it stands on one line. */
  isOneLine: boolean;
}

/** @param first offset of the first property of the outermost object; undefined where it has none */
export function layoutOf(text: string, first: number | undefined): Layout {
  const indent = first === undefined ? undefined : ownIndent(text, first);
  const isOneLine = first !== undefined && !/[\r\n]/.test(text.trim());
  return {
    lineEnd: lineEndOf(text),
    step: indent || '  ',
    gap: !isOneLine || /[:,] /.test(text) ? ' ' : '',
    isOneLine,
  };
}

/** The blanks that a line begins with. */
export function indentOfLine(text: string, offset: number): string {
  const start = Math.max(text.lastIndexOf('\n', offset - 1), text.lastIndexOf('\r', offset - 1)) + 1;
  return /^[ \t]*/.exec(text.slice(start, offset))?.[0] ?? '';
}

/** The indentation of what begins its line; undefined where something stands before it. */
export function ownIndent(text: string, offset: number): string | undefined {
  const before = /(?:^|[\r\n])([ \t]*)$/.exec(text.slice(0, offset));
  return before?.[1];
}

/** @param indent of the line that the value begins on */
export function renderJson(value: JsonValue, indent: string, layout: Layout): string {
  if (layout.isOneLine) return renderOnLine(value, layout.gap);
  return JSON.stringify(value, null, layout.step).replaceAll('\n', layout.lineEnd + indent);
}

function renderOnLine(value: JsonValue, gap: string): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map((item) => renderOnLine(item, gap)).join(`,${gap}`)}]`;
  const members = Object.entries(value).map(
    ([key, member]) => `${JSON.stringify(key)}:${gap}${renderOnLine(member as JsonValue, gap)}`,
  );
  return `{${members.join(`,${gap}`)}}`;
}

/**
 * What stands between two tokens from an offset on.
 *
 * @returns where the next token begins, and where the last comment before it ends, if there is one
 */
export function skipTrivia(text: string, from: number): { end: number; comment: number | undefined } {
  const trivia = /\s+|\/\/[^\r\n]*|\/\*[\s\S]*?\*\//y;
  let end = from;
  let comment: number | undefined;
  for (;;) {
    trivia.lastIndex = end;
    const found = trivia.exec(text)?.[0];
    if (found === undefined) return { end, comment };
    end += found.length;
    if (found.startsWith('/')) comment = end;
  }
}
