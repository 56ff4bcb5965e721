import { describe, expect, test } from 'vitest';
import {
  assumedAuthorizationServer,
  parseAuthorizationServer,
  parseProtectedResource,
} from '../../../src/authorization/metadata.ts';
import { metadataDocument } from '../helpers/oauth-parts.ts';

const server = new URL('https://mcp.example/mcp');

describe('protected resource metadata (RFC 9728 section 2)', () => {
  const usual = { resource: 'https://mcp.example/mcp', authorization_servers: ['https://as.example'] };

  test('its resource is kept verbatim, and what is not used is left out [A-58]', () => {
    const resource = 'https://MCP.example';
    expect(parseProtectedResource({ ...usual, resource, jwks_uri: 'x' })).toEqual({
      resource,
      authorizationServers: ['https://as.example'],
      scopes: undefined,
    });
  });

  test('scopes that could be none are left out, and all beyond 200', () => {
    const many = Array.from({ length: 300 }, (_, index) => `s${index}`);
    const scopes = ['a', 'b c', '', 'x"y', 'x\\y', 'ü', 'a\r\nb', 7, null, ...many];
    const parsed = parseProtectedResource({ ...usual, scopes_supported: scopes })?.scopes;
    expect(parsed?.slice(0, 3)).toEqual(['a', 's0', 's1']);
    expect(parsed?.length).toBe(200);
  });

  test.each([
    {},
    { ...usual, resource: undefined },
    { ...usual, resource: 7 },
    { ...usual, authorization_servers: undefined },
    { ...usual, authorization_servers: [] },
    { ...usual, authorization_servers: 'https://as.example' },
    { ...usual, authorization_servers: [7] },
    { ...usual, authorization_servers: [''] },
  ])('A-13: %j is none', (json) => {
    expect(parseProtectedResource(json)).toBeUndefined();
  });
});

describe('authorization server metadata (RFC 8414 section 2)', () => {
  test('a document with everything', () => {
    const json = metadataDocument('https://as.example', {
      revocation_endpoint: 'https://as.example/revoke',
      pushed_authorization_request_endpoint: 'https://as.example/par',
      require_pushed_authorization_requests: true,
      scopes_supported: ['a', 'b c'],
      authorization_response_iss_parameter_supported: true,
      client_id_metadata_document_supported: true,
    });
    expect(parseAuthorizationServer(json, server)).toEqual({
      issuer: 'https://as.example',
      authorizationEndpoint: 'https://as.example/authorize',
      tokenEndpoint: 'https://as.example/token',
      registrationEndpoint: 'https://as.example/register',
      revocationEndpoint: 'https://as.example/revoke',
      pushedAuthorizationRequestEndpoint: 'https://as.example/par',
      requiresPushedRequests: true,
      scopes: ['a'],
      codeChallengeMethods: ['S256'],
      tokenEndpointAuthMethods: ['none'],
      sendsIssuer: true,
      takesMetadataDocuments: true,
      isAssumed: false,
    });
  });

  test('only true is true', () => {
    const json = metadataDocument('https://as.example', {
      require_pushed_authorization_requests: 'true',
      authorization_response_iss_parameter_supported: 1,
      client_id_metadata_document_supported: null,
    });
    expect(parseAuthorizationServer(json, server)).toMatchObject({
      requiresPushedRequests: false,
      sendsIssuer: false,
      takesMetadataDocuments: false,
    });
  });

  test('endpoints may be on another origin than the issuer [20]', () => {
    const json = metadataDocument('https://as.example', { token_endpoint: 'https://oauth2.example/token' });
    expect(parseAuthorizationServer(json, server)?.tokenEndpoint).toBe('https://oauth2.example/token');
  });

  test.each([
    // T1
    'javascript:alert(1)',
    'file:///x',
    'data:text/html,x',
    '--flag',
    '\\\\host\\x',
    // T3, T5
    'https://user:pw@as.example/x',
    'http://as.example/x',
    'http://127.0.0.2/x',
    'http://localhost/x',
    'https://as.example/x y',
    undefined,
    7,
  ])(
    'an endpoint %j: the document is none where it is needed, else it is left out [2, 3, A-23]',
    (endpoint) => {
      const parse = (name: string) =>
        parseAuthorizationServer(metadataDocument(undefined, { [name]: endpoint }), server);
      // A server of machines has none; one that must not be used is something else.
      if (endpoint === undefined)
        expect(parse('authorization_endpoint')).toMatchObject({ authorizationEndpoint: undefined });
      else expect(parse('authorization_endpoint')).toBeUndefined();
      expect(parse('token_endpoint')).toBeUndefined();
      expect(parse('registration_endpoint')).toMatchObject({ registrationEndpoint: undefined });
      expect(parse('revocation_endpoint')).toMatchObject({ revocationEndpoint: undefined });
      expect(parse('pushed_authorization_request_endpoint')).toMatchObject({
        pushedAuthorizationRequestEndpoint: undefined,
      });
    },
  );

  test('without an issuer it is none', () => {
    expect(parseAuthorizationServer(metadataDocument(undefined, { issuer: 7 }), server)).toBeUndefined();
  });
});

test('A-27: the endpoints of MCP 2025-03-26, where there is no document', () => {
  expect(assumedAuthorizationServer('https://mcp.example')).toMatchObject({
    issuer: 'https://mcp.example',
    authorizationEndpoint: 'https://mcp.example/authorize',
    tokenEndpoint: 'https://mcp.example/token',
    registrationEndpoint: 'https://mcp.example/register',
    isAssumed: true,
    sendsIssuer: false,
  });
});
