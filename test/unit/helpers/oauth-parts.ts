import { join } from 'node:path';
import {
  type AuthorizationServerMetadata,
  assumedAuthorizationServer,
} from '../../../src/authorization/metadata.ts';
import type { SignInTask } from '../../../src/authorization/sign-in/task.ts';
import {
  type ClientIdentity,
  type ConnectionRecord,
  connectionFileId,
  type StoredConnection,
} from '../../../src/credentials/record.ts';
import { CredentialStore } from '../../../src/credentials/store.ts';
import type { NetworkSettings, Settings, SignInSettings } from '../../../src/settings.ts';
import { tempFolder } from '../../support/temp-folder.ts';

export const SERVER = 'https://mcp.example/mcp';
export const ISSUER = 'https://as.example';

export const network: NetworkSettings = {
  connectTimeout: 5000,
  requestTimeout: undefined,
  keepAlive: 0,
  ca: undefined,
  ipv4Only: false,
  cookies: false,
  env: {},
};

export function signInSettings(more: Partial<SignInSettings> = {}): SignInSettings {
  return {
    profile: 'default',
    scope: undefined,
    resource: undefined,
    clientId: undefined,
    clientSecret: undefined,
    clientMetadataUrl: undefined,
    issuer: undefined,
    authorizeParams: {},
    allowMissingPkce: false,
    callback: { host: undefined, port: undefined, path: '/callback' },
    timeout: 300_000,
    initializeWait: 3000,
    browser: true,
    deviceCode: false,
    grant: 'user',
    clientKey: undefined,
    tokenEndpoint: undefined,
    workloadToken: undefined,
    identityProvider: undefined,
    useIdToken: false,
    dpop: 'auto',
    ...more,
  };
}

export function settingsFor(url = SERVER, signIn: Partial<SignInSettings> = {}): Settings {
  return {
    url: new URL(url),
    transport: 'auto',
    era: 'auto',
    network,
    headers: {},
    tokenCommand: undefined,
    signIn: signInSettings(signIn),
    store: { choice: 'file', secret: undefined },
    tools: { allow: [], ignore: [] },
    maxMessageBytes: 1024 * 1024,
    log: { level: 'warn', format: 'text' },
  };
}

export function signInTask(
  more: Omit<Partial<SignInTask>, 'signIn'> & { signIn?: Partial<SignInSettings> } = {},
): SignInTask {
  const { env: _env, ...rest } = network;
  return {
    server: SERVER,
    network: rest,
    folder: '',
    store: { choice: 'file', secret: undefined },
    challenge: {},
    earlierScope: undefined,
    replaces: 0,
    opensWindow: true,
    isRequested: false,
    ...more,
    signIn: signInSettings(more.signIn),
  };
}

/** The checked metadata of an authorization server that can do everything. */
export function serverMetadata(more: Partial<AuthorizationServerMetadata> = {}): AuthorizationServerMetadata {
  const issuer = more.issuer ?? ISSUER;
  return {
    ...assumedAuthorizationServer(issuer),
    isAssumed: false,
    codeChallengeMethods: ['S256'],
    tokenEndpointAuthMethods: ['none', 'client_secret_basic', 'client_secret_post'],
    tokenEndpointAuthAlgorithms: undefined,
    grantTypes: undefined,
    sendsIssuer: true,
    ...more,
  };
}

/** A metadata document of an authorization server (RFC 8414). */
export function metadataDocument(
  issuer = ISSUER,
  more: Record<string, unknown> = {},
): Record<string, unknown> {
  return {
    issuer,
    authorization_endpoint: `${issuer}/authorize`,
    token_endpoint: `${issuer}/token`,
    registration_endpoint: `${issuer}/register`,
    code_challenge_methods_supported: ['S256'],
    token_endpoint_auth_methods_supported: ['none'],
    ...more,
  };
}

export const publicClient: ClientIdentity = { id: 'client-1', source: 'registered', authMethod: 'none' };

export function connectionRecord(more: Partial<ConnectionRecord> = {}): ConnectionRecord {
  const now = Date.now();
  return {
    schema: 1,
    server: SERVER,
    profile: 'default',
    issuer: ISSUER,
    resource: SERVER,
    client: publicClient,
    tokenEndpoint: `${ISSUER}/token`,
    accessToken: 'access-1',
    refreshToken: 'refresh-1',
    tokenType: 'Bearer',
    signedInAt: now - 7_200_000,
    obtainedAt: now - 7_200_000,
    expiresAt: now - 1000,
    ...more,
  };
}

/** A store in a folder of the running test that does not exist yet. */
export function openStore(folder: string): CredentialStore {
  return CredentialStore.open(folder);
}

export function newStore(): { store: CredentialStore; folder: string } {
  const folder = join(tempFolder(), 'store');
  return { store: openStore(folder), folder };
}

export async function storeConnection(
  store: CredentialStore,
  record: ConnectionRecord,
): Promise<StoredConnection> {
  const id = connectionFileId(record);
  const expected = store.read('connection', id)?.generation ?? 0;
  return { id, generation: await store.write('connection', id, record, expected), record };
}

export function storedConnection(
  store: CredentialStore,
  { id }: Pick<StoredConnection, 'id'>,
): ConnectionRecord {
  const stored = store.read<ConnectionRecord>('connection', id);
  if (!stored) throw new Error('nothing is stored');
  return stored.value;
}
