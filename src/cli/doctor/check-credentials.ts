import { CredentialInUse } from '../../authorization/credential-in-use.ts';
import { Renewal } from '../../authorization/renewal.ts';
import { covers } from '../../authorization/scopes.ts';
import { ageOf } from '../../authorization/token-age.ts';
import { TokenCommand } from '../../authorization/token-command.ts';
import { hasMcpRemoteSignIn } from '../../credentials/import-mcp-remote.ts';
import type { ConnectionRecord } from '../../credentials/record.ts';
import type { CredentialStore } from '../../credentials/store.ts';
import { asDrawbridgeError, displayText } from '../../errors.ts';
import { spanOf } from './check-network.ts';
import type { Examination } from './examination.ts';
import { scopeHint } from './refused-credential.ts';
import { type Finding, fail, failedBy, ok, skip, warn } from './step.ts';

/** The credential that a bridge would use now. It is renewed where a bridge would do so before its next request. */
export async function checkCredentials(examination: Examination): Promise<Finding> {
  const { settings, store, log, fixedBy, challenge } = examination;
  if (settings.tokenCommand) return fromCommand(examination, settings.tokenCommand);
  if (fixedBy !== undefined) return ok(`${fixedBy} is used, and nothing of the store`);
  if (!store) return skip('the credential store can not be read');
  if (settings.signIn.grant !== 'user') return byGrant(examination, store);
  const inUse = new CredentialInUse(settings, store, log);
  inUse.load();
  examination.inUse = inUse;
  examination.credential = inUse.value;
  const { current } = inUse;
  if (!current) {
    if (hasMcpRemoteSignIn(settings, log))
      return warn('none yet; a bridge takes over the sign-in of mcp-remote when it starts', 'mcp-remote');
    if (!examination.isServed) return skip('there are none yet');
    if (challenge === undefined) return skip('there are none, and the server asks for none');
    const others = examination.stored.length > 0 ? ' for this client and authorization server' : '';
    return fail(`there are none${others}: you have to sign in`, 'sign-in-needed', examination.login);
  }
  const age = ageOf(current.record, examination.now());
  if (age === 'fresh') return described(examination, current.record, '');
  if (current.record.refreshToken === undefined) {
    if (age === 'due') return described(examination, current.record, '');
    const what = examination.isPersonal ? 'the personal access token' : 'the access token';
    const text = `${what} has expired, and can not be renewed: you have to ${examination.isPersonal ? 'get another' : 'sign in again'}`;
    return fail(text, 'sign-in-needed', examination.login, factsOf(current.record));
  }
  // A bridge that can not reach the server has no use for a new one.
  if (!examination.isServed) return described(examination, current.record, 'to be renewed; ');
  return renew(examination, store, inUse);
}

/** The token of a machine, got or renewed where a bridge would do that before its next request. */
async function byGrant(examination: Examination, store: CredentialStore): Promise<Finding> {
  const { settings, folder, log, challenge, isServed, stored, login } = examination;
  const { grant } = settings.signIn;
  if (!isServed) return skip('a bridge that can not reach the server gets no token');
  const isThere = stored.some(({ record }) => record.grant !== undefined);
  if (challenge === undefined && !isThere) return skip('there are none, and the server asks for none');
  const { currentRecord } = await import('../../authorization/machine/current-record.ts');
  const getting = currentRecord({ settings, folder, store, log }, async () => challenge ?? {});
  examination.refreshing = getting.catch(() => {});
  try {
    const { record, isNew, isStored } = await getting;
    const inUse = new CredentialInUse(settings, store, log);
    inUse.load();
    examination.inUse = inUse;
    examination.credential = inUse.value;
    if (isStored) return described(examination, record, isNew ? 'got just now, ' : '');
    const text = 'there is a new token, but it could not be stored';
    return fail(text, 'credential-store', 'see “Credential store” above', factsOf(record));
  } catch (error) {
    const failure = asDrawbridgeError(error);
    return failedBy(failure, failure.reason === 'sign-in-needed' ? login : hints[grant]);
  }
}

/** What to look at where a grant gives no token. */
const hints: Readonly<Record<string, string>> = {
  'client-credentials': 'compare --client-id and its secret or key with what is registered there',
  workload: 'look at the JWT, and at what the authorization server trusts',
  enterprise: 'see “Identity provider” above',
};

async function fromCommand(examination: Examination, command: readonly string[]): Promise<Finding> {
  try {
    const token = await new TokenCommand(command, examination.log).credential();
    examination.credential = token;
    return ok('--token-command has printed a token');
  } catch (error) {
    return failedBy(asDrawbridgeError(error), 'run that command yourself, and see what it says');
  }
}

async function renew(
  examination: Examination,
  store: CredentialStore,
  inUse: CredentialInUse,
): Promise<Finding> {
  const { settings, log, login } = examination;
  const { current } = inUse;
  if (!current) return skip('there are none');
  const renewing = new Renewal(settings, store, log).refresh(current, undefined);
  examination.refreshing = renewing;
  const result = await renewing;
  if (result.kind === 'ended') {
    examination.credential = undefined;
    const { host } = new URL(current.record.issuer);
    const text = `${host} no longer takes the refresh token: the sign-in has ended or was revoked`;
    return fail(text, 'sign-in-needed', login, factsOf(current.record));
  }
  if (result.kind === 'failed') {
    examination.credential = undefined;
    return failedBy(result.error, `try again later; if it stays so: ${login}`);
  }
  inUse.renewed(result.stored, 'refreshed');
  examination.credential = inUse.value;
  if (result.isStored) return described(examination, result.stored.record, 'renewed just now; ');
  const text = 'the token was due and is renewed, but the new one could not be stored';
  return fail(text, 'credential-store', 'see “Credential store” above', factsOf(result.stored.record));
}

function described(examination: Examination, record: ConnectionRecord, before: string): Finding {
  const { settings, protectedResource } = examination;
  const { issuer, expiresAt, refreshToken, importedFrom } = record;
  const left = expiresAt === undefined ? undefined : Math.round((expiresAt - examination.now()) / 1000);
  const life =
    left === undefined
      ? 'the access token has no end'
      : left <= 0
        ? 'the access token has expired'
        : `the access token is good for ${spanOf(left)}`;
  const canRenew = refreshToken !== undefined || record.grant !== undefined;
  const renewal = canRenew ? 'it can be renewed' : 'it can not be renewed';
  const from = importedFrom === undefined ? '' : `, taken over from ${displayText(importedFrom, 40)}`;
  const bound = record.tokenType === 'DPoP' ? ', bound to a key (DPoP)' : '';
  const text = `${before}of ${displayText(issuer, 200)}${from}${bound}; ${life}, and ${renewal}`;
  const facts = factsOf(record);
  if (record.personalToken) return ok(`a personal access token; ${life}`, facts);
  const named = protectedResource?.authorizationServers;
  if (named && !named.includes(issuer) && settings.signIn.issuer === undefined) {
    const now = displayText(named[0] ?? '', 100);
    return warn(`${text}; but the server now names ${now}`, 'issuer-changed', examination.login, facts);
  }
  if (record.refreshPending)
    return warn(
      `${text}; a process has ended while it renewed it, so that may be the last time`,
      'refresh-pending',
      undefined,
      facts,
    );
  return ok(text, facts);
}

function factsOf(record: ConnectionRecord): Record<string, string | boolean | null> {
  const { profile, issuer, client, personalToken, expiresAt, refreshToken, scope, resource } = record;
  return {
    profile,
    issuer: displayText(issuer, 200),
    kind: personalToken ? 'personal-token' : 'oauth',
    grant: record.grant ?? null,
    client: client.source,
    tokenType: record.tokenType,
    scope: scope ?? null,
    resource,
    expiresAt: expiresAt === undefined ? null : new Date(expiresAt).toISOString(),
    canRefresh: refreshToken !== undefined || record.grant !== undefined,
  };
}

/** Whether mcp-remote's tokens for this server lie about, which it keeps in plain text [116]. */
export function checkLeftovers({ settings, log, inUse }: Examination): Finding {
  if (!hasMcpRemoteSignIn(settings, log)) return ok('no sign-in of mcp-remote for this server is left');
  if (!inUse?.current) return ok('the sign-in of mcp-remote is there to be taken over');
  return warn(
    'the tokens of mcp-remote for this server are still there, in plain text',
    'plain-text',
    'if you no longer use mcp-remote, delete its folder (~/.mcp-auth)',
  );
}

/** What the credentials may do, against what the server wants. */
export function checkGrantedScopes(examination: Examination): Finding {
  const { inUse, challenge, protectedResource, fixedBy } = examination;
  const record = inUse?.current?.record;
  if (fixedBy !== undefined) return skip(`${fixedBy} takes the place of a sign-in`);
  if (!record) return skip('there are no credentials');
  if (record.personalToken) return skip('a personal access token does not tell its scopes');
  const { scope } = record;
  const facts = { granted: scope ?? null, wanted: challenge?.scope ?? null };
  if (scope === undefined)
    return ok('not told: the scopes are those that the authorization server gives', facts);
  const wanted = challenge?.scope ?? protectedResource?.scopes?.join(' ');
  if (scope.trim() === '' && wanted !== undefined && wanted !== '')
    return fail(
      `the token has no scope at all, and the server knows “${displayText(wanted, 200)}”: its tools may be listed, and every call fail`,
      'insufficient-scope',
      scopeHint(examination, wanted),
      facts,
    );
  const shown = scope.trim() === '' ? 'none' : `“${displayText(scope, 300)}”`;
  if (covers(scope, challenge?.scope)) return ok(shown, facts);
  return warn(
    `${shown}, which lacks some of what the server wants: “${displayText(challenge?.scope ?? '', 200)}”`,
    'insufficient-scope',
    scopeHint(examination, challenge?.scope),
    facts,
  );
}
