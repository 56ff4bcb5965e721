// Before a release: the tag, package.json, the lock file and the changelog have to name the same version. Prints what
// the changelog says of it, which becomes the notes of the release.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './prepare.mjs';

const [tag = ''] = process.argv.slice(2);
const read = (name) => readFileSync(join(root, name), 'utf8');
const { version } = JSON.parse(read('package.json'));
const locked = JSON.parse(read('package-lock.json')).version;
const sections = read('CHANGELOG.md').split(/^## /m).slice(1);
const section = sections.find((text) => text.startsWith(`[${version}] - `));
const [heading = '', ...lines] = section?.split('\n') ?? [];

const faults = [
  tag === `v${version}` || `the tag is "${tag}", and package.json says ${version}`,
  locked === version || `package-lock.json says ${locked}, and package.json ${version}`,
  /\] - \d{4}-\d{2}-\d{2}$/.test(heading) || `CHANGELOG.md has no section "[${version}] - <date>"`,
].filter((fault) => fault !== true);

if (faults.length > 0) {
  process.stderr.write(`${faults.join('\n')}\n`);
  process.exit(1);
}
process.stdout.write(
  `${lines
    .join('\n')
    .replace(/^\[[^\]]+\]: .*$/gm, '')
    .trim()}\n`,
);
