import { describe, expect, test } from 'vitest';
import { DrawbridgeError } from '../../../src/errors.ts';
import { networkError } from '../../../src/platform/network-errors.ts';

const TARGET = 'https://mcp.example.com';
const withCode = (code: string) => Object.assign(new Error(`${code} https://u:s3cret@internal:1`), { code });

describe('a network failure is one sentence a person can act on', () => {
  test.each([
    ['ECONNREFUSED', 'unreachable', /refused; is the server running/],
    ['ENOTFOUND', 'unreachable', /name is not known .* are you online\?$/],
    ['EAI_AGAIN', 'unreachable', /name server/],
    ['ETIMEDOUT', 'unreachable', /timed out/],
    ['EHOSTUNREACH', 'unreachable', /no route/],
    ['ENETUNREACH', 'unreachable', /online/],
    ['ECONNRESET', 'unreachable', /closed the connection/],
    ['EPIPE', 'unreachable', /closed the connection/],
    ['EPROTO', 'tls-untrusted', /http rather than https/],
    ['CERT_HAS_EXPIRED', 'tls-untrusted', /expired/],
    ['CERT_NOT_YET_VALID', 'tls-untrusted', /clock/],
    ['ERR_TLS_CERT_ALTNAME_INVALID', 'tls-untrusted', /another host name/],
    ['DEPTH_ZERO_SELF_SIGNED_CERT', 'tls-untrusted', /self-signed.*--ca-file/],
    ['SELF_SIGNED_CERT_IN_CHAIN', 'tls-untrusted', /--ca-file/],
    ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'tls-untrusted', /--ca-file/],
    ['UNABLE_TO_GET_ISSUER_CERT_LOCALLY', 'tls-untrusted', /--ca-file/],
    ['HPE_HEADER_OVERFLOW', 'too-large', /16 KiB/],
    ['HPE_INVALID_CONSTANT', 'invalid-answer', /not valid HTTP \(HPE_INVALID_CONSTANT\)/],
    ['ERR_SSL_SOMETHING_NEW', 'tls-untrusted', /TLS failed \(ERR_SSL_SOMETHING_NEW\)/],
    ['ESOMETHING', 'unreachable', /failed \(ESOMETHING\)/],
  ])('%s is %s', (code, reason, message) => {
    const error = networkError(withCode(code), TARGET);
    expect(error.reason).toBe(reason);
    expect(error.message).toMatch(message);
    expect(error.message).toMatch(/^Can't reach https:\/\/mcp\.example\.com: .*[.?]$/);
    expect(error.message).not.toMatch(/\?\.$/);
    expect(error.details).toMatchObject({ url: TARGET, code });
  });

  test.each([new Error('s3cret'), 's3cret', undefined, null, { code: undefined }])(
    'also without a code: %j',
    (thrown) => {
      expect(networkError(thrown, TARGET)).toMatchObject({
        reason: 'unreachable',
        message: `Can't reach ${TARGET}: the connection failed.`,
      });
    },
  );

  test("Node's own text stays out: it quotes hosts, paths and header values [73]", () => {
    for (const code of ['ECONNREFUSED', 'ESOMETHING', 'ERR_INVALID_CHAR']) {
      const { message, details } = networkError(withCode(code), TARGET);
      expect(message + JSON.stringify(details)).not.toContain('s3cret');
    }
  });

  test('one of our own stays as it is', () => {
    const error = new DrawbridgeError('timeout', 'm');
    expect(networkError(error, TARGET)).toBe(error);
  });
});
