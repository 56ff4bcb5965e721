import { IssuerMemory } from '../../authorization/issuer-memory.ts';
import type { AuthorizationServerMetadata } from '../../authorization/metadata.ts';
import { omitsResource, providerOf } from '../../authorization/providers.ts';
import { canonicalResource } from '../../authorization/resource.ts';
import { covers, selectScope, unite } from '../../authorization/scopes.ts';
import { SignInAttempts } from '../../authorization/sign-in/attempts.ts';
import {
  checkClient,
  checkDeviceCode,
  checkPin,
  checkPkce,
} from '../../authorization/sign-in/choose-server.ts';
import { signInId } from '../../credentials/apart.ts';
import { asDrawbridgeError, displayText } from '../../errors.ts';
import type { SignInSettings } from '../../settings.ts';
import type { Examination } from './examination.ts';
import { type Finding, fail, failedBy, ok, skip, warn } from './step.ts';

/** Whether the sign-in is protected by PKCE (RFC 7636), as far as the metadata tells; with a device code, whether it can be. */
export function checkPkceSupport({ authorizationServer, settings }: Examination): Finding {
  if (!authorizationServer) return skip('there is no authorization server to ask');
  if (settings.signIn.grant !== 'user') return ok('not needed: nobody is sent to this authorization server');
  if (settings.signIn.deviceCode) {
    try {
      checkDeviceCode(authorizationServer);
      return ok('not needed: --device-code has no redirect, and the server offers it');
    } catch (error) {
      return failedBy(asDrawbridgeError(error), 'leave --device-code out');
    }
  }
  try {
    checkPkce(authorizationServer, settings.signIn);
  } catch (error) {
    return failedBy(asDrawbridgeError(error), 'add --allow-missing-pkce, if the server does it all the same');
  }
  if (authorizationServer.codeChallengeMethods?.includes('S256')) return ok('S256');
  const why = authorizationServer.isAssumed
    ? 'there is no metadata that could list it'
    : '--allow-missing-pkce';
  return warn(`not promised (${why}); it is used all the same`, 'no-pkce');
}

/** Which client a sign-in would be made as, without registering any. */
export function checkRegistration(examination: Examination): Finding {
  const { authorizationServer: server, settings, stored } = examination;
  if (!server) return skip('there is no authorization server to ask');
  const { signIn } = settings;
  const provider = providerOf(server.issuer);
  const notes = provider && `${provider.name}: ${provider.notes}`;
  const add = (text: string): string => (notes === undefined ? text : `${text}. ${notes}`);
  try {
    if (signIn.grant === 'user') checkClient(server, signIn, stored);
    else checkPin(server, signIn.clientId ?? '', signIn, stored);
  } catch (error) {
    const { reason, message } = asDrawbridgeError(error);
    const issuer = /give (--issuer \S+?)\.?$/.exec(message)?.[1];
    const fix =
      issuer ?? '--client-id <id of a client registered there> (and --client-secret, if it has one)';
    return fail(add(message.replace(/\.$/, '')), reason, fix, { ways: waysOf(server) });
  }
  const facts = { ways: waysOf(server), ...(provider && { provider: provider.name }) };
  if (signIn.grant !== 'user') return machineClient(server, signIn, add, facts);
  const failure = lastFailure(examination);
  if (failure !== undefined) {
    const fix = '--client-id <id of a client registered there>, or ask whoever runs that server';
    return fail(add(`the last sign-in could not begin: ${failure.message}`), failure.reason, fix, facts);
  }
  if (signIn.clientId !== undefined) return ok(add('by the client of --client-id'), facts);
  if (signIn.clientMetadataUrl !== undefined && server.takesMetadataDocuments)
    return ok(add('by the client ID metadata document'), facts);
  return ok(add('dynamic: the client is registered by itself'), facts);
}

/** Whom a machine's token is asked for as. */
function machineClient(
  server: AuthorizationServerMetadata,
  { clientId, clientKey, clientSecret, clientMetadataUrl, grant }: SignInSettings,
  add: (text: string) => string,
  facts: Finding['facts'],
): Finding {
  const proof = clientKey ? ', and its key' : clientSecret === undefined ? '' : ', and its secret';
  if (clientId !== undefined) return ok(add(`by the client of --client-id${proof}`), facts);
  if (clientMetadataUrl !== undefined && server.takesMetadataDocuments)
    return ok(add('by the client ID metadata document'), facts);
  if (grant === 'workload') return ok(add('no client is needed beside the JWT of a workload'), facts);
  const text = 'the authorization server takes no client by a metadata document';
  return fail(add(text), 'sign-in-refused', '--client-id <id of a client registered there>', facts);
}

function waysOf(server: AuthorizationServerMetadata): string[] {
  const isDynamic = server.registrationEndpoint !== undefined && !providerOf(server.issuer)?.noRegistration;
  return [
    'pre-registered',
    ...(server.takesMetadataDocuments ? ['metadata-document'] : []),
    ...(isDynamic ? ['dynamic'] : []),
  ];
}

/** Why the last sign-in ended before there was anything to do for the user. */
function lastFailure({ store, settings }: Examination): { reason: string; message: string } | undefined {
  const { url, signIn } = settings;
  if (!store) return undefined;
  return new SignInAttempts(store, signInId(url.href, signIn)).unreadySince(0);
}

/** The scopes that a sign-in would ask for (MCP 2025-11-25, Scope Selection Strategy). */
export function checkScopes(examination: Examination): Finding {
  const { authorizationServer, protectedResource, challenge, settings, stored } = examination;
  const { scope: explicit } = settings.signIn;
  const wanted = challenge?.scope;
  const earlier = stored[0]?.record.requestedScope;
  const scope = selectScope({
    explicit,
    challenge: wanted,
    resource: protectedResource?.scopes,
    earlier: settings.signIn.useIdToken ? unite('openid', earlier) : earlier,
    // Only a sign-in has a refresh token to ask for.
    authorizationServer: settings.signIn.grant === 'user' ? authorizationServer?.scopes : undefined,
  });
  examination.scope = scope;
  const facts = { scope: scope ?? null };
  if (explicit !== undefined && !covers(explicit, wanted))
    return warn(
      `--scope asks for “${explicit}”, and the server wants “${wanted}”`,
      'insufficient-scope',
      `leave --scope out, or give all: --scope "${explicit} ${wanted}"`,
      facts,
    );
  if (scope === undefined)
    return ok('none is named anywhere, so none is asked for: the server takes its own', facts);
  const source =
    explicit !== undefined ? '--scope' : wanted !== undefined ? 'the challenge' : 'the resource metadata';
  return ok(`“${displayText(scope, 300)}”, by ${source}`, facts);
}

/** The resource indicator that a sign-in would send (RFC 8707). */
export function checkResource(examination: Examination): Finding {
  const { authorizationServer, protectedResource, settings, store, scope } = examination;
  const { url, signIn } = settings;
  if (!authorizationServer) return skip('there is no authorization server to ask');
  if (signIn.resource === null) return ok('none (--no-resource)', { resource: null });
  if (signIn.resource !== undefined) {
    const facts = { resource: signIn.resource };
    const isOther = new URL(signIn.resource).origin !== url.origin;
    if (!isOther) return ok(`${signIn.resource} (--resource)`, facts);
    return warn(
      `${signIn.resource} (--resource), of another origin than the server: the token goes to ${url.host} all the same`,
      'other-resource',
      undefined,
      facts,
    );
  }
  const resource = protectedResource?.resource ?? canonicalResource(url);
  const provider = providerOf(authorizationServer.issuer);
  if (omitsResource(provider, scope)) return ok(`none: ${provider?.name} refuses it`, { resource: null });
  if (store && new IssuerMemory(store, authorizationServer.issuer, url.href).read().resource)
    return ok('none: the authorization server has refused it before', { resource: null });
  const source = protectedResource ? 'as the metadata has it' : "the server's URL";
  return ok(`${displayText(resource, 200)}, ${source}`, { resource: displayText(resource, 200) });
}
