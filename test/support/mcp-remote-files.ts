import { createHash } from 'node:crypto';
import {
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { tempFolder } from './temp-folder.ts';

const fixtures = fileURLToPath(new URL('../fixtures/mcp-remote/', import.meta.url));

/** The runs of mcp-remote that are kept. */
export const mcpRemoteRuns = readdirSync(fixtures).filter((name) => /^\d/.test(name));

type Fields = Record<string, unknown>;

interface Changes {
  /** The server of the connection, that of the run by default. */
  url?: string;
  /** Members of the tokens, over those of the run; undefined leaves one out. */
  tokens?: Fields;
  /** The same of the client's registration; undefined removes the file. */
  client?: Fields | undefined;
  /** How long ago the files were written, in milliseconds: both a minute by default, the client first. */
  age?: number;
  clientAge?: number;
  /** The folder of mcp-remote, a new one by default. */
  folder?: string;
}

interface McpRemoteFiles {
  /** For MCP_REMOTE_CONFIG_DIR. */
  folder: string;
  layout: string;
  tokensFile: string;
  clientFile: string;
  tokens: Fields;
  client: Fields;
  /** The server and the issuer that the run was made with. */
  url: string;
  issuer: string;
  /** Bytes, mode and time of every file, to see that nothing was touched. */
  snapshot(): string[];
}

/** The files of a run of mcp-remote in a folder of the running test, changed to belong to another connection. */
export function mcpRemoteFiles(run: string, changes: Changes = {}): McpRemoteFiles {
  const { age = 60_000, clientAge = age + 100, folder = join(tempFolder(), 'mcp-auth') } = changes;
  const from = join(fixtures, run);
  const { url, issuer, ...made } = readJson(join(from, 'run.json'));
  const layout = readdirSync(from).find((name) => name.startsWith('mcp-remote-')) as string;
  const names = readdirSync(join(from, layout));
  const named = (end: string): string => names.find((name) => name.endsWith(end)) as string;
  const hash =
    changes.url === undefined
      ? (named('_tokens.json').split('_')[0] as string)
      : md5(changes.url, ...hashed(made.arguments as string[]));
  const kept = readJson(join(from, layout, named('_tokens.json')));
  // The end of a token is a date; the run was made long ago, and is to be as old as its files.
  const isDated = typeof kept.expires_at === 'number' && typeof kept.expires_in === 'number';
  const dated = isDated && { expires_at: Date.now() - age + Number(kept.expires_in) * 1000 };
  const tokens = { ...kept, ...dated, ...changes.tokens };
  const client = { ...readJson(join(from, layout, named('_client_info.json'))), ...changes.client };
  const tokensFile = join(folder, layout, `${hash}_tokens.json`);
  const clientFile = join(folder, layout, `${hash}_client_info.json`);
  mkdirSync(join(folder, layout), { recursive: true });
  chmodSync(folder, 0o755);
  chmodSync(join(folder, layout), 0o755);
  write(tokensFile, tokens, age);
  const hasClient = !('client' in changes) || changes.client !== undefined;
  if (hasClient) write(clientFile, client, clientAge);
  return {
    folder,
    layout,
    tokensFile,
    clientFile,
    tokens,
    client,
    url: url as string,
    issuer: issuer as string,
    snapshot: () => snapshot(folder),
  };
}

export function md5(...parts: string[]): string {
  return createHash('md5').update(parts.join('|')).digest('hex');
}

/** What else than the URL is in the names of the files of the run with other arguments. */
function hashed(given: string[]): string[] {
  const header = given[given.indexOf('--header') + 1]?.split(':');
  const resource = given[given.indexOf('--resource') + 1];
  if (given.length === 0 || !header || resource === undefined) return [];
  return [resource, JSON.stringify({ [header[0] as string]: header[1] })];
}

function readJson(path: string): Fields {
  return JSON.parse(readFileSync(path, 'utf8')) as Fields;
}

function write(path: string, value: Fields, age: number): void {
  writeFileSync(path, JSON.stringify(value, null, 2), { mode: 0o600 });
  const time = new Date(Date.now() - age);
  utimesSync(path, time, time);
}

function snapshot(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .sort()
    .map((name) => {
      const path = join(folder, name);
      const stats = statSync(path);
      const { mode, mtimeMs, ino } = stats;
      const bytes = stats.isFile() ? readFileSync(path, 'latin1') : '';
      return JSON.stringify({ name, mode, mtimeMs, ino, bytes });
    });
}
