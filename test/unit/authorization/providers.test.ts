import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import {
  invalidTargetError,
  omitsResource,
  providerOf,
  providers,
} from '../../../src/authorization/providers.ts';
import { buildSettings } from '../../../src/cli/build-settings.ts';
import { parseBridgeArguments } from '../../../src/cli/fast-arguments.ts';
import { root } from '../helpers/import-graph.ts';

const tenant = '72f988bf-86f1-41af-91ab-2d7cd011db47';
const examples: Record<string, string[]> = {
  'Entra ID': [
    `https://login.microsoftonline.com/${tenant}/v2.0`,
    'https://login.microsoftonline.com/organizations/v2.0',
    `https://login.microsoftonline.us/${tenant}/v2.0`,
    `https://login.partner.microsoftonline.cn/${tenant}/v2.0`,
  ],
  Google: ['https://accounts.google.com', 'https://accounts.google.com/'],
  Auth0: ['https://tenant.auth0.com/', 'https://dev-abc123.eu.auth0.com/'],
  Okta: [
    'https://dev-123456.okta.com',
    'https://acme.okta.com/oauth2/default',
    'https://acme.okta.com/oauth2/aus1a2B3c4',
  ],
  'Amazon Cognito': [
    'https://cognito-idp.us-east-2.amazonaws.com/us-east-2_AgdfSmUsg',
    'https://cognito-idp.us-gov-west-1.amazonaws.com/us-gov-west-1_AbCd12345',
  ],
  Keycloak: [
    'https://sso.example.com/realms/acme',
    'https://sso.example.com/auth/realms/acme',
    'http://localhost:8080/realms/mcp',
  ],
  Atlassian: ['https://auth.atlassian.com', 'https://auth.atlassian.com/'],
  'Atlassian Rovo MCP': ['https://auth.atlassian.com/VCeDsk8ZHncYF1g234fKtc4lNipbBhu3'],
};

describe('the table of identity providers', () => {
  test('has examples here for each row', () => {
    expect(providers.map(({ name }) => name)).toEqual(Object.keys(examples));
  });

  test.each(providers)('$name: sources, one sentence, a pattern for the whole', (provider) => {
    expect(provider.sources.length).toBeGreaterThan(0);
    for (const source of provider.sources) expect(source).toMatch(/^https:\/\/[^\s<>]+$/);
    expect(provider.notes).toMatch(/^[A-Z][^\n]*[^.]\.$/);
    expect(provider.issuer.source).toMatch(/^\^.*\$$/);
    expect(provider.issuer.flags).toBe('');
  });

  test.each(Object.entries(examples))('%s is known by its issuers', (name, issuers) => {
    for (const issuer of issuers) expect(providerOf(issuer)?.name, issuer).toBe(name);
  });

  test.each([
    'https://accounts.google.com.evil.example',
    'https://accounts.google.com@evil.example/',
    'https://accounts.google.com:443@evil.example/',
    'https://evil.example/accounts.google.com',
    'https://evil.example/?https://accounts.google.com',
    'https://evil.example/#accounts.google.com',
    'https://xaccounts.google.com',
    'https://accounts-google.com',
    'https://accounts.google.com:8443',
    'https://accounts.google.com/o/oauth2',
    'https://user@accounts.google.com',
    'https://accounts.google.com?x=1',
    'ftp://accounts.google.com',
    'accounts.google.com',
    '',
    'https://evil-okta.com',
    'https://okta.com',
    'https://acme.okta.com.evil.example/oauth2/default',
    'https://evil.example/acme.okta.com',
    'https://evilokta.com/oauth2/default',
    'https://auth0.com/',
    'https://tenant.auth0.com.evil.example/',
    'https://evil-auth0.com/',
    'https://a.b.c.auth0.com/',
    'https://cognito-idp.evil.example.amazonaws.com/us-east-2_AgdfSmUsg',
    'https://cognito-idp.us-east-2.amazonaws.com.evil.example/us-east-2_AgdfSmUsg',
    'https://cognito-idp.us-east-2.amazonaws.com/',
    `https://login.microsoftonline.com.evil.example/${tenant}/v2.0`,
    `https://login.microsoftonline.com/${tenant}`,
    `https://evil.example/login.microsoftonline.com/${tenant}/v2.0`,
    'https://auth.atlassian.com.evil.example',
    'https://evil-auth.atlassian.com',
    'https://auth.atlassian.com/a/b',
    'https://sso.example.com/realms/',
    'https://sso.example.com/realms/acme/protocol/openid-connect',
    'https://sso.example.com/notrealms/acme',
    'https://mcp.example.com/',
  ])('%s is nobody in the table', (issuer) => {
    expect(providerOf(issuer)).toBeUndefined();
  });

  test('a long issuer is looked at in no time', () => {
    const begin = performance.now();
    expect(providerOf(`https://${'a.'.repeat(50_000)}example/${'realms/'.repeat(20_000)}`)).toBeUndefined();
    expect(performance.now() - begin).toBeLessThan(500);
  });

  test('no row touches what the flow derives itself', () => {
    for (const { authorizeParams } of providers) {
      const given = Object.entries(authorizeParams ?? {}).map(([key, value]) => `${key}=${value}`);
      expect(() =>
        buildSettings('https://mcp.example.com/mcp', { 'authorize-param': given }, {}),
      ).not.toThrow();
    }
  });
});

describe('the resource indicator', () => {
  const entra = providerOf(`https://login.microsoftonline.com/${tenant}/v2.0`);

  test('goes to everybody who is not in the table, and to most who are', () => {
    expect(omitsResource(undefined, 'api://x/read')).toBe(false);
    for (const provider of providers)
      expect(omitsResource(provider, 'read'), provider.name).toBe(provider.name === 'Atlassian');
  });

  test.each(['api://4f1c/read', 'api://4f1c/read offline_access openid', 'https://api.example.com/.default'])(
    'is left out for Entra ID where the scope names it: %s',
    (scope) => expect(omitsResource(entra, scope)).toBe(true),
  );

  test.each([
    'mcp.read',
    'mcp.read offline_access',
    'api://4f1c/read mcp.read',
    'offline_access',
    '',
    undefined,
  ])(
    'is sent to Entra ID where a scope would else be taken for one of Microsoft Graph, or there is none: %s',
    (scope) => expect(omitsResource(entra, scope)).toBe(false),
  );

  test.each([
    ['invalid_target', undefined],
    ['invalid_target', 'resource indicator is missing, or unknown'],
    [
      'invalid_request',
      "AADSTS9010010: The resource parameter provided in the request doesn't match with the requested scopes.",
    ],
    ['invalid_request', "AADSTS901002: The 'resource' request parameter isn't supported. Trace ID: 1"],
    ['invalid_request', "AADSTS90100: The 'resource' request parameter is not supported."],
  ])('%s %s: is refused [M6]', (error, description) => {
    expect(invalidTargetError(error, description)).toBe(true);
  });

  test.each([
    ['invalid_grant', undefined],
    ['invalid_scope', "AADSTS70011: The provided value for the input parameter 'scope' isn't valid."],
    ['invalid_client', 'AADSTS90100: The parameter is empty or not valid.'],
    ['invalid_request', 'AADSTS90100201: something else'],
    ['access_denied', 'the user has said no to the resource'],
  ])('%s %s: is something else', (error, description) => {
    expect(invalidTargetError(error, description)).toBe(false);
  });
});

describe('docs/providers.md', () => {
  const page = readFileSync(join(root, 'docs/providers.md'), 'utf8');
  const sections = new Map(
    page
      .split(/^## /m)
      .slice(1)
      .map((text): [string, string] => [text.slice(0, text.indexOf('\n')), text]),
  );

  test('has a section for each row, in this order, and no other', () => {
    expect([...sections.keys()]).toEqual(providers.map(({ name }) => name));
  });

  test.each(providers)('$name: the sentence and the sources of the table', ({ name, notes, sources }) => {
    const section = sections.get(name) ?? '';
    expect(section).toContain(`\n${notes}\n`);
    expect([...section.matchAll(/^- <(.*)>$/gm)].map(([, url]) => url)).toEqual(sources);
  });

  test.each(providers)(
    '$name: a configuration that the program takes',
    ({ name, pkceUnlisted, noRegistration }) => {
      const [, json] = /```json\n(.*)\n```/.exec(sections.get(name) ?? '') ?? [];
      const { command, args } = JSON.parse(json ?? '') as { command: string; args: string[] };
      expect([command, ...args.slice(0, 2)]).toEqual(['npx', '-y', 'mcp-drawbridge']);
      const parsed = parseBridgeArguments(args.slice(2));
      expect(parsed).toBeDefined();
      const env = { GOOGLE_CLIENT_SECRET: 'a', ATLASSIAN_CLIENT_SECRET: 'b' };
      const { signIn } = buildSettings(parsed!.url, parsed!.values, env);
      expect(signIn.allowMissingPkce).toBe(pkceUnlisted === true);
      if (noRegistration) expect(signIn.clientId).toBeDefined();
    },
  );
});
