/** A JWT in compact form whose signature is none: for parts that read it without verifying. */
export function unsignedJwt(claims: Record<string, unknown>, header: Record<string, unknown> = {}): string {
  const encode = (part: object): string => Buffer.from(JSON.stringify(part)).toString('base64url');
  return `${encode({ alg: 'ES256', ...header })}.${encode(claims)}.c2lnbmF0dXJl`;
}
