/** The options of the bridge as data: the fast parser, commander's help and the environment variables all read this. */
export interface OptionDefinition {
  /** The long name without dashes. */
  name: string;
  /** What stands for the value in the help; an option without one is a switch. */
  value?: string;
  repeatable?: true;
  group: string;
  help: string;
}

const MACHINES = 'Machines and enterprises';

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
    help: 'Run this program to get the bearer token, and again when that ends or the server answers 401',
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
    name: 'client-key',
    value: 'file',
    group: 'Sign-in',
    help: 'Its private key in place of a secret (private_key_jwt): PEM or JWK',
  },
  {
    name: 'client-key-alg',
    value: 'RS256|PS256|ES256|EdDSA',
    group: 'Sign-in',
    help: "Sign with this algorithm (default: the key's own, as the authorization server takes it)",
  },
  {
    name: 'client-key-id',
    value: 'kid',
    group: 'Sign-in',
    help: "Name the key by this (default: the JWK's own kid, else none)",
  },
  {
    name: 'client-assertion-audience',
    value: 'audience',
    group: 'Sign-in',
    help: 'Whom the signed assertion is for: issuer, token-endpoint or a URI (default: issuer)',
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
    help: "Add a parameter to the authorization request, or to the token request of a machine's grant",
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
    name: 'use-id-token',
    group: 'Sign-in',
    help: 'Present the ID token (OpenID Connect) to the server in place of the access token',
  },
  {
    name: 'dpop',
    value: 'auto|on|off',
    group: 'Sign-in',
    help: 'Bind tokens to a key of their own (default: auto, where the MCP server takes such tokens)',
  },
  {
    name: 'store',
    value: 'auto|keychain|file|memory',
    group: 'Sign-in',
    help: 'What keeps the key to stored credentials: the keychain, else a file (default: auto)',
  },
  {
    name: 'client-credentials',
    group: MACHINES,
    help: 'Get tokens as the client itself, which --client-id and its secret or key prove, without a user',
  },
  {
    name: 'token-endpoint',
    value: 'url',
    group: MACHINES,
    help: 'Get them here, where the server publishes no metadata',
  },
  {
    name: 'workload-token-file',
    value: 'path',
    group: MACHINES,
    help: 'Get tokens for the JWT in this file, which the platform renews (workload identity federation)',
  },
  {
    name: 'workload-token-command',
    value: 'command',
    group: MACHINES,
    help: 'The same for the JWT that this program prints',
  },
  {
    name: 'idp-issuer',
    value: 'url',
    group: MACHINES,
    help: "Sign in at this identity provider of the company's, once for all servers (enterprise-managed authorization)",
  },
  {
    name: 'idp-client-id',
    value: 'id',
    group: MACHINES,
    help: 'The client that is registered there; ${VAR} is expanded',
  },
  {
    name: 'idp-client-secret',
    value: 'secret',
    group: MACHINES,
    help: 'Its secret; ${VAR} is expanded',
  },
  {
    name: 'idp-token-endpoint',
    value: 'url',
    group: MACHINES,
    help: "Exchange tokens here (default: what the identity provider's metadata says)",
  },
  {
    name: 'id-token-file',
    value: 'path',
    group: MACHINES,
    help: "Take the identity provider's ID token from this file in place of a sign-in there",
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
];

/** What was given for each option, by long name: true for a switch, a list for a repeatable one. */
export type OptionValues = Readonly<Record<string, string | boolean | string[] | undefined>>;

/** The environment variable behind an option: `--log-level` is MCP_DRAWBRIDGE_LOG_LEVEL. */
export function environmentName(option: string): string {
  return `MCP_DRAWBRIDGE_${option.toUpperCase().replaceAll('-', '_')}`;
}
