import { isObject } from '../../jsonrpc.ts';
import { metaKeys } from '../../revisions.ts';

/**
 * What becomes of a message between a client of the revision 2026-07-28 and a server of the legacy era. The numbers are
 * those of the checklist by which each row is tested.
 */

interface MethodRow {
  /**
   * `forward`: it goes to the server. `discover`, `listen`: answered from what the session is. `refuse`: the modern era
   * has no such method.
   */
  handling: 'forward' | 'discover' | 'listen' | 'refuse';
  /** Its results say how long they may be kept (MCP 2026-07-28, Caching). */
  isCacheable?: true;
  /** Its answer may be that the server wants input first (MCP 2026-07-28, Multi Round-Trip Requests). */
  mayAsk?: true;
}

const methods = new Map<string, MethodRow>([
  ['server/discover', { handling: 'discover', isCacheable: true }], // B-57
  ['subscriptions/listen', { handling: 'listen' }], // B-67
  ['tools/list', { handling: 'forward', isCacheable: true }], // M-75
  ['prompts/list', { handling: 'forward', isCacheable: true }],
  ['resources/list', { handling: 'forward', isCacheable: true }],
  ['resources/templates/list', { handling: 'forward', isCacheable: true }],
  ['resources/read', { handling: 'forward', isCacheable: true, mayAsk: true }], // M-53
  ['prompts/get', { handling: 'forward', mayAsk: true }],
  ['tools/call', { handling: 'forward', mayAsk: true }],
  ['initialize', { handling: 'refuse' }],
  ['ping', { handling: 'refuse' }],
  ['logging/setLevel', { handling: 'refuse' }],
  ['resources/subscribe', { handling: 'refuse' }],
  ['resources/unsubscribe', { handling: 'refuse' }],
]);

export function methodRow(method: string): MethodRow {
  // The extension of that name is not advertised, and what is legacy of it does not fit it (B-76).
  if (method.startsWith('tasks/')) return { handling: 'refuse' };
  return methods.get(method) ?? { handling: 'forward' };
}

/** What every result of a cacheable method says: a legacy server gives no word on it (B-57, M-75). */
export const cacheFields = { ttlMs: 0, cacheScope: 'private' } as const;

/** Keys of a request's `_meta` that a legacy server has no use for. */
export const reservedMeta: ReadonlySet<string> = new Set([
  metaKeys.protocolVersion,
  metaKeys.clientInfo,
  metaKeys.clientCapabilities,
  metaKeys.logLevel,
]);

/** Notifications of legacy clients, which mean nothing from a modern one. */
export const staleClientNotifications: ReadonlySet<string> = new Set([
  'notifications/initialized',
  'notifications/roots/list_changed',
  'notifications/progress',
  'notifications/tasks/status',
]);

/** The extension whose legacy namesake is another protocol (B-76). */
export const TASKS_EXTENSION = 'io.modelcontextprotocol/tasks';

const URL_ELICITATION_REQUIRED = -32042;

/** Whether a server refuses a call until the user has visited some pages (MCP 2025-11-25, Elicitation; B-68). */
export function needsPages(method: string, error: unknown): boolean {
  return isObject(error) && error.code === URL_ELICITATION_REQUIRED && methodRow(method).mayAsk === true;
}

/**
 * The code under which a legacy server's error goes to a modern client: some codes are reserved there, and one has
 * another meaning (M-35, section 3.7).
 */
export function modernErrorCode(code: number): number {
  if (code === -32002) return -32602; // resource not found
  if (code >= -32099 && code <= -32020) return -32603;
  return code;
}

interface ServerRequestRow {
  /** The client capability without which it is not asked. */
  capability: 'roots' | 'sampling' | 'elicitation';
  /** The error code where no request of the client's is there to carry it (B-65). */
  unattributed: number;
  /** What the server is told where no answer will come, as the member of a response (B-63). */
  unanswered: string;
  /** Parameters that a modern client does not know. */
  dropped: ReadonlySet<string>;
}

const givenUp = `"error":${JSON.stringify({ code: -32603, message: 'The client gave no answer.' })}`;

const serverRequests = new Map<string, ServerRequestRow>([
  [
    'roots/list',
    { capability: 'roots', unattributed: -32601, unanswered: givenUp, dropped: new Set(['task']) },
  ],
  [
    'sampling/createMessage',
    { capability: 'sampling', unattributed: -32602, unanswered: givenUp, dropped: new Set(['task']) },
  ],
  [
    'elicitation/create',
    {
      capability: 'elicitation',
      unattributed: -32602,
      unanswered: '"result":{"action":"cancel"}',
      dropped: new Set(['task', 'elicitationId']),
    },
  ],
]);

export function serverRequestRow(method: string): ServerRequestRow | undefined {
  return serverRequests.get(method);
}

/**
 * Why a request of the server's is none that the client has said to answer; its own request says that each time, while
 * a legacy server was told once (B-58).
 *
 * @param declared the capabilities in the `_meta` of the client's request
 */
export function undeclared(
  method: string,
  params: unknown,
  declared: unknown,
): { code: number; message: string } | undefined {
  const { capability } = serverRequests.get(method) ?? {};
  const given = isObject(declared) && capability !== undefined ? declared[capability] : undefined;
  if (!isObject(given)) return { code: -32601, message: `The client does not support ${method} here.` };
  if (capability === 'elicitation' && !supportsMode(given, isObject(params) ? params.mode : undefined))
    return { code: -32602, message: 'The client does not support this mode of elicitation here.' };
  const wantsTools = isObject(params) && (params.tools !== undefined || params.toolChoice !== undefined);
  if (capability === 'sampling' && wantsTools && !isObject(given.tools))
    return { code: -32602, message: 'The client does not support tools in sampling here.' };
  return undefined;
}

/** Without a mode it is a form, and a client that names no mode takes forms only (M-59, B-75). */
function supportsMode(elicitation: Record<string, unknown>, mode: unknown): boolean {
  if (mode === 'url') return isObject(elicitation.url);
  return isObject(elicitation.form) || elicitation.url === undefined;
}

/** What becomes of a server's notification; one that is not here goes on where it belongs to a running request. */
export const serverNotifications = new Map<
  string,
  'progress' | 'log' | 'list-changed' | 'updated' | 'withdrawal' | 'swallow'
>([
  ['notifications/progress', 'progress'], // B-87
  ['notifications/message', 'log'], // B-66
  ['notifications/tools/list_changed', 'list-changed'], // B-67
  ['notifications/prompts/list_changed', 'list-changed'],
  ['notifications/resources/list_changed', 'list-changed'],
  ['notifications/resources/updated', 'updated'],
  ['notifications/cancelled', 'withdrawal'],
  ['notifications/elicitation/complete', 'swallow'],
  ['notifications/tasks/status', 'swallow'],
]);

interface ListRow {
  /** The flag of the filter. */
  flag: 'toolsListChanged' | 'promptsListChanged' | 'resourcesListChanged';
  /** The server capability that must say `listChanged`. */
  capability: string;
  notification: string;
}

export const lists: readonly ListRow[] = [
  { flag: 'toolsListChanged', capability: 'tools', notification: 'notifications/tools/list_changed' },
  { flag: 'promptsListChanged', capability: 'prompts', notification: 'notifications/prompts/list_changed' },
  {
    flag: 'resourcesListChanged',
    capability: 'resources',
    notification: 'notifications/resources/list_changed',
  },
];
