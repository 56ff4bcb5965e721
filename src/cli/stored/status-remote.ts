import type { EraVerdict } from '../../bridge/era/era-file.ts';
import type { RememberedServer } from '../../bridge/server-memory.ts';
import { displayText } from '../../errors.ts';
import { isObject } from '../../jsonrpc.ts';
import { isModernRevision, LATEST_MODERN, type ProtocolEra } from '../../revisions.ts';

/** What is remembered of a server. */
export interface RemoteStatus {
  name: string | null;
  version: string | null;
  /** Of the protocol, as bridges speak it to the server. */
  protocolVersion: string | null;
  era: ProtocolEra | null;
  transport: 'http' | 'sse' | null;
}

/**
 * Puts together what bridges have found out about a server.
 *
 * @param verdict the era, as found
 * @param initialize what a client of the legacy era was last told in answer to `initialize`: by a legacy server, or in a
 *   modern one's name
 * @returns null where nothing is known
 */
export function describeRemote(
  verdict: EraVerdict | undefined,
  initialize: RememberedServer | undefined,
): RemoteStatus | null {
  if (verdict === undefined && initialize === undefined) return null;
  const { serverInfo, protocolVersion } = initialize ?? {};
  const info = isObject(serverInfo) ? serverInfo : {};
  const told = text(protocolVersion);
  const era = verdict?.era ?? eraOf(told);
  const isModern = era === 'modern';
  return {
    name: text(info.name),
    version: text(info.version),
    // There is only the one so far, and clients of the legacy era are told another.
    protocolVersion: isModern && !isModernRevision(told) ? LATEST_MODERN : told,
    era,
    // The modern revisions have no other.
    transport: isModern ? 'http' : (verdict?.transport ?? null),
  };
}

function eraOf(protocolVersion: string | null): ProtocolEra | null {
  if (protocolVersion === null) return null;
  return protocolVersion < LATEST_MODERN ? 'legacy' : 'modern';
}

function text(value: unknown): string | null {
  return typeof value === 'string' ? displayText(value, 80) : null;
}
