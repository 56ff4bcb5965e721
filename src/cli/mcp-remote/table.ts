/** What becomes of an option of mcp-remote's; the words are ours, each with its dashes and its value. */
type Rewriting =
  /** Ours has the same name and the same meaning. */
  | { as: 'same' }
  /** These words take its place. */
  | { as: 'words'; words: (value: string) => string[] }
  /** Nothing has to be done for it. */
  | { as: 'nothing'; why: string }
  /** It takes more than its value; see translate.ts. */
  | { as: 'more' };

/** One option of mcp-remote 0.15.1. */
export interface McpRemoteOption {
  /** The long name without dashes. */
  name: string;
  /** What stands for the value in the help; an option without one is a switch. */
  value?: string;
  rewriting: Rewriting;
  /** Our options that say the same: to give both is a contradiction. */
  ours: readonly string[];
  /** In a few words, what it is here. */
  here: string;
}

/** Longest that a sign-in may take here, in seconds; a person who is given longer has forgotten it. */
const LONGEST_SIGN_IN = 3_600;
/** How often mcp-remote pings where nothing else is said, in seconds. */
const PING_EVERY = 30;

const transports: Readonly<Record<string, string>> = {
  'http-first': '--transport=auto',
  'http-only': '--transport=http',
  'sse-only': '--transport=sse',
  'sse-first': '--sse-first',
};

const same = (name: string, value: string | undefined, here: string): McpRemoteOption => ({
  name,
  ...(value !== undefined && { value }),
  rewriting: { as: 'same' },
  ours: [],
  here,
});

/** The value as one of ours; what is none of theirs is handed on, and refused by ours under its own name. */
const choice = (ours: Readonly<Record<string, string>>, otherwise: string) => (value: string) => [
  Object.hasOwn(ours, value) ? (ours[value] as string) : `${otherwise}=${value}`,
];

/** Every option that its README names, in the order of the README. */
export const mcpRemoteOptions: readonly McpRemoteOption[] = [
  same('header', '"Name: value"', 'the same; a faulty one, or an unset ${VAR}, is an error'),
  same('header-file', 'path', 'the same; only you may be able to read the file (chmod 600)'),
  same('resource', 'uri', 'the same, and sign-ins for another resource are kept apart'),
  same('authorize-param', 'key=value', 'the same; for resource and scope: --resource and --scope'),
  {
    name: 'disable-resource-parameter',
    rewriting: { as: 'words', words: () => ['--no-resource'] },
    ours: ['no-resource'],
    here: '--no-resource',
  },
  {
    name: 'host',
    value: 'host',
    rewriting: { as: 'words', words: (value) => [`--callback-host=${value}`] },
    ours: ['callback-host'],
    here: '--callback-host: 127.0.0.1 or localhost, and no other',
  },
  same('callback-path', 'path', 'the same'),
  same('auth-success-url', 'url', 'the same; https, or http on this machine, whatever --allow-http says'),
  same('allow-http', undefined, 'the same'),
  {
    name: 'debug',
    rewriting: { as: 'more' },
    ours: ['log-level'],
    here: '--log-level debug, and --log-file in the folder of this program',
  },
  {
    name: 'silent',
    rewriting: { as: 'more' },
    ours: ['log-level'],
    here: '--log-level error: only what ends the bridge is told',
  },
  {
    name: 'enable-proxy',
    rewriting: { as: 'nothing', why: 'HTTP_PROXY, HTTPS_PROXY and NO_PROXY are always honoured' },
    ours: [],
    here: 'nothing to do: HTTP_PROXY, HTTPS_PROXY and NO_PROXY are always honoured',
  },
  same('ignore-tool', 'glob', 'the same; ? stands for one character'),
  {
    name: 'auth-timeout',
    value: 's',
    rewriting: { as: 'words', words: (value) => [`--sign-in-timeout=${signInTimeout(value)}`] },
    ours: ['sign-in-timeout'],
    here: '--sign-in-timeout (default 300 in place of 30, at most 3600)',
  },
  same('connect-timeout', 's', 'the same'),
  same('headers-timeout', 's', 'the same, of a request to the server'),
  same('body-timeout', 's', 'the same, of a request to the server; its listening stream has no such limit'),
  {
    name: 'keep-alive',
    rewriting: { as: 'words', words: () => [`--ping-interval=${PING_EVERY}`] },
    ours: [],
    here: 'without a number: a ping every 30 s (--keep-alive <s> is another option, see --help)',
  },
  same('ping-interval', 's', 'the same: a ping so often'),
  same('ipv4', undefined, 'the same'),
  {
    name: 'transport',
    value: 'http-first|sse-first|http-only|sse-only',
    rewriting: { as: 'words', words: choice(transports, '--transport') },
    ours: [],
    here: '--transport auto, http or sse; sse-first as it says',
  },
  {
    name: 'protocol',
    value: 'legacy|auto',
    rewriting: { as: 'words', words: (value) => [`--era=${value}`] },
    ours: ['era'],
    here: '--era, which is auto by default, without a request more',
  },
  {
    name: 'static-oauth-client-metadata',
    value: 'json|@file',
    rewriting: { as: 'more' },
    ours: [],
    here: 'its scope is --scope; the rest is registered as it is, but for redirect_uris',
  },
  {
    name: 'static-oauth-client-info',
    value: 'json|@file',
    rewriting: { as: 'more' },
    ours: ['client-id', 'client-secret'],
    here: '--client-id and --client-secret, with the redirect that mcp-remote has',
  },
  same('client-metadata-url', 'https-url', 'the same; the redirect is one that the document lists'),
  same('client-credentials', undefined, 'the same'),
  same('token-endpoint', 'url', 'the same; a resource is named there too, unless --no-resource is given'),
  same('device-code', undefined, 'the same for login; a bridge says which command that is'),
  same('disable-cookies', undefined, 'the same'),
  same('use-id-token', undefined, 'the same'),
];

/** mcp-remote has no upper bound; what is no number is left for ours to refuse. */
function signInTimeout(value: string): string {
  const seconds = /^\d+(\.\d+)?$/.test(value) ? Number(value) : Number.NaN;
  return seconds > LONGEST_SIGN_IN ? String(LONGEST_SIGN_IN) : value;
}
