import { Command } from 'commander';
import { environmentName } from './options.ts';

/** What it does, and the words that do it. */
type Example = readonly [what: string, line: string];

const URL_TEXT = 'https://mcp.example.com/mcp';

/** The headings that the commands stand under, in the order in which they are listed. */
const headings: Readonly<Record<string, readonly string[]>> = {
  'Credentials:': ['login', 'logout', 'status', 'token'],
  'Clients:': ['add', 'remove'],
  'When something does not work:': ['doctor', 'demo'],
  'More:': ['client-metadata', 'completion', 'help'],
};

/** Of the bridge itself, and of each command by its name. */
export const examples: Readonly<Record<string, readonly Example[]>> = {
  'mcp-drawbridge': [
    [
      "In a client's configuration (mcp.json, claude_desktop_config.json)",
      `{ "command": "npx", "args": ["-y", "mcp-drawbridge", "${URL_TEXT}"] }`,
    ],
    [
      'The same, written by this program (see also: mcp-drawbridge help add)',
      `mcp-drawbridge add cursor example ${URL_TEXT}`,
    ],
    [
      'Sign in beforehand, for instance on a machine without a browser',
      `mcp-drawbridge login ${URL_TEXT} --no-browser`,
    ],
    [
      'With an API key from the environment',
      `mcp-drawbridge ${URL_TEXT} --header 'Authorization: Bearer \${API_KEY}'`,
    ],
    [
      'With a token from a secret manager',
      `mcp-drawbridge ${URL_TEXT} --token-command 'op read op://private/mcp/token'`,
    ],
    [
      'Without a user, as a client of your own',
      `mcp-drawbridge ${URL_TEXT} --client-credentials --client-id report --client-secret '\${REPORT_SECRET}'`,
    ],
    ['See it work, without any server or account', 'mcp-drawbridge demo'],
  ],
  login: [
    ['Through the browser of this machine', `mcp-drawbridge login ${URL_TEXT}`],
    [
      'With a browser elsewhere: paste the address that it ends at',
      `mcp-drawbridge login ${URL_TEXT} --no-browser`,
    ],
    ['By a code that is entered on any device', `mcp-drawbridge login ${URL_TEXT} --device-code`],
    [
      'With a personal access token',
      `op read op://private/mcp/token | mcp-drawbridge login ${URL_TEXT} --with-token`,
    ],
    ['A second account on the same server', `mcp-drawbridge login ${URL_TEXT} --profile work`],
  ],
  logout: [
    ['Of one server', `mcp-drawbridge logout ${URL_TEXT}`],
    ['Of one of its accounts', `mcp-drawbridge logout ${URL_TEXT} --profile work`],
    ['Of everything', 'mcp-drawbridge logout --all'],
  ],
  status: [
    ['Everything that is stored', 'mcp-drawbridge status'],
    ['Whether a server can be used: exit code 0 or 4', `mcp-drawbridge status ${URL_TEXT}`],
    ['For a program', 'mcp-drawbridge status --json'],
  ],
  token: [
    [
      'Call the server by hand',
      `curl -H "Authorization: Bearer $(mcp-drawbridge token ${URL_TEXT})" ${URL_TEXT}`,
    ],
    ['Of a second account', `mcp-drawbridge token ${URL_TEXT} --profile work`],
  ],
  doctor: [
    ['Check a connection', `mcp-drawbridge doctor ${URL_TEXT}`],
    ['With the options of its bridge', `mcp-drawbridge doctor ${URL_TEXT} --profile work --ca-file corp.pem`],
    ['For a program', `mcp-drawbridge doctor ${URL_TEXT} --json`],
  ],
  add: [
    ['Into the configuration of Cursor', `mcp-drawbridge add cursor example ${URL_TEXT}`],
    ['Look at the change first', `mcp-drawbridge add claude-desktop example ${URL_TEXT} --dry-run`],
    [
      'With options for the bridge',
      `mcp-drawbridge add vscode example ${URL_TEXT} --profile work --allow-tool 'read_*'`,
    ],
    ['Into another file', `mcp-drawbridge add cursor example ${URL_TEXT} --config-file .cursor/mcp.json`],
  ],
  remove: [
    ['Out of the configuration of Cursor', 'mcp-drawbridge remove cursor example'],
    ['Look at the change first', 'mcp-drawbridge remove codex example --dry-run'],
  ],
  demo: [
    ['With your browser', 'mcp-drawbridge demo'],
    ['All by itself', 'mcp-drawbridge demo --auto-approve'],
  ],
  'client-metadata': [
    [
      'What to host at that address',
      'mcp-drawbridge client-metadata --url https://you.example/client.json > client.json',
    ],
    [
      'And then use it',
      `mcp-drawbridge login ${URL_TEXT} --client-metadata-url https://you.example/client.json`,
    ],
  ],
  completion: [
    ['In ~/.bashrc', 'eval "$(mcp-drawbridge completion bash)"'],
    ['In ~/.zshrc, after compinit', 'eval "$(mcp-drawbridge completion zsh)"'],
    ['Once, for fish', 'mcp-drawbridge completion fish > ~/.config/fish/completions/mcp-drawbridge.fish'],
    ['In the profile of PowerShell', 'mcp-drawbridge completion powershell | Out-String | Invoke-Expression'],
  ],
};

const ENDING = `
Environment:
  Each option can also be set by MCP_DRAWBRIDGE_ and its name: ${environmentName('log-level')}=debug.
  HTTP_PROXY, HTTPS_PROXY, NO_PROXY and NODE_EXTRA_CA_CERTS are honoured.
  BROWSER names the program that is started with the link; NO_COLOR switches colours off.
  MCP_DRAWBRIDGE_HOME is the folder of everything that is kept.

Come from mcp-remote? Its options are understood: mcp-drawbridge help mcp-remote

Exit codes:
  0 done, or the client closed stdin   1 failed   2 usage   3 remote not reachable or broken
  4 sign-in needed or refused   5 credential store not usable   129, 130, 143 ended by SIGHUP, SIGINT, SIGTERM`;

/** Completes the help of all commands: headings, order, examples. Called when they all have been added. */
export function finishHelp(program: Command): void {
  const order = Object.values(headings).flat();
  const helpCommand = new Command('help').argument('[command]').helpOption(false);
  program.addHelpCommand(helpCommand.description('show this, or the help of a command'));
  const commands = program.commands as Command[];
  commands.sort((a, b) => order.indexOf(a.name()) - order.indexOf(b.name()));
  for (const [heading, names] of Object.entries(headings))
    for (const command of [...commands, helpCommand])
      if (names.includes(command.name())) command.helpGroup(heading);
  program.addHelpText('after', `${exampleText(program.name())}\n${ENDING}`);
  for (const command of commands)
    if (examples[command.name()]) command.addHelpText('after', exampleText(command.name()));
}

function exampleText(name: string): string {
  const lines = (examples[name] ?? []).flatMap(([what, line]) => [`  ${what}:`, `    ${line}`]);
  return ['', 'Examples:', ...lines].join('\n');
}
