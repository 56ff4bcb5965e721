import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { EraFile } from '../../src/bridge/era/era-file.ts';
import { startBridge } from '../support/bridge-process.ts';
import { beModern } from '../support/fake-modern.ts';
import { startFakeSseRemote } from '../support/fake-sse-remote.ts';
import { type OAuthStage, oauthStage } from '../support/oauth-stage.ts';
import { runCommand } from '../support/run-command.ts';
import { findSecrets } from '../support/signed-in.ts';
import { changeConnection, storedConnections } from '../support/stored-connection.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { until } from '../support/wait.ts';

async function run(stage: OAuthStage, args: string[], env = {}) {
  const outcome = await runCommand(args, { ...stage.setup.env, ...env });
  const { stdout, stderr } = outcome;
  expect(findSecrets(stage.server.secretsSeen(), stage.setup.home, stdout, stderr)).toEqual([]);
  return outcome;
}

async function signedInStage(): Promise<OAuthStage> {
  const stage = await oauthStage();
  await stage.signIn();
  return stage;
}

/** Waits for what a bridge writes down of a server, after it has answered its client. */
async function untilRemembered({ setup }: OAuthStage): Promise<void> {
  const written = (folder: string, ending: string): boolean => {
    const path = join(setup.home, folder);
    return existsSync(path) && readdirSync(path).some((name) => name.endsWith(ending));
  };
  await until('what is remembered', () => written('memories', '.sealed') && written('servers', '.json'));
}

describe('status', () => {
  test('shows a sign-in, uncoloured in a pipe, without a request and without a secret [T118]', async () => {
    const stage = await signedInStage();
    const before = [stage.server.requests.length, stage.remote.remote.requests.length];
    const { code, stdout, stderr } = await run(stage, ['status']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/^✓ ok {2}http:\S+\n/);
    expect(stdout).not.toContain('\u001b');
    for (const text of [
      stage.server.issuer,
      'token     ends in ',
      'registered by this program',
      stage.setup.home,
    ])
      expect(stdout).toContain(text);
    expect([stage.server.requests.length, stage.remote.remote.requests.length]).toEqual(before);
    expect((await run(stage, ['status'], { FORCE_COLOR: '1' })).stdout).toContain('\u001b[32m✓ ok');
  });

  test('what a bridge has learned of the server is there too', async () => {
    const stage = await oauthStage();
    await stage.connect();
    await untilRemembered(stage);
    const { code, stdout } = await run(stage, ['status', stage.url, '--json']);
    expect(code).toBe(0);
    const { connections } = JSON.parse(stdout);
    expect(connections[0].remote).toMatchObject({
      protocolVersion: '2025-11-25',
      era: 'legacy',
      transport: 'http',
    });
  });

  test('a server of the revision 2026-07-28 is shown as that, whatever its client was told', async () => {
    const stage = await oauthStage();
    beModern(stage.remote.remote);
    const bridge = await stage.connect();
    await untilRemembered(stage);
    bridge.closeStdin();
    await bridge.exitWithin(5000);
    const { stdout } = await run(stage, ['status', stage.url, '--json']);
    expect(JSON.parse(stdout).connections[0].remote).toEqual({
      name: 'newest',
      version: '3.0.0',
      protocolVersion: '2026-07-28',
      era: 'modern',
      transport: 'http',
    });
    const text = await run(stage, ['status', stage.url]);
    expect(text.stdout).toContain('newest 3.0.0, MCP 2026-07-28 (modern era), Streamable HTTP');
  });

  test('a bridge writes down that a server has the older transport only', async () => {
    const { url } = await startFakeSseRemote();
    const home = tempFolder();
    const bridge = startBridge(url, { env: { MCP_DRAWBRIDGE_HOME: home } });
    await bridge.initialize();
    const verdict = () => new EraFile(home, url, 'default').read();
    await until('what was found out', () => verdict() !== undefined);
    expect(verdict()).toMatchObject({ era: 'legacy', transport: 'sse' });
  });

  test('--json is one document on stdout', async () => {
    const stage = await signedInStage();
    const { code, stdout, stderr } = await run(stage, ['status', '--json']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(JSON.parse(stdout)).toMatchObject({
      schema: 'mcp-drawbridge/status',
      version: 1,
      fix: null,
      connections: [{ state: 'ok', usable: true, refreshable: true, issuer: stage.server.issuer }],
    });
  });

  test('exit 4 where a server has nothing usable, with the command last', async () => {
    const stage = await signedInStage();
    expect((await run(stage, ['status', stage.url])).code).toBe(0);
    const other = await run(stage, ['status', stage.url, '--profile', 'work']);
    expect(other.code).toBe(4);
    expect(other.stdout.trimEnd().split('\n').at(-1)).toBe(
      `npx -y mcp-drawbridge login ${stage.url} --profile work`,
    );
    await changeConnection(stage, { expiresAt: Date.now() - 1000, refreshToken: undefined });
    const { code, stdout } = await run(stage, ['status', stage.url]);
    expect(code).toBe(4);
    expect(stdout.trimEnd().split('\n').at(-1)).toBe(`npx -y mcp-drawbridge login ${stage.url}`);
    expect((await run(stage, ['status'])).code).toBe(0);
    const json = await run(stage, ['status', stage.url, '--json']);
    expect([json.code, JSON.parse(json.stdout).connections[0].problem]).toEqual([4, 'expired']);
  });

  test('usage errors: exit 2, one line', async () => {
    for (const args of [['nonsense'], ['https://a.example', 'b'], ['--nope'], ['--profile']]) {
      const { code, stdout, stderr } = await runCommand(['status', ...args]);
      expect([code, stdout]).toEqual([2, '']);
      expect(stderr.trimEnd().split('\n')).toHaveLength(1);
    }
  });

  test('a store that can not be opened, or of a newer version: exit 5, one line', async () => {
    const stage = await oauthStage();
    await stage.signIn();
    const env = { MCP_DRAWBRIDGE_PASSPHRASE: 'canary-passphrase' };
    // Locks the store: from now on only the passphrase opens it.
    await runCommand(
      ['login', stage.url],
      { ...stage.setup.env, ...env, MCP_DRAWBRIDGE_STORE: 'auto' },
      30_000,
    );
    const keyFile = join(stage.setup.home, 'key.json');
    const key = JSON.parse(readFileSync(keyFile, 'utf8'));
    expect(key.slots.map(({ type }: { type: string }) => type)).toEqual(['scrypt']);
    const locked = await run(stage, ['status', '--json']);
    expect([locked.code, locked.stdout]).toEqual([5, '']);
    expect(locked.stderr).toMatch(/^mcp-drawbridge: .*MCP_DRAWBRIDGE_PASSPHRASE.*\n$/);
    expect((await run(stage, ['status', stage.url], env)).code).toBe(0);
    expect((await run(stage, ['token', stage.url])).code).toBe(5);

    const folder = join(stage.setup.home, 'connections');
    const [file = ''] = readdirSync(folder);
    const bytes = readFileSync(join(folder, file));
    bytes[4] = 9;
    writeFileSync(join(folder, file), bytes);
    const newer = await run(stage, ['status'], env);
    expect([newer.code, newer.stdout]).toEqual([5, '']);
    expect(newer.stderr).toContain('newer version');
  });
});

describe('token', () => {
  test('prints the stored token and nothing else, without a request', async () => {
    const stage = await signedInStage();
    const before = stage.server.requests.length;
    const { code, stdout, stderr } = await runCommand(['token', stage.url], stage.setup.env);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toBe(`${storedConnections(stage)[0]?.accessToken}\n`);
    expect(stage.server.requests.length).toBe(before);
  });

  test.each([
    ['over', { expiresAt: Date.now() - 60_000 }],
    ['soon over', { obtainedAt: Date.now() - 3_550_000, expiresAt: Date.now() + 20_000 }],
  ])('renews one that is %s; five at once make one refresh', async (_, changes) => {
    const stage = await signedInStage();
    await changeConnection(stage, changes);
    const outcomes = await Promise.all(
      Array.from({ length: 5 }, () => runCommand(['token', stage.url], stage.setup.env)),
    );
    const token = storedConnections(stage)[0]?.accessToken as string;
    for (const { code, stdout } of outcomes) expect([code, stdout]).toEqual([0, `${token}\n`]);
    expect(stage.server.isValid(token)).toBe(true);
    expect([stage.server.grants('refresh_token'), stage.server.reuses]).toEqual([1, 0]);
  });

  test('exit 4 with the command: nobody signed in, nothing to renew with, or a grant that is gone', async () => {
    const stage = await oauthStage();
    const command = `npx -y mcp-drawbridge login ${stage.url}`;
    const expectNone = async (): Promise<void> => {
      const { code, stdout, stderr } = await runCommand(['token', stage.url], stage.setup.env);
      expect([code, stdout]).toEqual([4, '']);
      expect(stderr).toMatch(/^mcp-drawbridge: [^\n]+\n$/);
      expect(stderr.trimEnd().endsWith(command)).toBe(true);
    };
    await expectNone();
    await stage.signIn();
    await changeConnection(stage, { expiresAt: Date.now() - 1000 });
    stage.server.revokeAll();
    await expectNone();
    await stage.signIn();
    await changeConnection(stage, { expiresAt: Date.now() - 1000, refreshToken: undefined });
    await expectNone();
  });

  test('exit 3 where the authorization server is down, but for a token that is good for a while', async () => {
    const stage = await signedInStage();
    await stage.server.stop();
    await changeConnection(stage, { obtainedAt: Date.now() - 3_550_000, expiresAt: Date.now() + 45_000 });
    const good = await runCommand(['token', stage.url], stage.setup.env, 30_000);
    expect([good.code, good.stdout]).toEqual([0, `${storedConnections(stage)[0]?.accessToken}\n`]);
    await changeConnection(stage, { expiresAt: Date.now() - 1000 });
    const { code, stdout } = await run(stage, ['token', stage.url]);
    expect([code, stdout]).toEqual([3, '']);
    expect(storedConnections(stage)[0]?.refreshToken).toBeDefined();
  }, 60_000);

  test('exit 2 with credentials of the user: there is none stored', async () => {
    for (const args of [
      ['--token-command', 'echo x'],
      ['--header', 'Authorization: Bearer canary'],
      ['--store', 'memory'],
    ]) {
      const { code, stdout, stderr } = await runCommand(['token', 'https://mcp.example/mcp', ...args]);
      expect([code, stdout]).toEqual([2, '']);
      expect(stderr).not.toContain('canary');
    }
  });

  test('the help says that it prints a secret', async () => {
    expect((await runCommand(['token', '--help'])).stdout).toContain('secret');
  });
});
