import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { initializeParams } from '../support/json-rpc.ts';
import { startEmptyBus, startKeyring, startSilentBus } from '../support/keyring.ts';
import { callEcho, echoed, type OAuthStage, oauthStage } from '../support/oauth-stage.ts';
import { hasKeyring, isLinux } from '../support/prerequisites.ts';
import { runCommand } from '../support/run-command.ts';

type Environment = Record<string, string | undefined>;

/** A stage whose bridges and commands have this environment as well, and choose for themselves what holds the key. */
async function stageWith(env: Environment): Promise<OAuthStage> {
  const stage = await oauthStage();
  change(stage, { MCP_DRAWBRIDGE_STORE: undefined, ...env });
  return stage;
}

function change({ setup }: OAuthStage, env: Environment): void {
  Object.assign(setup.env, env);
}

const slotsOf = ({ setup }: OAuthStage): string[] =>
  JSON.parse(readFileSync(join(setup.home, 'key.json'), 'utf8')).slots.map(
    ({ type }: { type: string }) => type,
  );

describe.runIf(isLinux && hasKeyring)('a bridge with the keychain', () => {
  test('signs in once; every later start finds the credentials', async () => {
    const { env } = await startKeyring();
    const stage = await stageWith(env);
    const first = await stage.connect();
    expect((await callEcho(first)).result).toEqual(echoed);
    expect(slotsOf(stage)).toEqual(['keychain']);
    await first.close();
    const bridges = await Promise.all(Array.from({ length: 4 }, () => stage.connect()));
    for (const bridge of bridges) expect((await callEcho(bridge)).result).toEqual(echoed);
    expect(stage.windows).toBe(1);
    for (const bridge of [first, ...bridges]) expect(bridge.stderr).not.toContain('keychain');
  });

  test.each([
    ['locked', /keychain is locked/],
    ['silent', /keychain does not answer/],
  ])('that is %s says so, opens no window, and goes on once it is unlocked', async (state, message) => {
    const keyring = await startKeyring();
    const stage = await stageWith(keyring.env);
    await stage.signIn();
    await keyring.stop();
    const isLocked = state === 'locked';
    change(
      stage,
      isLocked ? (await startKeyring({ state: keyring.state, isLocked })).env : await startSilentBus(),
    );

    const start = performance.now();
    const bridge = stage.bridge();
    const { error } = await bridge.request('initialize', initializeParams(), 20_000);
    expect(error).toMatchObject({
      message: expect.stringMatching(message),
      data: { source: 'mcp-drawbridge', reason: 'credential-store' },
    });
    // Asked for at the start, and once more when the server has refused the request: 3 s each.
    expect(performance.now() - start).toBeLessThan(10_000);
    expect(await stage.signInFails(5)).toMatch(message);
    expect(stage.windows).toBe(1);
    await bridge.close();

    change(stage, (await startKeyring({ state: keyring.state })).env);
    expect((await callEcho(await stage.connect())).result).toEqual(echoed);
    expect(stage.windows).toBe(1);
  });

  test('that is not there takes a file and says so once, also where a process of its own signs in', async () => {
    const stage = await stageWith(await startEmptyBus());
    const first = await stage.connect();
    expect(first.stderr.match(/not against other programs of this user/g)).toHaveLength(1);
    expect(slotsOf(stage)).toEqual(['file']);
    await first.close();
    const second = await stage.connect();
    expect((await callEcho(second)).result).toEqual(echoed);
    expect(second.stderr).not.toContain('not against other programs');
    expect(stage.windows).toBe(1);
  });

  test('that is wanted and not there is an error before any window', async () => {
    const stage = await stageWith({ ...(await startEmptyBus()), MCP_DRAWBRIDGE_STORE: 'keychain' });
    expect(await stage.signInFails(5)).toMatch(/No keychain can be reached.*--store file/);
    const { error } = await stage.bridge().request('initialize', initializeParams(), 20_000);
    expect(error).toMatchObject({ data: { reason: 'credential-store' } });
    expect(stage.windows).toBe(0);
  });
});

describe('a bridge without a keychain', () => {
  test('keeps credentials under a passphrase that no process that it starts inherits', async () => {
    const stage = await stageWith({ MCP_DRAWBRIDGE_PASSPHRASE: 'canary-passphrase' });
    expect((await callEcho(await stage.connect())).result).toEqual(echoed);
    expect(slotsOf(stage)).toEqual(['scrypt']);
    expect((await callEcho(await stage.connect())).result).toEqual(echoed);
    expect(stage.windows).toBe(1);
    change(stage, { MCP_DRAWBRIDGE_PASSPHRASE: 'another' });
    expect(await stage.signInFails(5)).toMatch(/MCP_DRAWBRIDGE_PASSPHRASE is not the passphrase/);
    for (const [name, text] of filesIn(stage.setup.home))
      expect(text, name).not.toContain('canary-passphrase');
  });

  test('and with --store memory leaves nothing on the disk', async () => {
    const stage = await stageWith({ MCP_DRAWBRIDGE_STORE: 'memory' });
    const bridge = await stage.connect();
    expect((await callEcho(bridge)).result).toEqual(echoed);
    await bridge.close();
    expect(filesIn(stage.setup.home)).toEqual([]);
    expect((await callEcho(await stage.connect())).result).toEqual(echoed);
    expect(stage.windows).toBe(2);
    const { code, stderr } = await runCommand(['login', stage.url], stage.setup.env);
    expect([code, stderr]).toEqual([2, expect.stringMatching(/--store memory keeps nothing/)]);
  });
});

function filesIn(folder: string): [name: string, text: string][] {
  try {
    return readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map(({ name, parentPath }) => [name, readFileSync(join(parentPath, name), 'latin1')]);
  } catch {
    return []; // there is no such folder
  }
}
