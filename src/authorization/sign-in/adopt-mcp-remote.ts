import { askedFor, findOwnConnections, signInId } from '../../credentials/apart.ts';
import { connectionId, idOf } from '../../credentials/ids.ts';
import {
  connectionOf,
  findMcpRemoteSignIns,
  isSameIssuer,
  type McpRemoteSignIn,
  mcpRemoteFolder,
} from '../../credentials/import-mcp-remote.ts';
import {
  type ClientAuthMethod,
  type ClientIdentity,
  type ConnectionRecord,
  connectionFileId,
} from '../../credentials/record.ts';
import type { CredentialStore } from '../../credentials/store.ts';
import { asDrawbridgeError, displayText } from '../../errors.ts';
import type { Logger } from '../../logger.ts';
import { OAuthHttp } from '../../platform/oauth-http.ts';
import type { Settings, SignInSettings } from '../../settings.ts';
import { Discovery } from '../discovery.ts';
import type { AuthorizationServerMetadata } from '../metadata.ts';
import { omitsResource, providerOf } from '../providers.ts';
import { chooseAuthMethod } from '../registration.ts';
import { LOCK_PATIENCE, put, recordLock } from '../stored-credentials.ts';

/** mcp-remote has one account for each server. */
const PROFILE = 'default';
/** An access token that ends sooner is not worth an import without the means to renew it, in milliseconds. */
const WORTHWHILE = 60_000;

const authMethods: readonly ClientAuthMethod[] = ['none', 'client_secret_basic', 'client_secret_post'];

/**
 * Takes over what mcp-remote has signed in to, on the first use of a server that has no credentials of ours, so that
 * nobody who comes from there signs in again. Its files are left as they are; once we have renewed a refresh token that
 * is rotated, the copy there is spent.
 *
 * Tokens are taken where their issuer is known and among those that the server names now. Where the files don't tell it
 * they are unbound, and to try them out would hand them to whomever the server names (MCP 2025-11-25 Authorization
 * Server Binding): of those the access token alone is taken, which goes to the very server that it was given for.
 * Registrations are not taken for their own sake: a new one costs no one anything.
 *
 * Never fails: without it the user signs in.
 *
 * @param metadataUrl `resource_metadata` of the challenge
 * @returns whether there are credentials in the store now
 */
export async function adoptMcpRemote(
  settings: Settings,
  store: CredentialStore,
  metadataUrl: string | undefined,
  log: Logger,
  http = new OAuthHttp(settings.url, settings.network),
): Promise<boolean> {
  try {
    const { url, signIn } = settings;
    if (findOwnConnections(store, url.href, signIn).length > 0) return true;
    const signIns = candidates(settings, store, log);
    if (signIns.length === 0) return false;
    const record = await confirm(settings, signIns, new Discovery(http, url), metadataUrl, log);
    return record !== undefined && (await save(store, record, signIn, log));
  } catch (error) {
    log.info('sign-in of mcp-remote not imported', { reason: asDrawbridgeError(error).reason });
    return false;
  }
}

/**
 * From now on nothing is imported for a connection: it was, or its user has signed out.
 *
 * @param signIn whose sign-in was imported; undefined: nobody's is
 */
export async function endImport(
  store: CredentialStore,
  server: string,
  profile: string,
  signIn?: SignInSettings,
): Promise<void> {
  const id = signIn ? importId(server, signIn) : importEndId(server, profile);
  await put(store, 'memory', id, { schema: 1, imported: true });
}

function importEndId(server: string, profile: string): string {
  return idOf('import', server, profile);
}

/** Who asks for another resource, or by other parameters, has another sign-in there as well. */
function importId(server: string, signIn: SignInSettings): string {
  return idOf('import', server, signIn.profile, signInId(server, signIn));
}

function candidates(settings: Settings, store: CredentialStore, log: Logger): McpRemoteSignIn[] {
  const { url, signIn, network } = settings;
  const folder = mcpRemoteFolder(network.env);
  if (signIn.profile !== PROFILE || folder === undefined) return [];
  const ends = [importEndId(url.href, PROFILE), importId(url.href, signIn)];
  if (ends.some((id) => store.read('memory', id))) return [];
  const found = findMcpRemoteSignIns(folder, connectionOf(settings), log);
  for (const { accessToken, refreshToken, client } of found)
    for (const secret of [accessToken, refreshToken, client?.secret]) if (secret) log.protect(secret);
  return found;
}

/** @returns the record to be stored; undefined where nothing of it may be used */
async function confirm(
  { url, signIn }: Settings,
  signIns: readonly McpRemoteSignIn[],
  discovery: Discovery,
  metadataUrl: string | undefined,
  log: Logger,
): Promise<ConnectionRecord | undefined> {
  const protectedResource = await discovery.protectedResource(metadataUrl, signIn.resource);
  const listed = signIn.issuer === undefined ? protectedResource?.authorizationServers : [signIn.issuer];
  const legacy = listed === undefined ? await discovery.legacyAuthorizationServer() : undefined;
  const named = listed ?? [(legacy as AuthorizationServerMetadata).issuer];
  const chosen = choose(signIns, named, signIn, log);
  if (!chosen) return undefined;
  const server = legacy ?? (await discovery.authorizationServer(chosen.issuer));
  const { accessToken, expiresAt, obtainedAt, scope, refreshToken } = chosen.signIn;
  const isRenewable = chosen.isBound && refreshToken !== undefined;
  const client = clientIdentity(chosen.signIn, signIn, server, chosen.isBound);
  if (!client) return undefined;
  const now = Date.now();
  const isOmitted = !protectedResource || omitsResource(providerOf(server.issuer), scope);
  return {
    schema: 1,
    server: url.href,
    profile: PROFILE,
    issuer: server.issuer,
    // Without metadata that names it mcp-remote sends none.
    resource: signIn.resource !== undefined ? signIn.resource : isOmitted ? null : protectedResource.resource,
    ...askedFor(signIn),
    client,
    tokenEndpoint: server.tokenEndpoint,
    tokenType: 'Bearer',
    accessToken,
    signedInAt: now,
    obtainedAt: Math.min(obtainedAt, now),
    importedFrom: 'mcp-remote',
    ...(expiresAt !== undefined && { expiresAt }),
    ...(isRenewable && { refreshToken }),
    ...(chosen.isBound && server.revocationEndpoint && { revocationEndpoint: server.revocationEndpoint }),
    // Not what was asked for: mcp-remote asks for all there is, and a later sign-in would ask for that again.
    ...(scope !== undefined && { scope }),
  };
}

interface Choice {
  signIn: McpRemoteSignIn;
  /** As the server names it now. */
  issuer: string;
  /** The files say that the tokens are of this issuer. */
  isBound: boolean;
}

/** The latest sign-in that can be renewed, else the latest whose access token still works. */
function choose(
  signIns: readonly McpRemoteSignIn[],
  named: readonly string[],
  settings: SignInSettings,
  log: Logger,
): Choice | undefined {
  let fallback: Choice | undefined;
  for (const signIn of signIns) {
    const leaveOut = (why: string): void =>
      log.info('sign-in of mcp-remote not used', { from: signIn.layout, why });
    const { issuer, refreshToken, expiresAt } = signIn;
    const isBound = issuer !== undefined;
    const match = isBound ? named.find((one) => isSameIssuer(one, issuer)) : named[0];
    if (match === undefined || (!isBound && new Set(named).size > 1)) {
      leaveOut(
        isBound ? 'the server names another authorization server' : 'its authorization server is not known',
      );
      continue;
    }
    if (!hasClient(signIn, settings)) {
      leaveOut('it was made with another client');
      continue;
    }
    const choice = { signIn, issuer: match, isBound };
    if (isBound && refreshToken !== undefined) return choice;
    if (expiresAt === undefined || expiresAt > Date.now() + WORTHWHILE) fallback ??= choice;
    else
      leaveOut(isBound ? 'it has ended' : 'its access token has ended, and where to renew it is not known');
  }
  return fallback;
}

/** Whether it is known which client the tokens were given to. One that was not registered is in no file of mcp-remote's. */
function hasClient({ client }: McpRemoteSignIn, { clientId, clientMetadataUrl }: SignInSettings): boolean {
  if (clientId !== undefined) return client === undefined || client.id === clientId;
  return client !== undefined || clientMetadataUrl !== undefined;
}

/** @returns undefined where the client can't be used at this server */
function clientIdentity(
  { client }: McpRemoteSignIn,
  { clientId, clientSecret, clientMetadataUrl }: SignInSettings,
  { tokenEndpointAuthMethods: offered, takesMetadataDocuments }: AuthorizationServerMetadata,
  isBound: boolean,
): ClientIdentity | undefined {
  if (clientId !== undefined) {
    if (clientSecret === undefined || !isBound)
      return { id: clientId, source: 'configured', authMethod: 'none' };
    const authMethod = chooseAuthMethod(offered, true);
    return { id: clientId, source: 'configured', authMethod, secret: clientSecret };
  }
  if (!client) {
    return clientMetadataUrl !== undefined && takesMetadataDocuments
      ? { id: clientMetadataUrl, source: 'metadata-document', authMethod: 'none' }
      : undefined;
  }
  const { id, secret, secretExpiresAt } = client;
  const method = client.authMethod ?? (secret === undefined ? 'none' : chooseAuthMethod(offered, true));
  const authMethod = authMethods.find((known) => known === method);
  // Nothing of it goes anywhere where the issuer is not known.
  if (!isBound || authMethod === 'none') return { id, source: 'registered', authMethod: 'none' };
  if (!authMethod || secret === undefined) return undefined;
  const expiry = secretExpiresAt !== undefined && { secretExpiresAt };
  return { id, source: 'registered', authMethod, secret, ...expiry };
}

/** Stores the record, unless somebody was quicker. */
async function save(
  store: CredentialStore,
  record: ConnectionRecord,
  signIn: SignInSettings,
  log: Logger,
): Promise<boolean> {
  const { server, profile } = record;
  const lock = await store.lock(recordLock(connectionId(server, profile)), LOCK_PATIENCE);
  if (!lock) return false;
  try {
    if (findOwnConnections(store, server, signIn).length > 0) return true;
    if (store.read('memory', importEndId(server, profile))) return false;
    await put(store, 'connection', connectionFileId(record), record);
    const renewable = record.refreshToken !== undefined;
    log.info('sign-in of mcp-remote imported', { issuer: displayText(record.issuer), renewable });
    await endImport(store, server, profile, signIn).catch((error: unknown) =>
      log.debug('import not noted', { reason: asDrawbridgeError(error).reason }),
    );
    return true;
  } finally {
    await lock.release();
  }
}
