import { readFileSync } from 'node:fs';
import { DrawbridgeError } from '../errors.ts';
import { type LogFormat, type LogLevel, logLevels } from '../logger.ts';
import { parseServerUrl } from '../platform/url-policy.ts';
import { type Settings, transportChoices } from '../settings.ts';
import { splitCommand } from './command-words.ts';
import { environmentName, type OptionValues, options } from './options.ts';
import { readUserHeaders } from './user-headers.ts';

/**
 * Turns the URL and options as given into checked settings; what no option says, its environment variable may.
 *
 * @throws DrawbridgeError `usage` for the first fault that is found
 */
export function buildSettings(url: string, given: OptionValues, env: NodeJS.ProcessEnv): Settings {
  const read = new OptionReader(given, env);
  if (env.NODE_TLS_REJECT_UNAUTHORIZED === '0') {
    throw new DrawbridgeError(
      'usage',
      'NODE_TLS_REJECT_UNAUTHORIZED=0 would let anybody read the connection; remove it, and name a private CA with --ca-file.',
    );
  }
  const requestTimeout = read.seconds('request-timeout', 1, 86_400);
  return {
    url: parseServerUrl(url, { allowHttp: read.flag('allow-http') }),
    transport: read.choice('transport', transportChoices, 'auto'),
    network: {
      connectTimeout: read.seconds('connect-timeout', 1, 600) ?? 10_000,
      requestTimeout,
      keepAlive: read.seconds('keep-alive', 0, 3_600) ?? 55_000,
      ca: readCertificates(read.text('ca-file')),
      ipv4Only: read.flag('ipv4'),
      cookies: !read.flag('disable-cookies'),
      env,
    },
    headers: readUserHeaders(read.list('header'), read.text('header-file'), env),
    tokenCommand: readTokenCommand(read.text('token-command')),
    tools: { allow: read.list('allow-tool'), ignore: read.list('ignore-tool') },
    maxMessageBytes: (read.number('max-message-size', 1, 256) ?? 32) * 1024 * 1024,
    log: {
      level: read.choice<LogLevel>('log-level', logLevels, 'warn'),
      format: read.choice<LogFormat>('log-format', ['text', 'json'], 'text'),
      file: read.text('log-file'),
    },
  };
}

class OptionReader {
  readonly #given: OptionValues;
  readonly #env: NodeJS.ProcessEnv;

  constructor(given: OptionValues, env: NodeJS.ProcessEnv) {
    this.#given = given;
    this.#env = env;
    for (const { name } of options) {
      const value = given[name];
      if (value === '' || (Array.isArray(value) && value.includes(''))) this.#fail(name, 'needs a value');
    }
  }

  text(name: string): string | undefined {
    const value = this.#given[name] ?? this.#env[environmentName(name)];
    return typeof value === 'string' && value !== '' ? value : undefined;
  }

  /** A repeatable option; in its environment variable, one value a line. */
  list(name: string): string[] {
    const value = this.#given[name];
    if (Array.isArray(value)) return value;
    return this.text(name)?.split(/\r?\n/).filter(Boolean) ?? [];
  }

  flag(name: string): boolean {
    if (this.#given[name] === true) return true;
    const value = this.#env[environmentName(name)]?.toLowerCase() ?? '';
    if (['1', 'true', 'yes'].includes(value)) return true;
    return ['', '0', 'false', 'no'].includes(value) ? false : this.#fail(name, 'is a switch: 1 or 0');
  }

  choice<T extends string>(name: string, choices: readonly T[], fallback: T): T {
    const value = this.text(name) ?? fallback;
    return (
      choices.find((choice) => choice === value) ?? this.#fail(name, `must be one of ${choices.join(', ')}`)
    );
  }

  number(name: string, least: number, most: number): number | undefined {
    const value = this.text(name);
    if (value === undefined) return undefined;
    const number = /^\d+(\.\d+)?$/.test(value) ? Number(value) : Number.NaN;
    return number >= least && number <= most
      ? number
      : this.#fail(name, `must be a number from ${least} to ${most}`);
  }

  seconds(name: string, least: number, most: number): number | undefined {
    const value = this.number(name, least, most);
    return value === undefined ? undefined : value * 1000;
  }

  #fail(name: string, what: string): never {
    const source = this.#given[name] === undefined ? environmentName(name) : `--${name}`;
    throw new DrawbridgeError('usage', `${source} ${what}.`);
  }
}

function readTokenCommand(text: string | undefined): string[] | undefined {
  if (text === undefined) return undefined;
  const words = splitCommand(text);
  if (!words?.[0])
    throw new DrawbridgeError('usage', '--token-command holds no command, or a quote that is not closed.');
  return words;
}

function readCertificates(path: string | undefined): string | undefined {
  if (path === undefined) return undefined;
  let pem: string;
  try {
    pem = readFileSync(path, 'utf8');
  } catch (error) {
    throw new DrawbridgeError(
      'usage',
      `The CA file can't be read (${(error as NodeJS.ErrnoException).code}): ${path}`,
    );
  }
  if (!pem.includes('-----BEGIN CERTIFICATE-----')) {
    throw new DrawbridgeError('usage', `The CA file holds no PEM certificate: ${path}`);
  }
  return pem;
}
