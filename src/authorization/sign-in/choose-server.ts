import type { StoredConnection } from '../../credentials/record.ts';
import { asDrawbridgeError, DrawbridgeError } from '../../errors.ts';
import { NoAnswer, type OAuthHttp } from '../../platform/oauth-http.ts';
import type { SignInSettings } from '../../settings.ts';
import { Discovery } from '../discovery.ts';
import type { AuthorizationServerMetadata, ProtectedResourceMetadata } from '../metadata.ts';
import { providerOf } from '../providers.ts';
import type { SignInTask } from './task.ts';

/** Of several authorization servers so many are tried. */
export const MAX_SERVERS = 3;

/** Who authorizes for the server, and what the server says of itself. */
export interface ChosenServer {
  authorizationServer: AuthorizationServerMetadata;
  resource: ProtectedResourceMetadata | undefined;
}

/**
 * Finds the authorization server to sign in at: the one that the user named, else the one whose credentials are kept,
 * else the first of the metadata's that can be used [25]; without metadata, the server's own origin (MCP 2025-03-26).
 *
 * @param known the credentials kept for this connection
 * @param check what an authorization server has to be besides
 * @throws DrawbridgeError where there is none that may be used, for the first reason found
 */
export async function chooseServer(
  task: SignInTask,
  http: OAuthHttp,
  known: readonly StoredConnection[],
  check: ServerCheck = checkSignIn,
): Promise<ChosenServer> {
  const { signIn, challenge } = task;
  const server = new URL(task.server);
  const discovery = new Discovery(http, server);
  // An identity provider is nobody's resource.
  const isIssuerItself = signIn.issuer !== undefined && new URL(signIn.issuer).href === server.href;
  const resource = isIssuerItself
    ? undefined
    : await discovery.protectedResource(challenge.resourceMetadata, signIn.resource);
  const named = signIn.issuer === undefined ? resource?.authorizationServers : [signIn.issuer];
  if (!named) {
    const authorizationServer = await discovery.legacyAuthorizationServer();
    check(authorizationServer, task, known);
    return { authorizationServer, resource };
  }
  const kept = new Set(known.map(({ record }) => record.issuer));
  const order = [...named].sort((a, b) => Number(kept.has(b)) - Number(kept.has(a)));
  let fault: DrawbridgeError | undefined;
  for (const issuer of order.slice(0, MAX_SERVERS)) {
    try {
      const authorizationServer = await discovery.authorizationServer(issuer);
      check(authorizationServer, task, known);
      return { authorizationServer, resource };
    } catch (error) {
      // A bad moment of the one that the user is signed in at is no reason to send him to another.
      if (kept.has(issuer) && isPassing(error)) throw error;
      fault ??= asDrawbridgeError(error);
    }
  }
  throw fault ?? new DrawbridgeError('authorization-server', `${server.host} names no authorization server.`);
}

function isPassing(error: unknown): boolean {
  return error instanceof NoAnswer || Number(asDrawbridgeError(error).details.status) >= 500;
}

/** Throws a DrawbridgeError where an authorization server must not be used. */
export type ServerCheck = (
  metadata: AuthorizationServerMetadata,
  task: SignInTask,
  known: readonly StoredConnection[],
) => void;

function checkSignIn(
  metadata: AuthorizationServerMetadata,
  { signIn }: SignInTask,
  known: readonly StoredConnection[],
): void {
  // With a device code there is no redirect that PKCE would protect (RFC 8628).
  if (signIn.deviceCode) checkDeviceCode(metadata);
  else checkPkce(metadata, signIn);
  checkClient(metadata, signIn, known);
}

/** @throws DrawbridgeError `sign-in-refused` where there is no device flow (RFC 8628 section 4) */
export function checkDeviceCode({ issuer, deviceAuthorizationEndpoint }: AuthorizationServerMetadata): void {
  if (deviceAuthorizationEndpoint !== undefined) return;
  throw new DrawbridgeError(
    'sign-in-refused',
    `${new URL(issuer).host} offers no sign-in by device code; leave out --device-code, and without a browser give --no-browser.`,
  );
}

/** @throws DrawbridgeError `sign-in-refused` where PKCE is not promised (MCP 2025-11-25, Authorization Code Protection) */
export function checkPkce(metadata: AuthorizationServerMetadata, signIn: SignInSettings): void {
  const { host } = new URL(metadata.issuer);
  const provider = providerOf(metadata.issuer);
  const methods = metadata.codeChallengeMethods;
  // Without any metadata there is nothing that could list it.
  if (!metadata.isAssumed && !methods?.includes('S256') && !signIn.allowMissingPkce) {
    const hint = provider?.pkceUnlisted
      ? `${provider.name} does it all the same: give --allow-missing-pkce.`
      : 'if you know that it does it all the same, give --allow-missing-pkce.';
    throw new DrawbridgeError(
      'sign-in-refused',
      `${host} does not say that it protects the sign-in with PKCE (S256); ${hint}`,
    );
  }
}

/**
 * @param known the credentials kept for this connection
 * @throws DrawbridgeError `sign-in-refused` where there is no client to sign in as, or it is another server's
 */
export function checkClient(
  metadata: AuthorizationServerMetadata,
  signIn: SignInSettings,
  known: readonly StoredConnection[],
): void {
  const { host } = new URL(metadata.issuer);
  const provider = providerOf(metadata.issuer);
  checkPin(metadata, signIn.clientId, signIn, known);
  const canRegister =
    (metadata.registrationEndpoint !== undefined && !provider?.noRegistration) ||
    (metadata.takesMetadataDocuments && signIn.clientMetadataUrl !== undefined);
  if (signIn.clientId === undefined && !canRegister) {
    throw new DrawbridgeError(
      'sign-in-refused',
      `${host} registers no clients by itself; register one there for the redirect http://127.0.0.1/callback and give it with --client-id.`,
    );
  }
}

/**
 * A client of the user's own belongs to the issuer that was found first with it: what proves it goes to no other that
 * the server may name later (DESIGN rule 2).
 *
 * @param known the credentials kept for this connection
 * @throws DrawbridgeError `sign-in-refused`
 */
export function checkPin(
  { issuer }: Pick<AuthorizationServerMetadata, 'issuer'>,
  clientId: string | undefined,
  signIn: Pick<SignInSettings, 'issuer'>,
  known: readonly StoredConnection[],
): void {
  const pinned = known.find(
    ({ record: { client } }) => client.source === 'configured' && client.id === clientId,
  )?.record.issuer;
  if (pinned === undefined || pinned === issuer || signIn.issuer !== undefined) return;
  throw pinBroken(issuer, pinned);
}

/** The server has moved, or says so: nothing of the old authorization server's goes to the new one by that alone. */
export function pinBroken(issuer: string, pinned: string): DrawbridgeError {
  return new DrawbridgeError(
    'sign-in-refused',
    `The server now names another authorization server (${new URL(issuer).host}) than the one that your client belongs to (${new URL(pinned).host}); nothing was sent there. If it really has moved, give --issuer ${issuer}.`,
  );
}
