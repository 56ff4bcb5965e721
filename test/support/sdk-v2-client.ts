import { Client, type ClientOptions } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import { onTestFinished } from 'vitest';
import { bridgeEnvironment, bridgeFile, type Environment } from './bridge-command.ts';

/** `modern`: 2026-07-28 or nothing. `auto`: a probe by `server/discover` in a process of its own, then either era. */
type V2ClientMode = 'modern' | 'auto';

interface V2ClientSetup {
  mode?: V2ClientMode;
  args?: string[];
  env?: Environment;
  capabilities?: ClientOptions['capabilities'];
  /** Runs before the connection is made: the place for request and notification handlers. */
  prepare?: (client: Client) => void;
}

interface ConnectedV2Client {
  client: Client;
  transport: StdioClientTransport;
  /** What the bridge wrote to stderr so far. */
  stderr: () => string;
  /** What the client's own transport complained about, such as a line that is no message. */
  faults: Error[];
}

const negotiation = { modern: { pin: '2026-07-28' }, auto: 'auto' } as const;

/** The client of the SDK's second version on stdio, in front of the bridge, in front of `url`; closed at test end. */
export async function connectV2Client(url: string, setup: V2ClientSetup = {}): Promise<ConnectedV2Client> {
  const client = new Client(
    { name: 'sdk-v2-client', version: '2.0.0' },
    {
      capabilities: setup.capabilities ?? {},
      versionNegotiation: { mode: negotiation[setup.mode ?? 'modern'] },
    },
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
