import type { Message } from './json-rpc.ts';

/** The result of `initialize` that agrees to what the client asked for. */
export function initializeResult(request: Message, capabilities: Record<string, unknown> = {}): object {
  return {
    protocolVersion: request.params?.protocolVersion ?? '2025-11-25',
    capabilities: { tools: { listChanged: true }, ...capabilities },
    serverInfo: { name: 'fake-remote', version: '1.0.0' },
  };
}

export function resultOf(id: unknown, result: unknown): object {
  return { jsonrpc: '2.0', id, result };
}

export function textResult(text: string): object {
  return { content: [{ type: 'text', text }] };
}

/** What a plain server with one tool, `echo`, answers; undefined for a method it does not know. */
export function usualResult({ method, params }: Message): object | undefined {
  if (method === 'ping') return {};
  if (method === 'tools/list') return { tools: [{ name: 'echo', inputSchema: { type: 'object' } }] };
  if (method === 'tools/call') return textResult(JSON.stringify(params?.arguments ?? null));
  return undefined;
}

/** One server-sent event; `data` is sent as JSON unless it is a string. */
export function sseEvent(
  data: unknown,
  fields: { id?: string; event?: string; retry?: number } = {},
): string {
  const text = typeof data === 'string' ? data : JSON.stringify(data);
  const lines = [
    ...(fields.event === undefined ? [] : [`event: ${fields.event}`]),
    ...(fields.id === undefined ? [] : [`id: ${fields.id}`]),
    ...(fields.retry === undefined ? [] : [`retry: ${fields.retry}`]),
    ...text.split('\n').map((line) => `data: ${line}`),
  ];
  return `${lines.join('\n')}\n\n`;
}
