import { execFile } from 'node:child_process';
import * as fs from 'node:fs';
import { mkdtemp, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const major = 22;
const cache = fileURLToPath(new URL('../../.cache/', import.meta.url));
const home = join(cache, `node${major}`);

/**
 * The path of a Node that the conformance suite runs on. It needs `fs.globSync`, which came with Node 22: where the
 * running Node is older, the binary package of that version is installed from npm into `.cache`, once.
 * Rejects with the reason where that is impossible.
 */
export async function nodeForSuite(): Promise<string> {
  if ('globSync' in fs) return process.execPath;
  const node = binaryIn(home);
  if (!fs.existsSync(node)) await install();
  const { stdout } = await run(node, ['--version'], { timeout: 10_000 });
  if (!stdout.startsWith(`v${major}.`)) throw new Error(`${node} is Node ${stdout.trim()}, not ${major}`);
  return node;
}

/** The npm package that holds the binary for this platform, named as the package `node` itself names it. */
function packageName(): string {
  const platform = process.platform === 'win32' ? 'win' : process.platform;
  const prefix = platform === 'darwin' && process.arch === 'arm64' ? 'node-bin' : 'node';
  return `${prefix}-${platform}-${process.arch}`;
}

function binaryIn(folder: string): string {
  const file = process.platform === 'win32' ? 'node.exe' : 'node';
  return join(folder, 'node_modules', packageName(), 'bin', file);
}

/** Installs beside the final place and moves the whole there, so that no half of it is ever found. */
async function install(): Promise<void> {
  fs.mkdirSync(cache, { recursive: true });
  const folder = await mkdtemp(`${home}-`);
  try {
    // A package of its own: npm would else take the one above it for the place to install to.
    fs.writeFileSync(join(folder, 'package.json'), '{ "private": true }\n');
    const flags = ['--no-save', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
    const args = ['install', ...flags, `${packageName()}@${major}`];
    // Under npm the file of the running npm is known; elsewhere the one in PATH, a script on Windows.
    const npm = process.env.npm_execpath;
    const options = { cwd: folder, timeout: 150_000, shell: process.platform === 'win32' };
    if (npm === undefined) await run('npm', args, options);
    else await run(process.execPath, [npm, ...args], { ...options, shell: false });
    // A run beside this one may have been faster: its folder is as good.
    await rename(folder, home).catch((error) => {
      if (!fs.existsSync(binaryIn(home))) throw error;
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
