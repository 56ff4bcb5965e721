import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { findProxy } from '../../../src/platform/proxy.ts';

const variables = ['HTTP_PROXY', 'HTTPS_PROXY', 'ALL_PROXY', 'NO_PROXY'];

beforeEach(() => {
  for (const name of variables.flatMap((upper) => [upper, upper.toLowerCase()])) vi.stubEnv(name, undefined);
});
afterEach(() => void vi.unstubAllEnvs());

function proxyFor(url: string, env: Record<string, string>): string | undefined {
  for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value);
  const proxy = findProxy(new URL(url), {});
  proxy?.agent.destroy();
  return proxy?.name;
}

const HTTPS = 'https://mcp.example.com/mcp';
const HTTP = 'http://mcp.example.com/mcp';

test.each<[url: string, env: Record<string, string>, name: string | undefined]>([
  [HTTPS, {}, undefined],
  [HTTPS, { HTTPS_PROXY: 'http://proxy.test:3128' }, 'proxy.test:3128'],
  [HTTPS, { https_proxy: 'http://proxy.test:3128' }, 'proxy.test:3128'],
  [HTTPS, { https_proxy: 'http://lower.test:1', HTTPS_PROXY: 'http://upper.test:1' }, 'lower.test:1'],
  [HTTPS, { HTTPS_PROXY: 'https://proxy.test' }, 'proxy.test'],
  [HTTPS, { ALL_PROXY: 'http://all.test:1' }, 'all.test:1'],
  [HTTPS, { ALL_PROXY: 'http://all.test:1', HTTPS_PROXY: 'http://proxy.test:1' }, 'proxy.test:1'],
  [HTTPS, { HTTP_PROXY: 'http://proxy.test:1' }, undefined],
  [HTTP, { HTTP_PROXY: 'http://proxy.test:1' }, 'proxy.test:1'],
  [HTTP, { HTTPS_PROXY: 'http://proxy.test:1' }, undefined],
  [HTTPS, { HTTPS_PROXY: 'http://p.test:1', NO_PROXY: 'mcp.example.com' }, undefined],
  [HTTPS, { HTTPS_PROXY: 'http://p.test:1', NO_PROXY: '.example.com' }, undefined],
  [HTTPS, { HTTPS_PROXY: 'http://p.test:1', NO_PROXY: '*.example.com' }, undefined],
  [HTTPS, { HTTPS_PROXY: 'http://p.test:1', NO_PROXY: 'a.test, mcp.example.com' }, undefined],
  [HTTPS, { HTTPS_PROXY: 'http://p.test:1', NO_PROXY: 'mcp.example.com:443' }, undefined],
  [HTTPS, { HTTPS_PROXY: 'http://p.test:1', NO_PROXY: 'mcp.example.com:8443' }, 'p.test:1'],
  [HTTPS, { HTTPS_PROXY: 'http://p.test:1', NO_PROXY: '*' }, undefined],
  [HTTPS, { HTTPS_PROXY: 'http://p.test:1', NO_PROXY: 'other.test' }, 'p.test:1'],
])('%s with %j goes through %s', (url, env, name) => {
  expect(proxyFor(url, env)).toBe(name);
});

describe('this machine', () => {
  const remoteProxy = { HTTP_PROXY: 'http://proxy.test:1', HTTPS_PROXY: 'http://proxy.test:1' };

  test.each(['http://localhost:1/', 'http://127.0.0.1:1/', 'http://[::1]:1/', 'https://a.localhost/'])(
    '%s is never asked of a proxy elsewhere, which could not reach it',
    (url) => {
      expect(proxyFor(url, remoteProxy)).toBeUndefined();
    },
  );

  test('a proxy on this machine is used for it: the user has set it up to look on', () => {
    expect(proxyFor('http://localhost:1/', { HTTP_PROXY: 'http://127.0.0.1:8888' })).toBe('127.0.0.1:8888');
  });
});

test("the proxy's name holds no credentials [105]", () => {
  expect(proxyFor(HTTPS, { HTTPS_PROXY: 'http://user:s3cret@proxy.test:3128' })).toBe('proxy.test:3128');
});

test.each(['socks5://proxy.test:1080', 'http://', 'http://proxy.test:port', 'ftp://proxy.test'])(
  'HTTPS_PROXY=%s is a usage error that does not repeat it',
  (value) => {
    expect(() => proxyFor(HTTPS, { HTTPS_PROXY: value })).toThrow(
      expect.objectContaining({ reason: 'usage' }),
    );
    expect(() => proxyFor(HTTPS, { HTTPS_PROXY: value })).not.toThrow('proxy.test');
  },
);

test('a proxy named without a scheme is spoken to in plain HTTP, as curl does', () => {
  vi.stubEnv('HTTPS_PROXY', 'proxy.test:3128');
  const agent: unknown = findProxy(new URL(HTTPS), {})?.agent;
  expect(agent).toHaveProperty('proxy.protocol', 'http:');
});
