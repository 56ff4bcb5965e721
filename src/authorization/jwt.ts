/** What a JWT says of itself (RFC 7519), unverified: for our own planning, never for trust in what it says of others. */

/** The JOSE header; undefined where the text is no signed JWT in compact form. */
export function jwtHeader(token: string): Record<string, unknown> | undefined {
  return part(token, 0);
}

/** The claims; undefined where the text is no signed JWT in compact form. */
export function jwtClaims(token: string): Record<string, unknown> | undefined {
  return jwtHeader(token) && part(token, 1);
}

/** When it ends by its own words (`exp`), epoch milliseconds; undefined where it does not say so, or not sensibly. */
export function jwtExpiry(token: string): number | undefined {
  const exp = jwtClaims(token)?.exp;
  const isTime = typeof exp === 'number' && exp > 0 && exp < YEAR_10000;
  return isTime ? Math.floor(exp * 1000) : undefined;
}

/**
 * How long one lives that has just been issued, in milliseconds: by the issuer's clock alone (`iat` to `exp`), since ours
 * may be wrong; undefined where it does not say.
 */
export function jwtLife(token: string): number | undefined {
  const end = jwtExpiry(token);
  const iat = jwtClaims(token)?.iat;
  if (end === undefined) return undefined;
  const life = typeof iat === 'number' ? end - iat * 1000 : end - Date.now();
  return life > 0 ? life : undefined;
}

const YEAR_10000 = 253_402_300_800;

function part(token: string, index: 0 | 1): Record<string, unknown> | undefined {
  const parts = token.split('.');
  // Three parts: a signed one (RFC 7515 section 7.1).
  if (parts.length !== 3 || !parts.every((text) => /^[\w-]+$/.test(text))) return undefined;
  try {
    const value: unknown = JSON.parse(Buffer.from(parts[index] as string, 'base64url').toString('utf8'));
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}
