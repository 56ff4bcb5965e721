import { type ConnectionRecord, parseConnectionRecord } from '../credentials/record.ts';
import type { CredentialStore } from '../credentials/store.ts';
import { SignInAttempts } from './sign-in/attempts.ts';
import { LOCK_PATIENCE, recordLock } from './stored-credentials.ts';

/** What a sign-out has deleted. */
export interface SignedOut {
  /** To be revoked; without those that could not be read. */
  records: ConnectionRecord[];
  /** How many were deleted unread. */
  unread: number;
}

/** The connections that have credentials in the store, told by names of files alone. */
export function connectionsIn(store: CredentialStore): string[] {
  return [...new Set(store.list('connection').map((id) => id.split('-')[0] as string))];
}

/**
 * Deletes the credentials of a connection, those of all issuers, whether or not they can be read. Waits for a renewal
 * that is under way: its token is then among those to be revoked, and no late writer brings the record back [60].
 *
 * @param connection see connectionId
 * @param endsImport called with the lock held: what would take the place of the credentials is to be ruled out first
 * @throws DrawbridgeError `credential-store` where they can't be deleted
 */
export async function signOut(
  store: CredentialStore,
  connection: string,
  endsImport: (records: readonly ConnectionRecord[]) => Promise<void>,
): Promise<SignedOut> {
  // One who does not let go of it can't write what is gone either: its write expects a generation.
  const lock = await store.lock(recordLock(connection), LOCK_PATIENCE);
  try {
    const ids = store.list('connection').filter((id) => id.startsWith(`${connection}-`));
    const records = ids.flatMap((id) => readRecord(store, id) ?? []);
    await endsImport(records);
    for (const id of ids) await store.delete('connection', id);
    await new SignInAttempts(store, connection).forget();
    return { records, unread: ids.length - records.length };
  } finally {
    await lock?.release();
  }
}

/** A sign-in at an identity provider, which is a connection of its own. */
export interface IdentityProviderSignIn {
  /** As that connection has it. */
  server: string;
  profile: string;
  /** How many other connections are used through it. */
  uses: number;
}

/**
 * The sign-ins at identity providers that these connections were used through (enterprise-managed authorization).
 *
 * @param gone records that are no longer in the store
 * @throws DrawbridgeError `credential-store`
 */
export function identityProvidersOf(
  store: CredentialStore,
  gone: readonly ConnectionRecord[],
): IdentityProviderSignIn[] {
  const key = ({ identityProvider, profile }: ConnectionRecord): string => `${profile} ${identityProvider}`;
  const concerned = new Map(
    gone.filter((record) => record.identityProvider !== undefined).map((record) => [key(record), record]),
  );
  if (concerned.size === 0) return [];
  const left = store.list('connection').flatMap((id) => readRecord(store, id) ?? []);
  return [...concerned].map(([wanted, { identityProvider, profile }]) => ({
    server: new URL(identityProvider as string).href,
    profile,
    uses: new Set(left.filter((record) => key(record) === wanted).map(({ server }) => server)).size,
  }));
}

function readRecord(store: CredentialStore, id: string): ConnectionRecord | undefined {
  try {
    const stored = store.read<unknown>('connection', id);
    return stored && parseConnectionRecord(stored.value);
  } catch {
    return undefined; // locked, or of a newer version: that is no reason to keep it
  }
}
