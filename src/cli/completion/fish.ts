import type { CompletionOption, CompletionTree } from './tree.ts';

/** @returns the script to be read by fish */
export function fishCompletion({ root, commands }: CompletionTree): string {
  const names = commands.map(({ name }) => name).join(' ');
  const none = `not __fish_seen_subcommand_from ${names}`;
  const line = (condition: string, rest: string): string =>
    `complete -c mcp-drawbridge -n ${quote(condition)} ${rest}`;
  const options = (condition: string, list: readonly CompletionOption[]): string[] =>
    list.map(({ flag, help, value }) =>
      line(condition, `-l ${flag.slice(2)}${valueFlags(value)} -d ${quote(help)}`),
    );
  const lines = [
    ...commands.map(({ name, help }) => line('__fish_use_subcommand', `-a ${name} -d ${quote(help)}`)),
    ...options(none, root.options),
    ...commands.flatMap((command) => {
      const condition = `__fish_seen_subcommand_from ${command.name}`;
      const choices = command.arguments.flat();
      return [
        ...(choices.length > 0 ? [line(condition, `-a ${quote(choices.join(' '))}`)] : []),
        ...options(condition, command.options),
      ];
    }),
  ];
  return `# Completion of mcp-drawbridge for fish: ~/.config/fish/completions/mcp-drawbridge.fish
complete -c mcp-drawbridge -f
${lines.join('\n')}
`;
}

function valueFlags(value: CompletionOption['value']): string {
  if (value === 'none') return '';
  if (value === 'file') return ' -rF';
  return value === 'any' ? ' -x' : ` -xa ${quote(value.join(' '))}`;
}

function quote(text: string): string {
  return `'${text.replace(/[\\']/g, '\\$&')}'`;
}
