// The two clients that stand in front of the bridge when servers are tried: the SDK's, of both its versions.
import { Client as ModernClient } from '@modelcontextprotocol/client';
import { StdioClientTransport as ModernTransport } from '@modelcontextprotocol/client/stdio';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import {
  CallToolResultSchema,
  CreateMessageRequestSchema,
  ElicitRequestSchema,
  LoggingMessageNotificationSchema,
  ProgressNotificationSchema,
  ResourceUpdatedNotificationSchema,
} from '@modelcontextprotocol/sdk/types.js';

const who = { name: 'real-servers', version: '0' };
const capabilities = { sampling: {}, elicitation: { form: {} } };
const sampled = { role: 'assistant', model: 'none', content: { type: 'text', text: 'sampled' } };

/** Fills in what a form must have. */
function elicited({ params }) {
  const { properties = {}, required = Object.keys(properties) } = params.requestedSchema ?? {};
  const content = Object.fromEntries(required.map((name) => [name, valueFor(properties[name] ?? {})]));
  return { action: 'accept', content };
}

function valueFor({ type, format, enum: choices, default: usual }) {
  if (usual !== undefined || choices) return usual ?? choices[0];
  if (type === 'boolean') return true;
  if (type === 'number' || type === 'integer') return 7;
  return format === 'email' ? 'ada@example.com' : 'Ada';
}

/**
 * Each connects to a command on stdio and gives what an exercise uses: the `client`; `call(name, args, progressToken)`;
 * `listenTo(level)`, for log messages; `follow(uri)`, for the updates of a resource; `seen`, what the server has told and
 * asked; the `era`; `close`.
 */
export const sdkClients = [
  {
    name: 'SDK v1',
    async connect([command, ...args], env) {
      const seen = nothingSeen();
      const client = new Client(who, { capabilities });
      const asked = (name, answer) => (request) => {
        seen.asked.push(name);
        return answer(request);
      };
      client.setRequestHandler(ElicitRequestSchema, asked('elicitation', elicited));
      client.setRequestHandler(
        CreateMessageRequestSchema,
        asked('sampling', () => sampled),
      );
      client.setNotificationHandler(ProgressNotificationSchema, (n) => seen.progress.push(n.params.progress));
      client.setNotificationHandler(ResourceUpdatedNotificationSchema, (n) =>
        seen.updated.push(n.params.uri),
      );
      client.setNotificationHandler(LoggingMessageNotificationSchema, (n) => seen.logged.push(n.params.data));
      await client.connect(new StdioClientTransport({ command, args, env, stderr: 'ignore' }));
      return {
        client,
        seen,
        era: 'legacy',
        call: (name, given = {}, progressToken = undefined) =>
          client.callTool({ name, arguments: given, _meta: { progressToken } }, CallToolResultSchema),
        listenTo: (level) => client.setLoggingLevel(level),
        follow: (uri) => client.subscribeResource({ uri }),
        close: () => client.close(),
      };
    },
  },
  {
    name: 'SDK v2',
    async connect([command, ...args], env) {
      const seen = nothingSeen();
      const client = new ModernClient(who, { capabilities, versionNegotiation: { mode: 'auto' } });
      const asked = (name, answer) => (request) => {
        seen.asked.push(name);
        return answer(request);
      };
      client.setRequestHandler('elicitation/create', asked('elicitation', elicited));
      client.setRequestHandler(
        'sampling/createMessage',
        asked('sampling', () => sampled),
      );
      client.setNotificationHandler('notifications/progress', (n) => seen.progress.push(n.params.progress));
      client.setNotificationHandler('notifications/resources/updated', (n) =>
        seen.updated.push(n.params.uri),
      );
      client.setNotificationHandler('notifications/message', (n) => seen.logged.push(n.params.data));
      await client.connect(new ModernTransport({ command, args, env, stderr: 'ignore' }));
      const era = client.getProtocolEra() ?? 'modern';
      let wanted = {};
      return {
        client,
        seen,
        era,
        call: (name, given = {}, progressToken = undefined) =>
          client.callTool({ name, arguments: given, _meta: { progressToken, ...wanted } }),
        // The revision 2026-07-28 says it with each request.
        listenTo: async (level) => {
          if (era === 'legacy') await client.setLoggingLevel(level);
          else wanted = { 'io.modelcontextprotocol/logLevel': level };
        },
        follow: (uri) =>
          era === 'legacy'
            ? client.subscribeResource({ uri })
            : client.listen({ resourceSubscriptions: [uri] }),
        close: () => client.close(),
      };
    },
  },
];

const nothingSeen = () => ({ progress: [], updated: [], logged: [], asked: [] });
