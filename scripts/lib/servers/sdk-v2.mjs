// A server on the second version of the SDK: PORT=… LEGACY=reject|stateless node sdk-v2.mjs
// With `reject` it speaks the revision 2026-07-28 alone, with `stateless` the ones before it too.
import { createServer } from 'node:http';
import { toNodeHandler } from '@modelcontextprotocol/node';
import { createMcpHandler, inputRequired, McpServer } from '@modelcontextprotocol/server';
import { z } from 'zod';

const note = 'test://note';
const text = (value) => ({ content: [{ type: 'text', text: value }] });
const capabilities = { tools: { listChanged: true }, resources: { subscribe: true }, logging: {} };

function makeServer() {
  const server = new McpServer({ name: 'sdk-v2-server', version: '1.0.0' }, { capabilities });
  server.registerTool('echo', { inputSchema: z.object({ message: z.string() }) }, ({ message }) =>
    text(`Echo: ${message}`),
  );
  server.registerTool(
    'count',
    { inputSchema: z.object({ steps: z.number() }) },
    async ({ steps }, { mcpReq }) => {
      const progressToken = mcpReq._meta?.progressToken;
      for (let progress = 1; progress <= steps && progressToken !== undefined; progress++) {
        const params = { progressToken, progress, total: steps };
        await mcpReq.notify({ method: 'notifications/progress', params });
      }
      return text(`${steps} steps`);
    },
  );
  server.registerTool('ask', {}, ({ mcpReq }) => {
    const answer = mcpReq.inputResponses?.name;
    if (answer !== undefined) return text(`Hello ${answer.content?.name}`);
    const requestedSchema = { type: 'object', properties: { name: { type: 'string' } } };
    return inputRequired({
      inputRequests: { name: inputRequired.elicit({ message: 'Your name?', requestedSchema }) },
    });
  });
  server.registerTool('touch', {}, () => {
    handler.notify.resourceUpdated(note);
    return text('touched');
  });
  server.registerResource('note', note, {}, () => ({ contents: [{ uri: note, text: 'a note' }] }));
  server.registerPrompt('greet', { argsSchema: z.object({ name: z.string() }) }, ({ name }) => ({
    messages: [{ role: 'user', content: { type: 'text', text: `Hello ${name}` } }],
  }));
  return server;
}

const handler = createMcpHandler(makeServer, { legacy: process.env.LEGACY });
const handle = toNodeHandler(handler);
createServer((request, response) => void handle(request, response)).listen(process.env.PORT, '127.0.0.1');
