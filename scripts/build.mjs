// Bundles src/main.ts into dist/: one small start file, and a chunk for everything that a start does not need.
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';

const root = fileURLToPath(new URL('..', import.meta.url));
const { version } = JSON.parse(await readFile(`${root}package.json`, 'utf8'));

await rm(`${root}dist`, { recursive: true, force: true });
const bundle = await rolldown({
  cwd: root,
  // The second is loaded by nobody: it is a program of its own, and as small as can be.
  input: { main: 'src/main.ts', 'keychain-process': 'src/credentials/keychain-process.ts' },
  platform: 'node',
  preserveEntrySignatures: 'allow-extension',
  external: ['@napi-rs/keyring'],
  // What it names as its main file loads the others in a way that can't be bundled.
  resolve: { alias: { 'jsonc-parser': 'jsonc-parser/lib/esm/main.js' } },
  transform: { target: 'node20', define: { __VERSION__: JSON.stringify(version) } },
  checks: { eval: false },
  plugins: [
    {
      // It would start commands that are programs of their own, which there are none of; loading it costs 2 ms.
      name: 'commander-without-child-process',
      transform: (code, id) =>
        /\/node_modules\/commander\/lib\/command\.js$/.test(id.replaceAll('\\', '/'))
          ? code.replace("require('node:child_process')", '{}')
          : undefined,
    },
  ],
});
const { output } = await bundle.write({
  dir: `${root}dist`,
  // CommonJS: the loader of ES modules costs about 4 ms more at each start (docs/decisions/0001).
  format: 'cjs',
  minify: true,
  comments: { legal: true },
  entryFileNames: '[name].js',
  chunkFileNames: '[name]-[hash].js',
  codeSplitting: {
    includeDependenciesRecursively: false,
    groups: [
      // What all need, whatever is started: the bundler would make a file of each.
      {
        name: 'common',
        test: /\/src\/(errors|jsonrpc|logger|revisions|settings|bridge\/era\/era-file|cli\/create-logger|platform\/(sleep|url-policy))\.ts/,
      },
      // The rest of the plain start of a bridge, which commands are spared.
      {
        name: 'bridge',
        test: /\/src\/(cli\/run-bridge|bridge\/(?!link-request|provisional|sign-in-(gate|texts|tool)|stored-server-memory|waiting-requests)[a-z-]+|bridge\/era\/(modern-hook|opening|remote-era|ways)|remote\/(?!http-sse|mcp-headers|modern-http|subscription|tool-headers)[a-z-]+|authorization\/(authorizer|lazy-authorizer)|platform\/(http-client|lifetime|network-errors)|json-edit|json-text|byte-text|large-json)\.ts/,
      },
      // The modern protocol, and the two translations.
      {
        name: 'modern',
        test: /\/src\/(remote\/(mcp-headers|modern-http|subscription|tool-headers)|bridge\/era\/(modern-(face|answers)|promised-subscriptions|detect|terms))\.ts/,
      },
      { name: 'legacy-client', test: /\/src\/bridge\/era\/(legacy-client|input-rounds|second-look)/ },
      { name: 'modern-client', test: /\/src\/bridge\/era\/(modern-client|parking|legacy-engine)/ },
      // What writes into the configurations of clients, but for the declaration of its commands.
      {
        name: 'clients',
        test: /\/src\/cli\/clients\/(?!(commands|client-ids|bridge-words)\.ts)|\/node_modules\/(jsonc-parser|smol-toml)\//,
      },
      // What a signed-in start needs besides, in two files: commands about what is stored need the first alone.
      {
        name: 'store',
        test: /\/src\/(credentials\/(?!(ids|presence|import-mcp-remote|mcp-remote-(layouts|hash)|keychain-child|keychain-process|system-keychain|secret-service|dbus|dbus-wire)\.ts)|authorization\/(stored-credentials|sign-in\/(attempts|command|task))\.ts|(bridge\/stored-server-memory|cli\/stored\/(kept-store|times))\.ts)/,
      },
      {
        name: 'oauth',
        test: /\/src\/(authorization\/(oauth-authorizer|credential-in-use|personal-token|proof-refused|serves|challenge|scopes|step-ups|sign-in\/pending-sign-in)\.ts|platform\/child-environment\.ts)/,
      },
      // The same for machines, of which the grants are files of their own.
      { name: 'machine', test: /\/src\/authorization\/machine\/machine-authorizer\.ts/ },
      { name: 'token-life', test: /\/src\/authorization\/(jwt|token-age)\.ts/ },
      // The key of a bound token, and what it signs.
      { name: 'dpop', test: /\/src\/authorization\/dpop\.ts/ },
      { name: 'status', test: /\/src\/cli\/stored\/(status[a-z-]*|remote-status|fix-command)\.ts/ },
      // What the options of mcp-remote are here.
      {
        name: 'mcp-remote',
        test: /\/src\/cli\/mcp-remote\/(?!detect)[a-z-]+\.ts/,
      },
      // What `logout` needs besides, before there is something to revoke.
      {
        name: 'logout',
        test: /\/src\/(cli\/stored\/(logout(-text)?|forget-eras)|authorization\/(sign-out|issuer-memory)|credentials\/(import-mcp-remote|mcp-remote-layouts))\.ts/,
      },
      {
        name: 'sign-in',
        test: /\/src\/(authorization\/(?!(authorizer|lazy-authorizer|token-command|secret-command)\.ts)|platform\/(oauth-http|address-policy)\.ts)/,
      },
    ],
  },
});
await bundle.close();

await writeFile(`${root}dist/THIRD-PARTY-LICENSES.txt`, await collectLicences(output));

/** The licences of what is bundled, which each of them asks to be passed on. */
async function collectLicences(chunks) {
  const folders = new Set();
  for (const { moduleIds = [] } of chunks) {
    for (const id of moduleIds) {
      const folder = /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(id.replaceAll('\\', '/'))?.[0];
      if (folder) folders.add(folder);
    }
  }
  const texts = [];
  for (const folder of [...folders].sort()) {
    const {
      name,
      version: itsVersion,
      license,
    } = JSON.parse(await readFile(`${folder}/package.json`, 'utf8'));
    const file = (await readdir(folder)).find((entry) => /^licen[cs]e/i.test(entry));
    const text = file ? await readFile(`${folder}/${file}`, 'utf8') : `Licence: ${license}`;
    texts.push(`${name} ${itsVersion}\n\n${text.trim()}\n`);
  }
  return texts.join(`\n${'-'.repeat(80)}\n\n`);
}
