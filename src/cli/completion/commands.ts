import { Argument, type Command } from 'commander';

const shells = ['bash', 'zsh', 'fish', 'powershell'] as const;
type Shell = (typeof shells)[number];

/** Adds `completion`, which knows all the commands that are there when it runs. */
export function addCompletionCommand(program: Command, done: (exitCode: number) => void): void {
  program
    .command('completion')
    .description('print the script that completes commands and options in a shell')
    .addArgument(new Argument('<shell>', 'the shell').choices([...shells]))
    .action(async (shell: Shell) => {
      const { printCompletion } = await import('./print-completion.ts');
      done(printCompletion(shell, program));
    });
}
