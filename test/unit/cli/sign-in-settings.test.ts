import { describe, expect, test } from 'vitest';
import { OptionReader } from '../../../src/cli/option-reader.ts';
import type { OptionValues } from '../../../src/cli/options.ts';
import { readSignInSettings } from '../../../src/cli/sign-in-settings.ts';
import { signInSettings } from '../helpers/oauth-parts.ts';

const read = (given: OptionValues = {}, env: NodeJS.ProcessEnv = {}) =>
  readSignInSettings(new OptionReader(given, env), env);

function faultOf(given: OptionValues, env?: NodeJS.ProcessEnv): string {
  try {
    read(given, env);
  } catch (error) {
    expect(error).toMatchObject({ reason: 'usage', exitCode: 2 });
    const { message } = error as Error;
    expect(message).not.toContain('\n');
    return message;
  }
  throw new Error('it was taken');
}

test('without options: the defaults', () => {
  expect(read()).toMatchObject(signInSettings());
});

test('everything as it is given', () => {
  expect(
    read({
      profile: 'work',
      scope: ' a  b ',
      resource: 'https://API.example',
      'client-id': 'c',
      'client-secret': 's',
      'client-metadata-url': 'https://me.example/client.json',
      issuer: 'https://as.example/',
      'authorize-param': ['prompt=consent', 'claims={"a"="b"}', 'empty='],
      'allow-missing-pkce': true,
      'callback-host': 'localhost',
      'callback-port': '8080',
      'callback-path': '/oauth/done',
      'sign-in-timeout': '60',
      'initialize-wait': '0',
      'no-browser': true,
    }),
  ).toMatchObject({
    profile: 'work',
    scope: 'a b',
    // Byte for byte; an issuer is compared as a text.
    resource: 'https://API.example',
    clientId: 'c',
    clientSecret: 's',
    clientMetadataUrl: 'https://me.example/client.json',
    issuer: 'https://as.example/',
    authorizeParams: { prompt: 'consent', claims: '{"a"="b"}', empty: '' },
    allowMissingPkce: true,
    callback: { host: 'localhost', port: 8080, path: '/oauth/done' },
    timeout: 60_000,
    initializeWait: 0,
    browser: false,
  });
});

test('--no-resource sends none', () => {
  expect(read({ 'no-resource': true }).resource).toBeNull();
  expect(faultOf({ 'no-resource': true, resource: 'https://a.example' })).toBe(
    '--resource contradicts --no-resource.',
  );
});

describe('a client of the user’s own', () => {
  test('its id and secret are expanded from the environment', () => {
    const env = { ID: 'the-id', SECRET: 's3 cret' };
    expect(read({ 'client-id': '${ID}', 'client-secret': '${SECRET}' }, env)).toMatchObject({
      clientId: 'the-id',
      clientSecret: 's3 cret',
    });
    expect(read({}, { ...env, MCP_DRAWBRIDGE_CLIENT_ID: 'x-${ID}' }).clientId).toBe('x-the-id');
  });

  test.each<[OptionValues, string]>([
    [{ 'client-id': '${NO}' }, '--client-id names the environment variable NO, which is not set.'],
    [{ 'client-id': '${EMPTY}' }, '--client-id is empty.'],
    [{ 'client-id': 'ä' }, '--client-id holds a character that is not visible ASCII.'],
    [{ 'client-id': 'a\nb' }, '--client-id holds a character that is not visible ASCII.'],
    [{ 'client-id': '${CRLF}' }, '--client-id holds a character that is not visible ASCII.'],
    [
      { 'client-id': 'c', 'client-secret': '${CRLF}' },
      '--client-secret holds a character that is not visible ASCII.',
    ],
    [{ 'client-secret': 's3cret' }, '--client-secret needs --client-id as well.'],
  ])('%j: what is wrong is told, the value is not [88, 91]', (given, message) => {
    const env = { EMPTY: '', CRLF: 's3cret\r\nX: 1' };
    expect(faultOf(given, env)).toBe(message);
    expect(message).not.toContain('s3cret');
  });

  test('the variable is named where that holds the fault', () => {
    expect(faultOf({}, { MCP_DRAWBRIDGE_CLIENT_SECRET: 's3cret' })).toBe(
      'MCP_DRAWBRIDGE_CLIENT_SECRET needs --client-id as well.',
    );
  });
});

describe('--authorize-param [6]', () => {
  const instead: Record<string, string> = {
    scope: '--scope does',
    resource: '--resource does',
    client_id: '--client-id does',
  };
  test.each([
    'response_type',
    'response_mode',
    'client_id',
    'client_secret',
    'redirect_uri',
    'scope',
    'state',
    'code',
    'code_challenge',
    'code_challenge_method',
    'code_verifier',
    'resource',
    'nonce',
    'request',
    'request_uri',
    'iss',
    'grant_type',
  ])('%s is derived by the sign-in itself', (name) => {
    expect(faultOf({ 'authorize-param': ['prompt=x', `${name}=x`] })).toBe(
      `--authorize-param can't set "${name}", which ${instead[name] ?? 'the sign-in derives itself'}.`,
    );
  });

  test.each(['prompt', '=x', 'a b=c', 'ä=b', '\u0001=b'])('%j is no parameter', (line) => {
    expect(faultOf({ 'authorize-param': [line] })).toBe('--authorize-param must read key=value.');
  });

  test('in the environment, one a line', () => {
    expect(
      read({}, { MCP_DRAWBRIDGE_AUTHORIZE_PARAM: 'prompt=login\naudience=a b' }).authorizeParams,
    ).toEqual({
      prompt: 'login',
      audience: 'a b',
    });
  });

  test.each(['__proto__', 'constructor'])('%s is a name like another', (name) => {
    expect(Object.entries(read({ 'authorize-param': [`${name}=x`] }).authorizeParams)).toEqual([[name, 'x']]);
  });
});

describe('a value that is out of its range', () => {
  test.each<[OptionValues, string]>([
    [{ profile: 'a/b' }, '--profile must be 1 to 64 letters, digits or . _ @ + -.'],
    [{ profile: 'a b' }, '--profile must be'],
    [{ profile: '\u202e' }, '--profile must be'],
    [{ profile: 'x'.repeat(65) }, '--profile must be'],
    [{ scope: ' ' }, '--scope must be scopes with blanks between them.'],
    [{ scope: 'a"b' }, '--scope must be'],
    [{ scope: 'a\\b' }, '--scope must be'],
    [{ scope: 'a\tb' }, '--scope must be'],
    [{ resource: 'mcp' }, '--resource must be an absolute URI without a fragment.'],
    [{ resource: 'https://a.example/#x' }, '--resource must be'],
    [{ resource: 'https://a.example/#' }, '--resource must be'],
    [{ resource: ' https://a.example' }, '--resource must be'],
    [{ resource: 'https://a.example\\b' }, '--resource must be'],
    [{ issuer: 'as.example' }, '--issuer must be an https URL.'],
    [{ issuer: 'http://as.example' }, '--issuer must be'],
    [{ issuer: 'http://127.0.0.2' }, '--issuer must be'],
    [{ issuer: 'https://u:p@as.example' }, '--issuer must be'],
    [{ issuer: 'https://as.example#' }, '--issuer must be'],
    [{ issuer: '\u0001https://as.example' }, '--issuer must be'],
    [{ issuer: 'javascript:alert(1)' }, '--issuer must be'],
    [{ 'client-metadata-url': 'http://localhost/c' }, '--client-metadata-url must be an https URL.'],
    [
      { 'client-metadata-url': 'https://me.example' },
      '--client-metadata-url must be an https URL with a path.',
    ],
    [
      { 'client-metadata-url': 'https://me.example/' },
      '--client-metadata-url must be an https URL with a path.',
    ],
    [{ 'client-metadata-url': 'https://me.example/a b' }, '--client-metadata-url must be'],
    [{ 'callback-host': '0.0.0.0' }, '--callback-host must be one of 127.0.0.1, localhost.'],
    [{ 'callback-host': 'evil.example' }, '--callback-host must be'],
    [{ 'callback-port': '0' }, '--callback-port must be a number from 1 to 65535.'],
    [{ 'callback-port': '65536' }, '--callback-port must be'],
    [{ 'callback-port': '80.5' }, '--callback-port must be a whole number.'],
    [{ 'callback-path': 'callback' }, '--callback-path must begin with /'],
    [{ 'callback-path': '/a b' }, '--callback-path must'],
    [{ 'callback-path': '/a?b' }, '--callback-path must'],
    [{ 'callback-path': '//evil' }, '--callback-path must'],
    [{ 'callback-path': '/a/../b' }, '--callback-path must'],
    [{ 'callback-path': '/a/..' }, '--callback-path must'],
    [{ 'callback-path': '/./a' }, '--callback-path must'],
    [{ 'callback-path': `/${'x'.repeat(129)}` }, '--callback-path must'],
    [{ 'sign-in-timeout': '0' }, '--sign-in-timeout must be a number from 1 to 3600.'],
    [{ 'sign-in-timeout': '3601' }, '--sign-in-timeout must be'],
    [{ 'initialize-wait': '3601' }, '--initialize-wait must be a number from 0 to 3600.'],
    [{ 'initialize-wait': '-1' }, '--initialize-wait must be'],
  ])('%j is told in one line', (given, message) => {
    expect(faultOf(given).startsWith(message)).toBe(true);
  });

  test.each<[OptionValues, object]>([
    [{ issuer: 'http://127.0.0.1:8080' }, { issuer: 'http://127.0.0.1:8080' }],
    [{ issuer: 'http://localhost:8080/realms/x' }, { issuer: 'http://localhost:8080/realms/x' }],
    [{ resource: 'urn:example:api' }, { resource: 'urn:example:api' }],
    [{ profile: 'jörg@work.example' }, { profile: 'jörg@work.example' }],
    [{ 'callback-path': '/' }, { callback: { path: '/' } }],
    [{ 'callback-path': '/a.b/c..d/' }, { callback: { path: '/a.b/c..d/' } }],
    [{ 'initialize-wait': '0.5' }, { initializeWait: 500 }],
  ])('%j is within it', (given, settings) => {
    expect(read(given)).toMatchObject(settings);
  });
});
