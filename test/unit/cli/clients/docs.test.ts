import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { runAdd } from '../../../../src/cli/clients/add.ts';
import { type ClientId, clientIds } from '../../../../src/cli/clients/client-ids.ts';
import { clients } from '../../../../src/cli/clients/client-table.ts';
import { tempFolder } from '../../../support/temp-folder.ts';
import { homes, type Platform, placeOn, RecordingWorld } from '../../helpers/client-world.ts';

const page = readFileSync(new URL('../../../../docs/clients.md', import.meta.url), 'utf8');
const sections = new Map(
  page
    .split(/^## /m)
    .slice(1)
    .map((text): [string, string] => [text.slice(0, text.indexOf('\n')), text]),
);
const block = (text: string, kind: string): string =>
  new RegExp(`^\`\`\`${kind}\n([\\s\\S]*?)^\`\`\``, 'm').exec(text)?.[1] ?? '';

async function written(client: ClientId, platform: Platform): Promise<string> {
  const [name, url] = ['example', 'https://mcp.example.com/mcp'];
  const configFile = join(tempFolder(), 'config');
  const request = { client, name, url, words: [], given: {}, configFile, force: false, dryRun: false };
  await runAdd(request, new RecordingWorld(placeOn(platform)));
  return readFileSync(configFile, 'utf8');
}

describe("the users' page", () => {
  test('has a section for each client', () => {
    // JetBrains keeps its servers where only its own settings write.
    const titles = clientIds.map((client) => clients[client].title);
    expect([...sections.keys()]).toEqual(['Windows', ...titles, 'JetBrains']);
  });

  test.each(clientIds)('shows for %s the command, and what that writes', async (client) => {
    const { title, format } = clients[client];
    const section = sections.get(title) as string;
    expect(block(section, 'sh')).toBe(
      `npx -y mcp-drawbridge add ${client} example https://mcp.example.com/mcp\n`,
    );
    expect(block(section, format)).toBe(await written(client, 'linux'));
  });

  test.each(clientIds)('shows for %s where that is', (client) => {
    const { title, location } = clients[client];
    const names = { darwin: 'macOS', win32: 'Windows', linux: 'Linux' };
    for (const platform of Object.keys(names) as Platform[]) {
      const line = new RegExp(`^- [^:\n]*${names[platform]}[^:\n]*: \`(.*)\`$`, 'm');
      const shown = line.exec(sections.get(title) as string)?.[1];
      const home = homes[platform];
      const full = shown
        ?.replace('~', home)
        .replace('%USERPROFILE%', home)
        .replace('%APPDATA%', `${home}\\AppData\\Roaming`);
      expect(full, names[platform]).toBe(location(placeOn(platform)).file);
    }
  });

  test('shows for JetBrains what Cursor takes too', async () => {
    expect(block(sections.get('JetBrains') as string, 'json')).toBe(await written('cursor', 'linux'));
  });

  test('shows what differs on Windows, and for whom', async () => {
    const section = sections.get('Windows') as string;
    const wrapped = clientIds.filter((client) => clients[client].onWindows === 'wrap');
    for (const client of clientIds)
      expect(section.includes(clients[client].title), client).toBe(wrapped.includes(client));
    expect(block(section, 'json')).toBe(await written('cursor', 'win32'));
  });
});
