import { homedir } from 'node:os';
import { join } from 'node:path';
import { displayText } from '../errors.ts';
import { isObject } from '../jsonrpc.ts';
import type { Logger } from '../logger.ts';
import type { Settings } from '../settings.ts';
import { mcpRemoteHeaders } from './mcp-remote-hash.ts';
import {
  hashesOf,
  type Ignore,
  type JsonFile,
  layoutsIn,
  type McpRemoteConnection,
  readJson,
} from './mcp-remote-layouts.ts';

const MAX_TOKEN = 16 * 1024;

/** A sign-in of mcp-remote's as its files have it. Times are in ms since the epoch. */
export interface McpRemoteSignIn {
  /** The name of the folder that it was found in, which tells the version. */
  layout: string;
  accessToken: string;
  refreshToken: string | undefined;
  scope: string | undefined;
  expiresAt: number | undefined;
  /** When the tokens were written. */
  obtainedAt: number;
  /** The authorization server that the tokens are of; undefined where nothing in the files tells it. */
  issuer: string | undefined;
  /** The registered client, where it is the one that the tokens were given to. */
  client: McpRemoteClient | undefined;
}

/** A client registration (RFC 7591 section 3.2.1) as mcp-remote keeps it. */
interface McpRemoteClient {
  id: string;
  secret: string | undefined;
  secretExpiresAt: number | undefined;
  /** `token_endpoint_auth_method`. */
  authMethod: string | undefined;
}

/** Where mcp-remote keeps its files; undefined for a user without a home. */
export function mcpRemoteFolder(env: NodeJS.ProcessEnv): string | undefined {
  if (env.MCP_REMOTE_CONFIG_DIR) return env.MCP_REMOTE_CONFIG_DIR;
  try {
    return join(homedir(), '.mcp-auth');
  } catch {
    return undefined;
  }
}

/**
 * The sign-ins that mcp-remote has kept for a connection, the latest first. Its files are read and nothing else: no lock
 * of it is taken, nothing is written. Whatever is damaged, too large, a link or another user's is left out.
 *
 * @param folder see mcpRemoteFolder; it need not exist
 */
export function findMcpRemoteSignIns(
  folder: string,
  connection: McpRemoteConnection,
  log: Pick<Logger, 'debug'>,
): McpRemoteSignIn[] {
  const ignore: Ignore = (path, why) => {
    log.debug('file of mcp-remote ignored', { file: displayText(path, 400), why });
    return undefined;
  };
  const found: McpRemoteSignIn[] = [];
  for (const { path, layout, version } of layoutsIn(folder, ignore)) {
    for (const hash of hashesOf(connection, version)) {
      const tokens = readJson(join(path, `${hash}_tokens.json`), ignore);
      if (!tokens) continue;
      const client = readJson(join(path, `${hash}_client_info.json`), ignore);
      const signIn = parseSignIn(tokens, client);
      if (signIn) found.push({ layout, ...signIn });
      else ignore(join(path, `${hash}_tokens.json`), 'it holds no bearer token');
    }
  }
  return found.sort((a, b) => b.obtainedAt - a.obtainedAt);
}

/** Whether mcp-remote has kept tokens for the connection of these settings, which a bridge takes over. */
export function hasMcpRemoteSignIn(
  settings: Settings,
  log: Parameters<typeof findMcpRemoteSignIns>[2],
): boolean {
  const { signIn, network } = settings;
  const folder = mcpRemoteFolder(network.env);
  if (folder === undefined || signIn.profile !== 'default') return false;
  return findMcpRemoteSignIns(folder, connectionOf(settings), log).length > 0;
}

/** What mcp-remote would have been given by these settings. */
export function connectionOf({ url, signIn, headers, headerLines }: Settings): McpRemoteConnection {
  const { authorizeParams, clientMetadataUrl } = signIn;
  const resource = signIn.resource ?? undefined;
  const given = headerLines === undefined ? headers : mcpRemoteHeaders(headerLines);
  return { server: url, resource, headers: given, authorizeParams, clientMetadataUrl };
}

/** Whether two texts name the same issuer: mcp-remote writes it with a slash at its end or without. */
export function isSameIssuer(one: string, other: string): boolean {
  return one.replace(/\/$/, '') === other.replace(/\/$/, '');
}

function parseSignIn(
  tokens: JsonFile,
  client: JsonFile | undefined,
): Omit<McpRemoteSignIn, 'layout'> | undefined {
  const { access_token, token_type, refresh_token, scope, expires_in } = tokens.json;
  // RFC 6750 section 2.1, and more: what else fits into a header.
  if (!isText(access_token, /^[\x21-\x7e]+$/)) return undefined;
  if (token_type !== undefined && String(token_type).toLowerCase() !== 'bearer') return undefined;
  const expiresAt = positive(tokens.json.expires_at);
  const expiresIn = positive(expires_in);
  return {
    accessToken: access_token,
    refreshToken: isText(refresh_token, /^[\x20-\x7e]+$/) ? refresh_token : undefined,
    scope: isText(scope, /^[\x20-\x7e]+$/) ? scope : undefined,
    // Up to 0.1.38 or so only the life is kept; the file was written when it began.
    expiresAt: expiresAt ?? (expiresIn && tokens.at + expiresIn * 1000),
    obtainedAt: tokens.at,
    issuer: issuerOf(tokens, client),
    client: client && isClientOf(tokens, client) ? parseClient(client.json) : undefined,
  };
}

/**
 * The issuer of the tokens. Since 0.9 they bear its name, but for those that mcp-remote has renewed ahead of time; then
 * the client has it, and a refresh token is its client's (RFC 6749 section 10.4). Before that only a token that is a JWT
 * tells where it is from (RFC 9068 section 2.2, OpenID Connect Core section 2). It need not be verified: it is believed
 * about the token beside it only, and that both came from one token endpoint is what the file says.
 */
function issuerOf(tokens: JsonFile, client: JsonFile | undefined): string | undefined {
  const { issuer, id_token, access_token } = tokens.json;
  const stamps = [issuer, client && client.at <= tokens.at ? client.json.issuer : undefined];
  const claims = [issuerInJwt(id_token), issuerInJwt(access_token)];
  return [...stamps, ...claims].find((named) => isText(named, /^https?:\/\/[\x21-\x7e]+$/)) as
    | string
    | undefined;
}

/** A client that was registered after the tokens were given is another one, maybe another authorization server's. */
function isClientOf(tokens: JsonFile, client: JsonFile): boolean {
  const { issuer } = tokens.json;
  const stamp = client.json.issuer;
  const isStamped = typeof issuer === 'string' && typeof stamp === 'string';
  return isStamped ? isSameIssuer(issuer, stamp) : client.at <= tokens.at;
}

function parseClient(json: Record<string, unknown>): McpRemoteClient | undefined {
  const { client_id: id, client_secret: secret, token_endpoint_auth_method: authMethod } = json;
  // RFC 6749 appendix A.1 and A.2
  if (!isText(id, /^[\x20-\x7e]{1,2048}$/)) return undefined;
  const secretExpires = positive(json.client_secret_expires_at);
  return {
    id,
    secret: isText(secret, /^[\x20-\x7e]{1,2048}$/) ? secret : undefined,
    secretExpiresAt: secretExpires && secretExpires * 1000,
    authMethod: typeof authMethod === 'string' ? authMethod : undefined,
  };
}

function issuerInJwt(token: unknown): string | undefined {
  if (typeof token !== 'string') return undefined;
  const [, payload, signature, more] = token.split('.');
  if (payload === undefined || signature === undefined || more !== undefined) return undefined;
  try {
    const claims: unknown = JSON.parse(Buffer.from(payload, 'base64url').toString('utf8'));
    return isObject(claims) && typeof claims.iss === 'string' ? claims.iss : undefined;
  } catch {
    return undefined;
  }
}

function isText(value: unknown, shape: RegExp): value is string {
  return typeof value === 'string' && value.length <= MAX_TOKEN && shape.test(value);
}

/** A time or a life. Some versions keep numbers as text. */
function positive(value: unknown): number | undefined {
  const number = typeof value === 'number' || typeof value === 'string' ? Number(value) : Number.NaN;
  return number > 0 && number < 1e14 ? number : undefined;
}
