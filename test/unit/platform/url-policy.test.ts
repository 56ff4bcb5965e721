import { describe, expect, test } from 'vitest';
import { isLoopback, parseServerUrl } from '../../../src/platform/url-policy.ts';

const parse = (text: string, allowHttp = false) => parseServerUrl(text, { allowHttp }).href;

describe('a URL that is taken [1, 2, 3]', () => {
  test.each([
    ['https://mcp.example.com/mcp', 'https://mcp.example.com/mcp'],
    ['https://mcp.example.com:8443/a/b?key=1&x=%20', 'https://mcp.example.com:8443/a/b?key=1&x=%20'],
    ['HTTPS://MCP.Example.com', 'https://mcp.example.com/'],
    ['https://[2001:db8::1]/mcp', 'https://[2001:db8::1]/mcp'],
    ['https://bücher.example/mcp', 'https://xn--bcher-kva.example/mcp'],
    ['http://localhost:3000/mcp', 'http://localhost:3000/mcp'],
    ['http://127.0.0.1/mcp', 'http://127.0.0.1/mcp'],
    ['http://127.8.9.10:1/', 'http://127.8.9.10:1/'],
    ['http://[::1]:3000/mcp', 'http://[::1]:3000/mcp'],
    ['http://api.localhost/mcp', 'http://api.localhost/mcp'],
    ['http://127.1/mcp', 'http://127.0.0.1/mcp'],
    ['http://0x7f.1/mcp', 'http://127.0.0.1/mcp'],
  ])('%s', (text, href) => {
    expect(parse(text)).toBe(href);
  });

  test('plain http to another machine, where the user allows it', () => {
    expect(parse('http://mcp.example.com/mcp', true)).toBe('http://mcp.example.com/mcp');
  });
});

describe('a URL that is refused, with the reason', () => {
  test.each([
    ['mcp.example.com/mcp', 'is not a URL'],
    ['', 'is not a URL'],
    ['https://', 'is not a URL'],
    ['https://host:99999/', 'is not a URL'],
    ['https://[::1', 'is not a URL'],
    ['ftp://host/', 'must begin with https://'],
    ['file:///etc/passwd', 'must begin with https://'],
    ['javascript:alert(1)', 'must begin with https://'],
    ['ws://localhost/', 'must begin with https://'],
    ['https://user@host/', 'user name or password'],
    ['https://user:secret@host/', 'user name or password'],
    ['https://:secret@host/', 'user name or password'],
    ['https://host/#x', 'fragment'],
    ['https://host/#', 'fragment'],
    ['https://host/a b', 'blank'],
    [' https://host/', 'blank'],
    ['https://host/\n', 'blank'],
    ['https://ho\tst/', 'blank'],
    ['https://host\\@evil.test/', 'backslash'],
    ['https://host/\u0000', 'control'],
    ['https://host/\u007f', 'control'],
    ['https://host/\u0085', 'control'],
    ['https://host/\u00a0', 'blank'],
    [`https://host/${'x'.repeat(2048)}`, '2048'],
    ['http://mcp.example.com/', '--allow-http'],
    ['http://10.0.0.1/', '--allow-http'],
    ['http://localhost.evil.test/', '--allow-http'],
    ['http://notlocalhost/', '--allow-http'],
    ['http://127.0.0.1.evil.test/', '--allow-http'],
    ['http://0.0.0.0/', '--allow-http'],
    ['http://[::]/', '--allow-http'],
    ['http://[::ffff:10.0.0.1]/', '--allow-http'],
  ])('%j', (text, problem) => {
    const problemOf = () => parse(text);
    expect(problemOf).toThrow(expect.objectContaining({ reason: 'usage', exitCode: 2 }));
    expect(problemOf).toThrow(problem);
  });

  test('no password is repeated [72]', () => {
    expect(() => parse('https://user:s3cret@host/')).not.toThrow('s3cret');
  });

  test('--allow-http allows nothing else', () => {
    for (const text of ['ftp://host/', 'http://user@host/', 'http://host/#x'])
      expect(() => parse(text, true)).toThrow();
  });
});

test.each([
  ['http://localhost', true],
  ['http://LOCALHOST.', true],
  ['http://a.b.localhost', true],
  ['http://127.255.255.254', true],
  ['http://[::1]', true],
  ['http://[0:0:0:0:0:0:0:1]', true],
  ['http://128.0.0.1', false],
  ['http://[::2]', false],
  ['http://localhost.com', false],
  ['http://127.0.0.1.nip.io', false],
])('%s is this machine: %s', (url, expected) => {
  expect(isLoopback(new URL(url))).toBe(expected);
});
