import { Client, type ClientOptions } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { onTestFinished } from 'vitest';
import { bridgeEnvironment, bridgeFile, type Environment } from './bridge-command.ts';

export interface ClientSetup {
  args?: string[];
  env?: Environment;
  capabilities?: ClientOptions['capabilities'];
  /** Runs before the connection is made: the place for request and notification handlers. */
  prepare?: (client: Client) => void;
}

export interface ConnectedClient {
  client: Client;
  transport: StdioClientTransport;
  /** What the bridge wrote to stderr so far. */
  stderr: () => string;
  /** What the client's own transport complained about, such as a line that is no message. */
  faults: Error[];
}

/** The SDK's client on stdio, in front of the bridge, in front of `url`; closed when the running test ends. */
export async function connectClient(url: string, setup: ClientSetup = {}): Promise<ConnectedClient> {
  const client = new Client(
    { name: 'sdk-client', version: '1.0.0' },
    { capabilities: setup.capabilities ?? {} },
  );
  const transport = new StdioClientTransport({
    command: process.execPath,
    args: [bridgeFile, url, ...(setup.args ?? [])],
    env: bridgeEnvironment(setup.env),
    stderr: 'pipe',
    maxBufferSize: 256 * 1024 * 1024,
  });
  let stderr = '';
  transport.stderr?.on('data', (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  const faults: Error[] = [];
  client.onerror = (error) => faults.push(error);
  setup.prepare?.(client);
  onTestFinished(() => client.close());
  await client.connect(transport, { timeout: 15_000 });
  return { client, transport, stderr: () => stderr, faults };
}

/** The text of a tool result's first item. */
export function textOf(result: unknown): string {
  return (result as { content: { text: string }[] }).content[0]?.text ?? '';
}
