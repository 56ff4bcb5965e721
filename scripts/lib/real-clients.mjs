// The MCP clients that are tried, one entry each.
//
//   name      the client's name
//   folder    where it is installed, where that is not its name
//   package   what is installed, pinned; none where the repository has it already
//   scripts   true where the package is nothing without its install script
//   exercise  does with the client what can be done without an account, and says what that was. It is given
//             - `command`: the stdio server to start, as an array; `home`: an empty folder of its own
//             - `run(bin, args, options)` and `talk(bin, args, options, conversation)`: start the client's program
//             - `require`: loads a module of the client
//             - `model`: the base URL of a scripted model, which has the client call the tool `echo`
//             - `word`, the argument of that call: its answer, `Echo: <word>`, is what proves the way there and back
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

const prompt = 'Call the tool echo.';

export const clients = [
  {
    name: 'claude-code',
    package: '@anthropic-ai/claude-code@2.1.329',
    scripts: true,
    exercise: async ({ command, home, run, model, word }) => {
      const env = {
        CLAUDE_CONFIG_DIR: join(home, '.claude'),
        CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
        DISABLE_AUTOUPDATER: '1',
        DISABLE_TELEMETRY: '1',
        // Else the model would have to search for the tools of a server first.
        ENABLE_TOOL_SEARCH: 'false',
        ANTHROPIC_BASE_URL: model,
        ANTHROPIC_API_KEY: 'none',
      };
      await run('claude', ['mcp', 'add', '--scope', 'user', 'remote', '--', ...command], { env });
      await run('claude', ['mcp', 'list'], { env, expected: /remote: .*Connected/ });
      const file = await writeConfig(home, command);
      const args = ['--mcp-config', file, '--strict-mcp-config', '--allowedTools', 'mcp__remote__echo'];
      await run('claude', ['--print', prompt, ...args], { env, expected: echoed(word) });
      return 'listed as connected; a scripted model called a tool';
    },
  },
  {
    name: 'codex',
    package: '@openai/codex@0.169.0',
    exercise: async ({ command: [file, ...args], home, talk, word }) => {
      const server = `[mcp_servers.remote]\ncommand = ${JSON.stringify(file)}\nargs = ${JSON.stringify(args)}\n`;
      await writeFile(join(home, 'config.toml'), server);
      return talk('codex', ['app-server'], { env: { CODEX_HOME: home } }, async (request, notify) => {
        await request('initialize', { clientInfo: { name: 'test', title: 'test', version: '0' } });
        notify('initialized');
        const { data } = await request('mcpServerStatus/list', {});
        const tools = Object.keys(data.find(({ name }) => name === 'remote')?.tools ?? {});
        const { thread } = await request('thread/start', {});
        const call = { threadId: thread.id, server: 'remote', tool: 'echo', arguments: { message: word } };
        check(await request('mcpServer/tool/call', call), word);
        return `${some(tools)} listed, a tool called`;
      });
    },
  },
  {
    name: 'gemini-cli',
    package: '@google/gemini-cli@0.61.0',
    exercise: async ({ command: [file, ...args], home, run, model, word }) => {
      const env = { GEMINI_CLI_HOME: home, GEMINI_API_KEY: 'none', GOOGLE_GEMINI_BASE_URL: model };
      const settings = {
        mcpServers: { remote: { command: file, args, trust: true } },
        security: { folderTrust: { enabled: false }, auth: { selectedType: 'gemini-api-key' } },
        privacy: { usageStatisticsEnabled: false },
      };
      await mkdir(join(home, '.gemini'));
      await writeFile(join(home, '.gemini', 'settings.json'), JSON.stringify(settings));
      await run('gemini', ['mcp', 'list'], { env, expected: /remote: .*Connected/ });
      const turn = ['--prompt', prompt, '--approval-mode', 'yolo', '--model', 'gemini-2.5-flash'];
      await run('gemini', turn, { env, expected: echoed(word) });
      return 'listed as connected; a scripted model called a tool';
    },
  },
  {
    name: 'opencode',
    package: 'opencode-ai@1.18.33',
    scripts: true,
    exercise: async ({ command, home, run, model, word }) => {
      const env = { OPENCODE_DISABLE_MODELS_FETCH: '1', OPENCODE_DISABLE_AUTOUPDATE: '1' };
      for (const kind of ['CONFIG', 'DATA', 'CACHE', 'STATE']) env[`XDG_${kind}_HOME`] = join(home, kind);
      const name = 'claude-sonnet-4-5';
      const options = { baseURL: `${model}/v1`, apiKey: 'none' };
      const settings = {
        autoupdate: false,
        share: 'disabled',
        mcp: { remote: { type: 'local', command, enabled: true } },
        model: `anthropic/${name}`,
        small_model: `anthropic/${name}`,
        provider: { anthropic: { options, models: { [name]: {} } } },
      };
      await writeFile(join(home, 'opencode.json'), JSON.stringify(settings));
      await run('opencode', ['mcp', 'list'], { env, expected: /remote connected/ });
      await run('opencode', ['run', prompt, '--auto'], { env, expected: echoed(word) });
      return 'listed as connected; a scripted model called a tool';
    },
  },
  {
    name: 'mcporter',
    package: 'mcporter@0.12.3',
    exercise: async ({ command, home, run, word }) => {
      const config = ['--config', await writeConfig(home, command)];
      const list = await run('mcporter', [...config, 'list', 'remote', '--json']);
      const { tools } = JSON.parse(list);
      const args = ['call', 'remote.echo', '--args', JSON.stringify({ message: word })];
      await run('mcporter', [...config, ...args], { expected: echoed(word) });
      return `${some(tools)} listed, a tool called`;
    },
  },
  inspector('inspector', []),
  inspector('inspector-auto', ['--protocol-era', 'auto']),
  {
    name: 'wong2-mcp-cli',
    package: '@wong2/mcp-cli@2.0.0',
    exercise: async ({ command, home, run, word }) => {
      const args = ['call-tool', 'remote:echo', '--args', JSON.stringify({ message: word })];
      const config = ['--config', await writeConfig(home, command)];
      await run('mcp-cli', [...config, ...args], { expected: echoed(word) });
      return 'a tool called';
    },
  },
  {
    name: 'sdk-v1',
    exercise: (given) =>
      useSdk(given, '@modelcontextprotocol/sdk/client/index.js', '@modelcontextprotocol/sdk/client/stdio.js'),
  },
  sdk2('sdk-v2', undefined),
  sdk2('sdk-v2-auto', 'auto'),
];

/** Version 2 of the inspector: it speaks the protocol up to 2025-11-25, or tries the one after it first. */
function inspector(name, era) {
  return {
    name,
    folder: 'inspector',
    package: '@modelcontextprotocol/inspector@2.12.0',
    exercise: async ({ command, run, word }) => {
      const start = ['--cli', ...era, ...command, '--method'];
      const { tools } = JSON.parse(await run('mcp-inspector', [...start, 'tools/list']));
      const call = ['tools/call', '--tool-name', 'echo', '--tool-arg', `message=${word}`];
      await run('mcp-inspector', [...start, ...call], { expected: echoed(word) });
      return `${some(tools)} listed, a tool called`;
    },
  };
}

function sdk2(name, mode) {
  const modules = ['@modelcontextprotocol/client', '@modelcontextprotocol/client/stdio'];
  return {
    name,
    folder: 'sdk-v2',
    package: '@modelcontextprotocol/client@2.4.0',
    exercise: (given) => useSdk(given, ...modules, mode && { versionNegotiation: { mode } }),
  };
}

async function useSdk({ command: [file, ...args], require, environment, word }, main, stdio, options) {
  const { Client } = require(main);
  const { StdioClientTransport } = require(stdio);
  const client = new Client({ name: 'test', version: '0' }, { capabilities: {}, ...options });
  await client.connect(new StdioClientTransport({ command: file, args, env: environment, stderr: 'ignore' }));
  try {
    const { tools } = await client.listTools();
    check(await client.callTool({ name: 'echo', arguments: { message: word } }), word);
    return `${some(tools)} listed, a tool called`;
  } finally {
    await client.close();
  }
}

/** The configuration format that most clients share. */
async function writeConfig(home, [command, ...args]) {
  const file = join(home, 'mcp.json');
  await writeFile(file, JSON.stringify({ mcpServers: { remote: { command, args } } }));
  return file;
}

const echoed = (word) => new RegExp(`Echo: ${word}`);

function check(result, word) {
  if (!echoed(word).test(JSON.stringify(result))) throw new Error(`the call gave ${JSON.stringify(result)}`);
}

function some(tools) {
  if (!(tools?.length > 0)) throw new Error('no tools were listed');
  return `${tools.length} tools`;
}
