import {
  type ConnectionRecord,
  parseConnectionRecord,
  parseRegistrationRecord,
  type RegistrationRecord,
} from '../credentials/record.ts';
import type { CredentialStore } from '../credentials/store.ts';

/** A registration of ours that no stored connection uses any more. */
export interface UnusedRegistration {
  /** Its id in the store, of the kind `client`. */
  id: string;
  record: RegistrationRecord;
  /** An MCP server that it was used for; where none is known, the authorization server. */
  server: URL;
}

/**
 * The registrations (RFC 7591) that are left over when these connections are gone.
 *
 * @param gone connections that were deleted; undefined: whatever nobody uses
 * @throws DrawbridgeError `credential-store` where it can't be told
 */
export function unusedRegistrations(
  store: CredentialStore,
  gone: readonly ConnectionRecord[] | undefined,
): UnusedRegistration[] {
  const connections = store.list('connection').map((id) => {
    const stored = store.read<unknown>('connection', id);
    return stored && parseConnectionRecord(stored.value);
  });
  return store.list('client').flatMap((id) => {
    const stored = store.read<unknown>('client', id);
    const record = stored && parseRegistrationRecord(stored.value);
    if (!record) return [];
    const uses = (connection: ConnectionRecord | undefined): boolean =>
      connection?.issuer === record.issuer && connection.client.id === record.client.id;
    if (connections.some(uses)) return [];
    const user = gone?.find(uses);
    if (gone && !user) return [];
    return [{ id, record, server: new URL(user?.server ?? record.issuer) }];
  });
}
