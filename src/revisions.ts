import { isObject } from './jsonrpc.ts';

/**
 * The revisions of MCP that the bridge carries, oldest first. A revision is a date, so they compare as texts. Up to
 * 2025-11-25 a client and a server agree on one by `initialize`, the legacy era; from 2026-07-28 on each request says
 * its own, the modern era (MCP 2026-07-28, Versioning, Terminology).
 */
const legacyRevisions = ['2024-11-05', '2025-03-26', '2025-06-18', '2025-11-25'] as const;
export const modernRevisions = ['2026-07-28'] as const;

export const LATEST_LEGACY = '2025-11-25';
export const LATEST_MODERN = '2026-07-28';

export type ProtocolEra = 'legacy' | 'modern';

/** The keys of `_meta` that the modern revisions have taken for themselves (MCP 2026-07-28, `_meta`). */
export const metaKeys = {
  protocolVersion: 'io.modelcontextprotocol/protocolVersion',
  clientInfo: 'io.modelcontextprotocol/clientInfo',
  clientCapabilities: 'io.modelcontextprotocol/clientCapabilities',
  logLevel: 'io.modelcontextprotocol/logLevel',
  serverInfo: 'io.modelcontextprotocol/serverInfo',
  subscriptionId: 'io.modelcontextprotocol/subscriptionId',
} as const;

export function isLegacyRevision(value: unknown): value is string {
  return (legacyRevisions as readonly unknown[]).includes(value);
}

export function isModernRevision(value: unknown): value is string {
  return (modernRevisions as readonly unknown[]).includes(value);
}

/** The `_meta` of a request or a result; empty where it has none. */
export function metaOf(value: unknown): Record<string, unknown> {
  const meta = isObject(value) ? value._meta : undefined;
  return isObject(meta) ? meta : {};
}

/** The revision that a message itself names in its `_meta`, whatever that is; undefined: it is of the legacy era. */
export function revisionNamedIn(params: unknown): unknown {
  return metaOf(params)[metaKeys.protocolVersion];
}
