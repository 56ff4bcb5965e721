import type { Client as V2Client } from '@modelcontextprotocol/client';
import type { Client } from '@modelcontextprotocol/sdk/client/index.js';
import {
  CallToolResultSchema,
  CreateMessageRequestSchema,
  ElicitRequestSchema,
  ListRootsRequestSchema,
  LoggingMessageNotificationSchema,
  ProgressNotificationSchema,
  ResourceUpdatedNotificationSchema,
  ToolListChangedNotificationSchema,
} from '@modelcontextprotocol/sdk/types.js';
import { connectClient } from './sdk-client.ts';
import { connectV2Client } from './sdk-v2-client.ts';

/** The SDK's first version; its second one held to 2026-07-28; its second one that asks before it decides. */
export type ClientKind = 'v1' | 'v2 modern' | 'v2 auto';

interface CallOptions {
  signal?: AbortSignal;
  /** Milliseconds; the SDK's own limit by default. */
  timeout?: number;
  progressToken?: string;
}

/** What a test does with a client of either version of the SDK, and what the client was told and asked. */
export interface EraClient {
  /** What the client and the bridge speak with each other. */
  era: 'legacy' | 'modern';
  seen: Seen;
  // biome-ignore lint/suspicious/noExplicitAny: tests reach into arbitrary results
  call(name: string, args?: Record<string, unknown>, options?: CallOptions): Promise<any>;
  /** The methods that are called alike in both versions. */
  client: Pick<Client, 'listTools' | 'readResource' | 'getPrompt' | 'complete'>;
  /** From now on, log messages of this level and above. */
  setLogLevel(level: 'debug' | 'warning' | 'error'): Promise<void>;
  /** From now on, updates of this resource and changes of the list of tools. */
  follow(uri: string): Promise<void>;
  stderr: () => string;
  faults: Error[];
}

class Seen {
  readonly logged: unknown[] = [];
  readonly progress: number[] = [];
  readonly updated: string[] = [];
  toolListChanges = 0;
  /** The requests of the server. */
  // biome-ignore lint/suspicious/noExplicitAny: tests reach into arbitrary parameters
  readonly asked: { method: string; params?: any }[] = [];
}

const capabilities = { sampling: {}, elicitation: { form: {}, url: {} }, roots: {} };
const answers = {
  sampling: { role: 'assistant', model: 'none', content: { type: 'text', text: 'sampled' } },
  roots: { roots: [{ uri: 'file:///a' }] },
} as const;
const formData: Record<string, string> = { name: 'Ada', colour: 'blue' };

interface Elicitation {
  params: { mode?: string | undefined; requestedSchema?: { properties?: object } };
}

/** Agrees to every URL, and fills in the fields of a form that it has something for. */
function elicited({ params }: Elicitation): { action: 'accept'; content?: Record<string, string> } {
  if (params.mode === 'url') return { action: 'accept' };
  const fields = Object.keys(params.requestedSchema?.properties ?? {});
  return {
    action: 'accept',
    content: Object.fromEntries(fields.map((name) => [name, formData[name] ?? ''])),
  };
}

/** A client of this kind in front of the bridge in front of `url`, which answers every question of the server. */
export async function connectEraClient(
  kind: ClientKind,
  url: string,
  args: string[] = [],
): Promise<EraClient> {
  const seen = new Seen();
  if (kind === 'v1') {
    const setup = { args, capabilities, prepare: (client: Client) => prepareV1(client, seen) };
    const { client, ...rest } = await connectClient(url, setup);
    return { ...faceOfV1(client, seen), ...rest };
  }
  const mode = kind === 'v2 auto' ? ('auto' as const) : ('modern' as const);
  const setup = { mode, args, capabilities, prepare: (client: V2Client) => prepareV2(client, seen) };
  const { client, ...rest } = await connectV2Client(url, setup);
  return { ...faceOfV2(client, seen), ...rest };
}

function prepareV1(client: Client, seen: Seen): void {
  client.setRequestHandler(CreateMessageRequestSchema, (request) => {
    seen.asked.push(request);
    return answers.sampling;
  });
  client.setRequestHandler(ElicitRequestSchema, (request) => {
    seen.asked.push(request);
    return elicited(request);
  });
  client.setRequestHandler(ListRootsRequestSchema, (request) => {
    seen.asked.push(request);
    return { roots: [...answers.roots.roots] };
  });
  client.setNotificationHandler(
    LoggingMessageNotificationSchema,
    (n) => void seen.logged.push(n.params.data),
  );
  client.setNotificationHandler(
    ProgressNotificationSchema,
    (n) => void seen.progress.push(n.params.progress),
  );
  client.setNotificationHandler(
    ResourceUpdatedNotificationSchema,
    (n) => void seen.updated.push(n.params.uri),
  );
  client.setNotificationHandler(ToolListChangedNotificationSchema, () => void seen.toolListChanges++);
}

function prepareV2(client: V2Client, seen: Seen): void {
  client.setRequestHandler('sampling/createMessage', (request) => {
    seen.asked.push(request);
    return answers.sampling;
  });
  client.setRequestHandler('elicitation/create', (request) => {
    seen.asked.push(request);
    return elicited(request);
  });
  client.setRequestHandler('roots/list', (request) => {
    seen.asked.push(request);
    return { roots: [...answers.roots.roots] };
  });
  client.setNotificationHandler('notifications/message', (n) => void seen.logged.push(n.params.data));
  client.setNotificationHandler('notifications/progress', (n) => void seen.progress.push(n.params.progress));
  client.setNotificationHandler(
    'notifications/resources/updated',
    (n) => void seen.updated.push(n.params.uri),
  );
  client.setNotificationHandler('notifications/tools/list_changed', () => void seen.toolListChanges++);
}

const tokenMeta = (progressToken: string | undefined) =>
  progressToken === undefined ? {} : { progressToken };

type Face = Omit<EraClient, 'stderr' | 'faults'>;

function faceOfV1(client: Client, seen = new Seen()): Face {
  return {
    era: 'legacy',
    seen,
    client,
    call: (name, args = {}, { progressToken, ...options } = {}) =>
      client.callTool(
        { name, arguments: args, _meta: tokenMeta(progressToken) },
        CallToolResultSchema,
        options,
      ),
    setLogLevel: async (level) => void (await client.setLoggingLevel(level)),
    follow: async (uri) => void (await client.subscribeResource({ uri })),
  };
}

function faceOfV2(client: V2Client, seen = new Seen()): Face {
  const era = client.getProtocolEra() ?? 'modern';
  let logLevel = {};
  return {
    era,
    seen,
    client: client as unknown as Client,
    call: (name, args = {}, { progressToken, ...options } = {}) =>
      client.callTool(
        { name, arguments: args, _meta: { ...tokenMeta(progressToken), ...logLevel } },
        options,
      ),
    setLogLevel: async (level) => {
      if (era === 'legacy') await client.setLoggingLevel(level);
      else logLevel = { 'io.modelcontextprotocol/logLevel': level };
    },
    follow: async (uri) => {
      if (era === 'legacy') await client.subscribeResource({ uri });
      else await client.listen({ toolsListChanged: true, resourceSubscriptions: [uri] });
    },
  };
}
