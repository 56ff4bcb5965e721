/**
 * What differs between the two eras when a legacy client speaks to a modern server, as data. A revision is a date, so
 * revisions compare as texts.
 */

/** Who deals with a request of the client's; what is not listed is sent on, with `_meta` and no other change. */
export type Handling =
  /** Sent on; the answer is put into the legacy form. */
  | 'relay'
  | 'initialize'
  | 'ping'
  | 'set-level'
  | 'subscribe'
  | 'unsubscribe'
  /** The modern era has nothing like it, and the client was told so. */
  | 'unknown';

export const requests: Readonly<Record<string, Handling>> = {
  initialize: 'initialize',
  ping: 'ping',
  'tools/list': 'relay',
  'tools/call': 'relay',
  'prompts/list': 'relay',
  'prompts/get': 'relay',
  'resources/list': 'relay',
  'resources/templates/list': 'relay',
  'resources/read': 'relay',
  'completion/complete': 'relay',
  'logging/setLevel': 'set-level',
  'resources/subscribe': 'subscribe',
  'resources/unsubscribe': 'unsubscribe',
  'tasks/get': 'unknown',
  'tasks/result': 'unknown',
  'tasks/list': 'unknown',
  'tasks/cancel': 'unknown',
  'tasks/update': 'unknown',
  // A client of this era has no business with these; a stream that is opened so would end in nothing.
  'server/discover': 'unknown',
  'subscriptions/listen': 'unknown',
};

/** Notifications of the client's that end here; others are sent on. */
export const notificationsKept: ReadonlySet<string> = new Set([
  'notifications/initialized',
  // It ends the exchange instead (MCP 2026-07-28, Cancellation).
  'notifications/cancelled',
  'notifications/progress',
  'notifications/roots/list_changed',
  'notifications/tasks/status',
]);

/** Requests that the server may answer by questions (MCP 2026-07-28, Multi Round-Trip Requests). */
export const mayAskBack: ReadonlySet<string> = new Set(['tools/call', 'prompts/get', 'resources/read']);

/** Members of a result that a legacy client does not know; in an empty result, strict ones refuse any. */
export const modernResultMembers: ReadonlySet<string> = new Set(['resultType', 'ttlMs', 'cacheScope']);

/** Members of a `DiscoverResult` that are not in an `InitializeResult`, or are put there anew. */
export const discoverMembers: ReadonlySet<string> = new Set([
  ...modernResultMembers,
  'supportedVersions',
  'protocolVersion',
  'serverInfo',
  'capabilities',
]);

/** Extensions that the bridge does not drive, or that are its own business. */
export function isWithheldExtension(name: string): boolean {
  return (
    name === 'io.modelcontextprotocol/tasks' ||
    name === 'io.modelcontextprotocol/oauth-client-credentials' ||
    name === 'io.modelcontextprotocol/enterprise-managed-authorization' ||
    name.startsWith('io.modelcontextprotocol/auth/')
  );
}

/** The first revision that knows each of these; to an older client they come in another form, or not at all. */
const since = {
  audio: '2025-03-26',
  resource_link: '2025-06-18',
  structuredContent: '2025-06-18',
  elicitation: '2025-06-18',
  'elicitation.url': '2025-11-25',
  /** Enumerations with titles as `oneOf`, and those of which several may be chosen. */
  'elicitation.enums': '2025-11-25',
  'sampling.tools': '2025-11-25',
  /** An array of blocks in place of one. */
  'sampling.blocks': '2025-11-25',
} as const;

export type Feature = keyof typeof since;

/** @param revision what was agreed with the client */
export function knows(revision: string, feature: Feature): boolean {
  return revision >= since[feature];
}

/** The flags of a subscription, and the capability that offers each (MCP 2026-07-28, Subscriptions). */
export const listFlags: Readonly<Record<string, { capability: string; notification: string }>> = {
  toolsListChanged: { capability: 'tools', notification: 'notifications/tools/list_changed' },
  promptsListChanged: { capability: 'prompts', notification: 'notifications/prompts/list_changed' },
  resourcesListChanged: { capability: 'resources', notification: 'notifications/resources/list_changed' },
};

/** How an error of the modern era reaches a legacy client; codes that are not listed pass as they are. */
export type ErrorHandling =
  /** The bridge's own fault, which the client can do nothing about. */
  | 'local'
  /** The client lacks a capability: a result for a tool call, so that the model reads it; else an internal error. */
  | 'missing-capability'
  /** The server is asked anew which revision it speaks. */
  | 'probe-again'
  /** A resource that is not there has a code of its own in the legacy era. */
  | 'resource-not-found';

export const errors: Readonly<Record<number, ErrorHandling>> = {
  [-32020]: 'local',
  [-32021]: 'missing-capability',
  [-32022]: 'probe-again',
  [-32602]: 'resource-not-found',
};

export const RESOURCE_NOT_FOUND = -32002;
export const INTERNAL_ERROR = -32603;
