import type { StoredConnection } from '../../credentials/record.ts';
import { DrawbridgeError } from '../../errors.ts';
import type { OAuthHttp } from '../../platform/oauth-http.ts';
import type { SignInSettings } from '../../settings.ts';
import { Discovery } from '../discovery.ts';
import { type AuthorizationServerMetadata, namedAuthorizationServer } from '../metadata.ts';
import { givenClient } from '../sign-in/choose-client.ts';
import { type ChosenServer, checkPin, chooseServer } from '../sign-in/choose-server.ts';
import type { SignInTask } from '../sign-in/task.ts';
import type { TokenClient } from '../token-endpoint.ts';
import type { MachineGrant } from './grant.ts';

/**
 * Finds where a machine gets its tokens: at the endpoint that the user named, else by discovery, as for a sign-in
 * (SEP-1046 leaves that as it is ). What proves the client goes to no authorization server but the first one.
 *
 * @param known the credentials kept for this connection
 * @throws DrawbridgeError where there is none that may be used, for the first reason found
 */
export async function chooseMachineServer(
  task: SignInTask,
  http: OAuthHttp,
  known: readonly StoredConnection[],
  grant: MachineGrant,
): Promise<ChosenServer> {
  const chosen = await findServer(task, http, known, grant);
  // Nothing of it needs to be asked for: a machine that is offline goes on with its grant.
  return { ...chosen, authorizationServer: { ...chosen.authorizationServer, scopes: undefined } };
}

async function findServer(
  task: SignInTask,
  http: OAuthHttp,
  known: readonly StoredConnection[],
  grant: MachineGrant,
): Promise<ChosenServer> {
  const { signIn, challenge } = task;
  const server = new URL(task.server);
  const { tokenEndpoint } = signIn;
  if (tokenEndpoint === undefined)
    return chooseServer(task, http, known, (metadata) => check(metadata, task, known, grant));
  const discovery = new Discovery(http, server);
  // For its scopes and its name; that it publishes nothing is why the endpoint was named.
  const resource = await discovery
    .protectedResource(challenge.resourceMetadata, signIn.resource)
    .catch(() => undefined);
  const issuer = signIn.issuer ?? new URL(tokenEndpoint).origin;
  return { authorizationServer: namedAuthorizationServer(issuer, tokenEndpoint), resource };
}

function check(
  metadata: AuthorizationServerMetadata,
  { server, signIn }: SignInTask,
  known: readonly StoredConnection[],
  grant: MachineGrant,
): void {
  const { host } = new URL(metadata.issuer);
  if (metadata.isAssumed)
    throw new DrawbridgeError(
      'sign-in-refused',
      `${new URL(server).host} does not say who gives tokens for it; name that server with --issuer, or its token endpoint with --token-endpoint.`,
    );
  const refusal = grant.refuses?.(metadata);
  if (refusal !== undefined)
    throw new DrawbridgeError('sign-in-refused', `${host} ${refusal}; ask whoever runs that server.`);
  checkPin(metadata, signIn.clientId ?? '', signIn, known);
}

/**
 * Who asks for the token: the client that the user has named; a workload needs none.
 *
 * @throws DrawbridgeError where its key can't be used, or it is not one for this server
 */
export async function chooseMachineClient(
  signIn: SignInSettings,
  server: AuthorizationServerMetadata,
  { kind }: MachineGrant,
): Promise<TokenClient> {
  const given = await givenClient(signIn, server);
  if (given) return given;
  if (kind === 'workload') return { id: '', source: 'configured', authMethod: 'none' };
  throw new DrawbridgeError(
    'sign-in-refused',
    `${new URL(server.issuer).host} takes no client by its metadata document; register one there and give it with --client-id.`,
  );
}
