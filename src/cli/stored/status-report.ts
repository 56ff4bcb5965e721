import { EraFile } from '../../bridge/era/era-file.ts';
import { StoredServerMemory } from '../../bridge/stored-server-memory.ts';
import type { KeyHolderDescription } from '../../credentials/key-texts.ts';
import { type ConnectionRecord, parseConnectionRecord } from '../../credentials/record.ts';
import type { CredentialStore } from '../../credentials/store.ts';
import { DrawbridgeError, displayText } from '../../errors.ts';
import { isObject } from '../../jsonrpc.ts';
import type { Logger } from '../../logger.ts';
import { fixCommand } from './fix-command.ts';
import { describeRemote, type RemoteStatus } from './status-remote.ts';
import { isoTime } from './times.ts';

/** Credentials that can't be renewed are warned of when they end within this time, in milliseconds. */
const SOON = 3_600_000;

/** `kept`: of another authorization server than the one in use; the server may name that one again. */
export type State = 'ok' | 'warning' | 'failed' | 'kept';

/** What is wrong with stored credentials. */
export type Problem = 'expired' | 'ends-soon' | 'renewal-interrupted' | 'client-expired';

/** One record of the store as `status --json` gives it (docs/status-json.md); it holds no secret. */
export interface ConnectionStatus {
  /** Without its query, which may hold a key. */
  server: string;
  profile: string;
  state: State;
  /** Whether a request can be made with it, after a renewal perhaps. */
  usable: boolean;
  /** Whether it is what bridges use: the latest of this server, profile and grant. */
  inUse: boolean;
  problem: Problem | null;
  /** The command that would help. */
  fix: string | null;
  kind: 'oauth' | 'personal-token';
  /** By what it is got and renewed without a sign-in at the issuer; null where a user has signed in. */
  grant: NonNullable<ConnectionRecord['grant']> | null;
  /** `DPoP`: bound to a key, which is kept with it. */
  tokenType: ConnectionRecord['tokenType'];
  issuer: string;
  /** Not known: nothing that is kept tells it. */
  account: null;
  scopes: string[] | null;
  resource: string | null;
  expiresAt: string | null;
  /** Seconds from `generatedAt`; negative where it is over. */
  expiresIn: number | null;
  refreshable: boolean;
  client: { id: string; source: ConnectionRecord['client']['source'] };
  signedInAt: string;
  obtainedAt: string;
  importedFrom: string | null;
  generation: number;
  remote: RemoteStatus | null;
}

/** The document of `status --json`. */
export interface StatusReport {
  schema: 'mcp-drawbridge/status';
  version: 1;
  generatedAt: string;
  store: {
    folder: string;
    holder: KeyHolderDescription['holder'];
    heldSince: string | null;
    protection: string;
  };
  connections: ConnectionStatus[];
  /** The command for the first problem. */
  fix: string | null;
}

export interface StatusQuery {
  /** Of one server only. */
  server: URL | undefined;
  /** Of one profile only. */
  profile: string | undefined;
}

/**
 * Reads what is stored, as people and programs may see it.
 *
 * @param store undefined where there is none
 * @param now epoch milliseconds
 * @throws DrawbridgeError `credential-store`
 */
export function readStatus(
  store: CredentialStore,
  folder: string,
  query: StatusQuery,
  now: number,
  log: Logger,
): StatusReport {
  const { holder, since, sentence } = store.describeKeyHolder();
  const stored = readRecords(store);
  const all = stored.map(({ record }) => record);
  const found = stored
    .filter(({ record: { server, profile } }) => {
      const isServer = query.server === undefined || server === query.server.href;
      return isServer && (query.profile === undefined || profile === query.profile);
    })
    .sort(inOrder);
  const seen = new Set<string>();
  const connections = found.map(({ record, generation }) => {
    const { server, profile, grant = '' } = record;
    // Which of several grants is used is for the options of a bridge to say.
    const use = JSON.stringify([server, profile, grant]);
    const isLatest = !seen.has(use);
    seen.add(use);
    const verdict = new EraFile(folder, server, profile).read();
    const told = new StoredServerMemory(store, server, profile, log).read();
    return { ...describe(record, now, isLatest, all), generation, remote: describeRemote(verdict, told) };
  });
  const nothing = query.server && !connections.some(({ inUse, usable }) => inUse && usable);
  const fix = connections.find((one) => one.fix !== null)?.fix;
  return {
    schema: 'mcp-drawbridge/status',
    version: 1,
    generatedAt: isoTime(now),
    store: {
      folder: displayText(folder, 400),
      holder,
      heldSince: since === undefined ? null : isoTime(since),
      protection: sentence,
    },
    connections,
    fix: fix ?? (nothing && query.server ? fixCommand(query.server.href, query.profile) : null),
  };
}

interface Found {
  record: ConnectionRecord;
  generation: number;
}

function readRecords(store: CredentialStore): Found[] {
  return store.list('connection').flatMap((id) => {
    const stored = store.read<unknown>('connection', id);
    const record = stored && parseConnectionRecord(stored.value);
    if (stored && record) return [{ record, generation: stored.generation }];
    if (isObject(stored?.value) && Number(stored.value.schema) > 1)
      throw new DrawbridgeError(
        'credential-store',
        'A newer version of mcp-drawbridge has written the stored credentials. Update this one.',
      );
    return []; // damaged, and put aside
  });
}

function inOrder({ record: a }: Found, { record: b }: Found): number {
  const compare = (one: string, other: string): number => (one < other ? -1 : one > other ? 1 : 0);
  return (
    compare(a.server, b.server) || compare(a.profile, b.profile) || b.signedInAt - a.signedInAt // the latest first
  );
}

function describe(
  record: ConnectionRecord,
  now: number,
  inUse: boolean,
  all: readonly ConnectionRecord[],
): Omit<ConnectionStatus, 'generation' | 'remote'> {
  const { server, profile, issuer, scope, resource, expiresAt, client, importedFrom } = record;
  const judged = judge(record, now);
  const hasProblem = inUse && judged.problem !== null;
  return {
    server: shownUrl(server),
    profile,
    state: inUse ? judged.state : 'kept',
    usable: judged.state !== 'failed',
    inUse,
    problem: inUse ? judged.problem : null,
    fix: hasProblem ? fixCommand(server, profile, record, all) : null,
    kind: record.personalToken ? 'personal-token' : 'oauth',
    grant: record.grant ?? null,
    tokenType: record.tokenType,
    issuer: displayText(issuer, 300),
    account: null,
    scopes:
      scope === undefined
        ? null
        : scope
            .split(' ')
            .filter(Boolean)
            .map((one) => displayText(one)),
    resource: resource === null ? null : shownUrl(resource),
    expiresAt: expiresAt === undefined ? null : isoTime(expiresAt),
    expiresIn: expiresAt === undefined ? null : Math.floor((expiresAt - now) / 1000),
    refreshable: isRefreshable(record, now),
    client: { id: displayText(client.id, 300), source: client.source },
    signedInAt: isoTime(record.signedInAt),
    obtainedAt: isoTime(record.obtainedAt),
    importedFrom: importedFrom === undefined ? null : displayText(importedFrom),
  };
}

function judge(record: ConnectionRecord, now: number): { state: State; problem: Problem | null } {
  const { expiresAt = Number.POSITIVE_INFINITY, refreshToken, refreshPending } = record;
  const isOver = expiresAt <= now;
  if (isRefreshable(record, now))
    return refreshPending
      ? { state: 'warning', problem: 'renewal-interrupted' }
      : { state: 'ok', problem: null };
  const hasLostClient = refreshToken !== undefined;
  if (isOver) return { state: 'failed', problem: hasLostClient ? 'client-expired' : 'expired' };
  if (hasLostClient) return { state: 'warning', problem: 'client-expired' };
  return expiresAt - now <= SOON
    ? { state: 'warning', problem: 'ends-soon' }
    : { state: 'ok', problem: null };
}

function isRefreshable({ refreshToken, client, grant }: ConnectionRecord, now: number): boolean {
  // The grant is in the options of the bridge, and as good as those are.
  if (grant !== undefined) return true;
  return refreshToken !== undefined && (client.secretExpiresAt ?? Number.POSITIVE_INFINITY) > now;
}

function shownUrl(text: string): string {
  if (!URL.canParse(text)) return displayText(text, 300);
  const url = new URL(text);
  return displayText(url.search ? `${url.origin}${url.pathname}?…` : text, 300);
}
