import type { MessageText } from '../byte-text.ts';
import { keepElements } from '../json-edit.ts';
import { isUnambiguous } from '../json-text.ts';
import { isObject } from '../jsonrpc.ts';
import type { ToolFilterSettings } from '../settings.ts';

/** Which tools the client may see and call: `--allow-tool` and `--ignore-tool`. */
export class ToolFilter {
  readonly #settings: ToolFilterSettings;

  constructor(settings: ToolFilterSettings) {
    this.#settings = settings;
  }

  get isActive(): boolean {
    return this.#settings.allow.length + this.#settings.ignore.length > 0;
  }

  allows(name: string): boolean {
    const { allow, ignore } = this.#settings;
    const matches = (glob: string): boolean => matchesGlob(name, glob);
    return (allow.length === 0 || allow.some(matches)) && !ignore.some(matches);
  }

  /**
   * Whether a `tools/call` may pass. One that names its tool twice may not: the server might read the other name.
   *
   * @param params its parsed `params`
   */
  allowsCall(body: MessageText, params: unknown): boolean {
    if (!this.isActive) return true;
    const name = isObject(params) ? params.name : undefined;
    return typeof name === 'string' && this.allows(name) && isUnambiguous(body.toString(), 'params', 'name');
  }

  /**
   * Cuts the tools that are not allowed out of the answer to `tools/list`; what remains stays as it came.
   *
   * @param result the answer's parsed `result`
   */
  filterList(text: MessageText, result: unknown): MessageText {
    const tools = isObject(result) ? result.tools : undefined;
    if (!this.isActive || !Array.isArray(tools)) return text;
    const kept = tools.map(
      (tool) => isObject(tool) && typeof tool.name === 'string' && this.allows(tool.name),
    );
    if (kept.every(Boolean)) return text;
    return keepElements(text.toString(), ['result', 'tools'], kept);
  }
}

/**
 * Whether a whole name matches a pattern in which `*` stands for any characters and `?` for one. Letter case is
 * ignored, as mcp-remote does. Takes time in proportion to the lengths' product at most, unlike a regular expression.
 */
export function matchesGlob(name: string, glob: string): boolean {
  const text = name.toLowerCase();
  const pattern = glob.toLowerCase();
  let at = 0;
  let patternAt = 0;
  let star = -1;
  let starAt = 0;
  while (at < text.length) {
    if (pattern[patternAt] === '*') {
      star = patternAt++;
      starAt = at;
    } else if (pattern[patternAt] === '?' || pattern[patternAt] === text[at]) {
      patternAt++;
      at++;
    } else if (star !== -1) {
      patternAt = star + 1;
      at = ++starAt;
    } else {
      return false;
    }
  }
  while (pattern[patternAt] === '*') patternAt++;
  return patternAt === pattern.length;
}
