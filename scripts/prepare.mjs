// What both `npm start` and `npm test` need first, on a fresh clone where nothing but Node and npm is installed.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('..', import.meta.url));
const isWindows = process.platform === 'win32';

/** Ends the process with one readable line where Node is too old or npm is missing. */
export function requireNodeAndNpm() {
  const major = Number(process.versions.node.split('.')[0]);
  if (major < 20)
    fail(`Node.js 20 or newer is needed; this is ${process.version}. Get it from https://nodejs.org.`);
  if (!isInstalled('npm', '--version'))
    fail('npm is needed, and was not found in PATH. It comes with Node.js.');
}

function fail(message) {
  console.error(message);
  process.exit(1);
}

/** Whether this program can be started. */
export function isInstalled(command, flag) {
  return spawnSync(command, [flag], { stdio: 'ignore', shell: isWindows }).error === undefined;
}

/** Runs a program in the repository's root and gives its exit code and, where it was not shown, its output. */
export function run(command, args, { show = false, minutes = 10, env = {} } = {}) {
  const result = spawnSync(command, args, {
    cwd: root,
    stdio: show ? 'inherit' : ['ignore', 'pipe', 'pipe'],
    encoding: 'utf8',
    shell: isWindows,
    timeout: minutes * 60_000,
    maxBuffer: 64 * 1024 * 1024,
    env: { ...process.env, ...env },
  });
  const output = `${result.stdout || ''}${result.stderr || ''}`;
  const trouble = result.error ? `\n${command}: ${result.error.message}` : '';
  return { ok: result.status === 0, output: output + trouble };
}

/** A program that one of the dependencies brings. */
export function dependency(name) {
  return join(root, 'node_modules', '.bin', isWindows ? `${name}.cmd` : name);
}

export function needsInstall() {
  const installed = join(root, 'node_modules', '.package-lock.json');
  return !existsSync(installed) || timeOf(installed) < timeOf(join(root, 'package-lock.json'));
}

/**
 * Installs what the lock file names. `npm ci` refuses a lock file that lacks optional packages of other platforms,
 * as it comes out of a registry that does not carry them; `npm install` takes the same versions then.
 */
export function install() {
  const quiet = ['--no-audit', '--no-fund'];
  const exact = run('npm', ['ci', ...quiet]);
  if (exact.ok || !exact.output.includes('EUSAGE')) return exact;
  return run('npm', ['install', '--no-save', ...quiet]);
}

/** Whether dist is missing, or older than anything it is made of. */
export function needsBuild() {
  const built = join(root, 'dist', 'main.js');
  return (
    !existsSync(built) ||
    timeOf(built) < newest(['src', 'scripts/build.mjs', 'package.json'].map((name) => join(root, name)))
  );
}

export function build() {
  return run('npm', ['run', '--silent', 'build']);
}

const timeOf = (path) => statSync(path).mtimeMs;

function newest(paths) {
  return Math.max(
    ...paths.map((path) =>
      statSync(path).isDirectory()
        ? newest([...readdirSync(path).map((name) => join(path, name))])
        : timeOf(path),
    ),
  );
}
