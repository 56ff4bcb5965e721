import { existsSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { buildSettings } from '../../../../src/cli/build-settings.ts';
import { parseBridgeArguments } from '../../../../src/cli/fast-arguments.ts';
import { inOurWords } from '../../../../src/cli/mcp-remote/translate.ts';
import type { Settings } from '../../../../src/settings.ts';
import { tempFolder } from '../../../support/temp-folder.ts';

const url = 'https://mcp.example.com/mcp';
const localhost = process.platform === 'win32' ? '127.0.0.1' : 'localhost';
const info = '{"client_id":"me","client_secret":"s3cret"}';

/** The settings of a bridge that is started as mcp-remote would be. */
async function read(words: string[], env: NodeJS.ProcessEnv = {}): Promise<Settings> {
  const { argv } = await inOurWords([url, ...words], env);
  const parsed = parseBridgeArguments(argv);
  if (!parsed) throw new Error(`not understood: ${argv.join(' ')}`);
  return buildSettings(parsed.url, parsed.values, env);
}

async function faultOf(words: string[], env: NodeJS.ProcessEnv = {}): Promise<string> {
  const error = await read(words, env).then(
    () => expect.fail('it was taken'),
    (failure: unknown) => failure,
  );
  expect(error).toMatchObject({ reason: 'usage', exitCode: 2 });
  const { message } = error as Error;
  expect(message).not.toMatch(/\n|s3cret/);
  return message;
}

function fileWith(text: string): string {
  const path = join(tempFolder(), 'client.json');
  writeFileSync(path, text);
  return path;
}

describe('each option has its meaning', () => {
  test.each<[string[], object]>([
    [['--disable-resource-parameter'], { signIn: { resource: null } }],
    // As there: it overrides the other, wherever that stands.
    [['--resource', 'https://a.example', '--disable-resource-parameter'], { signIn: { resource: null } }],
    [['--disable-resource-parameter', '--resource=https://a.example'], { signIn: { resource: null } }],
    [['--resource', ''], { signIn: { resource: null } }],
    [['--resource='], { signIn: { resource: null } }],
    // As its README has it, for a server without metadata.
    [
      [
        '--client-credentials',
        '--token-endpoint',
        'https://auth.example.com/oauth/token',
        '--static-oauth-client-info',
        info,
        '--static-oauth-client-metadata',
        '{"scope":"mcp.read mcp.write","token_endpoint_auth_method":"client_secret_basic"}',
      ],
      {
        signIn: {
          grant: 'client-credentials',
          tokenEndpoint: 'https://auth.example.com/oauth/token',
          clientId: 'me',
          clientSecret: 's3cret',
          scope: 'mcp.read mcp.write',
          clientAuthMethod: 'client_secret_basic',
        },
      },
    ],
    [
      ['--use-id-token', '--static-oauth-client-metadata', '{ "scope": "openid email" }'],
      { signIn: { useIdToken: true, grant: 'user', scope: 'openid email' } },
    ],
    [['--resource', 'https://a.example'], { signIn: { resource: 'https://a.example' } }],
    [
      ['--host', '127.0.0.1'],
      { signIn: { callback: { host: '127.0.0.1', port: undefined, path: '/callback' } } },
    ],
    [
      ['--host=localhost'],
      { signIn: { callback: { host: 'localhost', port: undefined, path: '/callback' } } },
    ],
    [['--callback-path', '/x'], { signIn: { callback: { host: undefined, port: undefined, path: '/x' } } }],
    [
      ['--auth-success-url', 'https://you.example/done'],
      { signIn: { successUrl: 'https://you.example/done' } },
    ],
    [['--auth-success-url', 'http://127.0.0.1:1/x'], { signIn: { successUrl: 'http://127.0.0.1:1/x' } }],
    [['--silent'], { log: { level: 'error' } }],
    [['--enable-proxy'], { signIn: { profile: 'default' } }],
    [['--auth-timeout', '60'], { signIn: { timeout: 60_000 } }],
    [['--auth-timeout', '100000'], { signIn: { timeout: 3_600_000 } }],
    [['--headers-timeout', '20'], { network: { requestTimeout: { answer: 20_000, stream: undefined } } }],
    [['--body-timeout', '0'], { network: { requestTimeout: { answer: undefined, stream: 86_400_000 } } }],
    [['--keep-alive'], { pingInterval: 30_000, network: { keepAlive: 55_000 } }],
    [['--keep-alive', '--ping-interval', '60'], { pingInterval: 60_000 }],
    [['--ping-interval', '60', '--keep-alive'], { pingInterval: 60_000 }],
    // The one that is ours.
    [['--keep-alive', '5', '--silent'], { pingInterval: undefined, network: { keepAlive: 5_000 } }],
    [['--transport', 'http-first'], { transport: 'auto' }],
    [['--transport', 'http-only'], { transport: 'http' }],
    [['--transport=sse-only'], { transport: 'sse' }],
    [['--transport', 'sse-first'], { transport: 'auto', sseFirst: true }],
    [['--protocol', 'legacy'], { era: 'legacy' }],
    [['--protocol', 'auto'], { era: 'auto' }],
    [['--static-oauth-client-metadata', '{"scope":" a b "}'], { signIn: { scope: 'a b' } }],
    [['--disable-cookies', '--silent'], { network: { cookies: false } }],
    [
      ['--ignore-tool', 'a*', '--silent', '--ignore-tool', 'b'],
      { tools: { allow: [], ignore: ['a*', 'b'] } },
    ],
    // A value is none of our business, whatever it looks like.
    [['--scope', 'x', '--header', 'A: --debug', '--silent'], { headers: { A: '--debug' } }],
    // The first counts, as there.
    [['--auth-timeout', '60', '--auth-timeout', '70'], { signIn: { timeout: 60_000 } }],
  ])('%j', async (words, settings) => {
    expect(await read(words)).toMatchObject(settings);
  });

  test('the URL may stand behind the options, and -- ends them', async () => {
    const { argv } = await inOurWords(['--host', 'localhost', '--', url], {});
    expect(argv).toEqual(['--callback-host=localhost', '--', url]);
  });

  test('what has no meaning here is told to whoever looks for a fault', async () => {
    const { notes } = await inOurWords([url, '--enable-proxy'], {});
    expect(notes).toEqual([expect.stringContaining('always honoured')]);
  });
});

describe('--debug', () => {
  test('logs to a file of its own as well, for this user alone', async () => {
    const home = join(tempFolder(), 'home');
    const env = { MCP_DRAWBRIDGE_HOME: home };
    const { log } = await read(['--debug'], env);
    expect(log.level).toBe('debug');
    expect(log.file).toMatch(/logs.mcp\.example\.com-[0-9a-f]{8}\.log$/);
    if (process.platform !== 'win32') expect(statSync(join(home, 'logs')).mode & 0o777).toBe(0o700);
    expect((await inOurWords([url, '--debug'], env)).notes.join()).toContain(log.file);
    // Which is the last word there, too.
    expect((await read(['--silent', '--debug'], env)).log.level).toBe('debug');
  });

  test('a file that is given is the file', async () => {
    expect((await read(['--debug', '--log-file', 'mine.log'])).log.file).toBe('mine.log');
    const env = { MCP_DRAWBRIDGE_LOG_FILE: 'mine.log' };
    expect((await read(['--debug'], env)).log.file).toBe('mine.log');
  });

  test('without a folder that can be written to there is none', async () => {
    const env = { MCP_DRAWBRIDGE_HOME: join(fileWith('no folder'), 'home') };
    expect((await read(['--debug'], env)).log).toEqual({ level: 'debug', format: 'text', file: undefined });
  });

  test('a command has its level only', async () => {
    const home = join(tempFolder(), 'home');
    const { argv } = await inOurWords(['login', url, '--debug'], { MCP_DRAWBRIDGE_HOME: home });
    expect(argv).toEqual(['login', url, '--log-level=debug']);
    expect(existsSync(home)).toBe(false);
  });
});

describe('the redirect', () => {
  test('a port after the URL has the host and the path that mcp-remote has', async () => {
    const callback = { host: localhost, port: 9696, path: '/oauth/callback' };
    expect((await read(['9696'])).signIn.callback).toEqual(callback);
    expect((await read(['--header', 'A: b', '9696', '--silent'])).signIn.callback).toEqual(callback);
    const more = ['--host', '127.0.0.1', '--callback-path', '/x'];
    expect((await read(['9696', ...more])).signIn.callback).toEqual({
      host: '127.0.0.1',
      port: 9696,
      path: '/x',
    });
    expect((await read(['0'])).signIn.callback.port).toBeUndefined();
  });

  test('so has a client that is known beforehand', async () => {
    const { signIn } = await read(['--static-oauth-client-info', info]);
    expect(signIn).toMatchObject({ clientId: 'me', clientSecret: 's3cret' });
    expect(signIn.callback).toMatchObject({ host: localhost, path: '/oauth/callback' });
    expect((await read(['1234', '--static-oauth-client-info', info])).signIn.callback.port).toBe(1234);
    const own = ['--callback-port', '5', '--static-oauth-client-info', info];
    expect((await read(own)).signIn.callback.port).toBe(5);
  });

  // As mcp-remote 0.15.1 itself says when it is started so.
  const headers = 'X-File: 1\n# c\n Y: ${AUTH}\n';
  test.each<[string, string[], number]>([
    ['https://mcp.example.invalid/mcp', [], 27195],
    ['https://mcp.example.invalid', [], 32132],
    ['https://mcp.example.invalid/mcp', ['--resource', 'https://tenant1.example/'], 11050],
    [
      'https://mcp.example.invalid/mcp',
      ['--authorize-param', 'prompt=consent', '--authorize-param', 'access_type=offline'],
      20901,
    ],
    ['https://mcp.example.invalid/mcp', ['--header', 'X-B:  two', '--header', 'A: ${AUTH}'], 8265],
    ['https://mcp.example.invalid/mcp', ['--header-file', 'FILE', '--header', 'X-File: 2'], 20880],
    [
      'https://mcp.example.invalid/mcp',
      ['--resource', 'https://tenant1.example/', '--disable-resource-parameter'],
      27195,
    ],
    [
      'https://mcp.example.invalid/mcp',
      [
        '--client-metadata-url',
        'https://you.example/client.json',
        '--resource',
        'https://tenant1.example/',
        '--header',
        'A: b',
      ],
      18228,
    ],
  ])('%s %j: the port that is registered there', async (server, words, port) => {
    const given = words.map((word) => (word === 'FILE' ? fileWith(headers) : word));
    const { argv } = await inOurWords([server, ...given, '--static-oauth-client-info', info], {});
    expect(argv).toContain(`--callback-port=${port}`);
  });
});

describe('the static client', () => {
  test('is read from a file', async () => {
    const { signIn } = await read(['--static-oauth-client-info', `@${fileWith(`\ufeff${info}`)}`]);
    expect(signIn).toMatchObject({ clientId: 'me', clientSecret: 's3cret' });
  });

  test('variables are expanded, within values and in place of them', async () => {
    const env = { ID: 'me', SECRET: 's3cret', ALL: info };
    const within = '{"client_id":"${ID}","client_secret":"${SECRET}"}';
    expect((await read(['--static-oauth-client-info', within], env)).signIn).toMatchObject({
      clientId: 'me',
      clientSecret: 's3cret',
    });
    expect((await read(['--static-oauth-client-info', '${ALL}'], env)).signIn.clientSecret).toBe('s3cret');
    // What is not spelled out here is not spelled out in what is written of it.
    const { argv } = await inOurWords(['add', 'cursor', 'x', url, '--static-oauth-client-info', within], env);
    expect(argv).toContain('--client-secret=${SECRET}');
  });

  test('its way of proving itself, and that of the metadata', async () => {
    const post = '{"client_id":"me","client_secret":"s","token_endpoint_auth_method":"client_secret_post"}';
    const basic = '{"token_endpoint_auth_method":"client_secret_basic"}';
    const words = ['--static-oauth-client-info', post, '--static-oauth-client-metadata', basic];
    expect((await read(words)).signIn.clientAuthMethod).toBe('client_secret_post');
    expect((await read(words.slice(2))).signIn.clientAuthMethod).toBe('client_secret_basic');
  });

  test('metadata takes the place of ours, but for what the sign-in itself decides', async () => {
    const metadata = {
      client_name: 'Me',
      software_id: '7',
      contacts: ['a@b.example'],
      redirect_uris: ['http://localhost:1/x'],
      scope: 'a',
    };
    const { signIn } = await read(['--static-oauth-client-metadata', JSON.stringify(metadata)]);
    const { redirect_uris: _redirects, scope: _scope, ...rest } = metadata;
    expect(signIn).toMatchObject({ scope: 'a', registrationMetadata: rest });
    // Nothing is registered beforehand, so any redirect does.
    expect(signIn.callback).toEqual({ host: undefined, port: undefined, path: '/callback' });
  });
});

describe('what can not be is refused, and named', () => {
  const both = 'give one of them';
  test.each<[string[], RegExp | string]>([
    [['--host', 'mine.example'], /--callback-host must be one of 127\.0\.0\.1, localhost/],
    [['--host', 'localhost', '--callback-host', 'localhost'], both],
    [['9696', '--callback-port', '9696'], both],
    [['--debug', '--log-level', 'warn'], both],
    [['--silent', '--log-level=warn'], both],
    [['--auth-timeout', '5', '--sign-in-timeout', '5'], both],
    [['--auth-timeout', 'soon'], '--sign-in-timeout'],
    [['--protocol', 'legacy', '--era', 'legacy'], both],
    [['--protocol', 'modernish'], '--era must be one of'],
    [['--transport', 'pigeon-only'], '--transport must be one of'],
    [['--disable-resource-parameter', '--no-resource'], both],
    [['--static-oauth-client-info', info, '--client-id', 'you'], both],
    [['--static-oauth-client-metadata', '{"scope":"a"}', '--scope', 'b'], both],
    [['--headers-timeout', '5', '--request-timeout', '5'], '--headers-timeout contradicts --request-timeout'],
    [['--static-oauth-client-info', '{"client_id":"me","client_secret":"s3cret"'], 'must be a JSON object'],
    [['--static-oauth-client-info', '["s3cret"]'], 'must be a JSON object'],
    [['--static-oauth-client-info', '{"client_secret":"s3cret"}'], 'holds no client_id'],
    [['--static-oauth-client-info', '{"client_id":7,"client_secret":"s3cret"}'], 'client_id that is no text'],
    [['--static-oauth-client-info', '@/no/such/file'], "can't be read (ENOENT)"],
    [['--static-oauth-client-info', `@${process.cwd()}`], 'names no file'],
    [['--static-oauth-client-info', '{"client_id":"${NOT_SET}"}'], 'NOT_SET, which is not set'],
    [['--static-oauth-client-info', '${NOT_SET}'], 'NOT_SET, which is not set'],
    [['--static-oauth-client-metadata', 'x'], 'must be a JSON object'],
    [
      ['--static-oauth-client-metadata', '{"token_endpoint_auth_method":"tls_client_auth"}'],
      '--client-auth-method must be one of',
    ],
    [['--static-oauth-client-info', ''], 'needs a value'],
    [['--host'], 'needs a value'],
    [['70000'], '--callback-port must be a number from 1 to 65535'],
    [['--auth-success-url', 'http://you.example/done'], '--auth-success-url must be an https URL'],
    [['--allow-http', '--auth-success-url', 'http://you.example/', '--silent'], 'must be an https URL'],
    [['--auth-success-url', 'https://you.example/?x=1'], 'without a query'],
    [['--auth-success-url', 'https://you.example/#x'], 'must be an https URL'],
    [['--authorize-param', 'scope=a', '--silent'], '--scope does'],
  ])('%j', async (words, said) => {
    expect(await faultOf(words)).toMatch(said instanceof RegExp ? said : new RegExp(escaped(said)));
  });

  test('a secret out of a file is not written into the configuration of a client', async () => {
    const words = ['add', 'cursor', 'x', url, '--static-oauth-client-info', '@client.json'];
    await expect(inOurWords(words, {})).rejects.toThrow("--client-secret '${VAR}'");
  });
});

test('words of other commands are theirs', async () => {
  for (const words of [
    ['help', 'mcp-remote'],
    ['completion', 'bash'],
    ['remove', 'cursor', '--debug'],
  ])
    expect((await inOurWords(words, {})).argv).toEqual(words);
});

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
