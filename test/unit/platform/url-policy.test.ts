import { describe, expect, test } from 'vitest';
import { isLoopback, parseNamedUrl, parseServerUrl } from '../../../src/platform/url-policy.ts';

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

describe('a URL that a server names [1-3]', () => {
  const named = (text: unknown, server = 'https://mcp.example.com/mcp') =>
    parseNamedUrl(text, new URL(server))?.href;

  test.each([
    ['https://as.example.com/a?b=c', 'https://as.example.com/a?b=c'],
    ['HTTPS://AS.Example.com', 'https://as.example.com/'],
    ['https://as.example.com:8443/', 'https://as.example.com:8443/'],
    // Whether an address may be connected to is decided when that is done [10].
    ['https://10.0.0.1/', 'https://10.0.0.1/'],
  ])('%s is taken', (text, href) => {
    expect(named(text)).toBe(href);
  });

  test.each([
    undefined,
    null,
    7,
    {},
    '',
    '/relative',
    '//evil.example/',
    // T1
    'javascript:alert(1)',
    'file:///etc/passwd',
    'data:text/html,x',
    'vscode://x',
    'ms-msdt:/id',
    '\\\\host\\x',
    '--flag',
    'blob:https://as.example.com/x',
    // T3
    'https://user:pw@evil.example/',
    'https://good@evil.example/',
    'https://:pw@evil.example/',
    // T4
    'https://as.example.com/a\tb',
    'https://as.example.com/a\nb',
    ' https://as.example.com/',
    'https://as.example.com\\@evil.example/',
    'https://as.example.com/a b',
    `https://as.example.com/${'x'.repeat(10_000)}`,
    'https://as.example.com/#x',
    'https://as.example.com/#',
    // T5
    'http://as.example.com/',
    'http://127.0.0.2/',
    'http://127.0.0.1:8080/',
    'http://localhost/',
    // Nothing that a server elsewhere names is on this machine [3].
    'https://127.0.0.1/',
    'https://2130706433/',
    'https://0177.0.0.1/',
    'https://[::1]/',
    'https://localhost:8443/',
    'https://a.localhost/',
    'https://',
    'https:as.example.com',
  ])('%j is refused', (text) => {
    expect(named(text)).toBeUndefined();
  });

  test.each([
    'http://localhost:3000/mcp',
    'http://127.0.0.1/mcp',
    'http://[::1]:3000/mcp',
    'https://localhost/',
  ])('of a server on this machine (%s) also this machine, by plain http too', (server) => {
    for (const text of ['http://127.0.0.1:1/', 'http://localhost/', 'http://[::1]/', 'http://as.localhost/'])
      expect(named(text, server)).toBe(text);
    expect(named('https://as.example.com/', server)).toBe('https://as.example.com/');
    // T5: 127.0.0.2 stands for another machine there.
    expect(named('http://127.0.0.2/', server)).toBeUndefined();
    expect(named('http://as.example.com/', server)).toBeUndefined();
  });

  test('--allow-http is for the server itself, not for what it names', () => {
    expect(named('http://mcp.example.com/token', 'http://mcp.example.com/mcp')).toBeUndefined();
  });
});
