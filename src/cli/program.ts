import { Command, CommanderError, Option } from 'commander';
import { DrawbridgeError, displayText } from '../errors.ts';
import { version } from '../version.ts';
import { buildSettings } from './build-settings.ts';
import { addClientCommands } from './clients/commands.ts';
import { addCompletionCommand } from './completion/commands.ts';
import { finishHelp } from './help.ts';
import { nearest } from './near-miss.ts';
import { optionHelp } from './option-help.ts';
import { type OptionDefinition, type OptionValues, options } from './options.ts';
import { addStoredCommands } from './stored/commands.ts';

/**
 * Runs whatever is not the plain start of a bridge: the other commands, the help, and every usage error.
 *
 * @param notes what a bridge is to tell at the level debug
 * @returns the exit code
 * @throws DrawbridgeError `usage`, its message one line
 */
export async function runCommand(argv: string[], notes?: readonly string[]): Promise<number> {
  if (argv.join(' ') === 'help mcp-remote')
    return (await import('./mcp-remote/help.ts')).printMcpRemoteHelp();
  let exitCode = 0;
  const program = new Command('mcp-drawbridge')
    .description(
      'Carries the Model Context Protocol between a local client (stdio) and a remote server (HTTP).',
    )
    .usage('<url> [options]\n       mcp-drawbridge <command>')
    .version(version)
    .argument('[url]', "the remote MCP server's URL")
    // Or the options of a command would be taken for those of the bridge, which have the same names.
    .enablePositionalOptions()
    .exitOverride()
    .configureOutput({ writeErr: () => {} })
    .action(async (url: string | undefined, values: OptionValues) => {
      if (url === undefined)
        throw new DrawbridgeError('usage', 'The URL of the remote MCP server is missing; see --help.');
      const meant = nearCommand(program, url);
      if (meant !== undefined) throw unknownCommand(url, meant);
      const { runBridge } = await import('./run-bridge.ts');
      exitCode = await runBridge(buildSettings(url, kebabCase(values), process.env), notes);
    });
  addOptions(program, () => true);
  // There are some forty of them: only for the command that is named, or for all where they are listed.
  const addCommandOptions: typeof addOptions = (command, takes) => {
    if (argv.includes(command.name()) || argv.includes('completion')) addOptions(command, takes);
  };
  const login = program
    .command('login <url>')
    .description('sign in to a server now, and keep the credentials for every bridge to it')
    .option('--with-token', 'store a personal access token, which is read from stdin')
    .option('--json', 'print what was granted as JSON')
    .action(async (url: string, values: OptionValues & { withToken?: boolean; json?: boolean }) => {
      const { runLogin } = await import('./login.ts');
      // What stands before the word `login` is meant for it too.
      const given = { ...kebabCase(program.opts()), ...kebabCase(values) };
      const { withToken = false, json = false } = values;
      exitCode = await runLogin(buildSettings(url, given, process.env), { withToken, json });
    });
  addCommandOptions(login, ({ group }) => group !== 'Tools');
  const doctor = program
    .command('doctor <url>')
    .description('check one connection step by step, and name the fix of what is wrong; changes nothing')
    .option('--json', 'print one JSON document')
    .action(async (url: string, { json, ...values }: OptionValues) => {
      const { runDoctor } = await import('./doctor/doctor.ts');
      const given = { ...kebabCase(program.opts()), ...kebabCase(values) };
      exitCode = await runDoctor(buildSettings(url, given, process.env), { json: json === true });
    });
  addCommandOptions(doctor, ({ group }) => group !== 'Tools');
  const done = (code: number): void => {
    exitCode = code;
  };
  addClientCommands(program, { argv, addOptions: addCommandOptions, kebabCase, done });
  const given = (values: OptionValues): OptionValues => ({
    ...kebabCase(program.opts()),
    ...kebabCase(values),
  });
  addStoredCommands(program, { addOptions: addCommandOptions, given, done });
  program
    .command('client-metadata')
    .description('print the client ID metadata document to host at an https URL of yours')
    .requiredOption('--url <https-url>', 'where it will be found; this is the client id')
    .action(async ({ url }: { url: string }) => {
      exitCode = (await import('./client-metadata.ts')).printClientMetadata(url);
    });
  program.command('sign-in-process', { hidden: true }).action(async () => {
    const { runSignInProcess } = await import('../authorization/sign-in/sign-in-process.ts');
    exitCode = await runSignInProcess();
  });
  program
    .command('demo')
    .description(
      'start a small protected MCP server on this machine, sign in, call a tool through a real bridge, and show what happens',
    )
    .option('--auto-approve', 'approve by itself: open no browser, ask nobody')
    .action(async ({ autoApprove = false }: { autoApprove?: boolean }) => {
      exitCode = await (await import('./demo/demo.ts')).runDemo({ autoApprove });
    });
  addCompletionCommand(program, done);
  finishHelp(program);

  try {
    await program.parseAsync(argv, { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return 0;
    const [word = ''] = argv[0] === 'help' ? argv.slice(1) : program.args;
    const meant = nearCommand(program, word);
    // Of the bridge itself, whose arguments they would be, or of `help`.
    const isExcess = error.code === 'commander.excessArguments' && !findCommand(program, word);
    if (error.code === 'commander.help' || (isExcess && (meant !== undefined || /^[\w-]+$/.test(word))))
      throw unknownCommand(word, meant);
    // Commander's text may go over two lines: the fault, and what was perhaps meant.
    const message = error.message
      .replace(/^error: /, '')
      .replace(/\.$/, '')
      .replace(/\s*\n\s*/g, ' ');
    throw new DrawbridgeError('usage', `${message}; see --help.`);
  }
  return exitCode;
}

function findCommand({ commands }: Command, word: string): Command | undefined {
  return commands.find((command) => command.name() === word);
}

/** The command that was perhaps meant by a word in its place. */
function nearCommand({ commands }: Command, word: string): string | undefined {
  const names = commands.map((command) => command.name()).filter((name) => name !== 'sign-in-process');
  return word.includes(':') ? undefined : nearest(word, [...names, 'help']);
}

function unknownCommand(word: string, meant: string | undefined): DrawbridgeError {
  const hint = meant === undefined ? '' : ` (Did you mean ${meant}?)`;
  return new DrawbridgeError('usage', `unknown command '${displayText(word, 60)}'${hint}; see --help.`);
}

function addOptions(command: Command, takes: (option: OptionDefinition) => boolean): void {
  for (const { name, value, repeatable, group, hidden } of options.filter(takes)) {
    const flags = value ? `--${name} <${value.replace(/[<>]/g, '')}>` : `--${name}`;
    const option = new Option(flags, optionHelp[name]).helpGroup(`${group}:`).hideHelp(hidden === true);
    if (repeatable) option.argParser((given: string, before: string[] = []) => [...before, given]);
    command.addOption(option);
  }
}

/** Commander names `--header-file` headerFile, and takes `--no-browser` for the opposite of `browser`. */
function kebabCase(values: OptionValues): OptionValues {
  const given = Object.entries(values).map(([name, value]): [string, OptionValues[string]] => {
    const long = name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
    return value === false ? [`no-${long}`, true] : [long, value];
  });
  const known = new Set(options.map(({ name }) => name));
  return Object.fromEntries(given.filter(([name]) => known.has(name)));
}
