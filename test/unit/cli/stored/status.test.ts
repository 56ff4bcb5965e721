import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { EraFile } from '../../../../src/bridge/era/era-file.ts';
import { StoredServerMemory } from '../../../../src/bridge/stored-server-memory.ts';
import type { Surface } from '../../../../src/cli/stored/output.ts';
import { readStatus, type StatusReport } from '../../../../src/cli/stored/status-report.ts';
import { statusText } from '../../../../src/cli/stored/status-text.ts';
import type { ConnectionRecord } from '../../../../src/credentials/record.ts';
import type { CredentialStore } from '../../../../src/credentials/store.ts';
import { tempFolder } from '../../../support/temp-folder.ts';
import { connectionRecord, newStore, storeConnection } from '../../helpers/oauth-parts.ts';
import { recordingLogger } from '../../helpers/recording-logger.ts';

const NOW = Date.parse('2026-03-04T05:06:07Z');
const MINUTE = 60_000;
const plain: Surface = { width: undefined, hasColour: false };

function record(more: Partial<ConnectionRecord> = {}): ConnectionRecord {
  return connectionRecord({
    signedInAt: NOW - 3 * 24 * 60 * MINUTE,
    obtainedAt: NOW - 10 * MINUTE,
    expiresAt: NOW + 50 * MINUTE,
    scope: 'mcp:tools offline_access',
    accessToken: 'canary-access',
    refreshToken: 'canary-refresh',
    ...more,
  });
}

function report(store: CredentialStore, server?: string, profile?: string): StatusReport {
  const query = { server: server === undefined ? undefined : new URL(server), profile };
  return readStatus(store, '/home/ada/store', query, NOW, recordingLogger().log);
}

async function storeWith(...records: ConnectionRecord[]): Promise<CredentialStore> {
  const { store } = newStore();
  for (const one of records) await storeConnection(store, one);
  return store;
}

/** One of each kind. */
async function variedStore(): Promise<CredentialStore> {
  const store = await storeWith(
    record(),
    record({
      profile: 'work',
      issuer: 'https://old.example',
      signedInAt: NOW - 9 * 24 * 60 * MINUTE,
      expiresAt: undefined,
    }),
    record({
      profile: 'work',
      refreshToken: undefined,
      expiresAt: NOW - 90 * MINUTE,
      scope: undefined,
      client: {
        id: 'known',
        source: 'configured',
        authMethod: 'client_secret_basic',
        secret: 'canary-secret',
      },
    }),
    record({
      server: 'https://ends.example/mcp?key=canary-query',
      resource: 'https://ends.example/',
      refreshToken: undefined,
      expiresAt: NOW + 20 * MINUTE,
      importedFrom: 'mcp-remote',
    }),
    record({ server: 'https://cut.example/', refreshPending: true, expiresAt: NOW - 1000 }),
    record({
      server: 'https://pat.example/mcp',
      issuer: 'https://pat.example',
      personalToken: true,
      refreshToken: undefined,
      expiresAt: undefined,
      client: { id: 'none', source: 'configured', authMethod: 'none' },
    }),
    record({
      server: 'https://lost.example/mcp',
      expiresAt: NOW - 1000,
      client: {
        id: 'c2',
        source: 'registered',
        authMethod: 'client_secret_post',
        secret: 'canary-secret-2',
        secretExpiresAt: NOW - MINUTE,
      },
    }),
  );
  const memory = new StoredServerMemory(store, record().server, 'default', recordingLogger().log);
  memory.remember({
    protocolVersion: '2025-11-25',
    capabilities: {},
    serverInfo: { name: 'Exam\u001b[31mple', version: '1.2.3' },
  });
  while (!memory.read()) await new Promise((resolve) => setTimeout(resolve, 5));
  return store;
}

describe('status for people', () => {
  test('of everything that is stored, in a file', async () => {
    const text = statusText(report(await variedStore()), undefined, plain);
    await expect(text).toMatchFileSnapshot('./golden/status-all.txt');
    expect(text).not.toContain('canary');
    expect(text).not.toContain('\u001b');
  });

  test('in colour, on a narrow terminal', async () => {
    const server = record().server;
    const one = report(await variedStore(), server);
    const text = statusText(one, server, { width: 50, hasColour: true });
    await expect(text).toMatchFileSnapshot('./golden/status-narrow.txt');
    const uncoloured = text.replace(/\u001b\[\d+m/g, '');
    for (const line of uncoloured.split('\n'))
      if (!/https?:\/\//.test(line)) expect(line.length).toBeLessThanOrEqual(50);
  });

  test('of a server that nobody is signed in to, ending with the command', async () => {
    const server = 'https://none.example/mcp?key=canary';
    const text = statusText(report(await variedStore(), server, 'work'), 'https://none.example/mcp?…', plain);
    await expect(text).toMatchFileSnapshot('./golden/status-none.txt');
  });

  test('of an empty store', () => {
    const { store } = newStore();
    expect(statusText(report(store), undefined, plain)).toBe(
      'Nobody is signed in anywhere: no credentials are stored.\n',
    );
    expect(store.exists).toBe(false);
  });

  test('the last line is the command for the first problem', async () => {
    const lines = statusText(report(await variedStore()), undefined, plain)
      .trimEnd()
      .split('\n');
    expect(lines.at(-1)).toBe('npx -y mcp-drawbridge login https://cut.example/');
  });
});

describe('status for programs', () => {
  test('is one document of a stable shape', async () => {
    const text = JSON.stringify(withoutGenerations(report(await variedStore())), null, 2);
    await expect(`${text}\n`).toMatchFileSnapshot('./golden/status-json.txt');
    expect(text).not.toContain('canary');
  });

  test.each<[string, Partial<ConnectionRecord>, string, boolean]>([
    ['valid and renewable', {}, 'ok', true],
    ['over and renewable', { expiresAt: NOW - 1 }, 'ok', true],
    ['without an end', { expiresAt: undefined, refreshToken: undefined }, 'ok', true],
    ['over and not renewable', { expiresAt: NOW, refreshToken: undefined }, 'failed', false],
    ['soon over and not renewable', { expiresAt: NOW + 1000, refreshToken: undefined }, 'warning', true],
    ['long valid, not renewable', { expiresAt: NOW + 61 * MINUTE, refreshToken: undefined }, 'ok', true],
    ['cut off in a renewal', { refreshPending: true }, 'warning', true],
  ])('%s: %s', async (_, more, state, usable) => {
    const [one] = report(await storeWith(record(more))).connections;
    expect([one?.state, one?.usable]).toEqual([state, usable]);
    expect(one?.fix === null).toBe(state === 'ok');
  });

  test('the era is the one that was found, whatever a client was told', async () => {
    const folder = tempFolder();
    const store = await variedStore();
    const server = record().server;
    const query = { server: new URL(server), profile: 'default' };
    const remote = () => readStatus(store, folder, query, NOW, recordingLogger().log).connections[0]?.remote;
    expect(remote()).toMatchObject({ era: 'legacy', transport: null });
    const file = new EraFile(folder, server, 'default');
    file.write({ era: 'modern', at: NOW });
    await turn();
    expect(remote()).toMatchObject({
      version: '1.2.3',
      protocolVersion: '2026-07-28',
      era: 'modern',
      transport: 'http',
    });
    file.write({ era: 'legacy', transport: 'sse', at: NOW });
    await turn();
    expect(remote()).toMatchObject({ protocolVersion: '2025-11-25', era: 'legacy', transport: 'sse' });
    const text = statusText(readStatus(store, folder, query, NOW, recordingLogger().log), server, plain);
    expect(text).toContain('MCP 2025-11-25 (legacy era), HTTP+SSE\n');
  });

  test('filters by server and profile', async () => {
    const store = await variedStore();
    const profiles = (server?: string, profile?: string) =>
      report(store, server, profile).connections.map((one) => one.profile);
    expect(profiles(record().server)).toEqual(['default', 'work', 'work']);
    expect(profiles(record().server, 'default')).toEqual(['default']);
    expect(profiles(undefined, 'work')).toEqual(['work', 'work']);
    expect(profiles('https://mcp.example/other')).toEqual([]);
  });

  test('a record of a newer version is a reason to stop', async () => {
    const { store } = newStore();
    const { id, generation } = await storeConnection(store, record());
    await store.write('connection', id, { schema: 2 }, generation);
    expect(() => report(store)).toThrow(/newer version/);
  });

  test('dates that no calendar has do no harm', async () => {
    const [one] = report(await storeWith(record({ expiresAt: 1e300 }))).connections;
    expect(one?.expiresAt).toBe('9999-12-31T00:00:00Z');
  });
});

function withoutGenerations(given: StatusReport): StatusReport {
  const heldSince = given.store.heldSince === null ? null : '2026-03-01T00:00:00Z';
  const { store, connections } = given;
  return {
    ...given,
    store: { ...store, heldSince },
    connections: connections.map((one) => ({ ...one, generation: 1 })),
  };
}
