// Bundles src/main.ts into dist/: one small start file, and a chunk for everything that a start does not need.
import { readFile, rm } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';

const root = fileURLToPath(new URL('..', import.meta.url));
const { version } = JSON.parse(await readFile(`${root}package.json`, 'utf8'));

await rm(`${root}dist`, { recursive: true, force: true });
const bundle = await rolldown({
  cwd: root,
  input: { main: 'src/main.ts' },
  platform: 'node',
  external: ['@napi-rs/keyring'],
  transform: { target: 'node20', define: { __VERSION__: JSON.stringify(version) } },
  checks: { eval: false },
});
await bundle.write({
  dir: `${root}dist`,
  // CommonJS: the loader of ES modules costs about 4 ms more at each start (docs/decisions/0001).
  format: 'cjs',
  minify: true,
  legalComments: 'inline',
  entryFileNames: '[name].js',
  chunkFileNames: '[name]-[hash].js',
});
await bundle.close();
