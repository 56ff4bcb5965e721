import { Server as McpServer } from '@modelcontextprotocol/sdk/server/index.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import { CallToolRequestSchema, ListToolsRequestSchema } from '@modelcontextprotocol/sdk/types.js';
import { type DemoAuthorizationServer, demoScope } from './demo-authorization-server.ts';
import type { Incoming, LoopbackListener } from './loopback-listener.ts';

const METADATA_PATH = '/.well-known/oauth-protected-resource/mcp';

const tool = {
  name: 'greet',
  description: 'Greets somebody by name',
  inputSchema: { type: 'object' as const, properties: { name: { type: 'string' } }, required: ['name'] },
};

/** Serves MCP at `/mcp` with the official SDK, to those who have a token of the authorization server (RFC 6750, 9728). */
export function serveDemo(listener: LoopbackListener, authorizationServer: DemoAuthorizationServer): void {
  const transports = new Map<string, StreamableHTTPServerTransport>();
  listener.handler = async (incoming) => {
    const { request, response, url, body, entry } = incoming;
    if (url.pathname === METADATA_PATH) return sendMetadata(incoming, listener.origin, authorizationServer);
    if (url.pathname !== '/mcp') return void response.writeHead(404).end();
    if (isRefused(incoming, listener.origin, authorizationServer)) return;
    const message = body === '' ? undefined : JSON.parse(body);
    if (typeof message?.method === 'string') entry.about = message.method;
    const sessionId = request.headers['mcp-session-id'];
    const known = typeof sessionId === 'string' ? transports.get(sessionId) : undefined;
    if (known) return known.handleRequest(request, response, message);
    if (sessionId !== undefined) return void response.writeHead(404).end();
    const transport = new StreamableHTTPServerTransport({
      sessionIdGenerator: () => crypto.randomUUID(),
      onsessioninitialized: (id) => void transports.set(id, transport),
    });
    await createMcpServer().connect(transport as Parameters<McpServer['connect']>[0]);
    await transport.handleRequest(request, response, message);
  };
}

function sendMetadata({ response }: Incoming, origin: string, { issuer }: DemoAuthorizationServer): void {
  response.writeHead(200, { 'content-type': 'application/json' }).end(
    JSON.stringify({
      resource: `${origin}/mcp`,
      resource_name: 'mcp-drawbridge demo',
      authorization_servers: [issuer],
      scopes_supported: [demoScope],
      bearer_methods_supported: ['header'],
    }),
  );
}

/** Answers 401 or 403 (RFC 6750 section 3.1) where the token is not good enough. */
function isRefused(
  { request, response }: Incoming,
  origin: string,
  authorizationServer: DemoAuthorizationServer,
): boolean {
  const [, token] = /^Bearer ([\w-]+)$/i.exec(request.headers.authorization ?? '') ?? [];
  const scopes = token === undefined ? undefined : authorizationServer.scopesOf(token);
  if (scopes?.includes(demoScope)) return false;
  const error = scopes ? 'insufficient_scope' : token === undefined ? undefined : 'invalid_token';
  const parameters = [
    ...(error ? [`error="${error}"`] : []),
    `resource_metadata="${origin}${METADATA_PATH}"`,
    `scope="${demoScope}"`,
  ];
  response.writeHead(scopes ? 403 : 401, { 'www-authenticate': `Bearer ${parameters.join(', ')}` }).end();
  return true;
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
