// A server of FastMCP's, copied to where FastMCP is installed and started there: PORT=… node fastmcp.mjs
import { FastMCP } from 'fastmcp';
import { z } from 'zod';

const server = new FastMCP({ name: 'fastmcp-server', version: '1.0.0' });
server.addTool({
  name: 'echo',
  parameters: z.object({ message: z.string() }),
  execute: async ({ message }, { log }) => {
    log.info('echoing');
    return `Echo: ${message}`;
  },
});
server.addTool({
  name: 'count',
  parameters: z.object({ steps: z.number() }),
  annotations: { streamingHint: true },
  execute: async ({ steps }, { reportProgress }) => {
    for (let progress = 1; progress <= steps; progress++) await reportProgress({ progress, total: steps });
    return `${steps} steps`;
  },
});
server.addResource({ uri: 'file:///note.txt', name: 'note', load: async () => ({ text: 'a note' }) });
server.addPrompt({
  name: 'greet',
  arguments: [{ name: 'name', required: true }],
  load: async ({ name }) => `Hello ${name}`,
});
const httpStream = { port: Number(process.env.PORT), host: '127.0.0.1' };
await server.start({ transportType: 'httpStream', httpStream });
