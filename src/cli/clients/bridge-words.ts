import { parseArgs } from 'node:util';
import type { OptionDefinition } from '../options.ts';

/** Options of `add` and `remove` themselves; everything else belongs to the bridge. */
export const ownOptions = [
  {
    name: 'config-file',
    value: 'path',
    help: 'Change this file in place of the one that the client has by default',
  },
  { name: 'force', help: 'Replace or remove an entry of that name, whatever it is' },
  { name: 'dry-run', help: 'Print the change and write nothing' },
] as const satisfies readonly (Omit<OptionDefinition, 'group'> & { help: string })[];

/**
 * The options of the bridge among the arguments of `add`, each word as it was given.
 *
 * @param argv the whole command line, known to be sound
 */
export function bridgeWords(
  argv: readonly string[],
  options: readonly Omit<OptionDefinition, 'group'>[],
): string[] {
  const kinds = [...options, ...ownOptions].map((option) => [
    option.name,
    { type: 'value' in option ? ('string' as const) : ('boolean' as const), multiple: true },
  ]);
  const { tokens } = parseArgs({
    args: [...argv],
    options: Object.fromEntries(kinds),
    allowPositionals: true,
    strict: false,
    tokens: true,
  });
  const own = new Set<string>(ownOptions.map(({ name }) => name));
  return tokens.flatMap((token) => {
    if (token.kind !== 'option' || own.has(token.name)) return [];
    const word = argv[token.index] as string;
    return token.value === undefined || token.inlineValue ? [word] : [word, token.value];
  });
}
