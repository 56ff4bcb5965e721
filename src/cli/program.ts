import { Command, CommanderError, Option } from 'commander';
import { DrawbridgeError } from '../errors.ts';
import { version } from '../version.ts';
import { buildSettings } from './build-settings.ts';
import { environmentName, type OptionValues, options } from './options.ts';
import { runBridge } from './run-bridge.ts';

const EXAMPLES = `
Examples:
  In a client's configuration (mcp.json, claude_desktop_config.json):
    { "command": "npx", "args": ["-y", "mcp-drawbridge", "https://mcp.example.com/mcp"] }
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
  4 sign-in needed   129, 130, 143 ended by SIGHUP, SIGINT, SIGTERM`;

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
    .exitOverride()
    .configureOutput({ writeErr: () => {} })
    .action(async (url: string | undefined, values: OptionValues) => {
      if (url === undefined)
        throw new DrawbridgeError('usage', 'The URL of the remote MCP server is missing; see --help.');
      exitCode = await runBridge(buildSettings(url, kebabCase(values), process.env));
    });
  for (const { name, value, repeatable, group, help } of options) {
    const option = new Option(
      value ? `--${name} <${value.replace(/[<>]/g, '')}>` : `--${name}`,
      help,
    ).helpGroup(`${group}:`);
    if (repeatable) option.argParser((given: string, before: string[] = []) => [...before, given]);
    program.addOption(option);
  }
  program
    .command('demo')
    .description(
      'start a small MCP server on this machine, call a tool through a real bridge, and show what happens',
    )
    .action(async () => {
      exitCode = await (await import('./demo/demo.ts')).runDemo();
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

/** Commander names `--header-file` headerFile. */
function kebabCase(values: OptionValues): OptionValues {
  return Object.fromEntries(
    Object.entries(values).map(([name, value]) => [
      name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`),
      value,
    ]),
  );
}
