import { describe, expect, test } from 'vitest';
import { bridgeWords } from '../../../../src/cli/clients/bridge-words.ts';
import { type ClientId, clientIds } from '../../../../src/cli/clients/client-ids.ts';
import { clients } from '../../../../src/cli/clients/client-table.ts';
import {
  createEntry,
  isOurs,
  replacement,
  startsTheSame,
  unsafeWords,
} from '../../../../src/cli/clients/entry.ts';
import { variablesHint, warningsFor } from '../../../../src/cli/clients/warnings.ts';
import { options } from '../../../../src/cli/options.ts';

const url = 'https://mcp.example.com/mcp';

describe('the entry on Windows', () => {
  const wrapped: ClientId[] = ['claude-desktop', 'claude-code', 'cursor', 'windsurf'];

  test.each(clientIds)('%s starts npx through cmd where the client needs that', (client) => {
    const entry = createEntry(clients[client], [url], 'win32');
    const npx = ['-y', 'mcp-drawbridge', url];
    expect(entry).toMatchObject(
      wrapped.includes(client)
        ? { command: 'cmd', args: ['/c', 'npx', ...npx] }
        : { command: 'npx', args: npx },
    );
    for (const platform of ['linux', 'darwin'] as const)
      expect(createEntry(clients[client], [url], platform)).toMatchObject({ command: 'npx', args: npx });
  });

  test('what cmd would take for its own is named', () => {
    const words = [`${url}?a=1&b=2`, '--header', 'A: b c', '--scope=a|b'];
    expect(unsafeWords(clients.cursor, words, 'win32')).toEqual([words[0], words[3]]);
    expect(unsafeWords(clients.vscode, words, 'win32')).toHaveLength(2);
    for (const client of ['zed', 'codex', 'gemini'] as const)
      expect(unsafeWords(clients[client], words, 'win32')).toEqual([]);
    expect(unsafeWords(clients.cursor, words, 'linux')).toEqual([]);
  });
});

describe('an entry that is there', () => {
  test('is the same whatever was added to it', () => {
    const entry = createEntry(clients['claude-code'], [url], 'linux');
    expect(startsTheSame({ ...entry, env: { A: 'b' }, disabled: true }, entry)).toBe(true);
    expect(startsTheSame({ command: 'npx' }, entry)).toBe(false);
    expect(startsTheSame({ url }, entry)).toBe(false);
  });

  test.each<[object, boolean]>([
    [{ command: 'npx', args: ['-y', 'mcp-drawbridge', url] }, true],
    [{ command: 'npx', args: ['-y', 'mcp-drawbridge@0.1.0', url] }, true],
    [{ command: 'cmd', args: ['/c', 'npx', 'mcp-drawbridge', url] }, true],
    [{ command: '/usr/local/bin/mcp-drawbridge', args: [url] }, true],
    [{ command: 'node', args: ['C:\\x\\bin\\mcp-drawbridge.js', url] }, true],
    [{ command: 'npx', args: ['-y', 'mcp-remote', url] }, false],
    [{ command: 'other', args: ['https://example.com/mcp-drawbridge-docs'] }, false],
    [{ url }, false],
    [{ command: 1, args: 'x' }, false],
  ])('%j is ours: %s', (entry, ours) => {
    expect(isOurs(entry as never)).toBe(ours);
  });

  test('keeps what was added when it is replaced, if it is ours', () => {
    const entry = createEntry(clients.cursor, [url], 'linux');
    const ours = { command: 'npx', args: ['mcp-drawbridge', 'https://old'], env: { A: 'b' } };
    expect(replacement(ours, entry)).toEqual({ ...entry, env: { A: 'b' } });
    expect(replacement({ command: 'other', env: { A: 'b' } }, entry)).toEqual(entry);
  });
});

describe('the words for the bridge', () => {
  test.each<[string[], string[]]>([
    [['add', 'cursor', 'x', url], []],
    [
      ['add', 'cursor', 'x', url, '--scope', 'a b', '--ipv4', '--dry-run'],
      ['--scope', 'a b', '--ipv4'],
    ],
    [['add', '--force', 'cursor', 'x', '--scope=a', url, '--config-file', 'f'], ['--scope=a']],
    [['--ipv4', 'add', 'cursor', 'x', url, '--config-file=f'], ['--ipv4']],
    [
      ['add', 'cursor', 'x', url, '--header', 'A: 1', '--header=B: 2'],
      ['--header', 'A: 1', '--header=B: 2'],
    ],
    [
      ['add', 'cursor', 'x', url, '--header', '--dry-run'],
      ['--header', '--dry-run'],
    ],
    [
      ['add', 'cursor', 'x', url, '--no-browser', '--no-resource'],
      ['--no-browser', '--no-resource'],
    ],
  ])('%j', (argv, words) => {
    expect(bridgeWords(argv, options)).toEqual(words);
  });
});

describe('warnings', () => {
  const of = (given: object, client: ClientId = 'cursor', at = url) =>
    warningsFor(clients[client], at, given as never).join('\n');

  test('a secret that stands there literally is named, never shown', () => {
    for (const header of [
      'Authorization: Bearer canary',
      'X-Api-Key:canary',
      'Cookie: canary',
      'x-auth-token: canary',
    ]) {
      const said = of({ header: [header] });
      expect(said).toContain(header.split(':')[0]);
      expect(said).toContain('${NAME}');
      expect(said).toContain('"env"');
      expect(said).not.toContain('canary');
    }
    expect(of({ 'client-id': 'c', 'client-secret': 'canary' })).toContain('--client-secret');
    expect(of({ 'client-secret': 'canary' }, 'codex')).toContain('env = {');
    expect(of({ 'client-secret': 'canary' })).not.toContain('canary');
    expect(of({}, 'cursor', `${url}?api_key=canary`)).toMatch(/"api_key"/);
  });

  test('nothing is said where there is nothing to say', () => {
    const header = ['Authorization: Bearer ${KEY}', 'X-Region: eu', 'Accept-Language: de'];
    expect(
      of({ header, 'client-secret': '${S}', scope: 'a', 'ca-file': '/etc/ca.pem', 'callback-path': '/cb' }),
    ).toBe('');
    expect(of({ 'log-file': 'C:\\logs\\x.log' })).toBe('');
  });

  test('a file that is named by a relative path is', () => {
    expect(of({ 'ca-file': 'ca.pem' })).toMatch(/--ca-file is relative/);
  });

  test('variables get their values in the entry', () => {
    const words = [url, '--header', 'A: ${ONE} ${TWO} ${ONE}'];
    expect(variablesHint(clients.cursor, words)).toMatch(/ONE and TWO their values in .*"env"/);
    expect(variablesHint(clients.codex, ['${K}'])).toMatch(/K its value in .*env = \{/);
    expect(variablesHint(clients.cursor, [url])).toBeUndefined();
  });
});
