import { describe, expect, test } from 'vitest';
import { parseAuthorizationServer } from '../../../../src/authorization/metadata.ts';
import { providers } from '../../../../src/authorization/providers.ts';
import {
  checkPkceSupport,
  checkRegistration,
  checkResource,
} from '../../../../src/cli/doctor/check-sign-in.ts';
import type { Examination } from '../../../../src/cli/doctor/examination.ts';
import type { SignInSettings } from '../../../../src/settings.ts';
import { signInSettings } from '../../helpers/oauth-parts.ts';

const issuers: Record<string, string> = {
  'Entra ID': 'https://login.microsoftonline.com/contoso/v2.0',
  Google: 'https://accounts.google.com',
  Auth0: 'https://acme.eu.auth0.com/',
  Okta: 'https://acme.okta.com/oauth2/default',
  'Amazon Cognito': 'https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AbCdEfGhI',
  Keycloak: 'https://sso.example.com/realms/acme',
  Atlassian: 'https://auth.atlassian.com',
  'Atlassian Rovo MCP': 'https://auth.atlassian.com/rovo',
};

/** What is known when the metadata of this issuer were read; it lists a registration endpoint, and no S256. */
function examinationOf(issuer: string, scope?: string, more: Partial<SignInSettings> = {}): Examination {
  const url = new URL('https://mcp.example.com/mcp');
  const json = {
    issuer,
    authorization_endpoint: `${issuer}/authorize`,
    token_endpoint: `${issuer}/token`,
    registration_endpoint: `${issuer}/register`,
  };
  const authorizationServer = parseAuthorizationServer(json, url);
  const signIn = signInSettings(more);
  return { authorizationServer, settings: { url, signIn }, stored: [], scope } as unknown as Examination;
}

describe.each(providers)('at $name, doctor', ({ name, noRegistration, pkceUnlisted, notes, resource }) => {
  const issuer = issuers[name] ?? '';

  test('says what is known of it, and whether a client has to be registered by hand', () => {
    const { status, text, fix } = checkRegistration(examinationOf(issuer));
    expect(text).toContain(`${name}: ${notes}`);
    expect(status).toBe(noRegistration ? 'fail' : 'ok');
    if (noRegistration) expect(fix).toContain('--client-id');
  });

  test('says what there is to PKCE and the resource', () => {
    const pkce = checkPkceSupport(examinationOf(issuer));
    expect(pkce).toMatchObject({ status: 'fail', reason: 'sign-in-refused' });
    expect(pkce.text.includes(`${name} does it all the same`)).toBe(pkceUnlisted === true);
    const { text } = checkResource(examinationOf(issuer, 'api://server/read'));
    expect(text).toContain(resource === undefined ? 'https://mcp.example.com/mcp' : `${name} refuses it`);
  });
});

describe('for a machine, doctor', () => {
  const of = (more: Partial<SignInSettings>) => examinationOf('https://as.example', undefined, more);

  test('wants no PKCE', () => {
    expect(checkPkceSupport(of({ grant: 'client-credentials', clientId: 'c' })).status).toBe('ok');
  });

  test.each<[string, Partial<SignInSettings>, string]>([
    ['ok', { grant: 'client-credentials', clientId: 'c', clientSecret: 's' }, 'and its secret'],
    ['ok', { grant: 'workload' }, 'no client is needed'],
    [
      'fail',
      { grant: 'enterprise', clientMetadataUrl: 'https://c.example/c' },
      'no client by a metadata document',
    ],
  ])('says %s to the client of %j', (status, more, text) => {
    const found = checkRegistration(of(more));
    expect(found.status).toBe(status);
    expect(found.text).toContain(text);
  });
});
