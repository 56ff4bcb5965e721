// `npm run mcpb`: packs the built command as a desktop extension, an MCP bundle (.mcpb) as
// https://github.com/modelcontextprotocol/mcpb/blob/main/MANIFEST.md describes it.
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { zip } from './lib/zip.mjs';
import { root } from './prepare.mjs';

const usage = `Usage: npm run mcpb -- [options]

  --out <file>      the bundle to write (default: mcp-drawbridge-<version>.mcpb)
  --name <name>     the extension's name; a client installs one extension of each name
  --title <text>    what users read in its place
  --url <url>       a server's URL that is filled in already
  --help

It packs dist/ as it is (npm run build), and the keychain's library for those systems for which it is installed.`;

const { version, license } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

function readOptions() {
  try {
    const text = { type: 'string' };
    const options = { out: text, name: text, title: text, url: text, help: { type: 'boolean' } };
    const { values } = parseArgs({ options });
    const { name = 'mcp-drawbridge', url } = values;
    if (!/^[a-z0-9][a-z0-9-]{0,63}$/.test(name))
      throw new Error('--name takes small letters, digits and hyphens');
    if (url !== undefined && !/^https?:$/.test(new URL(url).protocol))
      throw new Error('--url takes an http(s) URL');
    return { ...values, name };
  } catch (error) {
    process.stderr.write(`${error.message}\n\n${usage}\n`);
    process.exit(2);
  }
}

function manifest({ name, title, url }) {
  const text = readFileSync(join(root, 'extension', 'manifest.json'), 'utf8');
  const whole = JSON.parse(text);
  return {
    ...whole,
    name,
    display_name: title ?? (name === whole.name ? whole.display_name : name),
    version,
    user_config: {
      ...whole.user_config,
      ...(url && { server_url: { ...whole.user_config.server_url, default: url } }),
    },
  };
}

/** A file of the repository, or all below a folder of it, under the same or another name in the bundle. */
function packed(from, to = from) {
  const path = join(root, from);
  if (!existsSync(path)) throw new Error(`${from} is missing: run "npm run build" first`);
  if (statSync(path).isDirectory())
    return readdirSync(path)
      .sort()
      .flatMap((name) => packed(`${from}/${name}`, `${to}/${name}`));
  return [{ name: to, data: readFileSync(path), mode: to.includes('/bin/') ? 0o755 : 0o644 }];
}

const keychain = () => {
  const folder = 'node_modules/@napi-rs';
  const names = existsSync(join(root, folder)) ? readdirSync(join(root, folder)) : [];
  const files = names.filter((name) => name.startsWith('keyring')).sort();
  return files.flatMap((name) => packed(`${folder}/${name}`)).filter(({ name }) => !name.endsWith('.d.ts'));
};

const json = (name, value) => ({ name, data: Buffer.from(`${JSON.stringify(value, null, 2)}\n`) });

const options = readOptions();
if (options.help) {
  process.stdout.write(`${usage}\n`);
} else {
  const out = options.out ?? `${options.name}-${version}.mcpb`;
  const bundle = zip([
    json('manifest.json', manifest(options)),
    json('package.json', { name: options.name, version, license, private: true, type: 'commonjs' }),
    ...packed('LICENSE'),
    ...packed('extension/launch.js', 'server/launch.js'),
    ...packed('bin', 'server/bin'),
    ...packed('dist', 'server/dist'),
    ...keychain(),
  ]);
  mkdirSync(dirname(out), { recursive: true });
  writeFileSync(out, bundle);
  process.stdout.write(`${out}: ${(bundle.length / 1e6).toFixed(1)} MB\n`);
}
