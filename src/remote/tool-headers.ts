import type { MessageText } from '../byte-text.ts';
import { displayText } from '../errors.ts';
import { keepElements } from '../json-edit.ts';
import { isObject, type JsonRpcResponse } from '../jsonrpc.ts';
import type { Logger } from '../logger.ts';
import type { HeaderParameter } from './mcp-headers.ts';

const ANNOTATION = 'x-mcp-header';
/** Field names as they may be (RFC 9110 section 5.6.2). */
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const TYPES = new Set<unknown>(['integer', 'string', 'boolean']);
/** Under these the keys are names of the author's choosing, and the values are schemas. */
const SCHEMA_MAPS = new Set(['properties', 'patternProperties', '$defs', 'definitions', 'dependentSchemas']);
/** What stands under these is data, whatever it looks like. */
const DATA = new Set(['const', 'enum', 'default', 'examples']);
const MAX_TOOLS = 10_000;
/** Bounds for what one tool may ask for; a server takes no more headers than a few dozen anyway. */
const MAX_PARAMETERS = 100;
const MAX_DEPTH = 100;
/** So many tools of a list are named in the log when they are left out. */
const MAX_NAMED = 20;

/**
 * Which arguments of which tools are repeated in headers, learnt from every list of tools that passes (MCP 2026-07-28,
 * Tools, x-mcp-header). A tool that no list has named is called without.
 */
export class ToolHeaders {
  readonly #log: Logger;
  readonly #byTool = new Map<string, readonly HeaderParameter[]>();

  constructor(log: Logger) {
    this.#log = log;
  }

  of(params: unknown): readonly HeaderParameter[] | undefined {
    const name = isObject(params) ? params.name : undefined;
    return typeof name === 'string' ? this.#byTool.get(name) : undefined;
  }

  /**
   * Reads an answer to `tools/list`, and takes the tools out of it whose annotations are not valid: over HTTP they must
   * not be used, and the local client, which is on stdio, need not look.
   */
  read(text: MessageText, message: JsonRpcResponse): { text: MessageText; message: JsonRpcResponse } {
    const { result } = message;
    const tools = isObject(result) ? result.tools : undefined;
    if (!isObject(result) || !Array.isArray(tools)) return { text, message };
    let left = 0;
    const keeps = tools.map((tool) => {
      const problem = this.#learn(tool);
      if (problem !== undefined && left++ < MAX_NAMED)
        this.#log.warn('tool left out: its x-mcp-header is not valid', {
          tool: displayText(tool.name, 100),
          problem,
        });
      return problem === undefined;
    });
    if (left === 0) return { text, message };
    if (left > MAX_NAMED) this.#log.warn('more tools left out', { count: left - MAX_NAMED });
    const kept = tools.filter((_, index) => keeps[index]);
    return {
      text: keepElements(text.toString(), ['result', 'tools'], keeps),
      message: { ...message, result: { ...result, tools: kept } },
    };
  }

  /** @returns why the tool may not be used */
  #learn(tool: unknown): string | undefined {
    if (!isObject(tool) || typeof tool.name !== 'string') return undefined;
    const found = headerParameters(tool.inputSchema);
    this.#byTool.delete(tool.name);
    if (typeof found === 'string') return found;
    if (found.length > 0 && this.#byTool.size < MAX_TOOLS) this.#byTool.set(tool.name, found);
    return undefined;
  }
}

/**
 * The annotated properties of a tool's input schema (MCP 2026-07-28, Streamable HTTP, Schema Extension). References are
 * not followed: an annotation counts only where `properties` alone lead to it.
 *
 * @returns them, or what is wrong with one
 */
export function headerParameters(schema: unknown): HeaderParameter[] | string {
  const found: HeaderParameter[] = [];
  const names = new Set<string>();
  /** `path`: the keys of the properties that lead here; undefined where something else does as well, or too many do. */
  const open: { value: unknown; path: string[] | undefined; isMap: boolean }[] = [
    { value: schema, path: [], isMap: false },
  ];
  for (let next = open.pop(); next; next = open.pop()) {
    const { value, path, isMap } = next;
    if (Array.isArray(value)) {
      for (const item of value) open.push({ value: item, path: undefined, isMap: false });
      continue;
    }
    if (!isObject(value)) continue;
    if (!isMap && value[ANNOTATION] !== undefined) {
      const problem = problemOf(value, path, names);
      if (problem !== undefined) return problem;
      if (found.length === MAX_PARAMETERS) return `there are more than ${MAX_PARAMETERS}`;
      const name = value[ANNOTATION] as string;
      names.add(name.toLowerCase());
      found.push({ name, path: path as string[] });
    }
    for (const [key, part] of Object.entries(value)) {
      if (isMap) open.push({ value: part, path: deeper(path, key), isMap: false });
      else if (!DATA.has(key) && key !== ANNOTATION) {
        const leads = key === 'properties' ? path : undefined;
        open.push({ value: part, path: leads, isMap: SCHEMA_MAPS.has(key) });
      }
    }
  }
  return found;
}

function deeper(path: string[] | undefined, key: string): string[] | undefined {
  return path === undefined || path.length === MAX_DEPTH ? undefined : [...path, key];
}

function problemOf(
  schema: Record<string, unknown>,
  path: string[] | undefined,
  names: Set<string>,
): string | undefined {
  const name = schema[ANNOTATION];
  if (typeof name !== 'string' || !TOKEN.test(name)) return 'it is no name that a header can have';
  if (names.has(name.toLowerCase())) return 'its name is there twice';
  if (path === undefined || path.length === 0) return 'it is not on a property of the arguments';
  if (!TYPES.has(schema.type)) return 'the property is no string, integer or boolean';
  return undefined;
}
