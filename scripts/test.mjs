// `npm test`: installs and builds what is missing, runs every check, and ends with one line of counts.
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import {
  build,
  dependency,
  install,
  isInstalled,
  needsInstall,
  requireNodeAndNpm,
  root,
  run,
} from './prepare.mjs';

/** Programs of the system that stand in some tests, with their Debian packages: by default the one of the same name. */
const programs = [
  { name: 'openssl', flag: 'version', tests: 'https with certificates of an own authority' },
  { name: 'tinyproxy', flag: '-v', tests: 'a real HTTP proxy' },
  {
    name: 'chromium',
    others: ['chromium-browser', 'google-chrome'],
    flag: '--version',
    packages: ['chromium', 'fonts-dejavu-core'],
    tests: 'a real browser',
  },
  { name: 'dbus-daemon', flag: '--version', packages: ['dbus', 'dbus-daemon'], tests: 'a real session bus' },
  { name: 'gnome-keyring-daemon', flag: '--version', packages: ['gnome-keyring'], tests: 'a real keychain' },
  {
    name: 'secret-tool',
    flag: '--version',
    packages: ['libsecret-tools'],
    tests: 'what other programs see of a keychain',
  },
  { name: 'unzip', flag: '-v', tests: 'the desktop extension as others read it' },
];

const counts = { passed: 0, failed: 0, skipped: 0 };

requireNodeAndNpm();
const installed = step('dependencies', () => (needsInstall() ? install() : { ok: true, output: '' }));
if (installed) {
  addPrograms();
  const built = step('build', build);
  step('types (tsc)', () => run(dependency('tsc'), ['--noEmit']));
  step('lint and format (biome)', () => run(dependency('biome'), ['check', '.']));
  step('dead code (knip)', () => run(dependency('knip'), ['--no-progress']));
  runTests(built);
}

console.log(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`);
process.exit(counts.failed === 0 ? 0 : 1);

/** One check that counts as one test; its output is shown where it fails. */
function step(name, work) {
  const start = Date.now();
  const { ok, output } = work();
  headline(`${ok ? 'ok    ' : 'FAILED'} ${name} (${((Date.now() - start) / 1000).toFixed(1)} s)`);
  if (!ok) console.log(output.length > 20_000 ? `…${output.slice(-20_000)}` : output);
  counts[ok ? 'passed' : 'failed'] += 1;
  return ok;
}

function headline(text) {
  console.log(`== ${text}`);
}

/** Installs missing programs where that is possible without asking, else says what will be skipped. */
function addPrograms() {
  const missing = () =>
    programs.filter(
      ({ name, others = [], flag }) => ![name, ...others].some((each) => isInstalled(each, flag)),
    );
  const isRoot = typeof process.getuid === 'function' && process.getuid() === 0;
  const names = missing().flatMap(({ name, packages = [name] }) => packages);
  if (names.length > 0 && isRoot && isInstalled('apt-get', '--version')) {
    headline(`installing ${names.join(', ')}`);
    const env = { DEBIAN_FRONTEND: 'noninteractive' };
    run('apt-get', ['update', '-q'], { minutes: 2, env });
    run('apt-get', ['install', '-y', '-q', '--no-install-recommends', ...names], { minutes: 3, env });
  }
  for (const { name, tests } of missing())
    headline(`${name} is not installed: tests with ${tests} are skipped`);
}

/** Runs all projects of vitest; without a build only the unit tests, since all others start the built command. */
function runTests(built) {
  const report = join(root, '.cache', 'test-report.json');
  rmSync(report, { force: true });
  headline(built ? 'tests (vitest)' : 'unit tests only (vitest): there is no build to start');
  const args = ['run', '--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
  const { ok } = run(dependency('vitest'), built ? args : [...args, '--project', 'unit'], {
    show: true,
    minutes: 13,
  });
  const failedBefore = counts.failed;
  if (existsSync(report)) count(JSON.parse(readFileSync(report, 'utf8')));
  // A crash, a file that could not be loaded or an error outside any test must not pass unseen.
  if (!ok && counts.failed === failedBefore) counts.failed += 1;
}

function count({ testResults }) {
  for (const { assertionResults, status } of testResults) {
    if (status === 'failed' && assertionResults.length === 0) counts.failed += 1;
    for (const result of assertionResults) {
      counts[result.status === 'passed' || result.status === 'failed' ? result.status : 'skipped'] += 1;
    }
  }
}
