import { afterEach, expect, test, vi } from 'vitest';
import { mcpRemoteOptions } from '../../../../src/cli/mcp-remote/table.ts';
import { runCommand } from '../../../../src/cli/program.ts';

afterEach(() => vi.restoreAllMocks());

test('help mcp-remote says of each option what it is here', async () => {
  let stdout = '';
  vi.spyOn(process.stdout, 'write').mockImplementation((text: string | Uint8Array, done?: unknown) => {
    stdout += text;
    if (typeof done === 'function') done();
    return true;
  });
  expect(await runCommand(['help', 'mcp-remote'])).toBe(0);
  for (const { name, here } of mcpRemoteOptions) {
    expect(stdout).toMatch(new RegExp(`^ {2}--${name}\\b`, 'm'));
    expect(stdout.replace(/\s+/g, ' ')).toContain(here);
  }
  expect(stdout).toContain('[callback-port]');
});
