import type { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { ElicitResultSchema } from '@modelcontextprotocol/sdk/types.js';

const text = (value: string) => ({ content: [{ type: 'text' as const, text: value }] });

/** Tools for the server of `sdk-tools.ts` that ask as those of `sdk-v2-tools.ts` do, in the way of its own era. */
export function addEraTools(server: McpServer): McpServer {
  server.registerTool('elicit_url', {}, async (extra) => {
    const params = {
      mode: 'url' as const,
      message: 'Pay here',
      url: 'https://pay.example/1',
      elicitationId: 'payment-1',
    };
    const answer = await extra.sendRequest({ method: 'elicitation/create', params }, ElicitResultSchema);
    return text(JSON.stringify(answer));
  });
  server.registerTool('two_rounds', {}, async (extra) => {
    const ask = async (property: 'name' | 'colour') => {
      const requestedSchema = {
        type: 'object' as const,
        properties: { [property]: { type: 'string' as const } },
      };
      const params = { mode: 'form' as const, message: `Your ${property}?`, requestedSchema };
      const request = { method: 'elicitation/create' as const, params };
      return (await extra.sendRequest(request, ElicitResultSchema)).content?.[property];
    };
    return text(`${await ask('name')} likes ${await ask('colour')}`);
  });
  return server;
}
