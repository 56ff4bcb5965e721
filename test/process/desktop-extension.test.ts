import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import type { Environment } from '../support/bridge-command.ts';
import { type BridgeProcess, runBridge } from '../support/bridge-process.ts';
import { followingBrowser } from '../support/browsers.ts';
import { startFakeRemote } from '../support/fake-remote.ts';
import { initializeParams } from '../support/json-rpc.ts';
import { hasUnzip, isLinux } from '../support/prerequisites.ts';
import { runNode } from '../support/run-command.ts';
import { signInWorld, untilConnected } from '../support/sign-in-world.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { unzip, type ZipEntry } from '../support/unzip.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const script = join(root, 'scripts', 'mcpb.mjs');
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

async function pack(...options: string[]): Promise<{ bytes: Buffer; entries: ZipEntry[] }> {
  const out = join(tempFolder(), 'out', 'it.mcpb');
  const { code, stderr } = await runNode([script, '--out', out, ...options]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  const bytes = readFileSync(out);
  return { bytes, entries: unzip(bytes) };
}

const optionOf = z.strictObject({
  type: z.enum(['string', 'number', 'boolean', 'directory', 'file']),
  title: z.string().min(1),
  description: z.string().min(1),
  required: z.boolean().optional(),
  default: z.union([z.string(), z.number(), z.boolean(), z.array(z.string())]).optional(),
  multiple: z.boolean().optional(),
  sensitive: z.boolean().optional(),
  min: z.number().optional(),
  max: z.number().optional(),
});

/**
 * As far as we use it: https://github.com/modelcontextprotocol/mcpb/blob/main/MANIFEST.md, version 0.3. A member that it
 * does not know is refused by those who check a manifest.
 */
const manifestSchema = z.strictObject({
  manifest_version: z.literal('0.3'),
  name: z.string().regex(/^[a-z0-9-]+$/),
  display_name: z.string().min(1),
  version: z.string().regex(/^\d+\.\d+\.\d+(-[\w.]+)?$/),
  description: z.string().min(1),
  long_description: z.string().min(1),
  author: z.strictObject({ name: z.string().min(1), email: z.email().optional(), url: z.url().optional() }),
  license: z.string(),
  keywords: z.array(z.string()),
  server: z.strictObject({
    type: z.literal('node'),
    entry_point: z.string(),
    mcp_config: z.strictObject({
      command: z.string(),
      args: z.array(z.string()),
      env: z.record(z.string(), z.string()),
    }),
  }),
  tools_generated: z.boolean(),
  prompts_generated: z.boolean(),
  compatibility: z.strictObject({
    claude_desktop: z.string().optional(),
    platforms: z.array(z.enum(['darwin', 'win32', 'linux'])),
    runtimes: z.strictObject({ node: z.string() }),
  }),
  user_config: z.record(z.string(), optionOf),
});
type Manifest = z.infer<typeof manifestSchema>;

const manifestOf = (entries: ZipEntry[]): Manifest =>
  manifestSchema.parse(
    JSON.parse(entries.find(({ name }) => name === 'manifest.json')?.data.toString() ?? ''),
  );

/** Puts the bundle where a client would, and gives the command that its manifest names. */
async function installed(answers: Record<string, string>): Promise<{ args: string[]; env: Environment }> {
  const { entries } = await pack();
  const folder = join(tempFolder(), 'Claude Extensions', 'it');
  for (const { name, data } of entries) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), data);
  }
  const { server, user_config: fields } = manifestOf(entries);
  const fill = (text: string): string =>
    text
      .replaceAll('${__dirname}', folder)
      .replaceAll(/\$\{user_config\.(\w+)\}/g, (placeholder, name: string) =>
        String(answers[name] ?? fields[name]?.default ?? placeholder),
      );
  expect(server.mcp_config.command).toBe('node');
  const env = Object.entries(server.mcp_config.env).map(([name, value]) => [name, fill(value)]);
  return { args: server.mcp_config.args.map(fill), env: Object.fromEntries(env) };
}

const start = (args: string[], env: Environment): BridgeProcess =>
  runBridge({ command: process.execPath, args, env });

describe('the desktop extension', () => {
  test('holds what the package holds, the launcher and the library of the keychain, and nothing else', async () => {
    const { entries, bytes } = await pack();
    const dist = readdirSync(join(root, 'dist')).map((name) => `server/dist/${name}`);
    const own = entries
      .map(({ name }) => name)
      .filter((name) => !/^node_modules\/@napi-rs\/keyring/.test(name));
    expect(own.sort()).toEqual(
      [
        'LICENSE',
        'manifest.json',
        'package.json',
        'server/bin/mcp-drawbridge.js',
        'server/launch.js',
        ...dist,
      ].sort(),
    );
    for (const { name, data } of entries.filter(({ name }) => name.startsWith('server/dist/')))
      expect(data.equals(readFileSync(join(root, name.replace('server/', '')))), name).toBe(true);
    expect(bytes.length).toBeLessThan(15_000_000);
    expect((await pack()).bytes.equals(bytes)).toBe(true);
  });

  test.skipIf(!hasUnzip)('is an archive that others read too', async () => {
    const { bytes } = await pack();
    const file = join(tempFolder(), 'it.zip');
    writeFileSync(file, bytes);
    expect(() => execFileSync('unzip', ['-tqq', file])).not.toThrow();
  });

  test('has a manifest as the specification wants it, whose names all lead somewhere', async () => {
    const { entries } = await pack();
    const manifest = manifestOf(entries);
    expect(manifest.version).toBe(version);
    const { entry_point, mcp_config } = manifest.server;
    expect(entries.map(({ name }) => name)).toContain(entry_point);
    expect(mcp_config.args).toEqual([`\${__dirname}/${entry_point}`]);
    const used = Object.values(mcp_config.env).map((value) => /^\$\{user_config\.(\w+)\}$/.exec(value)?.[1]);
    expect(used.sort()).toEqual(Object.keys(manifest.user_config).sort());
    // Without a default an empty field comes as its placeholder: https://github.com/modelcontextprotocol/mcpb/issues/250
    for (const [name, { required, default: given }] of Object.entries(manifest.user_config))
      expect(required === true || given === '', name).toBe(true);
    // What may hold a key is kept by the system, and is in no list of processes.
    expect(manifest.user_config.header?.sensitive).toBe(true);
    expect(mcp_config.args.join(' ')).not.toContain('user_config');
  });

  test('can be made for one server, beside others', async () => {
    const { entries } = await pack(
      '--name',
      'acme',
      '--title',
      'Acme',
      '--url',
      'https://mcp.acme.example/mcp',
    );
    const { name, display_name, user_config } = manifestOf(entries);
    expect({ name, display_name }).toEqual({ name: 'acme', display_name: 'Acme' });
    expect(user_config.server_url?.default).toBe('https://mcp.acme.example/mcp');
  });

  test.each([
    [['--name', 'A B'], /--name takes small letters/],
    [['--url', 'ftp://a.example'], /--url takes an http/],
    [['--nonsense'], /--nonsense/],
  ])('%j is a usage error', async (options, message) => {
    const { code, stderr } = await runNode([script, ...options]);
    expect(code).toBe(2);
    expect(stderr).toMatch(message);
  });
});

describe('the installed extension', () => {
  test('starts as its manifest says, and answers initialize from the server that was filled in', async () => {
    const remote = await startFakeRemote();
    const { args, env } = await installed({ server_url: ` ${remote.url} ` });
    const bridge = start(args, env);
    expect((await bridge.request('initialize', initializeParams())).result).toHaveProperty('serverInfo');
    expect(remote.requests[0]?.headers).not.toHaveProperty('authorization');
  });

  test('sends the header that was filled in', async () => {
    const remote = await startFakeRemote();
    const { args, env } = await installed({ server_url: remote.url, header: 'Authorization: Bearer k-1' });
    await start(args, env).request('initialize', initializeParams());
    expect(remote.requests[0]?.headers.authorization).toBe('Bearer k-1');
  });

  test('takes a placeholder that nobody has filled in for nothing', async () => {
    const remote = await startFakeRemote();
    const { args, env } = await installed({
      server_url: remote.url,
      header: '${user_config.header}',
      profile: '${user_config.profile}',
    });
    expect((await start(args, env).request('initialize', initializeParams())).result).toBeDefined();
  });

  test('says that the URL is missing', async () => {
    const { args, env } = await installed({});
    const { code, stderr } = await runNode(args, env);
    expect(code).toBe(2);
    expect(stderr).toContain('The URL of the remote MCP server is missing');
  });

  test.skipIf(!isLinux)(
    'signs in, run by an application that can start no other Node of its own',
    async () => {
      const world = await signInWorld({ browser: followingBrowser() });
      const { args, env } = await installed({ server_url: world.remote.url });
      const desktop = join(tempFolder(), 'electron.cjs');
      writeFileSync(
        desktop,
        `Object.defineProperty(process, 'versions', { value: { ...process.versions, electron: '39.0.0' } });
       process.execPath = '/nowhere/Claude Helper (Plugin)';`,
      );
      const bridge = start(['--require', desktop, ...args], { ...world.setup.env, ...env });
      await untilConnected(bridge);
      expect(world.browser.opened).toHaveLength(1);
    },
  );
});
