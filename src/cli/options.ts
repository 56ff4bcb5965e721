/** The options of the bridge as data: the fast parser, commander's help and the environment variables all read this. */
export interface OptionDefinition {
  /** The long name without dashes. */
  name: string;
  /** What stands for the value in the help; an option without one is a switch. */
  value?: string;
  repeatable?: true;
  group: string;
  help: string;
  /** Taken over from mcp-remote, for those who come from there: `help mcp-remote` and docs/migration.md have it. */
  hidden?: true;
}

const MIGRATION = 'From mcp-remote';

export const options: readonly OptionDefinition[] = [
  {
    name: 'header',
    value: '"Name: value"',
    repeatable: true,
    group: 'Headers and credentials',
    help: 'Send this header on every request to the server; ${VAR} is expanded from the environment',
  },
  {
    name: 'header-file',
    value: 'path',
    group: 'Headers and credentials',
    help: 'Read headers from a file: one "Name: value" a line, # comments',
  },
  {
    name: 'token-command',
    value: 'command',
    group: 'Headers and credentials',
    help: 'Run this program to get the bearer token, and again when the server answers 401',
  },
  {
    name: 'profile',
    value: 'name',
    group: 'Sign-in',
    help: 'Keep separate credentials for the same URL: two accounts, full and read-only (default: default)',
  },
  {
    name: 'scope',
    value: '"scopes"',
    group: 'Sign-in',
    help: 'Request exactly these scopes (default: what the server asks for)',
  },
  {
    name: 'resource',
    value: 'uri',
    group: 'Sign-in',
    help: 'Ask for a token for this resource (default: what the server says, else its URL)',
  },
  { name: 'no-resource', group: 'Sign-in', help: 'Send no resource indicator' },
  {
    name: 'client-id',
    value: 'id',
    group: 'Sign-in',
    help: 'Use this client, registered beforehand; ${VAR} is expanded',
  },
  {
    name: 'client-secret',
    value: 'secret',
    group: 'Sign-in',
    help: 'Its secret; ${VAR} is expanded, which keeps it out of the list of processes',
  },
  {
    name: 'client-metadata-url',
    value: 'https-url',
    group: 'Sign-in',
    help: 'Use this client ID metadata document (see: mcp-drawbridge client-metadata)',
  },
  {
    name: 'issuer',
    value: 'url',
    group: 'Sign-in',
    help: "Use this authorization server, whatever the server's metadata lists",
  },
  {
    name: 'authorize-param',
    value: 'key=value',
    repeatable: true,
    group: 'Sign-in',
    help: 'Add a parameter to the authorization request',
  },
  {
    name: 'allow-missing-pkce',
    group: 'Sign-in',
    help: 'Accept an authorization server whose metadata does not list S256',
  },
  {
    name: 'callback-port',
    value: 'n',
    group: 'Sign-in',
    help: 'Receive the redirect on this port, or fail (default: any that is free)',
  },
  {
    name: 'callback-host',
    value: '127.0.0.1|localhost',
    group: 'Sign-in',
    help: 'Host of the redirect (default: 127.0.0.1)',
  },
  {
    name: 'callback-path',
    value: 'path',
    group: 'Sign-in',
    help: 'Path of the redirect (default: /callback)',
  },
  {
    name: 'sign-in-timeout',
    value: 's',
    group: 'Sign-in',
    help: 'How long a sign-in may take (default: 300)',
  },
  {
    name: 'initialize-wait',
    value: 's',
    group: 'Sign-in',
    help: 'How long initialize waits for a running sign-in (default: 3)',
  },
  {
    name: 'no-browser',
    group: 'Sign-in',
    help: 'Never open a browser from the bridge; say which command signs in',
  },
  {
    name: 'device-code',
    group: 'Sign-in',
    help: 'For login: sign in on any other device, with a code; a bridge says which command does that',
  },
  {
    name: 'store',
    value: 'auto|keychain|file|memory',
    group: 'Sign-in',
    help: 'What keeps the key to stored credentials: the keychain, else a file (default: auto)',
  },
  {
    name: 'transport',
    value: 'auto|http|sse',
    group: 'Connection',
    help: 'Streamable HTTP, the older HTTP+SSE, or the one that answers (default: auto)',
  },
  {
    name: 'era',
    value: 'auto|legacy|modern',
    group: 'Connection',
    help: 'Speak the protocol of this era to the server: until 2025-11-25, or since 2026-07-28 (default: auto)',
  },
  {
    name: 'allow-http',
    group: 'Connection',
    help: 'Allow plain http to a host other than this machine',
  },
  { name: 'connect-timeout', value: 's', group: 'Connection', help: 'Limit for connecting (default: 10)' },
  {
    name: 'request-timeout',
    value: 's',
    group: 'Connection',
    help: 'Limit for a request without a sign of life (default: 60, for tool calls 300)',
  },
  {
    name: 'keep-alive',
    value: 's',
    group: 'Connection',
    help: 'Keep an idle connection this long for the next request (default: 55)',
  },
  { name: 'ca-file', value: 'pem', group: 'Connection', help: 'Trust the certificates in this file as well' },
  { name: 'ipv4', group: 'Connection', help: 'Use IPv4 addresses only' },
  { name: 'disable-cookies', group: 'Connection', help: 'Ignore cookies that the server sets' },
  {
    name: 'max-message-size',
    value: 'MiB',
    group: 'Connection',
    help: 'Refuse larger messages, in either direction (default: 32, at most 256)',
  },
  {
    name: 'allow-tool',
    value: 'glob',
    repeatable: true,
    group: 'Tools',
    help: 'Show and call only tools whose name matches; * and ? are wildcards',
  },
  {
    name: 'ignore-tool',
    value: 'glob',
    repeatable: true,
    group: 'Tools',
    help: 'Hide tools whose name matches, and refuse to call them',
  },
  {
    name: 'log-level',
    value: 'error|warn|info|debug|trace',
    group: 'Logging',
    help: 'What is logged to stderr (default: warn)',
  },
  { name: 'log-file', value: 'path', group: 'Logging', help: 'Log to this file as well' },
  { name: 'log-format', value: 'text|json', group: 'Logging', help: 'Form of a log line (default: text)' },
  {
    name: 'auth-success-url',
    value: 'url',
    group: MIGRATION,
    help: 'Send the browser here after the sign-in, in place of our own page',
    hidden: true,
  },
  {
    name: 'client-auth-method',
    value: 'none|client_secret_basic|client_secret_post',
    group: MIGRATION,
    help: 'How the client proves itself at the token endpoint (default: as the authorization server offers)',
    hidden: true,
  },
  {
    name: 'registration-metadata',
    value: 'json',
    group: MIGRATION,
    help: 'Register these members of the client in place of our own',
    hidden: true,
  },
  {
    name: 'ping-interval',
    value: 's',
    group: MIGRATION,
    help: 'Ping the server so often, so that nobody on the way takes the connection for dead',
    hidden: true,
  },
  {
    name: 'headers-timeout',
    value: 's',
    group: MIGRATION,
    help: 'Limit for the beginning of an answer (0: none)',
    hidden: true,
  },
  {
    name: 'body-timeout',
    value: 's',
    group: MIGRATION,
    help: 'Limit between two pieces of an answer (0: none)',
    hidden: true,
  },
  {
    name: 'sse-first',
    group: MIGRATION,
    help: 'Try HTTP+SSE before Streamable HTTP',
    hidden: true,
  },
];

/** What was given for each option, by long name: true for a switch, a list for a repeatable one. */
export type OptionValues = Readonly<Record<string, string | boolean | string[] | undefined>>;

/** The environment variable behind an option: `--log-level` is MCP_DRAWBRIDGE_LOG_LEVEL. */
export function environmentName(option: string): string {
  return `MCP_DRAWBRIDGE_${option.toUpperCase().replaceAll('-', '_')}`;
}
