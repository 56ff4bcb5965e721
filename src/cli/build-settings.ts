import { readFileSync } from 'node:fs';
import { DrawbridgeError } from '../errors.ts';
import { type LogFormat, type LogLevel, logLevels } from '../logger.ts';
import { parseServerUrl } from '../platform/url-policy.ts';
import {
  eraChoices,
  type GrantChoice,
  type RequestTimeout,
  type Settings,
  type SignInSettings,
  transportChoices,
} from '../settings.ts';
import { splitCommand } from './command-words.ts';
import { OptionReader } from './option-reader.ts';
import type { OptionValues } from './options.ts';
import { readSignInSettings } from './sign-in-settings.ts';
import { takeStoreSettings } from './store-settings.ts';
import { readUserHeaders, userHeaderLines } from './user-headers.ts';

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
  const headerLines = userHeaderLines(read.list('header'), read.text('header-file'));
  const headers = readUserHeaders(headerLines, undefined, env);
  const tokenCommand = readTokenCommand(read.text('token-command'));
  const signIn = readSignInSettings(read, env);
  refuseSecondCredential(signIn, headers, tokenCommand);
  return {
    url: parseServerUrl(url, { allowHttp: read.flag('allow-http') }),
    transport: read.choice('transport', transportChoices, 'auto'),
    era: read.choice('era', eraChoices, 'auto'),
    ...(read.flag('sse-first') && { sseFirst: true }),
    pingInterval: read.seconds('ping-interval', 0.1, LONGEST),
    network: {
      connectTimeout: read.seconds('connect-timeout', 1, 600) ?? 10_000,
      requestTimeout: readRequestTimeout(read),
      keepAlive: read.seconds('keep-alive', 0, 3_600) ?? 55_000,
      ca: readCertificates(read.text('ca-file')),
      ipv4Only: read.flag('ipv4'),
      cookies: !read.flag('disable-cookies'),
      env,
    },
    headers,
    ...(headerLines.length > 0 && { headerLines }),
    tokenCommand,
    signIn,
    store: takeStoreSettings(read, env),
    tools: { allow: read.list('allow-tool'), ignore: read.list('ignore-tool') },
    maxMessageBytes: (read.number('max-message-size', 1, 256) ?? 32) * 1024 * 1024,
    log: {
      level: read.choice<LogLevel>('log-level', logLevels, 'warn'),
      format: read.choice<LogFormat>('log-format', ['text', 'json'], 'text'),
      file: read.text('log-file'),
    },
  };
}

/** With a credential of the user's own nothing is got by a grant: who names both would learn too late which is used. */
function refuseSecondCredential(
  { grant, useIdToken, dpop }: SignInSettings,
  headers: Settings['headers'],
  tokenCommand: readonly string[] | undefined,
): void {
  const hasHeader = Object.keys(headers).some((name) => name.toLowerCase() === 'authorization');
  const chosen = grant !== 'user' ? grantNames[grant] : useIdToken ? '--use-id-token' : undefined;
  const refused = chosen ?? (dpop === 'on' ? '--dpop on' : undefined);
  if (refused === undefined || (!hasHeader && tokenCommand === undefined)) return;
  const own = hasHeader ? 'an Authorization header' : '--token-command';
  throw new DrawbridgeError(
    'usage',
    `${refused} contradicts ${own}, which is used in place of any other token.`,
  );
}

const grantNames: Readonly<Record<Exclude<GrantChoice, 'user'>, string>> = {
  'client-credentials': '--client-credentials',
  workload: 'The JWT of a workload',
  enterprise: 'An identity provider',
};

/** Not without end: a request that nothing limits would be kept for as long as the bridge runs. */
const LONGEST = 86_400;

function readRequestTimeout(read: OptionReader): RequestTimeout | undefined {
  const limit = read.seconds('request-timeout', 1, LONGEST);
  const [answer, stream] = (['headers-timeout', 'body-timeout'] as const).map((name) => {
    const given = read.seconds(name, 0, LONGEST);
    if (given !== undefined && limit !== undefined) read.fail(name, 'contradicts --request-timeout');
    return given === 0 ? LONGEST * 1000 : given;
  });
  return answer === undefined && stream === undefined ? limit : { answer, stream };
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
