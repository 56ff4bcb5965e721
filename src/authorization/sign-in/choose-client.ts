import { isDeepStrictEqual } from 'node:util';
import { idOf } from '../../credentials/ids.ts';
import type { RegistrationRecord } from '../../credentials/record.ts';
import { parseRegistrationRecord } from '../../credentials/record.ts';
import type { CredentialStore } from '../../credentials/store.ts';
import { DrawbridgeError } from '../../errors.ts';
import type { OAuthHttp } from '../../platform/oauth-http.ts';
import type { CallbackHost, SignInSettings } from '../../settings.ts';
import type { CallbackServer } from '../browser/callback-server.ts';
import { configuredClient } from '../client-authentication.ts';
import type { AuthorizationServerMetadata } from '../metadata.ts';
import { isAlive, RegistrationRefused, type RegistrationTerms, register } from '../registration.ts';
import { covers, unite } from '../scopes.ts';
import { put } from '../stored-credentials.ts';
import type { TokenClient } from '../token-endpoint.ts';
import { documentRedirects, type Redirect } from './document-redirects.ts';
import type { SignInTask } from './task.ts';

/**
 * The ports that a client ID metadata document lists besides the one without a port: many authorization servers compare
 * redirects whole, though any port of a loopback address should do (RFC 8252 section 7.3).
 */
export const DOCUMENT_PORTS = [33418, 33419, 33420] as const;

/** The path of our own redirects. */
const DEFAULT_PATH = '/callback';

/** Who the sign-in is made as, and the loopback that is listened on for it. */
export interface ChosenClient {
  client: TokenClient;
  callback: CallbackServer;
  /** It was registered earlier, and may be forgotten by now. */
  isCached: boolean;
}

export interface ClientChoice {
  task: SignInTask;
  http: OAuthHttp;
  store: CredentialStore;
  server: AuthorizationServerMetadata;
  scope: string | undefined;
  /** Whether its tokens are to be bound to a key: such a client is registered by itself. */
  isBound?: boolean;
  /** Listens on the loopback; throws where a port that was given is taken. */
  listen: (host: CallbackHost, port: number, path?: string) => Promise<CallbackServer>;
}

/**
 * Chooses the client in the order of MCP 2025-11-25 (Client Registration Approaches): registered beforehand, client ID
 * metadata document, dynamic registration. The loopback is bound first, so that what is registered is what is listened on.
 *
 * @param renews the registration that is kept is not to be used
 * @param bound the loopback of an earlier try, which is used again
 */
export async function chooseClient(
  choice: ClientChoice,
  renews = false,
  bound?: CallbackServer,
): Promise<ChosenClient> {
  const { task, server, listen } = choice;
  const { signIn } = task;
  const host = signIn.callback.host ?? '127.0.0.1';
  const port = signIn.callback.port ?? 0;
  const client = await givenClient(signIn, server);
  if (client?.source === 'configured')
    return { client, callback: bound ?? (await listen(host, port)), isCached: false };
  if (client && !renews) {
    const callback = bound ?? (await listenOnFirst(listen, await documentPlaces(choice, client.id)));
    return { client, callback, isCached: false };
  }
  return registeredClient(choice, renews, bound);
}

/**
 * The client that the user has named, registered beforehand or by a metadata document; undefined where there is none.
 *
 * @throws DrawbridgeError where its key can't be used
 */
export async function givenClient(
  signIn: SignInSettings,
  server: AuthorizationServerMetadata,
): Promise<TokenClient | undefined> {
  const { clientId, clientMetadataUrl } = signIn;
  if (clientId !== undefined) return configuredClient({ ...signIn, clientId }, server);
  return clientMetadataUrl !== undefined && server.takesMetadataDocuments
    ? { id: clientMetadataUrl, source: 'metadata-document', authMethod: 'none' }
    : undefined;
}

async function registeredClient(
  choice: ClientChoice,
  renews: boolean,
  bound: CallbackServer | undefined,
): Promise<ChosenClient> {
  const { task, store, server, scope, isBound = false, listen } = choice;
  const { host, port, path } = task.signIn.callback;
  const id = idOf(
    'registration',
    server.issuer,
    host ?? null,
    port === undefined ? null : String(port),
    path,
    ...(isBound ? ['dpop'] : []),
    ...termsId(task.signIn),
  );
  const stored = store.read<unknown>('client', id);
  const kept = stored && parseRegistrationRecord(stored.value);
  const isUsable =
    kept && !renews && isAlive(kept) && (kept.scope === undefined || covers(kept.scope, scope));
  if (isUsable) {
    const { hostname, port: keptPort } = new URL(kept.redirectUri);
    const keptHost = hostname === 'localhost' ? 'localhost' : '127.0.0.1';
    const callback = await listen(keptHost, Number(keptPort)).catch(() => undefined);
    if (callback?.redirectUri === kept.redirectUri) return { client: kept.client, callback, isCached: true };
    await callback?.close();
  }
  const wanted = unite(kept?.scope, scope);
  let callback = bound ?? (await listen(host ?? '127.0.0.1', port ?? 0));
  let record: RegistrationRecord;
  const registerFor = ({ redirectUri }: CallbackServer): Promise<RegistrationRecord> =>
    register(
      choice.http,
      server,
      redirectUri,
      scope === undefined ? undefined : wanted,
      new URL(task.server),
      { ...termsOf(task.signIn), isBound },
    );
  try {
    record = await registerFor(callback);
  } catch (error) {
    await callback.close();
    if (!(error instanceof RegistrationRefused)) throw error;
    if (server.isAssumed && !error.code) throw offersNoSignIn(task);
    // Some refuse the address and take the name (RFC 8252 section 8.3 has it the other way round).
    if (host !== undefined || bound || !error.isAboutRedirect) throw error;
    callback = await listen('localhost', port ?? 0);
    try {
      record = await registerFor(callback);
    } catch (secondError) {
      await callback.close();
      throw secondError;
    }
  }
  try {
    await put(store, 'client', id, record);
  } catch (error) {
    await callback.close();
    throw error;
  }
  return { client: record.client, callback, isCached: false };
}

/** What the user wants to be registered otherwise than usual. */
export function termsOf({ registrationMetadata, clientAuthMethod }: SignInSettings): RegistrationTerms {
  return { metadata: registrationMetadata, authMethod: clientAuthMethod };
}

/** For the id of a registration: of whom other things are said is another client. */
export function termsId(signIn: SignInSettings): string[] {
  const { metadata, authMethod } = termsOf(signIn);
  return metadata || authMethod ? [JSON.stringify([metadata ?? null, authMethod ?? null])] : [];
}

/** Where to listen for a client ID metadata document: as we write such documents, unless it is written otherwise. */
async function documentPlaces({ task, http }: ClientChoice, url: string): Promise<Redirect[]> {
  const { host: given, port, path } = task.signIn.callback;
  const host = given ?? '127.0.0.1';
  if (port !== undefined) return [{ host, port, path }];
  const ours = [...DOCUMENT_PORTS, 0].map((one): Redirect => ({ host, port: one, path }));
  if (given !== undefined || path !== DEFAULT_PATH) return ours;
  const listed = await documentRedirects(http, url);
  const isOurs = ours.some((one) => listed.some((other) => isDeepStrictEqual(one, other)));
  return isOurs || listed.length === 0 ? ours : listed;
}

async function listenOnFirst(
  listen: ClientChoice['listen'],
  places: readonly Redirect[],
): Promise<CallbackServer> {
  let fault: unknown;
  for (const { host, port, path } of places) {
    try {
      return await listen(host, port, path);
    } catch (error) {
      fault = error;
    }
  }
  throw fault ?? new DrawbridgeError('sign-in-refused', 'No port is free for the redirect.');
}

/** It wants something, and nothing tells that this is OAuth: neither metadata nor an answer where MCP 2025-03-26 has it. */
function offersNoSignIn({ server }: SignInTask): DrawbridgeError {
  const { origin, pathname, host } = new URL(server);
  return new DrawbridgeError(
    'unauthorized',
    `${host} wants an API key or a token, and offers no sign-in to get one; pass it with --header or --token-command, or store a token by login --with-token.`,
    { status: 401, url: origin + pathname },
  );
}
