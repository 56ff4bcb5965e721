import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  readdirSync,
  readSync,
  statSync,
} from 'node:fs';
import { join } from 'node:path';
import { isObject } from '../jsonrpc.ts';
import { mcpRemoteHash, sortedJson } from './mcp-remote-hash.ts';

const { O_RDONLY, O_NOFOLLOW = 0, O_NONBLOCK = 0 } = constants;

/** Tokens and registrations are small, whatever else lies there. */
const MAX_BYTES = 64 * 1024;
/** One folder for each version that was ever used. */
const MAX_FOLDERS = 200;
/** From this version on headers and resource are part of a file's name. */
const SEPARATES_SINCE = [0, 1, 30];

/** What mcp-remote keeps one sign-in apart from another by: all that its user has given on the command line. */
export interface McpRemoteConnection {
  server: URL;
  resource: string | undefined;
  headers: Readonly<Record<string, string>>;
  authorizeParams: Readonly<Record<string, string>>;
  clientMetadataUrl: string | undefined;
}

export interface JsonFile {
  json: Record<string, unknown>;
  /** When it was written last, in ms since the epoch. */
  at: number;
}

/** Says why a file is left out. */
export type Ignore = (path: string, why: string) => undefined;

/** A folder that some version of mcp-remote has kept its files in. */
export interface Layout {
  path: string;
  layout: string;
  /** Of the mcp-remote that wrote it; undefined for the layout that has none in its name. */
  version: number[] | undefined;
}

/**
 * The folders that may hold files: the first versions had them in the folder itself, those up to 0.3 in
 * `mcp-remote-<version>`, the later ones in `mcp-remote-v1`.
 */
export function layoutsIn(folder: string, ignore: Ignore): Layout[] {
  try {
    // The folder itself may be a link: people keep their dot folders elsewhere.
    if (!isOurs(statSync(folder))) {
      ignore(folder, 'it belongs to another user, or everyone may write to it');
      return [];
    }
    const layouts: Layout[] = [{ path: folder, layout: 'unversioned', version: [0, 0, 0] }];
    for (const layout of readdirSync(folder)) {
      const [, version] = /^mcp-remote-(v1|\d{1,6}\.\d{1,6}\.\d{1,6})(?:-\d{1,6})?$/.exec(layout) ?? [];
      if (version === undefined || layouts.length > MAX_FOLDERS) continue;
      const path = join(folder, layout);
      const stats = lstatSync(path);
      if (stats.isDirectory() && isOurs(stats))
        layouts.push({
          path,
          layout,
          version: version === 'v1' ? undefined : version.split('.').map(Number),
        });
      else ignore(path, 'it is no folder of this user alone');
    }
    return layouts;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'ENOENT') ignore(folder, `it can't be read (${code})`);
    return [];
  }
}

/** What the names of a connection's files may begin with in a layout: MD5 of all that tells connections apart. */
export function hashesOf(connection: McpRemoteConnection, version: readonly number[] | undefined): string[] {
  const { server, resource, headers, authorizeParams, clientMetadataUrl } = connection;
  // The URL is hashed as it was typed; that of a host alone is mostly typed without the slash.
  const urls = [server.href, ...(server.pathname === '/' && !server.search ? [server.origin] : [])];
  const separates = version === undefined || compare(version, SEPARATES_SINCE) >= 0;
  const more = separates
    ? [resource, sortedJson(authorizeParams), sortedJson(headers), clientMetadataUrl]
    : [];
  return urls.map((url) => mcpRemoteHash(url, more));
}

function compare(one: readonly number[], other: readonly number[]): number {
  const at = one.findIndex((part, index) => part !== other[index]);
  return at < 0 ? 0 : (one[at] as number) - (other[at] as number);
}

/** Reads a file as a JSON object, without following a link and without waiting for the other end of a pipe. */
export function readJson(path: string, ignore: Ignore): JsonFile | undefined {
  let descriptor: number | undefined;
  try {
    // Windows has no O_NOFOLLOW.
    if (lstatSync(path).isSymbolicLink()) return ignore(path, 'it is a link');
    descriptor = openSync(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    const stats = fstatSync(descriptor);
    if (!stats.isFile()) return ignore(path, 'it is no file');
    if (!isOurs(stats)) return ignore(path, 'it belongs to another user, or everyone may write to it');
    if (stats.size > MAX_BYTES) return ignore(path, 'it is too large');
    const bytes = Buffer.alloc(stats.size);
    const length = readSync(descriptor, bytes, 0, stats.size, 0);
    const json: unknown = JSON.parse(bytes.toString('utf8', 0, length));
    return isObject(json) ? { json, at: stats.mtimeMs } : ignore(path, 'it holds no object');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return undefined;
    // The parser's own message quotes the text.
    return ignore(path, error instanceof SyntaxError ? 'it is no JSON' : `it can't be read (${code})`);
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
  }
}

/** Whoever else may write there could have put his own tokens in. That others may read it was so in older versions. */
function isOurs({ uid, mode }: { uid: number; mode: number }): boolean {
  if (process.platform === 'win32') return true;
  return uid === process.geteuid?.() && (mode & 0o002) === 0;
}
