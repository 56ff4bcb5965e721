import type { CompletionCommand, CompletionOption, CompletionTree } from './tree.ts';

/** @returns the script, for \`eval\` or as a file _mcp-drawbridge in the fpath */
export function zshCompletion({ root, commands }: CompletionTree): string {
  const cases = commands.map((command) => `      ${command.name}) _arguments -S${specs(command)} ;;`);
  const described = commands.map(({ name, help }) => `    ${quote(`${name.replace(/:/g, '\\:')}:${help}`)}`);
  return `#compdef mcp-drawbridge
# Completion of mcp-drawbridge for zsh. In ~/.zshrc, after compinit: eval "$(mcp-drawbridge completion zsh)"
_mcp_drawbridge() {
  local curcontext="$curcontext" state line
  local -a commands
  commands=(
${described.join('\n')}
  )
  _arguments -C -S${optionSpecs(root)} \\
    '1: :->command' '*:: :->arguments' && return
  case $state in
    command) _describe -t commands command commands ;;
    arguments) case $words[1] in
${cases.join('\n')}
      *) _arguments -S${optionSpecs(root)} ;;
    esac ;;
  esac
}
if [[ $funcstack[1] == _mcp-drawbridge ]]; then _mcp_drawbridge "$@"; else compdef _mcp_drawbridge mcp-drawbridge; fi
`;
}

function specs(command: CompletionCommand): string {
  const places = command.arguments.map((choices, place) =>
    quote(`${place + 1}: :${choices.length > 0 ? `(${choices.join(' ')})` : ' '}`),
  );
  return optionSpecs(command) + places.map((place) => ` \\\n        ${place}`).join('');
}

function optionSpecs({ options }: CompletionCommand): string {
  return options.map((option) => ` \\\n        ${quote(spec(option))}`).join('');
}

function spec({ flag, help, value, isRepeatable }: CompletionOption): string {
  const text = help.replace(/[[\]\\]/g, '\\$&');
  const what =
    value === 'none'
      ? ''
      : value === 'file'
        ? ':file:_files'
        : value === 'any'
          ? ':value: '
          : `:value:(${value.join(' ')})`;
  // Both --option value and --option=value.
  return `${isRepeatable ? '*' : ''}${flag}${value === 'none' ? '' : '='}[${text}]${what}`;
}

function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
