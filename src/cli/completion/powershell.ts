import type { CompletionCommand, CompletionTree } from './tree.ts';

/** @returns the script to be read by PowerShell, 5.1 or newer */
export function powershellCompletion({ root, commands }: CompletionTree): string {
  const all = [root, ...commands];
  const options = new Map(all.flatMap((command) => command.options.map((one) => [one.flag, one])));
  const values = [...options.values()].flatMap(({ flag, value }) =>
    typeof value === 'string' ? [] : [`    ${quote(flag)} = @(${value.map(quote).join(', ')})`],
  );
  const taking = [...options.values()].filter(({ value }) => value !== 'none').map(({ flag }) => quote(flag));
  const table = (name: string, rows: readonly string[]): string => `  $${name} = @{\n${rows.join('\n')}\n  }`;
  const key = (command: CompletionCommand): string => quote(command === root ? '' : command.name);
  return `# Completion of mcp-drawbridge for PowerShell. In $PROFILE:
#   mcp-drawbridge completion powershell | Out-String | Invoke-Expression
Register-ArgumentCompleter -Native -CommandName mcp-drawbridge -ScriptBlock {
  param($wordToComplete, $commandAst, $cursorPosition)
${table(
  'help',
  [
    ...commands.map(({ name, help }) => [name, help] as const),
    ...[...options.values()].map(({ flag, help }) => [flag, help] as const),
  ].map(([name, help]) => `    ${quote(name)} = ${quote(help)}`),
)}
${table(
  'options',
  all.map(
    (command) => `    ${key(command)} = @(${command.options.map(({ flag }) => quote(flag)).join(', ')})`,
  ),
)}
${table('values', values)}
${table(
  'places',
  commands
    .filter(({ arguments: places }) => places.some((choices) => choices.length > 0))
    .map(({ name, arguments: places }) => `    ${quote(name)} = @(${places.flat().map(quote).join(', ')})`),
)}
  $commands = @(${commands.map(({ name }) => quote(name)).join(', ')})
  $taking = @(${taking.join(', ')})
  $words = @($commandAst.CommandElements | Select-Object -Skip 1 |
    Where-Object { $_.Extent.EndOffset -lt $cursorPosition } | ForEach-Object { $_.ToString() })
  $command = ''
  $place = 0
  for ($i = 0; $i -lt $words.Count; $i++) {
    if ($taking -contains $words[$i]) { $i++ }
    elseif ($words[$i] -like '-*') { }
    elseif ($command -eq '' -and $place -eq 0 -and $commands -contains $words[$i]) { $command = $words[$i] }
    else { $place++ }
  }
  $previous = if ($words.Count -gt 0) { $words[-1] } else { '' }
  $found = if ($values.ContainsKey($previous)) { $values[$previous] }
    elseif ($taking -contains $previous) { @() }
    elseif ($wordToComplete -like '-*') { $options[$command] }
    elseif ($command -eq '' -and $place -eq 0) { $commands }
    elseif ($place -eq 0 -and $places.ContainsKey($command)) { $places[$command] }
    else { $options[$command] }
  $found | Where-Object { $_ -like "$wordToComplete*" } | ForEach-Object {
    $tip = if ($help.ContainsKey($_)) { $help[$_] } else { $_ }
    [System.Management.Automation.CompletionResult]::new($_, $_, 'ParameterValue', $tip)
  }
}
`;
}

function quote(text: string): string {
  // PowerShell takes the curled ones for quotes, too.
  return `'${text.replace(/['\u2018\u2019\u201a\u201b]/g, '$&$&')}'`;
}
