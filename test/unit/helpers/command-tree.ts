import type { Command } from 'commander';
import { vi } from 'vitest';

const seen = vi.hoisted(() => ({ program: undefined as Command | undefined }));
vi.mock('../../../src/cli/help.ts', async (load) => {
  const real = await load<typeof import('../../../src/cli/help.ts')>();
  return {
    ...real,
    finishHelp(program: Command) {
      real.finishHelp(program);
      seen.program = program;
    },
  };
});

/** All commands as the program declares them, with nothing done yet. */
export async function commandTree(): Promise<Command> {
  const { runCommand } = await import('../../../src/cli/program.ts');
  const write = vi.spyOn(process.stdout, 'write').mockReturnValue(true);
  // The only start that declares the options of all commands.
  await runCommand(['completion', 'bash']);
  write.mockRestore();
  if (!seen.program) throw new Error('the program was not made');
  return seen.program;
}
