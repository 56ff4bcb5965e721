import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { version } from '../../version.ts';
import { startDemoServer } from './demo-server.ts';

/**
 * Shows the whole job without any account: a small MCP server on loopback, a real bridge process in front of it, and
 * the official SDK's client in front of that.
 *
 * @returns the exit code
 */
export async function runDemo(): Promise<number> {
  const say = (text: string): void => void process.stdout.write(`${text}\n`);
  const server = await startDemoServer();
  say(`1. An MCP server listens on this machine:  ${server.url}`);

  const bridge = process.argv[1] as string;
  const transport = new StdioClientTransport({
    command: process.execPath,
    args: [bridge, server.url],
    stderr: 'inherit',
  });
  const client = new Client({ name: 'drawbridge-demo-client', version });
  try {
    await client.connect(transport);
    say(
      `2. A client has started the bridge:        mcp-drawbridge ${server.url}  (process ${transport.pid})`,
    );
    say(`3. Through it, it has reached the server:  ${client.getServerVersion()?.name}`);
    const { tools } = await client.listTools();
    say(`4. The server's tools:                     ${tools.map(({ name }) => name).join(', ')}`);
    const { content } = await client.callTool({ name: 'greet', arguments: { name: 'world' } });
    const [answer] = content as { text: string }[];
    say(`5. The answer to greet {"name":"world"}:   ${answer?.text}`);
    say('\nYour own server, in the configuration of a client:');
    say('   { "command": "npx", "args": ["-y", "mcp-drawbridge", "https://your.server/mcp"] }');
    return 0;
  } finally {
    await client.close();
    server.close();
  }
}
