// Starts the bridge from a desktop extension: what the user has filled in comes by the environment.
const { spawnSync } = require('node:child_process');
const { existsSync, readdirSync } = require('node:fs');
const { homedir } = require('node:os');
const { delimiter, join } = require('node:path');

// A field that is left empty arrives as its placeholder: https://github.com/modelcontextprotocol/mcpb/issues/250
for (const [name, value] of Object.entries(process.env)) {
  if (name.startsWith('MCP_DRAWBRIDGE_') && /^\$\{user_config\.\w+\}$/.test(value)) delete process.env[name];
}
const url = (process.env.MCP_DRAWBRIDGE_EXTENSION_URL || '').trim();
const program = join(__dirname, 'bin', 'mcp-drawbridge.js');
process.argv.splice(1, process.argv.length, program, ...(url ? [url] : []));

// Claude Desktop runs extensions inside itself, and what is then `execPath` can't be started as Node:
// https://github.com/evoila/meho/issues/3341. A sign-in is a process of its own (docs/decisions/0008), and so is the
// keychain's: for these a Node of this machine is looked for, when the first of them is to be started.
if (process.versions.electron) {
  const application = process.execPath;
  let node;
  Object.defineProperty(process, 'execPath', {
    configurable: true,
    get: () => {
      node = node || nodes().find(isRecent) || application;
      return node;
    },
  });
}

require(program);

/** Where Node may be: an application that was not started from a terminal has a short PATH. */
function nodes() {
  const { env, platform } = process;
  const isWindows = platform === 'win32';
  const versions = (folder, rest) =>
    (existsSync(folder) ? readdirSync(folder) : [])
      .sort((a, b) => b.localeCompare(a, 'en', { numeric: true }))
      .map((version) => join(folder, version, ...rest));
  const folders = [
    ...(env.PATH || env.Path || '').split(delimiter),
    ...(isWindows
      ? [env.ProgramFiles, env.LOCALAPPDATA && join(env.LOCALAPPDATA, 'Programs')]
          .filter(Boolean)
          .map((folder) => join(folder, 'nodejs'))
      : ['/opt/homebrew/bin', '/usr/local/bin', '/usr/bin']),
    join(homedir(), '.volta', 'bin'),
    ...versions(join(homedir(), '.nvm', 'versions', 'node'), ['bin']),
    ...versions(join(homedir(), '.local', 'share', 'fnm', 'node-versions'), ['installation', 'bin']),
  ];
  return folders
    .filter(Boolean)
    .map((folder) => join(folder, isWindows ? 'node.exe' : 'node'))
    .filter((file) => existsSync(file));
}

function isRecent(file) {
  const { stdout } = spawnSync(file, ['--version'], { encoding: 'utf8', timeout: 2000, windowsHide: true });
  return Number(/^v(\d+)/.exec(stdout || '')?.[1]) >= 20;
}
