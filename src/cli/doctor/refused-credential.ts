import type { Challenge } from '../../authorization/authorizer.ts';
import { bearerChallenge, proofError } from '../../authorization/challenge.ts';
import { jwtClaims } from '../../authorization/jwt.ts';
import { personalTokenRefused } from '../../authorization/personal-token.ts';
import { canonicalResource, speaksFor } from '../../authorization/resource.ts';
import { unite } from '../../authorization/scopes.ts';
import { displayText } from '../../errors.ts';
import type { Examination } from './examination.ts';
import { type Finding, fail } from './step.ts';

/** Why a server may have refused a credential, or the lack of one. */
export function refused(examination: Examination, { status, header }: Challenge): Finding {
  const { fixedBy, credential, login } = examination;
  const said = bearerChallenge(header);
  const error = said.error === undefined ? '' : ` ${said.error}`;
  const description = said.errorDescription === undefined ? '' : ` (“${said.errorDescription}”)`;
  const refusal = `the server answers ${status}${error}${description}`;
  if (status === 403) return forbidden(examination, refusal, said.error, said.scope);
  if (fixedBy !== undefined)
    return fail(
      `${refusal}: it does not take ${fixedBy}`,
      'unauthorized',
      'get a new key or token from the server',
    );
  if (credential === undefined)
    return fail(`${refusal}: you have to sign in`, 'sign-in-needed', login, { status });
  const record = examination.inUse?.current?.record;
  if (!record?.personalToken) return invalidToken(examination, refusal, header);
  const { reason, message } = personalTokenRefused(examination.settings, record, false);
  return fail(`${refusal}: ${message.replace(/; run: .*$/, '')}`, reason, login, { status });
}

function forbidden(
  examination: Examination,
  refusal: string,
  error: string | undefined,
  wanted: string | undefined,
): Finding {
  const granted = examination.inUse?.current?.record.scope;
  const facts = { status: 403, granted: granted ?? null, wanted: wanted ?? null };
  if (error !== 'insufficient_scope' && granted?.trim() !== '') {
    const text = `${refusal}: it knows you, and does not let you do this`;
    const fix = 'ask whoever runs the server whether your account may; another account: --profile';
    return fail(text, 'unauthorized', fix, facts);
  }
  const has =
    granted === undefined
      ? ''
      : granted.trim() === ''
        ? ', the token has none'
        : `, the token has “${granted}”`;
  const wants =
    wanted === undefined ? 'a scope is missing' : `the scope “${displayText(wanted, 200)}” is missing`;
  return fail(`${refusal}: ${wants}${has}`, 'insufficient-scope', scopeHint(examination, wanted), facts);
}

/**
 * How to get scopes that are missing.
 *
 * @param wanted as the server has named them; undefined where it has not
 */
export function scopeHint(
  { settings, login, fixedBy, inUse, protectedResource }: Examination,
  wanted: string | undefined,
): string {
  if (fixedBy !== undefined) return 'get a key or token that may do more';
  const { scope: explicit } = settings.signIn;
  const all = unite(explicit ?? inUse?.current?.record.scope, wanted ?? protectedResource?.scopes?.join(' '));
  // A hint to be typed holds nothing that a shell would take for more than a word.
  if (all === undefined || !/^[\w.:/@ -]{1,300}$/.test(all))
    return `${login} --scope "<scopes>", as the server's own guide names them`;
  const scopeless = explicit === undefined ? login : login.replace(/ --scope ("[^"]*"|\S+)/, '');
  return `${scopeless} --scope "${all}"; if that changes nothing, your account may not have them`;
}

function invalidToken(examination: Examination, refusal: string, header: string | undefined): Finding {
  const { settings, protectedResource, inUse, login } = examination;
  const record = inUse?.current?.record;
  const proof = record?.tokenType === 'DPoP' ? proofError(header) : undefined;
  if (proof === 'invalid_dpop_proof' || proof === 'use_dpop_nonce')
    return fail(
      `${refusal}: it does not take our proof of the key that the token is bound to`,
      'unauthorized',
      'look at the clock of this computer; to do without: --dpop off, and sign in again',
      { status: 401 },
    );
  const resource = protectedResource?.resource ?? canonicalResource(settings.url);
  const audiences = audienceOf(record?.accessToken);
  const isOurs = audiences?.some((one) => one === resource || speaksFor(one, settings.url)) ?? true;
  const isForOther = record?.resource != null && record.resource !== resource;
  if (!isOurs || isForOther) {
    const given = isOurs ? [record?.resource ?? ''] : (audiences ?? []);
    const named = given.map((one) => `“${displayText(one, 100)}”`).join(', ') || 'nobody';
    const fix =
      settings.signIn.resource === undefined
        ? `${login}; if it stays so, the authorization server takes no notice of the resource: a scope may have to bring the audience (--scope)`
        : `leave --resource out: ${login.replace(/ --resource ("[^"]*"|\S+)/, '')}`;
    const text = `${refusal}: the token is for another audience, ${named}, and the server is “${displayText(resource, 100)}”`;
    return fail(text, 'unauthorized', fix, {
      status: 401,
      audience: given.map((one) => displayText(one, 200)),
    });
  }
  const text = `${refusal}: the token was revoked, or is for another audience`;
  const canRefresh = record?.refreshToken !== undefined;
  const fix = canRefresh ? `${login} (a bridge would try to renew it first)` : login;
  return fail(text, 'unauthorized', fix, { status: 401, canRefresh });
}

/** The `aud` of an access token that is a JWT (RFC 9068 section 2.2); for texts only: a client does not judge by it. */
function audienceOf(token: string | undefined): string[] | undefined {
  const claims = token === undefined ? undefined : jwtClaims(token);
  if (!claims) return undefined;
  const audiences = Array.isArray(claims.aud) ? claims.aud : [claims.aud];
  return audiences.filter((one): one is string => typeof one === 'string').slice(0, 4);
}
