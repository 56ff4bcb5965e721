import { describe, expect, test } from 'vitest';
import { exchangeForIdJag } from '../../../../src/authorization/grants/token-exchange.ts';
import type { ClientIdentity } from '../../../../src/credentials/record.ts';
import { unsignedJwt } from '../../helpers/jwt.ts';
import { ScriptedOAuthHttp } from '../../helpers/scripted-oauth-http.ts';

const endpoint = 'https://idp.example/oauth2/v1/token';
const client: ClientIdentity = {
  id: 'idp-client',
  secret: 'idp-secret',
  source: 'configured',
  authMethod: 'client_secret_post',
};
const idToken = unsignedJwt({ sub: 'user' });
const idJag = unsignedJwt({ sub: 'user' }, { typ: 'oauth-id-jag+jwt' });
const terms = {
  idToken,
  audience: 'https://as.example/',
  resource: 'https://mcp.example/mcp',
  scope: 'a b',
};
const granted = {
  issued_token_type: 'urn:ietf:params:oauth:token-type:id-jag',
  access_token: idJag,
  token_type: 'N_A',
  expires_in: 300,
};

function exchange(json: Record<string, unknown>, status = 200) {
  const http = new ScriptedOAuthHttp().on(endpoint, { status, json });
  return { http, assertion: exchangeForIdJag(http.http, endpoint, client, terms, 77) };
}

test('[X-10, X-11] the exchange names the audience, the resource, the scope and both types of token', async () => {
  const { http, assertion } = exchange(granted);
  expect(await assertion).toBe(idJag);
  expect(http.requests).toHaveLength(1);
  expect(http.requests[0]?.timeout).toBe(77);
  expect(http.requests[0]?.form).toEqual({
    grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
    requested_token_type: 'urn:ietf:params:oauth:token-type:id-jag',
    audience: 'https://as.example/',
    resource: 'https://mcp.example/mcp',
    scope: 'a b',
    subject_token: idToken,
    subject_token_type: 'urn:ietf:params:oauth:token-type:id_token',
    client_id: 'idp-client',
    client_secret: 'idp-secret',
  });
});

test('[X-12] small letters and a whole media type are the same', async () => {
  const other = unsignedJwt({}, { typ: 'application/OAuth-ID-JAG+jwt' });
  expect(await exchange({ ...granted, token_type: 'n_a', access_token: other }).assertion).toBe(other);
});

describe('[X-12] what is no ID-JAG goes no further', () => {
  const accessToken = unsignedJwt({}, { typ: 'at+jwt' });

  test.each([
    ['an access token', { issued_token_type: 'urn:ietf:params:oauth:token-type:access_token' }],
    ['no issued_token_type', { issued_token_type: undefined }],
    ['a bearer token', { token_type: 'Bearer' }],
    ['no token_type', { token_type: undefined }],
    ['no token', { access_token: undefined }],
    ['an empty one', { access_token: '' }],
    ['an opaque one', { access_token: 'opaque-access-token' }],
    ['a JWT of another type', { access_token: accessToken }],
    ['a JWT without a type', { access_token: unsignedJwt({}) }],
    ['the ID token', { access_token: idToken }],
    ['one with a line break', { access_token: `${idJag}\r\nx: y` }],
    ['a large one', { access_token: idJag + 'x'.repeat(16_400) }],
  ])('%s', async (_what, more) => {
    const { assertion } = exchange({ ...granted, ...more });
    const failure = await assertion.catch((error: unknown) => error);
    expect(failure).toMatchObject({ reason: 'authorization-server' });
    expect(String(failure)).toMatch(/idp\.example gave no assertion for the server \(ID-JAG\)/);
    for (const secret of [accessToken, idToken, idJag]) expect(String(failure)).not.toContain(secret);
  });
});

test('[X-16] a refusal of the policy is told in its own words, without the ID token', async () => {
  const json = { error: 'access_denied', error_description: `not for ${idToken}` };
  const failure = await exchange(json, 403).assertion.catch((error: unknown) => error);
  expect(failure).toMatchObject({
    code: 'access_denied',
    message: 'idp.example refused the access to this server: access_denied (not for …).',
  });
});
