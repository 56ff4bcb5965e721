import { Argument, type Command, Option } from 'commander';
import { type OptionDefinition, type OptionValues, options } from '../options.ts';
import { bridgeWords, ownOptions } from './bridge-words.ts';
import { type ClientId, clientIds } from './client-ids.ts';

interface OwnValues extends OptionValues {
  configFile?: string;
  force?: boolean;
  dryRun?: boolean;
}

interface Surroundings {
  /** The whole command line. */
  argv: readonly string[];
  /** Declares options of the bridge. */
  addOptions(command: Command, takes: (option: OptionDefinition) => boolean): void;
  /** Names options as the table does, leaving out what it does not know. */
  kebabCase(values: OptionValues): OptionValues;
  done(exitCode: number): void;
}

/** Adds the commands that write into the configurations of clients. */
export function addClientCommands(
  program: Command,
  { argv, addOptions, kebabCase, done }: Surroundings,
): void {
  const add = program
    .command('add')
    .description("write the entry that starts the bridge into a client's own configuration")
    .addArgument(clientArgument())
    .argument('<name>', 'how the client is to call the server')
    .argument('<url>', "the remote MCP server's URL")
    .action(async (client: ClientId, name: string, url: string, values: OwnValues) => {
      const { runAdd } = await import('./add.ts');
      const given = { ...kebabCase(program.opts()), ...kebabCase(values) };
      const words = bridgeWords(argv, options);
      done(await runAdd({ client, name, url, words, given, ...own(values) }));
    });
  addOwnOptions(add);
  addOptions(add, () => true);

  const remove = program
    .command('remove')
    .description('take such an entry out again')
    .addArgument(clientArgument())
    .argument('<name>', 'how the client calls the server')
    .action(async (client: ClientId, name: string, values: OwnValues) => {
      const { runRemove } = await import('./remove.ts');
      done(await runRemove({ client, name, ...own(values) }));
    });
  addOwnOptions(remove);
}

function clientArgument(): Argument {
  return new Argument('<client>', 'the client').choices([...clientIds]);
}

function addOwnOptions(command: Command): void {
  for (const option of ownOptions) {
    const flags = 'value' in option ? `--${option.name} <${option.value}>` : `--${option.name}`;
    command.addOption(new Option(flags, option.help));
  }
}

function own({ configFile, force = false, dryRun = false }: OwnValues) {
  return { configFile, force, dryRun };
}
