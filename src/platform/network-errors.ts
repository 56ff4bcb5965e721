import { DrawbridgeError, type Reason } from '../errors.ts';

/** What Node's error codes mean to a person. TLS codes are OpenSSL's X509_V_ERR_ names as Node gives them. */
const meanings: Readonly<Record<string, readonly [Reason, string]>> = {
  ECONNREFUSED: ['unreachable', 'the connection was refused; is the server running, and is the port right?'],
  ENOTFOUND: [
    'unreachable',
    'its name is not known to the name server; is it spelled right, and are you online?',
  ],
  EAI_AGAIN: ['unreachable', 'the name server did not answer; are you online?'],
  ETIMEDOUT: ['unreachable', 'the connection timed out'],
  EHOSTUNREACH: ['unreachable', 'there is no route to it'],
  ENETUNREACH: ['unreachable', 'the network is unreachable; are you online?'],
  ECONNRESET: ['unreachable', 'it closed the connection before it answered'],
  EPIPE: ['unreachable', 'it closed the connection before it answered'],
  EPROTO: ['tls-untrusted', 'it does not speak TLS on this port; is it http rather than https?'],
  ERR_SSL_WRONG_VERSION_NUMBER: [
    'tls-untrusted',
    'it does not speak TLS on this port; is it http rather than https?',
  ],
  CERT_HAS_EXPIRED: ['tls-untrusted', 'its certificate has expired'],
  CERT_NOT_YET_VALID: ['tls-untrusted', "its certificate is not valid yet; is this machine's clock right?"],
  CERT_REVOKED: ['tls-untrusted', 'its certificate was revoked'],
  ERR_TLS_CERT_ALTNAME_INVALID: ['tls-untrusted', 'its certificate is for another host name'],
  DEPTH_ZERO_SELF_SIGNED_CERT: ['tls-untrusted', 'its certificate is self-signed; trust it with --ca-file'],
  SELF_SIGNED_CERT_IN_CHAIN: [
    'tls-untrusted',
    'its certificate comes from an authority this machine does not trust (a company proxy?); name that authority with --ca-file',
  ],
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: [
    'tls-untrusted',
    'its certificate comes from an authority this machine does not trust; name that authority with --ca-file',
  ],
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: [
    'tls-untrusted',
    'its certificate comes from an authority this machine does not trust; name that authority with --ca-file',
  ],
  UNABLE_TO_GET_ISSUER_CERT: ['tls-untrusted', 'its certificate chain is incomplete'],
  HPE_HEADER_OVERFLOW: ['too-large', 'the headers of its answer are larger than 16 KiB'],
};

/**
 * A network failure as an error for people. The original text is left out: Node quotes hosts, paths and header
 * values in it.
 *
 * @param target what was to be reached, as it may be shown, e.g. "https://mcp.example.com"
 */
export function networkError(error: unknown, target: string): DrawbridgeError {
  if (error instanceof DrawbridgeError) return error;
  const code = String((error as NodeJS.ErrnoException)?.code ?? '');
  const [reason, meaning] = meanings[code] ?? unlisted(code);
  return new DrawbridgeError(
    reason,
    `Can't reach ${target}: ${meaning}.`.replace(/\?\.$/, '?'),
    { url: target, code },
    error,
  );
}

function unlisted(code: string): readonly [Reason, string] {
  if (code.startsWith('HPE_')) return ['invalid-answer', `its answer is not valid HTTP (${code})`];
  if (/CERT|SSL|TLS/.test(code)) return ['tls-untrusted', `TLS failed (${code})`];
  return ['unreachable', `the connection failed${code && ` (${code})`}`];
}
