import type { Command } from 'commander';
import { bashCompletion } from './bash.ts';
import { fishCompletion } from './fish.ts';
import { powershellCompletion } from './powershell.ts';
import { completionTree } from './tree.ts';
import { zshCompletion } from './zsh.ts';

const scripts = {
  bash: bashCompletion,
  zsh: zshCompletion,
  fish: fishCompletion,
  powershell: powershellCompletion,
} as const;

/** Prints the completion script for a shell. @returns the exit code */
export function printCompletion(shell: keyof typeof scripts, program: Command): number {
  process.stdout.write(scripts[shell](completionTree(program)));
  return 0;
}
