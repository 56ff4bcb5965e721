// `npm start`: installs and builds what is missing, then shows the whole job without any account.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { build, install, needsBuild, needsInstall, requireNodeAndNpm, root } from './prepare.mjs';

requireNodeAndNpm();
if (needsInstall()) step('Installing dependencies', install);
if (needsBuild()) step('Building', build);

const { status } = spawnSync(process.execPath, [join(root, 'bin', 'mcp-drawbridge.js'), 'demo'], {
  stdio: 'inherit',
});
process.exit(status === null ? 1 : status);

function step(name, work) {
  console.error(`${name} …`);
  const { ok, output } = work();
  if (ok) return;
  console.error(output);
  console.error(`${name} failed; see above.`);
  process.exit(1);
}
