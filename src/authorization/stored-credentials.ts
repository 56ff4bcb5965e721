import { askedFor, isAlike } from '../credentials/apart.ts';
import { connectionId } from '../credentials/ids.ts';
import { type ConnectionRecord, connectionFileId, findConnections } from '../credentials/record.ts';
import { type CredentialStore, GenerationConflict, type Kind } from '../credentials/store.ts';
import { DrawbridgeError } from '../errors.ts';
import type { Binding } from './binding.ts';
import type { AuthorizationRequest } from './grants/authorization-code.ts';
import { jwtLife } from './jwt.ts';
import type { SignInTask } from './sign-in/task.ts';
import type { TokenSet } from './token-endpoint.ts';

/** How long a record's lock is waited for, in milliseconds: a refresh may hold it so long. */
export const LOCK_PATIENCE = 40_000;

/** The lock around reading, renewing and writing the credentials of a connection [57]. */
export function recordLock(connection: string): string {
  return `record:${connection}`;
}

/**
 * Stores what a sign-in has given, and removes what it replaces. Credentials of another issuer are kept, since the server
 * may name that one again [27]; a personal access token is not.
 *
 * @throws DrawbridgeError `credential-store`
 */
export async function saveSignIn(
  store: CredentialStore,
  { server, signIn }: SignInTask,
  request: Pick<AuthorizationRequest, 'server' | 'client' | 'scope' | 'resource' | 'binding'>,
  tokens: TokenSet,
): Promise<ConnectionRecord> {
  if (signIn.useIdToken && tokens.idToken === undefined) throw noIdToken(request.server.issuer);
  const now = Date.now();
  const [latest] = findConnections(store, server, signIn.profile);
  const record: ConnectionRecord = {
    schema: 1,
    server,
    profile: signIn.profile,
    issuer: request.server.issuer,
    resource: request.resource,
    ...askedFor(signIn),
    client: request.client,
    tokenEndpoint: request.server.tokenEndpoint,
    ...typeOf(tokens, request.binding),
    accessToken: tokens.accessToken,
    // The latest in any case, even if the clock was set back: that is how the others see that it is new.
    signedInAt: Math.max(now, (latest?.record.signedInAt ?? 0) + 1),
    obtainedAt: now,
    ...(request.server.revocationEndpoint && { revocationEndpoint: request.server.revocationEndpoint }),
    ...(tokens.refreshToken !== undefined && { refreshToken: tokens.refreshToken }),
    ...lifeOf(tokens, signIn.useIdToken, now),
    ...(request.scope !== undefined && { requestedScope: request.scope }),
    // What was granted is what was asked for, where nothing else is said (RFC 6749 section 5.1).
    ...((tokens.scope ?? request.scope) !== undefined && { scope: tokens.scope ?? request.scope }),
  };
  await replace(
    store,
    record,
    (old) => (old.issuer === record.issuer && isAlike(old, signIn)) || old.personalToken === true,
  );
  return record;
}

/**
 * What a record says of the token that is used: the access token, or the ID token.
 *
 * @param now epoch milliseconds
 */
export function lifeOf(
  { idToken, expiresIn }: Pick<TokenSet, 'idToken' | 'expiresIn'>,
  usesIdToken: boolean,
  now: number,
): Pick<ConnectionRecord, 'idToken' | 'expiresAt'> {
  if (!usesIdToken) return expiresIn === undefined ? {} : { expiresAt: now + expiresIn * 1000 };
  const life = idToken && jwtLife(idToken);
  return { ...(idToken && { idToken }), ...(life && { expiresAt: now + life }) };
}

/** What a record says of how its tokens are presented, with the key that they are bound to where they are. */
export function typeOf(
  { tokenType }: Pick<TokenSet, 'tokenType'>,
  binding: Binding | undefined,
): Pick<ConnectionRecord, 'tokenType' | 'dpopKey'> {
  return tokenType === 'DPoP' && binding ? { tokenType, dpopKey: binding.dpop.key } : { tokenType: 'Bearer' };
}

function noIdToken(issuer: string): DrawbridgeError {
  return new DrawbridgeError(
    'authorization-server',
    `${new URL(issuer).host} gave no ID token: it has to know the scope openid, and this client has to be allowed it.`,
  );
}

/**
 * Stores a personal access token, which nothing renews; bridges use it from then on. What a sign-in has given is kept.
 *
 * @param server the MCP endpoint
 * @param expiresAt what the token itself says, epoch milliseconds
 * @throws DrawbridgeError `credential-store`
 */
export async function savePersonalToken(
  store: CredentialStore,
  server: URL,
  profile: string,
  accessToken: string,
  expiresAt: number | undefined,
): Promise<ConnectionRecord> {
  const now = Date.now();
  const [latest] = findConnections(store, server.href, profile);
  const record: ConnectionRecord = {
    schema: 1,
    server: server.href,
    profile,
    issuer: server.origin,
    resource: null,
    client: { id: 'personal-access-token', source: 'configured', authMethod: 'none' },
    tokenEndpoint: '',
    tokenType: 'Bearer',
    accessToken,
    signedInAt: Math.max(now, (latest?.record.signedInAt ?? 0) + 1),
    obtainedAt: now,
    personalToken: true,
    ...(expiresAt !== undefined && { expiresAt }),
  };
  await replace(store, record, () => false);
  return record;
}

/** Stores the record, and deletes those others of its connection that are not to be kept beside it. */
async function replace(
  store: CredentialStore,
  record: ConnectionRecord,
  isReplaced: (old: ConnectionRecord) => boolean,
): Promise<void> {
  const { server, profile } = record;
  const lock = await store.lock(recordLock(connectionId(server, profile)), LOCK_PATIENCE);
  if (!lock)
    throw new DrawbridgeError('credential-store', 'Another process holds the credentials; try again.');
  try {
    const id = connectionFileId(record);
    await put(store, 'connection', id, record);
    for (const old of findConnections(store, server, profile)) {
      if (old.id !== id && isReplaced(old.record)) await store.delete('connection', old.id);
    }
  } finally {
    await lock.release();
  }
}

/** Writes a record whatever generation it replaces: the last word counts. */
export async function put<T>(store: CredentialStore, kind: Kind, id: string, value: T): Promise<number> {
  let expected = store.read(kind, id)?.generation ?? 0;
  for (let tries = 0; ; tries++) {
    try {
      return await store.write(kind, id, value, expected);
    } catch (error) {
      if (!(error instanceof GenerationConflict) || tries >= 5) throw error;
      expected = error.found;
    }
  }
}
