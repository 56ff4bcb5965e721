import type { ClientId } from './client-ids.ts';
import { type ConfigLocation, inHome, inSettings, joinOn, type Place } from './place.ts';

/** A client as data: where its configuration is, how that is written, and what the client does with it. */
export interface Client {
  title: string;
  format: 'json' | 'toml';
  /** Whether the client reads a JSON file with comments, with trailing commas; in another such a file is broken. */
  comments: boolean;
  trailingCommas: boolean;
  /** The key that holds the servers. */
  container: string;
  /** Whether an entry says `"type": "stdio"`. */
  typed: boolean;
  /**
   * How `npx`, which on Windows is npx.cmd, gets started there: `wrap`, it must be written as `cmd /c npx`; `shell`, the
   * client itself goes through cmd; `direct`, the client finds npx.cmd and hands every argument on as it is.
   */
  onWindows: 'wrap' | 'shell' | 'direct';
  names: RegExp;
  namesAre: string;
  /** A name that works, but better were another. */
  nameAdvice?: { when: RegExp; say: string };
  /** The sentence that says what to do next. */
  next: string;
  location(place: Place): ConfigLocation;
}

const plainNames = {
  names: /^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/,
  namesAre: 'letters, digits, - and _, beginning with a letter or digit',
};
const freeNames = {
  names: /^[\p{L}\p{N}][\p{L}\p{N} ._/@-]{0,63}$/u,
  namesAre: 'letters, digits, blanks and . _ / @ -, beginning with a letter or digit',
};
const strictJson = { format: 'json', comments: false, trailingCommas: false } as const;
const jsonWithComments = { format: 'json', comments: true, trailingCommas: true } as const;

export const clients: Readonly<Record<ClientId, Client>> = {
  // https://modelcontextprotocol.io/quickstart/user
  'claude-desktop': {
    title: 'Claude Desktop',
    ...strictJson,
    container: 'mcpServers',
    typed: false,
    // It starts `cmd.exe /C "C:\Program Files\nodejs\npx.cmd" …`, which fails as soon as an argument is quoted too:
    // https://github.com/modelcontextprotocol/servers/issues/447, https://github.com/anthropics/claude-ai-mcp/issues/891
    onWindows: 'wrap',
    ...freeNames,
    next: 'Quit Claude Desktop (closing the window is not enough) and start it again.',
    location: (place) => packagedClaude(place) ?? inSettings(place, 'Claude', 'claude_desktop_config.json'),
  },
  // The file, the shape of an entry and the names are what `claude mcp add --scope user` (2.1.329) writes and takes;
  // CLAUDE_CONFIG_DIR moves the file into that folder.
  'claude-code': {
    title: 'Claude Code',
    ...strictJson,
    container: 'mcpServers',
    typed: true,
    // "Windows requires 'cmd /c' wrapper to execute npx": https://code.claude.com/docs/en/mcp,
    // https://github.com/farion1231/cc-switch/issues/453
    onWindows: 'wrap',
    ...plainNames,
    next: 'Start a new session of Claude Code; /mcp shows the server.',
    location: (place) => {
      const { CLAUDE_CONFIG_DIR: folder } = place.env;
      return folder
        ? { file: joinOn(place, folder, '.claude.json'), anchor: folder }
        : inHome(place, '.claude.json');
    },
  },
  // https://cursor.com/docs/mcp
  cursor: {
    title: 'Cursor',
    ...jsonWithComments,
    container: 'mcpServers',
    typed: false,
    // It starts what it is told through cross-spawn, but blanks in the arguments of npx were lost on the way:
    // https://github.com/geelen/mcp-remote#readme, "Custom Headers"
    onWindows: 'wrap',
    ...freeNames,
    next: 'Restart Cursor; the server is in its settings, under MCP.',
    location: (place) => inHome(place, '.cursor', 'mcp.json'),
  },
  // https://code.visualstudio.com/docs/copilot/reference/mcp-configuration; the folder is that of the default profile,
  // https://github.com/microsoft/vscode/blob/main/src/vs/platform/environment/node/userDataPath.ts
  vscode: {
    title: 'VS Code',
    ...jsonWithComments,
    container: 'servers',
    typed: true,
    // It finds npx.cmd and starts it through a shell: src/vs/workbench/api/node/extHostMcpNode.ts
    onWindows: 'shell',
    names: /^[\p{L}\p{N}][\p{L}\p{N}._/-]{0,63}$/u,
    namesAre: 'letters, digits and . _ / -, beginning with a letter or digit',
    next: 'In VS Code, run "MCP: List Servers", choose the server and start it; it asks once whether you trust it.',
    location: (place) => {
      const { VSCODE_PORTABLE: portable, VSCODE_APPDATA: data } = place.env;
      if (portable)
        return { file: joinOn(place, portable, 'user-data', 'User', 'mcp.json'), anchor: portable };
      if (data) return { file: joinOn(place, data, 'Code', 'User', 'mcp.json'), anchor: data };
      return inSettings(place, 'Code', 'User', 'mcp.json');
    },
  },
  // https://docs.windsurf.com/windsurf/cascade/mcp
  windsurf: {
    title: 'Windsurf',
    ...strictJson,
    container: 'mcpServers',
    typed: false,
    // Nothing is said about a shell; this form needs none.
    onWindows: 'wrap',
    ...freeNames,
    next: 'Press the refresh button in the MCP panel of Cascade, or restart Windsurf.',
    location: (place) => inHome(place, '.codeium', 'windsurf', 'mcp_config.json'),
  },
  // https://zed.dev/docs/ai/mcp; the folder is from crates/paths/src/paths.rs, where macOS has ~/.config too
  zed: {
    title: 'Zed',
    ...jsonWithComments,
    container: 'context_servers',
    typed: false,
    // It starts everything through the system's shell: crates/context_server/src/transport/stdio_transport.rs
    onWindows: 'direct',
    ...freeNames,
    next: 'Zed takes the server up at once; the settings of its Agent panel show it.',
    location: (place) => {
      if (place.platform === 'win32') return inSettings(place, 'Zed', 'settings.json');
      const { FLATPAK_XDG_CONFIG_HOME: flatpak } = place.env;
      if (place.platform === 'darwin') return inHome(place, '.config', 'zed', 'settings.json');
      return flatpak
        ? { file: joinOn(place, flatpak, 'zed', 'settings.json'), anchor: flatpak }
        : inSettings(place, 'zed', 'settings.json');
    },
  },
  // https://developers.openai.com/codex/mcp; a CODEX_HOME that is not there is refused by Codex (0.169) itself
  codex: {
    title: 'Codex',
    format: 'toml',
    comments: true,
    trailingCommas: true,
    container: 'mcp_servers',
    typed: false,
    // It looks programs up by PATHEXT: codex-rs/rmcp-client/src/program_resolver.rs
    onWindows: 'direct',
    // Newer versions take : @ / . as well.
    ...plainNames,
    next: 'Start Codex again; /mcp shows the server.',
    location: (place) => {
      const { CODEX_HOME: folder } = place.env;
      return folder
        ? { file: joinOn(place, folder, 'config.toml'), anchor: folder }
        : inHome(place, '.codex', 'config.toml');
    },
  },
  // https://geminicli.com/docs/tools/mcp-server; GEMINI_CLI_HOME stands in for the home folder, and the file is read
  // with its comments stripped, then as strict JSON (0.61)
  gemini: {
    title: 'Gemini CLI',
    format: 'json',
    comments: true,
    trailingCommas: false,
    container: 'mcpServers',
    typed: false,
    // It starts servers by the official SDK, whose cross-spawn finds npx.cmd.
    onWindows: 'direct',
    ...plainNames,
    nameAdvice: {
      when: /_/,
      say: "Gemini CLI's policies take what follows a _ in a server's name for the tool; a - is safer.",
    },
    next: 'Restart Gemini CLI; /mcp shows the server.',
    location: (place) => {
      const { GEMINI_CLI_HOME: folder } = place.env;
      return folder
        ? { file: joinOn(place, folder, '.gemini', 'settings.json'), anchor: folder }
        : inHome(place, '.gemini', 'settings.json');
    },
  },
};

/**
 * Claude Desktop for Windows comes as an MSIX package, for which Windows puts another folder in the place of %APPDATA%:
 * https://github.com/anthropics/claude-code/issues/26073
 */
function packagedClaude(place: Place): ConfigLocation | undefined {
  if (place.platform !== 'win32') return undefined;
  const local = place.env.LOCALAPPDATA || joinOn(place, place.home, 'AppData', 'Local');
  const packages = joinOn(place, local, 'Packages');
  const found = place
    .list(packages)
    .filter((name) => /^Claude_/.test(name))
    .map((name) => {
      const anchor = joinOn(place, packages, name, 'LocalCache', 'Roaming');
      return { file: joinOn(place, anchor, 'Claude', 'claude_desktop_config.json'), anchor };
    })
    .filter(({ anchor }) => place.exists(joinOn(place, anchor, 'Claude')));
  return found.find(({ file }) => place.exists(file)) ?? found[0];
}
