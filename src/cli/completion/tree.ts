import type { Command, Option } from 'commander';

/** What may be typed, for the completion of any shell. */
export interface CompletionTree {
  /** Of the bridge, without a command. */
  root: CompletionCommand;
  commands: readonly CompletionCommand[];
}

export interface CompletionCommand {
  name: string;
  help: string;
  options: readonly CompletionOption[];
  /** What each argument may be, in their order; empty where it may be anything. */
  arguments: readonly (readonly string[])[];
}

export interface CompletionOption {
  /** With its dashes. */
  flag: string;
  help: string;
  value: 'none' | 'any' | 'file' | readonly string[];
  isRepeatable: boolean;
}

/** Reads the tree off the commands as they are declared; what the help hides is left out. */
export function completionTree(program: Command): CompletionTree {
  const names = program.commands
    .filter((command) => program.createHelp().visibleCommands(program).includes(command))
    .map((command) => command.name());
  const describe = (command: Command): CompletionCommand => ({
    name: command.name(),
    help: command.description(),
    options: command
      .createHelp()
      .visibleOptions(command)
      .filter(({ long }) => long)
      .map(describeOption),
    arguments: command.registeredArguments.map(({ argChoices }) => argChoices ?? []),
  });
  const help = { name: 'help', help: 'show the help of a command', options: [], arguments: [names] };
  const commands = program.commands.filter((command) => names.includes(command.name())).map(describe);
  return { root: describe(program), commands: [...commands, help] };
}

function describeOption({ long, description, flags, required, optional, argChoices, parseArg }: Option) {
  const [, value = ''] = /<([^>]*)>/.exec(flags) ?? [];
  const choices = argChoices ?? (/^[\w.-]+(\|[\w.-]+)+$/.test(value) ? value.split('|') : undefined);
  const free = /^(path|pem|file)$/.test(value) ? ('file' as const) : ('any' as const);
  return {
    flag: long as string,
    help: description,
    value: required || optional ? (choices ?? free) : ('none' as const),
    isRepeatable: parseArg !== undefined,
  };
}
