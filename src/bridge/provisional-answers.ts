import { isObject } from '../jsonrpc.ts';
import { isLegacyRevision, LATEST_LEGACY } from '../revisions.ts';
import type { RememberedServer } from './server-memory.ts';

/** What the client is told while the server can't be asked: nothing that the server could not say later. */

export const SIGN_IN_TOOL = 'sign_in';

const catalogues = ['tools', 'prompts', 'resources'];

/** More than this of what a server once said is not given out again. */
const MAX_REMEMBERED = 64 * 1024;

export interface ProvisionalResult extends Record<string, unknown> {
  protocolVersion: string;
  capabilities: Record<string, unknown>;
}

/**
 * The answer to an `initialize` that can't wait any longer (MCP 2025-11-25, Lifecycle).
 *
 * @param params those of the client's `initialize`
 * @param remembered what the server answered at another time, if it is known
 * @param host the server's, as it is shown
 */
export function provisionalResult(
  params: unknown,
  remembered: RememberedServer | undefined,
  host: string,
): ProvisionalResult {
  const asked = isObject(params) ? params.protocolVersion : undefined;
  const revision = isLegacyRevision(asked) ? asked : LATEST_LEGACY;
  const known = remembered && isFit(remembered) ? remembered : undefined;
  const instructions = known ? known.instructions : signInPending(host);
  return {
    protocolVersion: known ? earlier(known.protocolVersion, revision) : revision,
    capabilities: known ? withListChanges(known.capabilities) : genericCapabilities,
    serverInfo: known ? known.serverInfo : { name: host, version: '0' },
    ...(typeof instructions === 'string' && { instructions }),
  };
}

/** What a server may turn out to have. */
export const genericCapabilities = {
  tools: { listChanged: true },
  prompts: { listChanged: true },
  resources: { listChanged: true },
  logging: {},
  completions: {},
};

/** The instructions of a server that nobody is signed in to. */
export function signInPending(host: string): string {
  return `A sign-in to ${host} is pending: the tool ${SIGN_IN_TOOL} gives the link for the user, and the server's own tools appear when it is done.`;
}

/** The catalogues are empty until the sign-in is done, so the client must hear of their change, whatever it was told. */
export function withListChanges(capabilities: Record<string, unknown>): Record<string, unknown> {
  const promised = { ...capabilities, tools: isObject(capabilities.tools) ? capabilities.tools : {} };
  return Object.fromEntries(
    Object.entries(promised).map(([name, value]) =>
      catalogues.includes(name) && isObject(value) ? [name, { ...value, listChanged: true }] : [name, value],
    ),
  );
}

/** A revision is a date: of the two, the one that both sides know. */
function earlier(known: string, asked: string): string {
  return isLegacyRevision(known) && known < asked ? known : asked;
}

interface Fit {
  protocolVersion: string;
  capabilities: Record<string, unknown>;
  serverInfo: Record<string, unknown>;
  instructions?: unknown;
}

function isFit(remembered: RememberedServer): remembered is RememberedServer & Fit {
  const { protocolVersion, capabilities, serverInfo } = remembered;
  const isWhole = typeof protocolVersion === 'string' && isObject(capabilities) && isObject(serverInfo);
  return isWhole && JSON.stringify(remembered).length <= MAX_REMEMBERED;
}

/** The catalogues of which the client was told that it would hear when they change. */
export function listsPromised({ capabilities }: ProvisionalResult): string[] {
  return catalogues.filter((name) => isObject(capabilities[name]) && capabilities[name].listChanged === true);
}

/** The methods that have an answer without the server, and the capability that each belongs to. */
const empty = new Map<string, { capability: string; result: Record<string, unknown> }>([
  ['tools/list', { capability: 'tools', result: { tools: [] } }],
  ['prompts/list', { capability: 'prompts', result: { prompts: [] } }],
  ['resources/list', { capability: 'resources', result: { resources: [] } }],
  ['resources/templates/list', { capability: 'resources', result: { resourceTemplates: [] } }],
  ['completion/complete', { capability: 'completions', result: { completion: { values: [] } } }],
  ['logging/setLevel', { capability: 'logging', result: {} }],
]);

/** The answer of a server that has nothing to offer; undefined where there is no such answer. */
export function emptyResult(method: string): Record<string, unknown> | undefined {
  return empty.get(method)?.result;
}

/**
 * The answer in place of a server that lacks what the client was promised in its name.
 *
 * @returns undefined where the server has it, or it was not promised
 */
export function resultForLack(
  method: string,
  promised: Record<string, unknown>,
  real: Record<string, unknown>,
): Record<string, unknown> | undefined {
  const entry = empty.get(method);
  if (!entry || !(entry.capability in promised) || entry.capability in real) return undefined;
  return entry.result;
}

/** `tools/list` while nobody is signed in. */
export function signInToolList(host: string): Record<string, unknown> {
  const description = `Signs the user in to ${host}, whose own tools are available only after that. Call it to get a link, ask the user to open that link in a browser, then call it again: it waits until the user has signed in.`;
  const inputSchema = { type: 'object', properties: {}, additionalProperties: false };
  return { tools: [{ name: SIGN_IN_TOOL, description, inputSchema }] };
}
