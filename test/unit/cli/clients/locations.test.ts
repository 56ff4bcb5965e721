import { describe, expect, test } from 'vitest';
import { type ClientId, clientIds } from '../../../../src/cli/clients/client-ids.ts';
import { clients } from '../../../../src/cli/clients/client-table.ts';
import { type Platform, placeOn } from '../../helpers/client-world.ts';

const fileOf = (client: ClientId, ...place: Parameters<typeof placeOn>): string =>
  clients[client].location(placeOn(...place)).file;

describe('where each client has its configuration', () => {
  test.each<[ClientId, Record<Platform, string>]>([
    [
      'claude-desktop',
      {
        darwin: '/Users/ada/Library/Application Support/Claude/claude_desktop_config.json',
        win32: 'C:\\Users\\ada\\AppData\\Roaming\\Claude\\claude_desktop_config.json',
        linux: '/home/ada/.config/Claude/claude_desktop_config.json',
      },
    ],
    [
      'claude-code',
      {
        darwin: '/Users/ada/.claude.json',
        win32: 'C:\\Users\\ada\\.claude.json',
        linux: '/home/ada/.claude.json',
      },
    ],
    [
      'cursor',
      {
        darwin: '/Users/ada/.cursor/mcp.json',
        win32: 'C:\\Users\\ada\\.cursor\\mcp.json',
        linux: '/home/ada/.cursor/mcp.json',
      },
    ],
    [
      'vscode',
      {
        darwin: '/Users/ada/Library/Application Support/Code/User/mcp.json',
        win32: 'C:\\Users\\ada\\AppData\\Roaming\\Code\\User\\mcp.json',
        linux: '/home/ada/.config/Code/User/mcp.json',
      },
    ],
    [
      'windsurf',
      {
        darwin: '/Users/ada/.codeium/windsurf/mcp_config.json',
        win32: 'C:\\Users\\ada\\.codeium\\windsurf\\mcp_config.json',
        linux: '/home/ada/.codeium/windsurf/mcp_config.json',
      },
    ],
    [
      'zed',
      {
        darwin: '/Users/ada/.config/zed/settings.json',
        win32: 'C:\\Users\\ada\\AppData\\Roaming\\Zed\\settings.json',
        linux: '/home/ada/.config/zed/settings.json',
      },
    ],
    [
      'codex',
      {
        darwin: '/Users/ada/.codex/config.toml',
        win32: 'C:\\Users\\ada\\.codex\\config.toml',
        linux: '/home/ada/.codex/config.toml',
      },
    ],
    [
      'gemini',
      {
        darwin: '/Users/ada/.gemini/settings.json',
        win32: 'C:\\Users\\ada\\.gemini\\settings.json',
        linux: '/home/ada/.gemini/settings.json',
      },
    ],
  ])('%s', (client, files) => {
    for (const platform of Object.keys(files) as Platform[])
      expect(fileOf(client, platform)).toBe(files[platform]);
  });

  test.each<[ClientId, Platform, NodeJS.ProcessEnv, string]>([
    ['claude-desktop', 'win32', { APPDATA: 'D:\\Data' }, 'D:\\Data\\Claude\\claude_desktop_config.json'],
    ['claude-desktop', 'linux', { XDG_CONFIG_HOME: '/cfg' }, '/cfg/Claude/claude_desktop_config.json'],
    ['claude-code', 'linux', { CLAUDE_CONFIG_DIR: '/cc' }, '/cc/.claude.json'],
    ['vscode', 'win32', { APPDATA: 'D:\\Data' }, 'D:\\Data\\Code\\User\\mcp.json'],
    ['vscode', 'linux', { XDG_CONFIG_HOME: '/cfg' }, '/cfg/Code/User/mcp.json'],
    ['vscode', 'darwin', { VSCODE_PORTABLE: '/p' }, '/p/user-data/User/mcp.json'],
    ['vscode', 'darwin', { VSCODE_APPDATA: '/d' }, '/d/Code/User/mcp.json'],
    ['zed', 'linux', { XDG_CONFIG_HOME: '/cfg' }, '/cfg/zed/settings.json'],
    ['zed', 'linux', { XDG_CONFIG_HOME: '/cfg', FLATPAK_XDG_CONFIG_HOME: '/f' }, '/f/zed/settings.json'],
    ['zed', 'darwin', { XDG_CONFIG_HOME: '/cfg' }, '/Users/ada/.config/zed/settings.json'],
    ['zed', 'win32', { APPDATA: 'D:\\Data' }, 'D:\\Data\\Zed\\settings.json'],
    ['codex', 'linux', { CODEX_HOME: '/cx' }, '/cx/config.toml'],
    ['gemini', 'linux', { GEMINI_CLI_HOME: '/g' }, '/g/.gemini/settings.json'],
    // An empty variable is as good as none.
    ['codex', 'linux', { CODEX_HOME: '' }, '/home/ada/.codex/config.toml'],
    ['zed', 'linux', { XDG_CONFIG_HOME: '' }, '/home/ada/.config/zed/settings.json'],
  ])('%s on %s with %o', (client, platform, env, file) => {
    expect(fileOf(client, platform, env)).toBe(file);
  });

  describe('Claude Desktop from an MSIX package', () => {
    const local = 'C:\\Users\\ada\\AppData\\Local';
    const roaming = `${local}\\Packages\\Claude_pzs8sxrjxfjjc\\LocalCache\\Roaming`;
    const packaged = `${roaming}\\Claude\\claude_desktop_config.json`;

    test('reads the file that Windows puts in the place of the one in %APPDATA%', () => {
      for (const present of [packaged, `${roaming}\\Claude\\logs\\mcp.log`]) {
        expect(fileOf('claude-desktop', 'win32', {}, [present])).toBe(packaged);
        expect(fileOf('claude-desktop', 'win32', { LOCALAPPDATA: local }, [present])).toBe(packaged);
      }
    });

    test('of several packages the one with a configuration counts', () => {
      const other = packaged
        .replace('pzs8sxrjxfjjc', 'aaaaaaaaaaaaa')
        .replace('claude_desktop_config.json', 'x');
      expect(fileOf('claude-desktop', 'win32', {}, [other, packaged])).toBe(packaged);
    });

    test('a package that has never run counts for nothing, nor does another program', () => {
      const present = [`${roaming}\\Other\\x`, packaged.replace('Claude_', 'ClaudeX_')];
      expect(fileOf('claude-desktop', 'win32', {}, present)).toContain('AppData\\Roaming\\Claude');
    });
  });

  test('what must be there already is the folder of all settings, or the one that a variable names', () => {
    const anchor = (client: ClientId, ...place: Parameters<typeof placeOn>) =>
      clients[client].location(placeOn(...place)).anchor;
    expect(anchor('cursor', 'linux')).toBe('/home/ada');
    expect(anchor('zed', 'linux')).toBe('/home/ada');
    expect(anchor('vscode', 'darwin')).toBe('/Users/ada/Library/Application Support');
    expect(anchor('vscode', 'win32', { APPDATA: 'D:\\Data' })).toBe('D:\\Data');
    expect(anchor('codex', 'linux', { CODEX_HOME: '/cx' })).toBe('/cx');
  });
});

describe('names', () => {
  test.each(clientIds)('%s takes a plain one, and none that is dangerous', (client) => {
    const { names } = clients[client];
    for (const name of ['example', 'my-server', 'server2', 'A'.repeat(64)]) expect(name).toMatch(names);
    for (const name of ['', ' ', '__proto__x\n', 'a\nb', 'a\u0007', '-x\u0000', 'a"b', 'a'.repeat(65)])
      expect(name).not.toMatch(names);
  });

  test('those that end up in the names of tools are plain for the clients that say so', () => {
    for (const client of ['claude-code', 'codex', 'gemini'] as const)
      for (const name of ['my server', 'my.server', 'é']) expect(name).not.toMatch(clients[client].names);
    for (const client of ['claude-desktop', 'cursor', 'zed', 'windsurf'] as const)
      expect('my server é').toMatch(clients[client].names);
    expect('my server').not.toMatch(clients.vscode.names);
  });
});
