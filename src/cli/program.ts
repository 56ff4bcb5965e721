import { Command, CommanderError, Option } from 'commander';
import { DrawbridgeError } from '../errors.ts';
import { version } from '../version.ts';
import { buildSettings } from './build-settings.ts';
import { addClientCommands } from './clients/commands.ts';
import { environmentName, type OptionDefinition, type OptionValues, options } from './options.ts';
import { runBridge } from './run-bridge.ts';

const EXAMPLES = `
Examples:
  In a client's configuration (mcp.json, claude_desktop_config.json):
    { "command": "npx", "args": ["-y", "mcp-drawbridge", "https://mcp.example.com/mcp"] }
  The same, written by this program (see also: mcp-drawbridge help add):
    mcp-drawbridge add cursor example https://mcp.example.com/mcp
  Sign in beforehand, for instance on a machine without a browser:
    mcp-drawbridge login https://mcp.example.com/mcp --no-browser
  With an API key from the environment:
    mcp-drawbridge https://mcp.example.com/mcp --header 'Authorization: Bearer \${API_KEY}'
  With a token from a secret manager:
    mcp-drawbridge https://mcp.example.com/mcp --token-command 'op read op://private/mcp/token'
  See it work, without any server or account:
    mcp-drawbridge demo

Environment:
  Each option can also be set by MCP_DRAWBRIDGE_ and its name: ${environmentName('log-level')}=debug.
  HTTP_PROXY, HTTPS_PROXY, NO_PROXY and NODE_EXTRA_CA_CERTS are honoured.

Exit codes:
  0 done, or the client closed stdin   1 failed   2 usage   3 remote not reachable or broken
  4 sign-in needed or refused   5 credential store not usable   129, 130, 143 ended by SIGHUP, SIGINT, SIGTERM`;

/**
 * Runs whatever is not the plain start of a bridge: the other commands, the help, and every usage error.
 *
 * @returns the exit code
 * @throws DrawbridgeError `usage`, its message one line
 */
export async function runCommand(argv: string[]): Promise<number> {
  let exitCode = 0;
  const program = new Command('mcp-drawbridge')
    .description(
      'Carries the Model Context Protocol between a local client (stdio) and a remote server (HTTP).',
    )
    .usage('<url> [options]\n       mcp-drawbridge <command>')
    .version(version)
    .argument('[url]', "the remote MCP server's URL")
    .helpCommand('help [command]', 'show this, or the help of a command')
    .addHelpText('after', EXAMPLES)
    // Or the options of a command would be taken for those of the bridge, which have the same names.
    .enablePositionalOptions()
    .exitOverride()
    .configureOutput({ writeErr: () => {} })
    .action(async (url: string | undefined, values: OptionValues) => {
      if (url === undefined)
        throw new DrawbridgeError('usage', 'The URL of the remote MCP server is missing; see --help.');
      exitCode = await runBridge(buildSettings(url, kebabCase(values), process.env));
    });
  addOptions(program, () => true);
  const login = program
    .command('login <url>')
    .description('sign in to a server now, and keep the credentials for every bridge to it')
    .action(async (url: string, values: OptionValues) => {
      const { runLogin } = await import('./login.ts');
      // What stands before the word `login` is meant for it too.
      const given = { ...kebabCase(program.opts()), ...kebabCase(values) };
      exitCode = await runLogin(buildSettings(url, given, process.env));
    });
  addOptions(login, ({ group }) => group !== 'Tools');
  const done = (code: number): void => {
    exitCode = code;
  };
  addClientCommands(program, { argv, addOptions, kebabCase, done });
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

  try {
    await program.parseAsync(argv, { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return 0;
    // Commander's text may go over two lines: the fault, and what was perhaps meant.
    const message = error.message
      .replace(/^error: /, '')
      .replace(/\.$/, '')
      .replace(/\s*\n\s*/g, ' ');
    throw new DrawbridgeError('usage', `${message}; see --help.`);
  }
  return exitCode;
}

function addOptions(command: Command, takes: (option: OptionDefinition) => boolean): void {
  for (const { name, value, repeatable, group, help } of options.filter(takes)) {
    const flags = value ? `--${name} <${value.replace(/[<>]/g, '')}>` : `--${name}`;
    const option = new Option(flags, help).helpGroup(`${group}:`);
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
