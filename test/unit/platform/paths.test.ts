import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { expect, test, vi } from 'vitest';
import { stateFolder } from '../../../src/platform/paths.ts';

test.each([
  ['an absolute path', resolve('/srv/bridge'), resolve('/srv/bridge')],
  ['a relative path, from the working directory', 'state/../bridge', resolve('bridge')],
  ['a path with spaces', resolve('/srv/my bridge'), resolve('/srv/my bridge')],
])('MCP_DRAWBRIDGE_HOME may be %s', async (_, value, folder) => {
  expect(await stateFolder({ MCP_DRAWBRIDGE_HOME: value })).toBe(folder);
});

test.each([{}, { MCP_DRAWBRIDGE_HOME: '' }])(
  'without it, %j, the folder is where the platform has its data',
  async (env) => {
    vi.stubEnv('XDG_DATA_HOME', undefined);
    const folder = await stateFolder(env);
    expect(folder.startsWith(homedir())).toBe(true);
    expect(folder).toContain('mcp-drawbridge');
    expect(folder).not.toContain('nodejs');
    if (process.platform === 'linux') expect(folder).toBe(join(homedir(), '.local/share/mcp-drawbridge'));
  },
);

test('a user without a home folder is told what to do [T57]', async () => {
  vi.resetModules();
  vi.doMock('env-paths', () => {
    throw new Error('ENOENT');
  });
  const { stateFolder: fresh } = await import('../../../src/platform/paths.ts');
  await expect(fresh({})).rejects.toMatchObject({
    reason: 'credential-store',
    message: expect.stringMatching(/MCP_DRAWBRIDGE_HOME/),
  });
  expect(await fresh({ MCP_DRAWBRIDGE_HOME: resolve('/srv') })).toBe(resolve('/srv'));
});
