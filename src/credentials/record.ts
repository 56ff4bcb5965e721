import { isObject } from '../jsonrpc.ts';
import { type ClientKeySettings, clientKeyAlgorithms } from '../settings.ts';
import { connectionId, idOf } from './ids.ts';
import type { CredentialStore } from './store.ts';

const clientAuthMethods = ['none', 'client_secret_basic', 'client_secret_post', 'private_key_jwt'] as const;
/** How a client proves itself at the token endpoint (RFC 7591 section 2, token_endpoint_auth_method). */
export type ClientAuthMethod = (typeof clientAuthMethods)[number];

const machineGrants = ['client_credentials', 'workload', 'enterprise'] as const;

const clientSources = ['configured', 'metadata-document', 'registered'] as const;

/** The client that an authorization server knows us as. Times are in ms since the epoch. */
export interface ClientIdentity {
  id: string;
  secret?: string | undefined;
  secretExpiresAt?: number | undefined;
  authMethod: ClientAuthMethod;
  /** With private_key_jwt: where its key is, and how it is used. */
  key?: ClientKeySettings | undefined;
  source: (typeof clientSources)[number];
}

/** A private P-256 key as JWK (RFC 7518 section 6.2), to which tokens are bound (RFC 9449). */
export interface DpopKey {
  kty: 'EC';
  crv: 'P-256';
  x: string;
  y: string;
  d: string;
}

/** How an access token is presented (RFC 6749 section 7.1); one of the type DPoP is bound to the record's `dpopKey`. */
export type TokenType = 'Bearer' | 'DPoP';

/** What a sign-in has given, and all that is needed to use and renew it without discovery. Times as above. */
export interface ConnectionRecord {
  schema: 1;
  /** The MCP endpoint. */
  server: string;
  profile: string;
  /** The authorization server that the tokens are of; they go to no other. */
  issuer: string;
  /** The resource indicator that the grant was made for (RFC 8707); null: without one. */
  resource: string | null;
  /** The user has chosen that: it keeps the record apart from those for other resources. */
  isResourceChosen?: true | undefined;
  /** The parameters of the user's for the authorization request, as sorted JSON; they keep it apart as well. */
  authorizeParams?: string | undefined;
  client: ClientIdentity;
  tokenEndpoint: string;
  revocationEndpoint?: string | undefined;
  accessToken: string;
  tokenType: TokenType;
  /** The key of a bound token, and of the refresh token that goes with it (RFC 9449 section 5). */
  dpopKey?: DpopKey | undefined;
  /** Kept where it is what is used of the sign-in: by `--use-id-token`, and of an identity provider. */
  idToken?: string | undefined;
  /** When the token that is used ends: the ID token, where one is kept. */
  expiresAt?: number | undefined;
  refreshToken?: string | undefined;
  /** By what it was got, where no user has signed in for it: then it is got anew in place of a refresh. */
  grant?: (typeof machineGrants)[number] | undefined;
  /** The issuer that the user has signed in at for it, with the grant `enterprise`: a connection of its own, with this URL. */
  identityProvider?: string | undefined;
  /** What was granted. */
  scope?: string | undefined;
  requestedScope?: string | undefined;
  signedInAt: number;
  obtainedAt: number;
  /** The refresh token was sent, and what came of it is unknown [67]. */
  refreshPending?: boolean | undefined;
  /** The program that has signed in, where it was not this one. */
  importedFrom?: string | undefined;
  /** A personal access token, from the user's own hand: `issuer` is the server's origin, and there is no token endpoint. */
  personalToken?: true | undefined;
}

/** A client that was registered dynamically (RFC 7591), shared by all connections to its issuer. */
export interface RegistrationRecord {
  schema: 1;
  issuer: string;
  redirectUri: string;
  client: ClientIdentity;
  /** What it was registered for. */
  scope?: string | undefined;
  registrationAccessToken?: string | undefined;
  registrationClientUri?: string | undefined;
  registeredAt: number;
}

/** A ConnectionRecord and where it is kept. */
export interface StoredConnection {
  /** Its id in the store, of the kind `connection`. */
  id: string;
  generation: number;
  record: ConnectionRecord;
}

/** The value, where it has the shape of a ConnectionRecord; members that a later version has added are kept. */
export function parseConnectionRecord(value: unknown): ConnectionRecord | undefined {
  const isRecord =
    isObject(value) &&
    value.schema === 1 &&
    isText(value.server) &&
    isText(value.profile) &&
    isText(value.issuer) &&
    (value.resource === null || isText(value.resource)) &&
    isClientIdentity(value.client) &&
    isText(value.tokenEndpoint) &&
    isOptional(value.isResourceChosen, (chosen) => chosen === true) &&
    isOptional(value.authorizeParams, isText) &&
    isOptional(value.revocationEndpoint, isText) &&
    isText(value.accessToken) &&
    // Without its key a bound token is of no use, nor is it ever presented without.
    (value.tokenType === 'DPoP' ? isDpopKey(value.dpopKey) : value.tokenType === 'Bearer') &&
    isOptional(value.idToken, isText) &&
    isOptional(value.expiresAt, isTime) &&
    isOptional(value.refreshToken, isText) &&
    isOptional(value.grant, (grant) => machineGrants.some((known) => known === grant)) &&
    isOptional(value.identityProvider, (issuer) => isText(issuer) && URL.canParse(issuer)) &&
    isOptional(value.scope, isText) &&
    isOptional(value.requestedScope, isText) &&
    isTime(value.signedInAt) &&
    isTime(value.obtainedAt) &&
    isOptional(value.refreshPending, (pending) => typeof pending === 'boolean') &&
    isOptional(value.importedFrom, isText) &&
    isOptional(value.personalToken, (personal) => personal === true);
  return isRecord ? (value as unknown as ConnectionRecord) : undefined;
}

/** The value, where it has the shape of a RegistrationRecord; members that a later version has added are kept. */
export function parseRegistrationRecord(value: unknown): RegistrationRecord | undefined {
  const isRecord =
    isObject(value) &&
    value.schema === 1 &&
    isText(value.issuer) &&
    isText(value.redirectUri) &&
    isClientIdentity(value.client) &&
    isOptional(value.scope, isText) &&
    isOptional(value.registrationAccessToken, isText) &&
    isOptional(value.registrationClientUri, isText) &&
    isTime(value.registeredAt);
  return isRecord ? (value as unknown as RegistrationRecord) : undefined;
}

/** The id of the record: another resource, issuer, client or grant is another record, so that none overwrites the other's. */
export function connectionFileId({
  server,
  profile,
  resource,
  issuer,
  client,
  grant,
  authorizeParams,
}: Pick<
  ConnectionRecord,
  'server' | 'profile' | 'resource' | 'issuer' | 'client' | 'grant' | 'authorizeParams'
>): string {
  const more = [grant, authorizeParams].filter((part) => part !== undefined);
  return `${connectionId(server, profile)}-${idOf(resource, issuer, client.id, ...more).slice(0, 32)}`;
}

/**
 * All records of one connection, the latest sign-in first.
 *
 * @throws DrawbridgeError `credential-store` where one of them can't be opened
 */
export function findConnections(store: CredentialStore, server: string, profile: string): StoredConnection[] {
  const prefix = `${connectionId(server, profile)}-`;
  const found: StoredConnection[] = [];
  for (const id of store.list('connection')) {
    if (!id.startsWith(prefix)) continue;
    const stored = store.read<unknown>('connection', id);
    const record = stored && parseConnectionRecord(stored.value);
    const isOurs = record?.server === server && record.profile === profile;
    if (stored && record && isOurs) found.push({ id, generation: stored.generation, record });
  }
  return found.sort((a, b) => b.record.signedInAt - a.record.signedInAt);
}

function isClientIdentity(value: unknown): value is ClientIdentity {
  return (
    isObject(value) &&
    isText(value.id) &&
    isOptional(value.secret, isText) &&
    isOptional(value.secretExpiresAt, isTime) &&
    isOptional(value.key, isClientKey) &&
    clientAuthMethods.some((method) => method === value.authMethod) &&
    clientSources.some((source) => source === value.source)
  );
}

function isDpopKey(value: unknown): value is DpopKey {
  return (
    isObject(value) &&
    value.kty === 'EC' &&
    value.crv === 'P-256' &&
    [value.x, value.y, value.d].every((part) => isText(part) && /^[\w-]{43}$/.test(part))
  );
}

function isClientKey(value: unknown): boolean {
  return (
    isObject(value) &&
    isText(value.file) &&
    isOptional(value.algorithm, (name) => clientKeyAlgorithms.some((known) => known === name)) &&
    isOptional(value.id, isText) &&
    isText(value.audience)
  );
}

function isText(value: unknown): value is string {
  return typeof value === 'string';
}

function isTime(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value);
}

function isOptional(value: unknown, isRight: (value: unknown) => boolean): boolean {
  return value === undefined || isRight(value);
}
