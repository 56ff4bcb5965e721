import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse as parseToml } from 'smol-toml';
import { describe, expect, test } from 'vitest';
import { type AddRequest, runAdd } from '../../../../src/cli/clients/add.ts';
import { type ClientId, clientIds } from '../../../../src/cli/clients/client-ids.ts';
import { clients } from '../../../../src/cli/clients/client-table.ts';
import { runRemove } from '../../../../src/cli/clients/remove.ts';
import { tempFolder } from '../../../support/temp-folder.ts';
import { homes, type Platform, placeOn, RecordingWorld } from '../../helpers/client-world.ts';

const platforms = Object.keys(homes) as Platform[];
const cases = clientIds.flatMap((client) =>
  platforms.map((platform): [ClientId, Platform] => [client, platform]),
);
const goldenFile = (name: string): string => fileURLToPath(new URL(`golden/${name}.txt`, import.meta.url));
const given = (client: ClientId): string => readFileSync(goldenFile(`${client}.before`), 'utf8');

const request = (client: ClientId, file: string): AddRequest => ({
  client,
  name: 'example',
  url: 'https://mcp.example.com/mcp',
  words: ['--header', 'Authorization: Bearer ${EXAMPLE_KEY}', '--scope=read write'],
  given: { header: ['Authorization: Bearer ${EXAMPLE_KEY}'], scope: 'read write' },
  configFile: file,
  force: false,
  dryRun: false,
});
const taking = (client: ClientId, file: string) => ({
  client,
  name: 'example',
  configFile: file,
  force: false,
  dryRun: false,
});

describe('what add makes of a configuration as the client writes it', () => {
  test.each(cases)('%s on %s', async (client, platform) => {
    const file = join(tempFolder(), 'config');
    writeFileSync(file, given(client));
    const world = new RecordingWorld(placeOn(platform));
    expect(await runAdd(request(client, file), world)).toBe(0);
    // Both systems that are not Windows get the same.
    const suffix = platform === 'win32' ? 'after-windows' : 'after';
    await expect(readFileSync(file, 'utf8')).toMatchFileSnapshot(goldenFile(`${client}.${suffix}`));
    expect(world.said.join('\n')).toContain(clients[client].next);
    expect(world.printed).toEqual([]);
  });

  test.each(cases)('remove undoes it to the byte: %s on %s', async (client, platform) => {
    const file = join(tempFolder(), 'config');
    writeFileSync(file, given(client));
    const world = new RecordingWorld(placeOn(platform));
    await runAdd(request(client, file), world);
    expect(await runRemove(taking(client, file), world)).toBe(0);
    expect(readFileSync(file, 'utf8')).toBe(given(client));
    expect(readdirSync(dirname(file)).filter((name) => name.endsWith('.bak'))).toHaveLength(2);
  });

  test.each(clientIds)('a file that is not there is created, and goes again: %s', async (client) => {
    const file = join(tempFolder(), 'folder', 'config');
    mkdirSync(dirname(file));
    const world = new RecordingWorld(placeOn('linux', {}, [dirname(file)]));
    await runAdd(request(client, file), world);
    await expect(readFileSync(file, 'utf8')).toMatchFileSnapshot(goldenFile(`${client}.new`));
    await runRemove(taking(client, file), world);
    expect(existsSync(file)).toBe(false);
  });
});

describe('every golden file', () => {
  test.each(clientIds)('of %s is sound, and says what the client reads', (client) => {
    const { container, typed, format } = clients[client];
    const text = readFileSync(goldenFile(`${client}.new`), 'utf8');
    const document = (format === 'toml' ? parseToml(text) : JSON.parse(text)) as Record<string, object>;
    expect(Object.keys(document)).toEqual([container]);
    expect(document[container]).toMatchObject({
      example: {
        ...(typed && { type: 'stdio' }),
        command: 'npx',
        args: [
          '-y',
          'mcp-drawbridge',
          'https://mcp.example.com/mcp',
          '--header',
          'Authorization: Bearer ${EXAMPLE_KEY}',
          '--scope=read write',
        ],
      },
    });
  });
});
