import { expect, test } from 'vitest';
import { runCommand } from '../support/run-command.ts';

test('demo shows a tool call through a real bridge, without any account, and exits 0', async () => {
  const { code, stdout, stderr } = await runCommand(['demo'], {}, 40_000);
  expect(stderr).toBe('');
  expect(code).toBe(0);
  expect(stdout).toMatch(/tool/i);
  expect(stdout.split('\n').length).toBeGreaterThan(3);
});
