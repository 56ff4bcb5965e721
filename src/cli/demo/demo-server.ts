import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Server as McpServer } from '@modelcontextprotocol/sdk/server/index.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import { CallToolRequestSchema, ListToolsRequestSchema } from '@modelcontextprotocol/sdk/types.js';

const tool = {
  name: 'greet',
  description: 'Greets somebody by name',
  inputSchema: { type: 'object' as const, properties: { name: { type: 'string' } }, required: ['name'] },
};

export interface DemoServer {
  url: string;
  close(): void;
}

/** Starts a small MCP server on a free port of the loopback, made of the official SDK. */
export async function startDemoServer(): Promise<DemoServer> {
  const transports = new Map<string, StreamableHTTPServerTransport>();
  const http: Server = createServer(async (request, response) => {
    if (request.url !== '/mcp') return void response.writeHead(404).end();
    const sessionId = request.headers['mcp-session-id'];
    const known = typeof sessionId === 'string' ? transports.get(sessionId) : undefined;
    if (known) return known.handleRequest(request, response);
    if (sessionId !== undefined) return void response.writeHead(404).end();
    const transport = new StreamableHTTPServerTransport({
      sessionIdGenerator: () => crypto.randomUUID(),
      onsessioninitialized: (id) => void transports.set(id, transport),
    });
    await createMcpServer().connect(transport as Parameters<McpServer['connect']>[0]);
    await transport.handleRequest(request, response);
  });
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  const { port } = http.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/mcp`,
    close: () => {
      http.close();
      http.closeAllConnections();
    },
  };
}

function createMcpServer(): McpServer {
  const server = new McpServer(
    { name: 'drawbridge-demo', version: '1.0.0' },
    { capabilities: { tools: {} } },
  );
  server.setRequestHandler(ListToolsRequestSchema, async () => ({ tools: [tool] }));
  server.setRequestHandler(CallToolRequestSchema, async ({ params }) => ({
    content: [
      { type: 'text', text: `Hello, ${String(params.arguments?.name)}! This answer crossed the bridge.` },
    ],
  }));
  return server;
}
