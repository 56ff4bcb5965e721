import { describe, expect, test } from 'vitest';
import { canonicalResource, speaksFor } from '../../../src/authorization/resource.ts';

test.each([
  ['https://mcp.example/mcp', 'https://mcp.example/mcp'],
  ['HTTPS://MCP.Example:443/mcp', 'https://mcp.example/mcp'],
  ['https://mcp.example/', 'https://mcp.example'],
  ['https://mcp.example', 'https://mcp.example'],
  ['https://mcp.example/mcp/', 'https://mcp.example/mcp/'],
  ['https://mcp.example:8443/a/b', 'https://mcp.example:8443/a/b'],
  ['https://mcp.example/mcp?key=s3cret', 'https://mcp.example/mcp'],
])('the canonical URI of %s is %s [23, A-57, A-59]', (url, resource) => {
  expect(canonicalResource(new URL(url))).toBe(resource);
});

describe('a document for a resource is one for the server [18, A-14]', () => {
  const server = new URL('https://mcp.example/mcp/v1');

  test.each([
    'https://mcp.example/mcp/v1',
    'https://mcp.example/mcp/v1/',
    'https://mcp.example/mcp',
    'https://mcp.example/mcp/',
    'https://mcp.example',
    'https://mcp.example/',
    'https://mcp.example:443/mcp',
  ])('%s', (resource) => {
    expect(speaksFor(resource, server)).toBe(true);
  });

  test.each([
    // T16
    'https://other.example/mcp/v1',
    'https://mcp.example.evil.example/mcp/v1',
    'https://mcp.example/mcp/v1-evil',
    'https://mcp.example/mcp-evil',
    'https://mcp.example/mc',
    'https://mcp.example/mcp/v1#x',
    'https://mcp.example/mcp/v1#',
    'https://mcp.example/mcp/v1/deeper',
    'https://mcp.example/mcp/../other',
    'http://mcp.example/mcp/v1',
    'https://mcp.example:8443/mcp/v1',
    'https://user@mcp.example/mcp/v1',
    'urn:mcp',
    'mcp.example/mcp/v1',
    '',
    // What the parser would repair is sent as it stands [1].
    'https://mcp.example/mcp/v1\n',
    ' https://mcp.example/mcp/v1',
    'https://mcp.exa\tmple/mcp/v1',
    'https:\\\\mcp.example\\mcp',
    `https://mcp.example/mcp/v1?${'x'.repeat(2048)}`,
  ])('but none for %j', (resource) => {
    expect(speaksFor(resource, server)).toBe(false);
  });

  test('a server at the root is spoken for by its origin only', () => {
    const root = new URL('https://mcp.example/');
    expect(speaksFor('https://mcp.example', root)).toBe(true);
    expect(speaksFor('https://mcp.example/', root)).toBe(true);
    expect(speaksFor('https://mcp.example/mcp', root)).toBe(false);
  });
});
