import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { buildSettings } from '../../../src/cli/build-settings.ts';
import { parseBridgeArguments } from '../../../src/cli/fast-arguments.ts';
import { optionHelp } from '../../../src/cli/option-help.ts';
import { environmentName, options } from '../../../src/cli/options.ts';
import { runCommand } from '../../../src/cli/program.ts';
import type { Settings } from '../../../src/settings.ts';
import { version } from '../../../src/version.ts';
import { neededWords } from '../helpers/option-needs.ts';

/** With what settings commander starts the bridge, and what it prints. */
const started: Settings[] = [];
vi.mock('../../../src/cli/run-bridge.ts', () => ({
  runBridge: async (settings: Settings) => {
    started.push(settings);
    return 42;
  },
}));

let stdout = '';
let stderr = '';
beforeEach(() => {
  started.splice(0);
  stdout = stderr = '';
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    stdout += text;
    return true;
  });
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    stderr += text;
    return true;
  });
  for (const { name } of options) vi.stubEnv(environmentName(name), undefined);
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
});

const URL_TEXT = 'https://mcp.example.com/mcp';

/** The settings by the short way; undefined where it leaves the arguments to commander. */
function byShortWay(argv: string[]): Settings | undefined {
  const parsed = parseBridgeArguments(argv);
  return parsed && buildSettings(parsed.url, parsed.values, process.env);
}

async function byCommander(argv: string[]): Promise<Settings | undefined> {
  expect(await runCommand(argv)).toBe(42);
  return started[0];
}

/** A value that the option takes; the numbers are in every range. */
const sample: Record<string, string> = {
  header: 'X-A: b',
  'token-command': 'op read x',
  transport: 'sse',
  era: 'modern',
  store: 'keychain',
  'connect-timeout': '5',
  'request-timeout': '5',
  'keep-alive': '5',
  'max-message-size': '5',
  'log-level': 'debug',
  'log-format': 'json',
  profile: 'work',
  resource: 'https://mcp.example.com',
  'client-metadata-url': 'https://me.example/client.json',
  issuer: 'https://as.example.com',
  'authorize-param': 'prompt=consent',
  'callback-port': '1234',
  'callback-host': 'localhost',
  'callback-path': '/oauth/callback',
  'sign-in-timeout': '5',
  'initialize-wait': '5',
  'client-key-alg': 'ES256',
  'client-assertion-audience': 'urn:as',
  dpop: 'on',
  'token-endpoint': 'https://as.example.com/token',
  'idp-issuer': 'https://idp.example.com',
  'idp-token-endpoint': 'https://idp.example.com/token',
  'auth-success-url': 'https://you.example/done',
  'client-auth-method': 'client_secret_post',
  'registration-metadata': '{"client_name":"Me"}',
  'ping-interval': '5',
  'headers-timeout': '5',
  'body-timeout': '0',
};

describe('the short way and commander read the same settings', () => {
  // Options whose value is a file that must be there are read by the same code; build-settings.test.ts has them.
  const plain = options.filter(({ name }) => !['header-file', 'ca-file'].includes(name));
  const forms = plain.flatMap(({ name, value, repeatable }) => {
    const given = sample[name] ?? 'x_*';
    const more = neededWords(name);
    if (value === undefined)
      return [
        [`--${name}`, ...more],
        [`--${name}`, `--${name}`, ...more],
      ];
    const once = [
      [`--${name}`, given, ...more],
      [`--${name}=${given}`, ...more],
    ];
    const twice = [`--${name}`, given, `--${name}`, name === 'header' ? 'X-B: =c' : given, ...more];
    return repeatable ? [...once, twice, [`--${name}`, given, `--${name}=${given}`]] : [...once, twice];
  });

  test.each(forms.map((form) => [form.join(' '), form] as const))('%s', async (_, form) => {
    for (const argv of [
      [URL_TEXT, ...form],
      [...form, URL_TEXT],
    ]) {
      started.splice(0);
      const short = byShortWay(argv);
      expect(short).toBeDefined();
      expect(short).toEqual(await byCommander(argv));
    }
  });

  test.each([
    [[URL_TEXT]],
    [['http://localhost:1/mcp?x=1&y=2']],
    [['--', URL_TEXT]],
    [['--ipv4', '--', URL_TEXT]],
    [[URL_TEXT, '--header', 'A: 1', '--ipv4', '--header=B: --x', '--transport', 'http', '--allow-tool', '*']],
  ])('%j', async (argv) => {
    const short = byShortWay(argv);
    expect(short).toBeDefined();
    expect(short).toEqual(await byCommander(argv));
  });

  test('a value that begins with a dash is left to commander, which takes it', async () => {
    const argv = [URL_TEXT, '--allow-tool', '-x'];
    expect(parseBridgeArguments(argv)).toBeUndefined();
    expect((await byCommander(argv))?.tools.allow).toEqual(['-x']);
    expect(byShortWay([URL_TEXT, '--allow-tool=-x'])?.tools.allow).toEqual(['-x']);
  });

  test('what is in the environment reaches both', async () => {
    vi.stubEnv('MCP_DRAWBRIDGE_LOG_LEVEL', 'trace');
    const short = byShortWay([URL_TEXT]);
    expect(short?.log.level).toBe('trace');
    expect(await byCommander([URL_TEXT])).toEqual(short);
  });
});

describe('what is no plain start is left to commander', () => {
  test.each([
    [[]],
    [['demo']],
    [['help']],
    [['--help']],
    [['-h']],
    [['--version']],
    [['-V']],
    [[URL_TEXT, '--help']],
    [['mcp.example.com']],
    [[URL_TEXT, '3334']],
    [[URL_TEXT, URL_TEXT]],
    [[URL_TEXT, '--unknown']],
    [[URL_TEXT, '--header']],
    [[URL_TEXT, '--ipv4=1']],
    [[URL_TEXT, '-x']],
    [[URL_TEXT, '--Header', 'x']],
    [[URL_TEXT, '--no-ipv4']],
    [[URL_TEXT, '--log', 'debug']],
  ])('%j', (argv) => {
    expect(parseBridgeArguments(argv)).toBeUndefined();
  });
});

describe('a usage error is one line, and nothing is started', () => {
  test.each([
    [[], 'The URL of the remote MCP server is missing; see --help.'],
    [['mcp.example.com'], "The server's URL is not a URL; it should read https://host/path."],
    [[URL_TEXT, '--unknown'], "unknown option '--unknown'; see --help."],
    [[URL_TEXT, '--heder', 'x'], "unknown option '--heder' (Did you mean --header?); see --help."],
    [[URL_TEXT, '--header'], `option '--header <"Name: value">' argument missing; see --help.`],
    [['lgin'], "unknown command 'lgin' (Did you mean login?); see --help."],
    [['lgin', URL_TEXT], "unknown command 'lgin' (Did you mean login?); see --help."],
    [['help', 'lgin'], "unknown command 'lgin' (Did you mean login?); see --help."],
    [['help', 'frobnicate'], "unknown command 'frobnicate'; see --help."],
    [['frobnicate', 'x'], "unknown command 'frobnicate'; see --help."],
    [
      ['login', URL_TEXT, '--devicecode'],
      "unknown option '--devicecode' (Did you mean --device-code?); see --help.",
    ],
    [
      ['login', URL_TEXT, 'more'],
      "too many arguments for 'login'. Expected 1 argument but got 2; see --help.",
    ],
    [['login'], "missing required argument 'url'; see --help."],
    [[URL_TEXT, 'more'], 'too many arguments. Expected 1 argument but got 2; see --help.'],
    [[URL_TEXT, '--transport', 'x'], '--transport must be one of auto, http, sse.'],
    [[URL_TEXT, '--log-file', ''], '--log-file needs a value.'],
  ])('%j', async (argv, message) => {
    await expect(runCommand(argv)).rejects.toMatchObject({ reason: 'usage', exitCode: 2, message });
    expect([started, stdout, stderr]).toEqual([[], '', '']);
  });
});

describe('the help', () => {
  test.each([[['--help']], [['-h']], [['help']]])('%j is on stdout and names every option', async (argv) => {
    expect(await runCommand(argv)).toBe(0);
    expect(Object.keys(optionHelp)).toEqual(options.map(({ name }) => name));
    for (const { name, hidden } of options) {
      const help = optionHelp[name] as string;
      if (hidden) {
        expect(stdout).not.toContain(`--${name} `);
        continue;
      }
      expect(stdout).toContain(`--${name}`);
      expect(stdout.replace(/\s+/g, ' ')).toContain(help);
    }
    expect(stdout).toContain('MCP_DRAWBRIDGE_LOG_LEVEL=debug');
    expect(stderr).toBe('');
    expect(started).toEqual([]);
  });

  test('the version is on stdout', async () => {
    expect(await runCommand(['--version'])).toBe(0);
    expect(stdout).toBe(`${version}\n`);
  });

  test('of a command', async () => {
    expect(await runCommand(['help', 'demo'])).toBe(0);
    expect(stdout).toContain('mcp-drawbridge demo');
  });
});

describe('the options', () => {
  test('each has its own name and a variable that a shell can set', () => {
    const variables = options.map(({ name }) => environmentName(name));
    expect(new Set(variables).size).toBe(options.length);
    for (const variable of variables) expect(variable).toMatch(/^MCP_DRAWBRIDGE_[A-Z0-9_]+$/);
    expect(environmentName('log-level')).toBe('MCP_DRAWBRIDGE_LOG_LEVEL');
  });
});
