import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';

const root = fileURLToPath(new URL('../..', import.meta.url));

/**
 * Makes a TypeScript program of test/support runnable by Node alone, as the build does with the command.
 *
 * @param folder where to put it
 * @returns its start file
 */
export async function bundleProgram(name: string, folder: string): Promise<string> {
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
  const bundle = await rolldown({
    cwd: root,
    // The keychain's process is looked for beside the program (scripts/build.mjs).
    input: { program: `test/support/${name}`, 'keychain-process': 'src/credentials/keychain-process.ts' },
    external: ['@napi-rs/keyring'],
    platform: 'node',
    transform: { target: 'node20', define: { __VERSION__: JSON.stringify(version) } },
    logLevel: 'silent',
  });
  await bundle.write({
    dir: folder,
    format: 'cjs',
    entryFileNames: ({ name }) => (name === 'program' ? 'program.cjs' : `${name}.js`),
    chunkFileNames: '[name]-[hash].cjs',
  });
  await bundle.close();
  return join(folder, 'program.cjs');
}
