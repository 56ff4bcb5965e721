import { resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { buildSettings } from '../../../src/cli/build-settings.ts';
import type { OptionValues } from '../../../src/cli/options.ts';

const read = (given: OptionValues = {}, env: NodeJS.ProcessEnv = {}) =>
  buildSettings('https://mcp.example/mcp', given, env).signIn;

function faultOf(given: OptionValues, env?: NodeJS.ProcessEnv): string {
  try {
    read(given, env);
  } catch (error) {
    expect(error).toMatchObject({ reason: 'usage', exitCode: 2 });
    return (error as Error).message;
  }
  throw new Error('it was taken');
}

const client = { 'client-id': 'me', 'client-secret': 's3cret' };
const keyed = { 'client-id': 'me', 'client-key': 'me.pem' };
const company = { 'idp-issuer': 'https://idp.example', 'idp-client-id': 'us', 'client-id': 'me' };

describe('the grant is chosen by the options', () => {
  test.each<[OptionValues, string]>([
    [{}, 'user'],
    [client, 'user'],
    [keyed, 'user'],
    [{ 'device-code': true }, 'user'],
    [{ ...client, 'client-credentials': true }, 'client-credentials'],
    [{ ...keyed, 'client-credentials': true }, 'client-credentials'],
    [{ 'workload-token-file': '/run/jwt' }, 'workload'],
    [{ 'workload-token-command': 'spire fetch' }, 'workload'],
    [company, 'enterprise'],
    [
      {
        'idp-token-endpoint': 'https://idp.example/token',
        'id-token-file': '/run/id',
        'idp-client-id': 'us',
        'client-metadata-url': 'https://me.example/client.json',
      },
      'enterprise',
    ],
  ])('%j: %s', (given, grant) => {
    expect(read(given).grant).toBe(grant);
  });

  test('what the company has set for all servers may stand in the environment [X-17]', () => {
    const env = {
      MCP_DRAWBRIDGE_IDP_ISSUER: 'https://idp.example',
      MCP_DRAWBRIDGE_IDP_CLIENT_ID: '${WHO}',
      MCP_DRAWBRIDGE_IDP_CLIENT_SECRET: '${PASS}',
      WHO: 'us',
      PASS: 's3cret',
    };
    expect(read({ 'client-id': 'me' }, env)).toMatchObject({
      grant: 'enterprise',
      identityProvider: { issuer: 'https://idp.example', clientId: 'us', clientSecret: 's3cret' },
    });
  });
});

describe('a key', () => {
  test('is named by its whole path: the sign-in runs in another folder', () => {
    expect(read(keyed).clientKey).toEqual({
      file: resolve('me.pem'),
      algorithm: undefined,
      id: undefined,
      audience: 'issuer',
    });
  });

  test.each(['issuer', 'token-endpoint', 'https://as.example/', 'urn:as'])(
    'may be for %s [X-04]',
    (audience) => {
      expect(read({ ...keyed, 'client-assertion-audience': audience }).clientKey?.audience).toBe(audience);
    },
  );
});

describe('what contradicts itself is told in one line', () => {
  test.each<[OptionValues, string]>([
    [{ 'client-key': 'k' }, '--client-key needs --client-id as well.'],
    [{ ...client, 'client-key': 'k' }, '--client-key contradicts --client-secret.'],
    [{ ...keyed, 'client-auth-method': 'none' }, '--client-key contradicts --client-auth-method.'],
    [{ 'client-key-alg': 'ES256' }, '--client-key-alg needs --client-key as well.'],
    [{ 'client-key-id': 'k' }, '--client-key-id needs --client-key as well.'],
    [{ 'client-assertion-audience': 'issuer' }, '--client-assertion-audience needs --client-key as well.'],
    [{ ...keyed, 'client-key-alg': 'HS256' }, '--client-key-alg must be one of RS256, PS256, ES256, EdDSA.'],
    [{ ...keyed, 'client-key-id': 'ä' }, '--client-key-id must be visible ASCII.'],
    [
      { ...keyed, 'client-assertion-audience': 'me' },
      '--client-assertion-audience must be issuer, token-endpoint or an absolute URI.',
    ],
    [
      { 'client-credentials': true },
      '--client-credentials needs --client-id, and --client-key or --client-secret.',
    ],
    [
      { 'client-credentials': true, 'client-id': 'me' },
      '--client-credentials needs --client-id, and --client-key or --client-secret.',
    ],
    [
      { ...client, 'client-credentials': true, 'device-code': true },
      '--client-credentials contradicts --device-code.',
    ],
    [
      { ...client, 'client-credentials': true, 'workload-token-file': '/j' },
      '--workload-token-file contradicts --client-credentials.',
    ],
    [
      { 'workload-token-file': '/j', 'workload-token-command': 'c' },
      '--workload-token-command contradicts --workload-token-file.',
    ],
    [{ ...company, 'workload-token-file': '/j' }, '--idp-issuer contradicts --workload-token-file.'],
    [{ ...company, 'device-code': true }, '--idp-issuer contradicts --device-code.'],
    [
      { 'token-endpoint': 'https://as.example/token' },
      '--token-endpoint needs --client-credentials, or the JWT of a workload.',
    ],
    [
      { ...company, 'token-endpoint': 'https://as.example/token' },
      '--token-endpoint needs --client-credentials, or the JWT of a workload.',
    ],
    [
      { ...client, 'client-credentials': true, 'token-endpoint': 'http://as.example/token' },
      '--token-endpoint must be an https URL.',
    ],
    [
      { 'workload-token-command': "a 'b" },
      '--workload-token-command holds no command, or a quote that is not closed.',
    ],
    [
      { 'idp-issuer': 'https://idp.example', 'client-id': 'me' },
      '--idp-issuer needs --idp-client-id as well.',
    ],
    [
      { 'idp-issuer': 'https://idp.example', 'idp-client-id': 'us' },
      '--idp-issuer needs --client-id or --client-metadata-url as well.',
    ],
    [
      { 'id-token-file': '/run/id', 'idp-client-id': 'us', 'client-id': 'me' },
      '--idp-client-id needs --idp-issuer, or --idp-token-endpoint and --id-token-file as well.',
    ],
    [{ ...company, 'idp-issuer': 'http://idp.example' }, '--idp-issuer must be an https URL.'],
    [
      { ...client, 'client-credentials': true, 'use-id-token': true },
      '--use-id-token needs a sign-in of a user, who is whom an ID token tells of.',
    ],
    [{ 'use-id-token': true, dpop: 'on' }, '--use-id-token contradicts --dpop on: no key is bound to it.'],
    [{ dpop: 'yes' }, '--dpop must be one of auto, on, off.'],
    [
      { ...client, 'client-credentials': true, 'token-command': 'op read x' },
      '--client-credentials contradicts --token-command, which is used in place of any other token.',
    ],
    [
      { 'workload-token-file': '/j', header: ['Authorization: Bearer s3cret'] },
      'The JWT of a workload contradicts an Authorization header, which is used in place of any other token.',
    ],
    [
      { 'use-id-token': true, 'token-command': 'op read x' },
      '--use-id-token contradicts --token-command, which is used in place of any other token.',
    ],
    [
      { dpop: 'on', 'token-command': 'op read x' },
      '--dpop on contradicts --token-command, which is used in place of any other token.',
    ],
  ])('%j', (given, message) => {
    expect(faultOf(given)).toBe(message);
    expect(message).not.toContain('s3cret');
  });

  test('the variable is named where that holds it', () => {
    expect(faultOf({ ...company, 'client-credentials': true, 'client-secret': 's' }, {})).toBe(
      '--idp-issuer contradicts --client-credentials.',
    );
    expect(faultOf({}, { MCP_DRAWBRIDGE_CLIENT_KEY_ID: 'x' })).toBe(
      'MCP_DRAWBRIDGE_CLIENT_KEY_ID needs --client-key as well.',
    );
  });
});
