import { readFileSync, statSync } from 'node:fs';
import { DrawbridgeError } from '../../errors.ts';
import { isObject } from '../../jsonrpc.ts';
import { expandVariables } from '../expand.ts';

const MAX_BYTES = 64 * 1024;

/** What mcp-remote's users write as JSON about their client, as words of ours. */
export interface StaticWords {
  words: string[];
  /** `token_endpoint_auth_method`, where it is there. */
  authMethod: string | undefined;
}

/**
 * `--static-oauth-client-info`: a client that was registered beforehand. `${VAR}` is expanded wherever it stands; within
 * a value that is left to our own option, so that a secret which comes from the environment is not spelled out.
 *
 * @param given JSON, or `@` and the path of a file that holds it
 * @throws DrawbridgeError `usage`, without a word of what is in it
 */
export function clientInfoWords(given: string, env: NodeJS.ProcessEnv): StaticWords {
  const option = 'static-oauth-client-info';
  const text = contentOf(option, given);
  const json = parse(text) ?? parse(expandVariables(text, env, (name) => fail(option, unset(name))));
  if (!json) return fail(option, 'must be a JSON object, or @ and the path of a file with one');
  const id = textOf(option, json, 'client_id');
  if (id === undefined) return fail(option, 'holds no client_id');
  const secret = textOf(option, json, 'client_secret');
  return {
    words: [`--client-id=${id}`, ...(secret === undefined ? [] : [`--client-secret=${secret}`])],
    authMethod: textOf(option, json, 'token_endpoint_auth_method'),
  };
}

/** Members of our own making: what is listened on, who the client is, and what has options of its own. */
const derived = new Set([
  'redirect_uris',
  'client_id',
  'client_secret',
  'scope',
  'token_endpoint_auth_method',
]);

/**
 * `--static-oauth-client-metadata`: what is registered of the client in place of our own words, and its scope.
 *
 * @param given JSON, or `@` and the path of a file that holds it
 * @throws DrawbridgeError `usage`
 */
export function clientMetadataWords(given: string): StaticWords {
  const option = 'static-oauth-client-metadata';
  const json = parse(contentOf(option, given));
  if (!json) return fail(option, 'must be a JSON object, or @ and the path of a file with one');
  const scope = textOf(option, json, 'scope')?.trim();
  const rest = Object.fromEntries(Object.entries(json).filter(([name]) => !derived.has(name)));
  return {
    words: [
      ...(scope ? [`--scope=${scope}`] : []),
      ...(Object.keys(rest).length > 0 ? [`--registration-metadata=${JSON.stringify(rest)}`] : []),
    ],
    authMethod: textOf(option, json, 'token_endpoint_auth_method'),
  };
}

function contentOf(option: string, given: string): string {
  if (!given.startsWith('@')) return given;
  const path = given.slice(1);
  try {
    const stats = statSync(path);
    // A pipe would be waited for without end.
    if (!stats.isFile() || stats.size > MAX_BYTES) return fail(option, 'names no file of at most 64 KiB');
    return readFileSync(path, 'utf8').replace(/^\ufeff/, '');
  } catch (error) {
    if (error instanceof DrawbridgeError) throw error;
    return fail(option, `names a file that can't be read (${(error as NodeJS.ErrnoException).code})`);
  }
}

function parse(text: string): Record<string, unknown> | undefined {
  try {
    const json: unknown = JSON.parse(text);
    return isObject(json) ? json : undefined;
  } catch {
    return undefined; // the parser's message would quote it, and a secret may be in it
  }
}

function textOf(option: string, json: Record<string, unknown>, name: string): string | undefined {
  const value = json[name] ?? undefined;
  if (value === undefined || value === '') return undefined;
  return typeof value === 'string' ? value : fail(option, `has a ${name} that is no text`);
}

function unset(variable: string): string {
  return `names the environment variable ${variable}, which is not set`;
}

function fail(option: string, what: string): never {
  throw new DrawbridgeError('usage', `--${option} ${what}.`);
}
