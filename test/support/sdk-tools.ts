import { setTimeout as delay } from 'node:timers/promises';
import { completable } from '@modelcontextprotocol/sdk/server/completable.js';
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import {
  CreateMessageResultSchema,
  ElicitResultSchema,
  ListRootsResultSchema,
  SubscribeRequestSchema,
} from '@modelcontextprotocol/sdk/types.js';
import { z } from 'zod';

/** What happened inside the servers of one SDK remote. */
export interface Observed {
  /** Tool calls that the client cancelled. */
  cancelled: string[];
  /** Runs of each tool by name. */
  calls: string[];
}

const text = (value: string) => ({ content: [{ type: 'text' as const, text: value }] });
const counter = 'test://counter';

/** A server of the SDK with one tool for each thing that a bridge has to carry. */
export function makeServer(observed: Observed): McpServer {
  const server = new McpServer(
    { name: 'sdk-remote', version: '1.0.0' },
    {
      capabilities: {
        logging: {},
        tools: { listChanged: true },
        resources: { subscribe: true, listChanged: true },
      },
    },
  );
  addPlainTools(server, observed);
  addAskingTools(server);
  addLongerQuestions(server);
  addNotifyingTools(server);
  addResourcesAndPrompts(server);
  return server;
}

function addPlainTools(server: McpServer, observed: Observed): void {
  server.registerTool('echo', { inputSchema: { message: z.string() } }, ({ message }) => {
    observed.calls.push(`echo ${message}`);
    return text(message);
  });
  server.registerTool('big', { inputSchema: { size: z.number() } }, ({ size }) => text('x'.repeat(size)));
  server.registerTool('fail', {}, () => ({ ...text('it failed'), isError: true }));
  server.registerTool('structured', { outputSchema: { degrees: z.number() } }, () => ({
    ...text('{"degrees":21}'),
    structuredContent: { degrees: 21 },
  }));
  server.registerTool('slow', { inputSchema: { ms: z.number() } }, async ({ ms }, { signal }) => {
    observed.calls.push('slow');
    await delay(ms, undefined, { signal }).catch(() => observed.cancelled.push('slow'));
    return text('slept');
  });
}

function addAskingTools(server: McpServer): void {
  server.registerTool('sample', {}, async (extra) => {
    const params = {
      messages: [{ role: 'user' as const, content: { type: 'text' as const, text: 'hello' } }],
      maxTokens: 10,
    };
    const answer = await extra.sendRequest(
      { method: 'sampling/createMessage', params },
      CreateMessageResultSchema,
    );
    return text(JSON.stringify(answer.content));
  });
  server.registerTool('elicit', {}, async (extra) => {
    const requestedSchema = { type: 'object' as const, properties: { name: { type: 'string' as const } } };
    const params = { mode: 'form' as const, message: 'Your name?', requestedSchema };
    const answer = await extra.sendRequest({ method: 'elicitation/create', params }, ElicitResultSchema);
    return text(JSON.stringify(answer));
  });
  server.registerTool('roots', {}, async (extra) => {
    const answer = await extra.sendRequest({ method: 'roots/list' }, ListRootsResultSchema);
    return text(JSON.stringify(answer.roots));
  });
  server.registerTool('impatient', {}, async (extra) => {
    // The server's own request, cancelled by the server after 200 ms: the client must be told.
    const params = {
      messages: [{ role: 'user' as const, content: { type: 'text' as const, text: 'hello' } }],
      maxTokens: 10,
    };
    const signal = AbortSignal.timeout(200);
    const request = { method: 'sampling/createMessage' as const, params };
    const answer = extra.sendRequest(request, CreateMessageResultSchema, { signal });
    return text(
      await answer.then(
        () => 'answered',
        () => 'given up',
      ),
    );
  });
}

function addLongerQuestions(server: McpServer): void {
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
}

function addNotifyingTools(server: McpServer): void {
  server.registerTool('progress', { inputSchema: { steps: z.number() } }, async ({ steps }, extra) => {
    const progressToken = extra._meta?.progressToken ?? 'none';
    for (let progress = 1; progress <= steps; progress++) {
      const params = { progressToken, progress, total: steps };
      await extra.sendNotification({ method: 'notifications/progress', params });
    }
    return text(`${steps} steps`);
  });
  server.registerTool('log', { inputSchema: { data: z.string() } }, async ({ data }, extra) => {
    const params = { level: 'warning' as const, data };
    await extra.sendNotification({ method: 'notifications/message', params });
    return text('logged');
  });
  server.registerTool('cut', { inputSchema: { ms: z.number() } }, async ({ ms }, extra) => {
    extra.closeSSEStream?.();
    await delay(ms);
    return text('after the cut');
  });
  server.registerTool('add_tool', { inputSchema: { name: z.string() } }, ({ name }) => {
    server.registerTool(name, {}, () => text(name));
    return text('added');
  });
  server.registerTool('touch', {}, async () => {
    await server.server.sendResourceUpdated({ uri: counter });
    return text('touched');
  });
}

function addResourcesAndPrompts(server: McpServer): void {
  server.registerResource('counter', counter, {}, () => ({ contents: [{ uri: counter, text: '1' }] }));
  server.server.setRequestHandler(SubscribeRequestSchema, () => ({}));
  server.registerPrompt(
    'greet',
    {
      argsSchema: {
        name: completable(z.string(), (start) => ['Ada', 'Alan'].filter((n) => n.startsWith(start))),
      },
    },
    ({ name }) => ({ messages: [{ role: 'user', content: { type: 'text', text: `Hello ${name}` } }] }),
  );
}
