import type { CompletionCommand, CompletionOption, CompletionTree } from './tree.ts';

/** @returns the script to be read by bash, 3.2 or newer */
export function bashCompletion({ root, commands }: CompletionTree): string {
  const all = new Map([root, ...commands].flatMap(({ options }) => options.map((one) => [one.flag, one])));
  const flagsWith = (isRight: (option: CompletionOption) => boolean): string =>
    [...all.values()]
      .filter(isRight)
      .map(({ flag }) => flag)
      .join('|');
  const values = [...all.values()].flatMap(({ flag, value }) =>
    typeof value === 'string' ? [] : [`    ${flag}) words='${value.join(' ')}' ;;`],
  );
  const optionsOf = ({ options }: CompletionCommand): string => options.map(({ flag }) => flag).join(' ');
  const places = commands.flatMap(({ name, arguments: all }) =>
    all.flatMap((choices, place) =>
      choices.length > 0 ? [`      ${name}:${place}) words='${choices.join(' ')}' ;;`] : [],
    ),
  );
  const names = commands.map(({ name }) => name);
  return `# Completion of mcp-drawbridge for bash. In ~/.bashrc: eval "$(mcp-drawbridge completion bash)"
_mcp_drawbridge() {
  local current="\${COMP_WORDS[COMP_CWORD]}" previous="\${COMP_WORDS[COMP_CWORD-1]}"
  local command='' words='' place=0 i
  COMPREPLY=()
  # bash splits --option=value at the sign.
  if [[ $current == '=' ]]; then current=''
  elif [[ $previous == '=' ]]; then previous="\${COMP_WORDS[COMP_CWORD-2]}"; fi
  for ((i = 1; i < COMP_CWORD; i++)); do
    case "\${COMP_WORDS[i]}" in
      ${flagsWith(({ value }) => value !== 'none')})
        [[ \${COMP_WORDS[i+1]} == '=' ]] && i=$((i + 1))
        i=$((i + 1)) ;;
      -*) ;;
      ${names.join('|')})
        if [[ -z $command && $place == 0 ]]; then command="\${COMP_WORDS[i]}"; else place=$((place + 1)); fi ;;
      *) place=$((place + 1)) ;;
    esac
  done
  case "$previous" in
${values.join('\n')}
    ${flagsWith(({ value }) => value === 'file')})
      compopt -o filenames 2>/dev/null
      COMPREPLY=($(compgen -f -- "$current"))
      return ;;
    ${flagsWith(({ value }) => value === 'any')}) return ;;
  esac
  if [[ -z $words && $current != -* ]]; then
    case "$command:$place" in
      :0) words='${names.join(' ')}' ;;
${places.join('\n')}
    esac
  fi
  if [[ -z $words ]]; then
    case "$command" in
      '') words='${optionsOf(root)}' ;;
${commands.map((command) => `      ${command.name}) words='${optionsOf(command)}' ;;`).join('\n')}
    esac
  fi
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -F _mcp_drawbridge mcp-drawbridge
`;
}
