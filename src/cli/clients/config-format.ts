import type { JsonValue } from '../../jsonrpc.ts';

/** A server as it stands in a client's configuration. */
export type ServerEntry = { [key: string]: JsonValue };

/** How servers are found and changed in the text of a configuration; all else in it stays as it is. */
export interface ConfigFormat {
  /**
   * @param text without a byte order mark
   * @returns undefined where there is no server of that name
   * @throws ConfigFault where the text is broken
   */
  find(text: string, name: string): ServerEntry | undefined;
  /** Adds a server, or puts it in the place of the one of that name. */
  set(text: string, name: string, entry: ServerEntry): string;
  /** Takes out the server of that name, which must be there. */
  remove(text: string, name: string): string;
}

/** Why a text can't be changed, and where in it. */
export class ConfigFault extends Error {
  override readonly name = 'ConfigFault';
  /** Both from 1; undefined where the fault has no one place. */
  readonly position: { line: number; column: number } | undefined;

  constructor(what: string, position?: { line: number; column: number }) {
    super(what);
    this.position = position;
  }
}

/** @param offset in UTF-16 units from the start of the text */
export function positionAt(text: string, offset: number): { line: number; column: number } {
  const lines = text.slice(0, offset).split(/\r\n|\r|\n/);
  return { line: lines.length, column: (lines.at(-1)?.length ?? 0) + 1 };
}

/** The line end that a text uses, by its first one. */
export function lineEndOf(text: string): string {
  return /\r?\n/.exec(text)?.[0] ?? '\n';
}

export interface Splice {
  from: number;
  to: number;
  text: string;
}

/** Replaces parts of a text that don't overlap; their offsets are those in the text as given. */
export function splice(text: string, parts: readonly Splice[]): string {
  const backwards = parts.toSorted((a, b) => b.from - a.from);
  return backwards.reduce(
    (result, { from, to, text: by }) => result.slice(0, from) + by + result.slice(to),
    text,
  );
}
