import { createHash } from 'node:crypto';
import { calculateJwkThumbprint, EmbeddedJWK, type JWTPayload, jwtVerify } from 'jose';

/** How far the time of a proof may be from the server's, in seconds (RFC 9449 section 11.1). */
const WINDOW = 60;

interface Expected {
  method: string;
  /** Whatever its query is. */
  url: string;
  /** The access token that came with it. */
  token?: string;
  /** What the server takes for the time, milliseconds; the present by default. */
  now?: number;
}

export interface CheckedProof {
  /** The thumbprint of its key. */
  jkt: string;
  claims: JWTPayload;
}

/** Checks proofs as a server does, each of them once (RFC 9449 section 4.3): by `jose`, which knows nothing of ours. */
export class ProofCheck {
  readonly #seen = new Set<string>();
  /** What was wrong with those that were refused. */
  readonly faults: string[] = [];

  /** @returns undefined where it is not right; `faults` tells why */
  async check(proof: unknown, expected: Expected): Promise<CheckedProof | undefined> {
    try {
      return await this.#check(proof, expected);
    } catch (error) {
      this.faults.push(error instanceof Error ? error.message : String(error));
      return undefined;
    }
  }

  async #check(proof: unknown, { method, url, token, now = Date.now() }: Expected): Promise<CheckedProof> {
    if (typeof proof !== 'string') throw new Error('no proof');
    // Two fields come joined by a comma, which no JWT has.
    const { payload, protectedHeader } = await jwtVerify(proof, EmbeddedJWK, {
      algorithms: ['ES256'],
      typ: 'dpop+jwt',
      currentDate: new Date(now),
    });
    const jwk = protectedHeader.jwk as Record<string, unknown>;
    const require = (isRight: boolean, what: string): void => {
      if (!isRight) throw new Error(what);
    };
    require(Object.keys(jwk).sort().join() === 'crv,kty,x,y', 'more than a public key in the header');
    require(Object.keys(protectedHeader).sort().join() === 'alg,jwk,typ', 'more in the header');
    const { jti, htm, htu, iat, ath, nonce, ...rest } = payload;
    require(Object.keys(rest).length === 0, `unknown claims ${Object.keys(rest)}`);
    require(typeof jti === 'string' && jti.length >= 16, 'no jti');
    require(!this.#seen.has(String(jti)), 'jti seen before');
    this.#seen.add(String(jti));
    require(htm === method, `htm ${htm} is not ${method}`);
    require(htu === url.replace(/[?#].*$/, ''), `htu ${htu} is not that of ${url}`);
    require(Number.isInteger(iat) && Math.abs(Number(iat) - now / 1000) <= WINDOW, 'iat out of the window');
    const hash = token === undefined ? undefined : createHash('sha256').update(token).digest('base64url');
    require(ath === hash, 'ath is not that of the token');
    require(nonce === undefined || typeof nonce === 'string', 'nonce is no text');
    return { jkt: await calculateJwkThumbprint(jwk, 'sha256'), claims: payload };
  }
}
