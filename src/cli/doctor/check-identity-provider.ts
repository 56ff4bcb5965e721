import { CredentialInUse } from '../../authorization/credential-in-use.ts';
import { Discovery } from '../../authorization/discovery.ts';
import { TOKEN_EXCHANGE } from '../../authorization/grants/token-exchange.ts';
import { jwtExpiry } from '../../authorization/jwt.ts';
import { IdTokenFile } from '../../authorization/machine/id-tokens.ts';
import { identityProviderSettings } from '../../authorization/machine/identity-provider.ts';
import type { AuthorizationServerMetadata } from '../../authorization/metadata.ts';
import { checkPkce } from '../../authorization/sign-in/choose-server.ts';
import { asDrawbridgeError, displayText } from '../../errors.ts';
import { OAuthHttp } from '../../platform/oauth-http.ts';
import type { IdentityProviderSettings } from '../../settings.ts';
import { spanOf } from './check-network.ts';
import type { Examination } from './examination.ts';
import { type Finding, fail, failedBy, ok, skip, warn } from './step.ts';

/** The company's identity provider (enterprise-managed authorization): whether it can be used, and an ID token is there. */
export async function checkIdentityProvider(examination: Examination): Promise<Finding> {
  const { settings } = examination;
  const { issuer, tokenEndpoint, idTokenFile } = settings.signIn.identityProvider as IdentityProviderSettings;
  if (issuer === undefined || (tokenEndpoint !== undefined && idTokenFile !== undefined))
    return fromFile(examination, idTokenFile as string);
  const url = new URL(issuer);
  let metadata: AuthorizationServerMetadata;
  try {
    metadata = await new Discovery(new OAuthHttp(url, settings.network), url).authorizationServer(issuer);
  } catch (error) {
    return failedBy(
      asDrawbridgeError(error),
      '--idp-issuer has to be the issuer as its metadata has it, to the letter',
    );
  }
  if (metadata.grantTypes?.includes(TOKEN_EXCHANGE) === false && tokenEndpoint === undefined)
    return warn(
      `${displayText(issuer, 200)} does not say that it exchanges tokens; it may do so all the same, or elsewhere`,
      'no-token-exchange',
      'ask your administrator, or give --idp-token-endpoint',
    );
  return idTokenFile === undefined ? fromSignIn(examination, metadata) : fromFile(examination, idTokenFile);
}

async function fromFile({ log, now }: Examination, path: string): Promise<Finding> {
  try {
    const idToken = await new IdTokenFile(path, log).idToken();
    return ok(`the ID token is in the file of --id-token-file; ${lifeOf(jwtExpiry(idToken), now())}`);
  } catch (error) {
    return failedBy(asDrawbridgeError(error), 'look at what writes that file');
  }
}

function fromSignIn(
  { settings, store, log, login, now }: Examination,
  metadata: AuthorizationServerMetadata,
): Finding {
  const own = identityProviderSettings(settings);
  try {
    checkPkce(metadata, own.signIn);
  } catch (error) {
    return failedBy(asDrawbridgeError(error), 'add --allow-missing-pkce, if it does it all the same');
  }
  if (!store) return skip('the credential store can not be read');
  const inUse = new CredentialInUse(own, store, log);
  inUse.load();
  const record = inUse.current?.record;
  const { issuer } = metadata;
  const name = displayText(issuer, 200);
  if (!record)
    return fail(`nobody has signed in at ${name} yet: you have to`, 'sign-in-needed', login, { issuer });
  const { expiresAt, refreshToken } = record;
  const canRenew = refreshToken !== undefined;
  const facts = {
    issuer,
    expiresAt: expiresAt === undefined ? null : new Date(expiresAt).toISOString(),
    canRefresh: canRenew,
  };
  if (!canRenew && expiresAt !== undefined && expiresAt <= now())
    return fail(`the sign-in at ${name} is over: you have to sign in again`, 'sign-in-needed', login, facts);
  const renewal = canRenew ? 'is renewed by itself' : 'can not be renewed';
  return ok(`signed in at ${name}; ${lifeOf(expiresAt, now())}, and ${renewal}`, facts);
}

function lifeOf(expiresAt: number | undefined, now: number): string {
  if (expiresAt === undefined) return 'it has no end';
  const left = Math.round((expiresAt - now) / 1000);
  return left <= 0 ? 'the ID token has ended' : `the ID token is good for ${spanOf(left)}`;
}
