import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { runNode } from '../support/run-command.ts';

const bench = fileURLToPath(new URL('../../bench/run.mjs', import.meta.url));

test('the bench measures the bridge and says each figure, in its quick mode', async () => {
  const { code, stdout, stderr } = await runNode([bench, '--quick', '--no-build'], {}, 110_000);
  expect(stderr).not.toMatch(/Error/);
  expect(code).toBe(0);
  // One short repetition beside other tests: what it says is of no worth, that it says it is.
  for (const figure of ['`initialize` answer', 'PSS after', 'small call', 'in flight', 'notifications']) {
    expect(stdout).toContain(figure);
  }
  for (const client of ['legacy', 'modern']) {
    for (const remote of ['legacy', 'modern']) {
      const [, value] =
        stdout.match(
          new RegExp(`small call, ${client} client, ${remote} remote, p50, ms \\|.*? ([\\d.]+) \\|`),
        ) ?? [];
      expect(Number(value), `${client} client, ${remote} remote`).toBeGreaterThan(0);
      expect(stdout).toMatch(
        new RegExp(
          `${client} client, ${remote} remote: HTTP requests a call \\(≤ 1\\) \\|.* 1 \\|.* pass \\|`,
        ),
      );
    }
    // Of the same era nothing may be changed.
    expect(stdout).toMatch(
      new RegExp(
        `${client} client, ${client} remote: calls that arrive byte for byte, share \\(≥ 1\\) \\|.* pass \\|`,
      ),
    );
  }
  expect(stdout).toMatch(/HTTP requests until `initialize` is answered \|.*\| 1 \| 1\.00/);
}, 120_000);
