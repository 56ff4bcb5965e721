import { type Command, Option } from 'commander';
import type { OptionDefinition, OptionValues } from '../options.ts';
import { type OwnOption, storedCommands } from './command-table.ts';

interface Surroundings {
  /** Declares options of the bridge. */
  addOptions(command: Command, takes: (option: OptionDefinition) => boolean): void;
  /** The options of the bridge among these and before the command's word, named as the table does. */
  given(values: OptionValues): OptionValues;
  done(exitCode: number): void;
}

/** Adds `status`, `logout` and `token`. */
export function addStoredCommands(program: Command, { addOptions, given, done }: Surroundings): void {
  for (const { name, argument, help, own, shared, run } of storedCommands) {
    const command = program
      .command(`${name} ${argument}`)
      .description(help)
      .action(async (url: string | undefined, values: OptionValues) => {
        done(await run(url, given(values), (option: OwnOption['name']) => values[option] === true));
      });
    for (const option of own) command.addOption(new Option(`--${option.name}`, option.help));
    addOptions(command, (option) => shared(option));
  }
}
