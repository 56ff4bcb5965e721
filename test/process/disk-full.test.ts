import { spawnSync } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { callEcho, echoed, oauthStage } from '../support/oauth-stage.ts';
import { isLinux } from '../support/prerequisites.ts';
import { tempFolder } from '../support/temp-folder.ts';

const isRoot = process.getuid?.() === 0;

describe.runIf(isRoot && isLinux)('a disk that is full, which takes root to mount', () => {
  test('spends no refresh token: the client hears why, and with space again all goes on [T55]', async ({
    skip,
  }) => {
    const disk = tempFolder();
    const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1m,mode=0700', 'none', disk]);
    if (mounted.status !== 0) skip(`nothing can be mounted here: ${mounted.stderr}`);
    onTestFinished(() => void spawnSync('umount', ['-l', disk]));

    const stage = await oauthStage();
    stage.setup.home = join(disk, 'home');
    stage.setup.env.MCP_DRAWBRIDGE_HOME = stage.setup.home;
    await stage.signIn();
    const bridge = await stage.connect();
    const filler = join(disk, 'filler');
    for (let size = 2 ** 20; size >= 1; size >>= 1) {
      try {
        writeFileSync(filler, Buffer.alloc(size), { flag: 'a' });
      } catch {
        // Half of it, then.
      }
    }
    stage.server.expireAccessTokens();
    const refused = await callEcho(bridge);
    expect(JSON.stringify(refused)).toMatch(/ENOSPC|space/);
    expect([stage.server.grants('refresh_token'), stage.windows]).toEqual([0, 1]);

    rmSync(filler);
    expect((await callEcho(bridge)).result).toEqual(echoed);
    expect([stage.server.grants('refresh_token'), stage.server.reuses, stage.windows]).toEqual([1, 0, 1]);
  });
});
