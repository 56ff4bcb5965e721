import { expect, test } from 'vitest';
import { requestByAssertion } from '../../../../src/authorization/grants/jwt-bearer.ts';
import type { ClientIdentity } from '../../../../src/credentials/record.ts';
import { unsignedJwt } from '../../helpers/jwt.ts';
import { ScriptedOAuthHttp } from '../../helpers/scripted-oauth-http.ts';

const tokenEndpoint = 'https://as.example/token';
const assertion = unsignedJwt({ sub: 'me' });
const client: ClientIdentity = {
  id: 'mcp client',
  secret: 's:cret',
  source: 'configured',
  authMethod: 'client_secret_basic',
};
const terms = { scope: 'a b', resource: 'https://mcp.example/mcp' };

test('[X-13] the assertion is the grant, and the client proves itself beside it', async () => {
  const http = new ScriptedOAuthHttp().on(tokenEndpoint, {
    json: { access_token: 'access', expires_in: 60 },
  });
  const tokens = await requestByAssertion(http.http, { tokenEndpoint }, client, assertion, terms, 1234);
  expect(tokens).toMatchObject({ accessToken: 'access', expiresIn: 60 });
  const [sent] = http.requests;
  expect(sent?.form).toEqual({
    grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer',
    assertion,
    scope: 'a b',
    resource: 'https://mcp.example/mcp',
  });
  expect(sent?.timeout).toBe(1234);
  expect(Buffer.from(String(sent?.headers?.Authorization).slice(6), 'base64').toString()).toBe(
    'mcp+client:s%3Acret',
  );
});

test('[X-13] what is not known is left out', async () => {
  const http = new ScriptedOAuthHttp().on(tokenEndpoint, { json: { access_token: 'access' } });
  await requestByAssertion(
    http.http,
    { tokenEndpoint },
    client,
    assertion,
    { scope: undefined, resource: null },
    1,
  );
  expect(Object.keys(http.requests[0]?.form ?? {})).toEqual(['grant_type', 'assertion']);
});

test('[X-33] a refusal that quotes the assertion shows it nowhere', async () => {
  const description = `bad ${assertion} of ${client.secret}`;
  const http = new ScriptedOAuthHttp().on(tokenEndpoint, {
    status: 400,
    json: { error: 'invalid_grant', error_description: description },
  });
  const failure = await requestByAssertion(http.http, { tokenEndpoint }, client, assertion, terms, 1).catch(
    (error: unknown) => error,
  );
  expect(failure).toMatchObject({
    code: 'invalid_grant',
    message: 'as.example refused a token for the assertion: invalid_grant (bad … of …).',
  });
  expect(JSON.stringify(failure)).not.toContain(assertion);
  expect(http.requests).toHaveLength(1);
});
