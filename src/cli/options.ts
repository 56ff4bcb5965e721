/**
 * The options of the bridge as data: the fast parser, commander and the environment variables all read this. What the
 * help says of them is in option-help.ts, which no start needs.
 */
export interface OptionDefinition {
  /** The long name without dashes. */
  name: string;
  /** What stands for the value in the help; an option without one is a switch. */
  value?: string;
  repeatable?: true;
  group: string;
  /** Taken over from mcp-remote, for those who come from there: `help mcp-remote` and docs/migration.md have it. */
  hidden?: true;
}

const MIGRATION = 'From mcp-remote';
const MACHINES = 'Machines and enterprises';

export const options: readonly OptionDefinition[] = [
  { name: 'header', value: '"Name: value"', repeatable: true, group: 'Headers and credentials' },
  { name: 'header-file', value: 'path', group: 'Headers and credentials' },
  { name: 'token-command', value: 'command', group: 'Headers and credentials' },
  { name: 'profile', value: 'name', group: 'Sign-in' },
  { name: 'scope', value: '"scopes"', group: 'Sign-in' },
  { name: 'resource', value: 'uri', group: 'Sign-in' },
  { name: 'no-resource', group: 'Sign-in' },
  { name: 'client-id', value: 'id', group: 'Sign-in' },
  { name: 'client-secret', value: 'secret', group: 'Sign-in' },
  { name: 'client-key', value: 'file', group: 'Sign-in' },
  { name: 'client-key-alg', value: 'RS256|PS256|ES256|EdDSA', group: 'Sign-in' },
  { name: 'client-key-id', value: 'kid', group: 'Sign-in' },
  { name: 'client-assertion-audience', value: 'audience', group: 'Sign-in' },
  { name: 'client-metadata-url', value: 'https-url', group: 'Sign-in' },
  { name: 'issuer', value: 'url', group: 'Sign-in' },
  { name: 'authorize-param', value: 'key=value', repeatable: true, group: 'Sign-in' },
  { name: 'allow-missing-pkce', group: 'Sign-in' },
  { name: 'callback-port', value: 'n', group: 'Sign-in' },
  { name: 'callback-host', value: '127.0.0.1|localhost', group: 'Sign-in' },
  { name: 'callback-path', value: 'path', group: 'Sign-in' },
  { name: 'sign-in-timeout', value: 's', group: 'Sign-in' },
  { name: 'initialize-wait', value: 's', group: 'Sign-in' },
  { name: 'no-browser', group: 'Sign-in' },
  { name: 'device-code', group: 'Sign-in' },
  { name: 'use-id-token', group: 'Sign-in' },
  { name: 'dpop', value: 'auto|on|off', group: 'Sign-in' },
  { name: 'store', value: 'auto|keychain|file|memory', group: 'Sign-in' },
  { name: 'client-credentials', group: MACHINES },
  { name: 'token-endpoint', value: 'url', group: MACHINES },
  { name: 'workload-token-file', value: 'path', group: MACHINES },
  { name: 'workload-token-command', value: 'command', group: MACHINES },
  { name: 'idp-issuer', value: 'url', group: MACHINES },
  { name: 'idp-client-id', value: 'id', group: MACHINES },
  { name: 'idp-client-secret', value: 'secret', group: MACHINES },
  { name: 'idp-token-endpoint', value: 'url', group: MACHINES },
  { name: 'id-token-file', value: 'path', group: MACHINES },
  { name: 'transport', value: 'auto|http|sse', group: 'Connection' },
  { name: 'era', value: 'auto|legacy|modern', group: 'Connection' },
  { name: 'allow-http', group: 'Connection' },
  { name: 'connect-timeout', value: 's', group: 'Connection' },
  { name: 'request-timeout', value: 's', group: 'Connection' },
  { name: 'keep-alive', value: 's', group: 'Connection' },
  { name: 'ca-file', value: 'pem', group: 'Connection' },
  { name: 'ipv4', group: 'Connection' },
  { name: 'disable-cookies', group: 'Connection' },
  { name: 'max-message-size', value: 'MiB', group: 'Connection' },
  { name: 'allow-tool', value: 'glob', repeatable: true, group: 'Tools' },
  { name: 'ignore-tool', value: 'glob', repeatable: true, group: 'Tools' },
  { name: 'log-level', value: 'error|warn|info|debug|trace', group: 'Logging' },
  { name: 'log-file', value: 'path', group: 'Logging' },
  { name: 'log-format', value: 'text|json', group: 'Logging' },
  { name: 'auth-success-url', value: 'url', group: MIGRATION, hidden: true },
  {
    name: 'client-auth-method',
    value: 'none|client_secret_basic|client_secret_post',
    group: MIGRATION,
    hidden: true,
  },
  { name: 'registration-metadata', value: 'json', group: MIGRATION, hidden: true },
  { name: 'ping-interval', value: 's', group: MIGRATION, hidden: true },
  { name: 'headers-timeout', value: 's', group: MIGRATION, hidden: true },
  { name: 'body-timeout', value: 's', group: MIGRATION, hidden: true },
  { name: 'sse-first', group: MIGRATION, hidden: true },
];

/** What was given for each option, by long name: true for a switch, a list for a repeatable one. */
export type OptionValues = Readonly<Record<string, string | boolean | string[] | undefined>>;

/** The environment variable behind an option: `--log-level` is MCP_DRAWBRIDGE_LOG_LEVEL. */
export function environmentName(option: string): string {
  return `MCP_DRAWBRIDGE_${option.toUpperCase().replaceAll('-', '_')}`;
}
