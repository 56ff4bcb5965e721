import { parseArgs } from 'node:util';
import { version } from '../version.ts';
import { type OptionDefinition, type OptionValues, options } from './options.ts';
import { type OwnOption, storedCommands } from './stored/command-table.ts';
import { print } from './stored/output.ts';

/**
 * Runs what people wait for without the command-line library, whose loading would cost a third of the time:
 * `--version`, and `status` and `logout` as they are usually called.
 *
 * @returns the exit code; undefined where the arguments are anything else, faulty ones included: cli/program.ts then
 *   has the word
 */
export async function runFastCommand([word, ...rest]: readonly string[]): Promise<number | undefined> {
  if (rest.length === 0 && (word === '--version' || word === '-V')) {
    await print(`${version}\n`);
    return 0;
  }
  const command = storedCommands.find(({ name, argument }) => name === word && argument === '[url]');
  const parsed = command && parse(rest, options.filter(command.shared), command.own);
  if (!parsed) return undefined;
  return command.run(parsed.url, parsed.given, (option) => parsed.own.has(option));
}

function parse(
  args: string[],
  shared: readonly OptionDefinition[],
  own: readonly OwnOption[],
): { url: string | undefined; given: OptionValues; own: Set<string> } | undefined {
  const type = (value: string | undefined) => (value === undefined ? 'boolean' : 'string');
  const known = [
    ...shared.map(({ name, value }) => [name, { type: type(value) }] as const),
    ...own.map(({ name }) => [name, { type: type(undefined) }] as const),
  ];
  try {
    const { values, positionals } = parseArgs({
      args,
      options: Object.fromEntries(known),
      allowPositionals: true,
    });
    if (positionals.length > 1) return undefined;
    const isOwn = (name: string): boolean => own.some((option) => option.name === name);
    const entries = Object.entries(values);
    return {
      url: positionals[0],
      given: Object.fromEntries(entries.filter(([name]) => !isOwn(name))) as OptionValues,
      own: new Set(entries.flatMap(([name, value]) => (isOwn(name) && value === true ? [name] : []))),
    };
  } catch {
    return undefined;
  }
}
