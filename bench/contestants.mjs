// Who is measured: how each is found, prepared and started.
import { existsSync, mkdirSync } from 'node:fs';
import { cp, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DirectClient } from './direct-client.mjs';
import { makeFolder, npm, temporaryFolder } from './processes.mjs';
import { StdioClient } from './stdio-client.mjs';

export const repository = fileURLToPath(new URL('..', import.meta.url));
export const MCP_REMOTE = 'mcp-remote@0.15.1';
export const SUBJECT = 'mcp-drawbridge';
export const NAMES = ['direct', 'floor', 'mcp-remote', SUBJECT];

// What would start a program differently on this machine than on another.
const UNSET = [
  'NODE_OPTIONS',
  'NODE_DEBUG',
  'HTTP_PROXY',
  'HTTPS_PROXY',
  'ALL_PROXY',
  'DISPLAY',
  'WAYLAND_DISPLAY',
  'NODE_COMPILE_CACHE',
  'NODE_DISABLE_COMPILE_CACHE',
];

function environment(name, keepCertificates) {
  const home = join(temporaryFolder, `home-${name}`);
  mkdirSync(home, { recursive: true });
  const given = Object.entries(process.env).filter(([key]) => {
    const upper = key.toUpperCase();
    if (upper === 'NODE_EXTRA_CA_CERTS') return keepCertificates;
    return !UNSET.includes(upper) && !upper.startsWith('MCP_') && !upper.startsWith('NPM_');
  });
  return {
    ...Object.fromEntries(given),
    HOME: home,
    USERPROFILE: home,
    BROWSER: fileURLToPath(new URL('./browser.mjs', import.meta.url)),
    MCP_REMOTE_CONFIG_DIR: join(home, 'mcp-remote'),
    MCP_DRAWBRIDGE_HOME: join(home, 'mcp-drawbridge'),
    // Never the keychain of whoever runs this.
    MCP_DRAWBRIDGE_STORE: 'file',
  };
}

async function installMcpRemote({ install }) {
  const folder = join(repository, '.cache', 'bench');
  const program = join(folder, 'node_modules', 'mcp-remote');
  const wanted = MCP_REMOTE.split('@')[1];
  const found = await readFile(join(program, 'package.json'), 'utf8').catch(() => '{}');
  if (JSON.parse(found).version !== wanted) {
    if (!install) throw new Error('not installed yet, and this mode installs nothing');
    mkdirSync(folder, { recursive: true });
    await npm(['install', '--no-audit', '--no-fund', '--prefix', folder, MCP_REMOTE], folder);
  }
  return join(program, 'dist', 'proxy.js');
}

async function buildSubject({ build }) {
  if (build && existsSync(join(repository, 'src', 'main.ts'))) await npm(['run', 'build'], repository);
  if (!existsSync(join(repository, 'dist', 'main.js'))) throw new Error('dist/main.js is missing');
  // A build that someone starts during the bench would take the chunks away from running bridges. The copy is
  // within the repository, where it finds what isn't bundled.
  const cache = join(repository, '.cache');
  mkdirSync(cache, { recursive: true });
  const copy = makeFolder(join(cache, 'bench-subject-'));
  for (const part of ['bin', 'dist', 'package.json']) {
    await cp(join(repository, part), join(copy, part), { recursive: true });
  }
  return join(copy, 'bin', 'mcp-drawbridge.js');
}

const programs = {
  floor: async () => fileURLToPath(new URL('./floor.mjs', import.meta.url)),
  'mcp-remote': installMcpRemote,
  [SUBJECT]: buildSubject,
};
// By default it logs every message; with that switched off it is the strongest it can be.
const extraArguments = { 'mcp-remote': ['--allow-http', '--silent'] };

/** The contestants that can be had, and one line for each that can't. */
export async function findContestants(names, options) {
  const contestants = [];
  const missing = [];
  for (const name of names) {
    if (name === 'direct') {
      contestants.push({ name, direct: true, open: (url) => new DirectClient(url) });
      continue;
    }
    try {
      const program = await programs[name](options);
      const env = environment(name, options.keepCertificates);
      const open = (url, more = {}) =>
        new StdioClient(process.execPath, [program, url, ...(extraArguments[name] ?? [])], {
          ...env,
          ...more,
        });
      contestants.push({ name, direct: false, open, program, env });
    } catch (error) {
      missing.push(`${name} is left out: ${error.message.split('\n')[0]}`);
    }
  }
  return { contestants, missing };
}
