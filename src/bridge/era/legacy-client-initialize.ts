import { removeMembers, setMember } from '../../json-edit.ts';
import { findMember } from '../../json-text.ts';
import { isObject } from '../../jsonrpc.ts';
import { metaKeys, metaOf } from '../../revisions.ts';
import { withoutModernMeta } from './legacy-client-results.ts';
import { discoverMembers, isWithheldExtension } from './legacy-client-tables.ts';

/**
 * The answer to a legacy client's `initialize`, made from that of a modern server to `server/discover`.
 *
 * @param text the `DiscoverResult`, JSON
 * @param result the same, parsed
 * @param revision the one agreed with the client, a legacy one
 * @param host names the server where it does not name itself
 * @returns an `InitializeResult`, JSON
 */
export function initializeResultOf(
  text: string,
  result: Record<string, unknown>,
  revision: string,
  host: string,
): string {
  const rest = removeMembers(withoutModernMeta(text, [], result), [], (key) => discoverMembers.has(key));
  let json = setMember(rest, ['serverInfo'], serverInfo(text, result, host));
  json = setMember(json, ['capabilities'], capabilities(text, result.capabilities));
  return setMember(json, ['protocolVersion'], JSON.stringify(revision));
}

/** Servers built before the revision was final have it where the legacy era has it. */
function serverInfo(text: string, result: Record<string, unknown>, host: string): string {
  const isInMeta = isNamed(metaOf(result)[metaKeys.serverInfo]);
  const path = isInMeta ? ['_meta', metaKeys.serverInfo] : ['serverInfo'];
  const span = isInMeta || isNamed(result.serverInfo) ? findMember(text, ...path) : undefined;
  return span ? text.slice(span.start, span.end) : JSON.stringify({ name: host, version: 'unknown' });
}

/** Legacy clients refuse an `initialize` without a name and a version. */
function isNamed(value: unknown): boolean {
  return isObject(value) && typeof value.name === 'string' && typeof value.version === 'string';
}

function capabilities(text: string, given: unknown): string {
  const span = isObject(given) ? findMember(text, 'capabilities') : undefined;
  if (!span) return '{}';
  const json = removeMembers(text.slice(span.start, span.end), [], (key) => key === 'tasks');
  return removeMembers(json, ['extensions'], isWithheldExtension);
}
