import { setTimeout as delay } from 'node:timers/promises';
import {
  completable,
  type InputRequest,
  inputRequired,
  McpServer,
  type ServerContext,
} from '@modelcontextprotocol/server';
import { z } from 'zod';
import type { Observed } from './sdk-tools.ts';

/** What happened inside the servers of one remote of the SDK's second version, and what they share. */
export interface ObservedV2 extends Observed {
  /** Names of tools beyond the fixed ones: a server lives for one request only, so `add_tool` adds them here. */
  readonly addedTools: string[];
  /** Announces to the subscribers that the list of tools, or the resource, is another one now. */
  toolsChanged(): void;
  resourceUpdated(uri: string): void;
}

const text = (value: string) => ({ content: [{ type: 'text' as const, text: value }] });
const counter = 'test://counter';

/**
 * A server of the SDK's second version with the tools of `sdk-tools.ts` as far as the revision 2026-07-28 has them,
 * and with the ones that only it has. What they answer is what those answer.
 */
export function makeV2Server(observed: ObservedV2): McpServer {
  const server = new McpServer(
    { name: 'sdk-v2-remote', version: '2.0.0' },
    {
      capabilities: {
        logging: {},
        tools: { listChanged: true },
        resources: { subscribe: true, listChanged: true },
      },
      instructions: 'Call echo.',
    },
  );
  addPlainTools(server, observed);
  addAskingTools(server);
  addNotifyingTools(server, observed);
  addResourcesAndPrompts(server);
  return server;
}

function addPlainTools(server: McpServer, observed: ObservedV2): void {
  server.registerTool('echo', { inputSchema: z.object({ message: z.string() }) }, ({ message }) => {
    observed.calls.push(`echo ${message}`);
    return text(message);
  });
  server.registerTool('big', { inputSchema: z.object({ size: z.number() }) }, ({ size }) =>
    text('x'.repeat(size)),
  );
  server.registerTool('fail', {}, () => ({ ...text('it failed'), isError: true }));
  server.registerTool('structured', { outputSchema: z.object({ degrees: z.number() }) }, () => ({
    ...text('{"degrees":21}'),
    structuredContent: { degrees: 21 },
  }));
  // The revisions before 2026-07-28 allow objects only, as schema and as content.
  server.registerTool('structured_list', { outputSchema: z.array(z.number()) }, () => ({
    ...text('[1,2,3]'),
    structuredContent: [1, 2, 3],
  }));
  const region = z.string().meta({ 'x-mcp-header': 'Region' });
  server.registerTool('in_region', { inputSchema: z.object({ region }) }, (args) => text(args.region));
  server.registerTool('slow', { inputSchema: z.object({ ms: z.number() }) }, async ({ ms }, { mcpReq }) => {
    observed.calls.push('slow');
    await delay(ms, undefined, { signal: mcpReq.signal }).catch(() => observed.cancelled.push('slow'));
    return text('slept');
  });
}

/** Answers with the request until a repetition brings an answer to it, then with that answer as text. */
function asks(
  server: McpServer,
  name: string,
  request: InputRequest,
  read: (answer: unknown) => unknown,
): void {
  server.registerTool(name, {}, ({ mcpReq }) => {
    const answer = mcpReq.inputResponses?.it;
    if (answer === undefined) return inputRequired({ inputRequests: { it: request } });
    return text(JSON.stringify(read(answer)));
  });
}

const askFor = (property: string) =>
  inputRequired.elicit({
    message: `Your ${property}?`,
    requestedSchema: { type: 'object', properties: { [property]: { type: 'string' } } },
  });

function addAskingTools(server: McpServer): void {
  const messages = [{ role: 'user' as const, content: { type: 'text' as const, text: 'hello' } }];
  const sampling = inputRequired.createMessage({ messages, maxTokens: 10 });
  const url = inputRequired.elicitUrl({ message: 'Pay here', url: 'https://pay.example/1' });
  asks(server, 'sample', sampling, (answer) => (answer as { content: unknown }).content);
  asks(server, 'elicit', askFor('name'), (answer) => answer);
  asks(server, 'elicit_url', url, (answer) => answer);
  asks(server, 'roots', inputRequired.listRoots(), (answer) => (answer as { roots: unknown }).roots);
  server.registerTool('two_rounds', {}, ({ mcpReq }) => {
    const { name, colour } = contents(mcpReq);
    const known = mcpReq.requestState<string>();
    if (known !== undefined && colour !== undefined) return text(`${known} likes ${colour}`);
    if (name === undefined) return inputRequired({ inputRequests: { name: askFor('name') } });
    return inputRequired({ inputRequests: { colour: askFor('colour') }, requestState: name });
  });
}

/** What the forms of this round were filled in with. */
function contents({ inputResponses }: ServerContext['mcpReq']): Record<string, string> {
  const answers = Object.values(inputResponses ?? {}) as { content?: Record<string, string> }[];
  return Object.assign({}, ...answers.map(({ content }) => content));
}

function addNotifyingTools(server: McpServer, observed: ObservedV2): void {
  server.registerTool(
    'progress',
    { inputSchema: z.object({ steps: z.number() }) },
    async ({ steps }, { mcpReq }) => {
      const progressToken = mcpReq._meta?.progressToken ?? 'none';
      for (let progress = 1; progress <= steps; progress++) {
        const params = { progressToken, progress, total: steps };
        await mcpReq.notify({ method: 'notifications/progress', params });
      }
      return text(`${steps} steps`);
    },
  );
  server.registerTool(
    'log',
    { inputSchema: z.object({ data: z.string() }) },
    async ({ data }, { mcpReq }) => {
      await mcpReq.log('warning', data);
      return text('logged');
    },
  );
  server.registerTool('add_tool', { inputSchema: z.object({ name: z.string() }) }, ({ name }) => {
    observed.addedTools.push(name);
    observed.toolsChanged();
    return text('added');
  });
  for (const name of observed.addedTools) server.registerTool(name, {}, () => text(name));
  server.registerTool('touch', {}, () => {
    observed.resourceUpdated(counter);
    return text('touched');
  });
}

function addResourcesAndPrompts(server: McpServer): void {
  server.registerResource('counter', counter, {}, () => ({ contents: [{ uri: counter, text: '1' }] }));
  const name = completable(z.string(), (start) => ['Ada', 'Alan'].filter((n) => n.startsWith(start)));
  server.registerPrompt('greet', { argsSchema: z.object({ name }) }, (args) => ({
    messages: [{ role: 'user', content: { type: 'text', text: `Hello ${args.name}` } }],
  }));
}
