import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { buildSettings } from '../../../src/cli/build-settings.ts';
import { environmentName, type OptionValues, options } from '../../../src/cli/options.ts';
import type { Settings } from '../../../src/settings.ts';
import { tempFolder } from '../../support/temp-folder.ts';
import { needed } from '../helpers/option-needs.ts';

const URL_TEXT = 'https://mcp.example.com/mcp';
const build = (given: OptionValues = {}, env: NodeJS.ProcessEnv = {}): Settings =>
  buildSettings(URL_TEXT, given, env);

/** The one-line usage error that a setting gives. */
function faultOf(given: OptionValues, env: NodeJS.ProcessEnv = {}): string {
  try {
    build(given, env);
  } catch (error) {
    expect(error).toMatchObject({ reason: 'usage', exitCode: 2 });
    const { message } = error as Error;
    expect(message).not.toContain('\n');
    return message;
  }
  throw new Error('it was taken');
}

const PEM = '-----BEGIN CERTIFICATE-----\nMAo=\n-----END CERTIFICATE-----\n';
function fileWith(text: string): string {
  const path = join(tempFolder(), 'file');
  writeFileSync(path, text, { mode: 0o600 });
  return path;
}

test('without options: the defaults', () => {
  const env = { HTTPS_PROXY: 'http://proxy.test:1' };
  expect(build({}, env)).toEqual({
    url: new URL(URL_TEXT),
    transport: 'auto',
    era: 'auto',
    network: {
      connectTimeout: 10_000,
      requestTimeout: undefined,
      keepAlive: 55_000,
      ca: undefined,
      ipv4Only: false,
      cookies: true,
      env,
    },
    headers: {},
    tokenCommand: undefined,
    signIn: {
      profile: 'default',
      scope: undefined,
      resource: undefined,
      clientId: undefined,
      clientSecret: undefined,
      clientMetadataUrl: undefined,
      issuer: undefined,
      authorizeParams: {},
      allowMissingPkce: false,
      callback: { host: undefined, port: undefined, path: '/callback' },
      timeout: 300_000,
      initializeWait: 3_000,
      browser: true,
      deviceCode: false,
      grant: 'user',
      clientKey: undefined,
      tokenEndpoint: undefined,
      workloadToken: undefined,
      identityProvider: undefined,
      useIdToken: false,
      dpop: 'auto',
    },
    store: { choice: 'auto', secret: undefined },
    tools: { allow: [], ignore: [] },
    maxMessageBytes: 32 * 1024 * 1024,
    log: { level: 'warn', format: 'text', file: undefined },
  });
});

/** For each option a good value with what it sets, read off the settings. */
const good: Record<string, { value: string | boolean; read: (settings: Settings) => unknown; is: unknown }> =
  {
    header: { value: 'X: 1', read: (s) => s.headers, is: { X: '1' } },
    'header-file': { value: 'FILE', read: (s) => s.headers, is: { 'X-File': '1' } },
    'token-command': { value: "op read 'a b'", read: (s) => s.tokenCommand, is: ['op', 'read', 'a b'] },
    transport: { value: 'sse', read: (s) => s.transport, is: 'sse' },
    era: { value: 'modern', read: (s) => s.era, is: 'modern' },
    'allow-http': { value: true, read: () => buildSettings, is: buildSettings },
    'connect-timeout': { value: '2.5', read: (s) => s.network.connectTimeout, is: 2500 },
    'request-timeout': { value: '90', read: (s) => s.network.requestTimeout, is: 90_000 },
    'keep-alive': { value: '0', read: (s) => s.network.keepAlive, is: 0 },
    'ca-file': { value: 'CA', read: (s) => s.network.ca, is: PEM },
    ipv4: { value: true, read: (s) => s.network.ipv4Only, is: true },
    'disable-cookies': { value: true, read: (s) => s.network.cookies, is: false },
    'max-message-size': { value: '1.5', read: (s) => s.maxMessageBytes, is: 1.5 * 1024 * 1024 },
    profile: { value: 'work', read: (s) => s.signIn.profile, is: 'work' },
    scope: { value: 'a  b', read: (s) => s.signIn.scope, is: 'a b' },
    resource: { value: 'https://x.test/y', read: (s) => s.signIn.resource, is: 'https://x.test/y' },
    'no-resource': { value: true, read: (s) => s.signIn.resource, is: null },
    'client-id': { value: 'me', read: (s) => s.signIn.clientId, is: 'me' },
    'client-secret': { value: 's3cret', read: (s) => s.signIn.clientSecret, is: 's3cret' },
    'client-metadata-url': {
      value: 'https://me.test/client.json',
      read: (s) => s.signIn.clientMetadataUrl,
      is: 'https://me.test/client.json',
    },
    issuer: { value: 'https://as.test/', read: (s) => s.signIn.issuer, is: 'https://as.test/' },
    'authorize-param': {
      value: 'a=b=c',
      read: (s) => s.signIn.authorizeParams,
      is: { a: 'b=c' },
    },
    'allow-missing-pkce': { value: true, read: (s) => s.signIn.allowMissingPkce, is: true },
    'callback-port': { value: '4444', read: (s) => s.signIn.callback.port, is: 4444 },
    'callback-host': { value: 'localhost', read: (s) => s.signIn.callback.host, is: 'localhost' },
    'callback-path': { value: '/x', read: (s) => s.signIn.callback.path, is: '/x' },
    'sign-in-timeout': { value: '90', read: (s) => s.signIn.timeout, is: 90_000 },
    'initialize-wait': { value: '0', read: (s) => s.signIn.initializeWait, is: 0 },
    'no-browser': { value: true, read: (s) => s.signIn.browser, is: false },
    'device-code': { value: true, read: (s) => s.signIn.deviceCode, is: true },
    'client-key': { value: '/keys/me.pem', read: (s) => s.signIn.clientKey?.file, is: '/keys/me.pem' },
    'client-key-alg': { value: 'PS256', read: (s) => s.signIn.clientKey?.algorithm, is: 'PS256' },
    'client-key-id': { value: 'k1', read: (s) => s.signIn.clientKey?.id, is: 'k1' },
    'client-assertion-audience': {
      value: 'token-endpoint',
      read: (s) => s.signIn.clientKey?.audience,
      is: 'token-endpoint',
    },
    'use-id-token': { value: true, read: (s) => s.signIn.useIdToken, is: true },
    dpop: { value: 'on', read: (s) => s.signIn.dpop, is: 'on' },
    'client-credentials': { value: true, read: (s) => s.signIn.grant, is: 'client-credentials' },
    'token-endpoint': {
      value: 'https://as.test/token',
      read: (s) => s.signIn.tokenEndpoint,
      is: 'https://as.test/token',
    },
    'workload-token-file': {
      value: '/run/jwt',
      read: (s) => [s.signIn.grant, s.signIn.workloadToken],
      is: ['workload', { file: '/run/jwt' }],
    },
    'workload-token-command': {
      value: "spire 'fetch jwt'",
      read: (s) => [s.signIn.grant, s.signIn.workloadToken],
      is: ['workload', { command: ['spire', 'fetch jwt'] }],
    },
    'idp-issuer': {
      value: 'https://idp.test',
      read: (s) => [s.signIn.grant, s.signIn.identityProvider?.issuer],
      is: ['enterprise', 'https://idp.test'],
    },
    'idp-client-id': { value: 'us', read: (s) => s.signIn.identityProvider?.clientId, is: 'us' },
    'idp-client-secret': { value: 's', read: (s) => s.signIn.identityProvider?.clientSecret, is: 's' },
    'idp-token-endpoint': {
      value: 'https://idp.test/token',
      read: (s) => s.signIn.identityProvider?.tokenEndpoint,
      is: 'https://idp.test/token',
    },
    'id-token-file': {
      value: '/run/id',
      read: (s) => s.signIn.identityProvider?.idTokenFile,
      is: '/run/id',
    },
    'auth-success-url': {
      value: 'https://you.example/done',
      read: (s) => s.signIn.successUrl,
      is: 'https://you.example/done',
    },
    'client-auth-method': {
      value: 'client_secret_post',
      read: (s) => s.signIn.clientAuthMethod,
      is: 'client_secret_post',
    },
    'registration-metadata': {
      value: '{"client_name":"Me"}',
      read: (s) => s.signIn.registrationMetadata,
      is: { client_name: 'Me' },
    },
    'ping-interval': { value: '30', read: (s) => s.pingInterval, is: 30_000 },
    'headers-timeout': { value: '9', read: (s) => s.network.requestTimeout, is: { answer: 9_000 } },
    'body-timeout': { value: '9', read: (s) => s.network.requestTimeout, is: { stream: 9_000 } },
    'sse-first': { value: true, read: (s) => s.sseFirst, is: true },
    store: { value: 'keychain', read: (s) => s.store.choice, is: 'keychain' },
    'allow-tool': { value: 'read_*', read: (s) => s.tools.allow, is: ['read_*'] },
    'ignore-tool': { value: 'x', read: (s) => s.tools.ignore, is: ['x'] },
    'log-level': { value: 'trace', read: (s) => s.log.level, is: 'trace' },
    'log-file': { value: 'some.log', read: (s) => s.log.file, is: 'some.log' },
    'log-format': { value: 'json', read: (s) => s.log.format, is: 'json' },
  };

describe.each(options.map(({ name, repeatable }) => ({ name, repeatable })))(
  '--$name',
  ({ name, repeatable }) => {
    const entry = good[name];
    const value = () => {
      if (entry?.value === 'FILE') return fileWith('X-File: 1\n');
      return entry?.value === 'CA' ? fileWith(PEM) : entry?.value;
    };

    test('is known to this test', () => {
      expect(entry).toBeDefined();
    });

    const others = needed[name] ?? {};

    test('sets what it says', () => {
      const given = value();
      const values = { ...others, [name]: repeatable ? [given as string] : given };
      expect(entry?.read(build(values))).toEqual(entry?.is);
    });

    test('can be set by its environment variable', () => {
      const given = value();
      const env = { [environmentName(name)]: given === true ? '1' : String(given) };
      expect(entry?.read(build(others, env))).toEqual(entry?.is);
    });

    test('given empty on the command line is a usage error that names it', () => {
      expect(faultOf({ [name]: repeatable ? [''] : '' })).toMatch(
        repeatable ? /./ : `--${name} needs a value`,
      );
    });

    test('empty in the environment is as good as not set', () => {
      expect(build({}, { [environmentName(name)]: '' }).tools).toEqual({ allow: [], ignore: [] });
    });
  },
);

test('the option wins over its environment variable', () => {
  const env = { MCP_DRAWBRIDGE_LOG_LEVEL: 'trace', MCP_DRAWBRIDGE_HEADER: 'A: 1', MCP_DRAWBRIDGE_IPV4: '0' };
  const settings = build({ 'log-level': 'error', header: ['B: 2'], ipv4: true }, env);
  expect([settings.log.level, settings.headers, settings.network.ipv4Only]).toEqual([
    'error',
    { B: '2' },
    true,
  ]);
});

test('a repeatable option holds one value a line in its environment variable', () => {
  const env = { MCP_DRAWBRIDGE_ALLOW_TOOL: 'a\r\nb c\n\nd', MCP_DRAWBRIDGE_HEADER: 'A: 1\nB: 2' };
  const { tools, headers } = build({}, env);
  expect([tools.allow, headers]).toEqual([['a', 'b c', 'd'], { A: '1', B: '2' }]);
});

describe('what opens the stored credentials', () => {
  test.each([
    ['PASSPHRASE', { kind: 'passphrase', from: 'text' }],
    ['PASSPHRASE_FILE', { kind: 'passphrase', from: 'file' }],
    ['KEY', { kind: 'key', from: 'text' }],
    ['KEY_FILE', { kind: 'key', from: 'file' }],
  ])('comes from MCP_DRAWBRIDGE_%s, and no other process gets it', (name, secret) => {
    const env = { [`MCP_DRAWBRIDGE_${name}`]: 'canary' };
    expect(build({}, env).store).toEqual({ choice: 'auto', secret: { ...secret, value: 'canary' } });
    expect(env).toEqual({});
  });

  test('is given once', () => {
    const env = { MCP_DRAWBRIDGE_PASSPHRASE: 'canary', MCP_DRAWBRIDGE_KEY_FILE: '/run/key' };
    expect(faultOf({}, env)).toBe(
      'MCP_DRAWBRIDGE_PASSPHRASE and MCP_DRAWBRIDGE_KEY_FILE are set; one is enough.',
    );
    expect(env).toEqual({});
  });

  test('is nothing where nothing is kept, or the variable is empty', () => {
    const env = { MCP_DRAWBRIDGE_PASSPHRASE: 'canary' };
    expect(build({ store: 'memory' }, env).store).toEqual({ choice: 'memory', secret: undefined });
    expect(build({}, { MCP_DRAWBRIDGE_KEY: '' }).store.secret).toBeUndefined();
  });
});

test.each([
  ['1', true],
  ['true', true],
  ['YES', true],
  ['0', false],
  ['False', false],
  ['no', false],
])('a switch in the environment: %s is %s', (value, expected) => {
  expect(build({}, { MCP_DRAWBRIDGE_IPV4: value }).network.ipv4Only).toBe(expected);
});

test('--allow-http lets plain http pass to another machine, also by its variable', () => {
  const plain = 'http://mcp.example.com/';
  expect(() => buildSettings(plain, {}, {})).toThrow('--allow-http');
  expect(buildSettings(plain, { 'allow-http': true }, {}).url.href).toBe(plain);
  expect(buildSettings(plain, {}, { MCP_DRAWBRIDGE_ALLOW_HTTP: '1' }).url.href).toBe(plain);
});

describe('a faulty value is one line that names the option, and what it must be', () => {
  test.each<[OptionValues, RegExp]>([
    [{ transport: 'stdio' }, /^--transport must be one of auto, http, sse\.$/],
    [{ transport: 'HTTP' }, /^--transport/],
    [{ 'connect-timeout': '0' }, /^--connect-timeout must be a number from 1 to 600\.$/],
    [{ 'connect-timeout': '601' }, /^--connect-timeout/],
    [{ 'connect-timeout': 'ten' }, /^--connect-timeout/],
    [{ 'connect-timeout': '1e2' }, /^--connect-timeout/],
    [{ 'connect-timeout': '-1' }, /^--connect-timeout/],
    [{ 'connect-timeout': ' 5' }, /^--connect-timeout/],
    [{ 'connect-timeout': 'Infinity' }, /^--connect-timeout/],
    [{ 'request-timeout': '0' }, /^--request-timeout must be a number from 1 to 86400\.$/],
    [{ 'request-timeout': '86401' }, /^--request-timeout/],
    [{ 'keep-alive': '3601' }, /^--keep-alive must be a number from 0 to 3600\.$/],
    [{ 'max-message-size': '0' }, /^--max-message-size must be a number from 1 to 256\.$/],
    [{ 'max-message-size': '257' }, /^--max-message-size/],
    [{ 'max-message-size': '32MiB' }, /^--max-message-size/],
    [{ 'log-level': 'verbose' }, /^--log-level must be one of error, warn, info, debug, trace\.$/],
    [{ store: 'disk' }, /^--store must be one of auto, keychain, file, memory\.$/],
    [{ 'log-format': 'xml' }, /^--log-format must be one of text, json\.$/],
    [{ 'token-command': '   ' }, /--token-command holds no command/],
    [{ 'token-command': "op 'x" }, /a quote that is not closed/],
    [{ 'token-command': "''" }, /holds no command/],
    [{ 'ca-file': '/nonexistent/ca.pem' }, /CA file can't be read \(ENOENT\): \/nonexistent\/ca\.pem/],
    [{ header: ['x'] }, /Name: value/],
    [{ 'header-file': '/nonexistent' }, /header file can't be read/],
  ])('%j', (given, fault) => {
    expect(faultOf(given)).toMatch(fault);
  });

  test('the same from the environment names the variable', () => {
    expect(faultOf({}, { MCP_DRAWBRIDGE_TRANSPORT: 'x' })).toMatch(
      /^MCP_DRAWBRIDGE_TRANSPORT must be one of/,
    );
    expect(faultOf({}, { MCP_DRAWBRIDGE_IPV4: 'maybe' })).toBe('MCP_DRAWBRIDGE_IPV4 is a switch: 1 or 0.');
    expect(faultOf({}, { MCP_DRAWBRIDGE_KEEP_ALIVE: '-1' })).toMatch(/^MCP_DRAWBRIDGE_KEEP_ALIVE/);
  });

  test('a CA file without a certificate', () => {
    expect(faultOf({ 'ca-file': fileWith('no certificate') })).toContain('no PEM certificate');
  });

  test('a URL that is none', () => {
    expect(() => buildSettings('x', {}, {})).toThrow(expect.objectContaining({ exitCode: 2 }));
  });
});

test('NODE_TLS_REJECT_UNAUTHORIZED=0 stops the bridge [102]', () => {
  expect(faultOf({}, { NODE_TLS_REJECT_UNAUTHORIZED: '0' })).toContain('--ca-file');
  expect(build({}, { NODE_TLS_REJECT_UNAUTHORIZED: '1' })).toBeDefined();
});
