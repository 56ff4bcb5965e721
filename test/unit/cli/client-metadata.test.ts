import { afterEach, describe, expect, test, vi } from 'vitest';
import { printClientMetadata } from '../../../src/cli/client-metadata.ts';

afterEach(() => {
  vi.restoreAllMocks();
});

function print(url: string): { code: number; document: Record<string, unknown> } {
  let text = '';
  vi.spyOn(process.stdout, 'write').mockImplementation((chunk) => {
    text += chunk;
    return true;
  });
  const code = printClientMetadata(url);
  vi.restoreAllMocks();
  expect(text.endsWith('}\n')).toBe(true);
  return { code, document: JSON.parse(text) };
}

test('the document says of itself where it is, and lists loopback redirects only (A-35, A-36, A-40, [113])', () => {
  const url = 'https://me.example/oauth/client.json';
  const { code, document } = print(url);
  expect(code).toBe(0);
  const hosts = ['http://127.0.0.1', 'http://localhost'];
  expect(document).toEqual({
    client_id: url,
    client_uri: 'https://me.example',
    client_name: 'mcp-drawbridge',
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    application_type: 'native',
    token_endpoint_auth_method: 'none',
    redirect_uris: hosts.flatMap((host) =>
      ['', ':33418', ':33419', ':33420'].map((port) => `${host}${port}/callback`),
    ),
  });
});

test('the URL is kept as it was written, since it is compared as a text', () => {
  expect(print('https://Me.example/c?v=1').document.client_id).toBe('https://Me.example/c?v=1');
});

describe('a URL that can be no client id', () => {
  test.each([
    '',
    'me.example/c',
    'http://me.example/c',
    'http://localhost/c',
    'https://me.example',
    'https://me.example/',
    'https://me.example?x=1',
    'https://me.example/c#x',
    'https://me.example/c#',
    'https://user@me.example/c',
    'https://:pw@me.example/c',
    'https://me.example/a/../c',
    'https://me.example/./c',
    'https://me.example/a b',
    ' https://me.example/c',
    'https://me.example/c\n',
    'https://me.example\\c',
  ])('%j', (url) => {
    expect(() => printClientMetadata(url)).toThrow(expect.objectContaining({ reason: 'usage', exitCode: 2 }));
  });
});
