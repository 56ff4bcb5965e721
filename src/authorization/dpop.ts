import {
  createHash,
  createPrivateKey,
  generateKeyPairSync,
  type KeyObject,
  randomUUID,
  sign,
} from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import type { DpopKey } from '../credentials/record.ts';
import { DrawbridgeError } from '../errors.ts';
import type { Headers, RequestSigner } from '../platform/http-client.ts';
import type { OAuthAnswer } from '../platform/oauth-http.ts';
import { proofError } from './challenge.ts';

/** The one algorithm that proofs are signed with (RFC 7518 section 3.4); every implementation of DPoP knows it. */
export const DPOP_ALGORITHM = 'ES256';
/** A clock that is this far off may be why a proof is refused, in milliseconds: the Date header tells whole seconds. */
const SKEW = 3_000;
/** As SKEW, where it was the token that was refused, and that may have other reasons. */
const SKEW_OF_TOKEN = 60_000;
/** Nonces are the server's to choose (RFC 9449 section 8.1); this bounds what is carried back and forth. */
const NONCE = /^[\x21\x23-\x5b\x5d-\x7e]{1,1024}$/;

/** A new key, for one record. */
export function generateDpopKey(): DpopKey {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const { x, y, d } = privateKey.export({ format: 'jwk' });
  return { kty: 'EC', crv: 'P-256', x, y, d } as DpopKey;
}

/** What is known of a server that takes proofs. */
interface Known {
  /** The nonce that it has given last. */
  nonce: string | undefined;
  /** Its clock less ours, in milliseconds; 0 until a proof was refused for it. */
  offset: number;
}

/**
 * Proofs of the possession of one key (RFC 9449 section 4.2), and what its servers have said about them: nonces, and how
 * far their clocks are from ours. The authorization server and the resource are told apart even where they share an
 * origin (sections 8 and 9). Nothing of that is stored [56].
 */
export class Dpop {
  readonly key: DpopKey;
  /** The hash of the public key (RFC 7638), for `dpop_jkt` (RFC 9449 section 10). */
  readonly thumbprint: string;
  readonly #privateKey: KeyObject;
  /** The first part of each proof: it is the same in all. */
  readonly #header: string;
  readonly #known = new Map<string, Known>();

  /** @throws DrawbridgeError `credential-store` where it is no key */
  constructor(key: DpopKey) {
    this.key = key;
    const { kty, crv, x, y } = key;
    try {
      this.#privateKey = createPrivateKey({ key: { ...key }, format: 'jwk' });
    } catch (error) {
      throw new DrawbridgeError(
        'credential-store',
        'The key that the stored token is bound to can not be used; sign in again.',
        {},
        error,
      );
    }
    this.#header = encoded({ typ: 'dpop+jwt', alg: DPOP_ALGORITHM, jwk: { kty, crv, x, y } });
    this.thumbprint = sha256(JSON.stringify({ crv, kty, x, y }));
  }

  /**
   * What signs the requests of one exchange.
   *
   * @param token the access token that they carry; undefined for those to an authorization server
   */
  signer(token?: string): ProofSigner {
    return new ProofSigner(this, token);
  }

  /**
   * Sends a request to an authorization server, once more where another proof is asked for (RFC 9449 sections 5 and 8).
   *
   * @param send makes the request anew, with these headers in addition
   */
  async send(
    method: string,
    url: string,
    send: (headers: Headers) => Promise<OAuthAnswer>,
  ): Promise<OAuthAnswer> {
    const signer = this.signer();
    for (;;) {
      const answer = await send(signer.headers(method, url));
      const error = typeof answer.json?.error === 'string' ? answer.json.error : '';
      if (!signer.repeats(answer.status, answer.headers, error)) return answer;
    }
  }

  /** @internal what is known of a server in the role that it has; made where it is not */
  of(url: string, isResource: boolean): Known {
    const id = `${isResource ? 'resource' : 'issuer'} ${new URL(url).origin}`;
    const known = this.#known.get(id) ?? { nonce: undefined, offset: 0 };
    this.#known.set(id, known);
    return known;
  }

  /** @internal */
  prove(claims: object): string {
    const signed = `${this.#header}.${encoded(claims)}`;
    const key = { key: this.#privateKey, dsaEncoding: 'ieee-p1363' } as const;
    return `${signed}.${sign('sha256', Buffer.from(signed), key).toString('base64url')}`;
  }
}

/** The proofs of one exchange: a fresh one for each request, and one repetition for each thing that can be repaired. */
export class ProofSigner implements RequestSigner {
  readonly #dpop: Dpop;
  readonly #token: string | undefined;
  readonly #tokenHash: string | undefined;
  #known!: Known;
  #used: Known = { nonce: undefined, offset: 0 };
  #hasRepairedNonce = false;
  #hasRepairedClock = false;

  constructor(dpop: Dpop, token: string | undefined) {
    this.#dpop = dpop;
    this.#token = token;
    this.#tokenHash = token === undefined ? undefined : sha256(token);
  }

  /** @param url as it is requested; its query and fragment are left out (RFC 9449 section 4.2) */
  headers(method: string, url: string): Headers {
    this.#known = this.#dpop.of(url, this.#token !== undefined);
    const { nonce, offset } = this.#known;
    this.#used = { nonce, offset };
    const proof = this.#dpop.prove({
      jti: randomUUID(),
      htm: method,
      htu: url.replace(/[?#].*$/s, ''),
      iat: Math.floor((Date.now() + offset) / 1000),
      ...(this.#tokenHash !== undefined && { ath: this.#tokenHash }),
      ...(nonce !== undefined && { nonce }),
    });
    return { DPoP: proof };
  }

  /**
   * Takes note of what an answer says, and tells whether another proof may do: with the nonce that is asked for, or with
   * the server's own time. Each of them once (RFC 9449 sections 8, 9 and 11.1).
   *
   * @param error the `error` of a token endpoint; a resource tells its own by WWW-Authenticate
   */
  repeats(status: number, headers: IncomingHttpHeaders, error = this.#errorOf(headers)): boolean {
    const nonce = headers['dpop-nonce'];
    const isNonce = typeof nonce === 'string' && NONCE.test(nonce);
    if (isNonce) this.#known.nonce = nonce;
    if (status !== 400 && status !== 401) return false;
    if (error === 'use_dpop_nonce') {
      if (this.#hasRepairedNonce || !isNonce || nonce === this.#used.nonce) return false;
      this.#hasRepairedNonce = true;
      return true;
    }
    const isAboutProof = error === 'invalid_dpop_proof';
    if (this.#hasRepairedClock || !(isAboutProof || error === 'invalid_token')) return false;
    const offset = Date.parse(headers.date ?? '') - Date.now();
    if (!(Math.abs(offset - this.#used.offset) > (isAboutProof ? SKEW : SKEW_OF_TOKEN))) return false;
    this.#known.offset = offset;
    this.#hasRepairedClock = true;
    return true;
  }

  #errorOf(headers: IncomingHttpHeaders): string | undefined {
    return this.#token === undefined ? undefined : proofError(headers['www-authenticate']);
  }
}

function encoded(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('base64url');
}
