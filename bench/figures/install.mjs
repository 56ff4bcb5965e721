// What a user gets on the disk: the packed package, installed where nothing else is.
import { mkdtemp, readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { MCP_REMOTE, repository, SUBJECT } from '../contestants.mjs';
import { npm, temporaryFolder } from '../processes.mjs';

async function bytesBelow(folder) {
  let bytes = 0;
  for (const entry of await readdir(folder, { withFileTypes: true, recursive: true })) {
    if (!entry.isFile()) continue;
    const { blocks, size } = await stat(join(entry.parentPath ?? entry.path, entry.name));
    // What the disk gives up: of many small files that is more than their length. Windows doesn't tell.
    bytes += blocks ? blocks * 512 : size;
  }
  return bytes;
}

async function installed(specification) {
  const folder = await mkdtemp(join(temporaryFolder, 'install-'));
  await npm(['install', '--omit=dev', '--no-audit', '--no-fund', '--prefix', folder, specification], folder);
  const modules = join(folder, 'node_modules');
  const { packages } = JSON.parse(await readFile(join(modules, '.package-lock.json'), 'utf8'));
  return { packages: Object.keys(packages).length, size: (await bytesBelow(modules)) / 1024 / 1024 };
}

async function packed() {
  // Built already at this point; a second build would only take time.
  const args = ['pack', '--ignore-scripts', '--json', '--pack-destination', temporaryFolder];
  const [{ filename }] = JSON.parse(await npm(args, repository));
  return join(temporaryFolder, filename);
}

export const installFigures = [
  {
    name: 'install',
    runs: 1,
    // Without the network it can't be measured, and it is no measure of speed.
    quick: false,
    metrics: [
      { key: 'packages', label: 'packages installed for a user', limit: 4 },
      { key: 'size', label: 'size of the installation, MB', limit: 6 },
    ],
    measure: async ({ name }) => {
      if (name === 'floor') return {};
      return installed(name === SUBJECT ? await packed() : MCP_REMOTE);
    },
  },
];
