import type { LogSettings } from './logger.ts';

/** Everything the user can set for a connection, checked and with defaults filled in. Times are in milliseconds. */
export interface Settings {
  /** The MCP endpoint: https, or http where it is loopback or `--allow-http` was given. */
  url: URL;
  transport: TransportChoice;
  network: NetworkSettings;
  /** The user's own headers, sent on every request to the MCP server's origin and nowhere else. */
  headers: Readonly<Record<string, string>>;
  /** The command that prints a bearer token, split into words. */
  tokenCommand: readonly string[] | undefined;
  tools: ToolFilterSettings;
  /** The size in bytes above which a message is refused, in either direction. */
  maxMessageBytes: number;
  log: LogSettings;
}

export const transportChoices = ['auto', 'http', 'sse'] as const;
type TransportChoice = (typeof transportChoices)[number];

export interface NetworkSettings {
  /** How long a connection may take, TLS and proxy included. */
  connectTimeout: number;
  /** How long a request may go without a sign of life; undefined: the defaults of bridge/limits.ts. */
  requestTimeout: number | undefined;
  /** How long an idle connection is kept for the next request. */
  keepAlive: number;
  /** PEM certificates trusted in addition to the default ones. */
  ca: string | undefined;
  ipv4Only: boolean;
  cookies: boolean;
  /** The environment that names the proxies: HTTP_PROXY, HTTPS_PROXY, NO_PROXY. */
  env: NodeJS.ProcessEnv;
}

/** Globs over tool names: a tool passes where it matches one of `allow` (or `allow` is empty) and none of `ignore`. */
export interface ToolFilterSettings {
  allow: readonly string[];
  ignore: readonly string[];
}
