import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

/**
 * Installs one package, pinned as `name@version`, into a folder of its own, unless it is there already.
 * Install scripts run only where `scripts` says so. Rejects with npm's own reason.
 */
export async function install(spec, folder, { scripts = false } = {}) {
  const [name, version] = nameAndVersion(spec);
  if ((await installedVersion(name, folder)) === version) return;
  await mkdir(folder, { recursive: true });
  // A package of its own: npm would else take the one above it for the place to install to.
  if (!existsSync(join(folder, 'package.json'))) {
    await writeFile(join(folder, 'package.json'), '{ "private": true }\n');
  }
  const flags = ['--no-audit', '--no-fund', '--loglevel=error', ...(scripts ? [] : ['--ignore-scripts'])];
  const options = { cwd: folder, timeout: 600_000, shell: process.platform === 'win32' };
  await promisify(execFile)('npm', ['install', '--no-save', ...flags, spec], options).catch((error) => {
    const lines = `${error.stderr ?? ''}`.split('\n').filter((line) => line.startsWith('npm error'));
    throw new Error(lines.slice(0, 3).join('; ') || error.message);
  });
}

/** The version of a package in a folder's node_modules, or undefined. */
export async function installedVersion(name, folder) {
  const file = join(folder, 'node_modules', name, 'package.json');
  return JSON.parse(await readFile(file, 'utf8').catch(() => '{}')).version;
}

/** `@scope/name@1.2.3` as its name and its version. */
export function nameAndVersion(spec) {
  const at = spec.lastIndexOf('@');
  return [spec.slice(0, at), spec.slice(at + 1)];
}
