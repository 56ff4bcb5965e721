import { createHash } from 'node:crypto';
import { DrawbridgeError, displayText } from '../../errors.ts';
import type { Logger } from '../../logger.ts';
import type { SignInSettings, WorkloadTokenSource } from '../../settings.ts';
import { readGivenFile } from '../given-file.ts';
import { JWT_BEARER, requestByAssertion } from '../grants/jwt-bearer.ts';
import { jwtClaims, jwtExpiry, jwtHeader } from '../jwt.ts';
import type { AuthorizationServerMetadata } from '../metadata.ts';
import { runForSecret } from '../secret-command.ts';
import { OAuthError, type TokenSet } from '../token-endpoint.ts';
import { GRANT_TIMEOUT, type GrantTarget, type MachineGrant } from './grant.ts';

const MAX_LENGTH = 16 * 1024;
/** The clock of this machine may be ahead by so much, in milliseconds; whether it has ended the server says. */
const LEEWAY = 60_000;
/** A JWT that was refused is not handed in again for so long, in milliseconds: what it is refused for may change. */
const REFUSED_FOR = 600_000;
/** Refusals of the JWT itself, or of what it is for. */
const finalRefusals = new Set(['invalid_grant', 'invalid_scope', 'unauthorized_client']);

/**
 * Workload identity federation (SEP-1933): the JWT that a platform gives to its workloads is the grant (RFC 7523 section
 * 2.1). It is read at each use, since the platform renews it, and goes nowhere but to the token endpoint.
 */
export class WorkloadGrant implements MachineGrant {
  readonly kind = 'workload';
  readonly #source: WorkloadTokenSource;
  readonly #extra: Readonly<Record<string, string>>;
  readonly #log: Logger;
  #refused: { digest: string; until: number; error: DrawbridgeError } | undefined;

  constructor(
    { workloadToken, authorizeParams }: Pick<SignInSettings, 'workloadToken' | 'authorizeParams'>,
    log: Logger,
  ) {
    this.#source = workloadToken as WorkloadTokenSource;
    this.#extra = authorizeParams;
    this.#log = log;
  }

  refuses({ grantTypes }: AuthorizationServerMetadata): string | undefined {
    return grantTypes?.includes(JWT_BEARER) === false
      ? 'takes no JWT of a workload as a grant (jwt-bearer)'
      : undefined;
  }

  async obtain({ http, server, client, scope, resource }: GrantTarget): Promise<TokenSet> {
    const assertion = await this.#read();
    const digest = createHash('sha256').update(assertion).digest('hex');
    const refused = this.#refused;
    if (refused?.digest === digest && performance.now() < refused.until) throw refused.error;
    try {
      const terms = { scope, resource, extra: this.#extra };
      return await requestByAssertion(http, server, client, assertion, terms, GRANT_TIMEOUT);
    } catch (error) {
      if (!(error instanceof OAuthError) || !finalRefusals.has(error.code)) throw error;
      const refusal = this.#refusalOf(error, assertion, server);
      this.#refused = { digest, until: performance.now() + REFUSED_FOR, error: refusal };
      throw refusal;
    }
  }

  async #read(): Promise<string> {
    const text =
      'file' in this.#source
        ? await readGivenFile(this.#source.file, '--workload-token-file')
        : await runForSecret('workload token command', this.#source.command);
    const token = text.trim();
    this.#log.protect(token);
    const header = token.length <= MAX_LENGTH ? jwtHeader(token) : undefined;
    if (!header || !jwtClaims(token)) throw this.#unusable('is not one JWT');
    // The same grant, but nobody's word for this workload.
    if (/^(application\/)?oauth-id-jag\+jwt$/i.test(String(header.typ)))
      throw this.#unusable('is an assertion about a user (ID-JAG), and no JWT of a workload');
    const ends = jwtExpiry(token);
    if (ends !== undefined && ends + LEEWAY <= Date.now())
      throw this.#unusable(`ended at ${new Date(ends).toISOString()}; the platform has to renew it`);
    return token;
  }

  /** With both values, where it may be that the JWT is for somebody else. */
  #refusalOf(
    { message, details, code }: OAuthError,
    assertion: string,
    { issuer, tokenEndpoint }: GrantTarget['server'],
  ): DrawbridgeError {
    const audience = [jwtClaims(assertion)?.aud].flat().filter((one) => typeof one === 'string');
    const isForServer = audience.some((one) => one === issuer || one === tokenEndpoint);
    const hint =
      code !== 'invalid_grant'
        ? 'ask whoever runs that server'
        : isForServer
          ? 'that server has to trust whoever issues the JWT'
          : `the JWT is for ${displayText(audience.join(' '), 120) || 'nobody'}, the server is ${displayText(issuer, 120)}`;
    const text = `${message.replace(/\.$/, '')}; ${hint}.`;
    return new DrawbridgeError('sign-in-refused', text, details);
  }

  #unusable(why: string): DrawbridgeError {
    const what =
      'file' in this.#source
        ? `The content of --workload-token-file ${displayText(this.#source.file)}`
        : `What the workload token command "${displayText(this.#source.command[0] ?? '', 100)}" prints`;
    return new DrawbridgeError('unauthorized', `${what} ${why}.`);
  }
}
