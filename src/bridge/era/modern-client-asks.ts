import type { MessageText } from '../../byte-text.ts';
import { removeMembers } from '../../json-edit.ts';
import { findElements, findMember, replaceAt } from '../../json-text.ts';
import { isObject, type JsonRpcRequest, type MessageId } from '../../jsonrpc.ts';
import { serverRequestRow } from './modern-client-tables.ts';

/** So many requests of the server may wait for answers in the course of one request of the client's. */
const MAX_OPEN = 64;
/** So much text may they have together; one alone may be as large as a message may be. */
const MAX_LENGTH = 64 * 1024 * 1024;

/** A request of the server's that the client is to answer in its retry. */
interface Ask {
  method: string;
  /** Undefined for a page that the client's user must visit before the call is made again (B-68). */
  server: { id: MessageId; idText: string } | undefined;
  /** What the client is shown of it, JSON. */
  json: string;
  wasShown: boolean;
}

/** The requests of the server's in the course of one request of the client's, by the keys that the client sees. */
export class Asks {
  readonly #open = new Map<string, Ask>();
  #count = 0;

  get size(): number {
    return this.#open.size;
  }

  /** @returns false where too many are open */
  add(text: MessageText, { id, method }: JsonRpcRequest): boolean {
    if (this.#open.size >= MAX_OPEN) return false;
    const held = [...this.#open.values()].reduce((sum, ask) => sum + ask.json.length, 0);
    if (held > 0 && held + text.length > MAX_LENGTH) return false;
    const json = text.toString();
    const idSpan = findMember(json, 'id');
    const span = findMember(json, 'params');
    const params =
      span && json[span.start] === '{' ? shownParams(method, json.slice(span.start, span.end)) : '{}';
    const idText = idSpan ? json.slice(idSpan.start, idSpan.end) : JSON.stringify(id);
    this.#put({ method, server: { id, idText }, json: input(method, params), wasShown: false });
    return true;
  }

  /** Enters the pages that the user must visit, as the error `-32042` lists them. @returns how many those are */
  addPages(elicitations: unknown): number {
    const pages = Array.isArray(elicitations) ? elicitations : [];
    const known = pages.filter(
      (page) => isObject(page) && page.mode === 'url' && typeof page.url === 'string',
    );
    for (const { url, message } of known.slice(0, MAX_OPEN)) {
      const params = { mode: 'url', message: typeof message === 'string' ? message : '', url };
      const method = 'elicitation/create';
      this.#put({ method, server: undefined, json: input(method, JSON.stringify(params)), wasShown: false });
    }
    return known.length;
  }

  /** What the client is to answer, by key; from now on it knows of it. */
  show(): Map<string, string> {
    for (const ask of this.#open.values()) ask.wasShown = true;
    return new Map([...this.#open].map(([key, { json }]) => [key, json]));
  }

  /**
   * Takes in what the client has answered; keys that it was not shown are nothing to it (B-64).
   *
   * @param body the retry
   * @param revision what the server speaks
   */
  answer(body: string, responses: unknown, revision: string | undefined): Answered {
    const answered: Answered = { posts: [], pages: [] };
    if (!isObject(responses)) return answered;
    for (const [key, ask] of [...this.#open]) {
      const value = Object.hasOwn(responses, key) ? responses[key] : undefined;
      const span = findMember(body, 'params', 'inputResponses', key);
      if (!ask.wasShown || !isObject(value) || !span) continue;
      this.#open.delete(key);
      const json = body.slice(span.start, span.end);
      if (ask.server)
        answered.posts.push(response(ask.server.idText, toLegacy(ask.method, json, value, revision)));
      else answered.pages.push(value.action);
    }
    return answered;
  }

  /** The server takes a request back. @returns whether it was one of these */
  withdraw(id: unknown): boolean {
    for (const [key, { server }] of this.#open) {
      if (server && server.id === id) return this.#open.delete(key);
    }
    return false;
  }

  /** Nobody will answer. @returns what the server is to be told */
  giveUp(): string[] {
    const open = [...this.#open.values()];
    this.#open.clear();
    return open.flatMap(({ method, server }) =>
      server ? [response(server.idText, serverRequestRow(method)?.unanswered ?? '')] : [],
    );
  }

  #put(ask: Ask): void {
    this.#open.set(`request-${++this.#count}`, ask);
  }
}

interface Answered {
  /** Responses for the server. */
  posts: string[];
  /** What the user did about pages to visit: `accept`, `decline` or `cancel`. */
  pages: unknown[];
}

/** A response to a request of the server's that is refused. */
export function refusal(text: MessageText, error: { code: number; message: string }): string {
  return response(idTextOf(text), `"error":${JSON.stringify(error)}`);
}

export function emptyResult(text: MessageText): string {
  return response(idTextOf(text), '"result":{}');
}

function idTextOf(text: MessageText): string {
  const json = text.toString();
  const span = findMember(json, 'id');
  return span ? json.slice(span.start, span.end) : 'null';
}

function response(idText: string, member: string): string {
  return `{"jsonrpc":"2.0","id":${idText},${member}}`;
}

function input(method: string, params: string): string {
  return `{"method":${JSON.stringify(method)},"params":${params}}`;
}

function shownParams(method: string, params: string): string {
  const dropped = serverRequestRow(method)?.dropped;
  const shown = removeMembers(params, [], (key) => dropped?.has(key) === true);
  return removeMembers(shown, ['_meta'], (key) => key === 'progressToken');
}

/** A bare result as the member of a response. */
function toLegacy(
  method: string,
  json: string,
  value: Record<string, unknown>,
  revision: string | undefined,
): string {
  const bare = removeMembers(json, [], (key) => key === 'resultType');
  const isOld = revision !== undefined && revision < '2025-11-25';
  if (method !== 'sampling/createMessage' || !isOld) return `"result":${bare}`;
  // Before 2025-11-25 a sampled message had one block of content, and no tools (B-74).
  const { content } = value;
  const blocks: unknown[] = Array.isArray(content) ? content : [content];
  const [block] = blocks;
  const isPlain = isObject(block) && block.type !== 'tool_use' && block.type !== 'tool_result';
  if (blocks.length !== 1 || !isPlain) {
    const message = 'The client answered with content that this protocol revision does not have.';
    return `"error":${JSON.stringify({ code: -32603, message })}`;
  }
  const array = Array.isArray(content) ? findMember(bare, 'content') : undefined;
  const [only] = array ? findElements(bare, array.start) : [];
  return `"result":${array && only ? replaceAt(bare, array, bare.slice(only.start, only.end)) : bare}`;
}
