import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type AddRequest, runAdd } from '../../../../src/cli/clients/add.ts';
import { readConfigFile, writeConfigFile } from '../../../../src/cli/clients/config-file.ts';
import { type RemoveRequest, runRemove } from '../../../../src/cli/clients/remove.ts';
import { textDiff } from '../../../../src/cli/clients/text-diff.ts';
import { tempFolder } from '../../../support/temp-folder.ts';
import { placeOn, RecordingWorld } from '../../helpers/client-world.ts';

const url = 'https://mcp.example.com/mcp';
const some = '{\n  "mcpServers": {\n    "other": {\n      "url": "https://other"\n    }\n  }\n}\n';

/** A folder with a configuration in it, and the commands for it. */
function stage(text: string | Buffer | undefined) {
  const folder = tempFolder();
  const file = join(folder, 'mcp.json');
  if (text !== undefined) writeFileSync(file, text);
  const world = new RecordingWorld(placeOn('linux'));
  return {
    folder,
    file,
    world,
    read: () => readFileSync(file, 'utf8'),
    backups: () => readdirSync(folder).filter((name) => name.endsWith('.bak')),
    add: (change: Partial<AddRequest> = {}) =>
      runAdd(
        {
          client: 'cursor',
          name: 'x',
          url,
          words: [],
          given: {},
          configFile: file,
          force: false,
          dryRun: false,
          ...change,
        },
        world,
      ),
    remove: (change: Partial<RemoveRequest> = {}) =>
      runRemove(
        { client: 'cursor', name: 'x', configFile: file, force: false, dryRun: false, ...change },
        world,
      ),
  };
}

describe('add', () => {
  test('keeps a backup with the mode of the original, which keeps its own', async () => {
    const { file, folder, add, backups, world } = stage(some);
    chmodSync(file, 0o640);
    expect(await add()).toBe(0);
    expect(backups()).toEqual(['mcp.json.20261126T225300123Z.bak']);
    const backup = join(folder, backups()[0] as string);
    expect(readFileSync(backup, 'utf8')).toBe(some);
    for (const path of [file, backup]) expect(statSync(path).mode & 0o777).toBe(0o640);
    expect(readdirSync(folder)).toHaveLength(2);
    expect(world.said.join('\n')).toContain(backup);
  });

  test('creates a file for this user alone, and the one folder that may be missing', async () => {
    const folder = tempFolder();
    const file = join(folder, '.vscode', 'mcp.json');
    const { add, world } = stage(undefined);
    await add({ client: 'vscode', configFile: file });
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(world.said.join('\n')).toMatch(/folder of VS Code was missing/);
    await expect(add({ configFile: join(folder, 'a', 'b', 'c.json') })).rejects.toThrow(/folder is missing/);
    expect(existsSync(join(folder, 'a'))).toBe(false);
  });

  test('follows a link and leaves it one', async () => {
    const { folder, file, add, remove } = stage(undefined);
    const target = join(folder, 'dotfiles', 'cursor.json');
    mkdirSync(join(folder, 'dotfiles'));
    writeFileSync(target, some);
    symlinkSync(target, file);
    await add();
    expect(lstatSync(file).isSymbolicLink()).toBe(true);
    expect(JSON.parse(readFileSync(target, 'utf8')).mcpServers).toHaveProperty('x');
    await remove();
    expect(lstatSync(file).isSymbolicLink()).toBe(true);
    expect(readFileSync(target, 'utf8')).toBe(some);
    rmSync(target);
    await expect(add()).rejects.toThrow(/link to nothing/);
  });

  test('keeps a byte order mark', async () => {
    const { add, remove, read } = stage(`\ufeff${some}`);
    await add();
    expect(read().startsWith('\ufeff{')).toBe(true);
    expect(read().slice(1)).not.toContain('\ufeff');
    await remove();
    expect(read()).toBe(`\ufeff${some}`);
  });

  test('says when it is there already, and writes nothing', async () => {
    const { add, read, backups, world } = stage(some);
    await add();
    const written = read();
    expect(await add()).toBe(0);
    expect(world.said.at(-1)).toMatch(/already there/);
    expect(read()).toBe(written);
    expect(backups()).toHaveLength(1);
  });

  test('replaces another entry of that name only with --force, and keeps what was added to ours', async () => {
    const { add, read, backups } = stage(some);
    await expect(add({ name: 'other' })).rejects.toMatchObject({ reason: 'client-config', exitCode: 1 });
    await expect(add({ name: 'other' })).rejects.toThrow(/--force/);
    expect(read()).toBe(some);
    expect(backups()).toEqual([]);
    await add({ name: 'other', force: true });
    expect(JSON.parse(read()).mcpServers.other).toEqual({
      command: 'npx',
      args: ['-y', 'mcp-drawbridge', url],
    });
  });

  test.each<[string, string | Buffer, RegExp]>([
    ['broken', '{\n  "mcpServers": {,\n}', /line 2, column 18/],
    ['no object', '[]', /line 1, column 1/],
    ['not UTF-8', Buffer.from([0x7b, 0xff, 0x7d]), /not UTF-8/],
    ['UTF-16', Buffer.from('\ufeff{}', 'utf16le'), /not UTF-8/],
  ])('refuses a file that is %s and does not touch it', async (_, content, message) => {
    const { file, folder, add, remove } = stage(content);
    const before = statSync(file).mtimeMs;
    for (const command of [add, remove]) {
      await expect(command()).rejects.toThrow(message);
      await expect(command()).rejects.toMatchObject({ reason: 'client-config', exitCode: 1 });
    }
    expect(readFileSync(file)).toEqual(Buffer.from(content));
    expect(statSync(file).mtimeMs).toBe(before);
    expect(readdirSync(folder)).toEqual(['mcp.json']);
  });

  test('refuses a folder in the place of the file', async () => {
    const { folder, add } = stage(undefined);
    await expect(add({ configFile: folder })).rejects.toThrow(/not a file/);
  });

  test.each<[string, Partial<AddRequest>, RegExp]>([
    [
      'a name that the client does not take',
      { client: 'claude-code', name: 'my server' },
      /name in Claude Code/,
    ],
    ['a URL that the bridge would refuse', { url: 'ftp://example.com' }, /https/],
    ['an option that the bridge would refuse', { given: { 'connect-timeout': 'soon' } }, /connect-timeout/],
  ])('refuses %s before it looks at anything', async (_, change, message) => {
    const { folder, add } = stage(undefined);
    await expect(add(change)).rejects.toMatchObject({
      reason: 'usage',
      message: expect.stringMatching(message),
    });
    expect(readdirSync(folder)).toEqual([]);
  });

  test('takes ${VAR} without a value here, and says where it gets one', async () => {
    const { add, read, world } = stage(some);
    const header = 'Authorization: Bearer ${SURELY_NOT_SET_HERE}';
    await add({ words: ['--header', header], given: { header: [header] } });
    expect(read()).toContain(header);
    expect(world.said.join('\n')).toMatch(/SURELY_NOT_SET_HERE its value/);
  });

  test('a literal secret is warned of, and named only', async () => {
    const { add, world } = stage(some);
    const header = 'Authorization: Bearer canary';
    await add({ words: ['--header', header], given: { header: [header] } });
    expect(world.said.join('\n')).toMatch(/"Authorization" stands in the configuration/);
    expect(world.said.join('\n')).not.toContain('canary');
  });

  test("says what Gemini CLI's policies make of a name with _", async () => {
    const { add, world } = stage(some);
    await add({ client: 'gemini', name: 'my_server' });
    expect(world.said.join('\n')).toMatch(/policies/);
  });

  test('prints the change and writes nothing with --dry-run', async () => {
    const { add, remove, read, folder, world } = stage(some);
    await add({ dryRun: true });
    expect(read()).toBe(some);
    expect(readdirSync(folder)).toHaveLength(1);
    expect(world.printed.join('')).toContain('+    "x": {\n');
    await add();
    const written = read();
    await remove({ dryRun: true });
    expect(read()).toBe(written);
    expect(world.printed.at(-1)).toContain('-    "x": {\n');
  });

  test('does not write over what another program has written meanwhile', async () => {
    const { file, folder } = stage(some);
    const config = await readConfigFile(file);
    writeFileSync(file, '{}');
    await expect(writeConfigFile(config, 'new', new Date(0))).rejects.toThrow(/another program/);
    expect(readFileSync(file, 'utf8')).toBe('{}');
    expect(readdirSync(folder)).toEqual(['mcp.json']);
  });

  test('two backups of one moment have two names', async () => {
    const { file, backups } = stage(some);
    for (const text of ['a', 'b']) await writeConfigFile(await readConfigFile(file), text, new Date(0));
    expect(backups().sort()).toEqual([
      'mcp.json.19700101T000000000Z-1.bak',
      'mcp.json.19700101T000000000Z.bak',
    ]);
  });
});

describe('remove', () => {
  test.each([
    '{}',
    '{ }',
    '{"mcpServers":{}}',
    '{\n  "mcpServers": { }\n}\n',
    '{\n}\n',
    '',
    '{"a":1,"mcpServers":{ /* none */ }}',
  ])('gives %j back to the byte', async (text) => {
    const { add, remove, read } = stage(text);
    await add();
    await add({ name: 'y' });
    await remove({ name: 'y' });
    await remove();
    expect(read()).toBe(text);
  });

  test('keeps what has changed since', async () => {
    const { file, add, remove, read } = stage(some);
    await add();
    writeFileSync(file, read().replace('https://other', 'https://changed'));
    await remove();
    expect(read()).toBe(some.replace('https://other', 'https://changed'));
  });

  test('works without the backups too', async () => {
    const { folder, add, remove, read, backups } = stage(some);
    await add();
    for (const name of backups()) rmSync(join(folder, name));
    await remove();
    expect(read()).toBe(some);
    expect(backups()).toHaveLength(1);
  });

  test('takes what starts something else only with --force', async () => {
    const { remove, read } = stage(some);
    await expect(remove({ name: 'other' })).rejects.toThrow(/--force/);
    expect(read()).toBe(some);
    await remove({ name: 'other', force: true });
    expect(JSON.parse(read())).toEqual({ mcpServers: {} });
  });

  test.each(['constructor', 'toString', '__proto__'])('takes %s for a name like any other', async (name) => {
    for (const [client, text] of [
      ['cursor', some],
      ['codex', '[mcp_servers.a]\ncommand = "a"\n'],
    ] as const) {
      const { add, remove, read, folder, backups } = stage(text);
      await expect(remove({ client, name })).rejects.toThrow(/no server/);
      if (name === '__proto__') {
        await expect(add({ client, name })).rejects.toMatchObject({ reason: 'usage' });
        continue;
      }
      await add({ client, name });
      for (const backup of backups()) rmSync(join(folder, backup));
      await remove({ client, name });
      expect(read()).toBe(text);
    }
  });

  test('fails where there is no such server', async () => {
    await expect(stage(some).remove()).rejects.toMatchObject({ reason: 'client-config', exitCode: 1 });
    await expect(stage(undefined).remove()).rejects.toThrow(/no server "x"/);
  });
});

describe('the diff', () => {
  test('has three lines around the change', () => {
    const lines = Array.from({ length: 10 }, (_, at) => `${at}\n`);
    const changed = lines.with(5, 'five\n');
    expect(textDiff({ path: 'f', text: lines.join('') }, { path: 'f', text: changed.join('') })).toBe(
      '--- f\n+++ f\n@@ -3,7 +3,7 @@\n 2\n 3\n 4\n-5\n+five\n 6\n 7\n 8\n',
    );
  });

  test('says where a file begins or ends, and where a line end is missing', () => {
    expect(textDiff({ text: '' }, { path: 'f', text: 'a\n' })).toBe(
      '--- /dev/null\n+++ f\n@@ -0,0 +1,1 @@\n+a\n',
    );
    expect(textDiff({ path: 'f', text: 'a' }, { path: 'f', text: 'a\r\nb' })).toBe(
      '--- f\n+++ f\n@@ -1,1 +1,2 @@\n-a\n\\ No newline at end of file\n+a\n+b\n\\ No newline at end of file\n',
    );
  });

  test('shows no control characters', () => {
    expect(textDiff({ text: '' }, { path: 'f', text: '\u001b[2Ja\tb\n' })).toContain('+\ufffd[2Ja\tb\n');
  });
});
