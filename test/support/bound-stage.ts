import type { EndpointExchange } from './fake-authorization-server.ts';
import type { Exchange } from './fake-exchange.ts';
import { type OAuthStage, oauthStage } from './oauth-stage.ts';
import { type CheckedProof, ProofCheck } from './proof-check.ts';

/**
 * How a server uses nonces: not at all, one for ever, another with each answer (the one before is good no more), or asking
 * for another whatever comes.
 */
type Nonces = 'none' | 'one' | 'rotating' | 'endless';

export interface BoundStageOptions {
  authorizationNonces?: Nonces;
  resourceNonces?: Nonces;
  /** The `token_type` of answers to requests with a proof; undefined leaves it out. */
  tokenType?: string | undefined;
  /** The schemes of the resource's challenges. */
  schemes?: ('Bearer' | 'DPoP')[];
  /** Members of the protected resource metadata. */
  prm?: Record<string, unknown>;
  /** `dpop_signing_alg_values_supported` of the authorization server; undefined lists nothing. */
  algorithms?: string[] | undefined;
  /** The resource takes bearer tokens as well. */
  takesBearer?: boolean;
  /** How far the clocks of the servers are ahead, in milliseconds. */
  ahead?: number;
  stage?: Parameters<typeof oauthStage>[0];
}

/** What one server has asked for and seen of proofs. */
class Side {
  readonly proofs: CheckedProof[] = [];
  readonly check = new ProofCheck();
  /** How often it has asked for another nonce. */
  asked = 0;
  mode: Nonces;
  readonly #name: string;
  #nonce: string;
  #count = 0;

  constructor(name: string, mode: Nonces) {
    this.#name = name;
    this.mode = mode;
    this.#nonce = `${name}-nonce-0`;
  }

  get nonce(): string {
    return this.#nonce;
  }

  /** Whether the nonce is right; what is to be sent with the answer is in `header`. */
  takes(nonce: unknown): boolean {
    if (this.mode === 'none') return true;
    const isRight = nonce === this.#nonce && this.mode !== 'endless';
    if (this.mode !== 'one') this.#nonce = `${this.#name}-nonce-${++this.#count}`;
    if (!isRight) this.asked += 1;
    return isRight;
  }

  /** As a server that has restarted: the nonces that it gave are unknown to it. */
  forget(): void {
    this.#nonce = `${this.#name}-nonce-${++this.#count}`;
  }

  get header(): Record<string, string> {
    return this.mode === 'none' ? {} : { 'DPoP-Nonce': this.#nonce };
  }
}

export interface BoundStage {
  stage: OAuthStage;
  options: BoundStageOptions;
  authorization: Side;
  resource: Side;
  /** The key that each access token is bound to. */
  bound: Map<string, string>;
  /** Authorization values of requests to the resource that had one, in their order. */
  presented: string[];
}

/** A stage whose authorization server binds tokens to keys, and whose resource checks the proofs (RFC 9449). */
export async function boundStage(options: BoundStageOptions = {}): Promise<BoundStage> {
  const settings: BoundStageOptions = {
    tokenType: 'DPoP',
    schemes: ['DPoP'],
    algorithms: ['ES256'],
    ...options,
  };
  const authorization = new Side('as', settings.authorizationNonces ?? 'none');
  const resource = new Side('rs', settings.resourceNonces ?? 'none');
  const bound = new Map<string, string>();
  const presented: string[] = [];
  let jkt: string | undefined;
  const { server, protection, ...rest } = settings.stage ?? {};
  const stage: OAuthStage = await oauthStage({
    ...rest,
    server: {
      ...server,
      metadata: (usual) => ({
        ...usual,
        ...(settings.algorithms && { dpop_signing_alg_values_supported: settings.algorithms }),
        ...(typeof server?.metadata === 'object' && server.metadata),
      }),
      tokens: (usual) => {
        if (jkt === undefined) return usual;
        if (settings.tokenType?.toLowerCase() === 'dpop') {
          bound.set(String(usual.access_token), jkt);
          bound.set(String(usual.refresh_token), jkt);
        }
        return { ...usual, token_type: settings.tokenType };
      },
    },
    protection: { ...protection, ...(settings.prm && { prm: settings.prm }), guard },
  });
  stage.server.on('token', answerToken);
  return { stage, options: settings, authorization, resource, bound, presented };

  function now(): number {
    return Date.now() + (settings.ahead ?? 0);
  }

  function dated(exchange: Exchange): void {
    if (settings.ahead !== undefined) exchange.header('Date', new Date(now()).toUTCString());
  }

  async function answerToken(exchange: EndpointExchange, usual: () => void): Promise<void> {
    dated(exchange);
    const { headers } = exchange.request;
    const refuse = (error: string): void => exchange.json(400, { error });
    jkt = undefined;
    const isKnown = settings.algorithms !== undefined;
    if (headers.dpop === undefined || !isKnown) {
      if (bound.has(exchange.params.refresh_token ?? '')) return refuse('invalid_dpop_proof');
      return usual();
    }
    const url = `${stage.server.issuer}/token`;
    const proof = await authorization.check.check(headers.dpop, { method: 'POST', url, now: now() });
    if (!proof) return refuse('invalid_dpop_proof');
    authorization.proofs.push(proof);
    const isTaken = authorization.takes(proof.claims.nonce);
    for (const [name, value] of Object.entries(authorization.header)) exchange.header(name, value);
    if (!isTaken) return refuse('use_dpop_nonce');
    const wanted = bound.get(exchange.params.refresh_token ?? '');
    if (wanted !== undefined && wanted !== proof.jkt) return refuse('invalid_grant');
    const asked = stage.authorizations.at(-1)?.dpop_jkt;
    const isCode = exchange.params.grant_type === 'authorization_code';
    if (isCode && asked !== undefined && asked !== proof.jkt) return refuse('invalid_grant');
    jkt = proof.jkt;
    usual();
  }

  async function guard(exchange: Exchange): Promise<boolean> {
    dated(exchange);
    const { request } = exchange;
    const { authorization: value = '', dpop } = request.headers;
    const [scheme = '', token = ''] = value.split(' ');
    if (value !== '') presented.push(value);
    const { remote } = stage;
    if (scheme === 'Bearer' && !bound.has(token) && settings.takesBearer && stage.server.isValid(token))
      return false;
    if (scheme !== 'DPoP' || settings.schemes?.includes('DPoP') === false)
      return refuseResource(exchange, undefined);
    const url = remote.origin + request.path;
    const proof = await resource.check.check(dpop, { method: request.method, url, token, now: now() });
    if (!proof) return refuseResource(exchange, 'invalid_dpop_proof');
    resource.proofs.push(proof);
    const isTaken = resource.takes(proof.claims.nonce);
    for (const [name, nonce] of Object.entries(resource.header)) exchange.header(name, nonce);
    if (!isTaken) return refuseResource(exchange, 'use_dpop_nonce');
    if (bound.get(token) !== proof.jkt || !stage.server.isValid(token))
      return refuseResource(exchange, 'invalid_token');
    return false;
  }

  function refuseResource(exchange: Exchange, error: string | undefined): boolean {
    const path = `/.well-known/oauth-protected-resource${new URL(stage.remote.url).pathname}`;
    const metadata = `resource_metadata="${stage.remote.origin}${path}"`;
    const fields = (settings.schemes ?? []).map((scheme) => {
      const said = error !== undefined && scheme === 'DPoP' ? `error="${error}", ` : '';
      return `${scheme} ${scheme === 'DPoP' ? 'algs="ES256", ' : ''}${said}${metadata}`;
    });
    exchange.json(401, { error: error ?? 'unauthorized' }, { 'WWW-Authenticate': fields.join(', ') });
    return true;
  }
}

/** The different schemes that requests came with, in their order. */
export function schemesOf({ presented }: Pick<BoundStage, 'presented'>): string[] {
  return [...new Set(presented.map((one) => one.split(' ')[0] ?? ''))];
}
